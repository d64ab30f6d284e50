"""The plan of attempts for one request, as a generator: it says what to do next and is told how that went.

Theory of operation. The caller takes a step: Try (make an attempt with these remedies) or Wait (sleep), and sends back
the GatewayError of a failed Try (nothing for a Wait). The generator ends by raising the error that the client gets.
It never decides after the commit point: once content has been sent the caller stops asking.

An attempt that fails for a reason with a remedy (refresh the login, leave out a member the model does not take) is
repeated at once with that remedy, each remedy once. A login that is refused again after its refresh is not asked a
third time. Other retryable failures are repeated after a delay that doubles, with jitter, up to `max_retries`, and
never before the upstream's own Retry-After; a longer Retry-After than `max_wait` is not waited for but handed to the
client.
"""

from collections.abc import Callable, Generator

import msgspec

from aiclient2api.canonical.errors import GatewayError

_MAX_DOUBLINGS = 32
"""More would not fit into a float one day, and is over any `max_wait` anyhow."""


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """`base_delay` and `max_wait` in seconds."""

    max_retries: int = 3
    base_delay: float = 1.0
    max_wait: float = 20.0


class Try(msgspec.Struct, frozen=True):
    remedies: frozenset[str]


class Wait(msgspec.Struct, frozen=True):
    seconds: float


Remedy = Callable[[GatewayError, frozenset[str]], str | None]


def attempts(
    policy: RetryPolicy, remedy: Remedy, jitter: Callable[[], float], start: frozenset[str] = frozenset()
) -> Generator[Try | Wait, GatewayError | None, None]:
    """Steps for one request; `jitter` gives numbers in [0, 1), `start` remedies known to be needed."""
    applied = start
    retries = 0
    while True:
        error = yield Try(applied)
        if error is None:
            raise TypeError("a Try is answered with the error it met")
        cure = remedy(error, applied)
        if cure is not None and cure not in applied:
            applied |= {cure}
            continue
        stale_login = error.kind == "login_expired" and "refresh" in applied
        if stale_login or not error.retryable or retries >= policy.max_retries:
            raise error
        delay = policy.base_delay * 2.0 ** min(retries, _MAX_DOUBLINGS) * (0.5 + jitter() / 2)
        if error.retry_after is not None:
            if error.retry_after > policy.max_wait:
                raise error
            delay = max(delay, error.retry_after)
        retries += 1
        yield Wait(min(delay, policy.max_wait))
