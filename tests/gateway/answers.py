"""What an answer says, whatever its form: text, thinking, calls, finish and usage, from both APIs, whole and streamed.

Streams are held against the grammars of tests/dialects on the way; an error is read only in the API's own shape.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.dialects.anthropic import grammar as anthropic_grammar
from tests.dialects.openai_chat import grammar as chat_grammar
from tests.gateway.client import Reply

CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"
FRONTS = (CHAT, MESSAGES)

Json = dict[str, Any]


@dataclass
class Said:
    """`error` is the API's error object of a stream that broke off; `finish` is then empty."""

    text: str = ""
    thinking: str = ""
    signature: str = ""
    calls: list[tuple[str, Any]] = field(default_factory=list)
    finish: str = ""
    input_tokens: int | None = None
    output_tokens: int | None = None
    error: Json | None = None
    pieces: int = 1


def read(route: str, reply: Reply, *, include_usage: bool = False) -> Said:
    """Fails on anything but a 200 in the form of the route's API."""
    assert reply.status == 200, reply.body
    if reply.streamed:
        return _stream(route, reply.body, include_usage)
    assert reply.headers["content-type"].startswith("application/json")
    return _chat_whole(reply.json) if route.endswith(CHAT) else _message_whole(reply.json)


def error_of(route: str, reply: Reply) -> Json:
    """The error object of a refusal; fails unless the body is exactly the API's own."""
    assert reply.status >= 400, reply.body
    assert reply.headers["content-type"].startswith("application/json")
    return check_error(route, reply.json)


def check_error(route: str, body: Json) -> Json:
    error: Json = body["error"]
    assert isinstance(error["message"], str)
    assert error["message"].strip()
    if speaks_anthropic(route):
        assert set(body) - {"request_id"} == {"type", "error"}
        assert body["type"] == "error"
        assert set(error) - {"details"} == {"type", "message"}
        assert error["type"] in ANTHROPIC_TYPES
    else:
        assert set(body) == {"error"}
        assert {"message", "type", "param", "code"} == set(error)
        assert isinstance(error["type"], str)
        assert error["param"] is None or isinstance(error["param"], str)
    return error


ANTHROPIC_TYPES = frozenset(
    {
        "invalid_request_error",
        "authentication_error",
        "billing_error",
        "permission_error",
        "not_found_error",
        "conflict_error",
        "request_too_large",
        "rate_limit_error",
        "api_error",
        "timeout_error",
        "overloaded_error",
    }
)
"""dialects.md, 1.1.6."""


def speaks_anthropic(route: str) -> bool:
    return "/messages" in route


def asks(
    route: str, question: Any = "hello", *, stream: bool = False, model: str = "claude-sonnet-5", **more: Any
) -> Json:
    """A body of one question for either API."""
    body: Json = {"model": model, "messages": [{"role": "user", "content": question}], "stream": stream}
    if speaks_anthropic(route):
        body["max_tokens"] = 4096
    return body | more


FRONT_TOOLS: dict[str, Callable[[str, Json], Json]] = {
    CHAT: lambda name, schema: {
        "type": "function",
        "function": {"name": name, "description": "Tells the weather", "parameters": schema},
    },
    MESSAGES: lambda name, schema: {"name": name, "description": "Tells the weather", "input_schema": schema},
}
"""A tool of this name and schema in each API's own shape."""


# --- chat completions


def _stream(route: str, data: bytes, include_usage: bool) -> Said:
    if speaks_anthropic(route):
        return _message_stream(data)
    data = _without_nulls(data)
    lines = chat_grammar.frames(data)
    last = json.loads(lines[-1]) if lines[-1] != "[DONE]" else {}
    if "error" in last:
        assert "[DONE]" not in lines
        said = _chat_message(chat_grammar.add_up([json.loads(line)["choices"][0]["delta"] for line in lines[:-1]]))
        said.error = check_error(route, last)
        return said
    checked = chat_grammar.check(data, include_usage=include_usage)
    said = _chat_message(checked["message"])
    said.finish, said.pieces = checked["finish_reason"], len(lines)
    _chat_usage(said, checked["usage"])
    return said


def _without_nulls(data: bytes) -> bytes:
    """The stream without members of deltas that are null: an upstream's own stream, passed on, may have them."""
    out: list[str] = []
    for line in chat_grammar.frames(data):
        if line != "[DONE]":
            chunk = json.loads(line)
            for choice in chunk.get("choices", ()):
                choice["delta"] = {name: value for name, value in choice["delta"].items() if value is not None}
            line = json.dumps(chunk)
        out.append(f"data: {line}\n\n")
    return "".join(out).encode()


def _chat_whole(body: Json) -> Said:
    assert body["object"] == "chat.completion"
    assert body["id"].startswith("chatcmpl-")
    (choice,) = body["choices"]
    assert choice["message"]["role"] == "assistant"
    said = _chat_message(choice["message"])
    said.finish = choice["finish_reason"]
    _chat_usage(said, body["usage"])
    return said


def _chat_message(message: Json) -> Said:
    calls = [
        (each["function"]["name"], json.loads(each["function"]["arguments"] or "null")) for each in _calls(message)
    ]
    return Said(text=message.get("content") or "", thinking=message.get("reasoning_content") or "", calls=calls)


def _calls(message: Json) -> list[Json]:
    """Only the last call of a stream that broke off may be unfinished; it is no call then."""
    found: list[Json] = message.get("tool_calls") or []
    return [each for each in found if _is_json(each["function"]["arguments"])]


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _chat_usage(said: Said, usage: Json | None) -> None:
    if usage is not None:
        said.input_tokens, said.output_tokens = usage["prompt_tokens"], usage["completion_tokens"]
        assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


# --- messages


def _message_stream(data: bytes) -> Said:
    found = anthropic_grammar.check(_without_end(data))
    said = Said(pieces=len(found))
    inputs: dict[int, tuple[str, str]] = {}
    closed: set[int] = set()
    for frame in found:
        if frame["type"] == "content_block_start" and frame["content_block"]["type"] == "tool_use":
            inputs[frame["index"]] = (frame["content_block"]["name"], "")
        elif frame["type"] == "content_block_delta":
            _delta(said, inputs, frame["index"], frame["delta"])
        elif frame["type"] == "content_block_stop":
            closed.add(frame["index"])
        elif frame["type"] == "message_delta":
            said.finish = frame["delta"]["stop_reason"]
            said.input_tokens, said.output_tokens = frame["usage"]["input_tokens"], frame["usage"]["output_tokens"]
        elif frame["type"] == "error":
            said.error = check_error(MESSAGES, frame)
    said.calls = [(name, json.loads(text or "{}")) for index, (name, text) in inputs.items() if index in closed]
    return said


def _without_end(data: bytes) -> bytes:
    """A stream that broke off after its message_delta: an error may follow any prefix (dialects.md, 1.1.5)."""
    frames = data.decode().split("\n\n")
    end = [each for each in frames if each.startswith("event: message_delta\n")]
    if end and frames[-2].startswith("event: error\n"):
        assert "usage" in json.loads(end[0].partition("data: ")[2])
        frames.remove(end[0])
    return "\n\n".join(frames).encode()


def _delta(said: Said, inputs: dict[int, tuple[str, str]], index: int, delta: Json) -> None:
    said.text += delta.get("text", "")
    said.thinking += delta.get("thinking", "")
    said.signature += delta.get("signature", "")
    if delta["type"] == "input_json_delta":
        name, text = inputs[index]
        inputs[index] = (name, text + delta["partial_json"])


def _message_whole(body: Json) -> Said:
    assert body["type"] == "message"
    assert body["role"] == "assistant"
    assert body["id"].startswith("msg_")
    said = Said(finish=body["stop_reason"])
    for block in body["content"]:
        said.text += block.get("text", "")
        said.thinking += block.get("thinking", "")
        said.signature += block.get("signature", "")
        if block["type"] == "tool_use":
            said.calls.append((block["name"], block["input"]))
    said.input_tokens, said.output_tokens = body["usage"]["input_tokens"], body["usage"]["output_tokens"]
    return said
