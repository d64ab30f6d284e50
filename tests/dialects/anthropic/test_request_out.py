"""A canonical request for an Anthropic upstream."""

import itertools
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given, settings

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.model import Model
from aiclient2api.canonical.request import (
    Audio,
    Base64,
    Block,
    Cache,
    Document,
    FileId,
    Foreign,
    Image,
    Opaque,
    OutputFormat,
    Plain,
    Reasoning,
    Refusal,
    Request,
    Sampling,
    SearchResult,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
    Url,
)
from aiclient2api.dialects.anthropic import ANTHROPIC, name_map
from tests.dialects.anthropic.samples import ADAPTIVE_MODEL, BUDGET_MODEL, request, sent
from tests.strategies import requests

HI = (Turn("user", (Text("hi"),)),)
SCHEMA = b'{"type":"object"}'
NATIVE = Thinking("hm", (Opaque("anthropic", "signature", "s"),))


def made(turns: tuple[Turn, ...] = HI, dialect: str = "openai_chat", **members: Any) -> Request:
    return Request(dialect=dialect, model="m", turns=turns, **members)


def user(*blocks: Block) -> tuple[Turn, ...]:
    return (Turn("user", blocks),)


def dropped(source: Request, model: Model = BUDGET_MODEL) -> tuple[str, ...]:
    return ANTHROPIC.encode_request(source, model).dropped


def test_the_smallest_request() -> None:
    out = ANTHROPIC.encode_request(made(max_tokens=5), BUDGET_MODEL)
    assert out.body == (
        b'{"model":"claude-old","max_tokens":5,"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}]}'
    )
    assert (out.dropped, out.headers) == ((), (("anthropic-version", "2023-06-01"),))


@pytest.mark.parametrize(
    ("block", "wire"),
    [
        (Text("a", Cache("1h")), {"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}}),
        (Refusal("no"), {"type": "text", "text": "no"}),
        (
            Image(Base64("image/png", "aGk=")),
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}},
        ),
        (Image(Url("https://e.test")), {"type": "image", "source": {"type": "url", "url": "https://e.test"}}),
        (
            Document(Base64("application/pdf", "aGk="), filename="a.pdf", citations=True),
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "aGk="},
                "title": "a.pdf",
                "citations": {"enabled": True},
            },
        ),
        (
            Document(Plain("x", "text/markdown"), title="T", context="C"),
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": "x"},
                "title": "T",
                "context": "C",
            },
        ),
        (
            SearchResult("s", "t", (Text("x"),)),
            {"type": "search_result", "source": "s", "title": "t", "content": [{"type": "text", "text": "x"}]},
        ),
        (Foreign("anthropic", "novel", b'{"type":"novel","n":1.0}'), {"type": "novel", "n": 1.0}),
    ],
)
def test_blocks(block: Block, wire: dict[str, object]) -> None:
    source = made(user(block))
    assert sent(source)["messages"] == [{"role": "user", "content": [wire]}]
    assert dropped(source) == ()


@pytest.mark.parametrize(
    ("block", "names"),
    [
        (Image(Base64("image/tiff", "aGk=")), ("image",)),
        (Document(Base64("application/zip", "aGk=")), ("document",)),
        (Audio(Base64("audio/wav", "aGk=")), ("input_audio",)),
        (Image(Url("https://e.test"), "low"), ("detail",)),
        (Foreign("openai", "program", b"{}"), ("program",)),
        (Thinking("t", (Opaque("kiro", "signature", "k"),)), ("thinking",)),
        (Thinking("t"), ("thinking",)),
    ],
)
def test_what_cannot_be_carried_is_named(block: Block, names: tuple[str, ...]) -> None:
    """C4"""
    source = made(user(Text("a"), block))
    assert dropped(source) == names
    assert sent(source)["messages"][0]["content"][0] == {"type": "text", "text": "a"}


def test_files_of_other_providers_are_refused() -> None:
    with pytest.raises(GatewayError, match="another provider"):
        ANTHROPIC.encode_request(made(user(Image(FileId("f")))), BUDGET_MODEL)
    own = made(user(Image(FileId("f"))), dialect="anthropic")
    assert sent(own)["messages"][0]["content"][0]["source"] == {"type": "file", "file_id": "f"}


def test_a_tool_loop() -> None:
    turns = (
        Turn("user", (Text("go"),)),
        Turn("assistant", (NATIVE, Text("  "), ToolCall("call:1", "f.x", '{"z":1.0}'), ToolCall("b", "g", ""))),
        Turn("user", (Text("and"), ToolResult("call:1", (Text("r"), Text(""))))),
        Turn("user", (ToolResult("b", (), is_error=True),)),
        Turn("assistant", (Text("done"),)),
        Turn("user", (Text("more"),)),
    )
    source = made(turns, tools=(Tool("f.x", "d", SCHEMA), Tool("g")))
    messages = sent(source)["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant", "user", "assistant", "user"]
    thinking, first, second = messages[1]["content"]
    assert thinking == {"type": "thinking", "thinking": "hm", "signature": "s"}
    wire_name = sent(source)["tools"][0]["name"]
    assert first["name"] == wire_name != "f.x"
    assert name_map(source).to_client(wire_name) == "f.x"
    assert second["input"] == {}
    assert messages[2]["content"] == [
        {"type": "tool_result", "tool_use_id": first["id"], "content": [{"type": "text", "text": "r"}]},
        {"type": "tool_result", "tool_use_id": "b", "is_error": True},
        {"type": "text", "text": "and"},
    ]
    assert b'"input":{"z":1.0}' in ANTHROPIC.encode_request(source, BUDGET_MODEL).body


@pytest.mark.parametrize(
    ("roles", "model", "expected"),
    [
        (["user", "assistant"], BUDGET_MODEL, ["user:hi", "assistant:hi"]),
        (["user", "assistant"], ADAPTIVE_MODEL, ["user:hi", "assistant:hi ", "user:Continue."]),
        (["assistant", "user"], BUDGET_MODEL, ["user:(continued)", "assistant:hi ", "user:hi "]),
        ([], BUDGET_MODEL, ["user:(continued)"]),
        (
            ["user", "system", "assistant"],
            ADAPTIVE_MODEL,
            ["user:hi ", "system:hi ", "assistant:hi ", "user:Continue."],
        ),
        (
            ["user", "system", "assistant", "user"],
            BUDGET_MODEL,
            ["user:hi <system-reminder>\nhi \n</system-reminder>", "assistant:hi ", "user:hi "],
        ),
        (
            ["user", "assistant", "system", "user"],
            BUDGET_MODEL,
            ["user:hi ", "assistant:hi ", "user:<system-reminder>\nhi \n</system-reminder>hi "],
        ),
    ],
)
def test_turns(roles: list[Any], model: Model, expected: list[str]) -> None:
    """User first, roles in turn, prefill only where it may be, system turns where the model knows them."""
    messages = sent(made(tuple(Turn(role, (Text("hi "),)) for role in roles)), model)["messages"]
    shown = [message["role"] + ":" + "".join(each["text"] for each in message["content"]) for message in messages]
    assert [each.rstrip() for each in shown] == [each.rstrip() for each in expected]
    if roles == ["user", "assistant"] and model.prefill:
        assert shown[-1] == "assistant:hi"


def test_system_texts_stay_apart() -> None:
    source = made(system=(Text("x-anthropic-billing-header: v=1"), Text(" "), Text("b", Cache())))
    assert sent(source)["system"] == [
        {"type": "text", "text": "x-anthropic-billing-header: v=1"},
        {"type": "text", "text": "b", "cache_control": {"type": "ephemeral"}},
    ]


ON = ADAPTIVE_MODEL


@pytest.mark.parametrize(
    ("reasoning", "model", "thinking", "config", "max_tokens"),
    [
        (None, BUDGET_MODEL, None, None, 10_000),
        (Reasoning("off"), BUDGET_MODEL, {"type": "disabled"}, None, 10_000),
        (Reasoning("off"), ON, {"type": "disabled"}, None, 10_000),
        (Reasoning("auto"), ON, {"type": "adaptive", "display": "summarized"}, None, 10_000),
        (Reasoning("auto", display="omitted"), ON, {"type": "adaptive", "display": "omitted"}, None, 10_000),
        (Reasoning("auto", display="concise"), ON, {"type": "adaptive", "display": "summarized"}, None, 10_000),
        (Reasoning("effort", "minimal"), ON, {"type": "adaptive", "display": "summarized"}, {"effort": "low"}, 10_000),
        (Reasoning("effort", "high"), ON, {"type": "adaptive", "display": "summarized"}, {"effort": "high"}, 10_000),
        (Reasoning("effort", "xhigh"), ON, {"type": "adaptive", "display": "summarized"}, {"effort": "high"}, 10_000),
        (
            Reasoning("budget", budget=5000),
            ON,
            {"type": "adaptive", "display": "summarized"},
            {"effort": "medium"},
            10_000,
        ),
        (Reasoning("between_tools"), ON, {"type": "between_tools"}, None, 10_000),
        (Reasoning("budget", budget=5000), BUDGET_MODEL, {"type": "enabled", "budget_tokens": 5000}, None, 10_000),
        (Reasoning("budget", budget=5), BUDGET_MODEL, {"type": "enabled", "budget_tokens": 1024}, None, 10_000),
        (Reasoning("budget", budget=10_000), BUDGET_MODEL, {"type": "enabled", "budget_tokens": 10_000}, None, 14_096),
        (Reasoning("budget", budget=99_999), BUDGET_MODEL, {"type": "enabled", "budget_tokens": 63_999}, None, 64_000),
        (Reasoning("effort", "low"), BUDGET_MODEL, {"type": "enabled", "budget_tokens": 4096}, None, 10_000),
        (Reasoning("effort", "max"), BUDGET_MODEL, {"type": "enabled", "budget_tokens": 9999}, None, 10_000),
        (Reasoning("auto"), BUDGET_MODEL, {"type": "enabled", "budget_tokens": 10_240}, None, 14_336),
        (Reasoning("effort", "high"), Model(id="m"), None, None, 10_000),
        (Reasoning("off"), Model(id="m"), None, None, 10_000),
    ],
)
def test_thinking(reasoning: Reasoning | None, model: Model, thinking: object, config: object, max_tokens: int) -> None:
    body = sent(made(reasoning=reasoning, max_tokens=10_000), model)
    assert (body.get("thinking"), body.get("output_config"), body["max_tokens"]) == (thinking, config, max_tokens)


def test_thinking_that_cannot_be_is_told() -> None:
    assert dropped(made(reasoning=Reasoning("effort", "high")), Model(id="m")) == ("reasoning",)
    assert dropped(made(reasoning=Reasoning("off")), Model(id="m", thinking=("adaptive",))) == ("reasoning",)
    assert sent(made(reasoning=Reasoning("auto"), max_tokens=0))["max_tokens"] == 0


@pytest.mark.parametrize(("opening", "kind"), [((), "disabled"), ((NATIVE,), "enabled")])
def test_a_loop_that_began_without_thinking_goes_on_without(opening: tuple[Block, ...], kind: str) -> None:
    turns = (
        Turn("user", (Text("go"),)),
        Turn("assistant", (*opening, ToolCall("a", "f", "{}"))),
        Turn("user", (ToolResult("a", (Text("r"),)),)),
        Turn("system", (Text("s"),)),
    )
    extra = {"context_management": b'{"edits":[{"type":"clear_thinking_20251015"}]}', "speed": b'"fast"'}
    source = made(turns, "anthropic", tools=(Tool("f"),), reasoning=Reasoning("budget", budget=2000), extra=extra)
    body = sent(source)
    assert body["thinking"]["type"] == kind
    assert ("context_management" in body) == (kind == "enabled")
    assert body["speed"] == "fast"


@pytest.mark.parametrize(
    ("asked", "maximum", "expected"),
    [
        (None, None, 32_000),
        (None, 8000, 8000),
        (9000, 8000, 8000),
        (100, 8000, 100),
        (99_999, None, 99_999),
        (0, 8000, 0),
    ],
)
def test_max_tokens(asked: int | None, maximum: int | None, expected: int) -> None:
    assert sent(made(max_tokens=asked), Model(id="m", max_output=maximum))["max_tokens"] == expected


def test_sampling() -> None:
    source = made(
        sampling=Sampling(temperature=1.5, top_p=0.5, top_k=3, seed=7, logprobs=False, n=1, frequency_penalty=0)
    )
    body = sent(source)
    assert (body["temperature"], body.get("top_p"), body["top_k"]) == (1.0, None, 3)
    assert dropped(source) == ("top_p", "seed")
    assert sent(made(sampling=Sampling(top_p=0.5)))["top_p"] == 0.5
    newer = made(sampling=Sampling(temperature=0.5, top_k=3))
    assert not {"temperature", "top_k"} & set(sent(newer, ADAPTIVE_MODEL))
    assert dropped(newer, ADAPTIVE_MODEL) == ("temperature", "top_k")
    thinking = made(sampling=Sampling(temperature=1.0), reasoning=Reasoning("auto"))
    assert "temperature" not in sent(thinking)
    assert dropped(thinking) == ()
    with pytest.raises(GatewayError) as caught:
        sent(made(sampling=Sampling(n=2)))
    assert caught.value.param == "n"


def test_stop_sequences_of_white_space_are_refused_upstream() -> None:
    source = made(stop=(" \n", "END"))
    assert sent(source)["stop_sequences"] == ["END"]
    assert dropped(source) == ("stop",)
    assert "stop_sequences" not in sent(made(stop=(" ",)))


def test_tools() -> None:
    raw = b'{"type":"web_search_20250305","name":"web_search","max_uses":5}'
    tools = (
        Tool("f", "d", SCHEMA, strict=True, cache=Cache()),
        Tool("f", "again"),
        Tool("none"),
        Tool("edit", "d", kind="custom", grammar=b'{"type":"text"}'),
        Tool("ls", namespace="fs"),
        Tool("web_search", kind="server", type="web_search_20250305", raw=raw),
        Tool("googleSearch", kind="server", type="file_search", raw=b"{}"),
    )
    source = made(tools=tools, dialect="anthropic")
    body = sent(source)
    assert body["tools"][0] == {
        "name": "f",
        "description": "d",
        "input_schema": {"type": "object"},
        "strict": True,
        "cache_control": {"type": "ephemeral"},
    }
    assert body["tools"][1] == {"name": "none", "input_schema": {"type": "object", "properties": {}}}
    assert body["tools"][2]["input_schema"]["required"] == ["input"]
    assert '{"type":"text"}' in body["tools"][2]["description"]
    assert body["tools"][3]["name"] == "fs__ls"
    assert body["tools"][4] == msgspec.json.decode(raw)
    assert dropped(source) == ("tools.f", "tools.googleSearch")
    assert dropped(made(tools=tools[:1])) == ("tools.strict",)
    other = made(tools=(Tool("web_search", kind="server", type="web_search", raw=b"{}"),))
    assert sent(other)["tools"] == [{"type": "web_search_20250305", "name": "web_search"}]


@pytest.mark.parametrize(
    ("choice", "parallel", "reasoning", "wire", "names"),
    [
        (None, None, None, None, ()),
        (None, False, None, {"type": "auto", "disable_parallel_tool_use": True}, ()),
        (None, True, None, None, ()),
        (ToolChoice("auto"), None, None, {"type": "auto"}, ()),
        (ToolChoice("any"), False, None, {"type": "any", "disable_parallel_tool_use": True}, ()),
        (ToolChoice("none"), False, None, {"type": "none"}, ()),
        (ToolChoice("tool", "f"), None, None, {"type": "tool", "name": "f"}, ()),
        (ToolChoice("tool", "f"), None, Reasoning("auto"), {"type": "auto"}, ("tool_choice",)),
    ],
)
def test_tool_choice(
    choice: ToolChoice | None, parallel: bool | None, reasoning: Reasoning | None, wire: object, names: tuple[str, ...]
) -> None:
    source = made(tools=(Tool("f"), Tool("g")), tool_choice=choice, parallel_tools=parallel, reasoning=reasoning)
    assert sent(source).get("tool_choice") == wire
    assert dropped(source) == names


def test_a_choice_needs_tools_and_may_narrow_them() -> None:
    assert "tool_choice" not in sent(made(tool_choice=ToolChoice("any"), parallel_tools=False))
    narrowed = sent(made(tools=(Tool("f"), Tool("g")), tool_choice=ToolChoice("any", allowed=("g",))))
    assert [tool["name"] for tool in narrowed["tools"]] == ["g"]


def test_no_more_than_four_cache_marks() -> None:
    """The oldest go first; marks inside results count too."""
    marked = tuple(Text(str(number), Cache()) for number in range(3))
    source = made(
        user(ToolResult("a", (Text("inner", Cache()),), cache=Cache()), *marked[1:]),
        system=marked,
        tools=(Tool("f", cache=Cache()),),
    )
    out = ANTHROPIC.encode_request(source, BUDGET_MODEL)
    assert out.body.count(b"cache_control") == 4
    assert "cache_control" not in msgspec.json.decode(out.body)["tools"][0]
    assert out.dropped == ("cache_control",)
    top = msgspec.structs.replace(source, cache=Cache("1h"))
    body = ANTHROPIC.encode_request(top, BUDGET_MODEL).body
    assert body.count(b"cache_control") == 4
    assert msgspec.json.decode(body)["cache_control"] == {"type": "ephemeral", "ttl": "1h"}


def test_form_of_the_answer() -> None:
    schema = made(output=OutputFormat("json_schema", "n", SCHEMA, True))
    assert sent(schema)["output_config"] == {"format": {"type": "json_schema", "schema": {"type": "object"}}}
    plain = made(output=OutputFormat("json_object"))
    assert "JSON" in sent(plain)["system"][-1]["text"]


def test_members_that_only_anthropic_knows_go_home() -> None:
    source = request(
        {"anthropic-beta": "a,b"},
        service_tier="auto",
        container="c",
        metadata={"user_id": "u", "x": 1},
        output_config={"effort": "low", "task_budget": {"total": 5}},
        stream=True,
    )
    out = ANTHROPIC.encode_request(source, ADAPTIVE_MODEL)
    body = msgspec.json.decode(out.body)
    assert (body["service_tier"], body["container"], body["stream"]) == ("auto", "c", True)
    assert body["metadata"] == {"user_id": "u", "x": 1}
    assert body["output_config"] == {"effort": "low", "task_budget": {"total": 5}}
    assert out.headers == (("anthropic-version", "2023-06-01"), ("anthropic-beta", "a,b"))
    other = made(extra={"store": b"true", "header:x": b'"y"'}, user="u")
    assert dropped(other) == ("store",)
    assert sent(other)["metadata"] == {"user_id": "u"}


BODY_SCHEMA = {
    "type": "object",
    "required": ["model", "max_tokens", "messages"],
    "properties": {
        "max_tokens": {"type": "integer", "minimum": 0},
        "messages": {
            "type": "array",
            "minItems": 1,
            "items": {
                "required": ["role", "content"],
                "properties": {
                    "role": {"enum": ["user", "assistant"]},
                    "content": {
                        "type": "array",
                        "minItems": 1,
                        "items": {
                            "required": ["type"],
                            "properties": {
                                "text": {"pattern": "\\S"},
                                "name": {"pattern": "^[a-zA-Z0-9_-]{1,128}$"},
                                "id": {"pattern": "^[a-zA-Z0-9_-]+$"},
                                "input": {"type": "object"},
                            },
                        },
                    },
                },
            },
        },
        "stop_sequences": {"items": {"pattern": "\\S"}},
    },
}


@settings(max_examples=40)
@given(requests())
def test_any_request_is_one_that_the_api_takes(source: Request) -> None:
    out = ANTHROPIC.encode_request(source, BUDGET_MODEL)
    assert out == ANTHROPIC.encode_request(source, BUDGET_MODEL)
    body = msgspec.json.decode(out.body)
    jsonschema.validate(body, BODY_SCHEMA)
    roles = [message["role"] for message in body["messages"]]
    assert roles[0] == "user"
    assert all(first != second for first, second in itertools.pairwise(roles))
    budget = body.get("thinking", {}).get("budget_tokens")
    assert budget is None or 1024 <= budget < body["max_tokens"]


@settings(max_examples=40)
@given(requests())
def test_any_request_comes_back_the_same(source: Request) -> None:
    """What we send upstream, read as a client's request, says the same."""
    plain = msgspec.structs.replace(source, reasoning=None, max_tokens=source.max_tokens or 1, sampling=Sampling())
    found = ANTHROPIC.decode_request(ANTHROPIC.encode_request(plain, BUDGET_MODEL).body, {})
    assert (found.turns, found.system, found.tools) == (plain.turns, plain.system, plain.tools)
    assert (found.tool_choice is None) == (not plain.tool_choice and plain.parallel_tools is not False)
    assert (found.user, found.stop, found.stream) == (plain.user, plain.stop, plain.stream)
