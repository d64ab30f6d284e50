"""What the codecs cost by themselves: CPU of translated requests and streams, without sockets, in one process.

    python -m tools.bench.codecs [TEXT]    the ways whose name contains TEXT

Bodies and streams are like those of the bench. All that is measured here are pure functions of bytes.
"""

import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from aiclient2api.canonical.estimate import estimate_of
from aiclient2api.canonical.events import BlockEnd, BlockStart, Event, Finish, Start, TextDelta, UsageUpdate
from aiclient2api.canonical.model import Model
from aiclient2api.canonical.repair import repair
from aiclient2api.canonical.request import Base64, Image, Request, Text, Tool, ToolCall, ToolResult, Turn
from aiclient2api.canonical.usage import Usage
from aiclient2api.canonical.validate import EventValidator
from aiclient2api.dialects.base import Answer, StreamDecoder
from aiclient2api.dialects.registry import DIALECTS
from aiclient2api.providers.anthropic import claude_custom
from aiclient2api.providers.base import Ask, Grant, Prepared, Provider
from aiclient2api.providers.gemini import gemini_custom
from aiclient2api.providers.kiro import KiroProvider
from aiclient2api.providers.openai import openai_custom, responses_custom
from tools.bench import bodies, upstream
from tools.bench.tables import number, table

SEED = "ab" * 16
LOCAL = "http://127.0.0.1:1"
PROVIDERS: Mapping[str, tuple[Provider, str]] = {
    "anthropic": (claude_custom(LOCAL), "claude-sonnet-4-5"),
    "openai_chat": (openai_custom(f"{LOCAL}/v1"), "bench-model"),
    "kiro": (KiroProvider(base_url=LOCAL), "claude-sonnet-4.5"),
    "openai_responses": (responses_custom(f"{LOCAL}/v1"), "gpt-5"),
    "gemini": (gemini_custom(LOCAL), "gemini-3-pro"),
}
"""The provider of each wire form, and a model of its."""

HEADERS: Mapping[str, Mapping[str, str]] = {"gemini": {":model": "gemini-3-pro", ":stream": "sse"}}
PIECE = " so the test waits for"
TURN_BYTES = 2_400
BURST_BYTES = 500


class Way(NamedTuple):
    """The client's dialect, and the wire form of the provider."""

    front: str
    back: str

    def __str__(self) -> str:
        return f"{self.front} to {self.back}"


WAYS = tuple(Way(front, back) for front in DIALECTS for back in PROVIDERS if front != back)


# --- requests


def conversation(size: int) -> Request:
    """An agent's history of about `size` bytes: texts, calls and their results, and a share of tools."""
    asked, said, given = bodies.text(min(size // 2, 900), 30), bodies.text(300, 50), bodies.text(900, 70)
    turns: list[Turn] = []
    for call in _calls(max(1, size // TURN_BYTES)):
        result = ToolResult(call.id, (Text(given),), name=call.name)
        turns += [Turn("user", (Text(asked),)), Turn("assistant", (Text(said), call)), Turn("user", (result,))]
    if size < TURN_BYTES:
        turns = turns[:1]
    return _request(turns, [_tool(at) for at in range(min(20, size // 6_000))])


def burst(size: int) -> Request:
    """About `size` bytes in two turns: calls side by side, and all their results."""
    calls = _calls(max(1, size // BURST_BYTES))
    results = tuple(ToolResult(call.id, (Text("done"), Text("well")), name=call.name) for call in calls)
    return _request([Turn("user", (Text("Go."),)), Turn("assistant", tuple(calls)), Turn("user", results)], [])


def _calls(count: int) -> list[ToolCall]:
    arguments = msgspec.json.encode({"path": bodies.text(200, 10)}).decode()
    return [ToolCall(f"call_{at}", f"tool_{at % 13}", arguments) for at in range(count)]


def picture() -> Request:
    """A question about a picture of two megabytes."""
    return _request([Turn("user", (Text("What is this?"), Image(Base64("image/png", bodies.picture()))))], [])


def _request(turns: Sequence[Turn], tools: Sequence[Tool]) -> Request:
    system = (Text(bodies.text(300, 1)),)
    return Request(
        dialect="bench", model="m", turns=tuple(turns), system=system, tools=tuple(tools), max_tokens=1024, stream=True
    )


def _tool(at: int) -> Tool:
    return Tool(f"tool_{at}", bodies.text(300, 90 + at), msgspec.json.encode(bodies.schema(at)))


def body_of(front: str, request: Request) -> bytes:
    """The request as a client of this dialect writes it."""
    return DIALECTS[front].encode_request(request, Model(id="m", name="m")).body


def model_of(back: str) -> Model:
    provider, name = PROVIDERS[back]
    found = provider.resolve(name, provider.static_models())
    return provider.unlisted(name) if found is None else found


class Translation(NamedTuple):
    """The steps of one request; each gives the next what it needs."""

    way: Way

    def decoded(self, body: bytes) -> Request:
        return repair(DIALECTS[self.way.front].decode_request(body, HEADERS.get(self.way.front, {})))

    def prepared(self, request: Request) -> Prepared:
        ask = Ask(
            request=request,
            model=model_of(self.way.back),
            seed=SEED,
            conversation=lambda: "00000000-0000-4000-8000-000000000000",
            input_estimate=estimate_of(request),
        )
        return PROVIDERS[self.way.back][0].prepare(ask, Grant("key"))

    def whole(self, body: bytes) -> bytes:
        """The body for the provider."""
        return self.prepared(self.decoded(body)).call.body


# --- streams


def events(pieces: int, text: str = PIECE) -> Iterable[Event]:
    yield Start("upstream-0001", "m")
    yield BlockStart(0, "text")
    for _ in range(pieces):
        yield TextDelta(0, text)
    yield BlockEnd(0)
    yield UsageUpdate(Usage(fresh=210, output=100))
    yield Finish("end")


_STREAMS = {"openai_chat": upstream.OPENAI, "anthropic": upstream.ANTHROPIC, "kiro": upstream.KIRO}


def frames(wire: str, pieces: int, text: str = PIECE) -> list[bytes]:
    """A provider's stream, a write a frame."""
    if wire in _STREAMS:
        return list(_STREAMS[wire][1](iter([text] * pieces)))
    encoder = DIALECTS[wire].encoder(answer())
    return [frame for event in events(pieces, text) if (frame := encoder.encode([event]))]


def answer() -> Answer:
    return Answer(seed=SEED, created=0, model="m", include_usage=True)


def decoders_of(back: str) -> Callable[[], StreamDecoder]:
    """What makes a decoder for each answer, as the provider gives it."""
    prepared = Translation(Way("openai_chat", back)).prepared(conversation(1000))
    assert prepared.decoder is not None
    return prepared.decoder


def streamed(way: Way, writes: Sequence[bytes]) -> Callable[[], int]:
    """A function that translates the whole stream and gives the length of what the client gets."""
    made = decoders_of(way.back)

    def run() -> int:
        decoder, validator = made(), EventValidator()
        encoder = DIALECTS[way.front].encoder(answer())
        told = 0
        for write in writes:
            found = decoder.feed(write)
            if found:
                told += len(encoder.encode(validator.feed(found)))
        return told + len(encoder.encode(validator.feed(decoder.close())))

    return run


def together(writes: Sequence[bytes], count: int) -> list[bytes]:
    """`count` writes as one."""
    return [b"".join(writes[at : at + count]) for at in range(0, len(writes), count)]


# --- time


def least(run: Callable[[], object], rounds: int = 7, seconds: float = 0.02) -> float:
    """CPU seconds of one call: the least of some rounds of at least `seconds`."""
    times, found = 1, _timed(run, 1)
    if found < seconds:
        times = max(1, int(seconds / max(found, 1e-7)))
    return min(_timed(run, times) / times for _ in range(rounds))


def _timed(run: Callable[[], object], times: int) -> float:
    began = time.process_time()
    for _ in range(times):
        run()
    return time.process_time() - began


# --- the table


def requests_table(ways: Sequence[Way]) -> str:
    rows = []
    for way in ways:
        translation = Translation(way)
        for name, request in (("1 KB", conversation(1000)), ("62 KB", conversation(62_000)), ("2 MB", picture())):
            if name == "2 MB" and way.back == "kiro":
                continue  # the picture is no picture, and Kiro's are looked at
            body = body_of(way.front, request)
            decoded = translation.decoded(body)
            front = least(lambda body=body, t=translation: t.decoded(body))  # type: ignore[misc]
            back = least(lambda request=decoded, t=translation: t.prepared(request))  # type: ignore[misc]
            rows.append([f"{way}, {name}", *(number(1e6 * each) for each in (front, back, front + back))])
    return table(["request, CPU in µs", "read", "write", "together"], rows)


def streams_table(ways: Sequence[Way]) -> str:
    rows = []
    for way in ways:
        writes = frames(way.back, 2000)
        one, many = (least(streamed(way, each)) / 2000 for each in (writes, together(writes, 200)))
        rows.append([str(way), number(1e6 * one), number(1e6 * many)])
    return table(["stream, CPU in µs of an event", "one a write", "200 a write"], rows)


def main(arguments: Sequence[str]) -> int:
    ways = [way for way in WAYS if all(text in str(way) for text in arguments)]
    print(requests_table(ways))
    print(streams_table(ways))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
