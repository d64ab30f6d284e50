"""What the pool says to people: why this account, why none, how each is doing; and a refusal as an error."""

import math
from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from aiclient2api.canonical.errors import GatewayError, Kind
from aiclient2api.routing.cooldown import ACCOUNT, Cause, Rest
from aiclient2api.routing.lane import Lane
from aiclient2api.routing.slot import BUSY, READY, RESTING, Slot, State

RefusalKind = Literal["unserved", "full", "tried", "resting"]
Doing = Literal["ready", "busy", "resting", "disabled", "not allowed"]

_KINDS: Mapping[Cause, Kind] = {
    "rate_limit": "rate_limit",
    "quota": "quota",
    "login": "login_required",
    "suspended": "account_suspended",
    "faults": "overloaded",
}
_DOING: Mapping[State, Doing] = {READY: "ready", BUSY: "busy", RESTING: "resting"}
_UNITS = ((1.0, "s", 120), (60.0, "min", 120), (3600.0, "h", 48))
FULL_RETRY_AFTER = 1.0
"""What a client is told when no account is free; how long that lasts is anybody's guess."""


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """No account now.

    kind     full: a report may free one, so wait in the gateway's short queue · tried: only accounts that this request
             has tried already could serve it · resting: none for `wait` seconds · unserved: none may serve the model
    reason   in words
    wait     seconds until an account can be tried that cannot now; None: unknown, or none
    cause    why the account rests that can be tried first, and `detail` what its upstream said
    """

    kind: RefusalKind
    reason: str
    wait: float | None = None
    cause: Cause | None = None
    detail: str = ""

    def error(self) -> GatewayError:
        """What the client gets if that is the end of it."""
        if self.kind == "unserved":
            return GatewayError("model_not_found", self.reason + ".", param="model", reason="pool_unserved")
        kind = "overloaded" if self.cause is None else _KINDS[self.cause]
        wait = FULL_RETRY_AFTER if self.wait is None else self.wait
        message = f"{self.reason}. {self.detail}".rstrip()
        return GatewayError(kind, message, retry_after=wait, reason=f"pool_{self.kind}")


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How an account is doing. `until`: when its rest ends, on the pool's clock; `models`: rests of single models."""

    id: str
    name: str
    state: Doing
    reason: str = ""
    detail: str = ""
    until: float | None = None
    in_flight: int = 0
    limit: int | None = None
    used_at: float | None = None
    quota_left: float | None = None
    models: Mapping[str, str] = {}

    def __str__(self) -> str:
        why = f" ({self.reason})" if self.reason else ""
        most = "" if self.limit is None else f" of {self.limit}"
        return f"{self.name or self.id}: {self.state}{why}, {self.in_flight}{most} under way"


def duration(seconds: float) -> str:
    """As people say it, rounded up: "12 s", "3 min", "5 h", "20 days"."""
    for size, unit, enough in _UNITS:
        amount = -int(-max(seconds, 0.0) // size)
        if amount < enough:
            return f"{amount} {unit}"
    return f"{-int(-seconds // 86400)} days"


def others(lane: Lane, now: float) -> str:
    """The accounts that are not ready: "; 1 busy; 2 resting, next in 12 s"."""
    _, busy, resting = lane.counts
    out = f"; {busy} busy" if busy else ""
    wake = lane.next_wake() if resting else None
    return out if wake is None else f"{out}; {resting} resting, next in {duration(wake - now)}"


def refusal(lane: Lane, model: str, accounts: int, now: float) -> Refusal:
    """Why the lane has nobody to choose."""
    if not lane.eligible:
        return Refusal(kind="unserved", reason=f"None of {accounts} accounts may serve {model}")
    ready, busy, resting = lane.counts
    resort = lane.next_resort()
    wait = None if resort is None or resort[0] <= now else _until(resort[0], now)
    who = f"No account can serve {model} now"
    if ready or busy or resort is None:
        kind: RefusalKind = "tried" if ready else "full"
        tried = f"; {ready} tried" if ready else ""
        return Refusal(kind=kind, reason=f"{who}: {(tried + others(lane, now)).removeprefix('; ')}", wait=wait)
    rest = resort[1]
    if wait is None:
        return Refusal(kind="tried", reason=f"{who}: {resting} resting or tried ({rest.reason})", cause=rest.cause)
    return Refusal(
        kind="resting",
        reason=f"{who}: {resting} resting, next in {duration(wait)} ({rest.reason})",
        wait=wait,
        cause=rest.cause,
        detail=rest.detail,
    )


def _until(moment: float, now: float) -> float:
    """A wait after which it is not a rounding error before the moment."""
    wait = moment - now
    return wait if now + wait >= moment else wait + math.ulp(now)


def standing(slot: Slot, model: str, now: float) -> Standing:
    """`model` ACCOUNT: as a whole."""
    member = slot.member
    served = not member.disabled and (model == ACCOUNT or member.serves(model))
    doing: Doing = "disabled" if member.disabled else "not allowed"
    decisive = _decisive(slot.here(model))
    return Standing(
        id=member.id,
        name=member.name,
        state=_DOING[slot.state(model, now)] if served else doing,
        reason=_in_time(decisive, now),
        detail="" if decisive is None else decisive.detail,
        until=None if decisive is None or decisive.until <= now else decisive.until,
        in_flight=slot.in_flight,
        limit=member.limit,
        used_at=slot.used_at,
        quota_left=None if slot.quota is None else slot.quota.left,
        models={scope: _in_time(_decisive(here.values()), now) for scope, here in slot.rests.items() if scope},
    )


def _decisive(rests: Iterable[Rest]) -> Rest | None:
    return max(rests, key=lambda rest: rest.until, default=None)


def _in_time(rest: Rest | None, now: float) -> str:
    """What an account rests for and how long, or what its next request is the trial of."""
    if rest is None:
        return ""
    return f"{rest.reason}, {duration(rest.until - now)}" if rest.until > now else f"trial after {rest.reason}"
