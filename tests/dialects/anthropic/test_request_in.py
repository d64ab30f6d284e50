"""A client's request to the hub's words, with the shapes that real clients send."""

import msgspec
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.request import (
    Cache,
    Image,
    OutputFormat,
    Reasoning,
    Sampling,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
    Url,
)
from aiclient2api.dialects.anthropic import ANTHROPIC
from tests.dialects.anthropic.samples import BUDGET_MODEL, request

SCHEMA = {"type": "object"}


def test_plain() -> None:
    found = request()
    assert (found.dialect, found.model, found.max_tokens) == ("anthropic", "m", 100)
    assert found.turns == (Turn("user", (Text("hi"),)),)
    assert (found.stream, found.tools, found.reasoning, found.extra, found.dropped) == (False, (), None, {}, ())


@pytest.mark.parametrize(
    ("system", "texts"),
    [
        ("be nice", (Text("be nice"),)),
        ([{"type": "text", "text": "a"}, {"text": "b"}], (Text("a"), Text("b"))),
        ([{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}], (Text("a", Cache()),)),
        (None, ()),
        ("", ()),
        ([], ()),
    ],
)
def test_system(system: object, texts: tuple[Text, ...]) -> None:
    assert request(system=system).system == texts


def test_system_messages_lead_or_stand_in_the_middle() -> None:
    """Claude Code puts its environment in the middle for models that it does not know."""
    messages = [
        {"role": "system", "content": "first"},
        {"role": "user", "content": "hi"},
        {"role": "system", "content": [{"type": "text", "text": "env"}]},
        {"role": "assistant", "content": "yes"},
    ]
    found = request(system="own", messages=messages)
    assert found.system == (Text("own"), Text("first"))
    assert [turn.role for turn in found.turns] == ["user", "system", "assistant"]
    assert found.turns[1].blocks == (Text("env"),)


@pytest.mark.parametrize(
    ("members", "reasoning"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 2048}}, Reasoning("budget", budget=2048)),
        ({"thinking": {"type": "adaptive"}}, Reasoning("auto")),
        ({"thinking": {"type": "adaptive", "display": "omitted"}}, Reasoning("auto", display="omitted")),
        (
            {"thinking": {"type": "adaptive", "display": "updates"}, "output_config": {"effort": "xhigh"}},
            Reasoning("effort", "xhigh", display="updates"),
        ),
        ({"output_config": {"effort": "low"}}, Reasoning("effort", "low")),
        ({"thinking": {"type": "between_tools"}}, Reasoning("between_tools")),
        ({"thinking": {"type": "disabled"}}, Reasoning("off")),
        ({"thinking": None}, None),
    ],
)
def test_thinking(members: dict[str, object], reasoning: Reasoning | None) -> None:
    assert request({}, **members).reasoning == reasoning


@pytest.mark.parametrize(
    ("choice", "expected", "parallel"),
    [
        ({"type": "auto"}, ToolChoice("auto"), None),
        ({"type": "any", "disable_parallel_tool_use": True}, ToolChoice("any"), False),
        ({"type": "tool", "name": "f"}, ToolChoice("tool", "f"), None),
        ({"type": "none"}, ToolChoice("none"), None),
        ("required", ToolChoice("any"), None),
        ("auto", ToolChoice("auto"), None),
        ({"type": "function", "function": {"name": "f"}}, ToolChoice("tool", "f"), None),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "f"}}]},
            },
            ToolChoice("any", allowed=("f",)),
            None,
        ),
    ],
)
def test_tool_choice(choice: object, expected: ToolChoice, parallel: bool | None) -> None:
    found = request(tool_choice=choice)
    assert (found.tool_choice, found.parallel_tools) == (expected, parallel)


def test_settings() -> None:
    found = request(
        stop_sequences=["a", "b"],
        temperature=1,
        top_p=0.5,
        top_k=3,
        stream=True,
        cache_control={"type": "ephemeral", "ttl": "1h"},
        output_config={"format": {"type": "json_schema", "schema": SCHEMA}, "task_budget": {"total": 1}},
        metadata={"user_id": "u", "other": 1},
        context_management={"edits": []},
        service_tier="auto",
        parallel_tool_calls=False,
        headers={"anthropic-beta": "a,b"},
    )
    assert found.stop == ("a", "b")
    assert found.sampling == Sampling(temperature=1.0, top_p=0.5, top_k=3)
    assert (found.stream, found.cache, found.user, found.parallel_tools) == (True, Cache("1h"), "u", False)
    assert found.output == OutputFormat("json_schema", schema=b'{"type":"object"}')
    assert found.extra == {
        "context_management": b'{"edits":[]}',
        "service_tier": b'"auto"',
        "output_config": b'{"task_budget":{"total":1}}',
        "metadata": b'{"other":1}',
        "header:anthropic-beta": b'"a,b"',
    }


@pytest.mark.parametrize(
    ("user_id", "headers", "session"),
    [
        ('{"device_id":"d","session_id":"s1"}', {}, "s1"),
        ("user_abc_account__session_s2", {}, "s2"),
        ("plain", {}, None),
        ("{broken", {}, None),
        ('{"session_id":"s1"}', {"x-claude-code-session-id": "s3"}, "s3"),
    ],
)
def test_session(user_id: str, headers: dict[str, str], session: str | None) -> None:
    found = request(headers, metadata={"user_id": user_id})
    assert (found.user, found.session) == (user_id, session)


def test_shapes_of_other_dialects_are_understood() -> None:
    found = request(
        tools=[
            {"type": "function", "function": {"name": "f", "parameters": SCHEMA}},
            {"name": "g", "input_schema": SCHEMA},
            {"type": "web_search_20250305", "name": "web_search", "max_uses": 5},
        ],
        messages=[
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://e.test/a.png"}}]},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}],
            },
            {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "r"}]},
        ],
    )
    assert found.tools[:2] == (Tool("f", schema=b'{"type":"object"}'), Tool("g", schema=b'{"type":"object"}'))
    assert (found.tools[2].kind, found.tools[2].type) == ("server", "web_search_20250305")
    assert found.turns == (
        Turn("user", (Image(Url("https://e.test/a.png")),)),
        Turn("assistant", (ToolCall("c1", "f", '{"a":1}'),)),
        Turn("user", (ToolResult("c1", (Text("r"),)),)),
    )


USER = {"role": "user", "content": "hi"}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"max_tokens": 1, "messages": [USER]}, "model"),
        ({"model": "", "max_tokens": 1, "messages": [USER]}, "model"),
        ({"model": 5, "max_tokens": 1, "messages": [USER]}, "model"),
        ({"model": "m", "messages": [USER]}, "max_tokens"),
        ({"model": "m", "max_tokens": None, "messages": [USER]}, "max_tokens"),
        ({"model": "m", "max_tokens": "9", "messages": [USER]}, "max_tokens"),
        ({"model": "m", "max_tokens": 1.5, "messages": [USER]}, "max_tokens"),
        ({"model": "m", "max_tokens": True, "messages": [USER]}, "max_tokens"),
        ({"model": "m", "max_tokens": -1, "messages": [USER]}, "max_tokens"),
        ({"model": "m", "max_tokens": 1}, "messages"),
        ({"model": "m", "max_tokens": 1, "messages": []}, "messages"),
        ({"model": "m", "max_tokens": 1, "messages": "hi"}, "messages"),
        ({"model": "m", "max_tokens": 1, "messages": [5]}, "messages[0]"),
        ({"model": "m", "max_tokens": 1, "messages": [{"content": "hi"}]}, "messages[0]"),
        ({"model": "m", "max_tokens": 1, "messages": [{"role": "bot", "content": "hi"}]}, "messages[0].role"),
        ({"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"model": "m", "max_tokens": 1, "messages": [{"role": "tool", "content": "r"}]}, "messages[0].tool_call_id"),
    ],
)
def test_refusals(body: dict[str, object], param: str) -> None:
    with pytest.raises(GatewayError) as caught:
        ANTHROPIC.decode_request(msgspec.json.encode(body), {})
    assert (caught.value.kind, caught.value.status, caught.value.param) == ("bad_request", 400, param)


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"system": 5}, "system"),
        ({"system": [{"type": "image", "source": {"type": "url", "url": "https://e.test/"}}]}, "system"),
        ({"tools": {}}, "tools"),
        ({"tools": [{"input_schema": {}}]}, "tools[0].name"),
        ({"stream": "yes"}, "stream"),
        ({"temperature": "hot"}, "temperature"),
        ({"stop_sequences": [5]}, "stop_sequences[0]"),
        ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens"),
        ({"thinking": {"type": "wild"}}, "thinking.type"),
        ({"output_config": {"effort": "huge"}}, "output_config.effort"),
        ({"output_config": {"format": {"type": "json_schema"}}}, "output_config.format.schema"),
        ({"tool_choice": {"type": "tool"}}, "tool_choice.name"),
        ({"tool_choice": {"type": "x"}}, "tool_choice.type"),
        ({"metadata": []}, "metadata"),
        ({"metadata": {"user_id": 5}}, "metadata.user_id"),
    ],
)
def test_wrong_members_are_named(members: dict[str, object], param: str) -> None:
    with pytest.raises(GatewayError) as caught:
        request({}, **members)
    assert caught.value.param == param


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"model":"\xff"}', b"[" * 5000, b'{"a":' * 5000])
def test_broken_bodies_are_bad_requests(body: bytes) -> None:
    with pytest.raises(GatewayError) as caught:
        ANTHROPIC.decode_request(body, {})
    assert caught.value.kind == "bad_request"


def test_max_tokens_of_zero_is_legal() -> None:
    """It warms the cache."""
    assert request(max_tokens=0).max_tokens == 0


def test_the_body_of_a_claude_code_turn() -> None:
    """Unknown members pass, system blocks keep their marks, deferred tools stay tools."""
    mark = {"type": "ephemeral"}
    found = request(
        system=[
            {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1"},
            {"type": "text", "text": "You are an agent.", "cache_control": mark},
        ],
        tools=[
            {"name": "Bash", "description": "d", "input_schema": {"$schema": "s", "type": "object"}},
            {"name": "Later", "input_schema": SCHEMA, "defer_loading": True, "eager_input_streaming": True},
        ],
        messages=[{"role": "user", "content": [{"type": "text", "text": "go", "cache_control": mark}]}],
        context_management={"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        thinking={"type": "adaptive", "display": "updates"},
        output_config={"effort": "high"},
        stream=True,
    )
    assert [text.cache for text in found.system] == [None, Cache()]
    assert [tool.name for tool in found.tools] == ["Bash", "Later"]
    assert found.turns[0].blocks == (Text("go", Cache()),)
    assert list(found.extra) == ["context_management"]


WORDS = [
    "text",
    "image",
    "tool_use",
    "tool_result",
    "document",
    "base64",
    "user",
    "assistant",
    "system",
    "tool",
    "auto",
]
MEMBERS = [
    "type",
    "text",
    "role",
    "content",
    "source",
    "data",
    "id",
    "name",
    "input",
    "tool_use_id",
    "function",
    "thinking",
]
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from([*WORDS, "", "\u00e9", "aGk=", "https://e.test"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=4),
    max_leaves=12,
)
TOP = [
    "messages",
    "system",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "metadata",
    "stop_sequences",
    "stream",
]


@given(st.dictionaries(st.sampled_from(TOP), values, max_size=3), st.lists(values, max_size=2))
def test_any_json_is_a_request_or_a_bad_request(members: dict[str, object], messages: list[object]) -> None:
    body = {"model": "m", "max_tokens": 1, "messages": messages, **members}
    try:
        ANTHROPIC.encode_request(ANTHROPIC.decode_request(msgspec.json.encode(body), {}), BUDGET_MODEL)
    except GatewayError as error:
        event(error.kind)
        refused = error
    else:
        return
    assert refused.kind == "bad_request"
    assert refused.param
