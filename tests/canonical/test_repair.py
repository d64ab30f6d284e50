"""Histories that no provider would take, and what becomes of them: each sentence of repair's docstring is a test."""

import time
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiclient2api.canonical.repair import INTERRUPTED, repair
from aiclient2api.canonical.request import (
    Base64,
    Block,
    Cache,
    Foreign,
    Image,
    Opaque,
    Refusal,
    Request,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Turn,
)
from tests.strategies import PIXEL, requests

PICTURE = Image(Base64("image/png", PIXEL))


def user(*blocks: Block | str, cache: Cache | None = None, name: str | None = None) -> Turn:
    return Turn("user", texts(blocks), name, cache)


def assistant(*blocks: Block | str, cache: Cache | None = None, name: str | None = None) -> Turn:
    return Turn("assistant", texts(blocks), name, cache)


def system(*blocks: Block | str) -> Turn:
    return Turn("system", texts(blocks))


def texts(blocks: tuple[Block | str, ...]) -> tuple[Block, ...]:
    return tuple(Text(block) if isinstance(block, str) else block for block in blocks)


def call(id: str, name: str = "f") -> ToolCall:
    return ToolCall(id, name, "{}")


def result(id: str, text: str = "", is_error: bool = False) -> ToolResult:
    return ToolResult(id, (Text(text or f"of {id}"),), is_error)


def interrupted(id: str, name: str = "f") -> ToolResult:
    return ToolResult(id, (Text(INTERRUPTED),), is_error=True, name=name)


def request(*turns: Turn) -> Request:
    return Request(dialect="anthropic", model="m", turns=turns)


def repaired(*turns: Turn) -> tuple[Turn, ...]:
    return repair(request(*turns)).turns


Case = tuple[list[Turn], list[Turn]]

CASES: dict[str, Case] = {
    "a call was never answered": (
        [user("q"), assistant(call("a", "g")), user("go on")],
        [user("q"), assistant(call("a", "g")), user(interrupted("a", "g"), "go on")],
    ),
    "at the end": (
        [user("q"), assistant("t", call("a"), call("b"))],
        [user("q"), assistant("t", call("a"), call("b")), user(interrupted("a"), interrupted("b"))],
    ),
    "one of two": (
        [user("q"), assistant(call("a"), call("b")), user(result("b"))],
        [user("q"), assistant(call("a"), call("b")), user(interrupted("a"), result("b"))],
    ),
    "only a system turn between two assistants": (
        [assistant(call("a")), system("s"), assistant("t")],
        [assistant(call("a")), system("s"), user(interrupted("a")), assistant("t")],
    ),
    "a result without its call": (
        [user("q"), assistant("t"), user(result("x", "lost"), "go on")],
        [user("q"), assistant("t"), user("[Result of an unknown tool call x]", "lost", "go on")],
    ),
    "its pictures stay": (
        [user(ToolResult("x", (Text("see"), PICTURE)))],
        [user("[Result of an unknown tool call x]", "see", PICTURE)],
    ),
    "a result before its call": (
        [user(result("a", "early")), assistant(call("a")), user(result("a"))],
        [user("[Another result of tool call a]", "early"), assistant(call("a")), user(result("a"))],
    ),
    "only before its call": (
        [user(result("a", "early")), assistant(call("a"))],
        [user("[Result of an unknown tool call a]", "early"), assistant(call("a")), user(interrupted("a"))],
    ),
    "results over several messages": (
        [assistant(call("a"), call("b")), user(result("a")), user(result("b")), user("go on")],
        [assistant(call("a"), call("b")), user(result("a"), result("b")), user("go on")],
    ),
    "results in the wrong order": (
        [assistant(call("a"), call("b")), user("see", result("b"), result("a"))],
        [assistant(call("a"), call("b")), user(result("a"), result("b"), "see")],
    ),
    "a late result": (
        [assistant(call("a")), user("wait"), assistant("t"), user(result("a"), "here")],
        [assistant(call("a")), user(result("a"), "wait"), assistant("t"), user("here")],
    ),
    "a late result alone: the assistants beside it are one turn": (
        [assistant(call("a")), user("wait"), assistant("t"), user(result("a")), assistant("u", call("b"))],
        [assistant(call("a")), user(result("a"), "wait"), assistant("t", "u", call("b")), user(interrupted("b"))],
    ),
    "a second, different result": (
        [assistant(call("a")), user(result("a"), result("a", "else"))],
        [assistant(call("a")), user(result("a"), "[Another result of tool call a]", "else")],
    ),
    "the same result as an error is a different one": (
        [assistant(call("a")), user(result("a", "x"), result("a", "x", is_error=True))],
        [assistant(call("a")), user(result("a", "x"), "[Another result of tool call a]", "x")],
    ),
    "a second, equal result": (
        [assistant(call("a")), user(result("a")), assistant("t"), user(result("a"), "u")],
        [assistant(call("a")), user(result("a")), assistant("t"), user("u")],
    ),
    "ids that count from 0 each turn": (
        [assistant(call("f:0")), user(result("f:0", "1")), assistant(call("f:0")), user(result("f:0", "2"))],
        [assistant(call("f:0")), user(result("f:0", "1")), assistant(call("f:0_2")), user(result("f:0_2", "2"))],
    ),
    "the number is taken": (
        [assistant(call("a"), call("a_2")), user(result("a"), result("a_2")), assistant(call("a")), user(result("a"))],
        [
            assistant(call("a"), call("a_2")),
            user(result("a"), result("a_2")),
            assistant(call("a_3")),
            user(ToolResult("a_3", (Text("of a"),))),
        ],
    ),
    "the number is taken later": (
        [assistant(call("a")), assistant(call("a"), call("a_2")), user(result("a_2"))],
        [
            assistant(call("a"), call("a_3"), call("a_2")),
            user(interrupted("a"), interrupted("a_3"), result("a_2")),
        ],
    ),
    "the number is taken by a result of nobody": (
        [assistant(call("a")), user(result("a")), assistant(call("a")), user(result("a", "x"), result("a_2", "y"))],
        [
            assistant(call("a")),
            user(result("a")),
            assistant(call("a_3")),
            user(result("a_3", "x"), "[Result of an unknown tool call a_2]", "y"),
        ],
    ),
    "one id twice in a turn": (
        [assistant(call("a"), call("a")), user(result("a", "1"), result("a", "2"))],
        [assistant(call("a"), call("a_2")), user(result("a", "1"), result("a_2", "2"))],
    ),
    "one id twice in a turn, three results": (
        [assistant(call("a"), call("a")), user(result("a", "1"), result("a", "2"), result("a", "3"))],
        [
            assistant(call("a"), call("a_2")),
            user(result("a", "1"), result("a_2", "2"), "[Another result of tool call a_2]", "3"),
        ],
    ),
    "an interrupted call, and its id again": (
        [assistant(call("a")), user("stop"), assistant(call("a")), user(result("a", "x"))],
        [assistant(call("a")), user(interrupted("a"), "stop"), assistant(call("a_2")), user(result("a_2", "x"))],
    ),
    "a call in a user's turn": (
        [user("q", call("a"), "r", name="ann"), user(result("a"))],
        [user("q", name="ann"), assistant(call("a")), user(result("a"), "r", name="ann")],
    ),
    "a result in an assistant's turn": (
        [assistant("t", call("a"), result("a"), "u")],
        [assistant("t", call("a")), user(result("a")), assistant("u")],
    ),
    "a result in a system turn": (
        [assistant(call("a")), system("s", result("a"))],
        [assistant(call("a")), system("s"), user(result("a"))],
    ),
    "assistants that follow each other": (
        [user("q"), assistant("t"), assistant(call("a")), assistant(call("b")), user(result("a"), result("b"))],
        [user("q"), assistant("t", call("a"), call("b")), user(result("a"), result("b"))],
    ),
    "assistants with nothing between them": (
        [assistant("t"), user(""), assistant(call("a")), user(result("a"))],
        [assistant("t", call("a")), user(result("a"))],
    ),
    "their cache marks": (
        [assistant("t", cache=Cache("1h")), assistant(call("a"), cache=Cache("5m")), user(result("a"))],
        [assistant(Text("t", Cache("1h")), call("a"), cache=Cache("5m")), user(result("a"))],
    ),
    "their names": (
        [assistant("t", name="bob"), assistant(call("a")), user(result("a"))],
        [assistant("t", call("a"), name="bob"), user(result("a"))],
    ),
    "assistants without tools stay": (
        [user("q"), assistant("t"), assistant("u")],
        [user("q"), assistant("t"), assistant("u")],
    ),
    "empty texts": (
        [user("", "q"), assistant("", Thinking(""), Refusal("")), user("r"), system("")],
        [user("q"), user("r")],
    ),
    "thinking with a signature and no text is not empty": (
        [assistant(Thinking("", (Opaque("o", "redacted", "v"),)))],
        [assistant(Thinking("", (Opaque("o", "redacted", "v"),)))],
    ),
    "an empty assistant turn between call and result": (
        [assistant(call("a")), user("wait"), assistant(""), user(result("a"))],
        [assistant(call("a")), user(result("a"), "wait")],
    ),
    "nothing at all": ([user("")], []),
}


@pytest.mark.parametrize(("turns", "expected"), CASES.values(), ids=CASES.keys())
def test_cases(turns: list[Turn], expected: list[Turn]) -> None:
    assert repaired(*turns) == tuple(expected)
    assert repaired(*expected) == tuple(expected)


def test_whatever_else_the_request_says_stays() -> None:
    before = Request(dialect="d", model="m", turns=(user("q"), assistant(call("a"))), max_tokens=7, stream=True)
    after = repair(before)
    assert after.turns != before.turns
    assert (after.dialect, after.model, after.max_tokens, after.stream) == ("d", "m", 7, True)


@given(requests())
def test_random_sound_histories_are_the_same_object(sound: Request) -> None:
    assert repair(sound) is sound


# --- any history

_ids = st.sampled_from(["a", "b", "a_2", "a_3", ""])
_said = st.sampled_from(["", "x", "y"]).map(Text)
_results = st.builds(
    lambda id, number, picture: ToolResult(id, (Text(f"{id}={number}"), *([PICTURE] if picture else []))),
    id=_ids,
    number=st.integers(1, 3),
    picture=st.booleans(),
)
"""Their text tells whose they are."""
_blocks: st.SearchStrategy[Block] = st.one_of(
    _said,
    st.builds(ToolCall, id=_ids, name=st.just("f"), arguments=st.just("{}")),
    _results,
    st.sampled_from([Thinking("t"), Thinking(""), Refusal("no"), PICTURE, Foreign("anthropic", "x", b"{}")]),
)
_turns = st.lists(
    st.builds(
        Turn,
        role=st.sampled_from(["user", "user", "assistant", "assistant", "system"]),
        blocks=st.lists(_blocks, max_size=4).map(tuple),
        name=st.sampled_from([None, "ann"]),
        cache=st.sampled_from([None, Cache()]),
    ),
    max_size=7,
).map(tuple)


@given(_turns)
def test_random_histories_come_out_sound(turns: tuple[Turn, ...]) -> None:
    fixed = repaired(*turns)
    assert repaired(*fixed) == fixed, "the second time there is nothing to do"
    calls = [block.id for turn in fixed for block in turn.blocks if isinstance(block, ToolCall)]
    assert len(set(calls)) == len(calls)
    open_calls: list[str] = []
    for turn in fixed:
        assert turn.blocks
        assert not any(isinstance(block, Text) and not block.text for block in turn.blocks)
        results = [block.call_id for block in turn.blocks if isinstance(block, ToolResult)]
        if turn.role == "user":
            assert results == open_calls, "each call once, in order, in the next user turn"
            assert all(isinstance(block, ToolResult) for block in turn.blocks[: len(results)])
            open_calls = []
        else:
            assert results == []
        if turn.role == "assistant":
            assert not open_calls
            open_calls = [block.id for block in turn.blocks if isinstance(block, ToolCall)]
        else:
            assert not any(isinstance(block, ToolCall) for block in turn.blocks)
    assert not open_calls


@given(_turns)
def test_random_histories_lose_and_invent_nothing(turns: tuple[Turn, ...]) -> None:
    fixed = repaired(*turns)
    assert _said_outside_results(fixed) == _said_outside_results(turns)
    texts_of_results = {text for turn in turns for block in turn.blocks for text in _text_of(block)}
    everything = {text for turn in fixed for block in turn.blocks for text in (*_text_of(block), block)}
    assert texts_of_results <= everything


def _said_outside_results(turns: tuple[Turn, ...]) -> Counter[str]:
    out = Counter[str]()
    for turn in turns:
        for block in turn.blocks:
            if isinstance(block, Text) and block.text in ("x", "y"):
                out[f"{turn.role} {block.text}"] += 1
            elif isinstance(block, ToolCall):
                out["a call"] += 1
            elif isinstance(block, Thinking | Foreign) and block != Thinking(""):
                out[repr(block)] += 1
    return out


def _text_of(block: Block) -> list[Block]:
    return [each for each in block.content if isinstance(each, Text)] if isinstance(block, ToolResult) else []


def test_long_histories_take_linear_time() -> None:
    """One id for thousands of calls, each answered, is the worst case."""
    turns = [turn for _ in range(5_000) for turn in (assistant(call("a"), call("a")), user(result("a"), result("a")))]
    begun = time.perf_counter()
    fixed = repaired(*turns)
    assert time.perf_counter() - begun < 5
    assert len(fixed) == len(turns)
