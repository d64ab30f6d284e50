"""Slow clients: every wait for one has a deadline, and no drip moves it. Limits are 0.2 s here."""

import asyncio
import contextlib
import gc
import itertools
import time
import tracemalloc

import pytest

from aiclient2api import tasks
from aiclient2api.http1.alarm import Alarm
from aiclient2api.http1.messages import BodyTimeout, Exchange, Limits
from tests.http1.loops import LOOPS, Run, both_loops, run_on
from tests.http1.serving import SHORT, Served, Wire, echo, judge, one, serving

# The deadlines are ours; what differs between the loops is tested with the flow of bytes and their ends.
one_loop = pytest.mark.parametrize("run", LOOPS[-1:], indirect=True)

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


def posting(size: int, more: bytes = b"") -> bytes:
    return b"POST / HTTP/1.1\r\nHost: a\r\n%bContent-Length: %d\r\n\r\n" % (more, size)


async def dripping(wire: Wire, drop: bytes) -> tuple[bytes, float]:
    """What the server says until it closes, and how long that took, while `drop` is sent again and again."""

    async def drip() -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                await wire.send(drop)
                await asyncio.sleep(0.03)

    task = tasks.spawn(drip(), "drip")
    started = time.monotonic()
    try:
        return await wire.gone(), time.monotonic() - started
    finally:
        await tasks.stop(task)
        wire.close()


@one_loop
@pytest.mark.parametrize("said", [b"", b"\r\n"])
def test_silence_is_closed_without_a_word(run: Run, said: bytes) -> None:
    """C1"""

    async def main() -> None:
        async with serving(limits=SHORT) as served:
            data, took = await dripping(await served.wire(), said)
            assert data == b""
            assert 0.15 < took < 0.5
            await served.quiet()

    run(main())


@one_loop
def test_a_slow_head_is_a_408(run: Run) -> None:
    """C1: of the first request, of a pipelined one, on a kept connection."""

    async def check(served: Served, before: int, start: bytes, kept: bool) -> None:
        wire = await served.wire()
        await wire.send(GET * before + (b"" if kept else start))
        if kept:
            await asyncio.sleep(0.1)
            await wire.send(start)
        data, took = await dripping(wire, b"x")
        answers = judge(data, ["GET"] * (before + 1))
        assert [each.status for each in answers] == [200] * before + [408]
        assert answers[-1].headers["x-refused"] == "408"
        assert 0.05 < took < 0.5

    async def main() -> None:
        async with serving(limits=SHORT) as served:
            starts = [b"G", GET[:20], GET[:-2] + b"X: "]
            cases = itertools.product([0, 1, 3], starts, [False, True])
            await asyncio.gather(*(check(served, *case) for case in cases))
            await served.quiet()

    run(main())


@one_loop
def test_many_slow_heads_and_normal_requests_beside_them(run: Run) -> None:
    """C1"""

    async def main() -> None:
        async with serving(limits=Limits(head_seconds=0.3, send_seconds=0.2)) as served:
            wires = [await served.wire() for _ in range(150)]
            for wire in wires:
                await wire.send(b"G")
            took = []
            for _ in range(20):
                started = time.monotonic()
                assert one(await served.ask(LAST)).status == 200
                took.append(time.monotonic() - started)
            assert sorted(took)[10] < 0.1
            said = await asyncio.gather(*(wire.rest() for wire in wires))
            assert {one(each).status for each in said} == {408}
            await served.quiet()

    run(main())


@one_loop
def test_an_idle_connection_is_closed_without_a_word(run: Run) -> None:
    async def main() -> None:
        async with serving(limits=SHORT) as served:
            wire = await served.wire()
            for _ in range(3):  # longer than the deadline together
                await wire.send(GET)
                await wire.until(b"\r\n\r\n")
                await asyncio.sleep(0.1)
            started = time.monotonic()
            assert await wire.rest() == b""
            assert 0.05 < time.monotonic() - started < 0.4

    run(main())


@one_loop
def test_a_body_that_does_not_come_is_a_408(run: Run) -> None:
    """C2: the declared length is never reached."""

    async def main() -> None:
        async with serving(limits=SHORT) as served:
            chunked = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            asked = [posting(100), posting(100) + b"half of it", chunked, chunked + b"a\r\nhalf of it", chunked + b"5"]
            started = time.monotonic()
            said = await asyncio.gather(*(served.ask(each) for each in asked))
            assert 0.15 < time.monotonic() - started < 0.5
            for each in said:
                answer = one(each, "POST")
                assert (answer.status, answer.headers["x-refused"]) == (408, "408")
            await served.quiet()

    run(main())


@one_loop
def test_a_slow_body_is_read_as_long_as_it_comes(run: Run) -> None:
    async def main() -> None:
        async with serving(limits=SHORT) as served:
            wire = await served.wire()
            await wire.send(posting(5, b"Connection: close\r\n"))
            for i in range(5):
                await asyncio.sleep(0.08)
                await wire.send(b"%d" % i)
            assert one(await wire.rest(), "POST").body == b"01234"

    run(main())


@one_loop
def test_a_length_that_is_too_small_makes_the_rest_a_bad_request(run: Run) -> None:
    """C2"""

    async def main() -> None:
        async with serving() as served:
            answers = judge(await served.ask(posting(2) + b'{"model": 1}'), ["POST", "GET"])
            assert [(each.status, each.body[:2]) for each in answers] == [(200, b'{"'), (400, b"th")]

    run(main())


@one_loop
def test_a_handler_can_answer_a_missing_body_itself(run: Run) -> None:
    async def main() -> None:
        async def polite(exchange: Exchange) -> None:
            with pytest.raises(BodyTimeout):
                await exchange.body()
            await exchange.respond(408, [], b"in my own form")

        async with serving(polite, SHORT) as served:
            answer = one(await served.ask(posting(10)), "POST")
            assert (answer.body, answer.headers["connection"]) == (b"in my own form", "close")

    run(main())


@one_loop
def test_the_rest_of_an_unwanted_body_has_a_deadline_too(run: Run) -> None:
    async def main() -> None:
        async def deny(exchange: Exchange) -> None:
            await exchange.respond(401, [], b"no")

        async with serving(deny, SHORT) as served:
            answer = one(await served.ask(posting(10)), "POST")
            assert (answer.status, "connection" in answer.headers) == (401, False)
            await served.quiet()

    run(main())


@one_loop
def test_a_slow_answer_is_not_the_clients_fault(run: Run) -> None:
    """No deadline of reading or sending counts while the handler works."""

    async def main() -> None:
        async def slow(exchange: Exchange) -> None:
            if exchange.path == "/stream":
                await exchange.start(200, [])
            await exchange.body()
            await asyncio.sleep(0.4)
            if exchange.path == "/stream":
                await exchange.write(b"late")
                await exchange.finish()
            else:
                await exchange.respond(200, [], b"late")

        async with serving(slow, SHORT) as served:
            asked = [LAST, posting(2, b"Connection: close\r\n") + b"hi"]
            asked += [each.replace(b"/ ", b"/stream ", 1) for each in asked]
            said = await asyncio.gather(*(served.ask(each) for each in asked))
            assert [one(each).body for each in said] == [b"late"] * 4

    run(main())


@one_loop
def test_a_client_that_sends_slowly_gets_its_413_too(run: Run) -> None:
    """The time that closing may take (here 0.2 s) does not count while much still comes in."""

    async def main() -> None:
        async with serving(limits=Limits(body_bytes=100, send_seconds=0.2)) as served:
            wire = await served.wire()
            await wire.send(posting(1_300_000))
            for _ in range(13):
                await wire.send(bytes(100_000))
                await asyncio.sleep(0.04)
            assert one(await wire.rest(), "POST").status == 413
            await served.quiet()

    run(main())


@one_loop
def test_a_drip_does_not_hold_a_refused_connection_open(run: Run) -> None:
    """C1"""

    async def main() -> None:
        async with serving(limits=Limits(body_bytes=100, send_seconds=0.2)) as served:
            wire = await served.wire()
            await wire.send(posting(2_000_000))
            await wire.until(b"\r\n\r\n" + b"the request body is over the limit of 100 bytes")
            started = time.monotonic()
            with contextlib.suppress(ConnectionError):
                while time.monotonic() - started < 1:
                    await wire.send(b"x")
                    await asyncio.sleep(0.05)
            assert time.monotonic() - started < 0.6
            await served.quiet()

    run(main())


def test_idle_connections_are_small() -> None:
    """C10: 30 KiB each; here only what Python allocates, both ends together."""

    async def open_some(served: Served, count: int) -> list[Wire]:
        wires = [await served.wire() for _ in range(count)]
        for wire in wires:
            await wire.send(GET)
            await wire.until(b"\r\n\r\n")
        return wires

    async def main() -> None:
        async with serving() as served:
            kept = await open_some(served, 20)
            gc.collect()
            tracemalloc.start()
            try:
                before = tracemalloc.get_traced_memory()[0]
                kept += await open_some(served, 100)
                gc.collect()
                each = (tracemalloc.get_traced_memory()[0] - before) / 100
            finally:
                tracemalloc.stop()
            assert served.server.connections == 120
            assert each < 15 * 1024

    run_on("asyncio", main())


@both_loops
def test_what_has_ended_is_let_go(run: Run) -> None:
    """Nothing waits for the garbage collector: connections come and go faster than it does."""

    async def main() -> None:
        async with serving() as served:
            await served.ask(LAST)
            gc.collect()
            gc.disable()
            try:
                for data in (LAST, b"GET / HTTP/1.1\r\n\r\n", GET[:9]):
                    wire = await served.wire()
                    await wire.send(data)
                    await asyncio.sleep(0.01)
                    wire.close()
                await served.quiet()
                await asyncio.sleep(0.01)
                left = [each for each in gc.get_objects() if type(each).__module__ in _OURS]
            finally:
                gc.enable()
            assert not left

    run(main())


_OURS = {f"aiclient2api.http1.{name}" for name in ("connection", "exchange", "intake", "request", "outlet", "runner")}


# --- the alarm itself


class Watched:
    def __init__(self) -> None:
        self.rings = 0
        self.alarm = Alarm(asyncio.get_running_loop(), self._ring)

    def _ring(self) -> None:
        self.rings += 1


@both_loops
def test_an_alarm_rings_once_at_its_last_setting(run: Run) -> None:
    async def main() -> None:
        late, early, moved, off, closed, at = (Watched() for _ in range(6))
        loop = asyncio.get_running_loop()
        late.alarm.set(0.01)
        late.alarm.set(0.2)
        early.alarm.set(10)
        early.alarm.set(0.01)
        at.alarm.set_at(loop.time() + 0.01)
        off.alarm.set(0.01)
        off.alarm.clear()
        closed.alarm.set(0.01)
        closed.alarm.close()
        closed.alarm.set(0.01)
        closed.alarm.close()
        started = loop.time()
        while loop.time() - started < 0.1:
            moved.alarm.set(0.05)
            await asyncio.sleep(0.005)
        assert [each.rings for each in (late, early, moved, off, closed, at)] == [0, 1, 0, 0, 0, 1]
        off.alarm.set(0.01)
        await asyncio.sleep(0.2)
        assert [each.rings for each in (late, early, moved, off, closed, at)] == [1, 1, 1, 1, 0, 1]

    run(main())


def test_moving_an_alarm_makes_no_timers() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        watched = Watched()
        watched.alarm.set(5)
        before = len(loop._scheduled)  # type: ignore[attr-defined]
        for i in range(1000):
            watched.alarm.set(5 + i)
        assert len(loop._scheduled) == before  # type: ignore[attr-defined]
        watched.alarm.close()

    run_on("asyncio", main())


@both_loops
def test_echo_is_what_it_says(run: Run) -> None:
    """The handler that the other tests lean on."""

    async def main() -> None:
        async with serving(echo) as served:
            assert one(await served.ask(posting(2, b"Connection: close\r\n") + b"hi"), "POST").body == b"hi"

    run(main())
