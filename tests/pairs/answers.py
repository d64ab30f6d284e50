"""Answers as data: what a model says, in canonical events; no vector knows which service says it, or to whom."""

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass

from aiclient2api.canonical.events import (
    ArgumentsDelta,
    BlockEnd,
    BlockKind,
    BlockStart,
    Citation,
    Event,
    Finish,
    FinishReason,
    OpaqueDelta,
    Start,
    TextDelta,
    ThinkingDelta,
    UsageUpdate,
)
from aiclient2api.canonical.request import Opaque, Tool
from aiclient2api.canonical.usage import Usage
from tests.pairs.backs import OWN
from tests.strategies import ALPHABET

SCHEMA = b'{"type":"object","properties":{"path":{"type":"string"}}}'
TOOLS = (Tool("read_file", "Reads a file.", SCHEMA), Tool("write_file", "Writes a file.", SCHEMA))
FIRST = Usage(fresh=50, cache_read=149_900, cache_write=50, output=1)
USAGE = Usage(fresh=50, cache_read=149_900, cache_write=50, output=70)
SIGNATURE = "c2lnbmF0dXJlIG9mIHRoZSBzZXJ2aWNl"


@dataclass(frozen=True)
class Vector:
    """`tools` are what the client declared."""

    id: str
    events: Sequence[Event]
    tools: tuple[Tool, ...] = ()


def prose(index: int, *pieces: str, kind: BlockKind = "text") -> list[Event]:
    return [BlockStart(index, kind), *(TextDelta(index, piece) for piece in pieces), BlockEnd(index)]


def thinking(index: int, *pieces: str, state: Opaque | None = None) -> list[Event]:
    said: list[Event] = [ThinkingDelta(index, piece) for piece in pieces]
    signed: list[Event] = [OpaqueDelta(index, state)] if state is not None else []
    return [BlockStart(index, "thinking"), *said, *signed, BlockEnd(index)]


def call(index: int, call_id: str, name: str, *pieces: str) -> list[Event]:
    arguments: list[Event] = [ArgumentsDelta(index, piece) for piece in pieces]
    return [BlockStart(index, "tool_call", call_id, name), *arguments, BlockEnd(index)]


def answer(
    *blocks: Sequence[Event], reason: FinishReason = "end", usage: Usage = USAGE, stop: str | None = None
) -> list[Event]:
    body = list(itertools.chain.from_iterable(blocks))
    return [Start("upstream-id", "upstream-model", FIRST), *body, UsageUpdate(usage), Finish(reason, stop)]


def interleaved(first: Sequence[Event], second: Sequence[Event]) -> list[Event]:
    """Two blocks that grow at the same time."""
    mixed = itertools.zip_longest(first, second)
    return [event for pair in mixed for event in pair if event is not None]


SIGNED = Opaque(OWN, "signature", SIGNATURE)
LARGE = json.dumps(
    {"path": "/tmp/日本語 🎉.txt", "size": 2**60, "deep": {"z": [1, 2.5, None], "a": "x\u2028y"}}, ensure_ascii=False
)
READ = '{"path": "/etc/hosts"}'

VECTORS: dict[str, Vector] = {
    vector.id: vector
    for vector in (
        Vector("text", answer(prose(0, "Hello", ", ", "world", "!"))),
        Vector(
            "unicode", answer(prose(0, ALPHABET, "日本語 🎉 é\u2028\u2029\u0085\r\n", "👩\u200d👩\u200d👧", " end"))
        ),
        Vector("nothing", answer()),
        Vector("json", answer(prose(0, '{"city":', ' "Zürich"', "}"))),
        Vector("call", answer(call(0, "call_1a", "read_file", '{"path": ', '"/etc/hosts"}'), reason="tools"), TOOLS),
        Vector("call-without-arguments", answer(call(0, "call_1a", "read_file"), reason="tools"), TOOLS),
        Vector(
            "call-with-large-values",
            answer(
                call(0, "call_1a", "write_file", *(LARGE[at : at + 7] for at in range(0, len(LARGE), 7))),
                reason="tools",
            ),
            TOOLS,
        ),
        Vector(
            "parallel-calls",
            answer(
                interleaved(
                    call(0, "call_1a", "read_file", READ[:9], READ[9:]),
                    call(1, "call_2b", "write_file", READ[:5], READ[5:]),
                ),
                reason="tools",
            ),
            TOOLS,
        ),
        Vector(
            "text-and-calls",
            answer(
                prose(0, "Let me look. "),
                call(1, "call_1a", "read_file", READ),
                call(2, "call_2b", "read_file", READ),
                reason="tools",
            ),
            TOOLS,
        ),
        Vector(
            "text-around-a-call",
            answer(prose(0, "Before."), call(1, "call_1a", "read_file", READ), prose(2, "After."), reason="tools"),
            TOOLS,
        ),
        Vector("thinking", answer(thinking(0, "Let me ", "think."), prose(1, "Done."))),
        Vector("signed-thinking", answer(thinking(0, "Let me ", "think.", state=SIGNED), prose(1, "Done."))),
        Vector(
            "thinking-between-calls",
            answer(
                thinking(0, "First.", state=SIGNED),
                call(1, "call_1a", "read_file", READ),
                thinking(2, "Then.", state=SIGNED),
                call(3, "call_2b", "read_file", READ),
                reason="tools",
            ),
            TOOLS,
        ),
        Vector("refusal", answer(prose(0, "I will not ", "do that.", kind="refusal"), reason="refusal")),
        Vector(
            "citation",
            answer(
                [
                    BlockStart(0, "text"),
                    TextDelta(0, "Rain is wet 🎉."),
                    Citation(0, "https://example.com/rain", "Rain", "Rain is wet", 0, 13),
                    BlockEnd(0),
                ]
            ),
        ),
        Vector("length", answer(prose(0, "Once upon a"), reason="length")),
        Vector("context-window", answer(prose(0, "Once upon a"), reason="context_window")),
        Vector("stop-sequence", answer(prose(0, "One, two, "), reason="stop_sequence", stop="three")),
        Vector("safety", answer(prose(0, "I"), reason="refusal")),
        Vector("pause", answer(prose(0, "Searching."), reason="pause")),
        Vector(
            "usage-of-a-long-cache",
            answer(prose(0, "x"), usage=Usage(fresh=13, cache_read=22_000, cache_write_1h=7, output=7)),
        ),
        Vector(
            "usage-of-reasoning",
            answer(thinking(0, "Hm."), prose(1, "x"), usage=Usage(fresh=9, output=100, reasoning=30)),
        ),
        Vector("end-after-a-call", answer(call(0, "call_1a", "read_file", READ), reason="end"), TOOLS),
    )
}
