"""Chat bodies of real clients to requests: C2, T046, T047, T051, T091 to T096, T103, T107, T109."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.model import Model
from aiclient2api.canonical.request import (
    Base64,
    Block,
    Cache,
    Document,
    Foreign,
    Image,
    Opaque,
    OutputFormat,
    Reasoning,
    Refusal,
    Request,
    Sampling,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
    Url,
)
from aiclient2api.dialects.openai_chat import OPENAI_CHAT
from tests.examples import example

USER = {"role": "user", "content": "hi"}
HI = Turn("user", (Text("hi"),))


def decode(body: object, headers: dict[str, str] | None = None) -> Request:
    return OPENAI_CHAT.decode_request(json.dumps(body).encode(), headers or {})


def chat(*messages: object, **members: object) -> Request:
    return decode({"model": "m", "messages": messages or (USER,), **members})


def guide(name: str) -> Request:
    return decode(example(name))


def test_guide_1_2_3_plain_conversations() -> None:
    assert guide("1-basic").turns == (Turn("user", (Text("用一句话说说你是谁"),)),)
    assert guide("2-stream").stream
    assert [turn.role for turn in guide("3-multi-turn").turns] == ["user", "assistant", "user"]


def test_guide_4_claude_shaped_tools_and_results() -> None:
    (tool,) = guide("4a-tool-call").tools
    assert (tool.name, tool.kind) == ("get_weather", "function")
    assert json.loads(tool.schema or b"")["required"] == ["city"]
    first, second = guide("4b-tool-result").turns[1:]
    (call,) = first.blocks
    assert isinstance(call, ToolCall)
    assert (call.id, call.name) == ("toolu_01xyz", "get_weather")
    assert json.loads(call.arguments) == {"city": "北京", "unit": "celsius"}
    assert second.blocks == (ToolResult("toolu_01xyz", (Text("晴，25°C，湿度60%"),)),)


def test_guide_5_6_claude_shaped_pictures_and_documents() -> None:
    (text, image) = guide("5-image").turns[0].blocks
    assert isinstance(text, Text)
    assert isinstance(image, Image)
    assert isinstance(image.source, Base64)
    assert image.source.media_type == "image/png"
    document = guide("6-pdf").turns[0].blocks[0]
    assert isinstance(document, Document)
    assert isinstance(document.source, Base64)
    assert document.source.media_type == "application/pdf"


def test_system_texts_lead_or_stand_in_their_place() -> None:
    """T091, T092."""
    request = chat(
        {"role": "system", "content": "a"},
        {"role": "developer", "content": [{"type": "text", "text": "b", "cache_control": {"type": "ephemeral"}}]},
        {"role": "system", "content": "c", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        USER,
        {"role": "system", "content": "later"},
    )
    assert request.system == (Text("a"), Text("b", Cache()), Text("c", Cache("1h")))
    assert request.turns == (HI, Turn("system", (Text("later"),)))


CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
SHOWN = ToolCall("call_1", "f", '{"a": 1}')


@pytest.mark.parametrize(
    ("message", "blocks"),
    [
        ({"content": None, "tool_calls": [CALL]}, (SHOWN,)),
        ({"content": "", "tool_calls": [CALL]}, (SHOWN,)),
        ({"tool_calls": [CALL]}, (SHOWN,)),
        ({"content": [{"type": "text", "text": "x"}], "tool_calls": [CALL]}, (Text("x"), SHOWN)),
        ({"content": "x", "tool_calls": []}, (Text("x"),)),
        ({"content": "x", "tool_calls": None, "function_call": None, "name": "bot"}, (Text("x"),)),
        ({"content": "x", "reasoning_content": "hm"}, (Thinking("hm"), Text("x"))),
        ({"content": "x", "reasoning": "hm", "reasoning_details": [1]}, (Thinking("hm"), Text("x"))),
        (
            {
                "content": "x",
                "reasoning_content": "hm",
                "thinking_blocks": [
                    {"type": "thinking", "thinking": "hm", "signature": "s"},
                    {"type": "redacted_thinking", "data": "d"},
                ],
            },
            (
                Thinking("hm", (Opaque("anthropic", "signature", "s"),)),
                Thinking("", (Opaque("anthropic", "redacted", "d"),)),
                Text("x"),
            ),
        ),
        ({"content": None, "refusal": "no"}, (Refusal("no"),)),
        ({"content": [{"type": "refusal", "refusal": "no"}]}, (Refusal("no"),)),
        (
            {"tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "g", "input": "raw"}}]},
            (ToolCall("c", "g", "raw", "custom"),),
        ),
        ({"tool_calls": [{"id": "c", "function": {"name": "g", "arguments": ""}}]}, (ToolCall("c", "g", "{}"),)),
        ({"tool_calls": [{"id": "c", "function": {"name": "g"}}]}, (ToolCall("c", "g", "{}"),)),
        (
            {"tool_calls": [{"id": "c", "function": {"name": "g", "arguments": {"b": 1.0}}}]},
            (ToolCall("c", "g", '{"b": 1.0}'),),
        ),
        (
            {"tool_calls": [{**CALL, "extra_content": {"google": {"thought_signature": "c2ln"}}}]},
            (ToolCall("call_1", "f", '{"a": 1}', opaque=(Opaque("gemini", "thought_signature", "c2ln"),)),),
        ),
    ],
)
def test_assistant_messages(message: dict[str, object], blocks: tuple[Block, ...]) -> None:
    """README point 11: content null, empty and absent beside calls."""
    (turn,) = chat({"role": "assistant", **message}).turns
    assert turn.blocks == blocks


def test_big_numbers_and_key_order_of_arguments_survive() -> None:
    text = '{"z": 1152921504606846977, "a": 1.0, "é": "\\ud83d\\ude00"}'
    call = {"id": "c", "function": {"name": "f", "arguments": text}}
    (block,) = chat({"role": "assistant", "tool_calls": [call]}).turns[0].blocks
    assert isinstance(block, ToolCall)
    assert block.arguments == text


def test_results_of_one_batch_are_one_turn() -> None:
    """T096."""
    request = chat(
        {"role": "assistant", "tool_calls": [CALL, {**CALL, "id": "call_2"}]},
        {"role": "tool", "tool_call_id": "call_1", "content": "one"},
        {"role": "tool", "tool_call_id": "call_2", "content": [{"type": "text", "text": "two"}]},
        USER,
    )
    assert request.turns[1:] == (
        Turn("user", (ToolResult("call_1", (Text("one"),), name="f"), ToolResult("call_2", (Text("two"),), name="f"))),
        HI,
    )


def test_legacy_functions() -> None:
    """T109: a call and its result get the same made id, the same each time."""
    body: dict[str, object] = {
        "model": "m",
        "functions": [{"name": "f", "parameters": {"type": "object"}}],
        "function_call": {"name": "f"},
        "messages": [
            USER,
            {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
            {"role": "function", "name": "f", "content": "42"},
        ],
    }
    request = decode(body)
    (call,), (result,) = request.turns[1].blocks, request.turns[2].blocks
    assert isinstance(call, ToolCall)
    assert result == ToolResult(call.id, (Text("42"),), name="f")
    assert call.id.startswith("call_")
    assert request.tools == (Tool("f", schema=b'{"type": "object"}'),)
    assert request.tool_choice == ToolChoice("tool", "f")
    assert decode(body) == request


def test_calls_and_results_without_ids_are_paired_in_order() -> None:
    calls = [{"function": {"name": "f"}}, {"function": {"name": "f"}}]
    results = [{"role": "tool", "content": "1"}, {"role": "tool", "content": "2"}]
    request = chat({"role": "assistant", "tool_calls": calls}, *results)
    ids = [block.id for block in request.turns[0].blocks if isinstance(block, ToolCall)]
    assert [block.call_id for block in request.turns[1].blocks if isinstance(block, ToolResult)] == ids
    assert len(set(ids)) == 2


def test_content_parts_with_cache_marks() -> None:
    mark = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
    breakpoint_ = {"prompt_cache_breakpoint": {"mode": "explicit"}}
    parts = [
        {"type": "text", "text": "a", **mark},
        {"type": "image_url", "image_url": {"url": "https://x.example/p.png", "detail": "low"}, **breakpoint_},
        {"type": "file", "file": {"filename": "f.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}},
        {"type": "hologram", "x": 1},
    ]
    (turn,) = chat({"role": "user", "content": parts, "name": "Ann", "cache_control": {"ttl": "5m"}}).turns
    assert turn.blocks == (
        Text("a", Cache("1h")),
        Image(Url("https://x.example/p.png"), "low", Cache()),
        Document(Base64("application/pdf", "JVBERi0="), filename="f.pdf"),
        Foreign("openai", "hologram", b'{"type": "hologram", "x": 1}'),
    )
    assert (turn.name, turn.cache) == ("Ann", Cache("5m"))


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("auto", ToolChoice("auto")),
        ("none", ToolChoice("none")),
        ("required", ToolChoice("any")),
        ("any", ToolChoice("any")),
        ({"type": "function", "function": {"name": "f"}}, ToolChoice("tool", "f")),
        ({"type": "function", "name": "f"}, ToolChoice("tool", "f")),
        ({"type": "custom", "custom": {"name": "f"}}, ToolChoice("tool", "f")),
        ({"type": "tool", "name": "f"}, ToolChoice("tool", "f")),
        ({"type": "any"}, ToolChoice("any")),
        ({"type": "auto"}, ToolChoice("auto")),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "required",
                    "tools": [{"type": "function", "function": {"name": "f"}}, {"type": "custom", "name": "g"}],
                },
            },
            ToolChoice("any", allowed=("f", "g")),
        ),
        ({"type": "allowed_tools", "mode": "auto", "tools": [{"name": "f"}]}, ToolChoice("auto", allowed=("f",))),
        (None, None),
    ],
)
def test_tool_choices(choice: object, expected: ToolChoice | None) -> None:
    """T103."""
    assert chat(tool_choice=choice).tool_choice == expected


def test_parallel_calls() -> None:
    assert chat(parallel_tool_calls=False).parallel_tools is False
    assert chat(tool_choice={"type": "auto", "disable_parallel_tool_use": True}).parallel_tools is False
    assert chat().parallel_tools is None


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"reasoning_effort": "none"}, Reasoning("off")),
        *(
            ({"reasoning_effort": effort}, Reasoning("effort", effort))
            for effort in ("minimal", "low", "medium", "high", "xhigh", "max")
        ),
        ({"reasoning": {"effort": "high", "enabled": True}}, Reasoning("effort", "high")),
        ({"reasoning": {"enabled": False, "effort": "high"}}, Reasoning("off")),
        ({"reasoning": {"enabled": True}}, Reasoning("auto")),
        ({"reasoning": {"max_tokens": 2000}}, Reasoning("budget", budget=2000)),
        ({"reasoning": {"summary": "auto"}}, None),
        ({"thinking": {"type": "enabled", "budget_tokens": 4096}}, Reasoning("budget", budget=4096)),
        ({"thinking": {"type": "enabled"}}, Reasoning("auto")),
        ({"thinking": {"type": "adaptive", "display": "omitted"}}, Reasoning("auto", display="omitted")),
        ({"thinking": {"type": "disabled"}}, Reasoning("off")),
        ({"thinking": {"type": "between_tools"}}, Reasoning("between_tools")),
        ({"reasoning_effort": "low", "thinking": {"type": "disabled"}}, Reasoning("effort", "low")),
        ({}, None),
    ],
)
def test_reasoning_in_every_spelling(members: dict[str, object], expected: Reasoning | None) -> None:
    """T113."""
    request = chat(**members)
    assert request.reasoning == expected
    assert request.extra == {}


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({"type": "text"}, None),
        ({"type": "json_object"}, OutputFormat("json_object")),
        (
            {
                "type": "json_schema",
                "json_schema": {"name": "n", "strict": True, "schema": {"a": 1}, "description": "d"},
            },
            OutputFormat("json_schema", "n", b'{"a": 1}', True, "d"),
        ),
    ],
)
def test_output_formats(form: object, expected: OutputFormat | None) -> None:
    assert chat(response_format=form).output == expected


def test_the_other_members() -> None:
    request = chat(
        max_tokens=5,
        max_completion_tokens=9.0,
        stop="x",
        temperature=0,
        top_p=0.5,
        n=2,
        seed=-3,
        presence_penalty=1,
        frequency_penalty=0.0,
        logprobs=True,
        top_logprobs=4,
        stream=True,
        stream_options={"include_usage": True},
        prompt_cache_key="talk-1",
        user="ann",
        safety_identifier="hash",
        logit_bias={"50256": -100},
        client_metadata={"b": 1.0},
        store=None,
    )
    assert request.max_tokens == 9
    assert request.stop == ("x",)
    assert request.sampling == Sampling(0.0, 0.5, None, -3, 1.0, 0.0, 2, True, 4)
    assert (request.stream, request.include_usage) == (True, True)
    assert (request.session, request.user) == ("talk-1", "hash")
    assert request.extra == {"logit_bias": b'{"50256": -100}', "client_metadata": b'{"b": 1.0}'}
    assert chat(stop=["a", "", "b"]).stop == ("a", "b")
    assert chat(max_tokens=7).max_tokens == 7


def test_the_session_may_come_in_a_header() -> None:
    body = {"model": "m", "messages": [USER]}
    assert decode(body, {"x-session-id": "s"}).session == "s"
    assert decode({**body, "prompt_cache_key": "k"}, {"x-session-id": "s"}).session == "k"


def test_a_responses_body_on_the_chat_route() -> None:
    """T051: Cursor sends these and expects chat chunks back."""
    request = decode(
        {
            "model": "m",
            "instructions": "be kind",
            "input": [
                {"role": "developer", "content": "and brief"},
                {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]},
                {
                    "type": "reasoning",
                    "summary": [{"type": "summary_text", "text": "hm"}],
                    "encrypted_content": "enc",
                },
                {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"a":1}'},
                {"type": "custom_tool_call", "call_id": "c2", "name": "g", "input": "raw"},
                {"type": "web_search_call", "id": "ws"},
                {"type": "function_call_output", "call_id": "c1", "output": "one"},
                {"type": "custom_tool_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "2"}]},
                {"role": "assistant", "content": [{"type": "output_text", "text": "done"}]},
            ],
            "tools": [
                {"type": "function", "name": "f", "parameters": {"type": "object"}},
                {"type": "custom", "name": "g", "format": {"type": "text"}},
            ],
            "tool_choice": {"type": "function", "name": "f"},
            "reasoning": {"effort": "low", "summary": "auto"},
            "text": {"format": {"type": "json_schema", "name": "n", "schema": {}}, "verbosity": "low"},
            "max_output_tokens": 99,
            "include": ["reasoning.encrypted_content"],
            "stream": True,
        }
    )
    assert request.dialect == "openai_chat"
    assert request.system == (Text("be kind"), Text("and brief"))
    assert request.turns == (
        HI,
        Turn(
            "assistant",
            (
                Thinking("hm", (Opaque("openai", "encrypted", "enc"),)),
                ToolCall("c1", "f", '{"a":1}'),
                ToolCall("c2", "g", "raw", "custom"),
            ),
        ),
        Turn("user", (ToolResult("c1", (Text("one"),), name="f"), ToolResult("c2", (Text("2"),), name="g"))),
        Turn("assistant", (Text("done"),)),
    )
    assert [tool.kind for tool in request.tools] == ["function", "custom"]
    assert request.tool_choice == ToolChoice("tool", "f")
    assert request.reasoning == Reasoning("effort", "low")
    assert request.output == OutputFormat("json_schema", "n", b"{}")
    assert (request.max_tokens, request.stream) == (99, True)
    assert (request.dropped, request.extra) == (("input.web_search_call", "include"), {})


def test_a_responses_body_with_a_text() -> None:
    assert decode({"model": "m", "input": "hi"}).turns == (HI,)


BAD: list[tuple[Any, str | None]] = [
    ({"messages": [USER]}, "model"),
    ({"model": "", "messages": [USER]}, "model"),
    ({"model": 5, "messages": [USER]}, "model"),
    ({"model": "m"}, "messages"),
    ({"model": "m", "messages": []}, "messages"),
    ({"model": "m", "messages": "hi"}, "messages"),
    ({"model": "m", "input": []}, "input"),
    ({"model": "m", "input": 5}, "input"),
    ({"model": "m", "input": [{"type": "item_reference", "id": "x"}]}, "input[0]"),
    ({"model": "m", "input": [{"type": "function_call", "call_id": "", "name": "f"}]}, "input[0].call_id"),
    ({"model": "m", "messages": [USER, 5]}, "messages[1]"),
    ({"model": "m", "messages": [{"content": "x"}]}, "messages[0].role"),
    ({"model": "m", "messages": [{"role": "ghost", "content": "x"}]}, "messages[0].role"),
    ({"model": "m", "messages": [{"role": "user"}]}, "messages[0].content"),
    ({"model": "m", "messages": [{"role": "user", "content": {"a": 1}}]}, "messages[0].content"),
    ({"model": "m", "messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0]"),
    ({"model": "m", "messages": [{"role": "system", "content": [{"type": "image_url", "image_url": "https://x"}]}]},
     "messages[0].content"),
    ({"model": "m", "messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
    ({"model": "m", "messages": [{"role": "assistant", "tool_calls": [{"id": "c"}]}]},
     "messages[0].tool_calls[0].function"),
    ({"model": "m", "messages": [{"role": "assistant", "tool_calls": [{"id": "c", "function": {}}]}]},
     "messages[0].tool_calls[0].function.name"),
    ({"model": "m", "messages": [USER], "temperature": "hot"}, "temperature"),
    ({"model": "m", "messages": [USER], "stream": 1}, "stream"),
    ({"model": "m", "messages": [USER], "max_tokens": 0}, "max_tokens"),
    ({"model": "m", "messages": [USER], "max_tokens": 1.5}, "max_tokens"),
    ({"model": "m", "messages": [USER], "max_tokens": 10**40}, "max_tokens"),
    ({"model": "m", "messages": [USER], "n": 0}, "n"),
    ({"model": "m", "messages": [USER], "stop": [1]}, "stop[0]"),
    ({"model": "m", "messages": [USER], "tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
    ({"model": "m", "messages": [USER], "tools": {}}, "tools"),
    ({"model": "m", "messages": [USER], "tool_choice": "maybe"}, "tool_choice"),
    ({"model": "m", "messages": [USER], "tool_choice": {"type": "function"}}, "tool_choice.name"),
    ({"model": "m", "messages": [USER], "reasoning_effort": "extreme"}, "reasoning_effort"),
    ({"model": "m", "messages": [USER], "thinking": {"type": "odd"}}, "thinking.type"),
    ({"model": "m", "messages": [USER], "response_format": {"type": "xml"}}, "response_format.type"),
    ([], None),
    ("x", None),
]  # fmt: skip


@pytest.mark.parametrize(("body", "param"), BAD)
def test_mistakes_are_named(body: object, param: str | None) -> None:
    """T046, D1."""
    with pytest.raises(GatewayError) as caught:
        decode(body)
    assert (caught.value.kind, caught.value.status, caught.value.param) == ("bad_request", 400, param)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 5000, b'{"model":"m","messages":' + b"[" * 9000])
def test_broken_json(body: bytes) -> None:
    with pytest.raises(GatewayError) as caught:
        OPENAI_CHAT.decode_request(body, {})
    assert caught.value.kind == "bad_request"


NAMES = (
    "model messages input role content user assistant tool type text image_url function name arguments tool_calls id "
    "tool_call_id tools tool_choice auto thinking function_call reasoning response_format json_schema schema system "
    "stop https://x.example reasoning_effort instructions message call_id output summary max_tokens seed google"
)
WORDS = st.sampled_from(NAMES.split())
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text() | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS | st.text(max_size=3), inner, max_size=5),
    max_leaves=25,
)
MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "user", "assistant", "tool", "function", "ghost"])},
    optional={
        "content": ANY_JSON | st.lists(st.fixed_dictionaries({"type": WORDS}, optional={"text": ANY_JSON})),
        "tool_calls": ANY_JSON | st.lists(st.fixed_dictionaries({"id": ANY_JSON, "function": ANY_JSON}), max_size=2),
        "tool_call_id": ANY_JSON,
        "function_call": ANY_JSON,
        "thinking_blocks": ANY_JSON,
        "name": ANY_JSON,
    },
)
BODY = st.fixed_dictionaries(
    {"model": st.just("m")},
    optional={
        "messages": st.lists(MESSAGE, max_size=4) | ANY_JSON,
        "input": ANY_JSON,
        "tools": ANY_JSON,
        "tool_choice": ANY_JSON,
        "reasoning": ANY_JSON,
        "thinking": ANY_JSON,
        "response_format": ANY_JSON,
        "max_tokens": ANY_JSON,
        "seed": ANY_JSON,
        "stop": ANY_JSON,
    },
)


@given(ANY_JSON | BODY)
def test_any_json_is_a_request_or_a_bad_request(body: object) -> None:
    """Whatever was read can also be sent on."""
    kind = None
    try:
        request = decode(body)
        OPENAI_CHAT.encode_request(request, Model(id="m"))
    except GatewayError as error:
        kind = error.kind
    assert kind in (None, "bad_request")


@given(st.binary(max_size=60))
def test_any_bytes_are_a_bad_request(body: bytes) -> None:
    with pytest.raises(GatewayError):
        OPENAI_CHAT.decode_request(body, {})
