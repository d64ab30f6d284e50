"""Shared by the tests of the Kiro answer: frames to feed, and a decoder whose events are always checked for order."""

import itertools
import json
from collections.abc import Iterable, Sequence
from typing import Any

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.events import (
    ArgumentsDelta,
    BlockEnd,
    BlockStart,
    Event,
    Failed,
    Finish,
    TextDelta,
    ThinkingDelta,
    UsageUpdate,
)
from aiclient2api.canonical.usage import Usage
from aiclient2api.canonical.validate import EventValidator
from aiclient2api.dialects.names import NameMap
from aiclient2api.providers.kiro.decoder import KiroDecoder
from aiclient2api.wire import eventstream

WINDOW = 200_000


def frame(kind: str, payload: object = None, message_type: str | None = "event") -> bytes:
    """An event; `payload` is JSON, or bytes as they are."""
    headers = {":event-type": kind, ":content-type": "application/json"}
    if message_type is not None:
        headers[":message-type"] = message_type
    body = payload if isinstance(payload, bytes) else json.dumps({} if payload is None else payload).encode()
    return eventstream.encode(headers, body)


def text(*pieces: str) -> bytes:
    return b"".join(frame("assistantResponseEvent", {"content": piece}) for piece in pieces)


def tool_use(use_id: str | None, name: str | None = None, **members: object) -> bytes:
    given = {"toolUseId": use_id, "name": name} | members
    return frame("toolUseEvent", {key: value for key, value in given.items() if value is not None})


def metering(usage: float = 0.5) -> bytes:
    return frame("meteringEvent", {"usage": usage, "unit": "credit", "unitPlural": "credits"})


def exception(name: str, **members: object) -> bytes:
    headers = {":message-type": "exception", ":exception-type": name, ":content-type": "application/json"}
    return eventstream.encode(headers, json.dumps(members).encode())


def error(code: str, message: str) -> bytes:
    return eventstream.encode({":message-type": "error", ":error-code": code, ":error-message": message}, b"")


def decoder(**settings: Any) -> KiroDecoder:
    tools = settings.get("tools", ())
    plain: dict[str, Any] = {
        "names": NameMap(tools),
        "ids": {},
        "tools": (),
        "tags": False,
        "input_estimate": lambda: 7,
        "window": WINDOW,
        "model": "asked-model",
        "strict_end": True,
        "stop": (),
    }
    return KiroDecoder(**(plain | settings))


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    """`data` in pieces."""
    bounds = [0, *sorted({place for place in places if 0 < place < len(data)}), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(bounds)]


def read(data: bytes | Sequence[bytes], **settings: Any) -> list[Event]:
    """All events of an answer, given whole or in pieces; their order is checked, and that nothing follows the end."""
    reading = decoder(**settings)
    events: list[Event] = []
    for piece in [data] if isinstance(data, bytes) else data:
        events += reading.feed(piece)
    events += reading.close()
    assert reading.feed(text("late")) == []
    assert reading.close() == []
    assert isinstance(events[-1], Finish | Failed)
    return EventValidator().feed(events)


class Told:
    """What the events of an answer add up to."""

    def __init__(self, events: Sequence[Event]) -> None:
        self.events = events
        self.starts = [event for event in events if isinstance(event, BlockStart)]
        self.ended = [event.index for event in events if isinstance(event, BlockEnd)]
        self.usage = next((event.usage for event in events if isinstance(event, UsageUpdate)), Usage())

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, TextDelta))

    @property
    def thinking(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, ThinkingDelta))

    @property
    def finish(self) -> Finish:
        assert isinstance(self.events[-1], Finish), self.events[-1]
        return self.events[-1]

    @property
    def error(self) -> GatewayError:
        assert isinstance(self.events[-1], Failed), self.events[-1]
        return self.events[-1].error

    @property
    def calls(self) -> list[tuple[str, str, str]]:
        """(id, name, arguments) of the finished calls."""
        return [
            (start.id, start.name, self.arguments(start.index))
            for start in self.starts
            if start.kind == "tool_call" and start.index in self.ended
        ]

    @property
    def unfinished(self) -> list[str]:
        return [start.id for start in self.starts if start.kind == "tool_call" and start.index not in self.ended]

    def arguments(self, index: int) -> str:
        return "".join(
            event.text for event in self.events if isinstance(event, ArgumentsDelta) and event.index == index
        )


def told(data: bytes | Sequence[bytes], **settings: Any) -> Told:
    return Told(read(data, **settings))
