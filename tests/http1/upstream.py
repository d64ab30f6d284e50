"""A scripted upstream on a raw socket, free to break HTTP.

A script is a list of steps, each a tuple of a word and its arguments:
    ("read",)            read one request (head, and body by Content-Length) and keep it in `requests`
    ("head",)            read the request's head only
    ("take", n)          read n more bytes
    ("send", data)       send, and wait until the kernel has it
    ("drip", data)       send byte by byte
    ("pour", data, n)    send data n times, counting in `poured`
    ("wait", name)       wait until the test says upstream.go(name)
    ("stall",)           wait until the peer has gone; counted in `left`
    ("fin",) ("rst",)    half-close; reset
    ("bye",)             close, telling so in TLS
The connection is closed after the last step. Connection number i runs scripts[i]; the last script serves all others.
"""

import asyncio
import contextlib
import socket
import ssl
import struct
import sys
from collections.abc import Sequence
from typing import Any

Step = tuple[Any, ...]


class Upstream:
    def __init__(self, *scripts: Sequence[Step], tls: ssl.SSLContext | None = None, buffer: int | None = None) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self.poured = 0
        self.left = asyncio.Semaphore(0)
        self._read_one = asyncio.Event()
        self._scripts = scripts
        self._tls = tls
        self._buffer = buffer
        self._events: dict[str, asyncio.Event] = {}
        self._running: set[asyncio.Task[None]] = set()
        self.port = 0

    async def __aenter__(self) -> "Upstream":
        sock = socket.create_server(("127.0.0.1", 0))
        if self._buffer is not None:  # small kernel buffers make a slow reader visible
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self._buffer)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._buffer)
        self._server = await asyncio.start_server(self._serve, sock=sock, ssl=self._tls)
        self.port = sock.getsockname()[1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()
        for task in tuple(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await asyncio.sleep(0)

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://{'localhost' if self._tls else '127.0.0.1'}:{self.port}"

    def go(self, name: str) -> None:
        self._event(name).set()

    def _event(self, name: str) -> asyncio.Event:
        return self._events.setdefault(name, asyncio.Event())

    async def asked(self, count: int = 1) -> None:
        """Returns when so many requests have come in."""
        while len(self.requests) < count:
            self._read_one.clear()
            await self._read_one.wait()

    async def gone(self, seconds: float = 5.0) -> None:
        """Returns when one more peer has been seen to leave; fails after `seconds`."""
        async with asyncio.timeout(seconds):
            await self.left.acquire()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        script = self._scripts[min(self.connections, len(self._scripts) - 1)]
        self.connections += 1
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                for word, *arguments in script:
                    await getattr(self, f"_{word}")(reader, writer, *arguments)
        finally:
            self._running.discard(task)
            writer.transport.abort() if self._tls else writer.close()

    async def _head(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        head = await reader.readuntil(b"\r\n\r\n")
        self.requests.append(head)
        self._read_one.set()
        return head

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await self._head(reader, writer)
        for line in head.split(b"\r\n"):
            name, _, value = line.partition(b": ")
            if name.lower() == b"content-length":
                self.requests[-1] += await reader.readexactly(int(value))

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, size: int) -> None:
        self.requests[-1] += await reader.readexactly(size)

    async def _send(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes) -> None:
        writer.write(data)
        await writer.drain()

    async def _drip(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes) -> None:
        for i in range(len(data)):
            writer.write(data[i : i + 1])
            await asyncio.sleep(0)

    async def _pour(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes, n: int) -> None:
        writer.transport.set_write_buffer_limits(0)
        for _ in range(n):
            writer.write(data)
            await writer.drain()
            self.poured += len(data)

    async def _wait(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, name: str) -> None:
        await self._event(name).wait()

    async def _stall(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.read(65536):
                pass
        except ConnectionError:
            pass
        self.left.release()

    async def _fin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await writer.drain()
        writer.write_eof()

    async def _rst(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sock = writer.get_extra_info("socket")
        sock.setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
        )
        writer.transport.abort()

    async def _bye(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()
        await writer.wait_closed()
