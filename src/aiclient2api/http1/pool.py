"""Open connections per route: how many there may be, which ones are free, who waits for one.

The one used last is given first, so that the others can grow old and close. Loses no place: whoever gets one from
`enter` brings it back with `admit` and the connection's end, or with `vacate`.
"""

import asyncio
from collections import deque

from aiclient2api.http1.client_connection import ClientConnection
from aiclient2api.http1.client_head import Route
from aiclient2api.http1.messages import ConnectFailed

Waiter = asyncio.Future[ClientConnection | None]


class _Bucket:
    """One route. `places` counts connections that live or are being made."""

    __slots__ = ("idle", "places", "waiters")

    def __init__(self) -> None:
        self.places = 0
        self.idle: deque[ClientConnection] = deque()
        self.waiters: deque[Waiter] = deque()


class Pool:
    """Bounds: connections, idle connections and waiting callers per route."""

    def __init__(self, max_idle: int, max_open: int, idle_seconds: float) -> None:
        self._max_idle = max_idle
        self._max_open = max_open
        self._idle_seconds = idle_seconds
        self._buckets: dict[Route, _Bucket] = {}
        self._live: set[ClientConnection] = set()
        self._closed = False
        self._empty: asyncio.Future[None] | None = None

    @property
    def open(self) -> tuple[int, int]:
        """How many connections live, and how many of them are free."""
        return len(self._live), sum(len(bucket.idle) for bucket in self._buckets.values())

    def take(self, route: Route) -> ClientConnection | None:
        """A free connection, if there is one."""
        bucket = self._buckets.get(route)
        while bucket is not None and bucket.idle:
            connection = bucket.idle.pop()
            if not connection.closed:
                return connection
        return None

    async def enter(self, route: Route, fresh: bool) -> ClientConnection | None:
        """Wait for a place. None: the caller may open a connection; otherwise it got one that became free, which
        never happens if it asked for a `fresh` one. Raises ConnectFailed if too many wait or the pool is closed."""
        while True:
            if self._closed:
                raise ConnectFailed("the HTTP client is closed")
            bucket = self._buckets.setdefault(route, _Bucket())
            if bucket.places < self._max_open:
                bucket.places += 1
                return None
            connection = bucket.idle.popleft() if bucket.idle else await self._wait(bucket, route)
            if connection is None or not fresh:
                return connection
            if connection in self._live:
                self._live.discard(connection)  # its place goes to the caller
                connection.abort()
                return None

    def admit(self, connection: ClientConnection) -> None:
        """The connection that a place was meant for has been opened."""
        if self._closed:
            connection.abort()
        if connection.closed:
            self.vacate(connection.route)
        else:
            self._live.add(connection)

    def vacate(self, route: Route) -> None:
        """A place is free again; the next in line gets it."""
        bucket = self._buckets[route]
        waiter = _next(bucket)
        if waiter is not None:
            waiter.set_result(None)
            return
        bucket.places -= 1
        if not bucket.places:
            del self._buckets[route]

    def give(self, connection: ClientConnection) -> None:
        bucket = self._buckets[connection.route]
        if bucket.waiters and (waiter := _next(bucket)) is not None:
            waiter.set_result(connection)
            return
        bucket.idle.append(connection)
        connection.rest(self._idle_seconds)
        if len(bucket.idle) > self._max_idle:
            bucket.idle.popleft().abort()

    def lost(self, connection: ClientConnection) -> None:
        if connection not in self._live:
            return
        self._live.discard(connection)
        idle = self._buckets[connection.route].idle
        if connection in idle:
            idle.remove(connection)
        self.vacate(connection.route)
        if not self._live and self._empty is not None and not self._empty.done():
            self._empty.set_result(None)

    async def close(self) -> None:
        """Close every connection, used ones too, and refuse new ones."""
        self._closed = True
        for bucket in self._buckets.values():
            while (waiter := _next(bucket)) is not None:
                waiter.set_exception(ConnectFailed("the HTTP client is closed"))
        if self._live:
            self._empty = asyncio.get_running_loop().create_future()
            for connection in tuple(self._live):
                connection.abort()
            await self._empty

    async def _wait(self, bucket: _Bucket, route: Route) -> ClientConnection | None:
        if len(bucket.waiters) >= self._max_open:
            raise ConnectFailed("too many requests wait for a connection to this upstream")
        waiter: Waiter = asyncio.get_running_loop().create_future()
        bucket.waiters.append(waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter in bucket.waiters:
                bucket.waiters.remove(waiter)
            elif not waiter.cancelled() and waiter.exception() is None:
                self._pass_on(waiter.result(), route)
            raise

    def _pass_on(self, given: ClientConnection | None, route: Route) -> None:
        """What was given to a caller who has left."""
        if given is None:
            self.vacate(route)
        elif not given.closed:
            self.give(given)


def _next(bucket: _Bucket) -> Waiter | None:
    """The first in line that is still there."""
    while bucket.waiters:
        waiter = bucket.waiters.popleft()
        if not waiter.done():
            return waiter
    return None
