"""Reasoning: fields by the live schema, tags for Claude without one, nothing for others."""

import json
from typing import Any

import msgspec
import pytest

from aiclient2api.canonical.model import Model
from aiclient2api.canonical.request import Reasoning
from aiclient2api.providers.kiro.modeltable import assumed
from tests.providers.kiro.build import GPT, LIVE, MODEL, made, user

ADAPTIVE = {"type": "adaptive", "display": "summarized"}
ALWAYS = msgspec.structs.replace(LIVE, thinking=("adaptive",))
OTHER = assumed("glm-5")
EFFORTLESS = msgspec.structs.replace(LIVE, request_fields=("thinking",))


def fields(reasoning: Reasoning | None, model: Model, **members: Any) -> tuple[Any, tuple[str, ...], bool]:
    built = made(user("hi"), reasoning=reasoning, model=model, **members)
    return json.loads(built.body).get("additionalModelRequestFields"), built.dropped, built.tags


@pytest.mark.parametrize(
    ("reasoning", "model", "expected", "dropped"),
    [
        (None, LIVE, None, ()),
        (Reasoning("auto"), LIVE, {"thinking": ADAPTIVE}, ()),
        (Reasoning("effort", "high"), LIVE, {"thinking": ADAPTIVE, "output_config": {"effort": "high"}}, ()),
        (Reasoning("effort", "xhigh"), LIVE, {"thinking": ADAPTIVE, "output_config": {"effort": "high"}}, ()),
        (Reasoning("effort", "minimal"), LIVE, {"thinking": ADAPTIVE, "output_config": {"effort": "low"}}, ()),
        (Reasoning("budget", budget=8000), LIVE, {"thinking": ADAPTIVE, "output_config": {"effort": "medium"}}, ()),
        (Reasoning("budget", budget=30_000), LIVE, {"thinking": ADAPTIVE, "output_config": {"effort": "high"}}, ()),
        (Reasoning("effort", "high"), EFFORTLESS, {"thinking": ADAPTIVE}, ()),
        (Reasoning("between_tools"), LIVE, {"thinking": ADAPTIVE | {"type": "between_tools"}}, ()),
        (Reasoning("between_tools"), ALWAYS, {"thinking": ADAPTIVE}, ()),
        (Reasoning("auto", display="omitted"), LIVE, {"thinking": ADAPTIVE | {"display": "omitted"}}, ()),
        (Reasoning("off"), LIVE, {"thinking": {"type": "disabled"}}, ()),
        (Reasoning("off"), ALWAYS, None, ("thinking",)),
        (Reasoning("effort", "max"), GPT, {"reasoning": {"effort": "high"}}, ()),
        (Reasoning("effort", "minimal"), GPT, {"reasoning": {"effort": "low"}}, ()),
        (Reasoning("auto"), GPT, None, ()),
        (Reasoning("off"), GPT, {"reasoning": {"effort": "none"}}, ()),
        (Reasoning("off"), MODEL, None, ()),
        (Reasoning("off"), OTHER, None, ()),
        (Reasoning("effort", "high"), OTHER, None, ("thinking",)),
    ],
)
def test_fields(reasoning: Reasoning | None, model: Model, expected: Any, dropped: tuple[str, ...]) -> None:
    """C6"""
    assert fields(reasoning, model) == (expected, dropped, False)


def system(reasoning: Reasoning | None, model: Model, **members: Any) -> str:
    built = made(user("hi"), reasoning=reasoning, model=model, **members)
    history = json.loads(built.body)["conversationState"].get("history")
    assert built.tags == bool(history)
    return str(history[0]["userInputMessage"]["content"]) if history else ""


@pytest.mark.parametrize(
    ("reasoning", "tags"),
    [
        (Reasoning("auto"), "<thinking_mode>enabled</thinking_mode><max_thinking_length>16000</max_thinking_length>"),
        (
            Reasoning("budget", budget=500),
            "<thinking_mode>enabled</thinking_mode><max_thinking_length>1024</max_thinking_length>",
        ),
        (
            Reasoning("effort", "max"),
            "<thinking_mode>adaptive</thinking_mode><thinking_effort>high</thinking_effort>",
        ),
        (Reasoning("off"), ""),
        (None, ""),
    ],
)
def test_tags_for_claude_without_a_schema(reasoning: Reasoning | None, tags: str) -> None:
    assert system(reasoning, MODEL) == tags


def test_without_fields_thinking_is_asked_for_by_tags() -> None:
    remedies = frozenset({"drop_fields"})
    assert "<thinking_mode>" in system(Reasoning("auto"), LIVE, remedies=remedies)
    assert fields(Reasoning("auto"), LIVE, max_tokens=4096, remedies=remedies) == (None, ("max_tokens",), True)


def test_the_suffix_of_the_name_asks_for_thinking() -> None:
    named = msgspec.structs.replace(MODEL, name="claude-sonnet-4.5-thinking")
    assert "<thinking_mode>enabled" in system(None, named)
    assert system(Reasoning("off"), named) == ""


@pytest.mark.parametrize(
    ("asked", "sent", "dropped"),
    [
        (4096, {"max_tokens": 4096}, ()),
        (500_000, {"max_tokens": 128_000}, ()),
        (1023, None, ("max_tokens",)),
    ],
)
def test_max_tokens(asked: int, sent: Any, dropped: tuple[str, ...]) -> None:
    assert fields(None, LIVE, max_tokens=asked) == (sent, dropped, False)
