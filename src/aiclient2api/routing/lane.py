"""The accounts that may serve a model, in the order in which they are to be chosen.

An account that got busier is put in its right place when it comes up, one that became readier at once; one that rests
comes back by itself when its time has passed. So a choice costs the logarithm of the number of accounts, however many
of them rest.
"""

from collections.abc import Collection, Sequence

from aiclient2api.routing.cooldown import Rest, Scope
from aiclient2api.routing.order import Order
from aiclient2api.routing.slot import READY, RESTING, Key, Slot, State


class Lane:
    """`scope` is the model whose rests count beside the account's own; ACCOUNT for a lane that models share for which
    nobody rests. `eligible` says of each slot whether it may serve at all; `counts` are of accounts by state, as of the
    last `advance` and `settle`."""

    def __init__(self, scope: Scope, slots: Sequence[Slot], eligible: Sequence[int], little: float, now: float) -> None:
        self.scope = scope
        self.counts = [0, 0, 0]
        self._little = little
        self._slots = slots
        self._states: list[State | None] = [None] * len(slots)
        self._ready: Order[Key] = Order(len(slots))
        self._wakes: Order[float] = Order(len(slots))
        self._resorts: Order[float] = Order(len(slots))
        for slot, serves in zip(slots, eligible, strict=True):
            if serves:
                self._states[slot.index] = READY
                self.counts[READY] += 1
                self.settle(slot, now)

    @property
    def eligible(self) -> int:
        return sum(self.counts)

    def state(self, slot: Slot) -> State | None:
        """None: the account may not serve this model."""
        return self._states[slot.index]

    def settle(self, slot: Slot, now: float) -> None:
        """Take note of a change of this account."""
        self._first(now, 2)
        index = slot.index
        before = self._states[index]
        if before is None:
            return
        state = slot.state(self.scope, now)
        if state != before:
            self.counts[before] -= 1
            self.counts[state] += 1
            self._states[index] = state
        if state == READY:
            key, entered = slot.key(self._little, now), self._ready.key(index)
            if entered is None or key < entered:
                self._ready.set(index, key)
        else:
            self._ready.set(index, None)
        if state == RESTING:
            self._wakes.set(index, slot.until(self.scope))
            self._resorts.set(index, None if slot.full else slot.last_resort(self.scope).last_resort)
        elif before == RESTING:
            self._wakes.set(index, None)
            self._resorts.set(index, None)

    def advance(self, now: float) -> None:
        """Wake whoever has rested long enough."""
        while (entry := self._wakes.first()) is not None and entry[0] <= now:
            self.settle(self._slots[entry[1]], now)

    def choose(self, tried: Collection[str], now: float) -> Slot | None:
        """The first that is ready and not tried."""
        passed, found = [], self._first(now)
        while found is not None and found.member.id in tried:
            passed.append(self._ready.pop())
            found = self._first(now)
        self._ready.push(passed)
        return found

    def _first(self, now: float, most: int | None = None) -> Slot | None:
        """The first that is ready. Others that came up, but have got busier since they were entered, are put in their
        place: all of them, or `most`, which every change spends so that no choice finds many."""
        while (entry := self._ready.first()) is not None:
            slot = self._slots[entry[1]]
            key = slot.key(self._little, now)
            if key == entry[0]:
                return slot
            if most is not None:
                most -= 1
                if most < 0:
                    return None
            self._ready.move_first(key)
        return None

    def last_resort(self, tried: Collection[str], now: float) -> Slot | None:
        """One that rests only by our own guess, and may be tried because nobody else can serve."""
        passed, found = [], None
        while (entry := self._resorts.first()) is not None and entry[0] <= now:
            slot = self._slots[entry[1]]
            if slot.member.id not in tried:
                found = slot
                break
            passed.append(self._resorts.pop())
        self._resorts.push(passed)
        return found

    def next_wake(self) -> float | None:
        """When the next resting account has rested long enough."""
        entry = self._wakes.first()
        return None if entry is None else entry[0]

    def next_resort(self) -> tuple[float, Rest] | None:
        """When a resting account may be tried if there is no other, and what it rests for."""
        entry = self._resorts.first()
        return None if entry is None else (entry[0], self._slots[entry[1]].last_resort(self.scope))
