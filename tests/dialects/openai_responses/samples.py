"""Shorthand for the tests of this dialect."""

import json
from typing import Any

from aiclient2api.canonical.events import (
    ArgumentsDelta,
    BlockEnd,
    BlockStart,
    Event,
    OpaqueDelta,
    TextDelta,
    ThinkingDelta,
)
from aiclient2api.canonical.model import Model
from aiclient2api.canonical.request import Opaque, Request, Text, Turn
from aiclient2api.canonical.validate import EventValidator
from aiclient2api.dialects.base import Answer
from aiclient2api.dialects.openai_responses import OPENAI_RESPONSES

SEED = "0123456789abcdef0123456789abcdef"
MODEL = Model(id="up-model")
THINKER = Model(id="thinker", thinking=("effort",), efforts=("minimal", "low", "high"), sampling=False)
HI = Turn("user", (Text("hi"),))
PIXEL = "iVBORw0KGgo="


def answer(request: Request | None = None, *, thinking: bool = True) -> Answer:
    return Answer(seed=SEED, created=1700000000, model="my-model", thinking=thinking, request=request)


def encode(events: list[Event], shape: Answer | None = None) -> bytes:
    return OPENAI_RESPONSES.encoder(shape or answer()).encode(events)


def decode(stream: str | bytes, size: int | None = None) -> list[Event]:
    """All events, their order checked. `size` cuts the bytes into pieces."""
    data = stream if isinstance(stream, bytes) else stream.encode()
    decoder = OPENAI_RESPONSES.decoder()
    step = size or max(1, len(data))
    events: list[Event] = []
    for start in range(0, len(data), step):
        events += decoder.feed(data[start : start + step])
    events += decoder.close()
    assert decoder.feed(b"data: {}\n\n") == decoder.close() == []
    EventValidator().feed(events)
    return events


def read(headers: dict[str, str] | None = None, **members: object) -> Request:
    """A client's body as a request."""
    body = {"model": "m", "input": "hi", **members}
    return OPENAI_RESPONSES.decode_request(json.dumps(body).encode(), headers or {})


def items(*entries: object, **members: object) -> Request:
    """The same for a body with these input items."""
    return read(None, input=list(entries), **members)


def write(request: Request, model: Model = MODEL) -> tuple[dict[str, Any], tuple[str, ...]]:
    outgoing = OPENAI_RESPONSES.encode_request(request, model)
    body: dict[str, Any] = json.loads(outgoing.body)
    return body, outgoing.dropped


def asked(*turns: Turn, **members: Any) -> Request:
    return Request(**{"dialect": "anthropic", "model": "asked", "turns": turns or (HI,), **members})


def text(index: int, *pieces: str) -> list[Event]:
    return [BlockStart(index, "text"), *(TextDelta(index, piece) for piece in pieces), BlockEnd(index)]


def thinking(index: int, *pieces: str, state: Opaque | None = None) -> list[Event]:
    deltas: list[Event] = [ThinkingDelta(index, piece) for piece in pieces]
    if state is not None:
        deltas.append(OpaqueDelta(index, state))
    return [BlockStart(index, "thinking"), *deltas, BlockEnd(index)]


def call(index: int, *pieces: str, id_: str = "call_1", name: str = "look", custom: bool = False) -> list[Event]:
    deltas = [ArgumentsDelta(index, piece) for piece in pieces]
    start = BlockStart(index, "tool_call", id_, name, tool_kind="custom" if custom else "function")
    return [start, *deltas, BlockEnd(index)]
