"""The order of events: each rule, kept and broken; whatever is generated as sound is sound."""

import itertools
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.events import (
    ArgumentsDelta,
    BlockEnd,
    BlockKind,
    BlockStart,
    Citation,
    Event,
    Failed,
    Finish,
    OpaqueDelta,
    Start,
    TextDelta,
    ThinkingDelta,
    UsageUpdate,
    Verbatim,
    is_content,
)
from aiclient2api.canonical.request import Opaque
from aiclient2api.canonical.usage import Usage
from aiclient2api.canonical.validate import EventValidator
from tests.strategies import events

FAILED = Failed(GatewayError("truncated", "cut"))
END = Finish("end")
OPAQUE = Opaque("o", "signature", "v")

DELTAS: dict[str, Event] = {
    "TextDelta": TextDelta(0, "x"),
    "ThinkingDelta": ThinkingDelta(0, "x"),
    "ArgumentsDelta": ArgumentsDelta(0, "x"),
    "OpaqueDelta": OpaqueDelta(0, OPAQUE),
    "Citation": Citation(0),
}
FITS: dict[BlockKind, set[str]] = {
    "text": {"TextDelta", "OpaqueDelta", "Citation"},
    "refusal": {"TextDelta"},
    "thinking": {"ThinkingDelta", "OpaqueDelta"},
    "tool_call": {"ArgumentsDelta", "OpaqueDelta"},
    "foreign": set(),
}


def broken(*sound: Event) -> str:
    """The rule that the last event breaks; those before it break none."""
    validator = EventValidator()
    assert validator.feed(sound[:-1]) == list(sound[:-1])
    with pytest.raises(GatewayError) as caught:
        validator.feed(sound[-1:])
    assert caught.value.kind == "internal"
    return str(caught.value).removeprefix("Events out of order: ").removesuffix(".")


def text(index: int) -> BlockStart:
    return BlockStart(index, "text")


def test_every_kind_of_block_is_judged() -> None:
    assert set(FITS) == set(get_args(BlockKind))


@pytest.mark.parametrize(("kind", "name"), list(itertools.product(FITS, DELTAS)))
def test_which_delta_fits_which_block(kind: BlockKind, name: str) -> None:
    before = (Start(), BlockStart(0, kind))
    if name in FITS[kind]:
        EventValidator().feed([*before, DELTAS[name], BlockEnd(0), END])
    else:
        assert broken(*before, DELTAS[name]) == f"{name} belongs to block 0, which is a {kind} block"


SOUND: dict[str, list[Event]] = {
    "nothing said": [Start(), END],
    "failed at once": [FAILED],
    "failed after start": [Start(), FAILED],
    "failed in a block": [Start(), text(0), TextDelta(0, "x"), FAILED],
    "failed between blocks": [Start(), text(0), BlockEnd(0), FAILED],
    "blocks one after the other": [Start(), text(0), BlockEnd(0), text(1), BlockEnd(1), END],
    "blocks that interleave": [
        Start(),
        text(0),
        text(1),
        TextDelta(1, "b"),
        TextDelta(0, "a"),
        BlockEnd(0),
        BlockEnd(1),
        END,
    ],
    "usage anywhere": [
        Start(),
        UsageUpdate(Usage()),
        text(0),
        UsageUpdate(Usage()),
        BlockEnd(0),
        UsageUpdate(Usage()),
        END,
    ],
    "a call cut by length": [Start(), BlockStart(0, "tool_call"), ArgumentsDelta(0, '{"a'), Finish("length")],
    "two calls cut by length": [Start(), BlockStart(0, "tool_call"), BlockStart(1, "tool_call"), Finish("length")],
    "verbatim": [Verbatim(b"a", content=False), Verbatim(b"b", finish=END)],
    "verbatim that fails": [Verbatim(b"a"), FAILED],
}


@pytest.mark.parametrize("sound", SOUND.values(), ids=SOUND.keys())
def test_sound(sound: list[Event]) -> None:
    assert EventValidator().feed(sound) == sound


BROKEN: dict[str, tuple[list[Event], str]] = {
    "Start twice": ([Start(), Start()], "Start comes twice"),
    "block before Start": ([text(0)], "BlockStart comes before Start"),
    "usage before Start": ([UsageUpdate(Usage())], "UsageUpdate comes before Start"),
    "Finish before Start": ([END], "Finish comes before Start"),
    "delta before Start": ([TextDelta(0, "x")], "TextDelta belongs to block 0, which is not open"),
    "first index not 0": ([Start(), text(1)], "BlockStart has index 1 where 0 is due"),
    "negative index": ([Start(), text(-1)], "BlockStart has index -1 where 0 is due"),
    "index left out": ([Start(), text(0), text(2)], "BlockStart has index 2 where 1 is due"),
    "index again": ([Start(), text(0), BlockEnd(0), text(0)], "BlockStart has index 0 where 1 is due"),
    "index while open": ([Start(), text(0), text(0)], "BlockStart has index 0 where 1 is due"),
    "delta for a closed block": (
        [Start(), text(0), BlockEnd(0), TextDelta(0, "x")],
        "TextDelta belongs to block 0, which is not open",
    ),
    "delta for a block to come": (
        [Start(), text(0), TextDelta(1, "x")],
        "TextDelta belongs to block 1, which is not open",
    ),
    "end without start": ([Start(), BlockEnd(0)], "BlockEnd belongs to block 0, which is not open"),
    "end twice": ([Start(), text(0), BlockEnd(0), BlockEnd(0)], "BlockEnd belongs to block 0, which is not open"),
    "Finish while a text is open": ([Start(), text(0), END], "Finish comes while block 0 is open"),
    "length while a text is open": ([Start(), text(0), Finish("length")], "Finish comes while block 0 is open"),
    "length while a call and a text are open": (
        [Start(), BlockStart(0, "tool_call"), text(1), Finish("length")],
        "Finish comes while block 0 is open",
    ),
    "tools while a call is open": (
        [Start(), text(0), BlockEnd(0), BlockStart(1, "tool_call"), Finish("tools")],
        "Finish comes while block 1 is open",
    ),
}


@pytest.mark.parametrize(("order", "rule"), BROKEN.values(), ids=BROKEN.keys())
def test_broken(order: list[Event], rule: str) -> None:
    assert broken(*order) == rule


@pytest.mark.parametrize("end", [END, Finish("length"), FAILED], ids=["Finish", "cut", "Failed"])
@pytest.mark.parametrize(
    "late",
    [*DELTAS.values(), Start(), text(0), text(1), BlockEnd(0), UsageUpdate(Usage()), END, FAILED, Verbatim(b"")],
    ids=lambda event: type(event).__name__,
)
def test_nothing_comes_after_the_end(end: Event, late: Event) -> None:
    begun: list[Event] = [Start(), BlockStart(0, "tool_call")]
    if end is END:
        begun.append(BlockEnd(0))
    assert broken(*begun, end, late) == f"{type(late).__name__} comes after the end of the answer"


@given(events())
def test_random_answers_are_sound(answer: list[Event]) -> None:
    assert EventValidator().feed(answer) == answer
    validator = EventValidator()
    for event in answer:
        validator.check(event)


@given(events(), st.data())
def test_random_answers_with_two_events_exchanged(answer: list[Event], data: st.DataObject) -> None:
    """Whatever the validator lets pass keeps the rules that a second, slower reading finds."""
    at = data.draw(st.integers(0, len(answer) - 2))
    answer[at], answer[at + 1] = answer[at + 1], answer[at]
    try:
        EventValidator().feed(answer)
    except GatewayError:
        return
    kinds = [type(event) for event in answer]
    assert kinds[0] is Start
    assert kinds[-1] is Finish
    starts = [event.index for event in answer if isinstance(event, BlockStart)]
    assert starts == list(range(len(starts)))
    for index in starts:
        own = [type(event) for event in answer if getattr(event, "index", None) == index]
        assert own[0] is BlockStart
        assert own[-1] is BlockEnd


def test_what_commits_an_attempt() -> None:
    committing = [*DELTAS.values(), text(0), END, Verbatim(b"x")]
    assert all(is_content(event) for event in committing)
    others: list[Event] = [Start(), UsageUpdate(Usage()), BlockEnd(0), FAILED, Verbatim(b"x", content=False)]
    assert not any(is_content(event) for event in others)
