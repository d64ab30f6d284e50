"""Requests of every form, whole, byte by byte, in random pieces and with the next request behind them; and their
answers, read by h11."""

import asyncio
import contextlib
import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiclient2api import tasks
from aiclient2api.http1.messages import Exchange
from tests.http1.loops import LOOPS, Run, both_loops, run_on
from tests.http1.serving import Answer, about, echo, judge, one, serving

CHUNKED = (
    b"POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    b'4;name=value;q="a b"\r\n\r\n\r\n\r\n00A\r\n0123456789\r\n1\r\n\r\r\n0;last\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n'
)
H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"
NEXT = b"GET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

Case = tuple[bytes, str, str, bytes, bool]
"""Request, method, path that the handler sees, body, whether the connection stays open."""

CASES: dict[str, Case] = {
    "get": (b"GET /a?b=c HTTP/1.1\r\nHost: a\r\n\r\n", "GET", "/a", b"", True),
    "close": (b"GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "GET", "/a", b"", False),
    "close among others": (b"GET /a HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n", "GET", "/a", b"", False),
    "close with body": (
        b"POST /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi", "POST", "/a", b"hi", False
    ),
    "head": (b"HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n", "HEAD", "/a", b"", True),
    "1.0": (b"GET /a HTTP/1.0\r\n\r\n", "GET", "/a", b"", False),
    "1.0 keep-alive": (b"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "GET", "/a", b"", True),
    "1.0 keep-alive with body": (
        b"POST /a HTTP/1.0\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nhi", "POST", "/a", b"hi", True
    ),
    "length": (
        b"POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\n\r\n\r\nGET ", "POST", "/b", b"\r\n\r\nGET ", True
    ),
    "length 0": (b"POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", "POST", "/b", b"", True),
    "no length": (b"POST /b HTTP/1.1\r\nHost: a\r\n\r\n", "POST", "/b", b"", True),
    "get with body": (b"GET /b HTTP/1.1\r\nHost: a\r\ncontent-length:3 \r\n\r\nabc", "GET", "/b", b"abc", True),
    "chunked": (CHUNKED, "POST", "/c", b"\r\n\r\n0123456789\r", True),
    "chunked, empty": (
        b"PUT /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\n\r\n", "PUT", "/c", b"", True
    ),
    "options": (b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS", "*", b"", True),
    "absolute": (b"GET http://a:80/p?q HTTP/1.1\r\nHost: A:80\r\n\r\n", "GET", "/p", b"", True),
    "absolute, no path": (b"GET http://a?q HTTP/1.1\r\nHost: a\r\n\r\n", "GET", "/", b"", True),
    "escapes": (b"GET /%61%2Fb%20%c3%a9%ff HTTP/1.1\r\nHost: a\r\n\r\n", "GET", "/a/b \\xe9%FF", b"", True),
    "empty lines before": (b"\r\n\r\nGET /a HTTP/1.1\r\nHost: a\r\n\r\n", "GET", "/a", b"", True),
    "upgrade": (b"GET /a HTTP/1.1\r\nHost: a\r\n" + H2C + b"\r\n", "GET", "/a", b"", True),
    "upgrade with body": (
        b"POST /a HTTP/1.1\r\nHost: a\r\n" + H2C + b"Content-Length: 2\r\n\r\nhi", "POST", "/a", b"hi", True
    ),
    "upgrade with chunks": (
        b"POST /a HTTP/1.1\r\nHost: a\r\n" + H2C + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        "POST", "/a", b"hi", True,
    ),
}  # fmt: skip

Cut = Callable[[bytes], list[bytes]]


def whole(data: bytes) -> list[bytes]:
    return [data]


def bytewise(data: bytes) -> list[bytes]:
    return [data[i : i + 1] for i in range(len(data))]


def check(case: Case, answer: Answer) -> None:
    _, method, path, body, _ = case
    assert answer.status == 200
    assert answer.headers["x-method"] == method
    assert answer.headers["x-path"] == path
    assert answer.headers["content-length"] == str(len(body))
    assert answer.body == (b"" if method == "HEAD" else body)


def check_all(case: Case, data: bytes) -> None:
    """The answer to the case, and to the next request if there can be one."""
    answers = judge(data, [case[1], "GET"] if case[4] else [case[1]])
    check(case, answers[0])
    assert [each.headers["x-path"] for each in answers[1:]] == ["/next"] * case[4]


@both_loops
@pytest.mark.parametrize("cut", [whole, bytewise])
def test_a_request_is_answered_however_it_is_cut(run: Run, cut: Cut) -> None:
    """C6"""

    async def main() -> None:
        async with serving() as served:
            for name, case in CASES.items():
                with about(name):
                    wire = await served.wire()
                    await wire.drip(*cut(case[0]))
                    if case[4]:
                        await wire.send(NEXT)
                    check_all(case, await wire.rest())
                    wire.close()
                    await served.quiet()

    run(main())


@both_loops
@pytest.mark.parametrize("cut", [whole, bytewise])
def test_what_follows_a_request_is_the_next_one_or_is_never_read(run: Run, cut: Cut) -> None:
    """C6: the next request is sent before the answer."""

    async def main() -> None:
        async with serving() as served:
            for name, case in CASES.items():
                with about(name):
                    wire = await served.wire()
                    with contextlib.suppress(ConnectionError):  # it may have closed already
                        await wire.drip(*cut(case[0] + NEXT))
                    check_all(case, await wire.gone())
                    wire.close()
                    await served.quiet()

    run(main())


@pytest.mark.parametrize("loop", LOOPS)
def test_random_cuts_of_random_conversations(loop: str) -> None:
    open_cases = [case for case in CASES.values() if case[4]]

    async def main(examples: list[tuple[list[Case], int]]) -> None:
        async with serving() as served:
            for cases, seed in examples:
                data = b"".join(case[0] for case in cases) + NEXT
                cuts = sorted(random.Random(seed).sample(range(len(data)), min(8, len(data))))
                wire = await served.wire()
                await wire.drip(*(data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)))
                answers = judge(await wire.rest(), [case[1] for case in cases] + ["GET"])
                for case, answer in zip(cases, answers, strict=False):
                    check(case, answer)
                assert answers[-1].headers["x-path"] == "/next"
                wire.close()
            await served.quiet()

    example = st.tuples(st.lists(st.sampled_from(open_cases), max_size=5), st.integers())

    @settings(max_examples=10, deadline=None)
    @given(st.lists(example, min_size=4, max_size=8))
    def search(examples: list[tuple[list[Case], int]]) -> None:
        run_on(loop, main(examples))

    search()


@both_loops
def test_pipelined_answers_keep_their_order(run: Run) -> None:
    """C6: a slow answer holds up the quick ones behind it."""

    async def slow_first(exchange: Exchange) -> None:
        await asyncio.sleep(0.02 if exchange.path == "/0" else 0)
        await echo(exchange)

    async def main() -> None:
        async with serving(slow_first) as served:
            wire = await served.wire()
            await wire.send(b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % i for i in range(300)) + NEXT)
            answers = judge(await wire.rest(), ["GET"] * 301)
            assert [each.headers["x-path"] for each in answers] == [*(f"/{i}" for i in range(300)), "/next"]

    run(main())


@both_loops
def test_a_long_line_of_requests_does_not_keep_others_waiting(run: Run) -> None:
    """P11: between two waiting requests the loop comes round."""

    async def main() -> None:
        rounds = 0

        async def count() -> None:
            nonlocal rounds
            while True:
                rounds += 1
                await asyncio.sleep(0)

        async with serving() as served:
            wire = await served.wire()
            counter = tasks.spawn(count(), "count")
            await wire.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 500 + NEXT)
            rounds = 0
            judge(await wire.rest(), ["GET"] * 501)
            assert rounds >= 500
            await tasks.stop(counter)

    run(main())


def test_the_handler_sees_the_request() -> None:
    seen: list[tuple[object, ...]] = []

    async def look(exchange: Exchange) -> None:
        seen.append((exchange.target, dict(exchange.query), exchange.peer, exchange.started, dict(exchange.headers)))
        await echo(exchange)

    async def main() -> None:
        async with serving(look) as served:
            data = (
                b"GET /p%20q?a=1&a=2&b=%C3%A9+x&&c HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nx-b: \t two \r\nx-a: 2\r\nX-C:\r\n"
            )
            one(await served.ask(data + b"Connection: close\r\n\r\n"))
        target, query, peer, started, headers = seen[0]
        assert target == "/p%20q?a=1&a=2&b=%C3%A9+x&&c"
        assert query == {"a": "1", "b": "é x", "c": ""}
        assert (peer, started) == ("127.0.0.1", False)
        assert headers == {"host": "h", "x-a": "1, 2", "x-b": "two", "x-c": "", "connection": "close"}

    run_on("asyncio", main())
