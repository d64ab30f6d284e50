"""Who is slow holds up only himself: back-pressure both ways with bounded buffers, and who reads nothing
at all is given up."""

import asyncio
import time

import pytest

from aiclient2api.http1.messages import Exchange
from tests.http1.loops import Run, both_loops
from tests.http1.serving import KERNEL, SHORT, echo, one, serving

pytestmark = both_loops

PIECE = 64 * 1024
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
OLD = b"GET / HTTP/1.0\r\n\r\n"
# What the server may hold for a connection in one direction, and one more read or write of the loop.
HELD = 256 * 1024 + 256 * 1024


def posting(size: int) -> bytes:
    return b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % size


class Source:
    """A handler that streams as fast as it may, and knows how much it got rid of."""

    def __init__(self, pieces: int) -> None:
        self.pieces = pieces
        self.written = 0
        self.cancelled = 0

    async def __call__(self, exchange: Exchange) -> None:
        try:
            await exchange.start(200, [])
            for i in range(self.pieces):
                await exchange.write(bytes([i % 251]) * PIECE)
                self.written += PIECE
            await exchange.finish()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise


async def settled(source: Source) -> int:
    """How much has been written when nothing moves any more."""
    before = -1
    while source.written != before:
        before = source.written
        await asyncio.sleep(0.05)
    return before


@pytest.mark.parametrize("request_bytes", [LAST, OLD])
def test_a_slow_reader_pauses_the_handler(run: Run, request_bytes: bytes) -> None:
    """C4: 64 KiB of ours, one piece, and what the kernel takes."""

    async def main() -> None:
        source = Source(60)
        async with serving(source) as served:
            wire = await served.narrow()
            await wire.send(request_bytes)
            assert await settled(source) <= 2 * PIECE + KERNEL
            body = one(await wire.rest()).body
            assert body == b"".join(bytes([i % 251]) * PIECE for i in range(60))

    run(main())


def test_slow_readers_do_not_hold_up_others(run: Run) -> None:
    """C4"""

    async def main() -> None:
        slow = Source(300)

        async def route(exchange: Exchange) -> None:
            await (slow(exchange) if exchange.path == "/" else echo(exchange))

        async with serving(route) as served:
            for _ in range(20):
                await (await served.narrow()).send(LAST)
            assert await settled(slow) <= 20 * (2 * PIECE + KERNEL)
            started = time.monotonic()
            assert one(await served.ask(LAST.replace(b"/ ", b"/quick ", 1))).status == 200
            assert time.monotonic() - started < 0.2

    run(main())


def test_a_stuck_reader_is_given_up(run: Run) -> None:
    """C4: the send deadline cancels the handler; what came is not taken for the whole answer."""

    async def main() -> None:
        source = Source(300)
        async with serving(source, SHORT) as served:
            wires = [await served.narrow() for _ in range(3)]
            started = time.monotonic()
            for wire, request_bytes in zip(wires, (GET, LAST, OLD), strict=True):
                await wire.send(request_bytes)
            await asyncio.sleep(0.1)
            await served.quiet(2.0)
            assert 0.15 < time.monotonic() - started < 1.5
            assert source.cancelled == 3
            for wire in wires:
                with pytest.raises(ConnectionResetError):
                    await wire.rest()

    run(main())


def test_a_slow_reader_is_not_a_stuck_one(run: Run) -> None:
    async def main() -> None:
        source = Source(300)
        async with serving(source, SHORT) as served:
            wire = await served.narrow()
            await wire.send(LAST)
            for _ in range(8):  # 0.4 s, the send deadline is 0.2 s
                await wire.exactly(40_000)
                await asyncio.sleep(0.05)
            assert source.cancelled == 0
            assert served.server.active == 1

    run(main())


def test_a_whole_answer_is_not_kept_for_ever_either(run: Run) -> None:
    async def main() -> None:
        async def big(exchange: Exchange) -> None:
            await exchange.respond(200, [], bytes(10_000_000))

        async with serving(big, SHORT) as served:
            wires = [await served.narrow() for _ in range(3)]
            for wire, request_bytes in zip(wires, (GET, LAST, OLD), strict=True):
                await wire.send(request_bytes)
                await wire.exactly(1000)
            await served.quiet(2.0)
            for wire in wires:
                with pytest.raises(ConnectionResetError):
                    await wire.rest()

    run(main())


def test_a_small_rest_nobody_reads_is_not_kept_for_ever(run: Run) -> None:
    """Less than the write buffer may hold: no handler waits for it, the keep-alive deadline finds it."""

    async def main() -> None:
        async def some(exchange: Exchange) -> None:
            await exchange.respond(200, [], bytes(60_000))

        async with serving(some, SHORT) as served:
            wire = await served.narrow()
            await wire.send(GET * 8)
            await served.quiet(3.0)

    run(main())


# --- the other way


def test_a_body_nobody_asks_for_pauses_the_client(run: Run) -> None:
    """C2"""

    async def main() -> None:
        go = asyncio.Event()

        async def later(exchange: Exchange) -> None:
            await go.wait()
            await exchange.respond(200, [], b"%d" % len(await exchange.body()))

        size = 8_000_000
        async with serving(later) as served:
            wire = await served.narrow()
            await wire.send(posting(size))
            sent = await wire.push(bytes(size), 0.1)
            assert 256 * 1024 < sent <= HELD + KERNEL
            go.set()
            await wire.send(bytes(size - sent))
            assert one(await wire.rest(), "POST").body == b"%d" % size

    run(main())


def test_pipelined_requests_wait_outside(run: Run) -> None:
    """C6: 64 KiB are held, the rest stays with the client; none is lost."""

    async def main() -> None:
        go = asyncio.Event()

        async def later(exchange: Exchange) -> None:
            await go.wait()
            await exchange.respond(200, [], b"")

        count = 4000
        data = GET.replace(b"\r\n\r\n", b"\r\nX: %b\r\n\r\n" % (b"x" * 200)) * count + LAST
        async with serving(later) as served:
            wire = await served.narrow()
            sent = await wire.push(data, 0.1)
            assert 64 * 1024 < sent <= HELD + KERNEL
            go.set()
            sending = asyncio.gather(wire.send(data[sent:]), wire.rest())
            answers = (await sending)[1]
            assert answers.count(b"HTTP/1.1 200 OK\r\n") == count + 1

    run(main())


def test_many_requests_and_no_reader(run: Run) -> None:
    """Answers nobody reads stop the handlers, and with them the reading of further requests."""

    async def main() -> None:
        calls = 0

        async def some(exchange: Exchange) -> None:
            nonlocal calls
            calls += 1
            await exchange.respond(200, [], bytes(10_000))

        async with serving(some) as served:
            wire = await served.narrow()
            sent = await wire.push(GET * 40_000, 0.1)
            assert sent <= HELD + KERNEL
            assert calls * 10_000 <= 2 * PIECE + KERNEL

    run(main())
