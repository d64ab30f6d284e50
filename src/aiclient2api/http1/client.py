"""The HTTP/1.1 client: an Outbound in, an Inbound out.

Keeps connections alive and uses them again; follows no redirects, keeps no cookies, reads no proxies from the
environment. Raises the kinds of HttpError, and ValueError for requests that cannot be written as HTTP.
"""

import asyncio
import functools
import math
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping

from aiclient2api.http1.client_connection import ClientConnection, Ends, Stale, ends_of
from aiclient2api.http1.client_head import Route, prepare
from aiclient2api.http1.connect import Connector
from aiclient2api.http1.messages import ConnectFailed, Deadlines, Inbound, Outbound
from aiclient2api.http1.pool import Pool
from aiclient2api.http1.tcp import Allowed

_HEADS = 256
"""Checked request heads that are kept, since most requests to an upstream differ in their body only."""


class Client:
    """Shared by all callers of one event loop.

    max_idle_per_host, max_per_host: free and open connections per scheme, host, port and proxy; who comes when
    max_per_host are busy waits within the connect deadline. idle_seconds: how long a free connection is kept.
    connectors: host name -> a function that gives a connected socket; used without look-up, TLS or proxy.
    allowed: judges the IP addresses that names lead to; others are not connected to, nor is any proxy.
    ssl_context: in place of the system's trust; must verify; its ALPN is set to "http/1.1".
    """

    def __init__(
        self,
        *,
        max_idle_per_host: int = 64,
        max_per_host: int = 1024,
        idle_seconds: float = 55.0,
        connectors: Mapping[str, Callable[[], Awaitable[socket.socket]]] | None = None,
        ssl_context: ssl.SSLContext | None = None,
        allowed: Allowed | None = None,
    ) -> None:
        self._pool = Pool(max_idle_per_host, max_per_host, idle_seconds)
        self._connector = Connector(connectors or {}, ssl_context, allowed)
        self._prepare = functools.lru_cache(maxsize=_HEADS)(prepare)

    @property
    def connections(self) -> tuple[int, int]:
        """How many are open, and how many of them are free."""
        return self._pool.open

    async def send(self, outbound: Outbound, deadlines: Deadlines) -> Inbound:
        """Send a request; returns when status and headers of the answer are in. Use the result in `async with`.

        A connection from the pool that turns out to be gone before it answered anything is replaced once, silently.
        A missed connect deadline is a ConnectFailed; the head deadline includes the time that sending takes.
        """
        head = self._prepare(outbound.method, outbound.url, outbound.headers, outbound.proxy)
        ends = ends_of(deadlines, asyncio.get_running_loop().time())
        connection = self._pool.take(head.route)
        if connection is None:
            connection = await self._open(head.route, deadlines, ends, fresh=False)
        try:
            return await connection.exchange(head, outbound.body, deadlines, ends)
        except Stale:
            connection = await self._open(head.route, deadlines, ends, fresh=True)
        return await connection.exchange(head, outbound.body, deadlines, ends)

    async def fetch(
        self, outbound: Outbound, deadlines: Deadlines, limit: int = 16 * 1024 * 1024
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers and the body's first `limit` bytes."""
        async with await self.send(outbound, deadlines) as answer:
            return answer.status, answer.headers, await answer.read(limit)

    async def close(self) -> None:
        """Close every connection; answers that are still being read end with Truncated."""
        self._prepare.cache_clear()  # request heads hold credentials
        await self._pool.close()

    async def _open(self, route: Route, deadlines: Deadlines, ends: Ends, *, fresh: bool) -> ClientConnection:
        """A connection by the connect deadline: a new one, or (unless `fresh`) one that became free meanwhile."""
        seconds = deadlines.connect
        connect_at = math.inf if seconds is None else asyncio.get_running_loop().time() + seconds
        until = min(connect_at, ends.next_at)
        try:
            async with asyncio.timeout_at(until if until < math.inf else None):
                freed = await self._pool.enter(route, fresh)
                return await self._connect(route) if freed is None else freed
        except TimeoutError as exc:
            if ends.next_at < connect_at:
                raise ends.missed(deadlines) from exc
            raise ConnectFailed(f"{route.host}: the connect deadline of {seconds:g} s has passed") from exc

    async def _connect(self, route: Route) -> ClientConnection:
        connection = ClientConnection(asyncio.get_running_loop(), route, self._pool)
        try:
            await self._connector.open(route, connection)
        except BaseException:
            self._pool.vacate(route)
            connection.abort()
            raise
        self._pool.admit(connection)
        return connection
