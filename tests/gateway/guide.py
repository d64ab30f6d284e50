"""The guide's six examples, in the shapes of either API, and what their answers must hold."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.examples import example
from tests.gateway.answers import Json, Said, speaks_anthropic

FOLDER = Path(__file__).parent.parent / "data" / "guide"
PNG = (FOLDER / "red-32x32.png").read_bytes()
PDF = (FOLDER / "two-pages.pdf").read_bytes()
MODEL = "claude-sonnet-4-20250514"

HOLDS: dict[str, Callable[[Said], bool]] = {
    "1-basic": lambda said: "模拟器" in said.text,
    "2-stream": lambda said: "东风轻叩旧窗棂，\n细雨无声草自青。\n燕子归来寻故巷，\n一枝桃影入空庭。" in said.text,
    "3-multi-turn": lambda said: "你叫张三" in said.text,
    "4a-tool-call": lambda said: [(name, given["city"]) for name, given in said.calls] == [("get_weather", "北京")],
    "4b-tool-result": lambda said: "晴，25°C，湿度60%" in said.text,
    "5-image": lambda said: "PNG" in said.text and "32×32" in said.text and "红色" in said.text,
    "6-pdf": lambda said: "HALYARD" in said.text and "BINNACLE" in said.text,
}
"""Example to a check of its answer."""


def body_of(name: str, route: str, *, shape: str, stream: bool, model: str = MODEL) -> Json:
    """The body of an example for a route; `shape` openai translates blocks and tools, guide leaves them as written."""
    body = example(name) | {"stream": stream, "model": model}
    if speaks_anthropic(route):
        body.setdefault("max_tokens", 1024)
    else:
        body.pop("max_tokens", None)
    return _openai(body) if shape == "openai" else body


def _openai(body: Json) -> Json:
    messages = [each for message in body["messages"] for each in _messages(message)]
    tools = [
        {
            "type": "function",
            "function": {"name": each["name"], "description": each["description"], "parameters": each["input_schema"]},
        }
        for each in body.get("tools", ())
    ]
    return body | {"messages": messages} | ({"tools": tools} if tools else {})


def _messages(message: Json) -> list[Json]:
    """A message in OpenAI's shape; each tool result becomes one of its own."""
    content = message["content"]
    if isinstance(content, str):
        return [message]
    results = [
        {"role": "tool", "tool_call_id": each["tool_use_id"], "content": each["content"]}
        for each in content
        if each["type"] == "tool_result"
    ]
    calls = [
        {"id": each["id"], "type": "function", "function": {"name": each["name"], "arguments": _text(each["input"])}}
        for each in content
        if each["type"] == "tool_use"
    ]
    if results:
        return results
    if calls:
        return [{"role": "assistant", "content": None, "tool_calls": calls}]
    return [message | {"content": [_part(each) for each in content]}]


def _part(block: Json) -> Json:
    if block["type"] == "text":
        return block
    url = f"data:{block['source']['media_type']};base64,{block['source']['data']}"
    if block["type"] == "image":
        return {"type": "image_url", "image_url": {"url": url}}
    return {"type": "file", "file": {"filename": "note.pdf", "file_data": url}}


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def in_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
