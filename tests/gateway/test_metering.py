"""What an answer took where its service did not say (C7): an estimate over all that was said, marked as one."""

from collections.abc import Sequence

import pytest

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
    ThinkingDelta,
    UsageUpdate,
    Verbatim,
)
from aiclient2api.canonical.usage import Usage
from aiclient2api.dialects.registry import DIALECTS
from aiclient2api.gateway.metering import SAMPLE, Meter
from tests.accounting import answers
from tests.pairs.backs import BACKS

ASKED = 77
TEXT: list[Event] = [BlockStart(0, "text"), TextDelta(0, "x" * 40), BlockEnd(0)]
END = Finish("end")
TOLD = Usage(fresh=5, cache_read=6, output=7)


def meter(front: str = "anthropic", stream: bool = True) -> Meter:
    return Meter(DIALECTS[front], stream, lambda: ASKED)


@pytest.mark.parametrize(
    ("events", "found"),
    [
        ([Start(), *TEXT, UsageUpdate(TOLD), END], TOLD),
        ([Start(usage=TOLD), *TEXT, END], TOLD),
        ([Start(), *TEXT, END], Usage(fresh=ASKED, output=10, estimated=True)),
        ([Start(), *TEXT, UsageUpdate(Usage()), END], Usage(fresh=ASKED, output=10, estimated=True)),
        ([Start(), *TEXT, UsageUpdate(Usage(fresh=5)), END], Usage(fresh=5, output=10, estimated=True)),
        ([Start(), *TEXT, UsageUpdate(Usage(output=3)), END], Usage(fresh=ASKED, output=10, estimated=True)),
        ([Start(), END], Usage(fresh=ASKED, estimated=True)),
        ([Start(), UsageUpdate(Usage(fresh=5)), END], Usage(fresh=5)),
    ],
)
def test_a_whole_answer(events: Sequence[Event], found: Usage) -> None:
    """C7: what the service has counted is taken as it is; what it has not is estimated, for the client as well."""
    subject = meter()
    shown = [each for event in events for each in subject.see([event])]
    assert subject.usage() == found
    told = [each.usage for each in shown if isinstance(each, UsageUpdate)] or [TOLD]
    assert told[-1] == found
    assert [each for each in shown if not isinstance(each, UsageUpdate)] == [
        each for each in events if not isinstance(each, UsageUpdate)
    ]
    assert list(subject.see([])) == []


@pytest.mark.parametrize("start", [Usage(fresh=9, cache_read=3, output=1), None])
@pytest.mark.parametrize("last", [[], [Failed(GatewayError("truncated", "It broke off."))]])
def test_a_part_of_an_answer(start: Usage | None, last: list[Event]) -> None:
    """The input as told, if it was; the output that was seen."""
    subject = meter()
    subject.see([Start(usage=start), *TEXT, *last])
    found = subject.usage()
    assert (found.input, found.output, found.estimated) == (12 if start else ASKED, 10, True)


def test_all_kinds_of_blocks_count() -> None:
    subject = meter()
    subject.see([Start(), BlockStart(0, "thinking"), ThinkingDelta(0, "x" * 4), BlockEnd(0)])
    thought = subject.usage().output
    subject.see([BlockStart(1, "tool_call", "call", "f"), ArgumentsDelta(1, "{}"), BlockEnd(1)])
    called = subject.usage().output
    subject.see([BlockStart(2, "text"), TextDelta(2, "日本語"), BlockEnd(2)])
    assert (thought, called - thought >= 8, subject.usage().output - called >= 2) == (1, True, True)


@pytest.mark.parametrize("name", ["claude-custom", "openai-custom", "openaiResponses-custom", "gemini-custom"])
def test_bytes_that_pass_through(name: str) -> None:
    """Whole or streamed: about the nine tokens that are in it."""
    front = BACKS[name].form
    whole = meter(front, stream=False)
    whole.see([Verbatim(answers.whole(name, None), finish=END)])
    streamed = meter(front)
    for piece in answers.pieces(name, None):
        streamed.see([Verbatim(piece)])
    streamed.see([Verbatim(b"", finish=END)])
    for subject in (whole, streamed):
        found = subject.usage()
        assert (found.fresh, found.estimated) == (ASKED, True)
        assert 6 <= found.output <= 16


def test_a_long_stream_is_judged_by_its_beginning() -> None:
    frame = b'data: {"choices":[{"index":0,"delta":{"content":"eight ch"}}]}\n\n'
    subject = meter("openai_chat")
    for _ in range(1000):
        subject.see([Verbatim(frame)])
    assert 1900 <= subject.usage().output <= 2100
    assert subject._sampled <= SAMPLE + len(frame)
