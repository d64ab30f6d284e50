"""Opaque state in Chat messages that pass through to a server of the dialect: T003, T004, 3.2 of dialects.md."""

import json
from typing import Any

import pytest

from aiclient2api.canonical.model import Model
from aiclient2api.canonical.request import Opaque
from aiclient2api.dialects.base import Rewrite
from aiclient2api.dialects.opaque import wrap
from aiclient2api.dialects.openai_chat import OPENAI_CHAT
from tests.passing import through

OURS = {"type": "thinking", "thinking": "hm", "signature": wrap(Opaque("kiro", "signature", "sig"), "")}
REDACTED = {"type": "redacted_thinking", "data": wrap(Opaque("anthropic", "redacted", "data"), "")}
THEIRS = {"type": "thinking", "thinking": "aha", "signature": "of the server itself"}
SIGNED = {"id": "call_1", "extra_content": {"google": {"thought_signature": "c2ln"}}}


def passed(message: dict[str, Any], model: str = "gpt-4o") -> dict[str, Any]:
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "x"}, message]}).encode()
    rewrite = Rewrite(model=Model(id=model), requested=model, family="openai")
    sent: dict[str, Any] = json.loads(through.passed(OPENAI_CHAT, body, {}, rewrite).body)["messages"][1]
    return sent


@pytest.mark.parametrize(
    ("blocks", "kept"),
    [([OURS], None), ([REDACTED, OURS], None), ([OURS, THEIRS], [THEIRS]), ([THEIRS], [THEIRS])],
)
def test_thinking_that_others_have_signed_stays_here(blocks: list[object], kept: list[object] | None) -> None:
    message = passed({"role": "assistant", "content": "1.0", "thinking_blocks": blocks, "reasoning_content": "hm"})
    assert message.get("thinking_blocks") == kept
    assert message["reasoning_content"] == "hm"


@pytest.mark.parametrize(("model", "kept"), [("gpt-4o", False), ("gemini-3-pro-preview", True)])
def test_signatures_of_calls_go_to_gemini_only(model: str, kept: bool) -> None:
    (call,) = passed({"role": "assistant", "content": None, "tool_calls": [SIGNED]}, model)["tool_calls"]
    assert call == (SIGNED if kept else {"id": "call_1"})


def test_other_bytes_stay_as_they_are() -> None:
    other = '{"role":"assistant", "content": "\\u0041", "n":1.0, "thinking_blocks":null}'
    ours = json.dumps({"role": "assistant", "content": "x", "thinking_blocks": [OURS]})
    body = f'{{"model":"m", "messages":[{other},{ours}], "seed": 1e2}}'.encode()
    sent = through.passed(OPENAI_CHAT, body, {}, Rewrite(model=Model(id="m"), requested="m", family="openai")).body
    assert other.encode() in sent
    assert sent.endswith(b', "seed": 1e2}')
    assert b"thinking_blocks" not in sent.replace(other.encode(), b"")
