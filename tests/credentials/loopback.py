"""A tiny sign-in service on loopback, and a bare HTTP sender: what the tests of refreshing need of the network."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from aiclient2api.http1.messages import ConnectFailed, Deadlines, Outbound

Answer = tuple[int, dict[str, str], bytes]


@dataclass
class SignIn:
    """Rotates tokens: AT-n and RT-n, an older refresh token is dead. `script` answers come first, in order."""

    generation: int = 0
    strict: bool = True
    script: list[Answer] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    delay: Callable[[], "asyncio.Future[None] | asyncio.Event | None"] = lambda: None
    called: asyncio.Event = field(default_factory=asyncio.Event)
    extra: dict[str, object] = field(default_factory=dict)
    url: str = ""

    def answer(self, body: bytes) -> Answer:
        if self.script:
            return self.script.pop(0)
        sent = json.loads(body).get("refreshToken")
        if self.strict and sent != f"RT-{self.generation}":
            return 400, {}, b'{"error":"invalid_grant","error_description":"Invalid refresh token provided"}'
        self.generation += 1
        document = {
            "accessToken": f"AT-{self.generation}",
            "refreshToken": f"RT-{self.generation}",
            "expiresIn": 3600,
            **self.extra,
        }
        return 200, {"content-type": "application/json"}, json.dumps(document).encode()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            size = next(int(line[15:]) for line in head.lower().splitlines() if line.startswith("content-length:"))
            body = await reader.readexactly(size)
            self.heads.append(head)
            self.paths.append(head.split(" ")[1])
            self.bodies.append(body)
            self.called.set()
            gate = self.delay()
            if isinstance(gate, asyncio.Event):
                await gate.wait()
            status, headers, answer = self.answer(body)
            lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            writer.write(f"HTTP/1.1 {status} X\r\n{lines}content-length: {len(answer)}\r\n\r\n".encode() + answer)
            await writer.drain()
        finally:
            writer.close()


@asynccontextmanager
async def running(service: SignIn) -> AsyncIterator[SignIn]:
    server = await asyncio.start_server(service.serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    service.url = f"http://{host}:{port}/refreshToken"
    try:
        yield service
    finally:
        server.close()
        await server.wait_closed()


async def send(request: Outbound, deadlines: Deadlines) -> tuple[int, Mapping[str, str], bytes]:
    """One request on a connection of its own."""
    parts = urlsplit(request.url)
    try:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    except OSError as error:
        raise ConnectFailed(f"no connection to {parts.netloc}") from error
    try:
        lines = "".join(f"{name}: {value}\r\n" for name, value in request.headers)
        head = f"{request.method} {parts.path or '/'} HTTP/1.1\r\nhost: {parts.netloc}\r\n{lines}"
        writer.write(f"{head}content-length: {len(request.body)}\r\n\r\n".encode() + request.body)
        status_line, *fields = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in fields)}
        return int(status_line.split(" ")[1]), headers, await reader.readexactly(int(headers["content-length"]))
    finally:
        writer.close()
