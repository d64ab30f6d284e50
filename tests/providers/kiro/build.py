"""Shared by the tests of the Kiro request: short ways to build an Ask and to look at the body it makes."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from aiclient2api.canonical.model import Model
from aiclient2api.canonical.request import Block, Request, Text, ToolCall, ToolResult, Turn
from aiclient2api.providers.base import Ask
from aiclient2api.providers.kiro.modeltable import assumed
from aiclient2api.providers.kiro.request import Built, build

DATA = Path(__file__).parents[2] / "data"
PROFILE = "arn:aws:codewhisperer:eu-central-1:123456789012:profile/ABCDEF123456"
MODEL = assumed("claude-sonnet-4.5", max_input=200_000, max_output=64_000)
LIVE = Model(
    id="claude-opus-5",
    max_output=128_000,
    thinking=("adaptive", "between_tools", "disabled"),
    efforts=("low", "medium", "high", "max"),
    request_fields=("thinking", "output_config", "max_tokens"),
)
GPT = Model(
    id="gpt-5.6-sol", thinking=("effort",), efforts=("none", "low", "medium", "high"), request_fields=("reasoning",)
)


@cache
def validator() -> Draft202012Validator:
    """Of the request body."""
    text = (DATA / "kiro/schemas/generate-assistant-response.request.schema.json").read_text("utf-8")
    return Draft202012Validator(json.loads(text))


def user(*blocks: Block | str) -> Turn:
    return Turn("user", _blocks(blocks))


def assistant(*blocks: Block | str) -> Turn:
    return Turn("assistant", _blocks(blocks))


def _blocks(blocks: tuple[Block | str, ...]) -> tuple[Block, ...]:
    return tuple(Text(block) if isinstance(block, str) else block for block in blocks)


def call(call_id: str, name: str = "look", arguments: str = "{}") -> ToolCall:
    return ToolCall(call_id, name, arguments)


def result(call_id: str, text: str = "seen") -> ToolResult:
    return ToolResult(call_id, (Text(text),))


def ask(*turns: Turn, model: Model = MODEL, remedies: frozenset[str] = frozenset(), **members: Any) -> Ask:
    request = Request(**({"dialect": "anthropic", "model": model.id, "turns": turns} | members))
    return Ask(
        request=request,
        model=model,
        seed="00112233445566778899aabbccddeeff",
        conversation=lambda: "11111111-2222-4333-8444-555555555555",
        remedies=remedies,
    )


def made(*turns: Turn, **members: Any) -> Built:
    return build(ask(*turns, **members), PROFILE)


def body(*turns: Turn, **members: Any) -> dict[str, Any]:
    """The body as parsed JSON, valid under the schema."""
    parsed: dict[str, Any] = json.loads(made(*turns, **members).body)
    validator().validate(parsed)
    return parsed


def messages(parsed: dict[str, Any]) -> list[dict[str, Any]]:
    """History and current message without their role wrappers."""
    state = parsed["conversationState"]
    return [next(iter(each.values())) for each in [*state.get("history", ()), state["currentMessage"]]]


def current(parsed: dict[str, Any]) -> dict[str, Any]:
    message: dict[str, Any] = parsed["conversationState"]["currentMessage"]["userInputMessage"]
    return message


def roles(parsed: dict[str, Any]) -> str:
    """One letter a message: u or a."""
    state = parsed["conversationState"]
    return "".join(next(iter(each))[0] for each in [*state.get("history", ()), state["currentMessage"]])


def check_history(parsed: dict[str, Any]) -> None:
    """The service's rules about history (kiro-protocol, 5.7)."""
    found = roles(parsed)
    assert found == ("ua" * len(found))[: len(found)], "roles alternate, user first"
    assert found.endswith("u"), "the current message is the user's"
    state = parsed["conversationState"]
    declared = [each["toolSpecification"]["name"] for each in _context(current(parsed)).get("tools", ())]
    assert len(declared) == len(set(declared)), "tool names are unique"
    ids: list[str] = []
    open_ids: list[str] = []
    for message in messages(parsed):
        answered = [each["toolUseId"] for each in _context(message).get("toolResults", ())]
        assert answered == open_ids, "each call is answered once, at once, in order"
        open_ids = [each["toolUseId"] for each in message.get("toolUses", ())]
        ids += open_ids
        assert {each["name"] for each in message.get("toolUses", ())} <= set(declared), "used tools are declared"
        bare = not (answered or open_ids or message.get("images") or message.get("documents"))
        assert message["content"] or not bare, "content is empty only where something else is there"
    assert len(ids) == len(set(ids)), "ids are unique"
    for each in state.get("history", ()):
        assert "tools" not in _context(next(iter(each.values()))), "tools stand in the current message only"


def _context(message: dict[str, Any]) -> dict[str, Any]:
    context: dict[str, Any] = message.get("userInputMessageContext", {})
    return context
