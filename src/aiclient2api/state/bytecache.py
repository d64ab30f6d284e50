"""Bytes kept under a name for a while: what the response cache stores its answers in.

One interface, so that machines may share a store: get and put are asynchronous, never raise, and lose rather than keep
what they cannot keep. Here the one in memory, bounded in entries and bytes; what was not asked for longest goes first.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

MAX_BYTES = 64 * 1024 * 1024
MAX_ENTRIES = 10_000
MAX_VALUE = 4 * 1024 * 1024
"""A longer value is not kept: one of them must not push out all others."""
_OVERHEAD = 200
"""What an entry takes beside its bytes, about."""


class ByteCache(Protocol):
    """`key` is short ASCII text, unique for what it names; `ttl` is in seconds, above 0."""

    async def get(self, key: str) -> bytes | None: ...

    async def put(self, key: str, value: bytes, ttl: float) -> None: ...


class LocalCache:
    """In this process. `clock` gives seconds of any origin that never run backwards."""

    def __init__(
        self,
        max_bytes: int = MAX_BYTES,
        max_entries: int = MAX_ENTRIES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_bytes = max_bytes
        self._max_entries = max_entries
        self._clock = clock
        self._kept: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._size = 0

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def size(self) -> int:
        """Bytes that the entries take, about."""
        return self._size

    async def get(self, key: str) -> bytes | None:
        found = self._kept.get(key)
        if found is None:
            return None
        until, value = found
        if until <= self._clock():
            self._drop(key)
            return None
        self._kept.move_to_end(key)
        return value

    async def put(self, key: str, value: bytes, ttl: float) -> None:
        self._drop(key)
        if ttl <= 0 or len(value) > min(MAX_VALUE, self._max_bytes):
            return
        self._kept[key] = (self._clock() + ttl, value)
        self._size += _weight(key, value)
        while self._size > self._max_bytes or len(self._kept) > self._max_entries:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: str) -> None:
        gone = self._kept.pop(key, None)
        if gone is not None:
            self._size -= _weight(key, gone[1])


def _weight(key: str, value: bytes) -> int:
    return len(key) + len(value) + _OVERHEAD
