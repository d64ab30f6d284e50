"""Estimates: never zero for something, in proportion to what is sent, quick."""

import time
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiclient2api.canonical.estimate import estimate_blocks, estimate_request, estimate_text
from aiclient2api.canonical.request import (
    Audio,
    Base64,
    Block,
    Document,
    FileId,
    Foreign,
    Image,
    Opaque,
    OutputFormat,
    Plain,
    Refusal,
    Request,
    SearchResult,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
    Url,
)
from tests.strategies import requests


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", 0),
        ("a", 1),
        ("abcd", 1),
        ("abcde", 2),
        ("a" * 400, 100),
        ("é", 1),
        ("é" * 400, 100),
        ("中", 1),
        ("中" * 150, 100),
        ("カ" * 150, 100),
        ("한" * 150, 100),
        ("，" * 150, 100),
        ("\U0001f600" * 150, 100),
        ("中" * 150 + "a" * 400, 200),
        ("\ud800", 1),
    ],
)
def test_texts(text: str, tokens: int) -> None:
    assert estimate_text(text) == tokens


@given(st.text(st.characters(), max_size=200))
def test_random_texts_are_never_nothing(text: str) -> None:
    assert (estimate_text(text) >= 1) == bool(text)
    assert estimate_text(text) <= max(1, len(text))


@given(st.text("ab é中\U0001f600\n", max_size=60), st.text("ab é中\U0001f600\n", min_size=1, max_size=60))
def test_random_texts_never_get_cheaper_by_growing(text: str, more: str) -> None:
    assert estimate_text(text) <= estimate_text(text + more)
    assert estimate_text(text + more) <= estimate_text(text) + estimate_text(more)


@pytest.mark.parametrize("text", ["hello world ", "今天天气怎么样？", "Größe: 12 µm, naïve ", '{"a":[1,2,{"b":"中"}]}'])
def test_texts_cost_in_proportion(text: str) -> None:
    one = estimate_text(text * 100)
    for times in (2, 10, 100):
        assert estimate_text(text * 100 * times) == pytest.approx(times * one, rel=0.01)


SMALL: list[Block] = [
    Text("a"),
    Text("", citations=(b"{}",)),
    Image(Base64("image/png", "")),
    Image(Url("https://x")),
    Document(Plain("a")),
    Document(Base64("application/pdf", "A")),
    Document(FileId("f")),
    Document(Plain(""), title="t"),
    Document(Plain(""), context="c"),
    Audio(Base64("audio/wav", "")),
    SearchResult("s", "", ()),
    SearchResult("", "", (Text("a"),)),
    Thinking("a"),
    Thinking("", (Opaque("o", "redacted", "v"),)),
    ToolCall("", "", ""),
    ToolResult("", ()),
    Refusal("a"),
    Foreign("d", "t", b"1"),
]


@pytest.mark.parametrize("block", SMALL, ids=lambda block: type(block).__name__)
def test_no_block_is_nothing(block: Block) -> None:
    assert estimate_blocks((block,)) >= 1
    assert estimate_blocks((block, block)) == 2 * estimate_blocks((block,))


def test_every_kind_of_block_is_counted() -> None:
    assert {type(block) for block in SMALL} == set(get_args(Block))


@pytest.mark.parametrize("block", [Text(""), Thinking(""), Refusal(""), Document(Plain("")), Foreign("d", "t", b"")])
def test_nothing_costs_nothing(block: Block) -> None:
    assert estimate_blocks((block,)) == 0


LARGE = "a" * 4000


@pytest.mark.parametrize(
    "block",
    [
        Text(LARGE),
        Thinking(LARGE),
        Refusal(LARGE),
        Document(Plain(LARGE)),
        SearchResult("", "", (Text(LARGE),)),
        ToolCall("id", "f", LARGE),
        ToolResult("id", (Text(LARGE),)),
        Foreign("d", "t", LARGE.encode()),
    ],
    ids=lambda block: type(block).__name__,
)
def test_what_a_block_holds_counts(block: Block) -> None:
    assert 1000 <= estimate_blocks((block,)) <= 1020


def test_a_signature_beside_its_thinking_is_not_counted_twice() -> None:
    signed = Thinking("some thought", (Opaque("o", "signature", LARGE),))
    assert estimate_blocks((signed,)) == estimate_blocks((Thinking("some thought"),))


def test_documents_cost_by_their_bytes() -> None:
    one, ten = (estimate_blocks((Document(Base64("application/pdf", "A" * size)),)) for size in (40_000, 400_000))
    assert one == 1500
    assert ten == 15_000


def test_a_request_is_the_sum_of_its_parts() -> None:
    empty = Request(dialect="d", model="m", turns=())
    assert estimate_request(empty) == 1
    turn = Request(dialect="d", model="m", turns=(Turn("user", (Text(LARGE),)),))
    assert estimate_request(turn) == 1004
    system = Request(dialect="d", model="m", turns=(), system=(Text(LARGE), Text(LARGE)))
    assert estimate_request(system) == 2000
    schema = LARGE.encode()
    tools = (
        Tool("f", schema=schema),
        Tool("f", kind="custom", grammar=schema),
        Tool("f", kind="server", type="t", raw=schema),
    )
    assert estimate_request(Request(dialect="d", model="m", turns=(), tools=tools)) == 3 * 1013
    output = OutputFormat("json_schema", "n", schema)
    assert estimate_request(Request(dialect="d", model="m", turns=(), output=output)) == 1000


@given(requests())
def test_random_requests_cost_more_with_one_more_turn(request: Request) -> None:
    longer = Request(
        dialect=request.dialect,
        model=request.model,
        turns=(*request.turns, Turn("user", (Text("x"),))),
        system=request.system,
        tools=request.tools,
        output=request.output,
    )
    assert estimate_request(longer) == estimate_request(request) + 5


def test_two_million_characters_take_no_time() -> None:
    for text in ("a" * 2_000_000, "中" * 2_000_000, "aé中" * 700_000):
        begun = time.perf_counter()
        estimate_text(text)
        assert time.perf_counter() - begun < 0.5
