"""A conversation with a client of another dialect: what Gemini gave comes back to Gemini (T001, T003, T012)."""

import json
from typing import Any

import pytest

from aiclient2api.canonical.events import Event
from aiclient2api.canonical.model import Model
from aiclient2api.canonical.repair import repair
from aiclient2api.canonical.request import Request
from aiclient2api.canonical.response import fold
from aiclient2api.dialects.anthropic import ANTHROPIC
from aiclient2api.dialects.base import Answer
from aiclient2api.dialects.gemini import GEMINI
from aiclient2api.dialects.openai_chat import OPENAI_CHAT

Json = dict[str, Any]
ANSWER = Answer(seed="ab" * 16, created=0, model="my-model")
MODEL = Model(id="gemini-3-pro", thinking=("effort",), efforts=("low", "high"))
CLAUDE = Model(id="claude", thinking=("enabled", "disabled"))
SIGNATURE = "c2lnbmF0dXJl"
UPSTREAM: Json = {
    "candidates": [
        {
            "content": {
                "role": "model",
                "parts": [
                    {"text": "let me look", "thought": True},
                    {"text": "Looking."},
                    {"functionCall": {"id": "c1", "name": "look", "args": {"q": 1}}, "thoughtSignature": SIGNATURE},
                    {"functionCall": {"id": "c2", "name": "now", "args": {}}},
                ],
            },
            "finishReason": "STOP",
        }
    ],
    "responseId": "r",
    "modelVersion": "gemini-3-pro",
}
PIXEL = "iVBORw0KGgo="


def upstream() -> list[Event]:
    return list(GEMINI.decode_response(json.dumps(UPSTREAM).encode()))


def anthropic_history() -> Request:
    """As Claude Code sends it back, with a picture in a result."""
    message = json.loads(ANTHROPIC.encode_response(fold(upstream()), ANSWER))
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
    results = [
        {"type": "tool_result", "tool_use_id": "c2", "content": "noon"},
        {"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "seen"}, picture]},
    ]
    messages = [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": message["content"]},
        {"role": "user", "content": results},
    ]
    body = {"model": "m", "max_tokens": 9, "messages": messages}
    return ANTHROPIC.decode_request(json.dumps(body).encode(), {})


def chat_history() -> Request:
    message = json.loads(OPENAI_CHAT.encode_response(fold(upstream()), ANSWER))["choices"][0]["message"]
    results = [
        {"role": "tool", "tool_call_id": call_id, "content": text} for call_id, text in (("c2", "noon"), ("c1", "seen"))
    ]
    messages = [{"role": "user", "content": "q"}, message, *results]
    return OPENAI_CHAT.decode_request(json.dumps({"model": "m", "messages": messages}).encode(), {})


@pytest.mark.parametrize("history", [anthropic_history, chat_history])
def test_signatures_come_home_on_their_calls(history: Any) -> None:
    """T001: the most reported bug of gateways."""
    body = json.loads(GEMINI.encode_request(repair(history()), MODEL).body)
    model = body["contents"][1]
    assert model["role"] == "model"
    assert model["parts"] == [
        {"text": "Looking."},
        {"functionCall": {"id": "c1", "name": "look", "args": {"q": 1}}, "thoughtSignature": SIGNATURE},
        {"functionCall": {"id": "c2", "name": "now", "args": {}}},
    ]
    results = [part["functionResponse"] for part in body["contents"][2]["parts"]]
    assert [(each["id"], each["name"], each["response"]) for each in results] == [
        ("c1", "look", {"output": "seen"}),
        ("c2", "now", {"output": "noon"}),
    ]


def test_pictures_in_results_reach_the_model() -> None:
    """T012."""
    body = json.loads(GEMINI.encode_request(repair(anthropic_history()), MODEL).body)
    inside = body["contents"][2]["parts"][0]["functionResponse"]["parts"]
    assert inside == [{"inlineData": {"mimeType": "image/png", "data": PIXEL}}]


def test_a_conversation_that_goes_on_with_claude() -> None:
    """T003: Gemini's state means nothing there."""
    body = json.loads(ANTHROPIC.encode_request(repair(anthropic_history()), CLAUDE).body)
    assert [block["type"] for block in body["messages"][1]["content"]] == ["text", "tool_use", "tool_use"]


def test_claudes_thinking_through_a_client_of_this_dialect() -> None:
    """T081: there and back."""
    answer = {
        "type": "message",
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": "Eq=="},
            {"type": "redacted_thinking", "data": "zzz"},
            {"type": "text", "text": "Hi."},
        ],
        "stop_reason": "end_turn",
    }
    response = fold(ANTHROPIC.decode_response(json.dumps(answer).encode()))
    shown = json.loads(GEMINI.encode_response(response, ANSWER))["candidates"][0]["content"]
    contents = [{"role": "user", "parts": [{"text": "q"}]}, shown, {"role": "user", "parts": [{"text": "on"}]}]
    request = GEMINI.decode_request(json.dumps({"contents": contents}).encode(), {":model": "m"})
    body = json.loads(ANTHROPIC.encode_request(repair(request), CLAUDE).body)
    assert body["messages"][1]["content"] == answer["content"]
