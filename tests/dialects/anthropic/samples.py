"""Answers, models and sample streams that several tests use."""

from typing import Any

import msgspec

from aiclient2api.canonical.model import Model
from aiclient2api.canonical.request import Request
from aiclient2api.dialects.anthropic import ANTHROPIC
from aiclient2api.dialects.base import Answer
from aiclient2api.wire import sse

SEED = "0123456789abcdef0123456789abcdef"
ANSWER = Answer(seed=SEED, created=1, model="asked-model", input_estimate=lambda: 7)

BUDGET_MODEL = Model(id="claude-old", thinking=("enabled", "disabled"), max_output=64_000, prefill=True)
ADAPTIVE_MODEL = Model(
    id="claude-new",
    thinking=("adaptive", "disabled", "between_tools"),
    efforts=("low", "medium", "high", "max"),
    sampling=False,
    system_turns=True,
    max_output=64_000,
)


def request(headers: dict[str, str] | None = None, **members: object) -> Request:
    """A decoded request; `max_tokens` and `messages` have defaults."""
    body = {"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}], **members}
    return ANTHROPIC.decode_request(msgspec.json.encode(body), headers or {})


def sent(source: Request, model: Model = BUDGET_MODEL) -> dict[str, Any]:
    """The body that an upstream gets."""
    body: dict[str, Any] = msgspec.json.decode(ANTHROPIC.encode_request(source, model).body)
    return body


def stream(*frames: dict[str, Any]) -> bytes:
    return b"".join(sse.encode(msgspec.json.encode(frame), frame["type"].encode()) for frame in frames)


USAGE = {
    "input_tokens": 10,
    "cache_creation_input_tokens": 30,
    "cache_read_input_tokens": 5,
    "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
    "output_tokens": 1,
}
START = {"type": "message_start", "message": {"id": "msg_up", "model": "claude-up", "usage": USAGE}}
STOP = {"type": "message_stop"}


def block_start(index: int, **content: object) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": content}


def delta(index: int, kind: str, **members: object) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **members}}


def block_stop(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def message_delta(reason: str = "end_turn", **usage: object) -> dict[str, Any]:
    return {
        "type": "message_delta",
        "delta": {"stop_reason": reason, "stop_sequence": None},
        "usage": {"output_tokens": 9, **usage},
    }
