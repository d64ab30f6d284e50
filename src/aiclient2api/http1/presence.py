"""Whether a client whose sending side has ended is still there.

A client that leaves and one that has only finished asking look alike: FIN comes from both (RFC 9112, 9.5). But whoever
has left answers the next byte with a reset. So after a while without an end of the answer one harmless probe is sent,
and the socket is asked a few times whether the reset has come.
"""

import asyncio
import socket
from collections.abc import Callable

# Answers that end sooner need no probe; with the looks after it a client that has left is found out within a second.
QUIET_SECONDS = 0.3
_LOOKS = (0.03, 0.07, 0.2, 0.3)


class Presence:
    """Aborts the transport when the client turns out to be gone; that ends in connection_lost."""

    __slots__ = ("_handle", "_looks", "_loop", "_probe", "_transport")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, transport: asyncio.Transport, probe: Callable[[], None]
    ) -> None:
        self._loop = loop
        self._transport = transport
        self._probe = probe
        self._looks = iter(_LOOKS)
        self._handle = loop.call_later(QUIET_SECONDS, self._begin)

    def close(self) -> None:
        self._handle.cancel()

    def _begin(self) -> None:
        self._probe()
        self._look()

    def _look(self) -> None:
        sock = self._transport.get_extra_info("socket")
        if sock is None or sock.fileno() < 0:
            return
        if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._transport.abort()
        elif (pause := next(self._looks, None)) is not None:
            self._handle = self._loop.call_later(pause, self._look)
