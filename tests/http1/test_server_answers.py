"""What a handler can say and how it goes out: framing by length, chunks or the connection's end, heads without a body,
and handlers that fail. h11 reads every byte."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

from aiclient2api.http1.messages import Exchange
from tests.http1.loops import Run, both_loops
from tests.http1.serving import about, echo, judge, one, serving

pytestmark = both_loops

TEXT = [("content-type", "text/plain")]
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
OLD = b"GET / HTTP/1.0\r\n\r\n"


def posting(headers: bytes, body: bytes = b"", version: bytes = b"1.1") -> bytes:
    return b"POST / HTTP/%b\r\nHost: a\r\n%b\r\n%b" % (version, headers, body)


async def stream(exchange: Exchange) -> None:
    await exchange.start(200, TEXT)
    for piece in (b"one", b"", b"two" * 7, b"\r\n0\r\n\r\n"):
        await exchange.write(piece)
        await asyncio.sleep(0)
    await exchange.finish()


STREAMED = b"one" + b"two" * 7 + b"\r\n0\r\n\r\n"


def test_a_stream_is_chunked(run: Run) -> None:
    async def main() -> None:
        async with serving(stream) as served:
            first, last = judge(await served.ask(GET + LAST), ["GET", "GET"])
            assert first.body == last.body == STREAMED
            assert first.headers["transfer-encoding"] == "chunked"
            assert "content-length" not in first.headers

    run(main())


def test_a_stream_to_http_1_0_ends_with_the_connection(run: Run) -> None:
    """C6"""

    async def main() -> None:
        async with serving(stream) as served:
            for request in (OLD, OLD[:-2] + b"Connection: keep-alive\r\n\r\n"):
                answer = one(await served.ask(request))
                assert answer.body == STREAMED
                assert "transfer-encoding" not in answer.headers
                assert answer.headers["connection"] == "close"

    run(main())


def test_the_head_of_a_stream_does_not_wait_for_its_first_piece(run: Run) -> None:
    async def main() -> None:
        go = asyncio.Event()

        async def slow(exchange: Exchange) -> None:
            await exchange.start(200, TEXT)
            await go.wait()
            await exchange.finish()

        async with serving(slow) as served:
            wire = await served.wire()
            await wire.send(LAST)
            head = await wire.until(b"\r\n\r\n")
            go.set()
            assert one(head + await wire.rest()).body == b""

    run(main())


@pytest.mark.parametrize("status", [204, 304])
@pytest.mark.parametrize("method", [b"GET", b"POST"])
@pytest.mark.parametrize("streamed", [False, True])
def test_answers_that_have_no_body(run: Run, status: int, method: bytes, streamed: bool) -> None:
    async def main() -> None:
        async def bodiless(exchange: Exchange) -> None:
            if streamed:
                await exchange.start(status, [])
                await exchange.write(b"never")
                await exchange.finish()
            else:
                await exchange.respond(status, [], b"never")

        async with serving(bodiless) as served:
            data = await served.ask(method + GET[3:] + method + LAST[3:])
            for answer in judge(data, [method.decode()] * 2):
                assert (answer.status, answer.body) == (status, b"")
                assert not {"content-length", "transfer-encoding"} & set(answer.headers)

    run(main())


@pytest.mark.parametrize("handler", [echo, stream])
@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
def test_head_gets_the_head_only(run: Run, handler: Callable[[Exchange], Awaitable[None]], version: bytes) -> None:
    async def main() -> None:
        async with serving(handler) as served:
            keep = b"HEAD / HTTP/%b\r\nHost: a\r\nConnection: keep-alive\r\n\r\n" % version
            data = await served.ask(keep + keep.replace(b"keep-alive", b"close"))
            assert [each.body for each in judge(data, ["HEAD", "HEAD"])] == [b"", b""]

    run(main())


@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 65537, 3_000_000])
def test_bodies_of_all_sizes(run: Run, size: int) -> None:
    async def main() -> None:
        async def big(exchange: Exchange) -> None:
            await exchange.respond(200, TEXT, b"x" * size)

        async with serving(big) as served:
            assert [len(each.body) for each in judge(await served.ask(GET + LAST), ["GET", "GET"])] == [size, size]

    run(main())


@pytest.mark.parametrize("status", [200, 299, 404, 429, 500, 529, 599, 999])
def test_every_final_status(run: Run, status: int) -> None:
    async def main() -> None:
        async def say(exchange: Exchange) -> None:
            await exchange.respond(status, TEXT, b"x")

        async with serving(say) as served:
            assert one(await served.ask(LAST)).status == status

    run(main())


BAD_HEADERS = [
    ("x-a", "1\r\nx-b: 2"), ("x-a", "1\nx-b: 2"), ("x-a", "1\rx-b: 2"), ("x-a", "1\r\n\r\nHTTP/1.1 200 OK"),
    ("x-a", "a\0b"), ("x-a", "a\x0bb"), ("x-a", "a\x7fb"), ("x-a", "\x01"), ("x-a", "€"),
    ("x-a: b\r\nx-c", "1"), ("x a", "1"), ("", "1"), ("x-ä", "1"), ("x-a\n", "1"), (":x", "1"),
    ("content-length", "5"), ("Transfer-Encoding", "chunked"), ("connection", "close"), ("Date", "now"),
]  # fmt: skip


def test_a_header_cannot_split_the_answer(run: Run) -> None:
    """S9: refused before a byte is sent, so the handler can still say something else."""

    async def main() -> None:
        async def inject(exchange: Exchange) -> None:
            for bad in BAD_HEADERS:
                with about(bad), pytest.raises(ValueError):
                    await exchange.start(200, [*TEXT, bad])
                with about(bad), pytest.raises(ValueError):
                    await exchange.respond(200, [*TEXT, bad], b"x")
            assert not exchange.started
            await exchange.respond(200, TEXT, b"sorry")

        async with serving(inject) as served:
            answers = judge(await served.ask(GET + LAST), ["GET", "GET"])
            assert [(each.status, each.body) for each in answers] == [(200, b"sorry")] * 2

    run(main())


def test_only_final_statuses_are_answers(run: Run) -> None:
    async def main() -> None:
        async def say(exchange: Exchange) -> None:
            for status in (0, 99, 100, 101, 199, 1000, -200):
                with about(status), pytest.raises(ValueError):
                    await exchange.respond(status, TEXT, b"x")
            await exchange.respond(200, TEXT, b"y")

        async with serving(say) as served:
            assert one(await served.ask(LAST)).body == b"y"

    run(main())


def test_out_of_order_calls_are_refused_and_harmless(run: Run) -> None:
    async def main() -> None:
        async def confused(exchange: Exchange) -> None:
            for early in (exchange.write(b"x"), exchange.finish()):
                with pytest.raises(RuntimeError):
                    await early
            await exchange.start(200, TEXT)
            for again in (exchange.start(200, TEXT), exchange.respond(200, TEXT, b"x")):
                with pytest.raises(RuntimeError):
                    await again
            await exchange.write(b"fine")
            await exchange.finish()
            await exchange.finish()
            with pytest.raises(RuntimeError):
                await exchange.write(b"x")

        async with serving(confused) as served:
            assert [each.body for each in judge(await served.ask(GET + LAST), ["GET", "GET"])] == [b"fine", b"fine"]

    run(main())


# --- handlers that fail


async def fail_before(exchange: Exchange) -> None:
    raise KeyError("a client's secret")


async def return_without_answer(exchange: Exchange) -> None:
    await exchange.body()


async def fail_after_start(exchange: Exchange) -> None:
    await exchange.start(200, TEXT)
    raise KeyError("a client's secret")


async def fail_after_write(exchange: Exchange) -> None:
    await exchange.start(200, TEXT)
    await exchange.write(b"half")
    raise KeyError("a client's secret")


async def return_without_end(exchange: Exchange) -> None:
    await exchange.start(200, TEXT)
    await exchange.write(b"half")


async def fail_after_finish(exchange: Exchange) -> None:
    await exchange.respond(200, TEXT, b"all of it")
    raise KeyError("a client's secret")


@pytest.mark.parametrize("handler", [fail_before, return_without_answer])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_no_answer_is_a_500(run: Run, handler: Callable[[Exchange], Awaitable[None]], method: str) -> None:
    async def main() -> None:
        async with serving(handler) as served:
            answer = one(await served.ask(method.encode() + GET[3:]), method)
            assert (answer.status, answer.headers["x-refused"]) == (500, "500")
            assert b"secret" not in answer.body
            assert bool(answer.body) == (method == "GET")

    run(main())


@pytest.mark.parametrize("handler", [fail_after_start, fail_after_write, return_without_end])
def test_half_an_answer_looks_like_half(run: Run, handler: Callable[[Exchange], Awaitable[None]]) -> None:
    """D3: chunks without their end, or for HTTP/1.0 a reset."""

    async def main() -> None:
        async with serving(handler) as served:
            (answer,) = judge(await served.ask(GET))
            assert answer.status == 200
            assert not answer.whole
            with pytest.raises(ConnectionResetError):
                await served.ask(OLD)

    run(main())


def test_a_failure_after_the_answer_keeps_the_answer(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with serving(fail_after_finish) as served:
            assert one(await served.ask(GET)).body == b"all of it"
            assert one(await served.ask(posting(b"Content-Length: 9\r\n")), "POST").body == b"all of it"

    with caplog.at_level(logging.DEBUG):
        run(main())
    errors = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(errors) == 2
    assert all("KeyError" in error for error in errors)
    assert "secret" not in caplog.text  # S1
