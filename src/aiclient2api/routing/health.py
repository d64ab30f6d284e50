"""What changes the health of one account: faults, successes, what its login and its service say.

Enters: a Slot and what has happened. Leaves: the Slot changed, and whether it was. Who may try what is the pool's.
"""

from typing import NamedTuple

import msgspec

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.routing.cooldown import ACCOUNT, FAULTS, PoolPolicy, Rest, Scope, rest_after, scope_of
from aiclient2api.routing.slot import MAX_SCOPES, Quota, Slot


class Moment(NamedTuple):
    """`jitter` is a number in [0, 1)."""

    policy: PoolPolicy
    now: float
    jitter: float = 0.0


def succeeded(slot: Slot, model: str, serial: int) -> bool:
    """The request `serial` got its answer: what it was the trial of is over, and failures in a row end."""
    changed = trial_passed(slot, serial)
    for scope in (ACCOUNT, model) if slot.failures else ():
        changed |= slot.failures.pop(scope, None) is not None
    return changed


def trial_passed(slot: Slot, serial: int) -> bool:
    """The scopes that the request `serial` is the trial of are well."""
    passed = [scope for scope, trying in slot.trials.items() if trying == serial]
    for scope in passed:
        del slot.trials[scope]
        slot.rests.pop(scope, None)
        slot.failures.pop(scope, None)
    return bool(passed)


def failed(slot: Slot, model: str, serial: int, error: GatewayError, moment: Moment) -> bool:
    """The request `serial` ended with this error."""
    fault = FAULTS.get(error.kind)
    if fault is None:  # the client's or our own: it says nothing about the account
        return False
    policy, now, jitter = moment
    scope = scope_of(error, fault, model, policy)
    before = slot.rests.get(scope)
    trial = slot.trials.get(scope) == serial
    rest = rest_after(error, fault.cause, before, policy, now, jitter)
    only_counts = fault.cause == "faults" and not rest.told and not trial
    if before is not None and not trial:
        return not only_counts and _echo(slot, scope, before, rest)
    if only_counts and _count(slot, scope) < policy.failures:
        return True
    _put(slot, scope, rest)
    if fault.cause == "faults" and _fails_elsewhere(slot, scope, now):
        _put(slot, ACCOUNT, rest)
    return True


def excluded(slot: Slot, why: str, moment: Moment) -> bool:
    """The login is unusable. A rest of another kind that lasts longer stays what it is."""
    policy, now, jitter = moment
    before = slot.rests.get(ACCOUNT)
    rest = rest_after(GatewayError("login_required", why), "login", before, policy, now, jitter)
    if before is not None and before.until > now and (before.cause == "login" or before.until >= rest.until):
        return False
    _put(slot, ACCOUNT, rest)
    return True


def restored(slot: Slot, now: float, everything: bool) -> bool:
    """What the account rests for because of its login (or for whatever reason) may be tried now."""
    over = {
        scope: msgspec.structs.replace(rest, until=now, last_resort=now)
        for scope, rest in slot.rests.items()
        if rest.until > now and (everything or rest.cause in ("login", "suspended"))
    }
    slot.rests.update(over)
    return bool(over)


def learned(slot: Slot, quota: Quota, moment: Moment) -> bool:
    """What the service says is left. Nothing left: a rest until the reset, or with long steps; something: its end."""
    policy, now, jitter = moment
    news, slot.quota = quota != slot.quota, quota
    before = slot.rests.get(ACCOUNT)
    resting = before is not None and before.until > now
    used_up = resting and before is not None and before.cause == "quota"
    if quota.left > 0:
        if before is not None and used_up:
            slot.rests[ACCOUNT] = msgspec.structs.replace(before, until=now, last_resort=now)
        return news or used_up
    wait = None if quota.resets_at is None else quota.resets_at - now
    if (wait is not None and wait <= 0) or (used_up and (wait is None or not news)):
        return news
    error = GatewayError("quota", "The service says that nothing is left.", retry_after=wait)
    rest = rest_after(error, "quota", before, policy, now, jitter)
    if before is None or used_up or before.until < rest.until:
        _put(slot, ACCOUNT, rest)
        return True
    return news


def _echo(slot: Slot, scope: Scope, before: Rest, rest: Rest) -> bool:
    """A fault of a request that began before the rest did: news only if it asks for more."""
    if rest.until <= before.until or (not rest.told and rest.cause == before.cause):
        return False
    steps = before.steps if rest.cause == before.cause else rest.steps
    _put(slot, scope, msgspec.structs.replace(rest, steps=steps))
    return True


def _fails_elsewhere(slot: Slot, scope: Scope, now: float) -> bool:
    """Whether another model rests for failures as well: then it is not the model."""
    return any(
        rest.cause == "faults" and rest.until > now
        for other, rest in slot.rests.items()
        if other not in (ACCOUNT, scope) and scope != ACCOUNT
    )


def _count(slot: Slot, scope: Scope) -> int:
    """One more failure in a row."""
    count = slot.failures.pop(scope, 0) + 1
    slot.failures[scope] = count
    if len(slot.failures) > MAX_SCOPES:
        del slot.failures[next(iter(slot.failures))]
    return count


def _put(slot: Slot, scope: Scope, rest: Rest) -> None:
    """Begin a rest; of too many the oldest is forgotten."""
    slot.rests.pop(scope, None)
    slot.trials.pop(scope, None)
    slot.failures.pop(scope, None)
    slot.rests[scope] = rest
    if len(slot.rests) > MAX_SCOPES:
        oldest = next(each for each in slot.rests if each != ACCOUNT)
        del slot.rests[oldest]
        slot.trials.pop(oldest, None)
