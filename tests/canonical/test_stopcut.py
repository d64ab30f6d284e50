"""Stop sequences cut out of an answer, the same at every cut of its text."""

import itertools
import time
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.events import (
    ArgumentsDelta,
    BlockEnd,
    BlockStart,
    Citation,
    Event,
    Failed,
    Finish,
    Start,
    TextDelta,
    ThinkingDelta,
    UsageUpdate,
)
from aiclient2api.canonical.stopcut import StopCutter
from aiclient2api.canonical.usage import Usage
from aiclient2api.canonical.validate import EventValidator
from tests.strategies import events

USAGE = Usage(fresh=3, output=5)


def answer(pieces: Iterable[str]) -> list[Event]:
    """One text block, its text in these pieces."""
    return [Start(), BlockStart(0, "text"), *(TextDelta(0, each) for each in pieces), BlockEnd(0), Finish("end")]


def cut(events: Iterable[Event], *stop: str) -> list[Event]:
    """Events one by one, checked for order."""
    cutter = StopCutter(stop)
    out = [shown for event in events for shown in cutter.feed([event])]
    return EventValidator().feed(out)


def seen(events: Iterable[Event]) -> tuple[str, str | None]:
    """The text, and the stop sequence that ended it."""
    said, found = "", None
    for event in events:
        if isinstance(event, TextDelta):
            said += event.text
        elif isinstance(event, Finish):
            found = event.stop_sequence
    return said, found


def reference(text: str, stop: Iterable[str]) -> tuple[str, str | None]:
    """By definition: the first place where the text so far ends with one of them, the longest of these."""
    for end in range(1, len(text) + 1):
        matches = [each for each in stop if each and text[:end].endswith(each)]
        if matches:
            word = max(matches, key=len)
            return text[: end - len(word)], word
    return text, None


def all_cuts(text: str) -> Iterator[list[str]]:
    yield [text]
    yield list(text)
    yield from ([text[:at], text[at:]] for at in range(len(text) + 1))


TABLE: list[tuple[str, tuple[str, ...], str, str | None]] = [
    ("abc", (), "abc", None),
    ("abc", ("",), "abc", None),
    ("abc", ("x",), "abc", None),
    ("abc", ("a",), "", "a"),
    ("abc", ("b",), "a", "b"),
    ("abc", ("c",), "ab", "c"),
    ("abc", ("abcd",), "abc", None),
    ("one END two END", ("END",), "one ", "END"),
    ("one E ENT END", ("END",), "one E ENT ", "END"),
    ("aab", ("ab",), "a", "ab"),
    ("aaab", ("aab",), "a", "aab"),
    ("abababc", ("ababc",), "ab", "ababc"),
    ("abcabd", ("abd",), "abc", "abd"),
    ("abcd", ("bc", "abcd"), "a", "bc"),
    ("abcd", ("abcd", "bc"), "a", "bc"),
    ("abc", ("abc", "ab"), "", "ab"),
    ("xabc", ("bc", "abc"), "x", "abc"),
    ("xabc", ("c", "bc", "abc"), "x", "abc"),
    ("a\n\nb", ("\n\n",), "a", "\n\n"),
    ("a\nb", ("\n\n",), "a\nb", None),
    ("\n\n", ("\n\n",), "", "\n\n"),
    ("今天停止吧", ("停止",), "今天", "停止"),
    ("今天停，停止吧", ("停止",), "今天停，", "停止"),
    ("\U0001f600\U0001f601", ("\U0001f601",), "\U0001f600", "\U0001f601"),
    ("a.b", (".",), "a", "."),
    ("a[b]c", ("[b]", "(c"), "a", "[b]"),
    ("a", ("a", "a"), "", "a"),
]


@pytest.mark.parametrize(("text", "stop", "said", "found"), TABLE)
def test_the_table_at_every_cut(text: str, stop: tuple[str, ...], said: str, found: str | None) -> None:
    assert reference(text, stop) == (said, found)
    for pieces in all_cuts(text):
        assert seen(cut(answer(pieces), *stop)) == (said, found)


_few = st.text("ab中", max_size=12)


@given(_few, st.lists(st.text("ab中", max_size=4), max_size=3), st.sets(st.integers(1, 11)))
def test_random_texts_at_random_cuts(text: str, stop: list[str], places: set[int]) -> None:
    edges = [0, *sorted(place for place in places if place < len(text)), len(text)]
    pieces = [text[start:end] for start, end in itertools.pairwise(edges)]
    whole = StopCutter(tuple(stop)).feed(answer([text]))
    assert seen(whole) == seen(cut(answer(pieces), *stop)) == seen(cut(answer(text), *stop)) == reference(text, stop)


def test_text_is_shown_as_soon_as_it_belongs_to_no_stop_sequence() -> None:
    cutter = StopCutter(("END",))
    cutter.feed([Start(), BlockStart(0, "text")])
    shown = [cutter.feed([TextDelta(0, each)]) for each in ("Hello", " E", "N", "T E", "xit")]
    assert shown == [[TextDelta(0, "Hello")], [TextDelta(0, " ")], [], [TextDelta(0, "ENT ")], [TextDelta(0, "Exit")]]


def test_what_is_held_comes_before_the_end_of_its_block() -> None:
    assert cut(answer(["a", "E"]), "END")[2:] == [TextDelta(0, "a"), TextDelta(0, "E"), BlockEnd(0), Finish("end")]


def test_a_cut_closes_everything_and_ends_the_answer() -> None:
    cutter = StopCutter(("END",), lambda: USAGE)
    begun: list[Event] = [
        Start(),
        BlockStart(0, "thinking"),
        BlockStart(1, "text"),
        ThinkingDelta(0, "hm"),
        TextDelta(1, "b E"),
        BlockStart(2, "text"),
    ]
    out = cutter.feed([*begun, TextDelta(2, "c END d"), TextDelta(1, "never"), Finish("end")])
    assert out[-7:] == [
        TextDelta(2, "c "),
        BlockEnd(0),
        TextDelta(1, "E"),
        BlockEnd(1),
        BlockEnd(2),
        UsageUpdate(USAGE),
        Finish("stop_sequence", "END"),
    ]
    EventValidator().feed(out)
    assert cutter.done
    assert cutter.feed([TextDelta(1, "never"), Finish("end")]) == []


def test_without_usage_none_is_made_up() -> None:
    out = cut(answer(["a END"]), "END")
    assert not any(isinstance(event, UsageUpdate) for event in out)
    assert out[-1] == Finish("stop_sequence", "END")


def test_nothing_is_cut_while_a_call_is_open() -> None:
    call = BlockStart(1, "tool_call", "id", "f")
    said: list[Event] = [TextDelta(0, "a END b E"), ArgumentsDelta(1, '{"a":"END"}'), TextDelta(0, "N")]
    begun: list[Event] = [Start(), BlockStart(0, "text"), call]
    out = cut([*begun, *said, BlockEnd(1), TextDelta(0, "D c"), BlockEnd(0), Finish("tools")], "END")
    assert seen(out) == ("a END b ", "END"), (
        "what was complete while the call was open stays; what is complete now cuts"
    )
    out = cut([*begun, *said, BlockEnd(1), TextDelta(0, "O c"), BlockEnd(0), Finish("tools")], "END")
    assert seen(out) == ("a END b ENO c", None)
    assert [event for event in out if isinstance(event, ArgumentsDelta)] == said[1:2]


def test_only_text_is_looked_at() -> None:
    body: list[Event] = [
        Start(),
        BlockStart(0, "thinking"),
        ThinkingDelta(0, "END"),
        BlockEnd(0),
        BlockStart(1, "refusal"),
        TextDelta(1, "END"),
        BlockEnd(1),
        BlockStart(2, "tool_call"),
        ArgumentsDelta(2, "END"),
        BlockEnd(2),
        BlockStart(3, "text"),
        Citation(3, cited_text="END"),
        BlockEnd(3),
        Finish("tools"),
    ]
    assert cut(body, "END") == body


def test_a_sequence_over_two_blocks_is_none() -> None:
    body: list[Event] = [
        Start(),
        BlockStart(0, "text"),
        TextDelta(0, "E"),
        BlockEnd(0),
        BlockStart(1, "text"),
        TextDelta(1, "ND"),
    ]
    assert seen(cut([*body, BlockEnd(1), Finish("end")], "END")) == ("END", None)


def test_two_blocks_are_told_apart() -> None:
    begun: list[Event] = [
        Start(),
        BlockStart(0, "text"),
        BlockStart(1, "text"),
        TextDelta(0, "E"),
        TextDelta(1, "N"),
        TextDelta(0, "N"),
    ]
    out = cut([*begun, TextDelta(1, "D"), TextDelta(0, "D")], "END")
    assert [event.text for event in out if isinstance(event, TextDelta) and event.index == 1] == ["N", "D"]
    assert seen(out)[1] == "END"


@pytest.mark.parametrize("end", [Failed(GatewayError("truncated", "cut")), Finish("end")])
def test_held_text_is_not_lost_when_the_answer_ends(end: Event) -> None:
    """A failed answer leaves its blocks open."""
    out = StopCutter(("END",)).feed([Start(), BlockStart(0, "text"), TextDelta(0, "a EN"), end])
    assert out[2:] == [TextDelta(0, "a "), TextDelta(0, "EN"), end]


@given(events())
def test_random_answers_without_stop_sequences_pass_as_they_are(body: list[Event]) -> None:
    assert StopCutter(()).feed(body) == body
    assert StopCutter(("",)).feed(body) == body


@given(events(), st.lists(st.sampled_from(["a", "b", " ", "\n", "\u4e2d", "XY", "never there"]), max_size=3))
def test_random_answers_stay_sound(body: list[Event], stop: list[str]) -> None:
    out = cut(body, *stop)
    assert isinstance(out[-1], Finish)
    calls = [event for event in body if isinstance(event, ArgumentsDelta)]
    kept = [event for event in out if isinstance(event, ArgumentsDelta)]
    assert kept == calls[: len(kept)]
    if out[-1].reason != "stop_sequence":
        assert kept == calls


def test_long_sequences_take_linear_time() -> None:
    """The worst case of every naive search: a long run of one letter, looked for in longer ones."""
    word = "a" * 20_000 + "b"
    cutter = StopCutter((word, "a" * 19_999 + "c"))
    cutter.feed([Start(), BlockStart(0, "text")])
    begun = time.perf_counter()
    for _ in range(100):
        cutter.feed([TextDelta(0, "a" * 1_000)])
    out = cutter.feed([TextDelta(0, "b")])
    assert time.perf_counter() - begun < 5
    assert out == [BlockEnd(0), Finish("stop_sequence", word)]
