"""An HTTP client of the tests' own: h11 judges the gateway's framing, and the test decides what is read when.

`ask` reads a whole answer; `Call` reads it piece by piece and can leave at any moment.
"""

import asyncio
import contextlib
import json
import socket
import struct
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import h11

Body = bytes | str | dict[str, Any] | list[Any] | None


@dataclass(frozen=True)
class Reply:
    """A whole answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def streamed(self) -> bool:
        return self.headers.get("content-type", "").startswith("text/event-stream")


class Call:
    """One request and its answer as it comes. Made by `calling`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.CLIENT)
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.ended = False

    async def send(self, request: h11.Request, body: bytes) -> None:
        self._writer.write(self._http.send(request) or b"")
        self._writer.write(self._http.send(h11.Data(data=body)) or b"")
        self._writer.write(self._http.send(h11.EndOfMessage()) or b"")
        with contextlib.suppress(ConnectionError):  # an early refusal is read all the same
            await self._writer.drain()

    async def head(self) -> int:
        """Returns the status when it has come."""
        while not self.status:
            await self._next()
        return self.status

    async def piece(self) -> bytes:
        """Some more of the body; b"" at its proper end. Raises what h11 raises for an end that is none."""
        before = len(self.body)
        while not self.ended and len(self.body) == before:
            await self._next()
        return self.body[before:]

    async def until(self, wanted: bytes) -> bytes:
        """Reads until `wanted` stands in the body; the body so far."""
        while wanted not in self.body:
            assert await self.piece(), f"the answer ended without {wanted!r}: {self.body[-600:]!r}"
        return self.body

    async def whole(self) -> Reply:
        await self.head()
        while await self.piece():
            pass
        return Reply(self.status, self.headers, self.body)

    def leave(self) -> None:
        """Go as a client does that is killed: the connection is reset."""
        sock = self._writer.get_extra_info("socket")
        linger = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._writer.transport.abort()

    async def _next(self) -> None:
        event = self._http.next_event()
        if event is h11.NEED_DATA:
            self._http.receive_data(await self._reader.read(65536))
        elif isinstance(event, h11.Response):
            self.status = event.status_code
            self.headers = {name.decode(): value.decode() for name, value in event.headers}
        elif isinstance(event, h11.Data):
            self.body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
            self.ended = True


@asynccontextmanager
async def calling(
    base: str, method: str, target: str, headers: Mapping[str, str] | None = None, body: Body = None
) -> AsyncIterator[Call]:
    """A request that has been sent; values of `body` that are not bytes or text go as JSON."""
    place = urlsplit(base)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    data = _bytes(body)
    given = {"host": place.netloc, "connection": "close"} | dict(headers or {})
    if body is not None:
        given = {"content-type": "application/json", "content-length": str(len(data))} | given
    call = Call(reader, writer)
    try:
        await call.send(
            h11.Request(
                method=method,
                target=target,
                headers=[(name.encode(), value.encode("latin-1")) for name, value in given.items()],
            ),
            data,
        )
        yield call
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def ask(
    base: str, method: str, target: str, headers: Mapping[str, str] | None = None, body: Body = None
) -> Reply:
    async with calling(base, method, target, headers, body) as call:
        return await call.whole()


def _bytes(body: Body) -> bytes:
    if isinstance(body, bytes):
        return body
    if isinstance(body, str):
        return body.encode()
    return b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
