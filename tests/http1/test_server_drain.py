"""Beginning and end of a server: listening, adopting, draining within bounds, last words."""

import asyncio
import socket
import time

import pytest

from aiclient2api import tasks
from aiclient2api.http1 import listening
from aiclient2api.http1.messages import Exchange, Limits
from aiclient2api.http1.server import Server
from tests.http1.loops import Run, both_loops, run_on
from tests.http1.serving import Wire, echo, eventually, judge, one, refuse, serving

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
OLD = b"GET / HTTP/1.0\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n"


class Gate:
    """A handler that waits in the middle of its answer."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.waiting = 0
        self.cancelled = 0

    async def __call__(self, exchange: Exchange) -> None:
        if exchange.path != "/whole":
            await exchange.start(200, [])
            await exchange.write(b"a")
        self.waiting += 1
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            if exchange.path == "/polite":
                await exchange.write(b"sorry")
                await exchange.finish()
            raise
        if exchange.path == "/whole":
            await exchange.respond(200, [], b"ab")
        else:
            await exchange.write(b"b")
            await exchange.finish()

    async def reached(self, count: int) -> None:
        await eventually(lambda: self.waiting == count)


async def said_until_closed(wire: Wire) -> bytes:
    data = await wire.rest()
    wire.close()
    return data


async def timed(server: Server, grace: float) -> float:
    started = time.monotonic()
    await server.stop(grace)
    return time.monotonic() - started


@both_loops
def test_idle_connections_end_at_once(run: Run) -> None:
    """P1"""

    async def main() -> None:
        async with serving() as served:
            fresh, used, half = await served.wire(), await served.wire(), await served.wire()
            await used.send(GET)
            await used.until(b"\r\n\r\n")
            await half.send(GET[:10])
            await asyncio.sleep(0.02)
            stopping = tasks.spawn(timed(served.server, 5), "stop")
            assert await fresh.rest() == await used.rest() == b""
            assert one(await half.rest()).status == 503
            half.close()
            assert await stopping < 0.2
            with pytest.raises(ConnectionRefusedError):
                await served.wire()

    run(main())


@both_loops
def test_running_answers_end_in_peace(run: Run) -> None:
    """P1: nothing is cut within the limit, and the server says that the connection ends."""

    async def main() -> None:
        gate = Gate()
        async with serving(gate) as served:
            wires = [await served.wire() for _ in range(60)]
            for i, wire in enumerate(wires):
                await wire.send((GET, GET.replace(b"/ ", b"/whole ", 1), OLD)[i % 3] * (1 + i % 2))
            await gate.reached(60)
            stopping = tasks.spawn(timed(served.server, 5), "stop")
            await asyncio.sleep(0.05)
            assert (served.server.draining, served.server.active) == (True, 60)
            with pytest.raises(ConnectionRefusedError):
                await served.wire()
            gate.go.set()
            for i, wire in enumerate(wires):
                answer = one(await wire.rest())
                assert answer.body == b"ab"
                assert ("connection" in answer.headers) == (i % 3 != 0)  # the chunked head was out before
                wire.close()
            assert await stopping < 0.5
            assert gate.cancelled == 0

    run(main())


@both_loops
def test_at_the_limit_handlers_have_a_last_word(run: Run) -> None:
    """P1, D7: an error event, an error answer, or at least a visible cut."""

    async def main() -> None:
        gate = Gate()
        async with serving(gate) as served:
            wires = [await served.wire() for _ in range(60)]
            for i, wire in enumerate(wires):
                await wire.send(GET.replace(b"/ ", (b"/polite ", b"/whole ", b"/ ")[i % 3], 1))
            await gate.reached(60)
            stopping = tasks.spawn(timed(served.server, 0.1), "stop")
            said = await asyncio.gather(*(said_until_closed(wire) for wire in wires))
            assert await stopping < 0.6
            assert gate.cancelled == 60
            for i, data in enumerate(said):
                (answer,) = judge(data)
                assert answer.whole == (i % 3 != 2)
                assert answer.status == (503 if i % 3 == 1 else 200)
                assert i % 3 or answer.body == b"asorry"

    run(main())


@both_loops
def test_what_does_not_end_is_ended(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """P1, P2: handlers that will not be cancelled, that talk on after their answer, and clients that read nothing."""

    async def main() -> None:
        waiting = 0

        async def stubborn(exchange: Exchange) -> None:
            nonlocal waiting
            waiting += 1
            if exchange.path == "/after":
                await exchange.respond(200, [], b"x")
                await asyncio.sleep(30)
            await exchange.start(200, [])
            if exchange.path == "/blocked":
                await exchange.write(bytes(10_000_000))
            for _ in range(2):
                try:
                    await asyncio.sleep(30)
                except asyncio.CancelledError:
                    continue

        async with serving(stubborn) as served:
            wires = [await served.wire() for _ in range(3)]
            for wire, path in zip(wires, (b"/ ", b"/after ", b"/blocked "), strict=True):
                await wire.send((OLD if path == b"/ " else GET).replace(b"/ ", path, 1))
            await eventually(lambda: waiting == 3)
            wires[1].close()
            monkeypatch.setattr("aiclient2api.http1.server.LAST_WORDS_SECONDS", 0.3)
            assert 0.3 < await timed(served.server, 0.05) < 1.5
            assert (served.server.connections, served.server.active) == (0, 0)
            with pytest.raises(ConnectionResetError):  # not like the end of an HTTP/1.0 answer
                await wires[0].rest()

    run(main())


@both_loops
def test_the_last_word_waits_for_a_client_that_reads_later(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is with the kernel when the server ends the connection, and must not be recalled by a reset."""

    async def main() -> None:
        gate = Gate()
        async with serving(gate) as served:
            wires = [await served.wire() for _ in range(2)]
            await wires[0].send(GET.replace(b"/ ", b"/whole ", 1))
            await wires[1].send(GET.replace(b"/ ", b"/polite ", 1))
            await gate.reached(2)
            monkeypatch.setattr("aiclient2api.http1.server.LAST_WORDS_SECONDS", 0.1)
            assert await timed(served.server, 0) < 1
            assert one(await wires[0].rest()).status == 503
            assert one(await wires[1].rest()).body == b"asorry"

    run(main())


@both_loops
def test_a_second_stop_cuts_the_first_one_short(run: Run) -> None:
    """P2"""

    async def main() -> None:
        gate = Gate()
        async with serving(gate) as served:
            wire = await served.wire()
            await wire.send(GET)
            await gate.reached(1)
            first = tasks.spawn(timed(served.server, 30), "stop")
            await asyncio.sleep(0.05)
            assert await timed(served.server, 0) < 0.5
            assert await first < 1
            assert not judge(await wire.rest())[0].whole

    run(main())


@both_loops
def test_the_rest_of_an_unwanted_body_does_not_hold_up_the_end(run: Run) -> None:
    async def main() -> None:
        async def deny(exchange: Exchange) -> None:
            await exchange.respond(401, [], b"no")

        async with serving(deny) as served:
            wire = await served.wire()
            await wire.send(POST)
            first = await wire.until(b"no")
            stopping = tasks.spawn(timed(served.server, 5), "stop")
            assert one(first + await wire.rest(), "POST").status == 401
            wire.close()
            assert await stopping < 0.5

    run(main())


@both_loops
def test_a_request_in_line_is_not_begun_any_more(run: Run) -> None:
    async def main() -> None:
        gate = Gate()
        async with serving(gate) as served:
            wire = await served.wire()
            await wire.send(GET * 3)
            await gate.reached(1)
            stopping = tasks.spawn(served.server.stop(5), "stop")
            await asyncio.sleep(0.02)
            gate.go.set()
            assert one(await wire.rest()).body == b"ab"
            wire.close()
            await stopping
            assert gate.waiting == 1

    run(main())


@both_loops
def test_a_stopped_server_stays_stopped(run: Run) -> None:
    async def main() -> None:
        server = Server(echo, Limits(), refuse)
        await server.stop(1)
        with pytest.raises(RuntimeError):
            await server.listen("127.0.0.1", 0)
        ours, theirs = socket.socketpair()
        await server.adopt(theirs)
        ours.setblocking(False)
        assert one(await Wire(ours).rest()).status == 503
        ours.close()
        await server.stop(1)
        assert server.connections == 0

    run(main())


@both_loops
def test_an_adopted_socket_is_served(run: Run) -> None:
    async def main() -> None:
        peers: list[str] = []

        async def look(exchange: Exchange) -> None:
            peers.append(exchange.peer)
            await echo(exchange)

        async with serving(look) as served:
            ours, theirs = socket.socketpair()
            ours.setblocking(False)
            await served.server.adopt(theirs)
            wire = Wire(ours)
            await wire.send(GET + LAST)
            assert [each.status for each in judge(await wire.rest(), ["GET", "GET"])] == [200, 200]
            wire.close()
            assert peers == ["local", "local"]

    run(main())


# --- listening


@both_loops
def test_localhost_is_both_families_on_one_port(run: Run) -> None:
    async def main() -> None:
        server = Server(echo, Limits(), refuse)
        places = await server.listen("localhost", 0)
        assert len({port for _, port in places}) == 1
        assert places[0][0] == "127.0.0.1"
        for host, port in places:
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(LAST)
            assert one(await reader.read()).status == 200
            writer.close()
            await writer.wait_closed()
        await server.stop(1)

    run(main())


@both_loops
def test_a_taken_port_is_an_error_and_leaves_nothing(run: Run) -> None:
    async def main() -> None:
        async with serving() as served:
            other = Server(echo, Limits(), refuse)
            for host in ("127.0.0.1", "localhost"):
                with pytest.raises(OSError, match="in use"):
                    await other.listen(host, served.port)
            await other.stop(1)

    run(main())


@both_loops
def test_a_port_that_is_taken_while_we_bind(run: Run) -> None:
    """Two sockets may be bound to one port; only one of them can listen, and the other must say so."""

    async def main() -> None:
        rival = socket.socket()
        rival.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        rival.bind(("127.0.0.1", 0))
        server = Server(echo, Limits(), refuse)
        places = await server.listen("127.0.0.1", rival.getsockname()[1])
        with pytest.raises(OSError, match="in use"):
            rival.listen()
        await server.stop(1)
        rival.listen()
        with pytest.raises(OSError, match="in use"):
            await Server(echo, Limits(), refuse).listen(*places[0])
        rival.close()

    run(main())


@both_loops
def test_processes_can_share_a_port(run: Run) -> None:
    """E4"""

    async def main() -> None:
        servers = [Server(echo, Limits(), refuse) for _ in range(2)]
        (_, port), *_ = await servers[0].listen("127.0.0.1", 0, reuse_port=True)
        await servers[1].listen("127.0.0.1", port, reuse_port=True)
        await servers[0].stop(1)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(LAST)
        assert one(await reader.read()).status == 200
        writer.close()
        await servers[1].stop(1)

    run(main())


def test_an_unknown_host_is_an_error() -> None:
    async def main() -> None:
        with pytest.raises(OSError):
            await Server(echo, Limits(), refuse).listen("256.1.1.1", 0)

    run_on("asyncio", main())


def test_half_of_the_open_files_are_for_clients() -> None:
    """P10"""
    import resource  # not on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        assert listening.capacity(10_000) == 96
        assert listening.capacity(10) == 10
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
