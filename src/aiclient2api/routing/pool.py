"""Which account serves the next request: a state machine without a clock, a lock or an accident in it.

    pool = Pool(members, policy)                            members: Member(id, weight, limit, allowed, forbidden, …)
    pool.choose(now, model, session, tried)  -> Choice | Refusal
    pool.answering(choice, now)                             content has come, so a trial has succeeded
    pool.report(choice, outcome, now, jitter)               once for each Choice: "success", "left" or the GatewayError
    pool.exclude(id, why, now)   pool.restore(id, now)      the login says that it is unusable · that it has changed
    pool.learn(id, Quota(left, resets_at), now)             what the service says about the quota
    pool.update(members)                                    another configuration; accounts that stay keep their state
    pool.standings(now, model)   pool.usable(now)           for people, metrics and readiness
    pool.export(id)   pool.changes()   pool.adopt(state)    health as small values, for a store that others share
    pool.home(session, now)   pool.bind(session, id, now)   the account that a session stays with, for the same store

The order. Of the accounts that may serve the model and do not rest: the session's own, as long as it is below its
limit; else those with quota left before those nearly without; of these the least loaded (requests under way by weight);
of these the one whose turn it is (each use puts an account 1/weight further back, and one that was away gets one turn,
not all that it missed); of these the least recently used. An account that was `tried` is never chosen.

The rules. What a fault does is routing.cooldown's. A rest ends half open: one trial at a time until one succeeds. A
request that began before a rest neither ends it nor adds to it, unless the upstream asked for a longer wait. If nobody
is ready, one that rests only by our own guess is tried all the same: the last account is never ejected. Time does not
run backwards: an earlier `now` than the last counts as the last.
"""

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from typing import Literal

import msgspec

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.routing import health
from aiclient2api.routing.cooldown import ACCOUNT, PoolPolicy, Scope
from aiclient2api.routing.health import Moment
from aiclient2api.routing.lane import Lane
from aiclient2api.routing.slot import READY, RESTING, Member, Quota, Rests, Slot
from aiclient2api.routing.stickiness import Sessions
from aiclient2api.routing.words import Refusal, Standing, others, refusal, standing

__all__ = ["AccountState", "Choice", "Member", "Outcome", "Pool", "PoolPolicy", "Quota", "Refusal", "Standing"]

Outcome = GatewayError | Literal["success", "left"]
"""How a request ended; "left": without a word about the account (the client went away, or nothing was sent)."""

MAX_GROUPS = 256
"""Models whose accounts are remembered; names come from clients."""


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """A place at an account, held until it is reported. `reason` says why this one; `kept`: it is the session's own;
    `trial`: it is half open, and this request decides."""

    id: str
    model: str
    serial: int
    kept: bool = False
    trial: bool = False
    reason: str = ""


class AccountState(msgspec.Struct, frozen=True, kw_only=True):
    """The health of one account, as others may know it; times are on the clock of the pool that made it."""

    id: str
    changed: float
    rests: Rests = {}
    failures: dict[Scope, int] = {}
    quota: Quota | None = None


class Pool:
    """See the head of this module. Raises ValueError for two members of the same id."""

    def __init__(self, members: Iterable[Member], policy: PoolPolicy | None = None) -> None:
        self._policy = policy or PoolPolicy()
        self._sessions = Sessions(self._policy.sessions, self._policy.session_ttl)
        self._slots: dict[str, Slot] = {}
        self._lanes: dict[str | bytes, Lane] = {}
        self._groups: dict[str, bytes] = {}
        self._marks: Counter[Scope] = Counter()
        self._open: dict[int, Slot] = {}
        self._changed: dict[str, None] = {}
        self._now = -math.inf
        self._turn = 0
        self._virtual = 0.0
        self._next_reset = math.inf
        self.update(members)

    def update(self, members: Iterable[Member]) -> None:
        """Other members. Raises ValueError for two of the same id."""
        slots: dict[str, Slot] = {}
        for index, member in enumerate(members):
            if member.id in slots:
                raise ValueError(f"two accounts have the id {member.id!r}")
            slot = self._slots.get(member.id) or Slot(member, index, finish=self._virtual)
            slot.member, slot.index = member, index
            slots[member.id] = slot
        self._slots = slots
        self._restricted = any(slot.member.allowed or slot.member.forbidden for slot in slots.values())
        self._marks = Counter(scope for slot in slots.values() for scope in slot.marked)
        self._groups.clear()
        self._lanes.clear()

    # --- a request

    def choose(
        self, now: float, model: str, session: str = "", tried: Collection[str] = frozenset()
    ) -> Choice | Refusal:
        """An account for this request, or why there is none. A Choice must be reported."""
        now = self._tick(now)
        lane = self._lane(model, now)
        session, own = self._own(session, model, lane, now) if session else ("", None)
        if own is not None and lane.state(own) == READY and own.member.id not in tried:
            return self._take(own, model, session, True, "the session's account")
        slot, why = lane.choose(tried, now), f"least loaded of {lane.counts[READY]}"
        if slot is None and not lane.counts[READY]:
            slot, why = lane.last_resort(tried, now), "last resort"
        if slot is None:
            return refusal(lane, model, len(self._slots), now)
        why += others(lane, now)
        if own is not None:  # it only is busy, or has just failed once: the session stays with it
            return self._take(slot, model, "", False, f"{why}; the session's own was passed over")
        return self._take(slot, model, session, False, why)

    def answering(self, choice: Choice, now: float) -> None:
        """Content of the answer has come: a trial has passed, and others need not wait for the end of the stream."""
        now = self._tick(now)
        slot = self._open.get(choice.serial)
        if choice.trial and slot is not None:
            self._note(slot, health.trial_passed(slot, choice.serial))

    def report(self, choice: Choice, outcome: Outcome, now: float, jitter: float = 0.0) -> None:
        """The request has ended; `jitter` is a number in [0, 1). Raises ValueError for what has been reported."""
        now = self._tick(now)
        slot = self._open.pop(choice.serial, None)
        if slot is None:
            raise ValueError(f"choice {choice.serial} of {choice.id!r} is not open")
        slot.in_flight -= 1
        changed = False
        if isinstance(outcome, GatewayError):
            moment = Moment(self._policy, now, jitter)
            changed = health.failed(slot, choice.model, choice.serial, outcome, moment)
        elif outcome == "success":
            changed = health.succeeded(slot, choice.model, choice.serial)
        if choice.trial:
            for scope in [each for each, serial in slot.trials.items() if serial == choice.serial]:
                del slot.trials[scope]
        self._note(slot, changed)

    # --- what else is known of an account

    def exclude(self, id: str, why: str, now: float) -> None:
        """The login is unusable, `why` says the reason: nothing but rare trials until it is restored."""
        self._change(id, now, lambda slot, moment: health.excluded(slot, why, moment))

    def restore(self, id: str, now: float, everything: bool = False) -> None:
        """The login has changed, so what was wrong with it may be over; `everything`: the user wants it tried."""
        self._change(id, now, lambda slot, moment: health.restored(slot, moment.now, everything))

    def learn(self, id: str, quota: Quota, now: float) -> None:
        """Numbers from the service: little left is used later, nothing left is left alone until the reset."""
        self._change(id, now, lambda slot, moment: health.learned(slot, quota, moment))
        if quota.resets_at is not None and quota.resets_at > self._now:
            self._next_reset = min(self._next_reset, quota.resets_at)

    # --- for people

    def standings(self, now: float, model: str = ACCOUNT) -> tuple[Standing, ...]:
        """How every account is doing, for one model or as a whole."""
        now = self._tick(now)
        return tuple(standing(slot, model, now) for slot in self._slots.values())

    def usable(self, now: float) -> bool:
        """Whether some account can serve some model now, or as soon as it is free."""
        now = self._tick(now)
        return any(
            slot.state(ACCOUNT, now) != RESTING or slot.last_resort(ACCOUNT).last_resort <= now
            for slot in self._slots.values()
            if not slot.member.disabled
        )

    # --- for a store that others share

    def export(self, id: str) -> AccountState | None:
        """The account's health; None for an account that there is not."""
        slot = self._slots.get(id)
        if slot is None:
            return None
        rests = {scope: dict(here) for scope, here in slot.rests.items()}
        return AccountState(id=id, changed=slot.changed, rests=rests, failures=dict(slot.failures), quota=slot.quota)

    def changes(self) -> tuple[AccountState, ...]:
        """The health of the accounts for which it has changed since the last call."""
        states = [self.export(id) for id in self._changed]
        self._changed.clear()
        return tuple(state for state in states if state is not None)

    def adopt(self, state: AccountState) -> bool:
        """Take over what another pool has found out, if it is newer than what is known here; says whether it was."""
        slot = self._slots.get(state.id)
        if slot is None or state.changed <= slot.changed:
            return False
        slot.rests = {scope: dict(rests) for scope, rests in state.rests.items()}
        slot.failures = dict(state.failures)
        slot.trials = {scope: serial for scope, serial in slot.trials.items() if scope in slot.rests}
        slot.quota, slot.changed = state.quota, state.changed
        if state.quota is not None and state.quota.resets_at is not None:
            self._next_reset = min(self._next_reset, state.quota.resets_at)
        self._mark(slot)
        self._settle(slot)
        return True

    def home(self, session: str, now: float) -> str | None:
        """The account that the session stays with."""
        return self._sessions.account(session, self._tick(now))

    def bind(self, session: str, id: str, now: float) -> None:
        """The session was served by this account elsewhere."""
        self._sessions.keep(session, id, self._tick(now))

    # --- inside

    def _tick(self, now: float) -> float:
        self._now = max(self._now, now)
        if self._next_reset <= self._now:
            resets = [slot.quota.resets_at for slot in self._slots.values() if slot.quota is not None]
            self._next_reset = min((at for at in resets if at is not None and at > self._now), default=math.inf)
            for slot in self._slots.values():
                if slot.quota is not None:
                    self._settle(slot)
        return self._now

    def _lane(self, model: str, now: float) -> Lane:
        """The lane of the model itself if some account rests for it, else one that it shares with the models that the
        same accounts may serve."""
        group = self._group(model)
        key: str | bytes = model if model in self._marks else group
        lane = self._lanes.pop(key, None)
        if lane is None:
            scope = key if isinstance(key, str) else ACCOUNT
            lane = Lane(scope, tuple(self._slots.values()), group, self._policy.little, now)
            if len(self._lanes) >= self._policy.lanes:
                del self._lanes[next(iter(self._lanes))]
        self._lanes[key] = lane
        lane.advance(now)
        return lane

    def _group(self, model: str) -> bytes:
        """For each account a byte that says whether it may serve the model."""
        name = model if self._restricted else ACCOUNT
        group = self._groups.get(name)
        if group is None:
            if len(self._groups) >= MAX_GROUPS:
                self._groups.clear()
            group = self._groups[name] = bytes(slot.member.serves(model) for slot in self._slots.values())
        return group

    def _own(self, session: str, model: str, lane: Lane, now: float) -> tuple[str, Slot | None]:
        """The account that the session stays with, if it does not rest, and the name under which it is kept: for a
        model that the session's account may not serve the session has another account."""
        for name in (session, f"{session}\0{model}"):
            id = self._sessions.account(name, now)
            slot = None if id is None else self._slots.get(id)
            state = None if slot is None else lane.state(slot)
            if slot is None or state is not None:
                break
        return name, None if state is None or state == RESTING else slot

    def _take(self, slot: Slot, model: str, session: str, kept: bool, why: str) -> Choice:
        """A place at this account; `session` stays with it from now on."""
        self._turn += 1
        serial, now = self._turn, self._now
        self._virtual = max(self._virtual, slot.finish)
        slot.finish = self._virtual + 1 / slot.member.weight
        slot.turn, slot.used_at = serial, now
        slot.in_flight += 1
        self._open[serial] = slot
        if session:
            self._sessions.keep(session, slot.member.id, now)
        trial = bool(slot.rests) and bool(slot.scopes(model))
        if trial:
            slot.trials.update(dict.fromkeys(slot.scopes(model), serial))
            why += "; trial after " + ", ".join(rest.reason for rest in slot.here(model))
        if trial or slot.full:
            self._settle(slot)
        return Choice(id=slot.member.id, model=model, serial=serial, kept=kept, trial=trial, reason=why)

    def _change(self, id: str, now: float, change: Callable[[Slot, Moment], bool]) -> None:
        moment = Moment(self._policy, self._tick(now))
        slot = self._slots.get(id)
        if slot is not None:
            self._note(slot, change(slot, moment))

    def _note(self, slot: Slot, changed: bool) -> None:
        if self._slots.get(slot.member.id) is not slot:  # the account was taken out of the configuration meanwhile
            return
        if changed:
            slot.changed = self._now
            self._changed[slot.member.id] = None
            self._mark(slot)
        self._settle(slot)

    def _mark(self, slot: Slot) -> None:
        """Keep count of the models for which accounts rest."""
        marked = frozenset(slot.rests) - {ACCOUNT}
        self._marks.update(marked - slot.marked)
        for scope in slot.marked - marked:
            self._marks[scope] -= 1
            if not self._marks[scope]:
                del self._marks[scope]
                self._lanes.pop(scope, None)
        slot.marked = marked

    def _settle(self, slot: Slot) -> None:
        for lane in self._lanes.values():
            lane.settle(slot, self._now)
