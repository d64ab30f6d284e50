"""A whole answer and its events: what is folded unfolds to the same answer."""

from collections.abc import Iterator

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
    OpaqueDelta,
    Start,
    TextDelta,
    ThinkingDelta,
    UsageUpdate,
)
from aiclient2api.canonical.request import (
    Audio,
    Base64,
    Foreign,
    Image,
    Opaque,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from aiclient2api.canonical.response import Folder, Response, fold, unfold
from aiclient2api.canonical.usage import Usage
from aiclient2api.canonical.validate import EventValidator
from tests.strategies import call_ids, events, json_objects, names, texts, usages

SIGNATURE = Opaque("anthropic", "signature", "s")
STATE = Opaque("gemini", "thought_signature", "t")

EVERYTHING: list[Event] = [
    Start("id", "model", Usage(fresh=1)),
    BlockStart(0, "thinking"),
    ThinkingDelta(0, "h"),
    BlockStart(1, "text"),
    TextDelta(1, "a"),
    ThinkingDelta(0, "m"),
    OpaqueDelta(0, SIGNATURE),
    BlockEnd(0),
    Citation(1, url="u1"),
    BlockStart(2, "tool_call", "c", "f", namespace="n"),
    ArgumentsDelta(2, '{"x"'),
    TextDelta(1, "b"),
    BlockEnd(1),
    ArgumentsDelta(2, ":1}"),
    OpaqueDelta(2, STATE),
    BlockEnd(2),
    BlockStart(3, "tool_call", "d", "g", tool_kind="custom"),
    BlockEnd(3),
    UsageUpdate(Usage(fresh=1, output=2)),
    BlockStart(4, "refusal"),
    TextDelta(4, "no"),
    BlockEnd(4),
    BlockStart(5, "foreign", name="server_tool_use", dialect="anthropic", raw=b"{}"),
    BlockEnd(5),
    UsageUpdate(Usage(fresh=1, output=9)),
    Finish("tools", details=b"{}"),
]

FOLDED = Response(
    id="id",
    model="model",
    blocks=(
        Thinking("hm", (SIGNATURE,)),
        Text("ab"),
        ToolCall("c", "f", '{"x":1}', namespace="n", opaque=(STATE,)),
        ToolCall("d", "g", "", kind="custom"),
        Refusal("no"),
        Foreign("anthropic", "server_tool_use", b"{}"),
    ),
    finish=Finish("tools", details=b"{}"),
    usage=Usage(fresh=1, output=9),
    citations=(Citation(1, url="u1"),),
)


def test_everything() -> None:
    assert fold(EVERYTHING) == FOLDED
    unfolded = EventValidator().feed(list(unfold(FOLDED)))
    assert fold(unfolded) == FOLDED


@given(events())
def test_random_answers_come_back(answer: list[Event]) -> None:
    folded = fold(answer)
    unfolded = EventValidator().feed(list(unfold(folded)))
    assert fold(unfolded) == folded
    for kind in (TextDelta, ThinkingDelta, ArgumentsDelta):
        assert _by_block(unfolded, kind) == _by_block(answer, kind)


def _by_block(answer: list[Event], kind: type) -> dict[int, str]:
    out: dict[int, str] = {}
    for event in answer:
        if isinstance(event, kind) and isinstance(event, TextDelta | ThinkingDelta | ArgumentsDelta):
            out[event.index] = out.get(event.index, "") + event.text
    return out


_opaques = st.lists(st.builds(Opaque, st.just("o"), st.just("k"), texts), max_size=2).map(tuple)
_blocks = st.one_of(
    st.builds(Text, texts),
    st.builds(Refusal, texts),
    st.builds(Thinking, texts, _opaques),
    st.builds(ToolCall, call_ids, names, json_objects, st.sampled_from(["function", "custom"]), st.none() | names),
    st.builds(Foreign, names, names, st.binary(max_size=5)),
)


@given(st.lists(_blocks, max_size=4), usages, st.lists(st.tuples(st.integers(0, 3), texts), max_size=4))
def test_random_responses_come_back(blocks: list[Text], usage: Usage, cited: list[tuple[int, str]]) -> None:
    known = [(index, title) for index, title in cited if index < len(blocks)]
    citations = tuple(Citation(index, title=title) for index, title in sorted(known, key=lambda each: each[0]))
    response = Response("i", "m", tuple(blocks), Finish("end"), usage, citations)
    assert fold(unfold(response)) == response


def test_citations_stand_in_the_order_of_their_blocks() -> None:
    """So that an answer whose blocks interleave unfolds to itself."""
    body: list[Event] = [Start(), BlockStart(0, "text"), BlockStart(1, "text")]
    cited = [Citation(1, url="b"), Citation(0, url="a"), Citation(1, url="c")]
    folded = fold([*body, *cited, BlockEnd(0), BlockEnd(1), Finish("end")])
    assert [each.url for each in folded.citations] == ["a", "b", "c"]
    assert fold(unfold(folded)) == folded


def test_the_last_usage_counts() -> None:
    one, two = Usage(fresh=1), Usage(fresh=2)
    assert fold([Start(usage=one), Finish("end")]).usage == one
    assert fold([Start(usage=one), UsageUpdate(two), Finish("end")]).usage == two
    assert fold([Start(), Finish("end")]).usage == Usage()


def test_a_failure_is_raised() -> None:
    error = GatewayError("overloaded", "busy")
    with pytest.raises(GatewayError) as caught:
        fold([Start(), BlockStart(0, "text"), TextDelta(0, "x"), Failed(error)])
    assert caught.value is error


def test_an_answer_without_an_end_is_truncated() -> None:
    folder = Folder()
    for event in EVERYTHING[:-1]:
        folder.add(event)
    with pytest.raises(GatewayError) as caught:
        folder.response()
    assert caught.value.kind == "truncated"


def test_a_call_that_length_cut_off_keeps_what_there_is() -> None:
    cut = fold([Start(), BlockStart(0, "tool_call", "c", "f"), ArgumentsDelta(0, '{"a'), Finish("length")])
    assert cut.blocks == (ToolCall("c", "f", '{"a'),)


@pytest.mark.parametrize("block", [Image(Base64("image/png", "")), Audio(Base64("audio/wav", "")), ToolResult("c", ())])
def test_what_cannot_stand_in_an_answer(block: Image | Audio | ToolResult) -> None:
    def unfolded() -> Iterator[Event]:
        return unfold(Response("i", "m", (block,), Finish("end"), Usage()))

    with pytest.raises(TypeError, match=type(block).__name__):
        list(unfolded())
