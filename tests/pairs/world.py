"""A real gateway between a client and services that play a script: what all tests of this folder run in.

One gateway with every provider serves the whole session. A test says what the service does with the model calls that
come next, sends a request, and looks at what reached the service and what came back. Nothing is paced or repeated.
"""

import asyncio
import base64
import json
import socket
import struct
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from aiclient2api.gateway.assembly import Gateway
from aiclient2api.http1.client import Client
from aiclient2api.http1.messages import Deadlines, Exchange, Handler, Limits, Outbound
from aiclient2api.http1.server import Server
from aiclient2api.settings.load import load
from aiclient2api.settings.places import Places
from tests.http1.loops import LOOPS

T = TypeVar("T")
Json = dict[str, Any]
Body = bytes | Json

KEY = "key-of-the-tests-long-enough"
FAR_AWAY = 4_000_000_000_000
"""A moment in the year 2096, in milliseconds: when the Gemini CLI's login runs out."""

_A_MOMENT = 0.02
_SMALL_BUFFER = 64 * 1024
_PATIENCE = Deadlines(connect=5.0, head=20.0, idle=20.0, total=30.0)


@dataclass(frozen=True)
class Play:
    """What a service does with one model call: its answer in pieces, and whether the connection breaks behind them.
    `late`: the last piece comes when the others have been read; `endless`: nothing ends before the gateway leaves."""

    pieces: Sequence[bytes]
    stream: bool = True
    status: int = 200
    kind: str = ""
    headers: Sequence[tuple[str, str]] = ()
    broken: bool = False
    late: bool = False
    endless: bool = False

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)


@dataclass(frozen=True)
class Heard:
    """A model call as it reached the service; header names are in lower case."""

    path: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """What the client got; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def kind(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0]

    @property
    def dropped(self) -> list[str]:
        """What the gateway says it left out."""
        return [name for name in self.headers.get("x-aiclient-dropped", "").split(", ") if name]


@dataclass
class Service:
    """Every service that the gateway's providers call, each under a path of its own. `side` answers what is no model
    call, by the path; `plays` model calls in their order, or `by` what they say. `written` counts the bytes of answers;
    `left`: the gateway did not wait for the end of one."""

    plays: deque[Play] = field(default_factory=deque)
    heard: list[Heard] = field(default_factory=list)
    beside: list[Heard] = field(default_factory=list)
    side: dict[str, bytes] = field(default_factory=dict)
    by: Callable[[Heard], Play] | None = None
    written: int = 0
    left: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, exchange: Exchange) -> None:
        heard = Heard(exchange.path, exchange.target, exchange.headers, await exchange.body())
        operation = exchange.headers.get("x-amz-target", exchange.path).rpartition(".")[2]
        answer = next((body for path, body in self.side.items() if operation.endswith(path)), None)
        if answer is not None or exchange.method == "GET":
            self.beside.append(heard)
            await exchange.respond(200 if answer else 404, [("content-type", "application/json")], answer or b"{}")
            return
        self.heard.append(heard)
        play = self.by(heard) if self.by is not None else self.plays.popleft() if self.plays else _NOTHING_PLANNED
        try:
            await self._play(exchange, play)
        except asyncio.CancelledError:
            self.left.set()
            raise

    async def _play(self, exchange: Exchange, play: Play) -> None:
        headers = [("content-type", play.kind), *play.headers]
        if not play.stream and not play.broken:
            await exchange.respond(play.status, headers, play.body)
            return
        await exchange.start(play.status, headers)
        for number, piece in enumerate(play.pieces):
            if play.late and number == len(play.pieces) - 1:
                await asyncio.sleep(_A_MOMENT)
            if piece:
                await exchange.write(piece)
                self.written += len(piece)
        if play.endless:
            await asyncio.Event().wait()
        if play.broken:
            raise _Broken
        await exchange.finish()


_NOTHING_PLANNED = Play([b'{"error":{"message":"the test has planned no such call"}}'], stream=False, status=599)


def _new_loop() -> asyncio.AbstractEventLoop:
    """The gateway's own kind of loop."""
    if LOOPS[-1] == "asyncio":
        return asyncio.new_event_loop()
    import uvloop

    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


class _Broken(Exception):
    """Lets the server break the connection off."""


def refuse(status: int, message: str) -> tuple[list[tuple[str, str]], bytes]:
    return [("content-type", "text/plain")], f"{status} {message}".encode()


class World:
    """The running gateway and what stands behind it. Calls block: between them nothing moves.

    Without `services` every provider calls the one scripted `service`, each under a path of its own; otherwise each
    calls the handler of its name (SERVICES). `settings` are keys of the contract.
    """

    def __init__(
        self,
        folder: Path,
        side: Mapping[str, bytes] | None = None,
        services: Mapping[str, Handler] | None = None,
        **settings: Any,
    ) -> None:
        self.service = Service(side=dict(side or {}))
        self.base = ""
        self._folder = folder
        self._settings = settings
        self._services = services
        self._runner = asyncio.Runner(loop_factory=_new_loop)
        self._client: Client | None = None
        self._servers: list[Server] = []

    def __enter__(self) -> "World":
        self.run(self._start())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.run(self._stop())
        self._runner.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def plan(self, *plays: Play) -> None:
        """What the service does next; forgets what was planned and heard before."""
        self.service.plays = deque(plays)
        self.service.by = None
        self.service.written = 0
        self.service.left.clear()
        self.service.heard.clear()
        self.service.beside.clear()

    @property
    def heard(self) -> Heard:
        """The one model call that reached the service."""
        (heard,) = self.service.heard
        return heard

    def ask(
        self, target: str, body: Body | None, *, method: str = "POST", headers: Mapping[str, str] | None = None
    ) -> Reply:
        """One request of a client that has the right key; an empty header value takes the header away."""
        return self.run(self.asking(target, body, method=method, headers=headers))

    async def asking(
        self, target: str, body: Body | None, *, method: str = "POST", headers: Mapping[str, str] | None = None
    ) -> Reply:
        given = {"authorization": f"Bearer {KEY}", "content-type": "application/json"} | dict(headers or {})
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        outbound = Outbound(
            method=method,
            url=self.base + target,
            headers=tuple((name, value) for name, value in given.items() if value),
            body=data,
        )
        assert self._client is not None
        return Reply(*await self._client.fetch(outbound, _PATIENCE))

    @asynccontextmanager
    async def connected(
        self, target: str, body: Body, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """A request that has been sent over a connection of its own, for a client that reads as it likes; at the end it
        goes as one does that is killed: the connection is reset."""
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_BUFFER)
        sock.setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
        )
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", int(self.base.rpartition(":")[2])))
        reader, writer = await asyncio.open_connection(sock=sock)
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {"host": "localhost", "authorization": f"Bearer {KEY}", "content-length": str(len(data))}
        given |= dict(headers or {})
        head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        writer.write(f"POST {target} HTTP/1.1\r\n{head}\r\n".encode() + data)
        try:
            yield reader, writer
        finally:
            writer.transport.abort()

    async def talk(self, request: bytes, end: bytes) -> bytes:
        """Bytes to the gateway and its answer up to `end`, for what our client would not send."""
        reader, writer = await asyncio.open_connection("127.0.0.1", int(self.base.rpartition(":")[2]))
        writer.write(request)
        try:
            return await asyncio.wait_for(reader.readuntil(end), 5)
        finally:
            writer.close()

    async def _start(self) -> None:
        if self._services is None:
            base = await self._serve(self.service)
            addresses = {name: f"{base}/{name}" for name in SERVICES}
        else:
            addresses = {name: await self._serve(handler) for name, handler in self._services.items()}
        values = _values(addresses) | self._settings
        environ = {name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}
        where = Places(home=self._folder, data_dir=self._folder / "data", here=self._folder)
        self.gateway = Gateway(load(None, environ, {}).settings, where, {}, (KEY,))
        _, bound = await self.gateway.start("127.0.0.1", 0)
        self.base = f"http://127.0.0.1:{bound}"
        self._client = Client()

    async def _serve(self, handler: Handler) -> str:
        server = Server(handler, Limits(), refuse)
        (_, port), *_ = await server.listen("127.0.0.1", 0)
        self._servers.append(server)
        return f"http://127.0.0.1:{port}"

    async def _stop(self) -> None:
        assert self._client is not None
        await self._client.close()
        await self.gateway.stop(0)
        for server in self._servers:
            await server.stop(0)


SERVICES = ("anthropic", "openai", "gemini", "code-assist", "kiro")

_LOGIN = {"access_token": "ya29.tests", "refresh_token": "1//tests", "expiry_date": FAR_AWAY}


def encoded_login(login: Json) -> str:
    """A login of the Gemini CLI as GEMINI_OAUTH_CREDS_BASE64 wants it."""
    return base64.b64encode(json.dumps(login).encode()).decode()


def _values(addresses: Mapping[str, str]) -> Json:
    return {
        "MODEL_PROVIDER": [
            "claude-custom",
            "openai-custom",
            "openaiResponses-custom",
            "gemini-custom",
            "gemini-cli-oauth",
            "claude-kiro-oauth",
        ],
        "CLAUDE_BASE_URL": addresses["anthropic"],
        "CLAUDE_API_KEY": "key-of-claude",
        "OPENAI_BASE_URL": addresses["openai"] + "/v1",
        "OPENAI_API_KEY": "key-of-openai",
        "GEMINI_BASE_URL": addresses["gemini"],
        "GEMINI_API_KEY": "key-of-gemini",
        "GEMINI_CLI_BASE_URL": addresses["code-assist"],
        "GEMINI_OAUTH_CREDS_BASE64": encoded_login(_LOGIN),
        "GEMINI_OAUTH_TOKEN_URL": addresses["code-assist"] + "/token",
        "PROJECT_ID": "project-of-tests",
        "KIRO_BASE_URL": addresses["kiro"],
        "KIRO_API_KEY": "key-of-kiro",
        "KIRO_PROFILE_ARN": "arn:aws:codewhisperer:us-east-1:123456789012:profile/TESTS0000000",
        "REQUEST_MAX_RETRIES": 0,
        "REQUEST_BASE_DELAY": 1,
        "CRON_REFRESH_TOKEN": False,
    }


def cut_up(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def whole(play: Play) -> Play:
    """The same answer in one piece."""
    return replace(play, pieces=[play.body])
