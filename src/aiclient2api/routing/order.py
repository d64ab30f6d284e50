"""Numbers 0 … n-1 in the order of their keys, smallest first; a key may be changed or taken away at any time.

A heap in which entries that no longer hold are passed over when they come up, and which is made anew before it has
grown to more than a few times n: every operation costs the logarithm of n.
"""

import heapq
from collections.abc import Sequence
from typing import Generic, TypeVar

K = TypeVar("K", float, tuple[bool, float, float, int, int])


class Order(Generic[K]):
    def __init__(self, size: int) -> None:
        self._keys: list[K | None] = [None] * size
        self._heap: list[tuple[K, int]] = []
        self._most = 4 * size + 64

    def __len__(self) -> int:
        """What it holds in memory, passed-over entries included."""
        return len(self._heap)

    def key(self, number: int) -> K | None:
        return self._keys[number]

    def set(self, number: int, key: K | None) -> None:
        """Give the number this key, or none: then it is not in the order."""
        if key == self._keys[number]:
            return
        self._keys[number] = key
        if key is None:
            return
        heapq.heappush(self._heap, (key, number))
        if len(self._heap) > self._most:
            self._heap = [(key, number) for number, key in enumerate(self._keys) if key is not None]
            heapq.heapify(self._heap)

    def first(self) -> tuple[K, int] | None:
        """The smallest key and its number."""
        heap, keys = self._heap, self._keys
        while heap:
            key, number = heap[0]
            if keys[number] == key:
                return heap[0]
            heapq.heappop(heap)
        return None

    def move_first(self, key: K) -> None:
        """Give what `first` has just shown another key."""
        number = self._heap[0][1]
        self._keys[number] = key
        heapq.heapreplace(self._heap, (key, number))

    def pop(self) -> tuple[K, int]:
        """What `first` has just shown, out of the order until it is pushed back."""
        return heapq.heappop(self._heap)

    def push(self, entries: Sequence[tuple[K, int]]) -> None:
        """Put popped entries back."""
        for entry in entries:
            heapq.heappush(self._heap, entry)
