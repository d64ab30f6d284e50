"""Whatever stands in a request, an upstream answers it or refuses it in its own form; it never breaks."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiclient2api.simulator import Simulation
from tests.simulator.fake import call, simulation

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
ANTHROPIC: dict[str, Any] = {
    "model": "claude-sonnet-4-5",
    "max_tokens": 2000,
    "system": [{"type": "text", "text": "be kind", "cache_control": {"type": "ephemeral"}}],
    "tools": [{"name": "get_weather", "description": "Weather", "input_schema": CITY}],
    "tool_choice": {"type": "auto"},
    "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": CITY}},
    "context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]},
    "messages": [
        {"role": "user", "content": "Weather in Oslo?"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "get_weather", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "rain"}]},
    ],
    "stop_sequences": ["zzz"],
}
FUNCTION = {"name": "get_weather", "description": "Weather", "parameters": CITY}
CHAT: dict[str, Any] = {
    "model": "gpt-5.1",
    "messages": [
        {"role": "system", "content": "be kind"},
        {"role": "user", "content": [{"type": "text", "text": "Weather in Oslo?"}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "rain"},
    ],
    "tools": [{"type": "function", "function": FUNCTION}],
    "tool_choice": {"type": "function", "function": {"name": "get_weather"}},
    "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": CITY}},
    "stop": ["zzz"],
    "n": 1,
}
RESPONSES: dict[str, Any] = {
    "model": "gpt-5.6",
    "instructions": "be kind",
    "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "Weather in Oslo?"}]},
        {"type": "function_call", "call_id": "c1", "name": "get_weather", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": [{"type": "input_text", "text": "rain"}]},
    ],
    "tools": [{"type": "function"} | FUNCTION, {"type": "namespace", "name": "n", "tools": []}],
    "tool_choice": {"type": "function", "name": "get_weather"},
    "reasoning": {"effort": "low", "summary": "auto"},
    "text": {"format": {"type": "json_schema", "name": "x", "schema": CITY}},
    "include": ["reasoning.encrypted_content"],
}
GEMINI: dict[str, Any] = {
    "systemInstruction": {"parts": [{"text": "be kind"}]},
    "contents": [
        {"role": "user", "parts": [{"text": "Weather in Oslo?"}]},
        {"role": "model", "parts": [{"functionCall": {"name": "get_weather", "args": {}}}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "get_weather", "response": {"output": "rain"}}}]},
    ],
    "tools": [{"functionDeclarations": [FUNCTION]}],
    "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["get_weather"]}},
    "generationConfig": {"thinkingConfig": {"includeThoughts": True, "thinkingBudget": 1024}, "stopSequences": ["zzz"]},
}
CLAUDE_KEY = {"x-api-key": "k", "anthropic-version": "2023-06-01"}
BEARER = {"authorization": "Bearer k"}
UPSTREAMS = [
    pytest.param("/v1/messages", CLAUDE_KEY, ANTHROPIC, id="anthropic"),
    pytest.param("/v1/chat/completions", BEARER, CHAT, id="chat"),
    pytest.param("/v1/responses", BEARER, RESPONSES, id="responses"),
    pytest.param("/v1beta/models/gemini-2.5-flash:generateContent", {"x-goog-api-key": "k"}, GEMINI, id="gemini"),
    pytest.param(
        "/v1beta/models/gemini-embedding-001:batchEmbedContents",
        {"x-goog-api-key": "k"},
        {"requests": [{"model": "models/gemini-embedding-001", "content": {"parts": [{"text": "a"}]}}]},
        id="gemini-embeddings",
    ),
    pytest.param(
        "/v1/embeddings", BEARER, {"model": "text-embedding-3-small", "input": ["a"], "dimensions": 4}, id="embeddings"
    ),
]
SCALARS = st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-2, 2) | st.text(max_size=5)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands in a value."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in entries:
        yield (*path, key)
        yield from places(member, (*path, key))


def changed(body: Any, path: tuple[Any, ...], value: Any) -> Any:
    """The body with another value at this place."""
    out = json.loads(json.dumps(body))
    node = out
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    return out


@pytest.mark.parametrize(("path", "headers", "body"), UPSTREAMS)
def test_the_bodies_are_good_as_they_are(path: str, headers: dict[str, str], body: Any) -> None:
    assert call(simulation(), "POST", path, headers, body).status == 200


@pytest.mark.parametrize(("path", "headers", "body"), UPSTREAMS)
def test_no_value_in_any_place_breaks_an_upstream(path: str, headers: dict[str, str], body: Any) -> None:
    simulated: Simulation = simulation()
    where = list(places(body))

    @settings(max_examples=120, deadline=None)
    @given(st.sampled_from(where), VALUES)
    def run(place: tuple[Any, ...], value: Any) -> None:
        exchange = call(simulated, "POST", path, headers, changed(body, place, value))
        assert exchange.finished
        assert exchange.status in (200, 400, 404)
        if exchange.status != 200:
            error = exchange.json["error"]
            assert isinstance(error["message"], str)
            assert error["message"]

    run()
