"""What upstreams do wrong, and the error it becomes."""

import asyncio
import socket
import threading
import time

import pytest

from aiclient2api.http1.client import Client
from aiclient2api.http1.messages import (
    BadAnswer,
    ConnectFailed,
    Deadlines,
    HttpError,
    Outbound,
    Truncated,
)
from tests.http1.loops import Run, both_loops
from tests.http1.upstream import Step, Upstream

pytestmark = both_loops

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BODY = b"data: one\n\ndata: two\n\n"
STREAM = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKED = STREAM + b"b\r\n%s\r\nb\r\n%s\r\n0\r\n\r\n" % (BODY[:11], BODY[11:])
FIRST = CHUNKED[: len(STREAM) + 16]  # one chunk whole
LIMITS = Deadlines(connect=2.0, head=3.0, idle=3.0)


def post(url: str, body: bytes = b"{}") -> Outbound:
    return Outbound(method="POST", url=url, body=body)


async def collect(client: Client, url: str) -> bytes:
    """The body as it came, piece by piece; raises what ended it."""
    got = b""
    async with await client.send(post(url), LIMITS) as answer:
        async for piece in answer.chunks():
            got += piece
    return got


@pytest.mark.parametrize("end", ["rst", "close"])
@pytest.mark.parametrize("wire", [CHUNKED, OK])
def test_a_cut_at_every_byte_is_an_error(run: Run, end: str, wire: bytes) -> None:
    """F1, F2"""
    last: list[Step] = [("rst",)] if end == "rst" else []
    scripts = [[("read",), ("send", wire[:k]), *last] for k in range(len(wire))]

    async def main() -> None:
        async with Upstream(*scripts) as up:
            client = Client()
            started = time.monotonic()
            for k in range(len(wire)):
                with pytest.raises(Truncated, match="before an answer" if k == 0 else None):
                    await collect(client, up.url)
            assert (time.monotonic() - started) / len(wire) < 0.25
            assert up.connections == len(wire)
            await client.close()

    run(main())


def test_what_came_before_a_reset_is_delivered(run: Run) -> None:
    async def main() -> None:
        script: list[Step] = [("read",), ("send", FIRST), ("wait", "go"), ("rst",)]
        async with Upstream(script) as up:
            client = Client()
            async with await client.send(post(up.url), LIMITS) as answer:
                pieces = answer.chunks()
                assert await anext(pieces) == BODY[:11]
                up.go("go")
                with pytest.raises(Truncated, match="in the body"):
                    await anext(pieces)
            await client.close()

    run(main())


def test_a_reset_is_no_end_for_a_body_without_length(run: Run) -> None:
    async def main() -> None:
        script: list[Step] = [("read",), ("send", b"HTTP/1.1 200 OK\r\n\r\nhalf"), ("wait", "go"), ("rst",)]
        async with Upstream(script) as up:
            client = Client()
            async with await client.send(post(up.url), LIMITS) as answer:
                up.go("go")
                with pytest.raises(Truncated):
                    await answer.read(100)
            await client.close()

    run(main())


@pytest.mark.parametrize("after", [[("rst",)], [], [("read",), ("rst",)], [("read",)]])
@pytest.mark.parametrize("pause", [0.0, 0.03])
def test_a_stale_connection_is_replaced_once(run: Run, after: list[Step], pause: float) -> None:
    """F14: whether the pooled connection ended before, while or after the request went out."""

    async def main() -> None:
        dying: list[Step] = [("read",), ("send", OK), *after]
        fresh: list[Step] = [("read",), ("send", OK), ("stall",)]
        async with Upstream(dying, fresh) as up:
            client = Client()
            await client.fetch(post(up.url), LIMITS)
            await asyncio.sleep(pause)
            assert (await client.fetch(post(up.url), LIMITS))[2] == b"ok"
            assert up.connections == 2
            await client.close()

    run(main())


@pytest.mark.parametrize("apart", [False, True])
def test_an_answer_nobody_asked_for_is_dropped(run: Run, apart: bool) -> None:
    """Some servers say 408 before they close an idle connection; it must not answer the next request."""
    unasked = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"
    dying: list[Step] = [("read",), ("send", OK), ("wait", "go"), ("send", unasked), ("stall",)]
    if not apart:
        dying = [("read",), ("send", OK + unasked), ("stall",)]

    async def main() -> None:
        async with Upstream(dying, [("read",), ("send", OK), ("stall",)]) as up:
            client = Client()
            assert (await client.fetch(post(up.url), LIMITS))[0] == 200
            up.go("go")
            await up.gone()
            assert (await client.fetch(post(up.url), LIMITS))[0] == 200
            assert up.connections == 2
            await client.close()

    run(main())


def test_only_stale_connections_are_replaced(run: Run) -> None:
    """F14: neither a fresh connection, nor a second time, nor after a byte of the answer."""

    async def main() -> None:
        first: list[Step] = [("read",), ("send", OK), ("read",), ("rst",)]
        async with Upstream(first, [("read",), ("rst",)]) as up:
            client = Client()
            await client.fetch(post(up.url), LIMITS)
            with pytest.raises(Truncated):
                await client.fetch(post(up.url), LIMITS)
            assert (up.connections, len(up.requests)) == (2, 3)
            await client.close()
        async with Upstream([("read",), ("send", OK), ("read",), ("send", b"H"), ("rst",)]) as up:
            client = Client()
            await client.fetch(post(up.url), LIMITS)
            with pytest.raises(Truncated):
                await client.fetch(post(up.url), LIMITS)
            assert (up.connections, len(up.requests)) == (1, 2)
            await client.close()

    run(main())


def test_a_stale_connection_is_replaced_when_the_host_is_full(run: Run) -> None:
    async def main() -> None:
        dying: list[Step] = [("read",), ("send", OK), ("read",), ("rst",)]
        async with Upstream(dying, dying, [("read",), ("send", OK), ("stall",)]) as up:
            client = Client(max_per_host=2)
            await asyncio.gather(*(client.fetch(post(up.url), LIMITS) for _ in range(2)))
            results = await asyncio.gather(*(client.fetch(post(up.url), LIMITS) for _ in range(4)))
            assert [body for _, _, body in results] == [b"ok"] * 4
            assert 4 <= up.connections <= 6  # who is replaced never gets a used one
            await client.close()

    run(main())


@pytest.mark.parametrize("last", [("stall",), ("rst",), ("fin",)])
@pytest.mark.parametrize("before", [b"", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_an_early_refusal_is_delivered(run: Run, last: Step, before: bytes) -> None:
    """F15: 413 while the body is still on its way, the connection then held, reset, or half-closed."""
    refusal = before + b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig"

    async def main() -> None:
        async with Upstream([("head",), ("send", refusal), ("wait", "go"), last], buffer=32 * 1024) as up:
            client = Client()
            async with await client.send(post(up.url, bytes(20 << 20)), LIMITS) as answer:
                assert answer.status == 413
                up.go("go")
                assert await answer.read(100) == b"big"
            assert not client._pool.take(client._prepare("POST", up.url, (), None).route)
            await client.close()

    run(main())


@pytest.mark.parametrize("size", [1000, 1 << 20, 8 << 20])
def test_an_early_refusal_with_an_immediate_reset(run: Run, size: int) -> None:
    """F15: from a thread of its own, so that the reset meets every moment of the upload."""
    listener = socket.create_server(("127.0.0.1", 0))
    rounds = 30

    def refuse() -> None:
        for _ in range(rounds):
            peer, _ = listener.accept()
            peer.recv(1000)
            peer.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
            peer.close()  # with unread bytes: a reset

    async def main() -> None:
        client = Client()
        outcomes = []
        for _ in range(rounds):
            try:
                outcomes.append((await client.fetch(post(url, bytes(size)), LIMITS))[0])
            except Truncated:
                outcomes.append(0)
        await client.close()
        assert set(outcomes) <= {0, 413}
        assert outcomes.count(413) >= rounds * 0.7, outcomes

    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with listener:
        thread = threading.Thread(target=refuse, daemon=True)
        thread.start()
        run(main())
        thread.join()


def test_an_upstream_that_half_closes_while_we_send(run: Run) -> None:
    """F15: without an answer there is nothing to wait for."""

    async def main() -> None:
        async with Upstream([("head",), ("fin",), ("stall",)]) as up:
            client = Client()
            started = time.monotonic()
            with pytest.raises(Truncated):
                await client.fetch(post(up.url, bytes(20 << 20)), LIMITS)
            assert time.monotonic() - started < 1
            await client.close()

    run(main())


@pytest.mark.parametrize("wire", [b"<html>portal</html>", b"\x15\x03\x01\x00\x02\x02", b"SSH-2.0-OpenSSH\r\n"])
def test_not_http(run: Run, wire: bytes) -> None:
    """F5"""

    async def main() -> None:
        async with Upstream([("send", wire), ("stall",)]) as up:
            client = Client()
            with pytest.raises((BadAnswer, Truncated)):
                await client.fetch(post(up.url), LIMITS)
            await up.gone()
            await client.close()

    run(main())


def test_a_broken_chunk_in_the_middle(run: Run) -> None:
    async def main() -> None:
        async with Upstream([("read",), ("send", FIRST), ("wait", "go"), ("send", b"rubbish"), ("stall",)]) as up:
            client = Client()
            async with await client.send(post(up.url), LIMITS) as answer:
                pieces = answer.chunks()
                assert await anext(pieces) == BODY[:11]
                up.go("go")
                with pytest.raises(BadAnswer):
                    await anext(pieces)
            await up.gone()
            await client.close()

    run(main())


def test_nobody_listens(run: Run) -> None:
    """F14"""

    async def main() -> None:
        async with Upstream([]) as up:
            url = up.url
        client = Client()
        with pytest.raises(ConnectFailed, match=r"127\.0\.0\.1:\d+: connection refused"):
            await client.fetch(post(url), LIMITS)
        assert not client._pool._buckets
        await client.close()

    run(main())


@pytest.mark.parametrize("host", ["nothing.invalid", "a..b", "x" * 64 + ".invalid"])
def test_no_such_name(run: Run, host: str) -> None:
    """F14"""

    async def main() -> None:
        client = Client()
        with pytest.raises(ConnectFailed, match="the name was not found"):
            await client.fetch(post(f"http://{host}/"), LIMITS)
        await client.close()

    run(main())


def test_requests_that_are_no_http_are_refused_before_connecting(run: Run) -> None:
    async def main() -> None:
        client = Client()
        with pytest.raises(ValueError, match="header x"):
            await client.fetch(Outbound(method="GET", url="http://h/", headers=(("x", "a\nb"),)), LIMITS)
        await client.close()

    run(main())


def test_errors_hold_no_secrets(run: Run) -> None:
    """S1"""

    async def main() -> None:
        async with Upstream([("read",), ("send", b"sesame"), ("stall",)], [("rst",)], [("stall",)]) as up:
            client = Client()
            request = Outbound(
                method="POST",
                url=f"{up.url}/?key=sesame",
                headers=(("authorization", "Bearer sesame"),),
                body=b"sesame",
            )
            for _ in range(3):
                with pytest.raises(HttpError) as caught:
                    await client.fetch(request, Deadlines(connect=0.2, head=0.2))
                error: BaseException | None = caught.value
                while error is not None:
                    assert "sesame" not in f"{error} {error!r}"
                    error = error.__cause__ or error.__context__
            await client.close()

    run(main())
