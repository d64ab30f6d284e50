"""Batches of events for a Pump, from a generator."""

from collections.abc import AsyncIterator, Callable, Sequence

from aiclient2api.canonical.events import Event

Batches = AsyncIterator[Sequence[Event]]


class Listed:
    """A pump.Source."""

    def __init__(self, batches: Batches) -> None:
        self._batches = batches

    async def hand_over(self, take: Callable[[Sequence[Event]], bool]) -> bool:
        async for batch in self._batches:
            if not take(batch):
                return False
        return True
