"""Small proxies for the tests: HTTP CONNECT and SOCKS5, with or without a login. They note what they were asked."""

import asyncio
import base64
import contextlib
import ssl
from collections.abc import Awaitable, Callable

LOGIN = ("me", "sesame:ok")


class Relay:
    """`async with Relay(serve)`: `serve` negotiates and returns (host, port) to connect to, or None to hang up.

    Every name is taken to be this machine. `refuse` stands in for the answer that the proxy would give.
    """

    def __init__(
        self, scheme: str, *, login: bool = False, tls: ssl.SSLContext | None = None, refuse: bytes = b""
    ) -> None:
        self.scheme = scheme
        self.asked: list[str] = []
        self.port = 0
        self._login = login
        self._tls = tls
        self._refuse = refuse
        self._negotiate = self._socks if scheme.startswith("socks") else self._connect
        self._running: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "Relay":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()
        for task in tuple(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def url(self, login: str = "") -> str:
        return f"{self.scheme}://{login}{'localhost' if self._tls else '127.0.0.1'}:{self.port}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                place = await self._negotiate(reader, writer)
                if place is not None:
                    await self._pass_on(reader, writer, place)
        finally:
            self._running.discard(task)
            writer.transport.abort()

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, place: tuple[str, int]
    ) -> None:
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", place[1])
        ways = [asyncio.gather(copy(reader, up_writer)), asyncio.gather(copy(up_reader, writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            up_writer.transport.abort()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[str, int] | None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.asked.append(head)
        expected = base64.b64encode(":".join(LOGIN).encode()).decode()
        if self._refuse:
            writer.write(self._refuse)
        elif self._login and f"proxy-authorization: Basic {expected}\r\n" not in head:
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        else:
            for byte in b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n":
                writer.write(bytes([byte]))
                await asyncio.sleep(0)
            host, _, port = head.split(" ")[1].rpartition(":")
            return host, int(port)
        await writer.drain()
        return None

    async def _socks(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[str, int] | None:
        count = (await reader.readexactly(2))[1]
        methods = await reader.readexactly(count)
        if self._login:
            if 2 not in methods:
                writer.write(b"\x05\xff")
                return None
            writer.write(b"\x05\x02")
            user = await reader.readexactly((await reader.readexactly(2))[1])
            password = await reader.readexactly((await reader.readexactly(1))[0])
            right = (user.decode(), password.decode()) == LOGIN
            writer.write(b"\x01\x00" if right else b"\x01\x01")
            if not right:
                return None
        else:
            writer.write(b"\x05\x00")
        kind = (await reader.readexactly(4))[3]
        sizes: dict[int, Callable[[], Awaitable[int]]] = {1: self._four, 3: lambda: _byte(reader), 4: self._sixteen}
        address = await reader.readexactly(await sizes[kind]())
        host = address.decode() if kind == 3 else ".".join(map(str, address))
        port = int.from_bytes(await reader.readexactly(2), "big")
        self.asked.append(f"{host}:{port}")
        writer.write(self._refuse or b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x00")
        return None if self._refuse else (host, port)

    async def _four(self) -> int:
        return 4

    async def _sixteen(self) -> int:
        return 16


async def _byte(reader: asyncio.StreamReader) -> int:
    return (await reader.readexactly(1))[0]


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
