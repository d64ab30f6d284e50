"""D4: while a service is silent, the client's stream gets its dialect's own keep-alive, over a real connection.

The pump runs in a real server with its interval injected; what it pumps comes from the test, step by step.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.events import Event, ThinkingDelta
from aiclient2api.dialects.base import Answer, Dialect
from aiclient2api.dialects.gemini import GEMINI_ARRAY
from aiclient2api.gateway.pump import Pump
from aiclient2api.http1.messages import Exchange, Limits
from aiclient2api.http1.server import Server
from tests.faults.rig import EVERYTHING, as_reply, honest, whole
from tests.gateway.client import Call, calling
from tests.gateway.rig import eventually, refuse
from tests.gateway.sources import Batches, Listed
from tests.pairs.failures import HEARD
from tests.pairs.fronts import FRONTS, Front

SHAPE = Answer(seed="0f" * 16, created=1, model="m", include_usage=True)
INTERVAL = 0.03
LONG: list[Event] = [ThinkingDelta(0, "x" * 300_000)]
forms = pytest.mark.parametrize("front", FRONTS.values(), ids=list(FRONTS))


def codec_of(front: Front) -> Dialect:
    return GEMINI_ARRAY if front.name == "gemini_array" else front.dialect


class Source:
    """What a service says: batches that the test puts in, and how it ends."""

    def __init__(self) -> None:
        self._batches: asyncio.Queue[Sequence[Event] | GatewayError | None] = asyncio.Queue()
        self.left = False

    def say(self, batch: Sequence[Event] | GatewayError | None) -> None:
        """None is the end."""
        self._batches.put_nowait(batch)

    async def batches(self) -> Batches:
        try:
            while (batch := await self._batches.get()) is not None:
                if isinstance(batch, GatewayError):
                    raise batch
                yield batch
        finally:
            self.left = True


@asynccontextmanager
async def pumping(
    front: Front, source: Source, interval: float = INTERVAL, limits: Limits | None = None
) -> AsyncIterator[Call]:
    codec = codec_of(front)

    async def handle(exchange: Exchange) -> None:
        try:
            await Pump(exchange, codec, codec.encoder(SHAPE), list).run(Listed(source.batches()), interval)
        except GatewayError as error:
            answer = codec.encode_error(error, "req_x")
            await exchange.respond(answer.status, [("content-type", "application/json")], answer.body)

    server = Server(handle, limits or Limits(), refuse)
    (_, port), *_ = await server.listen("127.0.0.1", 0)
    try:
        async with calling(f"http://127.0.0.1:{port}", "GET", "/") as call:
            yield call
    finally:
        await server.stop(0)


async def beats(call: Call, front: Front, count: int) -> None:
    """Returns when so many heartbeats stand in what was read."""
    beat = codec_of(front).heartbeat
    while call.body.count(beat) < count:
        assert await call.piece()


@forms
async def test_d4_silence_before_and_within_the_answer(front: Front) -> None:
    """D4: heartbeats come before the first event, between events, and leave the answer as it was."""
    source = Source()
    async with pumping(front, source) as call:
        await beats(call, front, 2)
        assert call.status == 200
        assert call.headers["content-type"] == codec_of(front).stream_type
        source.say(EVERYTHING.events[:8])
        said = len(call.body)
        while len(call.body) == said or not call.body[said:].endswith(codec_of(front).heartbeat * 2):
            assert await call.piece()
        source.say(EVERYTHING.events[8:])
        source.say(None)
        whole(front, as_reply(await call.whole()))


@forms
async def test_d4_a_failure_after_heartbeats_is_an_error_event(front: Front) -> None:
    """D3, D4: the 200 has gone out with the first heartbeat; the failure that follows is never a normal end."""
    source = Source()
    async with pumping(front, source) as call:
        await beats(call, front, 1)
        source.say(GatewayError("overloaded", "The service is busy."))
        reply = as_reply(await call.whole())
        assert honest(front, reply)
        assert "busy" in front.error(front.broken(reply.body))[1]


@forms
async def test_d4_a_failure_before_the_first_heartbeat_is_a_status(front: Front) -> None:
    source = Source()
    source.say(GatewayError("overloaded", "The service is busy."))
    async with pumping(front, source) as call:
        reply = await call.whole()
        assert reply.status == HEARD[front.dialect.name]["overloaded"].status


@forms
async def test_d4_no_heartbeat_into_a_stream_that_talks(front: Front) -> None:
    source = Source()
    async with pumping(front, source, interval=0.1) as call:
        for event in EVERYTHING.events:
            source.say([event])
            await asyncio.sleep(0.01)
        source.say(None)
        body = (await call.whole()).body
        assert body.count(codec_of(front).heartbeat) <= (front.name == "gemini_array") * body.count(b"\n")


@forms
async def test_d5_a_client_that_leaves_during_silence(front: Front) -> None:
    source = Source()
    async with pumping(front, source) as call:
        await beats(call, front, 1)
        call.leave()
        await eventually(lambda: source.left)


@pytest.mark.parametrize("last", ["an end", "an error"])
@forms
async def test_d4_none_after_the_end(front: Front, last: str, caplog: pytest.LogCaptureFixture) -> None:
    """The client reads nothing while the answer ends: nothing is written behind its last word, and nothing fails."""
    caplog.set_level(logging.ERROR)
    source = Source()
    async with pumping(front, source, limits=Limits(write_buffer_bytes=0)) as call:
        source.say(EVERYTHING.events[:4])
        await call.until(b"think")
        source.say([event for _ in range(4) for event in LONG])
        source.say(EVERYTHING.events[4:] if last == "an end" else GatewayError("upstream", "It broke."))
        source.say(None)
        await asyncio.sleep(INTERVAL * 5)
        body = (await call.whole()).body.rstrip(b"\r\n")
        assert body.count(b"keep-alive") <= 1
        assert not body.endswith(codec_of(front).heartbeat.strip() or b"\0")
    assert not caplog.records
