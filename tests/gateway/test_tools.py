"""Tools that are hard to carry (C5; T011, T023, T060, T069, T096-T102, T110): names and ids outside a provider's
limits, results with images and errors, histories with holes. The rig holds every request to Kiro against its schema."""

from pathlib import Path
from typing import Any

import pytest

from tests.gateway.answers import CHAT, FRONT_TOOLS, MESSAGES, Json, asks, read
from tests.gateway.guide import PNG, in_base64
from tests.gateway.rig import CLAUDE, FRONT_AND_BACK, KIRO, OPENAI, rig

MODELS = {KIRO: "claude-sonnet-5", CLAUDE: "claude-sonnet-5", OPENAI: "gpt-5.1"}
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
NAMES = ("weather.of the/city", "weather_" + "x" * 63, "weather_" + "x" * 120, "天气 weather", "weather:1")


VERBATIM = {(CHAT, OPENAI), (MESSAGES, CLAUDE)}


@pytest.mark.parametrize(("front", "back"), sorted({*FRONT_AND_BACK} - VERBATIM))
async def test_names_outside_the_limits_come_back_as_they_were(tmp_path: Path, front: str, back: str) -> None:
    async with rig(tmp_path, first=back) as running:
        for name in NAMES:
            for stream in (False, True):
                tools = [FRONT_TOOLS[front](name, CITY), FRONT_TOOLS[front]("other", CITY)]
                body = asks(front, "weather in Paris", stream=stream, model=MODELS[back], tools=tools)
                said = read(front, await running.ask(front, body))
                assert said.calls == [(name, {"city": "Paris"})]
                forced = FORCED[front](name)
                said = read(front, await running.ask(front, body | {"tool_choice": forced}))
                assert said.calls == [(name, {"city": "Paris"})]


FORCED: dict[str, Any] = {
    CHAT: lambda name: {"type": "function", "function": {"name": name}},
    MESSAGES: lambda name: {"type": "tool", "name": name},
}


@pytest.mark.parametrize(("front", "back"), FRONT_AND_BACK)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_tool_without_arguments(tmp_path: Path, front: str, back: str, stream: bool) -> None:
    """T060, T069: an empty object, never an empty text."""
    tool = FRONT_TOOLS[front]("get_time", {"type": "object", "properties": {}})
    async with rig(tmp_path, first=back) as running:
        body = asks(
            front, "get time", stream=stream, model=MODELS[back], tools=[tool], tool_choice=FORCED[front]("get_time")
        )
        assert read(front, await running.ask(front, body)).calls == [("get_time", {})]


def call(use: str, city: str) -> Json:
    return {"type": "tool_use", "id": use, "name": "get_weather", "input": {"city": city}}


def result(use: str, content: Any, **more: Any) -> Json:
    return {"type": "tool_result", "tool_use_id": use, "content": content, **more}


PICTURE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": in_base64(PNG)}}
LONG = "call_" + "x" * 200
HISTORIES: dict[str, tuple[list[Any], tuple[str, ...]]] = {
    "ids outside the limits": (
        [
            [call("functions.Bash:0", "Paris"), call(LONG, "Rome")],
            [result("functions.Bash:0", "17"), result(LONG, "23")],
        ],
        ("17", "23"),
    ),
    "results in another order": (
        [[call("a", "Paris"), call("b", "Rome")], [result("b", "23"), result("a", "17")]],
        ("17", "23"),
    ),
    "results over two turns": (
        [[call("a", "Paris"), call("b", "Rome")], [result("a", "17")], [result("b", "23")]],
        ("23",),
    ),
    "an error": ([[call("a", "Paris")], [result("a", "no such city", is_error=True)]], ("no such city",)),
    "an image": ([[call("a", "Paris")], [result("a", [{"type": "text", "text": "17"}, PICTURE])]], ("17|32×32",)),
    "nothing": ([[call("a", "Paris")], [result("a", "")]], ()),
    "words behind the result": (
        [[call("a", "Paris")], [result("a", "17"), {"type": "text", "text": "And?"}]],
        ("17|And?",),
    ),
    "a call without a result": ([[call("a", "Paris"), call("b", "Rome")], [result("a", "17")]], ("17",)),
    "a call at the end of a talk that went on": ([[call("a", "Paris")], "never mind, say hello"], ()),
    "a result without a call": ([[{"type": "text", "text": "Well."}], [result("z", "17")]], ()),
    "a result twice": ([[call("a", "Paris")], [result("a", "17"), result("a", "17")]], ("17",)),
    "the same id in two turns": (
        [[call("a", "Paris")], [result("a", "17")], [call("a", "Rome")], [result("a", "23")]],
        ("23",),
    ),
}
"""Turns after the first question, the assistant's first; and what the answer then quotes (a|b: one of them)."""


def talk(turns: list[Any]) -> list[Json]:
    """Turns as messages; results that come in two turns are two messages of the user."""
    out: list[Json] = [{"role": "user", "content": "What is the weather in Paris and Rome?"}]
    for content in turns:
        uses = isinstance(content, list) and any(block["type"] in ("tool_use", "text") for block in content[:1])
        out.append({"role": "assistant" if uses else "user", "content": content})
    return out


@pytest.mark.parametrize("name", HISTORIES)
async def test_histories_with_holes(tmp_path: Path, name: str) -> None:
    """Whatever agents send is made acceptable to each provider; over codecs, so not to Anthropic by its own dialect."""
    turns, quoted = HISTORIES[name]
    tools = [FRONT_TOOLS[MESSAGES]("get_weather", CITY)]
    for number, (front, back) in enumerate(((MESSAGES, KIRO), (MESSAGES, OPENAI), (CHAT, CLAUDE), (CHAT, KIRO))):
        folder = tmp_path / str(number)
        folder.mkdir()
        async with rig(folder, first=back) as running:
            body = asks(front, model=MODELS[back], tools=tools) | {"messages": talk(turns)}
            said = read(front, await running.ask(front, body))
            assert said.text.startswith("[simulated]"), (front, back, said)
            for words in quoted:
                assert any(each in said.text for each in words.split("|")), (front, back, said)
