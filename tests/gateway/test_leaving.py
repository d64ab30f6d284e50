"""The client leaves or is slow (D5, T084, T150): the upstream call ends within a second, nothing is tried again, and
reading from the upstream pauses while the client does not read."""

import asyncio
from pathlib import Path

import pytest

from aiclient2api.http1.messages import Exchange
from tests.gateway.answers import CHAT, FRONTS, MESSAGES, asks
from tests.gateway.rig import CLAUDE, KIRO, OPENAI, eventually, fault, rig
from tests.gateway.test_faults import told
from tests.gateway.upstreams import SSE_HEAD, SSE_PIECES, STREAM_HEAD, model_calls, text


class Watched:
    """An upstream that sends `first`, if there is one, and then waits for ever; `left` is set when it is left."""

    def __init__(self, first: bytes = b"", head: list[tuple[str, str]] = STREAM_HEAD) -> None:
        self.first = first
        self.head = head
        self.asked = asyncio.Event()
        self.left = asyncio.Event()
        self.calls = 0

    async def __call__(self, exchange: Exchange) -> None:
        self.calls += 1
        self.asked.set()
        try:
            if self.first:
                await exchange.start(200, self.head)
                await exchange.write(self.first)
            await asyncio.Event().wait()
        finally:
            self.left.set()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("front", FRONTS)
async def test_before_the_head(tmp_path: Path, front: str, stream: bool) -> None:
    upstream = Watched()
    async with rig(tmp_path, handler=model_calls(upstream)) as running:
        async with running.calling(front, asks(front, stream=stream)) as call:
            await upstream.asked.wait()
            call.leave()
            async with asyncio.timeout(1.0):
                await upstream.left.wait()
        await asyncio.sleep(0.05)
        assert upstream.calls == 1


@pytest.mark.parametrize(
    ("front", "back"), [(CHAT, KIRO), (MESSAGES, KIRO), (MESSAGES, CLAUDE), (CHAT, OPENAI), (MESSAGES, OPENAI)]
)
async def test_in_the_middle_of_a_stream(tmp_path: Path, front: str, back: str) -> None:
    upstream = Watched(text("first")) if back == KIRO else Watched(SSE_PIECES[back][0], SSE_HEAD)
    async with rig(tmp_path, first=back, handler=model_calls(upstream)) as running:
        async with running.calling(front, asks(front, stream=True)) as call:
            await call.until(b"first")
            call.leave()
            async with asyncio.timeout(1.0):
                await upstream.left.wait()
        await asyncio.sleep(0.05)
        assert upstream.calls == 1


@pytest.mark.parametrize("front", FRONTS)
async def test_in_the_middle_of_an_answer_that_is_not_streamed(tmp_path: Path, front: str) -> None:
    upstream = Watched(text("first"))
    async with (
        rig(tmp_path, handler=model_calls(upstream)) as running,
        running.calling(front, asks(front)) as call,
    ):
        await upstream.asked.wait()
        await asyncio.sleep(0.02)
        call.leave()
        async with asyncio.timeout(1.0):
            await upstream.left.wait()


@pytest.mark.parametrize("front", FRONTS)
async def test_during_the_wait_before_a_retry(tmp_path: Path, front: str) -> None:
    step = fault(KIRO, status=503, body=told(KIRO, "busy"))
    async with rig(tmp_path, step, REQUEST_BASE_DELAY=200, REQUEST_MAX_RETRIES=5) as running:
        async with running.calling(front, asks(front)) as call:
            await eventually(lambda: running.attempts() == 1)
            call.leave()
        await asyncio.sleep(0.35)  # a second attempt would have come after 0.1 to 0.2 s
        assert running.attempts() == 1


PIECE = text("x" * 60_000)
MANY = 600


@pytest.mark.parametrize("front", FRONTS)
async def test_a_client_that_does_not_read_stops_the_upstream(tmp_path: Path, front: str) -> None:
    """36 MB are to be sent; only what fits into the sockets' buffers moves until the client reads."""
    sent = 0

    async def serve(exchange: Exchange) -> None:
        nonlocal sent
        await exchange.start(200, STREAM_HEAD)
        for _ in range(MANY):
            await exchange.write(PIECE)
            sent += 1

    async with (
        rig(tmp_path, handler=model_calls(serve)) as running,
        running.calling(front, asks(front, stream=True)) as call,
    ):
        await call.until(b"xxx")
        before = -1
        while before != sent:  # until nothing moves any more
            before = sent
            await asyncio.sleep(0.1)
        assert sent < MANY / 2
        while len(call.body) < 10_000_000:
            assert await call.piece()
        assert sent > before
