"""Where the counts of all keys live. In this process here; a store shared by machines has the same three methods, each
one atomic step.

`admit` is what a request passes before it is sent; the Hold that it gets is settled once, when the answer is over.
"""

from collections.abc import Iterable
from typing import Protocol

from aiclient2api.state import limits as windows
from aiclient2api.state.limits import Counts, Demand, Level, Limits, Refusal, Reservation, Spent, Take


class LimitStore(Protocol):
    """`now` is epoch seconds; a shared store may use a clock of its own instead."""

    async def reserve(self, key: str, limits: Limits, demand: Demand, now: float) -> Reservation | Refusal: ...

    async def settle(self, key: str, takes: Iterable[Take], spent: Spent, now: float) -> None: ...

    async def levels(self, key: str, limits: Limits, now: float) -> tuple[Level, ...]: ...


class KeyLimits(LimitStore, Protocol):
    """A store that can be told what was taken before it was there."""

    def remember(self, spent: Iterable[tuple[str, int, int]], now: float) -> None:
        """(key, requests, tokens) of today from the ledger, so that a restart does not empty the day's windows."""
        ...


class LocalLimits:
    """Counts in memory. As many keys as the keys' file has, each with at most 61 numbers per rule."""

    def __init__(self) -> None:
        self._counts: dict[str, Counts] = {}

    async def reserve(self, key: str, limits: Limits, demand: Demand, now: float) -> Reservation | Refusal:
        return windows.reserve(self._counts.setdefault(key, {}), limits, demand, now)

    async def settle(self, key: str, takes: Iterable[Take], spent: Spent, now: float) -> None:
        windows.settle(self._counts.setdefault(key, {}), takes, spent, now)

    async def levels(self, key: str, limits: Limits, now: float) -> tuple[Level, ...]:
        return windows.levels(self._counts.get(key, {}), limits, now)

    def note(self, key: str, takes: Iterable[Take], now: float) -> None:
        """Count what was taken from a store shared with others."""
        windows.note(self._counts.setdefault(key, {}), takes, now)

    def remember(self, spent: Iterable[tuple[str, int, int]], now: float) -> None:
        for key, requests, tokens in spent:
            windows.count(self._counts.setdefault(key, {}), Spent(requests, tokens), now)


class Hold:
    """What one request holds of its key's limits; `levels` are those after it was taken. Settled once: what is said
    later is ignored, so a `finally` may give back what nobody settled."""

    def __init__(self, store: LimitStore, key: str, reservation: Reservation) -> None:
        self._store = store
        self._key = key
        self._takes: tuple[Take, ...] = reservation.takes
        self.levels = reservation.levels

    async def settle(self, tokens: int, now: float) -> None:
        """The request was answered and took so many tokens."""
        await self._end(Spent(1, tokens), now)

    async def give_back(self, now: float) -> None:
        """The request took nothing: it failed before anybody worked on it."""
        await self._end(Spent(0, 0), now)

    async def _end(self, spent: Spent, now: float) -> None:
        takes, self._takes = self._takes, ()
        if takes:
            await self._store.settle(self._key, takes, spent, now)


async def admit(store: LimitStore, key: str, limits: Limits, demand: Demand, now: float) -> Hold:
    """Raises GatewayError("rate_limit" or "too_large")."""
    found = await store.reserve(key, limits, demand, now)
    if isinstance(found, Refusal):
        raise windows.refused(found)
    return Hold(store, key, found)
