"""What is refused: over a limit, not HTTP, not offered. The answer has the form that `refuse` gives, says that the
connection ends, and arrives although the client may still be sending."""

import asyncio
import contextlib

import pytest

from aiclient2api.http1.messages import Exchange, Limits
from tests.http1.loops import Run, both_loops
from tests.http1.serving import Answer, about, echo, judge, one, serving

pytestmark = both_loops

SMALL = Limits(head_bytes=1000, header_count=5, body_bytes=100)
HOST = b"Host: a\r\n"


def get(headers: bytes = b"", line: bytes = b"GET / HTTP/1.1") -> bytes:
    return line + b"\r\n" + HOST + headers + b"\r\n"


def check_refused(data: bytes, status: int, method: str = "GET") -> Answer:
    answer = one(data, method)
    assert (answer.status, answer.headers["x-refused"]) == (status, str(status))
    assert answer.headers["connection"] == "close"
    assert answer.body
    return answer


REFUSED: dict[str, tuple[int, bytes]] = {
    "target": (414, b"GET /" + b"x" * 2000),
    "target of a whole head": (414, get(line=b"GET /" + b"x" * 2000 + b" HTTP/1.1")),
    "headers without end": (431, get(b"X: " + b"x" * 2000)[:-4]),
    "headers": (431, get(b"X: " + b"x" * 2000 + b"\r\n")),
    "many headers": (431, get(b"X: x\r\n" * 5)),
    "garbage": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    "garbage with an end": (400, b"hello there\r\n\r\n"),
    "no version": (400, get(line=b"GET /")),
    "lower case": (400, get(line=b"get / HTTP/1.1")),
    "two spaces": (400, get(line=b"GET  / HTTP/1.1")),
    "tab": (400, get(line=b"GET\t/ HTTP/1.1")),
    "space after": (400, get(line=b"GET / HTTP/1.1 ")),
    "control in target": (400, get(line=b"GET /\x01 HTTP/1.1")),
    "8 bit in target": (400, get(line=b"GET /\xc3\xa9 HTTP/1.1")),
    "backslash": (400, get(line=b"GET \\ HTTP/1.1")),
    "no host": (400, b"GET / HTTP/1.1\r\nX: y\r\n\r\n"),
    "escaped NUL": (400, get(line=b"GET /a%00b HTTP/1.1")),
    "escaped line end": (400, get(line=b"GET /a%0D%0Ab HTTP/1.1")),
    "escaped line end in bad UTF-8": (400, get(line=b"GET /a%ff%0Ab HTTP/1.1")),
    "fragment": (400, get(line=b"GET /a#b HTTP/1.1")),
    "connect": (501, b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"),
    "unknown method": (501, get(line=b"BREW /pot HTTP/1.1")),
    "coding": (501, get(b"Transfer-Encoding: gzip, chunked\r\n", b"POST / HTTP/1.1")),
    "coding without length": (400, get(b"Transfer-Encoding: gzip\r\n", b"POST / HTTP/1.1")),
    "0.9": (505, get(line=b"GET / HTTP/0.9")),
    "1.2": (505, get(line=b"GET / HTTP/1.2")),
    "2": (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
}  # fmt: skip


@pytest.mark.parametrize("bytewise", [False, True])
def test_requests_that_never_reach_a_handler(run: Run, bytewise: bool) -> None:
    async def main() -> None:
        async with serving(never, SMALL) as served:
            for name, (status, data) in REFUSED.items():
                with about(name):
                    wire = await served.wire()
                    try:
                        await wire.drip(*([data[i : i + 1] for i in range(len(data))] if bytewise else [data]))
                    except ConnectionError:
                        assert bytewise
                    check_refused(await wire.gone(), status)

    run(main())


async def never(exchange: Exchange) -> None:
    raise AssertionError(exchange.target)


def test_refused_heads_have_no_body(run: Run) -> None:
    async def main() -> None:
        async with serving(never, SMALL) as served:
            data = await served.ask(b"HEAD / HTTP/1.1\r\n\r\n")
            answer = one(data, "HEAD")
            assert (answer.status, int(answer.headers["content-length"]) > 0) == (400, True)

    run(main())


def test_after_good_requests_a_bad_one_ends_the_connection(run: Run) -> None:
    """C6, C7: in order, and what follows the bad one is not read."""

    async def main() -> None:
        async with serving(limits=SMALL) as served:
            answers = judge(await served.ask(get() + get() + get(b"Bad\r\n") + get()), ["GET"] * 3)
            assert [each.status for each in answers] == [200, 200, 400]

    run(main())


def test_just_within_the_limits(run: Run) -> None:
    async def main() -> None:
        close = b"Connection: close\r\n"
        async with serving(limits=SMALL) as served:
            bare = len(get(close + b"X: \r\n"))
            assert one(await served.ask(get(close + b"X: %b\r\n" % (b"x" * (1000 - bare))))).status == 200
            check_refused(await served.ask(get(close + b"X: %b\r\n" % (b"x" * (1001 - bare)))), 431)
            assert one(await served.ask(get(close + b"X: x\r\n" * 3))).status == 200
            for request in (
                get(close + b"Content-Length: 100\r\n", b"POST / HTTP/1.1") + b"b" * 100,
                get(close + b"Transfer-Encoding: chunked\r\n", b"POST / HTTP/1.1")
                + b"64\r\n%b\r\n0\r\n\r\n" % (b"b" * 100),
            ):
                assert one(await served.ask(request), "POST").body == b"b" * 100

    run(main())


def test_a_body_over_the_limit_is_refused_by_its_length(run: Run) -> None:
    """C2: before a byte of it is read."""

    async def main() -> None:
        async with serving(limits=SMALL) as served:
            for expect in (b"", b"Expect: 100-continue\r\n"):
                data = await served.ask(get(b"Content-Length: 101\r\n" + expect, b"POST / HTTP/1.1"))
                assert check_refused(data, 413, "POST").interim == []

    run(main())


def test_a_body_over_the_limit_is_refused_by_count(run: Run) -> None:
    async def main() -> None:
        async with serving(limits=SMALL) as served:
            wire = await served.wire()
            await wire.send(get(b"Transfer-Encoding: chunked\r\n", b"POST / HTTP/1.1"))
            await wire.send(b"40\r\n%b\r\n" % bytes(0x40))
            await asyncio.sleep(0.02)
            assert served.server.active == 1
            await wire.send(b"25\r\n%b" % bytes(0x25))
            check_refused(await wire.rest(), 413, "POST")

    run(main())


@pytest.mark.parametrize("framing", [b"Content-Length: 30000000\r\n", b"Transfer-Encoding: chunked\r\n"])
def test_a_client_that_sends_all_before_it_looks_gets_its_413(run: Run, framing: bytes) -> None:
    """D1: closing at once would reset the connection and take the answer along (RFC 9112, 9.6)."""

    async def main() -> None:
        async with serving(limits=SMALL) as served:
            wire = await served.wire()
            await wire.send(get(framing, b"POST / HTTP/1.1"))
            chunk = b"80000\r\n%b\r\n" % bytes(0x80000)
            for _ in range(50):
                await wire.send(chunk)
            check_refused(await wire.rest(), 413, "POST")

    run(main())


BROKEN_CHUNKS: dict[str, bytes] = {
    "no size": b"\r\nab", "no hex": b"xyz\r\n", "signed": b"-1\r\n", "0x": b"0x1\r\na\r\n0\r\n\r\n",
    "too big": b"10000000000000000\r\n", "LF": b"1\na\r\n0\r\n\r\n", "LF after": b"1\r\na\n0\r\n\r\n",
    "longer than it says": b"1\r\nab\r\n0\r\n\r\n", "space": b"1 \r\na\r\n0\r\n\r\n", "space before": b" 1\r\na\r\n",
    "LF in extension": b"1;a\na\r\n", "CR in extension": b"1;a\rb\r\n", "NUL in extension": b"1;\0\r\n",
    "folded trailer": b"0\r\nA: b\r\n c\r\n\r\n", "no trailer": b"0\r\nA b\r\n\r\n",
    "LF in trailer": b"0\r\nA: b\nC: d\r\n\r\n",
    "length in trailer": b"0\r\nContent-Length: 3\r\n\r\nabc", "LF at the end": b"0\r\n\nGET / HTTP/1.1",
    "endless extension": b"1;" + b"x" * 17000, "endless trailer": b"0\r\n" + b"A: b\r\n" * 4000,
}  # fmt: skip


@pytest.mark.parametrize("bytewise", [False, True])
def test_broken_chunks(run: Run, bytewise: bool) -> None:
    """C7: nothing after them is a request."""

    async def main() -> None:
        async with serving() as served:
            for name, chunks in BROKEN_CHUNKS.items():
                with about(name):
                    wire = await served.wire()
                    data = get(b"Transfer-Encoding: chunked\r\n", b"POST / HTTP/1.1") + chunks
                    step = 1 if bytewise and len(data) < 1000 else 1000 if bytewise else len(data)
                    with contextlib.suppress(ConnectionError):  # the answer may be quicker
                        await wire.drip(*(data[i : i + step] for i in range(0, len(data), step)))
                        await wire.send(b"\r\n\r\n" + get())
                    check_refused(await wire.gone(), 400, "POST")

    run(main())


# --- too many connections


def test_connections_over_the_limit_are_told_so(run: Run) -> None:
    """P10: and are served again once others have gone."""

    async def main() -> None:
        async with serving(limits=Limits(connections=2)) as served:
            first, second = await served.wire(), await served.wire()
            await first.send(get())
            await second.send(get())
            await first.until(b"\r\n\r\n")
            await second.until(b"\r\n\r\n")
            third = await served.wire()
            check_refused(await third.rest(), 503)
            third.close()
            await first.send(get())
            assert one(await first.until(b"\r\n\r\n"), closed=False).status == 200
            second.close()
            await asyncio.sleep(0.02)
            assert one(await served.ask(get(b"Connection: close\r\n"))).status == 200

    run(main())


def test_connections_far_over_the_limit_are_just_closed(run: Run) -> None:
    async def main() -> None:
        async with serving(limits=Limits(connections=1)) as served:
            wires = [await served.wire() for _ in range(80)]
            await asyncio.sleep(0.05)
            assert served.server.connections <= 1 + 64
            told = [await wire.gone() for wire in wires[1:]]
            assert {b"" if not each else each[:12] for each in told} == {b"", b"HTTP/1.1 503"}
            assert sum(not each for each in told) == 80 - 1 - 64
            await wires[0].send(get(b"Connection: close\r\n"))
            assert one(await wires[0].rest()).status == 200

    run(main())


def test_a_handler_that_refuses_without_reading(run: Run) -> None:
    """A door that denies before it reads: the answer says close, and the client may stop sending."""

    async def deny(exchange: Exchange) -> None:
        if exchange.headers.get("authorization") is None:
            await exchange.respond(401, [], b"no")
        else:
            await echo(exchange)

    async def main() -> None:
        async with serving(deny) as served:
            wire = await served.wire()
            await wire.send(get(b"Content-Length: 30000000\r\n", b"POST / HTTP/1.1"))
            sent = await wire.push(bytes(30_000_000), 0.2)
            answer = one(await wire.gone(), "POST")
            assert (answer.status, answer.headers["connection"]) == (401, "close")
            assert sent <= 30_000_000

    run(main())
