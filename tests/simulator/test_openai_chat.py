"""The simulated OpenAI API over a fake exchange: grammar of the stream, checks of the vendor, embeddings."""

import base64
import json
import struct
from pathlib import Path
from typing import Any

import pytest

from tests.simulator.fake import FakeExchange, call, simulation

KEY = {"authorization": "Bearer simulated-k"}
PATH = "/v1/chat/completions"
PNG = base64.b64encode((Path(__file__).parent.parent / "data" / "guide" / "red-32x32.png").read_bytes()).decode()
WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
CALL = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Oslo"}'}}
ASKED = {"role": "user", "content": "Weather in Oslo?"}
CALLED = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "rain"}


def body(*messages: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"model": "gpt-5.1", "messages": list(messages) or [{"role": "user", "content": "hello"}]} | members


def ask(asked: Any) -> FakeExchange:
    return call(simulation(), "POST", PATH, KEY, asked)


def chunks_of(exchange: FakeExchange) -> list[dict[str, Any]]:
    events = exchange.sse
    assert events[-1].data == b"[DONE]"
    assert all(event.event == "" for event in events)
    return [json.loads(event.data) for event in events[:-1]]


@pytest.mark.parametrize(
    "asked",
    [
        body(),
        body({"role": "user", "content": "Weather in Oslo and Rome?"}, tools=[WEATHER]),
        body(reasoning_effort="high"),
        body(max_completion_tokens=3),
    ],
)
def test_stream_and_whole_say_the_same(asked: dict[str, Any]) -> None:
    whole = ask(asked).json
    chunks = chunks_of(ask(asked | {"stream": True, "stream_options": {"include_usage": True}}))
    assert len({(chunk["id"], chunk["created"], chunk["model"], chunk["object"]) for chunk in chunks}) == 1
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"] == whole["usage"]
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks[:-1]]
    assert deltas[0]["role"] == "assistant"
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks[:-1]].count(None) == len(chunks) - 2
    message = whole["choices"][0]["message"]
    assert "".join(delta.get("content") or "" for delta in deltas) == (message["content"] or "")
    assert "".join(delta.get("reasoning_content", "") for delta in deltas) == message.get("reasoning_content", "")
    calls: list[dict[str, Any]] = []
    for part in (part for delta in deltas for part in delta.get("tool_calls", [])):
        if "id" in part:
            assert part["index"] == len(calls)
            calls.append({"name": part["function"]["name"], "arguments": ""})
        calls[part["index"]]["arguments"] += part["function"]["arguments"]
    assert calls == [each["function"] for each in message.get("tool_calls", [])]


def test_no_usage_chunk_unless_asked_for() -> None:
    assert all(chunk["choices"] for chunk in chunks_of(ask(body(stream=True))))


def test_a_tool_loop() -> None:
    answered = ask(body(ASKED, CALLED, RESULT, tools=[WEATHER])).json["choices"][0]
    assert answered["finish_reason"] == "stop"
    assert "rain" in answered["message"]["content"]


def test_several_choices() -> None:
    assert [choice["index"] for choice in ask(body(n=2)).json["choices"]] == [0, 1]
    assert {chunk["choices"][0]["index"] for chunk in chunks_of(ask(body(n=2, stream=True)))} == {0, 1}


def test_pictures_files_and_forms() -> None:
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
    text = {"type": "text", "text": "Which colour?"}
    assert "red" in ask(body({"role": "user", "content": [text, image]})).json["choices"][0]["message"]["content"]
    data = base64.b64encode(b"Code word: OTTER").decode()
    file = {"type": "file", "file": {"filename": "a.txt", "file_data": f"data:text/plain;base64,{data}"}}
    assert "OTTER" in ask(body({"role": "user", "content": [file]})).json["choices"][0]["message"]["content"]
    shape = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": shape}}
    content = ask(body(response_format=form)).json["choices"][0]["message"]["content"]
    assert isinstance(json.loads(content)["n"], int)


def test_a_free_form_tool_is_given_text() -> None:
    tool = {"type": "custom", "custom": {"name": "apply_patch", "description": "Edits files"}}
    asked = body({"role": "user", "content": "Write a file named a.txt containing 'x'."}, tools=[tool])
    (whole,) = ask(asked).json["choices"][0]["message"]["tool_calls"]
    assert (whole["type"], whole["custom"]["name"]) == ("custom", "apply_patch")
    assert "*** Add File: a.txt\n+x" in whole["custom"]["input"]
    chunks = chunks_of(ask(asked | {"stream": True}))
    parts = [part for chunk in chunks for part in chunk["choices"][0]["delta"].get("tool_calls", [])]
    assert "".join(part["custom"]["input"] for part in parts) == whole["custom"]["input"]


def test_a_json_object_wants_to_be_named() -> None:
    form = {"type": "json_object"}
    assert ask(body(response_format=form)).status == 400
    assert ask(body({"role": "user", "content": "Answer in JSON"}, response_format=form)).status == 200


CLOSED = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": [], "additionalProperties": False}
CHOICE = {"type": "function", "function": {"name": "x"}}
FILE = {"type": "file", "file": {"file_data": f"data:image/png;base64,{PNG}"}}
LONG = CALL | {"id": "c" * 41}
REFUSED = [
    pytest.param(body(stream_options={"include_usage": True}), "stream_options", id="stream_options"),
    pytest.param(body(stop=list("abcde")), "stop", id="stops"),
    pytest.param(body(max_tokens=5), "max_tokens", id="max_tokens of a reasoning model"),
    pytest.param(body(reasoning_effort="minimal"), "reasoning_effort", id="effort"),
    pytest.param(body(reasoning_effort="low", temperature=0), "temperature", id="sampling while reasoning"),
    pytest.param(body(model="gpt-5.6", top_p=0.9), "top_p", id="sampling of a model that reasons by itself"),
    pytest.param(body(reasoning_effort="low", stop="a"), "stop", id="stop while reasoning"),
    pytest.param(body(model="gpt-5.6", tools=[WEATHER]), "reasoning_effort", id="tools of gpt-5.6"),
    pytest.param(
        body(model="gpt-5.4", reasoning_effort="low", tools=[WEATHER]), "reasoning_effort", id="tools of gpt-5.4"
    ),
    pytest.param(body(tool_choice="auto"), "tool_choice", id="choice without tools"),
    pytest.param(body(tools=[WEATHER], tool_choice="any"), "tool_choice", id="choice"),
    pytest.param(body(tools=[WEATHER], tool_choice=CHOICE), "tool_choice", id="choice of nothing"),
    pytest.param(body({"role": "user", "content": [FILE]}), "messages.content.file.filename", id="file without a name"),
    pytest.param(
        body(ASKED, CALLED | {"tool_calls": [LONG]}, RESULT), "messages[1].tool_calls[0].id", id="long id of a call"
    ),
    pytest.param(
        body({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,YWJj"}}]}),
        "messages",
        id="picture that is none",
    ),
    pytest.param(
        body(response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": CLOSED, "strict": True}}),
        "response_format",
        id="strict form with a choice",
    ),
    pytest.param(
        body(tools=[{"type": "function", "function": WEATHER["function"] | {"strict": True}}]),
        "tools[0].function.parameters",
        id="open strict schema",
    ),
    pytest.param({"messages": []}, "model", id="model"),
    pytest.param(body() | {"messages": []}, "messages", id="messages"),
    pytest.param(body(top_k=1), "top_k", id="unknown member"),
    pytest.param(body(max_tokens=1, max_completion_tokens=1), "max_tokens", id="two limits"),
    pytest.param(body(n=0), "n", id="n"),
    pytest.param(body({"role": "robot", "content": "a"}), "messages[0].role", id="role"),
    pytest.param(body({"role": "user", "content": None}), "messages[0].content", id="content"),
    pytest.param(
        body({"role": "user", "content": [{"type": "image", "source": {}}]}), "messages[0].content[0].type", id="part"
    ),
    pytest.param(body(ASKED, CALLED), "messages[1]", id="unanswered at the end"),
    pytest.param(body(ASKED, CALLED, ASKED), "messages[1]", id="unanswered"),
    pytest.param(body(ASKED, RESULT), "messages[1].role", id="orphan"),
    pytest.param(body(ASKED, CALLED, RESULT, RESULT), "messages[3].tool_call_id", id="answered twice"),
    pytest.param(body(tools=[{"name": "x", "input_schema": {}}]), "tools[0].type", id="tool of another API"),
    pytest.param(
        body(tools=[{"type": "function", "function": {"name": "a.b"}}]), "tools[0].function.name", id="tool name"
    ),
]


@pytest.mark.parametrize(("asked", "param"), REFUSED)
def test_refusals(asked: Any, param: str) -> None:
    exchange = ask(asked)
    assert exchange.status == 400
    assert exchange.json["error"]["type"] == "invalid_request_error"
    assert exchange.json["error"]["param"] == param


def test_what_gpt_5_6_says_about_tools() -> None:
    message = ask(body(model="gpt-5.6", tools=[WEATHER])).json["error"]["message"]
    assert message == (
        "Function tools with reasoning_effort are not supported for gpt-5.6 in /v1/chat/completions. To use function"
        " tools, use /v1/responses or set reasoning_effort to 'none'."
    )
    assert ask(body(model="gpt-5.6", reasoning_effort="none", tools=[WEATHER])).status == 200
    assert ask(body(model="gpt-5.6")).status == 200
    assert ask(body(model="gpt-5.4", tools=[WEATHER])).status == 200
    assert ask(body(model="gpt-5.1", reasoning_effort="high", tools=[WEATHER])).status == 200


def test_models_of_other_makers_take_what_they_are_given() -> None:
    asked = body(model="simulated-chat", max_tokens=50, temperature=0.1, reasoning_effort="max", stop="zzz")
    assert ask(asked | {"tools": [WEATHER]}).status == 200


def test_models_of_another_api_and_conversations_without_end() -> None:
    refused = ask(body(model="gpt-5.3-codex"))
    assert (refused.status, refused.json["error"]["param"]) == (404, "model")
    long = ask(body({"role": "user", "content": "word " * 300_000}))
    assert (long.status, long.json["error"]["code"]) == (400, "context_length_exceeded")


def test_keys_and_models() -> None:
    simulated = simulation()
    simulated.refused_keys.add("bad")
    for headers in ({}, {"authorization": "Bearer bad"}):
        refused = call(simulated, "POST", PATH, headers, body())
        assert (refused.status, refused.json["error"]["code"]) == (401, "invalid_api_key")
    assert ask(body(model="no-such-model")).json["error"]["code"] == "model_not_found"
    assert call(simulated, "GET", "/v1/models", KEY).json["object"] == "list"
    assert call(simulated, "POST", PATH, KEY, b"{").status == 400


@pytest.mark.parametrize(("given", "count"), [("a", 1), (["a", "b"], 2), ([1, 2], 1), ([[1], [2, 3]], 2)])
def test_embeddings(given: Any, count: int) -> None:
    asked = {"model": "text-embedding-3-small", "input": given}
    floats = call(simulation(), "POST", "/v1/embeddings", KEY, asked).json["data"]
    packed = call(simulation(), "POST", "/v1/embeddings", KEY, asked | {"encoding_format": "base64"}).json["data"]
    assert len(floats) == len(packed) == count
    for plain, coded in zip(floats, packed, strict=True):
        values = struct.unpack("<8f", base64.b64decode(coded["embedding"]))
        assert values == pytest.approx(plain["embedding"], abs=1e-6)


def test_wrong_embeddings_are_refused() -> None:
    named = {"model": "text-embedding-3-small"}
    cases: tuple[tuple[dict[str, Any], int], ...] = (
        (named | {"input": ""}, 400),
        (named | {"input": "a", "dimensions": 0}, 400),
        (named | {"input": "a", "encoding_format": "hex"}, 400),
        (named | {"input": "a", "task": "x"}, 400),
        ({"input": "a"}, 400),
        ({}, 400),
        ({"model": "gpt-5.1", "input": "a"}, 404),
    )
    for asked, status in cases:
        assert call(simulation(), "POST", "/v1/embeddings", KEY, asked).status == status
