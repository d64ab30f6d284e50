"""Requests to Chat bodies for compatible servers: T011, T094, T098, T102, T103, T110, T113, T147, T148."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given

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
from aiclient2api.dialects.openai_chat import OPENAI_CHAT, name_map
from tests.strategies import requests

MODEL = Model(id="up-model")
THINKER = Model(id="thinker", thinking=("effort",), efforts=("minimal", "low", "high"), sampling=False)
PNG = Image(Base64("image/png", "iVBORw0KGgo="))
PNG_PART = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
HI = Turn("user", (Text("hi"),))


def request(*turns: Turn, **members: Any) -> Request:
    return Request(**{"dialect": "anthropic", "model": "asked", "turns": turns or (HI,), **members})


def encode(asked: Request, model: Model = MODEL) -> tuple[dict[str, Any], tuple[str, ...]]:
    outgoing = OPENAI_CHAT.encode_request(asked, model)
    body: dict[str, Any] = json.loads(outgoing.body)
    return body, outgoing.dropped


def messages(*turns: Turn, model: Model = MODEL, **members: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = encode(request(*turns, **members), model)[0]["messages"]
    return found


def content(*blocks: Block) -> object:
    return messages(Turn("user", blocks))[0]["content"]


def test_the_smallest_body() -> None:
    asked = request()
    assert OPENAI_CHAT.encode_request(asked, MODEL).body == (
        b'{"model":"up-model","messages":[{"role":"user","content":"hi"}],"stream":false}'
    )
    assert encode(request(stream=True))[0]["stream_options"] == {"include_usage": True}


def test_system_texts() -> None:
    """T094: the billing line is for Anthropic's books only."""
    billing = Text("x-anthropic-billing-header: cc_version=2.1")
    found = messages(HI, Turn("system", (Text("later"),)), system=(billing, Text("a"), Text("b", Cache())))
    assert found == [
        {"role": "system", "content": "a\n\nb"},
        {"role": "user", "content": "hi"},
        {"role": "system", "content": "later"},
    ]


def test_results_come_before_the_users_text_and_pictures_after_them() -> None:
    """T011, T098, T102."""
    calls = Turn("assistant", (Text("look"), ToolCall("c1", "f", ""), ToolCall("c2", "g", '{"a": 1}')))
    results = (
        Text("and?"),
        ToolResult("c1", (Text("seen"), Foreign("anthropic", "tool_reference", b"{}"), PNG)),
        ToolResult("c2", (Text("broken"),), is_error=True),
    )
    found = messages(HI, calls, Turn("user", results))
    assert found[1:] == [
        {
            "role": "assistant",
            "content": "look",
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                {"id": "c2", "type": "function", "function": {"name": "g", "arguments": '{"a": 1}'}},
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "seen\n[attachment 1: in the next user message]"},
        {"role": "tool", "tool_call_id": "c2", "content": "Error: broken"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "[attachments of the result of c1]"},
                PNG_PART,
                {"type": "text", "text": "and?"},
            ],
        },
    ]


@pytest.mark.parametrize(
    ("block", "part"),
    [
        (PNG, PNG_PART),
        (
            Image(Url("https://x.example/p.png"), "low"),
            {"type": "image_url", "image_url": {"url": "https://x.example/p.png", "detail": "low"}},
        ),
        (
            Document(Base64("application/pdf", "JVBERi0=")),
            {"type": "file", "file": {"filename": "file.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}},
        ),
        (
            Audio(Base64("audio/mpeg", "AAAA")),
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
        ),
    ],
)
def test_parts(block: Block, part: object) -> None:
    assert content(block, Text("?")) == [part, {"type": "text", "text": "?"}]


def test_texts_that_are_documents() -> None:
    assert content(Document(Plain("body"), title="T")) == '<document title="T">\nbody\n</document>'
    assert content(SearchResult("s", "t", (Text("x"),))) == '<search_result source="s" title="t">\nx\n</search_result>'


@pytest.mark.parametrize(
    ("block", "model"),
    [
        (PNG, Model(id="m", images=False)),
        (Image(FileId("file_1")), MODEL),
        (Document(FileId("file_1")), MODEL),
        (Document(Url("https://x.example/a.pdf")), MODEL),
        (Audio(Base64("audio/ogg", "AAAA")), MODEL),
        (Audio(Url("https://x.example/a.wav")), MODEL),
    ],
)
def test_what_cannot_be_carried_is_refused(block: Block, model: Model) -> None:
    """C4."""
    with pytest.raises(GatewayError) as caught:
        encode(request(Turn("user", (block,))), model)
    assert (caught.value.kind, caught.value.param) == ("bad_request", "messages")


def test_several_answers_are_refused() -> None:
    with pytest.raises(GatewayError) as caught:
        encode(request(sampling=Sampling(n=2)))
    assert caught.value.param == "n"


def test_assistant_turns() -> None:
    opaque = (Opaque("anthropic", "signature", "s"),)
    found, dropped = encode(
        request(
            HI,
            Turn("assistant", (Thinking("mine"), Thinking("signed", opaque), Text("a"), Text("b"))),
            Turn("assistant", (Refusal("no"),)),
            Turn("assistant", (ToolCall("c", "g", "raw", "custom"),)),
            Turn("assistant", (Thinking("only"), Foreign("anthropic", "server_tool_use", b"{}"))),
        )
    )
    assert found["messages"][1:] == [
        {"role": "assistant", "content": "ab", "reasoning_content": "mine"},
        {"role": "assistant", "content": None, "refusal": "no"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "g", "input": "raw"}}],
        },
    ]
    assert dropped == ("messages.thinking", "messages.content.foreign")
    shown = messages(HI, Turn("assistant", (Thinking("mine"), Text("a"))), model=THINKER)
    assert shown[1] == {"role": "assistant", "content": "a"}


def test_ids_and_names_outside_the_limits_are_mapped_the_same_way_everywhere() -> None:
    """T025, T026, T110."""
    name, long_id = "fs.read file" + "x" * 80, "functions.Bash:0"
    asked = request(
        HI,
        Turn("assistant", (ToolCall(long_id, name, "{}"),)),
        Turn("user", (ToolResult(long_id, (Text("x"),)),)),
        tools=(Tool(name), Tool("ok"), Tool("f", namespace="ns")),
        tool_choice=ToolChoice("tool", name),
    )
    body, _ = encode(asked)
    wire = body["tools"][0]["function"]["name"]
    assert len(wire) <= 64
    assert body["tools"][2]["function"]["name"] == "ns__f"
    assert body["messages"][1]["tool_calls"][0]["function"]["name"] == wire
    assert body["tool_choice"] == {"type": "function", "function": {"name": wire}}
    assert name_map(asked).to_client(wire) == name
    call_id = body["messages"][1]["tool_calls"][0]["id"]
    assert call_id != long_id
    assert body["messages"][2]["tool_call_id"] == call_id


def test_tools() -> None:
    tools = (
        Tool("f", "does", b'{"type":"object","z":1.0}', strict=True),
        Tool("f", "again"),
        Tool("g", kind="custom", grammar=b'{"type":"grammar","syntax":"lark","definition":"d"}'),
        Tool("h", kind="custom", grammar=b'{"type":"text"}'),
        Tool("i"),
        Tool("web_search", kind="server", type="web_search_20250305", raw=b"{}"),
    )
    body, dropped = encode(request(tools=tools, parallel_tools=False))
    grammar = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "d"}}
    no_arguments = {"type": "object", "properties": {}}
    assert body["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "f",
                "description": "does",
                "parameters": {"type": "object", "z": 1.0},
                "strict": True,
            },
        },
        {"type": "custom", "custom": {"name": "g", "format": grammar}},
        {"type": "custom", "custom": {"name": "h", "format": {"type": "text"}}},
        {"type": "function", "function": {"name": "i", "parameters": no_arguments}},
    ]
    assert body["parallel_tool_calls"] is False
    assert dropped == ("tools.web_search_20250305",)


@pytest.mark.parametrize(
    ("choice", "wire"),
    [
        (ToolChoice("auto"), "auto"),
        (ToolChoice("any"), "required"),
        (ToolChoice("none"), "none"),
        (ToolChoice("tool", "f"), {"type": "function", "function": {"name": "f"}}),
        (ToolChoice("tool", "g"), {"type": "custom", "custom": {"name": "g"}}),
        (
            ToolChoice("any", allowed=("f",)),
            {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "f"}}]},
            },
        ),
    ],
)
def test_tool_choices(choice: ToolChoice, wire: object) -> None:
    body, _ = encode(request(tools=(Tool("f"), Tool("g", kind="custom")), tool_choice=choice))
    assert body["tool_choice"] == wire
    assert "tool_choice" not in encode(request(tool_choice=choice))[0], "without tools it is a 400 at OpenAI"


@pytest.mark.parametrize(
    ("reasoning", "model", "dialect", "wire"),
    [
        (Reasoning("effort", "low"), THINKER, "anthropic", "low"),
        (Reasoning("effort", "max"), THINKER, "anthropic", "high"),
        (Reasoning("effort", "medium"), THINKER, "anthropic", "low"),
        (Reasoning("off"), THINKER, "anthropic", "minimal"),
        (Reasoning("off"), Model(id="m", thinking=("effort",)), "anthropic", "none"),
        (Reasoning("budget", budget=1024), THINKER, "anthropic", "minimal"),
        (Reasoning("budget", budget=4096), THINKER, "anthropic", "low"),
        (Reasoning("budget", budget=31999), Model(id="m", thinking=("effort",)), "anthropic", "xhigh"),
        (Reasoning("auto"), THINKER, "anthropic", None),
        (Reasoning("effort", "high"), MODEL, "anthropic", None),
        (Reasoning("effort", "high"), MODEL, "openai_chat", "high"),
    ],
)
def test_reasoning(reasoning: Reasoning, model: Model, dialect: str, wire: str | None) -> None:
    """T113, T114."""
    body, _ = encode(request(reasoning=reasoning, dialect=dialect), model)
    assert body.get("reasoning_effort") == wire


def test_limits_and_sampling_follow_the_model() -> None:
    """T034."""
    asked = request(max_tokens=900, stop=("x",), sampling=Sampling(0.5, 0.9, 40, 7, 0.0, 0.1, logprobs=True))
    body, dropped = encode(asked)
    assert (body["max_tokens"], body["stop"], body["temperature"], body["seed"]) == (900, ["x"], 0.5, 7)
    assert dropped == ("top_k", "logprobs")
    body, dropped = encode(asked, msgspec.structs.replace(THINKER, max_output=500))
    assert body["max_completion_tokens"] == 500
    assert "max_tokens" not in body
    assert {"temperature", "top_p", "top_k", "presence_penalty", "frequency_penalty", "seed"} <= set(dropped)
    assert not {"temperature", "seed"} & set(body)


def test_output_formats() -> None:
    assert encode(request(output=OutputFormat("json_object")))[0]["response_format"] == {"type": "json_object"}
    form = OutputFormat("json_schema", None, b'{"b":1,"a":2}', True, "d")
    assert encode(request(output=form))[0]["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "response", "description": "d", "schema": {"b": 1, "a": 2}, "strict": True},
    }


def test_what_only_the_clients_own_dialect_may_see() -> None:
    """C4, T029: it is named, never lost in silence."""
    members: dict[str, Any] = {"extra": {"context_management": b"{}"}, "user": "u", "session": "s", "cache": Cache()}
    body, dropped = encode(request(**members))
    assert set(body) == {"model", "messages", "stream"}
    assert dropped == ("cache_control", "metadata.user_id", "context_management")
    own = {**members, "dialect": "openai_chat", "extra": {"logit_bias": b'{"1":2}'}}
    body, _ = encode(request(**own))
    assert (body["logit_bias"], body["user"], body["prompt_cache_key"]) == ({"1": 2}, "u", "s")


def test_a_thought_signature_goes_home_only() -> None:
    call = ToolCall("c", "f", "{}", opaque=(Opaque("gemini", "thought_signature", "c2ln"),))
    turns = (HI, Turn("assistant", (call,)))
    google = messages(*turns, model=Model(id="gemini-9"))[1]["tool_calls"][0]
    assert google["extra_content"] == {"google": {"thought_signature": "c2ln"}}
    assert "extra_content" not in messages(*turns)[1]["tool_calls"][0]


@given(requests())
def test_the_same_request_gives_the_same_bytes(asked: Request) -> None:
    """T147: prompt caches live on it."""
    assert OPENAI_CHAT.encode_request(asked, MODEL) == OPENAI_CHAT.encode_request(asked, MODEL)


@given(requests(dialect="openai_chat"))
def test_a_request_comes_back_as_it_went_out(asked: Request) -> None:
    """T148, for what Chat can hold: a result's error mark is a word in it, one system text, text documents as text."""
    back = OPENAI_CHAT.decode_request(OPENAI_CHAT.encode_request(asked, Model(id=asked.model)).body, {})
    for name in ("model", "tools", "tool_choice", "parallel_tools", "reasoning", "max_tokens", "sampling", "stop"):
        if name not in ("tool_choice", "parallel_tools") or asked.tools:
            assert getattr(back, name) == getattr(asked, name), name
    assert (back.output, back.stream, back.user) == (asked.output, asked.stream, asked.user)
    assert "\n\n".join(block.text for block in back.system) == "\n\n".join(block.text for block in asked.system)

    def calls(request: Request) -> list[Block]:
        return [block for turn in request.turns for block in turn.blocks if isinstance(block, ToolCall)]

    def answered(request: Request) -> list[str]:
        return [block.call_id for turn in request.turns for block in turn.blocks if isinstance(block, ToolResult)]

    assert calls(back) == calls(asked)
    assert answered(back) == answered(asked)
    assert sum(isinstance(b, Image) for t in back.turns for b in t.blocks) == sum(
        isinstance(b, Image) for t in asked.turns for b in t.blocks
    )
