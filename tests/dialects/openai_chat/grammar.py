"""What a chat.completion.chunk stream must be, checked line by line without our own code, as strict clients do."""

import json
from collections.abc import Sequence
from typing import Any

Json = dict[str, Any]


def frames(data: bytes) -> list[str]:
    """The data of each event; comments are read over, anything else is an error."""
    text = data.decode()
    assert text == "" or text.endswith("\n\n")
    out: list[str] = []
    for block in text.split("\n\n")[:-1]:
        if block.startswith(":"):
            continue
        assert block.startswith("data: "), block
        assert "\n" not in block
        out.append(block.removeprefix("data: "))
    return out


def chunks(data: bytes) -> list[Json]:
    return [json.loads(frame) for frame in frames(data) if frame != "[DONE]"]


def check(data: bytes, *, include_usage: bool) -> Json:
    """Asserts the grammar of a stream that ended well; returns the message it makes, as a client adds it up."""
    lines = frames(data)
    assert lines[-1] == "[DONE]"
    assert "[DONE]" not in lines[:-1]
    objects = [json.loads(line) for line in lines[:-1]]
    for name in ("id", "created", "model", "object"):
        assert len({json.dumps(each[name]) for each in objects}) == 1, name
    assert objects[0]["object"] == "chat.completion.chunk"
    usage = None
    if include_usage:
        last = objects.pop()
        assert last["choices"] == []
        usage = last["usage"]
    assert all("usage" not in each or each["usage"] is None for each in objects)
    assert all([choice["index"] for choice in each["choices"]] == [0] for each in objects)
    choices = [each["choices"][0] for each in objects]
    assert choices[0]["delta"]["role"] == "assistant"
    assert all("role" not in choice["delta"] for choice in choices[1:])
    assert [bool(choice["finish_reason"]) for choice in choices] == [False] * (len(choices) - 1) + [True]
    assert choices[-1]["delta"] == {}
    message = add_up([choice["delta"] for choice in choices])
    return {"message": message, "finish_reason": choices[-1]["finish_reason"], "usage": usage}


def add_up(deltas: Sequence[Json]) -> Json:
    message: Json = {"content": "", "reasoning_content": "", "refusal": "", "tool_calls": [], "annotations": []}
    for delta in deltas:
        assert set(delta) <= {*message, "role"}
        for name in ("content", "reasoning_content", "refusal"):
            message[name] += delta.get(name, "")
        assert not (delta.get("annotations") and message["annotations"]), "annotations come once"
        message["annotations"] += delta.get("annotations", [])
        for call in delta.get("tool_calls", []):
            add_call(message["tool_calls"], call)
    return message


def add_call(calls: list[Json], fragment: Json) -> None:
    assert fragment["index"] <= len(calls), "call indexes are contiguous"
    if fragment["index"] == len(calls):
        assert fragment["id"]
        assert fragment["type"] in ("function", "custom")
        assert fragment[fragment["type"]]["name"]
        calls.append(json.loads(json.dumps(fragment)))
        return
    call = calls[fragment["index"]]
    assert not {"id", "type"} & set(fragment), "id and type are sent once"
    member, text = ("function", "arguments") if call["type"] == "function" else ("custom", "input")
    assert "name" not in fragment[member]
    call[member][text] += fragment[member][text]
    if "extra_content" in fragment:
        call["extra_content"] = fragment["extra_content"]
