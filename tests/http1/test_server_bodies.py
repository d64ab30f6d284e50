"""Bodies between the client and the handler: told to go on, refused unread, skipped, or left."""

import asyncio

import pytest

from aiclient2api.http1.messages import BodyTooLarge, Exchange, Limits
from tests.http1.loops import Run, both_loops
from tests.http1.serving import echo, judge, one, serving

pytestmark = both_loops

TEXT = [("content-type", "text/plain")]
LAST = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


def posting(headers: bytes, body: bytes = b"", version: bytes = b"1.1") -> bytes:
    return b"POST / HTTP/%b\r\nHost: a\r\n%b\r\n%b" % (version, headers, body)


# --- Expect: 100-continue (RFC 9110, 10.1.1)

EXPECT = b"Expect: 100-continue\r\nContent-Length: 2\r\n"


@pytest.mark.parametrize("framing", [b"Content-Length: 2\r\n", b"Transfer-Encoding: chunked\r\n"])
def test_the_client_is_told_to_go_on_when_the_body_is_asked_for(run: Run, framing: bytes) -> None:
    async def main() -> None:
        asked = asyncio.Event()

        async def wait(exchange: Exchange) -> None:
            await asked.wait()
            await echo(exchange)

        async with serving(wait) as served:
            wire = await served.wire()
            await wire.send(posting(b"Expect: 100-Continue\r\nConnection: close\r\n" + framing))
            await asyncio.sleep(0.02)
            asked.set()
            interim = await wire.until(b"\r\n\r\n")
            assert interim == b"HTTP/1.1 100 Continue\r\n\r\n"
            await wire.send(b"hi" if framing[0] == 67 else b"2\r\nhi\r\n0\r\n\r\n")
            answer = one(interim + await wire.rest())
            assert (answer.interim, answer.body) == ([100], b"hi")

    run(main())


def test_a_refused_body_is_never_sent(run: Run) -> None:
    """An answer without "go on" closes: whether the body follows is not known."""

    async def main() -> None:
        async def deny(exchange: Exchange) -> None:
            await exchange.respond(401, TEXT, b"no")

        async with serving(deny) as served:
            answer = one(await served.ask(posting(EXPECT)))
            assert (answer.status, answer.interim, answer.headers["connection"]) == (401, [], "close")

    run(main())


@pytest.mark.parametrize(
    "request_bytes",
    [
        posting(EXPECT + b"Connection: close\r\n", b"hi"),
        posting(EXPECT, b"hi", version=b"1.0"),
        posting(b"Expect: 100-continue\r\nConnection: close\r\n"),
    ],
)
def test_no_interim_answer_where_none_is_awaited(run: Run, request_bytes: bytes) -> None:
    """The body is there already, HTTP/1.0 has no such thing, or there is no body."""

    async def main() -> None:
        async with serving() as served:
            assert one(await served.ask(request_bytes)).interim == []

    run(main())


def test_the_body_can_be_asked_for_after_the_start(run: Run) -> None:
    async def main() -> None:
        async def both_ways(exchange: Exchange) -> None:
            await exchange.start(200, TEXT)
            await exchange.write(await exchange.body())
            await exchange.write(await exchange.body())
            await exchange.finish()

        async with serving(both_ways) as served:
            wire = await served.wire()
            await wire.send(posting(EXPECT + b"Connection: close\r\n"))
            head = await wire.until(b"\r\n\r\n")
            await wire.send(b"hi")
            answer = one(head + await wire.rest())
            assert (answer.interim, answer.body) == ([], b"hihi")

    run(main())


# --- bodies nobody asks for

BODIES = {
    "short": (posting(b"Content-Length: 1000\r\n", b"GET / HTTP/1.1\r\n\r\n".ljust(1000, b"x")), True),
    "at the bound": (posting(b"Content-Length: 262144\r\n", bytes(262144)), True),
    "long": (posting(b"Content-Length: 5000000\r\n", bytes(5_000_000)), False),
    "chunked": (posting(b"Transfer-Encoding: chunked\r\n", b"fffff\r\n%b\r\n0\r\n\r\n" % bytes(0xFFFFF)), False),
}


@pytest.mark.parametrize(("request_bytes", "stays"), BODIES.values(), ids=BODIES.keys())
def test_an_unwanted_body_is_no_request(run: Run, request_bytes: bytes, stays: bool) -> None:
    """It is skipped if it is short; else the connection ends, and the answer arrives although bytes were left."""

    async def main() -> None:
        calls = 0

        async def deny(exchange: Exchange) -> None:
            nonlocal calls
            calls += 1
            await exchange.respond(401, TEXT, b"no")

        async with serving(deny) as served:
            wire = await served.wire()
            head, _, body = request_bytes.partition(b"\r\n\r\n")
            await wire.send(head + b"\r\n\r\n")
            first = await wire.until(b"no")
            assert (b"connection: close" not in first.lower()) == stays
            await wire.send(body)
            if stays:
                await wire.send(LAST)
            answers = judge(first + await wire.rest(), ["POST", "GET"] if stays else ["POST"])
            assert [each.status for each in answers] == [401] * calls == [401] * (1 + stays)

    run(main())


def test_a_handler_can_answer_a_body_over_the_limit_itself(run: Run) -> None:
    async def main() -> None:
        async def polite(exchange: Exchange) -> None:
            with pytest.raises(BodyTooLarge):
                await exchange.body()
            await exchange.respond(413, TEXT, b"in my own form")

        async with serving(polite, Limits(body_bytes=10)) as served:
            for request in (
                posting(b"Content-Length: 11\r\n"),
                posting(b"Transfer-Encoding: chunked\r\n", b"b\r\n0123456789a"),
            ):
                answer = one(await served.ask(request), "POST")
                assert (answer.body, answer.headers["connection"]) == (b"in my own form", "close")

    run(main())
