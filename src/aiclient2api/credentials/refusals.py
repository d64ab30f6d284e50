"""What the refresh service refused, in words for the user, and how long to leave it alone after that."""

from collections.abc import Callable

import msgspec

from aiclient2api.credentials import troubles
from aiclient2api.credentials.refresh import Refusal, Verdict
from aiclient2api.credentials.troubles import Trouble, Words

_SECONDS: dict[Verdict, float] = {"dead": 3600.0, "suspect": 3600.0, "refused": 900.0, "wait": 60.0}
_LONGEST_BACK_OFF = 300.0


class _Pause(msgspec.Struct, frozen=True):
    fingerprint: str
    since: float
    seconds: float
    trouble: Trouble


class Refusals:
    """The last refusal and its pause, which holds for the refused tokens only: others are tried at once. A clock that
    was set back ends the pause, so that none lasts longer than it was meant to."""

    def __init__(self, clock: Callable[[], float], jitter: Callable[[], float], words: Words = troubles.KIRO) -> None:
        self._words = words
        self._clock = clock
        self._jitter = jitter
        self._pause: _Pause | None = None
        self._in_a_row = 0

    def note(self, fingerprint: str, refusal: Refusal, place: str) -> Trouble:
        """Begin a pause for these tokens; `place` is where they were found."""
        self._in_a_row += 1
        seconds = pause_seconds(refusal, self._in_a_row, self._jitter())
        trouble = _trouble(refusal, place, seconds, self._words)
        self._pause = _Pause(fingerprint, self._clock(), seconds, trouble)
        return trouble

    def over(self) -> None:
        """A refresh, or another program, brought good tokens."""
        self._in_a_row = 0

    def remaining(self, fingerprint: str) -> float:
        """Seconds until these tokens may be tried again; 0 for at once."""
        pause = self._pause
        if pause is None or pause.fingerprint != fingerprint:
            return 0.0
        passed = self._clock() - pause.since
        return pause.seconds - passed if 0 <= passed < pause.seconds else 0.0

    def standing(self, fingerprint: str) -> Trouble | None:
        """Why these tokens are not tried now, or None."""
        remaining = self.remaining(fingerprint)
        if self._pause is None or remaining <= 0:
            return None
        trouble = self._pause.trouble
        return trouble if trouble.retry_after is None else msgspec.structs.replace(trouble, retry_after=remaining)


def pause_seconds(refusal: Refusal, in_a_row: int, jitter: float) -> float:
    """`in_a_row` counts refusals without a success between, this one included; `jitter` is between 0 and 1."""
    if refusal.verdict == "retry":
        back_off = min(_LONGEST_BACK_OFF, 2.0 ** min(in_a_row, 16)) * (0.5 + 0.5 * jitter)
        return max(back_off, refusal.retry_after or 0.0)
    if refusal.verdict == "wait" and refusal.retry_after is not None:
        return max(1.0, refusal.retry_after)
    return _SECONDS[refusal.verdict]


def _trouble(refusal: Refusal, place: str, seconds: float, words: Words) -> Trouble:
    said = refusal.message
    if refusal.verdict in ("dead", "suspect"):
        message = f"{words.label} The login in {place} has ended ({said}). {words.again}"
        return Trouble("login_required", message, "login_dead")
    if refusal.verdict == "refused":
        message = f"{words.label} The service refuses to refresh the login in {place} ({said})."
        return Trouble("account_suspended" if refusal.suspended else "login_required", message, "login_refused")
    message = f"{words.label} The login in {place} could not be refreshed ({said}). It will be tried again."
    return Trouble("login_expired", message, "refresh_failed", seconds)
