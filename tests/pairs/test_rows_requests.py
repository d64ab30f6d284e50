"""Part 5 of dialects.md, rows about requests: what real clients send, and what each service must be asked then."""

import json
import re
from collections.abc import Callable

import pytest

from aiclient2api.canonical.request import ToolCall
from tests.pairs.answers import answer, call
from tests.pairs.asked import CLASSICS, GEMINI, LONG_NAME, ROLES, TO_A, TO_C, TO_G, TO_K, TO_R
from tests.pairs.backs import BACKS, Back
from tests.pairs.fronts import Front
from tests.pairs.rows import (
    CHAT_LOOK,
    LOOK,
    Asking,
    asking,
    assistant,
    at,
    calls,
    chat_call,
    check,
    claude,
    go,
    refused,
    user,
)
from tests.pairs.world import Json, World

A, C, R, G = "anthropic", "openai_chat", "openai_responses", "gemini"
CHOICES: dict[str, tuple[object, dict[str, object]]] = {
    "auto": ("auto", {A: {"type": "auto"}, C: "auto", R: "auto", G: {"mode": "AUTO"}}),
    "any": ("required", {A: {"type": "any"}, C: "required", R: "required", G: {"mode": "ANY"}}),
    "none": ("none", {A: {"type": "none"}, C: "none", R: "none", G: {"mode": "NONE"}}),
    "one": (
        {"type": "function", "function": {"name": "look"}},
        {
            A: {"type": "tool", "name": "look"},
            C: {"type": "function", "function": {"name": "look"}},
            R: {"type": "function", "name": "look"},
            G: {"mode": "ANY", "allowedFunctionNames": ["look"]},
        },
    ),
    "some": (
        {
            "type": "allowed_tools",
            "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "look"}}]},
        },
        {
            A: {"type": "auto"},
            C: {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "look"}}]},
            },
            R: {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "look"}]},
            G: {"mode": "VALIDATED", "allowedFunctionNames": ["look"]},
        },
    ),
}
"""What a Chat client may say, and how each API says it (dialects.md, 2.5)."""
CHOICE_MEMBER = {G: "toolConfig.functionCallingConfig"}
TWO_TOOLS = [CHAT_LOOK, {"type": "function", "function": {"name": "other"}}]
FOUR = [back for back in BACKS.values() if back.dialect is not None]


@pytest.mark.parametrize("back", [pytest.param(back, id=f"openai_chat-{back.name}") for back in FOUR])
@pytest.mark.parametrize("wish", [pytest.param(name, id=f"T103-{name}") for name in CHOICES])
def test_a_choice_of_tools(world: World, back: Back, wish: str) -> None:
    given, wanted = CHOICES[wish]
    seen = go(world, C, back.name, {"tools": TWO_TOOLS, "tool_choice": given}, role="plain")
    assert at(seen.heard, CHOICE_MEMBER.get(back.form, "tool_choice")) == wanted[back.form]
    if wish == "some" and back.form == A:  # which has no word for it: the other tool is left out
        assert at(seen.heard, "tools.*.name") == ["look"]


EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
CLAUDE_EFFORTS = {"minimal": "low"}
GEMINI_LEVELS = {"none": "MINIMAL", "xhigh": "HIGH", "max": "HIGH"}
GEMINI_BUDGETS = {
    "none": 0,
    "minimal": (512, 1024),
    "low": 4096,
    "medium": 8192,
    "high": 24576,
    "xhigh": 24576,
    "max": 24576,
}
CLAUDE_BUDGETS = {"minimal": 1024, "low": 4096, "medium": 10240, "high": 24576, "xhigh": 32768, "max": 39999}
ASKS_EFFORT: dict[str, Callable[[str], Json]] = {
    C: lambda effort: {"reasoning_effort": effort},
    R: lambda effort: {"reasoning": {"effort": effort}},
}


@pytest.mark.parametrize("effort", [pytest.param(effort, id=f"T113-{effort}") for effort in EFFORTS])
@pytest.mark.parametrize("front", [C, R])
def test_an_effort(world: World, front: str, effort: str) -> None:
    """As levels and as budgets, for models that take the one or the other (dialects.md, 2.7)."""
    members = ASKS_EFFORT[front](effort) | {"max_output_tokens" if front == R else "max_completion_tokens": 40_000}
    heard = go(world, front, "claude-custom", members).heard
    if effort == "none":
        assert heard["thinking"] == {"type": "disabled"}
    else:
        assert heard["thinking"]["type"] == "adaptive"
        assert heard["output_config"]["effort"] == CLAUDE_EFFORTS.get(effort, effort)
    heard = go(world, front, "claude-custom", members, role="budget").heard
    assert heard["thinking"].get("budget_tokens") == (None if effort == "none" else CLAUDE_BUDGETS[effort])
    heard = go(world, front, "gemini-custom", members).heard
    assert heard["generationConfig"]["thinkingConfig"]["thinkingLevel"] == GEMINI_LEVELS.get(effort, effort.upper())
    heard = go(world, front, "gemini-custom", members, role="budget").heard
    budget = GEMINI_BUDGETS[effort]
    found = heard["generationConfig"]["thinkingConfig"]["thinkingBudget"]
    assert budget[0] <= found <= budget[1] if isinstance(budget, tuple) else found == budget


NAMES = {
    "64": "a" * 64,
    "65": "a" * 65,
    "128": "a" * 128,
    "129": "a" * 129,
    "dots-and-spaces": "my.server tool/one",
    "chinese": "查看天气",
}


@pytest.mark.parametrize("name", [pytest.param(name, id=f"T110-{key}") for key, name in NAMES.items()])
@pytest.mark.parametrize(
    "back", [pytest.param(back, id=f"openai_chat-{back.name}") for back in BACKS.values() if back.form != C]
)
def test_a_tools_name(world: World, back: Back, name: str) -> None:
    """Mapped in definitions, history and choice alike, and given back as the client wrote it."""
    tools = [{"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}}]
    history = [
        user("Go."),
        assistant(None, tool_calls=[chat_call("call_1", name)]),
        {"role": "tool", "tool_call_id": "call_1", "content": "R"},
    ]
    chosen = {"type": "function", "function": {"name": name}}
    members = {"messages": history, "tools": tools, "tool_choice": chosen}
    seen = go(world, C, back.name, members, role="plain")
    heard = back.read(world.heard)
    (wire,) = [tool.name for tool in heard.tools]
    assert len(wire) <= (128 if back.form == A else 64)
    assert back.form == G or re.fullmatch(r"[a-zA-Z0-9_-]+", wire)
    called = [block.name for turn in heard.turns for block in turn.blocks if isinstance(block, ToolCall)]
    assert called == [wire]
    assert heard.tool_choice is None or heard.tool_choice.name == wire
    answered = go(
        world,
        C,
        back.name,
        members,
        role="plain",
        play=answer(call(0, "call_2", wire, "{}"), reason="tools"),
        stream=True,
    )
    assert calls(answered.answer) == [("call_2", name, {})]
    assert seen.reply.status == 200


def test_t023_a_tool_of_71_characters_on_kiro(world: World) -> None:
    """The wire's limit is 64; the name is shortened the same way every time, and given back whole."""
    members = claude("Hi.", tools=[{**LOOK, "name": LONG_NAME}])
    assert len(LONG_NAME) == 71
    seen = [go(world, A, "claude-kiro-oauth", members) for _ in range(2)]
    wires = {BACKS["claude-kiro-oauth"].read(world.heard).tools[0].name for _ in seen}
    (wire,) = wires
    assert len(wire) <= 64
    play = answer(call(0, "tooluse_1", wire, "{}"), reason="tools")
    assert calls(go(world, A, "claude-kiro-oauth", members, play=play).answer) == [("tooluse_1", LONG_NAME, {})]


REFUSED = (
    ("T125-several-choices", C, ("openaiResponses-custom", *TO_A, *GEMINI, *TO_K), {"n": 2}, "n"),
    (
        "T127-broken-base64",
        C,
        (*TO_A, *TO_G),
        {"messages": [user([{"type": "image_url", "image_url": {"url": "data:image/png;base64,@@@"}}])]},
        "messages[0].content[0]",
    ),
    (
        "T129-a-file-of-another-vendor",
        C,
        (*TO_A, *TO_G),
        {"messages": [user([{"type": "file", "file": {"file_id": "file-1"}}])]},
        "file",
    ),
    (
        "T129-a-file-of-another-vendor",
        A,
        (*TO_C, *TO_R, *TO_G, *TO_K),
        claude([user([{"type": "document", "source": {"type": "file", "file_id": "file_1"}}])]),
        "file",
    ),
    (
        "T126-a-pdf-elsewhere-that-cannot-be-sent",
        A,
        (*TO_C, *TO_K),
        claude([user([{"type": "document", "source": {"type": "url", "url": "https://example.com/a.pdf"}}])]),
        "",
    ),
    (
        "T126-a-link-into-the-own-network",
        A,
        TO_G,
        claude([user([{"type": "document", "source": {"type": "url", "url": "http://169.254.169.254/x.pdf"}}])]),
        "",
    ),
)


@pytest.mark.parametrize(
    ("front", "back", "members", "named"),
    [
        pytest.param(front, back, members, named, id=f"{row}-{front}-{back}")
        for row, front, backs, members, named in REFUSED
        for back in backs
    ],
)
def test_a_request_that_cannot_be_carried(world: World, front: str, back: str, members: Json, named: str) -> None:
    """In words that name the member, and without a call to the service or to any link."""
    refused(world, front, back, members, path=named)
    assert world.service.beside == []


def test_t128_sound_for_a_model_without_ears(world: World) -> None:
    """Anthropic's API has no sound: the model is told that something was there, and the client that it was left out."""
    members = {"messages": [user([{"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}])]}
    seen = go(world, C, "claude-custom", members)
    assert "cannot read" in json.dumps(seen.heard["messages"])
    assert "input_audio" in seen.reply.dropped


@pytest.mark.parametrize(("row", "front", "back"), asking((*CLASSICS, *ROLES)))
def test_a_request(world: World, row: Asking, front: Front, back: Back) -> None:
    seen = go(world, row.front, back.name, row.members, role=row.role, model=row.model, headers=row.headers)
    assert seen.reply.status == 200
    check(seen.heard, row.heard)
    if row.dropped is not None:
        assert set(row.dropped) <= set(seen.reply.dropped)
