"""What a fault does to an account: whether it rests, for which models, how long, and when it may be tried again.

Enters: a GatewayError (blame, kind, retry_after and reason are all that is read), the rest before, the policy, the
time and a jitter. Leaves: a Rest, or None for what only counts. A fault of the client or of the gateway has no row in
FAULTS and therefore no effect.

    rate_limit                           the model (the account, if the reason says so) rests at once
    quota                                the account rests until the reset it was told of, else with long steps
    login_*, account_suspended           the account is out until the login says otherwise, with rare trials
    overloaded upstream timeout truncated  count against the model; `failures` in a row and it rests
    connect                              counts against the account

A rest ends half open: one trial at a time, until one succeeds. Rests of our own guess (no Retry-After was given) do not
keep a request waiting that no other account can serve: `last_resort` is when the account may be tried then.
"""

import math
import re
from collections.abc import Mapping
from typing import Literal, NamedTuple

import msgspec

from aiclient2api.canonical.errors import GatewayError, Kind

Cause = Literal["rate_limit", "quota", "login", "suspended", "faults"]
Scope = str
"""The name of a model, or ACCOUNT."""

ACCOUNT: Scope = ""
"""The scope of a rest that concerns every model. No model has an empty name."""


class Rest(msgspec.Struct, frozen=True, kw_only=True):
    """Why and until when an account is not used for one scope.

    `since` and `until` are on the pool's clock; `told`: the upstream named the time itself; `steps` counts rests in a
    row without a success between; `reason` is a few plain words, `detail` the upstream's message.
    """

    cause: Cause
    since: float
    until: float
    last_resort: float
    told: bool = False
    steps: int = 1
    reason: str = ""
    detail: str = ""


class Steps(msgspec.Struct, frozen=True):
    """Seconds: `first` doubles with every rest in a row up to `cap`; an upstream's own time counts up to `most`."""

    first: float
    cap: float
    most: float


_DAY = 86400.0


class PoolPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How patient a pool is.

    failures        in a row that make an account rest
    account_wide    reasons of upstreams (GatewayError.reason) by which a rate limit concerns the whole account
    little          share of a quota under which an account is chosen after the others
    sessions        sessions remembered at most, each for `session_ttl` seconds after its last request
    lanes           models whose order is kept ready; more are served, with a rebuild each time
    """

    rate_limit: Steps = Steps(2.0, 300.0, _DAY)
    quota: Steps = Steps(900.0, 6 * 3600.0, 40 * _DAY)
    login: Steps = Steps(60.0, 3600.0, _DAY)
    suspended: Steps = Steps(3600.0, _DAY, 40 * _DAY)
    faults: Steps = Steps(5.0, 300.0, 600.0)
    failures: int = 5
    account_wide: frozenset[str] = frozenset()
    little: float = 0.1
    sessions: int = 10_000
    session_ttl: float = 3600.0
    lanes: int = 32

    def steps(self, cause: Cause) -> Steps:
        found: Steps = getattr(self, cause)
        return found


class Fault(NamedTuple):
    cause: Cause
    whole: bool
    """Whether it concerns the account rather than the model."""


FAULTS: Mapping[Kind, Fault] = {
    "rate_limit": Fault("rate_limit", False),
    "quota": Fault("quota", True),
    "login_required": Fault("login", True),
    "login_expired": Fault("login", True),
    "account_suspended": Fault("suspended", True),
    "overloaded": Fault("faults", False),
    "upstream": Fault("faults", False),
    "timeout": Fault("faults", False),
    "truncated": Fault("faults", False),
    "connect": Fault("faults", True),
}

WORDS: Mapping[Cause, str] = {
    "rate_limit": "rate limit",
    "quota": "quota used up",
    "login": "login needed",
    "suspended": "account suspended",
    "faults": "failures in a row",
}
_MAX_DOUBLINGS = 32
_MAX_DETAIL = 300
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9_.:-]")


def scope_of(error: GatewayError, fault: Fault, model: str, policy: PoolPolicy) -> Scope:
    """What the fault speaks about: the model that was asked for, or the account."""
    return ACCOUNT if fault.whole or error.reason in policy.account_wide else model


def told(error: GatewayError) -> float | None:
    """The wait that the upstream asked for, if it is one."""
    wait = error.retry_after
    return wait if wait is not None and wait > 0 and not math.isnan(wait) else None


def rest_after(
    error: GatewayError, cause: Cause, before: Rest | None, policy: PoolPolicy, now: float, jitter: float
) -> Rest:
    """The rest that this fault calls for; `before` is the last one of its scope and cause. `jitter` in [0, 1) takes up
    to a half off a wait of our own guess; a wait that the upstream asked for is never shortened."""
    asked = told(error)
    steps = 1 if before is None else before.steps + 1
    rule = policy.steps(cause)
    if asked is None:
        wait = min(rule.first * 2.0 ** min(steps - 1, _MAX_DOUBLINGS), rule.cap) * (1 - jitter / 2)
    else:
        wait = min(asked, rule.most)
    return Rest(
        cause=cause,
        since=now,
        until=now + wait,
        last_resort=now + (wait if asked is not None else min(wait, _pause(cause, rule))),
        told=asked is not None,
        steps=steps,
        reason=in_words(cause, error.reason),
        detail=error.message[:_MAX_DETAIL],
    )


def in_words(cause: Cause, reason: str | None = None) -> str:
    """For people, and safe in a header: "rate limit (SOME_REASON)"."""
    mark = _NOT_PLAIN.sub("", reason or "")[:64]
    return f"{WORDS[cause]} ({mark})" if mark else WORDS[cause]


def _pause(cause: Cause, rule: Steps) -> float:
    """How long the last account that could serve is left alone although nobody asked for it: after failures not at
    all, after a rate limit for the first step, and for the rest as long as any other account."""
    return {"faults": 0.0, "rate_limit": rule.first}.get(cause, math.inf)
