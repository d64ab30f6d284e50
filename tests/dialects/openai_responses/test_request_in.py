"""Responses bodies of real clients to requests: C2, C4, T046, T047, T093, T103, T108, T113, T115, T120."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.repair import repair
from aiclient2api.canonical.request import (
    Base64,
    Block,
    Cache,
    Document,
    FileId,
    Foreign,
    Image,
    Opaque,
    OutputFormat,
    Reasoning,
    Refusal,
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
from aiclient2api.dialects import opaque
from aiclient2api.dialects.openai_responses import OPENAI_RESPONSES
from tests.dialects.openai_responses.samples import HI, PIXEL, items, read

USER = {"role": "user", "content": "hi"}
CALL = {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": '{"a": 1}', "id": "fc_1", "status": "x"}
SHOWN = ToolCall("call_1", "f", '{"a": 1}')
OUTPUT = {"type": "function_call_output", "call_id": "call_1", "output": "42", "id": "fco_1"}


def test_a_string_is_a_users_message() -> None:
    request = read()
    assert (request.dialect, request.model, request.turns) == ("openai_responses", "m", (HI,))
    assert (request.system, request.tools, request.stream, request.include_usage) == ((), (), False, True)
    assert (dict(request.extra), request.dropped) == ({}, ())


CODEX: dict[str, Any] = {
    "stream": True,
    "store": False,
    "input": [
        {
            "type": "message",
            "id": "msg_a",
            "role": "developer",
            "content": [{"type": "input_text", "text": "be Codex"}],
        },
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "permissions"}]},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "env"}]},
        {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "fix it"}],
            "internal_chat_message_metadata_passthrough": {"a": 1},
        },
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "hm"}],
            "encrypted_content": "gAAA",
        },
        {
            "type": "message",
            "role": "assistant",
            "id": "msg_b",
            "phase": "commentary",
            "content": [{"type": "output_text", "text": "I look"}],
        },
        {**CALL, "name": "spawn", "namespace": "agents"},
        {"type": "custom_tool_call", "id": "ctc_1", "call_id": "call_2", "name": "apply_patch", "input": "*** Begin"},
        {"type": "function_call_output", "id": "fco_1", "call_id": "call_1", "output": "one"},
        {"type": "custom_tool_call_output", "call_id": "call_2", "output": [{"type": "input_text", "text": "two"}]},
    ],
    "tools": [
        {"type": "function", "name": "exec", "description": "d", "strict": False, "parameters": {"type": "object"}},
        {
            "type": "namespace",
            "name": "agents",
            "description": "sub-agents",
            "tools": [{"type": "function", "name": "spawn", "strict": False, "parameters": {"type": "object"}}],
        },
        {
            "type": "custom",
            "name": "apply_patch",
            "description": "edit",
            "format": {"type": "grammar", "syntax": "lark", "definition": "start: x"},
        },
        {"type": "web_search", "external_web_access": False},
    ],
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "reasoning": {"summary": "auto"},
    "include": ["reasoning.encrypted_content"],
    "prompt_cache_key": "thread-1",
    "client_metadata": {"x": "y"},
}


def test_t093_a_codex_body() -> None:
    request = read({"session-id": "other"}, **CODEX)
    assert request.system == (Text("be Codex"), Text("permissions"))
    assert request.turns == (
        Turn("user", (Text("env"),)),
        Turn("user", (Text("fix it"),)),
        Turn(
            "assistant",
            (
                Thinking("hm", (Opaque("openai", "encrypted", "gAAA"),)),
                Text("I look"),
                ToolCall("call_1", "spawn", '{"a": 1}', namespace="agents"),
                ToolCall("call_2", "apply_patch", "*** Begin", "custom"),
            ),
        ),
        Turn(
            "user",
            (
                ToolResult("call_1", (Text("one"),), name="spawn"),
                ToolResult("call_2", (Text("two"),), name="apply_patch"),
            ),
        ),
    )
    exec_, spawn, patch, search = request.tools
    assert exec_ == Tool("exec", "d", b'{"type": "object"}', strict=False)
    assert spawn == Tool("spawn", "", b'{"type": "object"}', strict=False, namespace="agents")
    assert (patch.kind, json.loads(patch.grammar or b"")) == ("custom", CODEX["tools"][2]["format"])
    assert (search.kind, search.type, json.loads(search.raw or b"")) == ("server", "web_search", CODEX["tools"][3])
    assert (request.tool_choice, request.parallel_tools) == (ToolChoice("auto"), True)
    assert request.reasoning == Reasoning("auto", display="auto")
    assert (request.session, request.stream) == ("thread-1", True)
    assert dict(request.extra) == {"client_metadata": b'{"x": "y"}', "namespaces": b'{"agents":"sub-agents"}'}
    assert request.dropped == ("input.phase",)
    assert repair(request) == request, "a sound history stays as it is"


def test_instructions_come_before_developer_items_and_later_ones_stay_in_place() -> None:
    request = items(
        {"role": "system", "content": "b"},
        USER,
        {"role": "developer", "content": "c"},
        instructions="a",
    )
    assert request.system == (Text("a"), Text("b"))
    assert request.turns == (HI, Turn("system", (Text("c"),)))


IMAGE = {"type": "input_image", "detail": "auto", "image_url": f"data:image/png;base64,{PIXEL}"}


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (IMAGE, Image(Base64("image/png", PIXEL), "auto")),
        ({"type": "input_image", "image_url": "https://e.test/a.png"}, Image(Url("https://e.test/a.png"))),
        ({"type": "input_image", "file_id": "file_1", "detail": "low"}, Image(FileId("file_1"), "low")),
        (
            {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="},
            Document(Base64("application/pdf", "JVBERi0="), filename="a.pdf"),
        ),
        ({"type": "input_file", "file_url": "https://e.test/a.pdf"}, Document(Url("https://e.test/a.pdf"))),
        (
            {"type": "input_text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "30m"}},
            Text("a", Cache("30m")),
        ),
        ({"type": "input_text", "text": "a", "cache_control": {"type": "ephemeral"}}, Text("a", Cache())),
        ({"type": "input_video", "x": 1}, Foreign("openai", "input_video", b'{"type": "input_video", "x": 1}')),
    ],
)
def test_t120_parts_of_a_message_and_of_an_output(part: object, block: Block) -> None:
    request = items({"role": "user", "content": [part]}, CALL, {**OUTPUT, "output": [part]})
    assert request.turns[0].blocks == (block,)
    assert request.turns[2].blocks == (ToolResult("call_1", (block,), name="f"),)


@pytest.mark.parametrize(
    ("content", "blocks"),
    [
        ("x", (Text("x"),)),
        ([{"type": "output_text", "text": "x", "annotations": [{"type": "url_citation"}]}], (Text("x"),)),
        ([{"type": "output_text", "text": "a"}, {"type": "refusal", "refusal": "no"}], (Text("a"), Refusal("no"))),
    ],
)
def test_assistant_messages(content: object, blocks: tuple[Block, ...]) -> None:
    (turn,) = items({"role": "assistant", "content": content}).turns
    assert turn == Turn("assistant", blocks)


def test_everything_until_the_users_next_word_is_one_turn() -> None:
    said = {"role": "assistant", "content": "x"}
    request = items(USER, said, CALL, {**CALL, "call_id": "call_2"}, said, {"role": "assistant", "content": ""})
    assert request.turns[1:] == (Turn("assistant", (Text("x"), SHOWN, ToolCall("call_2", "f", '{"a": 1}'), Text("x"))),)


@pytest.mark.parametrize(
    ("member", "arguments"),
    [
        ('"{}"', "{}"),
        ('""', "{}"),
        ("null", "{}"),
        ('{"z": 1.0}', '{"z": 1.0}'),
        ('"{\\"n\\": 1152921504606846977}"', '{"n": 1152921504606846977}'),
    ],
)
def test_arguments(member: str, arguments: str) -> None:
    item = '{"type":"function_call","call_id":"c","name":"f","arguments":' + member + "}"
    body = '{"model":"m","input":[' + item + "]}"
    (call,) = OPENAI_RESPONSES.decode_request(body.encode(), {}).turns[0].blocks
    assert call == ToolCall("c", "f", arguments)


def reasoning(encrypted: str | None, *texts: str, **members: object) -> dict[str, object]:
    parts = [{"type": "summary_text", "text": text} for text in texts]
    return {"type": "reasoning", "id": "rs_1", "summary": parts, "encrypted_content": encrypted, **members}


SIGNATURE = Opaque("anthropic", "signature", "sig")
REDACTED = Opaque("anthropic", "redacted", "data")
THOUGHT = Opaque("gemini", "thought_signature", "c2ln")


@pytest.mark.parametrize(
    ("item", "blocks"),
    [
        (reasoning("gAAA", "a", "b"), (Thinking("a\n\nb", (Opaque("openai", "encrypted", "gAAA"),)),)),
        (reasoning(opaque.wrap(SIGNATURE, "openai"), "a"), (Thinking("a", (SIGNATURE,)),)),
        (reasoning(opaque.wrap(REDACTED, "openai")), (Thinking("", (REDACTED,)),)),
        (reasoning(opaque.wrap(Opaque("", "encrypted", ""), "openai"), "a"), (Thinking("a"),)),
        (reasoning(None, "a"), (Thinking("a"),)),
        (reasoning(None, content=[{"type": "reasoning_text", "text": "a"}]), (Thinking("a"),)),
        (reasoning(opaque.wrap(THOUGHT, "openai"), "a"), (Thinking("a", (THOUGHT,)),)),
        (reasoning(None), ()),
    ],
)
def test_t115_reasoning_is_unwrapped(item: object, blocks: tuple[Block, ...]) -> None:
    request = items(USER, item, {"role": "assistant", "content": "x"})
    assert request.turns[1].blocks == (*blocks, Text("x"))


def test_state_in_front_of_a_call_is_the_calls() -> None:
    state = reasoning(opaque.wrap(THOUGHT, "openai"))
    custom = {"type": "custom_tool_call", "call_id": "c2", "name": "g", "input": "x"}
    request = items(USER, state, CALL, state, custom, state, USER, state)
    assert request.turns[1].blocks == (
        ToolCall("call_1", "f", '{"a": 1}', opaque=(THOUGHT,)),
        ToolCall("c2", "g", "x", "custom", opaque=(THOUGHT,)),
        Thinking("", (THOUGHT,)),
    )
    assert request.turns[3].blocks == (Thinking("", (THOUGHT,)),)


SHELL_OUT = [{"stdout": "a", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}]


@pytest.mark.parametrize(
    ("call", "output", "name", "arguments", "result"),
    [
        (
            {"type": "local_shell_call", "action": {"type": "exec", "command": ["ls"]}},
            {"type": "local_shell_call_output", "output": "a"},
            "local_shell",
            {"type": "exec", "command": ["ls"]},
            ToolResult("c", (Text("a"),), name="local_shell"),
        ),
        (
            {"type": "local_shell_call", "action": {"type": "exec"}},
            {"type": "function_call_output", "output": "a"},
            "local_shell",
            {"type": "exec"},
            ToolResult("c", (Text("a"),), name="local_shell"),
        ),
        (
            {"type": "shell_call", "action": {"commands": ["ls"]}},
            {"type": "shell_call_output", "output": SHELL_OUT},
            "shell",
            {"commands": ["ls"]},
            ToolResult("c", (Text(json.dumps(SHELL_OUT)),), name="shell"),
        ),
        (
            {"type": "apply_patch_call", "operation": {"type": "delete_file", "path": "a"}},
            {"type": "apply_patch_call_output", "status": "failed", "output": "no such file"},
            "apply_patch",
            {"type": "delete_file", "path": "a"},
            ToolResult("c", (Text("no such file"),), is_error=True, name="apply_patch"),
        ),
        (
            {"type": "apply_patch_call", "status": "completed"},
            {"type": "apply_patch_call_output", "status": "completed", "output": None},
            "apply_patch",
            {},
            ToolResult("c", (), name="apply_patch"),
        ),
    ],
)
def test_built_in_tools_that_the_client_runs_are_calls_for_everybody(
    call: dict[str, object], output: dict[str, object], name: str, arguments: object, result: ToolResult
) -> None:
    request = items(USER, {**call, "call_id": "c"}, {**output, "call_id": "c"})
    (block,) = request.turns[1].blocks
    assert isinstance(block, ToolCall)
    assert (block.id, block.name, json.loads(block.arguments)) == ("c", name, arguments)
    (state,) = block.opaque
    assert (state.origin, state.kind, json.loads(state.value)) == ("openai", call["type"], {**call, "call_id": "c"})
    assert request.turns[2].blocks == (result,)


def test_what_only_openais_servers_understand_stays_raw_in_its_place() -> None:
    """C4: other providers leave it out and name it."""
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    request = items(
        USER, search, {"role": "assistant", "content": "x"}, {"type": "compaction", "encrypted_content": "e"}
    )
    first, second, third = request.turns[1].blocks
    assert isinstance(first, Foreign)
    assert (first.dialect, first.type, json.loads(first.raw)) == ("openai_responses", "web_search_call", search)
    assert second == Text("x")
    assert isinstance(third, Foreign)


def test_messages_of_chats_shape_are_understood() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    request = items(
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "1"},
    )
    assert request.turns == (
        Turn("assistant", (ToolCall("c", "f", "{}"),)),
        Turn("user", (ToolResult("c", (Text("1"),), name="f"),)),
    )


def test_t108_additional_tools_are_tools_and_the_first_of_two_counts() -> None:
    tool = {"type": "function", "name": "f", "description": "first"}
    more = {
        "type": "additional_tools",
        "role": "developer",
        "tools": [{**tool, "description": "x"}, {**tool, "name": "g"}],
    }
    space = {"type": "namespace", "name": "ns", "tools": [tool]}
    wiki = {"type": "mcp", "server_label": "a"}
    request = items(more, USER, tools=[tool, space, wiki, {**wiki, "server_label": "b"}])
    assert [(each.name, each.namespace, each.description) for each in request.tools] == [
        ("f", None, "first"),
        ("f", "ns", "first"),
        ("mcp", None, ""),
        ("mcp", None, ""),
        ("g", None, "first"),
    ]
    assert request.turns == (HI,)


def test_c4_members_of_tools_that_have_no_place_are_named() -> None:
    function = {"type": "function", "name": "f", "defer_loading": True, "async": False}
    space = {"type": "namespace", "name": "ns", "tools": [{**function, "output_schema": {}}]}
    request = read(tools=[function, space, {"type": "web_search", "external_web_access": False}])
    assert request.dropped == ("tools.async", "tools.defer_loading", "tools.output_schema")


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("none", ToolChoice("none")),
        ("required", ToolChoice("any")),
        ({"type": "function", "name": "f"}, ToolChoice("tool", "f")),
        ({"type": "function", "function": {"name": "f"}}, ToolChoice("tool", "f")),
        ({"type": "custom", "name": "g"}, ToolChoice("tool", "g")),
        ({"type": "function", "name": "h"}, ToolChoice("tool", "ns__h")),
        ({"type": "function", "name": "unknown"}, ToolChoice("tool", "unknown")),
        ({"type": "auto"}, ToolChoice("auto")),
        (
            {
                "type": "allowed_tools",
                "mode": "required",
                "tools": [{"type": "function", "name": "f"}, {"type": "web_search"}],
            },
            ToolChoice("any", allowed=("f", "web_search")),
        ),
        ({"type": "web_search"}, None),
        ({"type": "mcp", "server_label": "wiki"}, None),
        ({"type": "apply_patch"}, None),
    ],
)
def test_t103_tool_choices(choice: object, expected: ToolChoice | None) -> None:
    """Hosted tools that must be used stay raw, for OpenAI alone."""
    space = {"type": "namespace", "name": "ns", "tools": [{"type": "function", "name": "h"}]}
    request = read(
        tools=[{"type": "function", "name": "f"}, {"type": "custom", "name": "g"}, space], tool_choice=choice
    )
    assert request.tool_choice == expected
    raw = request.extra.get("tool_choice")
    assert (raw is None) == (expected is not None)
    assert raw is None or json.loads(raw) == choice


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"reasoning": {"effort": "none"}}, Reasoning("off")),
        ({"reasoning": {"effort": "none", "summary": "auto"}}, Reasoning("off")),
        ({"reasoning": {"effort": "minimal"}}, Reasoning("effort", "minimal")),
        ({"reasoning": {"effort": "xhigh", "summary": "detailed"}}, Reasoning("effort", "xhigh", display="detailed")),
        ({"reasoning": {"effort": "max", "generate_summary": "auto"}}, Reasoning("effort", "max", display="auto")),
        ({"reasoning": {"summary": "concise"}}, Reasoning("auto", display="concise")),
        ({"reasoning": {"enabled": True}}, Reasoning("auto")),
        ({"reasoning": {"enabled": False, "effort": "high"}}, Reasoning("off")),
        ({"reasoning": {"max_tokens": 2048}}, Reasoning("budget", budget=2048)),
        ({"reasoning": {"max_tokens": 0}}, Reasoning("off")),
        ({"reasoning": {"effort": None, "summary": None}}, None),
        ({"reasoning": {}}, None),
        ({"reasoning": None}, None),
        ({"reasoning_effort": "low"}, Reasoning("effort", "low")),
    ],
)
def test_t113_reasoning(members: dict[str, object], expected: Reasoning | None) -> None:
    assert read(None, **members).reasoning == expected


def test_text_formats() -> None:
    schema = {"type": "json_schema", "name": "n", "schema": {"b": 1, "a": 2}, "strict": True, "description": "d"}
    form = OutputFormat("json_schema", "n", b'{"b": 1, "a": 2}', True, "d")
    assert read(text={"format": schema}).output == form
    assert read(text={"format": {"type": "json_object"}}).output == OutputFormat("json_object")
    assert read(text={"format": {"type": "text"}}).output is None
    assert read(text={}, response_format={"type": "json_object"}).output == OutputFormat("json_object")
    chat = {key: value for key, value in schema.items() if key != "type"}
    assert read(response_format={"type": "json_schema", "json_schema": chat}).output == form


def test_limits_sampling_and_the_user() -> None:
    request = read(
        max_output_tokens=900,
        temperature=0.5,
        top_p=0.9,
        top_logprobs=2,
        user="u",
        safety_identifier="s",
        stop=["x"],
        stream_options={"include_obfuscation": False},
    )
    assert (request.max_tokens, request.stop, request.user) == (900, ("x",), "s")
    assert request.sampling == Sampling(0.5, 0.9, top_logprobs=2)
    assert dict(request.extra) == {}


def test_t047_members_without_a_word_of_ours_are_kept_under_their_path() -> None:
    request = read(
        text={"verbosity": "low"},
        reasoning={"effort": "low", "context": "all_turns", "mode": None},
        include=["reasoning.encrypted_content", "web_search_call.results"],
        truncation="auto",
        service_tier="flex",
        metadata={"a": "b"},
        something_new=[1],
    )
    assert {name: json.loads(raw) for name, raw in request.extra.items()} == {
        "text.verbosity": "low",
        "reasoning.context": "all_turns",
        "include": ["web_search_call.results"],
        "truncation": "auto",
        "service_tier": "flex",
        "metadata": {"a": "b"},
        "something_new": [1],
    }


def test_defaults_that_are_spelled_out_ask_for_nothing() -> None:
    request = read(truncation="disabled", service_tier="auto", metadata={}, background=False, store=False, include=[])
    assert (dict(request.extra), request.dropped) == ({}, ())
    assert read(store=True).dropped == ("store",), "accepted, and the client is told that it is not done"


@pytest.mark.parametrize("name", ["session-id", "session_id", "x-session-id", "thread-id", "conversation_id"])
def test_sessions(name: str) -> None:
    assert read({name: "s"}).session == "s"
    assert read({name: "s"}, prompt_cache_key="k").session == "k"


STATE = [
    ({"previous_response_id": "resp_1"}, "previous_response_id"),
    ({"conversation": "conv_1"}, "conversation"),
    ({"conversation": {"id": "conv_1"}}, "conversation"),
    ({"background": True}, "background"),
    ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0]"),
    ({"input": [USER, {"id": "msg_1"}]}, "input[1]"),
]


def test_a_reference_to_reasoning_is_left_out_and_named() -> None:
    """The AI SDK refers to reasoning that it was shown, unless its user switched `store` off."""
    request = items(USER, {"type": "item_reference", "id": "rs_1"}, CALL, OUTPUT)
    assert request.turns[1].blocks == (SHOWN,)
    assert request.dropped == ("input.item_reference",)


@pytest.mark.parametrize(("members", "param"), STATE)
def test_c4_state_that_we_do_not_hold_is_refused_by_name(members: dict[str, object], param: str) -> None:
    with pytest.raises(GatewayError) as caught:
        read(None, **members)
    assert (caught.value.kind, caught.value.param) == ("bad_request", param)
    assert "here" in caught.value.message


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ("", None),
        ("[]", None),
        ("{", None),
        ('{"input":"hi"}', "model"),
        ('{"model":"","input":"hi"}', "model"),
        ('{"model":5,"input":"hi"}', "model"),
        ('{"model":"m"}', "input"),
        ('{"model":"m","input":[]}', "input"),
        ('{"model":"m","input":5}', "input"),
        ('{"model":"m","input":[5]}', "input[0]"),
        ('{"model":"m","input":[{}]}', "input[0].type"),
        ('{"model":"m","input":[{"role":"bot","content":"x"}]}', "input[0].role"),
        ('{"model":"m","input":[{"type":"message","content":"x"}]}', "input[0].role"),
        ('{"model":"m","input":[{"role":"user","content":5}]}', "input[0].content"),
        ('{"model":"m","input":[{"role":"user","content":[{"type":"input_image"}]}]}', "input[0].content[0].image_url"),
        (
            '{"model":"m","input":[{"role":"system","content":[{"type":"input_image","file_id":"f"}]}]}',
            "input[0].content",
        ),
        ('{"model":"m","input":[{"type":"function_call","name":"f"}]}', "input[0].call_id"),
        ('{"model":"m","input":[{"type":"function_call","call_id":"c"}]}', "input[0].name"),
        (
            '{"model":"m","input":[{"type":"function_call","call_id":"c","name":"f","arguments":[1]}]}',
            "input[0].arguments",
        ),
        ('{"model":"m","input":[{"type":"function_call_output","output":"x"}]}', "input[0].call_id"),
        ('{"model":"m","input":[{"type":"shell_call","action":{}}]}', "input[0].call_id"),
        ('{"model":"m","input":[{"type":"shell_call","call_id":"c","action":5}]}', "input[0].action"),
        ('{"model":"m","input":[{"type":"reasoning","summary":5}]}', "input[0].summary"),
        ('{"model":"m","input":"hi","instructions":5}', "instructions"),
        ('{"model":"m","input":"hi","tools":{}}', "tools"),
        ('{"model":"m","input":"hi","tools":[{"type":"function"}]}', "tools[0].name"),
        ('{"model":"m","input":"hi","tools":[{"type":"namespace","tools":[]}]}', "tools[0].name"),
        (
            '{"model":"m","input":"hi","tools":[{"type":"namespace","name":"n","tools":[{"type":"custom"}]}]}',
            "tools[0].tools[0].name",
        ),
        ('{"model":"m","input":"hi","tool_choice":"some"}', "tool_choice"),
        ('{"model":"m","input":"hi","tool_choice":{"type":"function"}}', "tool_choice.name"),
        ('{"model":"m","input":"hi","tool_choice":{"type":"allowed_tools","mode":"x"}}', "tool_choice.mode"),
        ('{"model":"m","input":"hi","reasoning":{"effort":"huge"}}', "reasoning.effort"),
        ('{"model":"m","input":"hi","reasoning":{"max_tokens":-1}}', "reasoning.max_tokens"),
        ('{"model":"m","input":"hi","text":{"format":{"type":"xml"}}}', "text.format.type"),
        ('{"model":"m","input":"hi","max_output_tokens":0}', "max_output_tokens"),
        ('{"model":"m","input":"hi","temperature":"hot"}', "temperature"),
        ('{"model":"m","input":"hi","stream":"yes"}', "stream"),
        ('{"model":"m","input":"hi","include":"all"}', "include"),
    ],
)
def test_t046_what_is_wrong_is_named(body: str, param: str | None) -> None:
    with pytest.raises(GatewayError) as caught:
        OPENAI_RESPONSES.decode_request(body.encode(), {})
    assert (caught.value.kind, caught.value.param) == ("bad_request", param)
    if param is not None:
        assert param.split("[")[0].split(".")[0] in caught.value.message


def test_an_output_without_an_id_answers_the_call_that_is_open() -> None:
    request = items(CALL, {"type": "function_call_output", "output": "x", "name": "f"})
    assert request.turns[1].blocks == (ToolResult("call_1", (Text("x"),), name="f"),)


def refusal(body: bytes) -> str | None:
    """The kind of error with which a body is refused, None if it is read."""
    try:
        OPENAI_RESPONSES.decode_request(body, {})
    except GatewayError as error:
        return error.kind
    return None


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_random_bodies_are_read_or_refused(body: bytes) -> None:
    for data in (body, b'{"model":"m","input":' + body + b"}"):
        assert refusal(data) in (None, "bad_request")
