"""The HTTP/1.1 server: listens, keeps its connections, drains.

Enters: a handler, limits, and the form of the answers it gives by itself. Behaviour that matters to a handler is in
messages.Exchange; no framework, no routes, no TLS.
"""

import asyncio
import socket

from aiclient2api.http1 import listening
from aiclient2api.http1.connection import Connection
from aiclient2api.http1.messages import Handler, Limits
from aiclient2api.http1.server_state import Refuse, ServerState

# After the grace is over: for handlers to send a last event, then for aborted connections to end.
LAST_WORDS_SECONDS = 1.0


class Server:
    """Belongs to the running loop.

    `refuse(status, message)` gives headers and body of answers that no handler gives: 400, 408, 413, 414, 431, 500,
    501, 503, 505. Connections that it sends such an answer on end with it.
    """

    def __init__(self, handler: Handler, limits: Limits, refuse: Refuse) -> None:
        self._state = ServerState(handler, limits, refuse)
        self._listeners: list[asyncio.Server] = []

    @property
    def connections(self) -> int:
        return len(self._state.connections)

    @property
    def active(self) -> int:
        """Requests whose handlers run."""
        return len(self._state.running)

    @property
    def streams(self) -> int:
        """Answers that have begun and have not ended."""
        return sum(each.streaming for each in self._state.running)

    @property
    def draining(self) -> bool:
        return self._state.draining

    async def listen(self, host: str, port: int, *, reuse_port: bool = False) -> list[tuple[str, int]]:
        """Accept connections on every address of `host`; port 0 is a free one. Returns addresses and ports.

        The number of connections is bounded by the limit of open files, too. Raises OSError (port taken, unknown
        host), ValueError, RuntimeError after stop().
        """
        if self._state.draining:
            raise RuntimeError("the server has been stopped")
        self._state.capacity = listening.capacity(self._state.limits.connections)
        loop = asyncio.get_running_loop()
        places: list[tuple[str, int]] = []
        for sock in await listening.bind(host, port, reuse_port):
            places.append(sock.getsockname()[:2])
            self._listeners.append(await loop.create_server(self._connection, sock=sock, backlog=listening.BACKLOG))
        return places

    async def adopt(self, sock: socket.socket) -> None:
        """Serve a connected stream socket, for instance one end of a socketpair. The server closes it."""
        sock.setblocking(False)
        await asyncio.get_running_loop().connect_accepted_socket(self._connection, sock)

    async def stop(self, grace: float) -> None:
        """Accept nothing more, close idle connections, let running requests end within `grace` seconds; cancel the
        handlers that are left, give them a second for a last word, and close everything."""
        state = self._state
        state.draining = True
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        for connection in tuple(state.connections):
            connection.drain()
        await state.until_silent(grace)
        for connection in state.connections | state.running:
            connection.cancel()
        await state.until_silent(LAST_WORDS_SECONDS)
        for connection in state.connections | state.running:
            connection.abort()
        await state.until_silent(LAST_WORDS_SECONDS)

    def _connection(self) -> Connection:
        return Connection(self._state)
