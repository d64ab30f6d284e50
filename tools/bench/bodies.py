"""Request bodies: what a question, an agent's turn and a picture look like in each API.

The same arguments give the same bytes.
"""

import base64
import json
import random
from collections.abc import Callable, Mapping
from typing import Literal

Form = Literal["openai", "anthropic", "kiro"]
Size = Literal["1 KB", "62 KB", "2 MB"]
Json = Mapping[str, object]

OPENAI_MODEL = "bench-model"
ANTHROPIC_MODEL = "claude-sonnet-4-5"
TURNS = 13
TOOLS = 20
PICTURE_BYTES = 1_500_000
_PROSE = """the file at src/main.py holds a function that returns before its lock is let go so the test waits for ever;
look at line 120 and change what reads the value then run pytest -q again and say what failed"""
_WORDS = _PROSE.split()


def body(form: Form, size: Size, stream: bool, model: str = "") -> bytes:
    """The JSON of one request; `model` instead of the upstream's own name for it."""
    made = _MAKERS[form](size, stream)
    return json.dumps({**made, "model": model} if model else made, ensure_ascii=False).encode()


def text(length: int, seed: int) -> str:
    """Words, `length` characters of them."""
    chosen = random.Random(seed)
    words: list[str] = []
    left = length
    while left > 0:
        words.append(chosen.choice(_WORDS))
        left -= len(words[-1]) + 1
    return " ".join(words)[:length]


def picture() -> str:
    """Base64 of bytes that do not compress."""
    return base64.b64encode(random.Random(1).randbytes(PICTURE_BYTES)).decode()


def schema(number: int) -> Json:
    names = ("path", "pattern", "before", "after", "limit")
    properties = {
        name: {"type": "string", "description": text(90, 100 * number + place)} for place, name in enumerate(names)
    }
    return {"type": "object", "properties": properties, "required": ["path"], "additionalProperties": False}


# --- OpenAI


def _openai(size: Size, stream: bool) -> Json:
    request: dict[str, object] = {"model": OPENAI_MODEL, "messages": _openai_messages(size), "temperature": 0.2}
    if size == "62 KB":
        request["tools"] = [_openai_tool(number) for number in range(TOOLS)]
    request["max_tokens"] = 1024
    if stream:
        request |= {"stream": True, "stream_options": {"include_usage": True}}
    return request


def _openai_messages(size: Size) -> list[Json]:
    if size != "62 KB":
        asked: object = text(500, 2)
        if size == "2 MB":
            url = {"url": "data:image/png;base64," + picture()}
            asked = [{"type": "text", "text": asked}, {"type": "image_url", "image_url": url}]
        return [{"role": "system", "content": text(300, 1)}, {"role": "user", "content": asked}]
    messages: list[Json] = [{"role": "system", "content": text(6000, 3)}]
    for turn in range(TURNS):
        arguments = json.dumps({"path": text(200, 10 + turn)})
        call = {"id": f"call_{turn}", "type": "function", "function": {"name": f"tool_{turn}", "arguments": arguments}}
        messages += [
            {"role": "user", "content": text(900, 30 + turn)},
            {"role": "assistant", "content": text(300, 50 + turn), "tool_calls": [call]},
            {"role": "tool", "tool_call_id": f"call_{turn}", "content": text(900, 70 + turn)},
        ]
    return [*messages, {"role": "user", "content": "Go on."}]


def _openai_tool(number: int) -> Json:
    function = {"name": f"tool_{number}", "description": text(300, 90 + number), "parameters": schema(number)}
    return {"type": "function", "function": function}


# --- Anthropic


def _anthropic(size: Size, stream: bool) -> Json:
    request: dict[str, object] = {"model": ANTHROPIC_MODEL, "max_tokens": 1024, "temperature": 0.2}
    request["system"] = text(300, 1)
    request["messages"] = _anthropic_messages(size)
    if size == "62 KB":
        request["system"] = [{"type": "text", "text": text(6000, 3), "cache_control": {"type": "ephemeral"}}]
        request["tools"] = [
            {"name": f"tool_{number}", "description": text(300, 90 + number), "input_schema": schema(number)}
            for number in range(TOOLS)
        ]
    return request | ({"stream": True} if stream else {})


def _anthropic_messages(size: Size) -> list[Json]:
    if size != "62 KB":
        asked: object = text(500, 2)
        if size == "2 MB":
            source = {"type": "base64", "media_type": "image/png", "data": picture()}
            asked = [{"type": "text", "text": asked}, {"type": "image", "source": source}]
        return [{"role": "user", "content": asked}]
    messages: list[Json] = []
    for turn in range(TURNS + 1):
        asked_again = {"type": "text", "text": text(900, 30 + turn)}
        messages.append({"role": "user", "content": [*_result(turn - 1), asked_again]})
        if turn < TURNS:
            use = {"type": "tool_use", "id": f"toolu_{turn}", "name": f"tool_{turn}"}
            said = {"type": "text", "text": text(300, 50 + turn)}
            call = {**use, "input": {"path": text(200, 10 + turn)}}
            messages.append({"role": "assistant", "content": [said, call]})
    return messages


def _result(turn: int) -> list[Json]:
    if turn < 0:
        return []
    return [{"type": "tool_result", "tool_use_id": f"toolu_{turn}", "content": text(900, 70 + turn)}]


# --- Kiro: only what goes past the gateway to the mock, which does not read it


def _kiro(size: Size, stream: bool) -> Json:
    length = {"1 KB": 800, "62 KB": 61_000, "2 MB": 2_000_000}[size]
    message = {"userInputMessage": {"content": text(length, 2), "modelId": "claude-sonnet-4.5", "origin": "KIRO_CLI"}}
    return {"conversationState": {"chatTriggerType": "MANUAL", "conversationId": "bench", "currentMessage": message}}


_MAKERS: dict[Form, Callable[[Size, bool], Json]] = {"openai": _openai, "anthropic": _anthropic, "kiro": _kiro}
