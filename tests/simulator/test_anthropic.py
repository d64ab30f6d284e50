"""The simulated Anthropic API over a fake exchange: grammar of the stream, checks of the vendor."""

import json
from typing import Any

import pytest

from tests.simulator.fake import FakeExchange, call, simulation

HEADERS = {"x-api-key": "simulated-k", "anthropic-version": "2023-06-01"}
NEW = HEADERS | {"anthropic-version": "2026-10-21"}
WEATHER = {
    "name": "get_weather",
    "description": "Weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
USE = {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Oslo"}}
ENABLED = {"type": "enabled", "budget_tokens": 1024}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "rain"}


def body(*messages: tuple[str, Any], **members: Any) -> dict[str, Any]:
    turns = [{"role": role, "content": content} for role, content in messages or [("user", "hello")]]
    return {"model": "claude-sonnet-5", "max_tokens": 2000, "messages": turns} | members


def ask(asked: Any, headers: dict[str, str] | None = None, path: str = "/v1/messages") -> FakeExchange:
    return call(simulation(), "POST", path, HEADERS if headers is None else headers, asked)


def streamed(exchange: FakeExchange) -> list[dict[str, Any]]:
    events = [json.loads(event.data) for event in exchange.sse]
    assert [event["type"] for event in events] == [event.event for event in exchange.sse]
    return events


def folded(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Content blocks of a stream, put together by the grammar."""
    blocks: list[dict[str, Any]] = []
    inputs: list[str] = []
    for event in events:
        if event["type"] == "content_block_start":
            assert event["index"] == len(blocks)
            blocks.append(dict(event["content_block"]))
            inputs = []
        elif event["type"] == "content_block_delta":
            assert event["index"] == len(blocks) - 1
            delta = event["delta"]
            for name in ("text", "thinking", "signature"):
                if name in delta:
                    blocks[-1][name] += delta[name]
            inputs.append(delta.get("partial_json", ""))
        elif event["type"] == "content_block_stop" and blocks[-1]["type"] == "tool_use":
            blocks[-1]["input"] = json.loads("".join(inputs) or "{}")
    return blocks


@pytest.mark.parametrize(
    "asked",
    [
        body(),
        body(("user", "Weather in Oslo?"), tools=[WEATHER]),
        body(thinking={"type": "adaptive"}),
        body(thinking={"type": "adaptive", "display": "omitted"}),
        body(model="claude-opus-5"),
        body(
            ("user", "Weather in Oslo and Rome?"),
            tools=[WEATHER],
            model="claude-sonnet-4-5",
            thinking={"type": "enabled", "budget_tokens": 1024},
        ),
    ],
)
def test_stream_and_whole_say_the_same(asked: dict[str, Any]) -> None:
    whole = ask(asked).json
    events = streamed(ask(asked | {"stream": True}))
    kinds = [event["type"] for event in events]
    assert kinds[0] == "message_start"
    assert kinds[-2:] == ["message_delta", "message_stop"]
    blocks = folded(events)
    for block in [*whole["content"], *blocks]:
        block.pop("id", None)
    assert blocks == whole["content"]
    assert events[-2]["delta"]["stop_reason"] == whole["stop_reason"]
    assert events[-2]["usage"] == whole["usage"]
    assert events[0]["message"]["usage"]["input_tokens"] == whole["usage"]["input_tokens"]


def test_a_tool_loop() -> None:
    answered = ask(body(("user", "Weather in Oslo?"), ("assistant", [USE]), ("user", [RESULT]), tools=[WEATHER])).json
    assert answered["stop_reason"] == "end_turn"
    assert "rain" in answered["content"][0]["text"]


def test_thinking_comes_back_only_as_it_was() -> None:
    simulated = simulation()
    thought = call(simulated, "POST", "/v1/messages", HEADERS, body(thinking={"type": "adaptive"})).json["content"][0]

    def replay(**changed: str) -> int:
        asked = body(("user", "a"), ("assistant", [thought | changed, {"type": "text", "text": "x"}]), ("user", "b"))
        return call(simulated, "POST", "/v1/messages", HEADERS, asked).status

    assert replay() == 200
    assert replay(thinking="other") == 400
    assert replay(signature="c2ln") == 400


def test_whose_thoughts_are_told() -> None:
    def first(**members: Any) -> dict[str, Any]:
        block: dict[str, Any] = ask(body(**members)).json["content"][0]
        return block

    assert first()["type"] == "text"
    assert first(thinking={"type": "adaptive"})["thinking"]
    for silent in (
        first(model="claude-opus-5"),
        first(model="claude-opus-5", thinking={"type": "adaptive"}),
        first(thinking={"type": "adaptive", "display": "omitted"}),
    ):
        assert (silent["type"], silent["thinking"]) == ("thinking", "")
        assert silent["signature"]
    assert first(model="claude-opus-5", thinking={"type": "disabled"})["type"] == "text"
    assert first(model="claude-opus-5", thinking={"type": "adaptive", "display": "summarized"})["thinking"]
    usage = ask(body(thinking={"type": "adaptive"})).json["usage"]
    assert 0 < usage["output_tokens_details"]["thinking_tokens"] < usage["output_tokens"]


REFUSED = [
    pytest.param({"messages": []}, HEADERS, "model: Field required", id="model"),
    pytest.param({"model": "claude-x", "messages": []}, HEADERS, "max_tokens: Field required", id="max_tokens"),
    pytest.param(body(), {"x-api-key": "k"}, "anthropic-version", id="version"),
    pytest.param(body(temperature=1.0), NEW, "temperature", id="sampling under the new version"),
    pytest.param(body(seed=1), HEADERS, "seed: Extra inputs", id="unknown member"),
    pytest.param(body(("assistant", "a")), HEADERS, "first message", id="assistant first"),
    pytest.param(body(("user", [])), HEADERS, "non-empty", id="empty"),
    pytest.param(body(("user", [{"type": "text", "text": " "}])), HEADERS, "text content", id="blank text"),
    pytest.param(
        body(("user", "a"), ("assistant", [USE])), HEADERS, "without `tool_result`", id="unanswered at the end"
    ),
    pytest.param(
        body(("user", "a"), ("assistant", [USE]), ("user", "b")), HEADERS, "without `tool_result`", id="unanswered"
    ),
    pytest.param(body(("user", [RESULT])), HEADERS, "unexpected `tool_use_id`", id="orphan"),
    pytest.param(
        body(("user", "a"), ("assistant", [USE, USE]), ("user", [RESULT])), HEADERS, "unique", id="id used twice"
    ),
    pytest.param(body(tools=[WEATHER, WEATHER]), HEADERS, "unique", id="tool declared twice"),
    pytest.param(body(tools=[WEATHER | {"name": "a.b"}]), HEADERS, "pattern", id="tool name"),
    pytest.param(
        body(thinking={"type": "enabled", "budget_tokens": 4000}), HEADERS, "max_tokens", id="budget over max_tokens"
    ),
    pytest.param(body(("user", [USE])), HEADERS, "cannot be in user", id="tool use of the user"),
    pytest.param(b"{", HEADERS, "not valid JSON", id="JSON"),
]


@pytest.mark.parametrize(("asked", "headers", "words"), REFUSED)
def test_refusals(asked: Any, headers: dict[str, str], words: str) -> None:
    exchange = ask(asked, headers)
    assert exchange.status == 400
    assert exchange.json["type"] == "error"
    assert exchange.json["error"]["type"] == "invalid_request_error"
    assert words in exchange.json["error"]["message"]
    assert exchange.sent_headers["request-id"]


def test_neighbours_of_one_role_are_one_turn_and_system_messages_pass() -> None:
    asked = body(
        ("user", "a"), ("user", "b"), ("system", "note"), ("assistant", [USE]), ("system", "x"), ("user", [RESULT])
    )
    assert ask(asked).status == 200
    assert ask(body(model="claude-sonnet-4-5", temperature=0.5)).status == 200


OLD, NEW_MODEL = "claude-sonnet-4-5", "claude-opus-5"
MARK = {"cache_control": {"type": "ephemeral"}}
FORCED: dict[str, Any] = {"tools": [WEATHER], "tool_choice": {"type": "any"}}
CLEAR = {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}
PNG_HEAD = {"type": "base64", "media_type": "image/jpeg", "data": "iVBORw0KGgo="}
NOT_PDF = {"type": "base64", "media_type": "application/pdf", "data": "YWJj"}
BY_MODEL = [
    pytest.param(body(model=NEW_MODEL, thinking=ENABLED), '"thinking.type.enabled" is not supported', id="enabled"),
    pytest.param(body(model=NEW_MODEL, temperature=0), "`temperature` is deprecated", id="temperature"),
    pytest.param(body(model=NEW_MODEL, top_k=5), "`top_k` is deprecated", id="top_k"),
    pytest.param(body(model=OLD, temperature=0.1, top_p=0.9), "cannot both be specified", id="both"),
    pytest.param(
        body(model=OLD, temperature=0.1, thinking=ENABLED), "may only be set to 1", id="temperature, thinking"
    ),
    pytest.param(body(("user", "a"), ("assistant", "b")), "does not support assistant message prefill", id="prefill"),
    pytest.param(body(model=OLD, max_tokens=64_001), "max_tokens: 64001 > 64000", id="max_tokens"),
    pytest.param(body(thinking={"type": "adaptive"}, **FORCED), "Thinking may not be enabled", id="forced, thinking"),
    pytest.param(body(context_management=CLEAR), "requires `thinking` to be enabled", id="clear_thinking"),
    pytest.param(body(output_config={"effort": "huge"}), "output_config.effort", id="effort"),
    pytest.param(
        body(("user", [{"type": "text", "text": "a"} | MARK] * 5)),
        "A maximum of 4 blocks with cache_control",
        id="marks",
    ),
    pytest.param(
        body(("user", "a"), ("assistant", [USE]), ("user", [RESULT]), model=OLD, thinking=ENABLED),
        "Expected `thinking` or `redacted_thinking`, but found `tool_use`",
        id="loop without its thought",
    ),
    pytest.param(body(("user", [{"type": "image", "source": PNG_HEAD}])), "wrong media type", id="media type"),
    pytest.param(body(("user", [{"type": "document", "source": NOT_PDF}])), "PDF specified was not valid", id="no PDF"),
    pytest.param(body(("user", "word " * 2_000_000), model=OLD), "prompt is too long: ", id="length"),
]


@pytest.mark.parametrize(("asked", "words"), BY_MODEL)
def test_refusals_by_model_and_of_what_stands_together(asked: Any, words: str) -> None:
    exchange = ask(asked)
    assert exchange.status == 400
    assert words in exchange.json["error"]["message"]


def test_what_models_take() -> None:
    prefill = (("user", "a"), ("assistant", "b"))
    assert ask(body(*prefill, model=OLD)).status == 200
    assert ask(body(model=OLD, thinking=ENABLED, temperature=1)).status == 200
    assert ask(body(model=NEW_MODEL, temperature=1)).status == 200
    assert ask(body(model=NEW_MODEL, max_tokens=100_000)).status == 200
    assert ask(body(thinking={"type": "adaptive"}, context_management=CLEAR)).status == 200
    loop = (("user", "a"), ("assistant", [USE]), ("user", [RESULT]))
    assert ask(body(*loop, thinking={"type": "adaptive"})).status == 200


def test_counting_needs_no_limit() -> None:
    asked = {"model": OLD, "messages": [{"role": "user", "content": "hello"}], "thinking": ENABLED}
    assert ask(asked, path="/v1/messages/count_tokens").json["input_tokens"] > 0


def test_keys_models_and_counts() -> None:
    simulated = simulation()
    simulated.refused_keys.add("bad")
    for headers in ({}, {"x-api-key": "bad"}, {"authorization": "Bearer bad"}):
        refused = call(simulated, "POST", "/v1/messages", headers, body())
        assert (refused.status, refused.json["error"]["type"]) == (401, "authentication_error")
    unknown = ask(body(model="no-such-model"))
    assert (unknown.status, unknown.json["error"]["type"]) == (404, "not_found_error")
    listed = call(simulated, "GET", "/v1/models?limit=1000", HEADERS).json
    assert listed["has_more"] is False
    assert listed["data"][0]["type"] == "model"
    counted = ask(
        {"model": "claude-sonnet-5", "messages": [{"role": "user", "content": "hello"}]},
        path="/v1/messages/count_tokens",
    )
    assert counted.json["input_tokens"] > 0


def test_max_tokens_and_stop_sequences() -> None:
    assert ask(body(max_tokens=3)).json["stop_reason"] == "max_tokens"
    stopped = ask(body(stop_sequences=["said"])).json
    assert (stopped["stop_reason"], stopped["stop_sequence"]) == ("stop_sequence", "said")
