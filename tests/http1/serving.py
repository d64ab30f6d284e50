"""A server under test on a real port, raw clients that may break HTTP, and h11 as the judge of what the server says."""

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import NamedTuple

import h11

from aiclient2api.http1.messages import Exchange, Handler, Limits
from aiclient2api.http1.server import Server

BUFFER = 64 * 1024
KERNEL = 320 * 1024
"""What both ends of a narrow connection hold at most in one direction; the system takes more than it is told."""

SHORT = Limits(head_seconds=0.2, body_idle_seconds=0.2, keep_alive_seconds=0.2, send_seconds=0.2)


def refuse(status: int, message: str) -> tuple[list[tuple[str, str]], bytes]:
    return [("content-type", "text/plain"), ("x-refused", str(status))], message.encode()


async def echo(exchange: Exchange) -> None:
    """Answers with what it has been asked."""
    body = await exchange.body()
    headers = [("x-method", exchange.method), ("x-path", exchange.path.encode("ascii", "backslashreplace").decode())]
    await exchange.respond(200, headers, body)


@contextlib.contextmanager
def about(case: object) -> Iterator[None]:
    """Names the case of a table that a failure belongs to."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"the case is {case!r}")
        raise


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes
    interim: list[int]
    whole: bool
    """Whether the end of the body has been seen."""


def judge(data: bytes, methods: Sequence[str] = ("GET",), *, closed: bool = True) -> list[Answer]:
    """The answers to requests of these methods, as h11 reads them. `closed`: the connection ended after `data`.

    Raises h11.RemoteProtocolError if that is not HTTP, AssertionError if there is more than the answers."""
    conn = h11.Connection(h11.CLIENT)
    conn.receive_data(data)
    if closed:
        conn.receive_data(b"")
    answers: list[Answer] = []
    for method in methods:
        conn.send(h11.Request(method=method, target="/", headers=[("host", "a")]))
        conn.send(h11.EndOfMessage())
        answers.append(_next_answer(conn))
        if not answers[-1].whole or conn.their_state is not h11.DONE:
            break
        assert (conn.our_state is h11.DONE) == ("close" not in answers[-1].headers.get("connection", ""))
        if conn.our_state is h11.DONE:
            conn.start_next_cycle()
    if answers[-1].whole:
        assert not conn.trailing_data[0], conn.trailing_data
    return answers


def _next_answer(conn: h11.Connection) -> Answer:
    interim: list[int] = []
    status, body = 0, b""
    headers: dict[str, str] = {}
    while True:
        try:
            event = conn.next_event()
        except h11.RemoteProtocolError as error:
            if status and "peer" in str(error):  # "peer closed connection without ..."
                return Answer(status, headers, body, interim, whole=False)
            raise
        if isinstance(event, h11.InformationalResponse):
            interim.append(event.status_code)
        elif isinstance(event, h11.Response):
            status = event.status_code
            headers = {name.decode(): value.decode("latin-1") for name, value in event.headers}
            assert len(headers) == len(list(event.headers)), "a header came twice"
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            return Answer(status, headers, body, interim, whole=True)
        else:
            return Answer(status, headers, body, interim, whole=False)


def one(data: bytes, method: str = "GET", *, closed: bool = True) -> Answer:
    """The only answer there is; it is whole."""
    (answer,) = judge(data, (method,), closed=closed)
    assert answer.whole
    return answer


class Wire:
    """A client's socket."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._loop = asyncio.get_running_loop()

    async def send(self, data: bytes) -> None:
        await self._loop.sock_sendall(self.sock, data)

    async def drip(self, *pieces: bytes) -> None:
        """Send pieces so that the server reads them one by one."""
        for piece in pieces:
            await self.send(piece)
            for _ in range(3):
                await asyncio.sleep(0)

    async def push(self, data: bytes, seconds: float) -> int:
        """How much of `data` can be sent until nothing goes any more for so long."""
        sent = 0
        view = memoryview(data)
        while sent < len(data):
            try:
                sent += self.sock.send(view[sent : sent + 65536])
            except BlockingIOError:
                try:
                    async with asyncio.timeout(seconds):
                        await self._loop.sock_sendall(self.sock, view[sent : sent + 1])
                except TimeoutError:
                    break
                sent += 1
        return sent

    async def recv(self, size: int = 65536) -> bytes:
        return await self._loop.sock_recv(self.sock, size)

    async def exactly(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            piece = await self.recv(size - len(data))
            assert piece, bytes(data)
            data += piece
        return bytes(data)

    async def until(self, mark: bytes) -> bytes:
        """Everything up to a mark that ends a piece."""
        data = bytearray()
        while not data.endswith(mark):
            piece = await self.recv()
            assert piece, bytes(data)
            data += piece
        return bytes(data)

    async def rest(self) -> bytes:
        """Everything until the server closes. Raises ConnectionResetError."""
        data = bytearray()
        while piece := await self.recv():
            data += piece
        return bytes(data)

    async def gone(self) -> bytes:
        """Everything until the connection ends in any way."""
        data = bytearray()
        with contextlib.suppress(ConnectionError):
            while piece := await self.recv():
                data += piece
        return bytes(data)

    def fin(self) -> None:
        self.sock.shutdown(socket.SHUT_WR)

    def rst(self) -> None:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self) -> None:
        self.sock.close()


async def eventually(condition: Callable[[], bool], seconds: float = 1.0) -> None:
    for _ in range(int(seconds / 0.002)):
        if condition():
            return
        await asyncio.sleep(0.002)
    raise AssertionError("it did not happen in time")


class Served:
    """A running server and its clients."""

    def __init__(self, server: Server, port: int) -> None:
        self.server = server
        self.port = port
        self._wires: list[Wire] = []

    async def wire(self) -> Wire:
        sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wire = Wire(sock)
        self._wires.append(wire)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", self.port))
        return wire

    async def narrow(self) -> Wire:
        """A connection whose kernel buffers hold KERNEL bytes at most, so that it shows who waits for whom."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
            sock = socket.socket()
            wire = Wire(sock)
            self._wires.append(wire)
            for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
                sock.setsockopt(socket.SOL_SOCKET, option, BUFFER)
            sock.connect(listener.getsockname())
            sock.setblocking(False)
            accepted, _ = listener.accept()
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
        await self.server.adopt(accepted)
        return wire

    async def ask(self, data: bytes) -> bytes:
        """Send `data` on a new connection; what comes back until the server closes."""
        wire = await self.wire()
        await wire.send(data)
        answer = await wire.rest()
        wire.close()
        return answer

    async def quiet(self, seconds: float = 1.0) -> None:
        """Returns when no connection is open and no handler runs."""
        await eventually(lambda: not self.server.connections and not self.server.active, seconds)

    def hang_up(self) -> None:
        for wire in self._wires:
            wire.close()


def sockets() -> int:
    """How many this process has open, where the system tells."""
    count = 0
    for name in os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else ():
        with contextlib.suppress(OSError):
            count += os.readlink(f"/proc/self/fd/{name}").startswith("socket:")
    return count


@contextlib.asynccontextmanager
async def serving(
    handler: Handler = echo, limits: Limits | None = None, *, count_sockets: bool = True
) -> AsyncIterator[Served]:
    """A server on a free port. At the end everything it had is gone: connections, handlers, sockets (of the whole
    process; not to be counted if another server runs)."""
    before = sockets()
    server = Server(handler, limits or Limits(), refuse)
    places = await server.listen("127.0.0.1", 0)
    served = Served(server, places[0][1])
    try:
        yield served
    finally:
        served.hang_up()
        await server.stop(1.0)
    assert (server.connections, server.active) == (0, 0)
    if count_sockets:
        await eventually(lambda: sockets() <= before)  # some rounds of the loop later
