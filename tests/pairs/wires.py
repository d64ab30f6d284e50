"""Answers in the raw form in which services send them, for the rows of dialects.md part 5."""

from typing import Any

import pytest

from tests.dialects.anthropic import grammar as anthropic_grammar
from tests.pairs import kiro_wire
from tests.pairs.backs import BACKS
from tests.pairs.rows import CHAT_LOOK, LOOK, RESPONSES_LOOK, Seen, raw, sse, whole
from tests.pairs.world import Json, Play

A, C, R, G = "anthropic", "openai_chat", "openai_responses", "gemini"
BOTH = pytest.mark.parametrize("stream", [pytest.param(True, id="stream"), pytest.param(False, id="whole")])
EVERY = pytest.mark.parametrize("back", list(BACKS))


# --- a Chat server's chunks


def chunk(delta: Json | None = None, finish: str | None = None, **members: Any) -> Json:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return {"id": "c1", "object": "chat.completion.chunk", "model": "m", "choices": choices, **members}


def piece(index: int, arguments: str = "", **head: Any) -> Json:
    """A fragment of a call; with `id` and `name` the first of it."""
    named = {"id": head["id"], "type": "function"} if "id" in head else {}
    function = {"arguments": arguments} | ({"name": head["name"]} if "name" in head else {})
    return {"tool_calls": [{"index": index, **named, "function": function}]}


def chat(*frames: Json | str, end: str = "[DONE]") -> Play:
    return raw(sse(*frames, *([end] if end else [])))


COUNTS = {
    "prompt_tokens": 150_000,
    "completion_tokens": 7,
    "total_tokens": 150_007,
    "prompt_tokens_details": {"cached_tokens": 149_900, "cache_write_tokens": 50},
}


def frames_of(seen: Seen) -> list[Json]:
    return anthropic_grammar.frames(seen.reply.body)


R_USAGE = {
    "input_tokens": 150_000,
    "input_tokens_details": {"cached_tokens": 149_900, "cache_write_tokens": 50},
    "output_tokens": 7,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 150_007,
}
MESSAGE = {
    "type": "message",
    "id": "msg_1",
    "role": "assistant",
    "status": "completed",
    "content": [{"type": "output_text", "text": "x", "annotations": []}],
}


def responses(*items: Json, **members: Any) -> Json:
    return {"id": "resp_1", "object": "response", "model": "m", "status": "completed", "output": list(items), **members}


CLAUDE_USAGE = {
    "input_tokens": 13,
    "cache_read_input_tokens": 22_000,
    "cache_creation_input_tokens": 0,
    "output_tokens": 7,
}


def claude_message(*content: Json, stop: str = "end_turn", **members: Any) -> Json:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": list(content),
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": CLAUDE_USAGE,
        **members,
    }


def claude_stream(*blocks: Json, stop: str = "end_turn", **delta: Any) -> bytes:
    """A Messages stream of whole blocks."""
    frames: list[Json] = [
        {"type": "message_start", "message": {**claude_message(), "content": [], "stop_reason": None}}
    ]
    for index, block in enumerate(blocks):
        frames += [
            {"type": "content_block_start", "index": index, "content_block": block},
            {"type": "content_block_stop", "index": index},
        ]
    end = {"stop_reason": stop, "stop_sequence": None, **delta}
    frames += [{"type": "message_delta", "delta": end, "usage": CLAUDE_USAGE}, {"type": "message_stop"}]
    return sse(*frames, named=True)


def of_claude(stream: bool, *blocks: Json, stop: str = "end_turn", **members: Any) -> Play:
    if stream:
        return raw(claude_stream(*blocks, stop=stop, **members))
    return whole(claude_message(*blocks, stop=stop, **members))


CUT = [
    kiro_wire.event("messageMetadataEvent", {"conversationId": "c", "utteranceId": "u"}),
    kiro_wire.event("assistantResponseEvent", {"content": "Writing."}),
    *(
        kiro_wire.event("toolUseEvent", {"toolUseId": "t1", "name": "look", "input": text})
        for text in ('{"path":"/a","content":"', "x" * 4000, "y" * 4000)
    ),
]
CLOSED = kiro_wire.event("meteringEvent", {"usage": 1.0, "unit": "credit"})
TOOLS_OF: dict[str, Json] = {
    A: {"tools": [LOOK]},
    C: {"tools": [CHAT_LOOK]},
    R: {"tools": [RESPONSES_LOOK]},
    G: {"tools": [{"functionDeclarations": [{"name": "look"}]}]},
}


HELLO = chunk({"role": "assistant", "content": "Hello."})


def gemini(stream: bool, *chunks: Json) -> Play:
    if stream:
        return raw(sse(*chunks, end="\r\n\r\n"))
    assert len(chunks) == 1
    return whole(chunks[0])


def candidate(*parts: Json, finish: str = "STOP", **members: Any) -> Json:
    content = {"role": "model", "parts": list(parts)}
    return {"candidates": [{"index": 0, "content": content, "finishReason": finish, **members}], "modelVersion": "m"}
