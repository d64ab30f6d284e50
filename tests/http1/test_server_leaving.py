"""Clients that leave, and clients that only have nothing more to ask: both send FIN."""

import asyncio
import itertools
import time

import pytest

from aiclient2api.http1.messages import Exchange
from aiclient2api.http1.presence import QUIET_SECONDS
from tests.http1.loops import Run, both_loops
from tests.http1.serving import Served, Wire, echo, judge, one, serving

pytestmark = both_loops

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
HEAD = b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"
OLD = b"GET / HTTP/1.0\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
AT_ONCE = 0.15
SLOW = QUIET_SECONDS * 1.6


class Watch:
    """A handler with a phase in which the client leaves."""

    def __init__(self, phase: str) -> None:
        self.phase = phase
        self.there = asyncio.Event()
        self.ended = asyncio.Event()
        self.how: BaseException | None = None

    async def __call__(self, exchange: Exchange) -> None:
        try:
            await getattr(self, f"_{self.phase}")(exchange)
        except BaseException as error:
            self.how = error
            raise
        finally:
            self.ended.set()

    async def _body(self, exchange: Exchange) -> None:
        self.there.set()
        await exchange.body()

    async def _waiting(self, exchange: Exchange) -> None:
        await exchange.body()
        self.there.set()
        await asyncio.sleep(5)

    async def _started(self, exchange: Exchange) -> None:
        await exchange.start(200, [])
        self.there.set()
        await asyncio.sleep(5)

    async def _quiet(self, exchange: Exchange) -> None:
        await exchange.start(200, [])
        await exchange.write(b"a piece")
        self.there.set()
        await asyncio.sleep(5)

    async def _streaming(self, exchange: Exchange) -> None:
        await exchange.start(200, [])
        for _ in range(500):
            await exchange.write(b"a piece")
            self.there.set()
            await asyncio.sleep(0.01)

    async def _blocked(self, exchange: Exchange) -> None:
        await exchange.start(200, [])
        self.there.set()
        for _ in range(500):
            await exchange.write(bytes(65536))

    async def gone(self, seconds: float) -> float:
        started = time.monotonic()
        async with asyncio.timeout(seconds):
            await self.ended.wait()
        assert isinstance(self.how, asyncio.CancelledError), self.how
        return time.monotonic() - started


PHASES = ["body", "waiting", "started", "quiet", "streaming", "blocked"]


async def left(served: Served, watch: Watch, request_bytes: bytes) -> Wire:
    """A connection whose handler is where it should be."""
    wire = await served.wire()
    await wire.send(request_bytes[:-1] if watch.phase == "body" else request_bytes)
    await watch.there.wait()
    await asyncio.sleep(0.02)
    return wire


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("request_bytes", [POST, POST.replace(b"1.1", b"1.0")])
def test_a_reset_cancels_the_handler_at_once(run: Run, phase: str, request_bytes: bytes) -> None:
    """C3"""

    async def main() -> None:
        watch = Watch(phase)
        async with serving(watch) as served:
            (await left(served, watch, request_bytes)).rst()
            await watch.gone(AT_ONCE)
            await served.quiet()

    run(main())


def test_a_client_that_closes_is_found_out_within_a_second(run: Run) -> None:
    """C3, D5: also if nothing is being sent at the moment."""

    async def check(phase: str) -> None:
        watch = Watch(phase)
        async with serving(watch, count_sockets=False) as served:
            wire = await left(served, watch, POST)
            if phase in ("started", "quiet", "streaming"):
                await wire.recv()  # closing with unread bytes would be a reset
            wire.close()
            await watch.gone(0.95)
            await served.quiet()

    async def main() -> None:
        await asyncio.gather(*(check(phase) for phase in PHASES))

    run(main())


def test_of_http_1_0_only_a_write_tells(run: Run) -> None:
    """It has neither interim answers nor chunks, so there is nothing to probe with."""

    async def main() -> None:
        watch = Watch("streaming")
        async with serving(watch) as served:
            wire = await left(served, watch, OLD)
            await wire.recv()
            wire.close()
            await watch.gone(AT_ONCE)

    run(main())


def test_a_write_after_the_client_has_left_is_a_cancellation(run: Run) -> None:
    async def main() -> None:
        ended = asyncio.Event()
        seen: list[str] = []

        async def stubborn(exchange: Exchange) -> None:
            await exchange.start(200, [])
            try:
                await asyncio.sleep(5)
            except asyncio.CancelledError:
                seen.append("cancelled")
            try:
                await exchange.write(b"are you there")
            except asyncio.CancelledError:
                seen.append("again")
            ended.set()

        async with serving(stubborn) as served:
            wire = await served.wire()
            await wire.send(GET)
            await wire.until(b"\r\n\r\n")
            wire.rst()
            await ended.wait()
            assert seen == ["cancelled", "again"]
            await served.quiet()

    run(main())


def test_who_leaves_with_his_answer_disturbs_nobody(run: Run) -> None:
    """What a handler does after the answer (books, counters) is not cancelled."""

    async def main() -> None:
        booked = asyncio.Event()

        async def thorough(exchange: Exchange) -> None:
            await exchange.respond(200, [], b"x")
            await asyncio.sleep(0.05)
            booked.set()

        async with serving(thorough) as served:
            for leave in (Wire.close, Wire.rst):
                booked.clear()
                wire = await served.wire()
                await wire.send(GET)
                await wire.until(b"x")
                leave(wire)
                async with asyncio.timeout(1):
                    await booked.wait()
            await served.quiet()

    run(main())


# --- half-closed clients


async def at_once(exchange: Exchange) -> None:
    await exchange.respond(200, [], b"all")


async def late(exchange: Exchange) -> None:
    await asyncio.sleep(SLOW)
    await exchange.respond(200, [], b"all")


async def late_stream(exchange: Exchange) -> None:
    await asyncio.sleep(SLOW)
    await exchange.start(200, [])
    await exchange.write(b"all")
    await exchange.finish()


async def slow_stream(exchange: Exchange) -> None:
    await exchange.start(200, [])
    for piece in (b"a", b"l", b"l"):
        await exchange.write(piece)
        await asyncio.sleep(SLOW if piece == b"a" else 0.01)
    await exchange.finish()


async def quick_stream(exchange: Exchange) -> None:
    await exchange.start(200, [])
    for piece in (b"a", b"l", b"l"):
        await exchange.write(piece)
        await asyncio.sleep(0)
    await exchange.finish()


ANSWERS = {"/" + each.__name__: each for each in (at_once, late, late_stream, slow_stream, quick_stream)}


def test_a_half_closed_client_gets_its_answer(run: Run) -> None:
    """C5: whole, and free of probes if it comes soon."""

    async def check(served: Served, path: str, request_bytes: bytes) -> None:
        wire = await served.wire()
        await wire.send(request_bytes.replace(b"/", path.encode(), 1))
        wire.fin()
        data = await wire.rest()
        answer = one(data, request_bytes.split()[0].decode())
        assert (answer.status, answer.body) == (200, b"" if request_bytes is HEAD else b"all")
        assert answer.interim == [100] * (path in ("/late", "/late_stream") and request_bytes is not OLD)
        assert (b"\r\n01\r\nl\r\n" in data) == (path == "/slow_stream" and request_bytes in (GET, POST))

    async def main() -> None:
        async def by_path(exchange: Exchange) -> None:
            await ANSWERS[exchange.path](exchange)

        async with serving(by_path) as served:
            cases = itertools.product(ANSWERS, (GET, POST, HEAD, OLD))
            await asyncio.gather(*(check(served, *case) for case in cases))
            await served.quiet()

    run(main())


def test_a_half_closed_client_gets_all_it_has_asked_for(run: Run) -> None:
    """C5, C6"""

    async def main() -> None:
        async def by_turns(exchange: Exchange) -> None:
            await asyncio.sleep(0.4 if exchange.method == "PUT" else 0)
            await echo(exchange)

        async with serving(by_turns) as served:
            wire = await served.wire()
            put = b"PUT" + POST[4:].replace(b" /", b"/ /", 1)[1:]
            await wire.send(POST + put + GET + HEAD + POST)
            wire.fin()
            methods = ["POST", "PUT", "GET", "HEAD", "POST"]
            answers = judge(await wire.rest(), methods)
            assert [each.headers["x-method"] for each in answers] == methods
            assert [each.interim for each in answers] == [[], [100], [], [], []]

    run(main())


def test_a_half_closed_client_may_read_slowly(run: Run) -> None:
    async def main() -> None:
        async def big(exchange: Exchange) -> None:
            await exchange.start(200, [])
            for _ in range(40):
                await exchange.write(bytes(65536))
            await exchange.finish()

        async with serving(big) as served:
            wire = await served.narrow()
            await wire.send(GET)
            wire.fin()
            await asyncio.sleep(QUIET_SECONDS * 1.3)
            assert len(one(await wire.rest()).body) == 40 * 65536

    run(main())


@pytest.mark.parametrize("before", [b"", GET, GET * 3])
@pytest.mark.parametrize("half", [b"", b"\r\n", b"G", GET[:-1]])
def test_a_client_that_ends_in_a_head_gets_no_answer_to_it(run: Run, before: bytes, half: bytes) -> None:
    async def main() -> None:
        async with serving() as served:
            wire = await served.wire()
            await wire.send(before + half)
            wire.fin()
            data = await wire.rest()
            assert data.count(b"HTTP/1.1 200") == before.count(b"GET")
            if before:
                assert len(judge(data, ["GET"] * before.count(b"GET"))) == before.count(b"GET")
            await served.quiet()

    run(main())


@pytest.mark.parametrize("before", [b"", GET])
@pytest.mark.parametrize("asking", [False, True])
def test_a_client_that_ends_in_a_body_is_told(run: Run, before: bytes, asking: bool) -> None:
    """C2: and its handler is cancelled, whether or not it waits for the body."""

    async def main() -> None:
        ends: list[bool] = []

        async def handler(exchange: Exchange) -> None:
            if exchange.method == "GET":
                await asyncio.sleep(0.02)
                await exchange.respond(200, [], b"")
                return
            try:
                if asking:
                    await exchange.body()
                await asyncio.sleep(5)
            except asyncio.CancelledError:
                ends.append(True)
                raise

        async with serving(handler) as served:
            wire = await served.wire()
            await wire.send(before + POST[:-1])
            if not before:
                await asyncio.sleep(0.02)
            wire.fin()
            answers = judge(await wire.rest(), ["GET", "POST"][0 if before else 1 :])
            assert [each.status for each in answers] == [200] * bool(before) + [400]
            await served.quiet()
            assert ends in ([True], [])
            assert ends or before  # a request that comes with its own end may be refused before its handler runs

    run(main())
