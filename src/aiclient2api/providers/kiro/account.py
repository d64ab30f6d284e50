"""What an account is and has left: readers of ListAvailableProfiles and GetUsageLimits.

Enters: their answers. Leaves: Profiles, Allowance. Refuses: what is neither, with GatewayError("upstream").
The address and user id that GetUsageLimits may hold are not read.
"""

from typing import TypeVar

import msgspec

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.wire import jsonio

T = TypeVar("T")


class Profile(msgspec.Struct, frozen=True, rename="camel"):
    """`arn` is the profileArn; only an ACTIVE one can be used (older answers have no status)."""

    arn: str
    profile_name: str = ""
    status: str | None = None

    @property
    def usable(self) -> bool:
        return self.status in (None, "ACTIVE")


class Allowance(msgspec.Struct, frozen=True):
    """What the plan allows: `used` of `limit` in `unit`, trial and bonuses included; `resets_at` is epoch seconds."""

    plan: str = ""
    used: float = 0.0
    limit: float = 0.0
    unit: str = ""
    resets_at: float | None = None
    overage: bool = False

    @property
    def left(self) -> float:
        return max(0.0, self.limit - self.used)


class _ProfileList(msgspec.Struct):
    profiles: list[Profile]


class _Extra(msgspec.Struct, rename="camel"):
    """A free trial or a bonus."""

    free_trial_status: str | None = None
    status: str | None = None
    current_usage: float | None = None
    usage_limit: float | None = None
    current_usage_with_precision: float | None = None
    usage_limit_with_precision: float | None = None

    @property
    def active(self) -> bool:
        return "ACTIVE" in (self.free_trial_status, self.status)


class _Breakdown(msgspec.Struct, rename="camel"):
    unit: str | None = None
    display_name_plural: str | None = None
    current_usage: float | None = None
    usage_limit: float | None = None
    current_usage_with_precision: float | None = None
    usage_limit_with_precision: float | None = None
    free_trial_info: _Extra | None = None
    bonuses: list[_Extra] | None = None


class _Limit(msgspec.Struct, rename="camel"):
    type: str = ""
    current_usage: float = 0.0
    total_usage_limit: float = 0.0


class _Plan(msgspec.Struct, rename="camel"):
    subscription_title: str | None = None
    type: str | None = None


class _Overage(msgspec.Struct, rename="camel"):
    overage_status: str | None = None


class _UsageLimits(msgspec.Struct, rename="camel"):
    limits: list[_Limit] | None = None
    next_date_reset: float | None = None
    usage_breakdown_list: list[_Breakdown] | None = None
    usage_breakdown: _Breakdown | None = None
    subscription_info: _Plan | None = None
    overage_configuration: _Overage | None = None


def parse_profiles(body: bytes) -> tuple[Profile, ...]:
    """The account's profiles, usable or not."""
    return tuple(_decoded(body, _ProfileList, "profile list").profiles)


def parse_usage_limits(body: bytes) -> Allowance:
    """Plan, use and limit, summed over all kinds of resources."""
    answer = _decoded(body, _UsageLimits, "usage limits")
    parts = answer.usage_breakdown_list or ([answer.usage_breakdown] if answer.usage_breakdown else [])
    pairs = [pair for part in parts for pair in _pairs(part)]
    if not parts:  # the older shape
        pairs = [(limit.current_usage, limit.total_usage_limit) for limit in answer.limits or ()]
    plan = answer.subscription_info or _Plan()
    overage = answer.overage_configuration
    return Allowance(
        plan=plan.subscription_title or plan.type or "",
        used=sum(used for used, _ in pairs),
        limit=sum(limit for _, limit in pairs),
        unit=next((each.display_name_plural or each.unit or "" for each in parts), ""),
        resets_at=answer.next_date_reset,
        overage=overage is not None and overage.overage_status == "ENABLED",
    )


def _pairs(part: _Breakdown) -> list[tuple[float, float]]:
    """(used, limit) of the plan itself and of each active trial and bonus."""
    extras = [each for each in (part.free_trial_info, *(part.bonuses or ())) if each is not None and each.active]
    return [_pair(part), *(_pair(extra) for extra in extras)]


def _pair(part: _Breakdown | _Extra) -> tuple[float, float]:
    used = part.current_usage_with_precision
    limit = part.usage_limit_with_precision
    return (
        (part.current_usage or 0.0) if used is None else used,
        (part.usage_limit or 0.0) if limit is None else limit,
    )


def _decoded(body: bytes, shape: type[T], what: str) -> T:
    try:
        return jsonio.decode(body, shape)
    except jsonio.JsonError as error:
        raise GatewayError("upstream", f"Kiro's {what} cannot be read ({error}).") from error
