"""Part 5 of dialects.md, rows about streams in time: silence, clients that leave or read slowly, many, any cut."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import pytest

from aiclient2api.canonical.events import Event, Failed, Finish
from aiclient2api.canonical.response import fold
from aiclient2api.canonical.validate import EventValidator
from aiclient2api.dialects.base import Answer, Dialect, StreamDecoder
from aiclient2api.dialects.gemini import GEMINI_ARRAY
from aiclient2api.dialects.names import NameMap
from aiclient2api.gateway.pump import Pump
from aiclient2api.providers.kiro.decoder import KiroDecoder
from tests.gateway.sources import Batches, Listed
from tests.pairs.answers import VECTORS, answer, prose, thinking
from tests.pairs.backs import BACKS, Back
from tests.pairs.fronts import FRONTS, Front
from tests.pairs.rows import body_of, texts
from tests.pairs.test_failures import EVERYTHING
from tests.pairs.world import Heard, Json, Play, World

A, C, R, G = "anthropic", "openai_chat", "openai_responses", "gemini"
ALL = [(front, back) for front in FRONTS.values() for back in BACKS.values()]


def named(pairs: list[tuple[Front, Back]]) -> list[Any]:
    return [pytest.param(front, back, id=f"{front.name}-{back.name}") for front, back in pairs]


PAIRS = named(ALL)
SHAPE = Answer(seed="0f" * 16, created=1, model="m", include_usage=True)


def codec_of(front: Front) -> Dialect:
    return GEMINI_ARRAY if front.name == "gemini_array" else front.dialect


# --- silence


class Listener:
    """The client's side of an exchange, as far as the pump needs it."""

    def __init__(self) -> None:
        self.started = False
        self.body = b""

    def begin(self, status: int, headers: list[tuple[str, str]]) -> None:
        self.started = True

    def put(self, data: bytes) -> bool:
        self.body += data
        return True

    async def write(self, data: bytes) -> None:
        self.body += data

    async def finish(self) -> None:
        pass


async def _silent(events: Sequence[Event], seconds: float) -> Batches:
    await asyncio.sleep(seconds)
    yield events[:3]
    await asyncio.sleep(seconds)
    yield events[3:]


@pytest.mark.parametrize("front", [pytest.param(front, id=front.name) for front in FRONTS.values()])
def test_t062_t071_t076_a_silent_service(front: Front) -> None:
    """Something keeps the connection open that every client of the API reads over: a ping for Anthropic's, comments and
    nothing else for OpenAI's (also before the first event), for Gemini's what is no comment. The answer stays whole."""
    listener = Listener()
    codec = codec_of(front)
    pump = Pump(listener, codec, codec.encoder(SHAPE), list)  # type: ignore[arg-type]
    asyncio.run(pump.run(Listed(_silent(VECTORS["text"].events, 0.06)), interval=0.02))
    assert texts(fold(front.events(listener.body))) == "Hello, world!"
    beats = listener.body.count(codec.heartbeat.strip() or codec.heartbeat)
    assert beats >= 2
    rest = listener.body.replace(codec.heartbeat, b"")
    front.grammar(rest)
    assert codec.heartbeat.startswith(
        {A: b"event: ping\n", C: b":", R: b":", G: b"data: ", "gemini_array": b"\n"}[front.name]
    )
    if front.name in (C, R):
        assert all(line.startswith(b":") for line in codec.heartbeat.split(b"\n") if line)


# --- clients that leave


def _is_an_edge(front: Front, back: Back) -> bool:
    """Each client once and each service once is enough where every case has to be waited for."""
    return front.name == A or back.name == "claude-custom"


def long(number: int = 0, pieces: int = 40) -> list[Event]:
    return answer(thinking(0, "hm"), prose(1, *(f"{number}:{index} " for index in range(pieces))))


@pytest.mark.parametrize(("front", "back"), named([each for each in ALL if _is_an_edge(*each)]))
def test_t084_a_client_that_leaves(world: World, caplog: pytest.LogCaptureFixture, front: Front, back: Back) -> None:
    """The service is let go within a second, what was used until then is logged, and nothing goes on. (The best of
    three, since the machine may be busy.)"""
    caplog.set_level("INFO")
    body = body_of(front, {"stream_options": {"include_usage": True}} if front.name == C else {}, back.model, True)
    took: list[float] = []
    while not took or (took[-1] >= 1 and len(took) < 3):
        world.plan(Play(back.pieces(long())[:10], kind=back.kind, endless=True))
        caplog.clear()
        took.append(world.run(_read_and_leave(world, front.target(back.name, back.model, True), body, front)))
    assert took[-1] < 1
    (line,) = [each.getMessage() for each in caplog.records if f"POST /{back.name}/" in each.getMessage()]
    assert "  499  " in line
    if back.form == A:  # which tells at the beginning what it has read
        assert "usage ~150000+~" in line


async def _read_and_leave(world: World, target: str, body: Json, front: Front) -> float:
    """Seconds until the service was let go."""
    async with world.connected(target, body, front.headers) as (reader, _):
        await asyncio.wait_for(reader.readuntil(b"0:3 "), 5)
    left = time.perf_counter()
    await asyncio.wait_for(world.service.left.wait(), 10)
    took = time.perf_counter() - left
    for _ in range(100):
        if not world.gateway.server.active:
            break
        await asyncio.sleep(0.01)
    assert not world.gateway.server.active
    return took


# --- many at once, and slow ones


def _number(heard: Heard) -> int:
    text = heard.body.decode()
    return int(text[text.index("number ") + 7 :].split(".")[0])


NUMBERED: dict[str, str] = {A: "messages", C: "messages", R: "input", G: "contents"}


def _asks(front: Front, number: int) -> Json:
    text = f"number {number}."
    if front.dialect.name == G:
        return {"contents": [{"role": "user", "parts": [{"text": text}]}]}
    return {NUMBERED[front.name]: [{"role": "user", "content": text}]}


def test_t150_a_hundred_streams_at_once(world: World) -> None:
    """Each client gets its own answer, whoever asked whom."""
    fronts = [front for front in FRONTS.values() if front.whole]
    jobs = [(number, fronts[number % 4], list(BACKS.values())[number % 6]) for number in range(100)]
    world.plan()
    world.service.by = lambda heard: _numbered(jobs, _number(heard))

    async def ask(number: int, front: Front, back: Back) -> None:
        body = body_of(front, _asks(front, number), back.model, True)
        reply = await world.asking(front.target(back.name, back.model, True), body, headers=front.headers)
        assert texts(front.read(reply, True)) == "".join(f"{number}:{index} " for index in range(40))

    async def ask_all() -> None:
        await asyncio.gather(*(ask(*job) for job in jobs))

    world.run(ask_all())


def _numbered(jobs: list[tuple[int, Front, Back]], number: int) -> Play:
    back = jobs[number][2]
    return Play(back.pieces(long(number)), kind=back.kind)


LARGE = 64 * 1024
MANY = 2000


@pytest.mark.parametrize(("front", "back"), [(A, "claude-custom"), (A, "claude-kiro-oauth"), (C, "gemini-custom")])
def test_t150_a_client_that_reads_slowly(world: World, front: str, back: str) -> None:
    """The service has to wait: no more of its answer lies with us than fits into buffers."""
    service, client = BACKS[back], FRONTS[front]
    once = service.pieces(answer(prose(0, "x" * LARGE)))
    place = max(range(len(once)), key=lambda index: len(once[index]))
    world.plan(Play([*once[:place], *[once[place]] * MANY, *once[place + 1 :]], kind=service.kind))
    body = body_of(client, {}, service.model, True)
    world.run(_read_slowly(world, client.target(back, service.model, True), body, client))


async def _read_slowly(world: World, target: str, body: Json, front: Front) -> None:
    async with world.connected(target, body, front.headers) as (reader, _):
        await reader.read(LARGE)
        written = -1
        while written != world.service.written:
            written = world.service.written
            await asyncio.sleep(0.05)
        assert 0 < written < LARGE * MANY / 2
        async with asyncio.timeout(10):
            while world.service.written == written:
                assert await reader.read(LARGE)


# --- any cut


def decoder_of(back: Back) -> StreamDecoder:
    if back.dialect is not None:
        return back.dialect.decoder()
    return KiroDecoder(
        names=NameMap([]),
        ids={},
        tools=(),
        tags=False,
        input_estimate=lambda: 7,
        window=None,
        model="m",
        strict_end=True,
        stop=(),
    )


@pytest.mark.parametrize(("front", "back"), PAIRS)
def test_t149_a_stream_cut_at_any_byte(front: Front, back: Back) -> None:
    """Whatever came, the events are in order and the client's stream is one of its API: with a normal end or a failure.
    Every pair begins its cuts elsewhere, so that all bytes have their turn."""
    data = b"".join(back.pieces(EVERYTHING.events))
    stride = len(BACKS) * 7
    start = ALL.index((front, back)) % stride
    codec = codec_of(front)
    for size in range(start, len(data) + 1, stride):
        decoder = decoder_of(back)
        events = EventValidator().feed([*decoder.feed(data[:size]), *decoder.close()])
        assert isinstance(events[-1], Finish | Failed)
        shown = codec.encoder(SHAPE).encode(events)
        if isinstance(events[-1], Finish):
            front.grammar(shown)
            assert front.end(shown)
        else:
            assert front.error(front.broken(shown))
            assert not front.end(shown)
