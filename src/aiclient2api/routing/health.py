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
    resting = slot.rests.get(scope)
    before = None if resting is None else resting.get(fault.cause)
    rest = rest_after(error, fault.cause, before, policy, now, jitter)
    echo = resting is not None and slot.trials.get(scope) != serial  # of a request that began before the rest
    if fault.cause == "faults" and not rest.told and (resting is None or echo):
        if echo:
            return False
        if _count(slot, scope) < policy.failures:
            return True
    if echo and before is not None:
        if not rest.told or rest.last_resort <= before.last_resort:
            return False
        rest = msgspec.structs.replace(rest, steps=before.steps)
    _put(slot, scope, rest)
    if fault.cause == "faults" and _fails_elsewhere(slot, scope, now):
        _put(slot, ACCOUNT, rest)
    return True


def excluded(slot: Slot, why: str, moment: Moment) -> bool:
    """The login is unusable."""
    policy, now, jitter = moment
    before = slot.rests.get(ACCOUNT, {}).get("login")
    if before is not None and before.until > now:
        return False
    _put(slot, ACCOUNT, rest_after(GatewayError("login_required", why), "login", before, policy, now, jitter))
    return True


def restored(slot: Slot, now: float, everything: bool) -> bool:
    """What the account rests for because of its login (or for whatever reason) may be tried now."""
    over = [
        (scope, rest)
        for scope, rests in slot.rests.items()
        for rest in rests.values()
        if rest.until > now and (everything or rest.cause in ("login", "suspended"))
    ]
    for scope, rest in over:
        _end(slot, scope, rest, now)
    return bool(over)


def learned(slot: Slot, quota: Quota, moment: Moment) -> bool:
    """What the service says is left. Nothing left: a rest until the reset, or with long steps; something: its end."""
    policy, now, jitter = moment
    news, slot.quota = quota != slot.quota, quota
    before = slot.rests.get(ACCOUNT, {}).get("quota")
    used_up = before is not None and before.until > now
    if quota.left > 0:
        if before is not None and used_up:
            _end(slot, ACCOUNT, before, now)
        return news or used_up
    wait = None if quota.resets_at is None else quota.resets_at - now
    if (wait is not None and wait <= 0) or (used_up and (wait is None or not news)):
        return news
    error = GatewayError("quota", "The service says that nothing is left.", retry_after=wait)
    _put(slot, ACCOUNT, rest_after(error, "quota", before, policy, now, jitter))
    return True


def _fails_elsewhere(slot: Slot, scope: Scope, now: float) -> bool:
    """Whether another model rests for failures as well: then it is not the model."""
    return scope != ACCOUNT and any(
        other not in (ACCOUNT, scope) and "faults" in rests and rests["faults"].until > now
        for other, rests in slot.rests.items()
    )


def _count(slot: Slot, scope: Scope) -> int:
    """One more failure in a row."""
    count = slot.failures.pop(scope, 0) + 1
    slot.failures[scope] = count
    if len(slot.failures) > MAX_SCOPES:
        del slot.failures[next(iter(slot.failures))]
    return count


def _put(slot: Slot, scope: Scope, rest: Rest) -> None:
    """Begin a rest; of too many models with rests the oldest is forgotten."""
    slot.trials.pop(scope, None)
    slot.failures.pop(scope, None)
    slot.rests[scope] = {**slot.rests.pop(scope, {}), rest.cause: rest}
    if len(slot.rests) > MAX_SCOPES:
        oldest = next(each for each in slot.rests if each != ACCOUNT)
        del slot.rests[oldest]
        slot.trials.pop(oldest, None)


def _end(slot: Slot, scope: Scope, rest: Rest, now: float) -> None:
    """From now on the account may be tried."""
    slot.rests[scope][rest.cause] = msgspec.structs.replace(rest, until=now, last_resort=min(rest.last_resort, now))
