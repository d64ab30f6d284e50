"""How the client of each API goes on with a conversation: it gives back what it got, as it got it. One row per API."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from tests.pairs.world import Json

Items = list[Json]


class Called(NamedTuple):
    id: str
    name: str


@dataclass(frozen=True)
class Talk:
    """`member` holds the conversation in a body; `said` gives an answer's items to be put there, `asks` those of a
    question, `results` those of what tools have answered; `calls` are the calls of an answer."""

    member: str
    said: Callable[[Json], Items]
    asks: Callable[[str], Items]
    calls: Callable[[Json], list[Called]]
    results: Callable[[list[tuple[Called, str]]], Items]


def _message(answer: Json) -> Json:
    message: Json = answer["choices"][0]["message"]
    return {name: value for name, value in message.items() if value is not None or name == "content"}


def _chat_calls(answer: Json) -> list[Called]:
    calls = answer["choices"][0]["message"].get("tool_calls") or []
    return [Called(each["id"], each["function"]["name"]) for each in calls]


def _parts(answer: Json) -> list[Json]:
    parts: list[Json] = answer["candidates"][0]["content"]["parts"]
    return parts


def _gemini_calls(answer: Json) -> list[Called]:
    calls = [part["functionCall"] for part in _parts(answer) if "functionCall" in part]
    return [Called(each["id"], each["name"]) for each in calls]


def _gemini_results(answered: list[tuple[Called, str]]) -> Items:
    parts = [
        {"functionResponse": {"id": call.id, "name": call.name, "response": {"output": text}}}
        for call, text in answered
    ]
    return [{"role": "user", "parts": parts}]


def _outputs(answered: list[tuple[Called, str]]) -> Items:
    return [{"type": "function_call_output", "call_id": call.id, "output": text} for call, text in answered]


def _tool_results(answered: list[tuple[Called, str]]) -> Items:
    content = [{"type": "tool_result", "tool_use_id": call.id, "content": text} for call, text in answered]
    return [{"role": "user", "content": content}]


def _of_type(items: Any, kind: str, member: str) -> list[Called]:
    return [Called(each[member], each["name"]) for each in items if each["type"] == kind]


TALKS: dict[str, Talk] = {
    "anthropic": Talk(
        member="messages",
        said=lambda answer: [{"role": "assistant", "content": answer["content"]}],
        asks=lambda text: [{"role": "user", "content": text}],
        calls=lambda answer: _of_type(answer["content"], "tool_use", "id"),
        results=_tool_results,
    ),
    "openai_chat": Talk(
        member="messages",
        said=lambda answer: [_message(answer)],
        asks=lambda text: [{"role": "user", "content": text}],
        calls=_chat_calls,
        results=lambda answered: [
            {"role": "tool", "tool_call_id": call.id, "content": text} for call, text in answered
        ],
    ),
    "openai_responses": Talk(
        member="input",
        said=lambda answer: copy.deepcopy(answer["output"]),
        asks=lambda text: [{"role": "user", "content": text}],
        calls=lambda answer: _of_type(answer["output"], "function_call", "call_id"),
        results=_outputs,
    ),
    "gemini": Talk(
        member="contents",
        said=lambda answer: [answer["candidates"][0]["content"]],
        asks=lambda text: [{"role": "user", "parts": [{"text": text}]}],
        calls=_gemini_calls,
        results=_gemini_results,
    ),
}
