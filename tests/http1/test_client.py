"""The client against a scripted upstream: exchanges, keep-alive, streaming, back-pressure, cancellation."""

import asyncio
import gzip
import socket

import pytest

from aiclient2api.http1.answer import Answer
from aiclient2api.http1.client import Client
from aiclient2api.http1.messages import ConnectFailed, Deadlines, Outbound, Truncated
from aiclient2api.tasks import spawn, stop
from tests.http1.loops import Run, both_loops
from tests.http1.upstream import Step, Upstream

pytestmark = both_loops

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
STREAM = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
AGAIN: list[Step] = [("read",), ("send", OK)] * 50
LIMITS = Deadlines(connect=2.0, head=3.0, idle=3.0)


def get(url: str, method: str = "GET", body: bytes = b"", **headers: str) -> Outbound:
    return Outbound(method=method, url=url, body=body, headers=tuple(headers.items()))


def test_keep_alive_uses_one_connection(run: Run) -> None:
    async def main() -> None:
        async with Upstream(AGAIN) as up:
            client = Client()
            for i in range(5):
                status, headers, body = await client.fetch(get(f"{up.url}/{i}"), LIMITS)
                assert (status, headers, body) == (200, {"content-length": "2"}, b"ok")
            assert up.connections == 1
            assert [head.split(b" ")[1] for head in up.requests] == [b"/0", b"/1", b"/2", b"/3", b"/4"]
            await client.close()

    run(main())


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"),
        ("POST", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK),
        ("GET", STREAM + b"2\r\nok\r\n0\r\nTrailer: 1\r\n\r\n"),
    ],
)
def test_the_connection_is_good_for_the_next(run: Run, method: str, answer: bytes) -> None:
    async def main() -> None:
        async with Upstream([("read",), ("drip", answer), ("read",), ("send", OK)]) as up:
            client = Client()
            await client.fetch(get(up.url, method), LIMITS)
            assert (await client.fetch(get(up.url), LIMITS))[2] == b"ok"
            assert up.connections == 1
            await client.close()

    run(main())


@pytest.mark.parametrize(
    ("answer", "asked", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", {}, b"ok"),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", {}, b"ok"),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", {}, b"until the end"),
        (b"HTTP/1.0 200 OK\r\n\r\n", {}, b""),
        (OK, {"connection": "close"}, b"ok"),
        (OK + b"more than it said", {}, b"ok"),
    ],
)
def test_the_connection_is_not_used_again(run: Run, answer: bytes, asked: dict[str, str], body: bytes) -> None:
    async def main() -> None:
        async with Upstream([("read",), ("send", answer), ("fin",), ("stall",)]) as up:
            client = Client()
            for _ in range(2):
                assert (await client.fetch(get(up.url, "GET", b"", **asked), LIMITS))[2] == body
                await up.gone()
            assert up.connections == 2
            await client.close()

    run(main())


def test_pieces_come_as_they_are_sent(run: Run) -> None:
    async def main() -> None:
        script: list[Step] = [("read",), ("send", STREAM)]
        for i in range(3):
            script += [("wait", str(i)), ("send", b"3\r\nab%d\r\n" % i)]
        async with Upstream([*script, ("wait", "end"), ("send", b"0\r\n\r\n"), ("stall",)]) as up:
            client = Client()
            async with await client.send(get(up.url), LIMITS) as answer:
                pieces = answer.chunks()
                for i in range(3):
                    up.go(str(i))
                    assert await anext(pieces) == b"ab%d" % i
                up.go("end")
                with pytest.raises(StopAsyncIteration):
                    await anext(pieces)
            await client.close()

    run(main())


def test_dripped_bytes_give_the_same(run: Run) -> None:
    """F4"""

    async def main() -> None:
        packed = gzip.compress(b"hello " * 20)
        wire = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed
        async with Upstream([("read",), ("drip", wire), ("stall",)]) as up:
            client = Client()
            assert await client.fetch(get(up.url), LIMITS) == (200, {}, b"hello " * 20)
            await client.close()

    run(main())


def test_a_big_body_arrives_whole(run: Run) -> None:
    async def main() -> None:
        body = bytes(range(256)) * 20_000
        async with Upstream(AGAIN) as up:
            client = Client()
            for _ in range(2):
                assert (await client.fetch(get(up.url, "POST", body), LIMITS))[2] == b"ok"
            assert up.connections == 1
            for request in up.requests:
                assert request.endswith(body)
                assert request.count(b"\r\n\r\n", 0, 1000) == 1
            await client.close()

    run(main())


def test_a_slow_upstream_is_not_flooded(run: Run) -> None:
    """The body waits in the caller's bytes, not in the transport."""

    async def main() -> None:
        body = bytes(30 << 20)
        async with Upstream([("head",), ("wait", "go"), ("take", len(body)), ("send", OK)], buffer=64 * 1024) as up:
            client = Client()
            task = spawn(client.fetch(get(up.url, "POST", body), LIMITS), "upload")
            await up.asked()
            (connection,) = client._pool._live
            assert connection._transport is not None
            assert connection._transport.get_write_buffer_size() < 1 << 20
            up.go("go")
            assert (await task)[2] == b"ok"
            assert len(up.requests[0]) > len(body)
            await client.close()

    run(main())


def test_a_slow_consumer_stops_the_upstream(run: Run) -> None:
    """C4: what we hold of a fast upstream is bounded, and everything arrives in the end."""

    async def main() -> None:
        piece = bytes(64 * 1024)
        total = 400
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (len(piece) * total)
        script: list[Step] = [("read",), ("send", head), ("pour", piece, total), ("stall",)]
        async with Upstream(script, buffer=64 * 1024) as up:
            client = Client()
            async with await client.send(get(up.url), Deadlines(idle=0.3)) as answer:
                before = -1
                while before != up.poured:  # until nothing moves any more
                    before = up.poured
                    await asyncio.sleep(0.2)
                assert isinstance(answer, Answer)
                assert answer.buffered <= 768 * 1024
                assert up.poured < 16 << 20  # ours, and what the kernel takes by itself
                size = 0
                async for chunk in answer.chunks():
                    assert len(chunk) <= 768 * 1024
                    size += len(chunk)
                assert size == len(piece) * total
            await client.close()

    run(main())


def test_leaving_early_closes_the_connection(run: Run) -> None:
    """C3"""

    async def main() -> None:
        async with Upstream([("read",), ("send", STREAM + b"3\r\nabc\r\n"), ("stall",)]) as up:
            client = Client()
            async with await client.send(get(up.url), LIMITS) as answer:
                async for piece in answer.chunks():
                    assert piece == b"abc"
                    break
            await up.gone()
            async with await client.send(get(up.url), LIMITS):
                pass
            await up.gone()
            await client.close()

    run(main())


@pytest.mark.parametrize("sent", [b"", STREAM[:20], STREAM, STREAM + b"3\r\nabc\r\n"])
def test_cancelling_closes_the_connection(run: Run, sent: bytes) -> None:
    """C3"""

    async def main() -> None:
        async with Upstream([("read",), ("send", sent), ("stall",)]) as up:
            client = Client()
            task = spawn(client.fetch(get(up.url), LIMITS), "fetch")
            await up.asked()
            await asyncio.sleep(0.02)
            await stop(task)
            assert task.cancelled()
            await up.gone()
            await client.close()

    run(main())


def test_connections_per_host_are_bounded(run: Run) -> None:
    async def main() -> None:
        script: list[Step] = [("read",), ("wait", "go"), ("send", OK), *AGAIN]
        async with Upstream(script) as up:
            client = Client(max_per_host=3)
            tasks = [spawn(client.fetch(get(up.url), LIMITS), "fetch") for _ in range(6)]
            await up.asked(3)
            await asyncio.sleep(0.05)
            assert up.connections == len(up.requests) == 3
            with pytest.raises(ConnectFailed, match="too many requests wait"):
                await client.fetch(get(up.url), LIMITS)
            await stop(tasks[4])
            up.go("go")
            assert [(await task)[2] for task in (*tasks[:4], tasks[5])] == [b"ok"] * 5
            assert up.connections == 3
            await client.close()

    run(main())


def test_waiting_for_a_place_counts_as_connecting(run: Run) -> None:
    async def main() -> None:
        async with Upstream([("read",), ("stall",)]) as up:
            client = Client(max_per_host=1)
            task = spawn(client.fetch(get(up.url), LIMITS), "fetch")
            await up.asked()
            with pytest.raises(ConnectFailed, match=r"the connect deadline of 0\.05 s"):
                await client.fetch(get(up.url), Deadlines(connect=0.05))
            await stop(task)
            await client.close()

    run(main())


def test_idle_connections_are_bounded_and_grow_old(run: Run) -> None:
    async def main() -> None:
        async with Upstream([("read",), ("wait", "go"), ("send", OK), ("stall",)]) as up:
            client = Client(max_idle_per_host=2, idle_seconds=0.1)
            tasks = [spawn(client.fetch(get(up.url), LIMITS), "fetch") for _ in range(4)]
            await up.asked(4)
            up.go("go")
            await asyncio.gather(*tasks)
            await up.gone()
            await up.gone()
            assert len(client._pool._live) == 2
            await up.gone()  # after idle_seconds
            await up.gone()
            await asyncio.sleep(0.01)
            assert not client._pool._live
            assert not client._pool._buckets
            await client.close()

    run(main())


def test_closing_the_client_ends_what_is_open(run: Run) -> None:
    async def main() -> None:
        async with Upstream([("read",), ("send", STREAM), ("stall",)]) as up:
            client = Client()
            async with await client.send(get(up.url), LIMITS) as answer:
                await client.close()
                with pytest.raises(Truncated):
                    await answer.read(10)
            await up.gone()
            with pytest.raises(ConnectFailed, match="closed"):
                await client.fetch(get(up.url), LIMITS)

    run(main())


def test_a_connector_gives_the_socket(run: Run) -> None:
    async def main() -> None:
        seen: list[bytes] = []

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            for _ in range(2):
                seen.append(await reader.readuntil(b"\r\n\r\n"))
                writer.write(OK)
            writer.close()

        made: list[asyncio.Task[None]] = []

        async def connector() -> socket.socket:
            ours, theirs = socket.socketpair()
            for each in (ours, theirs):
                each.setblocking(False)
            if theirs.family == socket.AF_INET:
                reader, writer = await asyncio.open_connection(sock=theirs)
            else:
                reader, writer = await asyncio.open_unix_connection(sock=theirs)
            made.append(spawn(answer(reader, writer), "inside"))
            return ours

        client = Client(connectors={"simulator.invalid": connector})
        for path in ("a", "b"):
            assert (await client.fetch(get(f"http://simulator.invalid/{path}"), LIMITS))[2] == b"ok"
        assert len(made) == 1
        assert seen[1].startswith(b"GET /b HTTP/1.1\r\nhost: simulator.invalid\r\n")
        await made[0]
        await client.close()

    run(main())
