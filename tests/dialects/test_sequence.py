"""Interleaved blocks put one after the other."""

from hypothesis import given

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.events import (
    ArgumentsDelta,
    BlockEnd,
    BlockStart,
    Event,
    Failed,
    Finish,
    Start,
    TextDelta,
    UsageUpdate,
)
from aiclient2api.canonical.response import fold
from aiclient2api.canonical.usage import Usage
from aiclient2api.canonical.validate import EventValidator
from aiclient2api.dialects.sequence import BlockEvent, Sequence
from tests.strategies import events

CALLS: list[Event] = [
    Start(),
    BlockStart(0, "tool_call", "a", "f"),
    BlockStart(1, "tool_call", "b", "g"),
    ArgumentsDelta(1, "{}"),
    UsageUpdate(Usage(output=1)),
    BlockEnd(1),
    BlockStart(2, "text"),
    TextDelta(2, "x"),
    ArgumentsDelta(0, "{}"),
]


def run(given: list[Event]) -> list[Event]:
    sequence = Sequence()
    return [each for event in given for each in sequence.feed(event)]


def test_a_block_waits_for_those_before_it() -> None:
    out = run([*CALLS, BlockEnd(0), TextDelta(2, "y"), BlockEnd(2), Finish("tools")])
    assert [event.index for event in out if isinstance(event, BlockEvent)] == [0, 0, 0, 1, 1, 1, 2, 2, 2, 2]
    assert out.index(UsageUpdate(Usage(output=1))) == 2


def test_at_finish_all_that_is_held_is_let_go() -> None:
    """Calls that the length limit cut off stay open."""
    out = run([*CALLS, Finish("length")])
    assert out[-6:] == [
        BlockStart(1, "tool_call", "b", "g"),
        ArgumentsDelta(1, "{}"),
        BlockEnd(1),
        BlockStart(2, "text"),
        TextDelta(2, "x"),
        Finish("length"),
    ]


def test_after_a_failure_nothing_that_is_held_is_shown() -> None:
    failed = Failed(GatewayError("upstream", "broken"))
    assert run([*CALLS, failed])[-2:] == [ArgumentsDelta(0, "{}"), failed]


@given(events())
def test_the_same_answer_in_order(answer: list[Event]) -> None:
    out = run(answer)
    EventValidator().feed(out)
    assert fold(out) == fold(answer)
    indexes = [event.index for event in out if isinstance(event, BlockEvent)]
    assert indexes == sorted(indexes)
