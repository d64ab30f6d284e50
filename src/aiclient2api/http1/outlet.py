"""The sending side of a client's connection: waiting for slow readers, giving up on stuck ones, closing in order."""

import asyncio
import socket
import struct
import sys

from aiclient2api.http1.alarm import Alarm

# After an answer to a request that was not read to its end: a close would reset the connection and could take the
# answer with it (RFC 9112, 9.6), so our side closes first and the client's bytes are read on for this long.
LINGER_SECONDS = 2.0
# Many clients look for an answer only when all is sent. To one that still sends so much in that time we listen on.
_UPLOADING = 64 * 1024
_UPLOAD_SECONDS = 30.0
# SO_LINGER, on, 0 seconds
_AT_ONCE = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


class Outlet:
    """Owns the send deadline and the time that closing may take."""

    __slots__ = (
        "_alarm", "_closed_at", "_closing", "_heard", "_loop", "_seconds", "_transport", "_unsent", "_unsent_at",
        "_waiters", "blocked",
    )  # fmt: skip

    def __init__(self, loop: asyncio.AbstractEventLoop, transport: asyncio.Transport, send_seconds: float) -> None:
        self._loop = loop
        self._transport = transport
        self._seconds = send_seconds
        self._alarm = Alarm(loop, self._late)
        self._waiters: list[asyncio.Future[None]] = []
        self._closing = False
        self._closed_at = 0.0
        self._heard = 0
        self._unsent = 0
        self._unsent_at = 0.0
        self.blocked = False

    def block(self) -> None:
        """The write buffer is full."""
        self.blocked = True
        if not self._closing:
            self._watch()
            self._alarm.set(self._seconds)

    def unblock(self) -> None:
        """The write buffer has room again, or nobody will ever read it."""
        self.blocked = False
        if not self._closing:
            self._alarm.clear()
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def drained(self) -> None:
        """Wait while the client is slow."""
        while self.blocked:
            waiter = self._loop.create_future()
            self._waiters.append(waiter)
            await waiter

    def close(self, linger: bool) -> None:
        """Close once everything is sent. With `linger`, tell the client first, and close when it does or time is up."""
        self._closing = True
        self._closed_at = self._loop.time()
        self._watch()
        self._alarm.set(min(LINGER_SECONDS, self._seconds))
        if not linger or not self._transport.can_write_eof():
            self._transport.close()
            return
        try:
            self._transport.write_eof()
        except OSError:  # the client has reset the connection, and nobody has noticed yet
            self._transport.abort()

    def reset(self) -> None:
        """End the connection so that the client sees a failure: without this option an abort is an orderly FIN."""
        sock = self._transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        self._transport.abort()

    def abort(self) -> None:
        """End the connection at once; what the client has not got yet must not look like the end of an answer."""
        if self._closing and not self._transport.get_write_buffer_size():
            self._transport.abort()
        else:
            self.reset()

    def heard(self, size: int) -> None:
        """So many bytes have come after the last answer."""
        self._heard += size

    def lost(self) -> None:
        """The connection has ended."""
        self._alarm.close()
        self.unblock()

    def _watch(self) -> None:
        self._unsent = self._transport.get_write_buffer_size()
        self._unsent_at = self._loop.time()

    def _late(self) -> None:
        now = self._loop.time()
        unsent = self._transport.get_write_buffer_size()
        if unsent < self._unsent:
            self._watch()  # slow, but not stuck
        elif unsent:
            if not self._closing or now - self._unsent_at >= self._seconds:
                self.reset()
                return
        elif self._closing:
            if self._heard < _UPLOADING or now - self._closed_at >= _UPLOAD_SECONDS:
                self._transport.abort()
                return
            self._heard = 0
        self._alarm.set(min(LINGER_SECONDS, self._seconds) if self._closing else self._seconds)
