"""Events to a Responses stream: C1, C3, D3, T014 to T018, T073 to T077."""

import json
from typing import Any

import pytest
from hypothesis import given

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.events import (
    ArgumentsDelta,
    BlockEnd,
    BlockStart,
    Citation,
    Event,
    Failed,
    Finish,
    FinishReason,
    OpaqueDelta,
    Start,
    TextDelta,
    ThinkingDelta,
    UsageUpdate,
    Verbatim,
)
from aiclient2api.canonical.request import Opaque, OutputFormat, Reasoning, Request, Sampling, Tool, ToolChoice
from aiclient2api.canonical.usage import Usage
from aiclient2api.dialects import opaque
from aiclient2api.dialects.openai_responses import OPENAI_RESPONSES
from tests.dialects.openai_responses.grammar import Json, check, frames
from tests.dialects.openai_responses.samples import SEED, answer, call, encode, read, text, thinking
from tests.strategies import events as answers

MSG = f"msg_{SEED}0000"


def kinds(data: bytes) -> list[str]:
    return [event["type"].removeprefix("response.") for event in frames(data)]


def output(events: list[Event], request: Request | None = None) -> list[Json]:
    found: list[Json] = check(encode(events, answer(request)))["output"]
    return found


def test_t014_a_text_stream_event_by_event() -> None:
    data = encode([Start(), *text(0, "Hé", "y"), Finish("end")])
    assert kinds(data) == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    first = data.split(b"\n\n")[4].decode()
    assert first == (
        'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","sequence_number":4,'
        f'"item_id":"{MSG}","output_index":0,"content_index":0,"delta":"Hé","logprobs":[]}}'
    )
    part = {"type": "output_text", "annotations": [], "logprobs": [], "text": "Héy"}
    response = check(data)
    assert response["output"] == [
        {"id": MSG, "type": "message", "status": "completed", "role": "assistant", "content": [part]}
    ]
    assert (response["id"], response["model"], response["created_at"]) == (f"resp_{SEED}", "my-model", 1700000000)


def test_t015_reasoning_is_a_summary_closed_before_the_message() -> None:
    data = encode([Start(), *thinking(0, "let ", "me"), *text(1, "ok"), Finish("end")])
    assert kinds(data)[2:9] == [
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
    ]
    reasoning, message = check(data)["output"]
    assert reasoning["summary"] == [{"type": "summary_text", "text": "let me"}]
    assert message["content"][0]["text"] == "ok"


def test_t016_one_id_per_item_and_the_right_prefixes() -> None:
    stream: list[Event] = [
        Start("chatcmpl-upstream"),
        *thinking(0, "hm"),
        *text(1, "ok"),
        *call(2, "{}", id_="toolu_1"),
        *call(3, "raw", id_="toolu_2", custom=True),
        Finish("tools"),
    ]
    found = output(stream)
    assert [item["id"] for item in found] == [
        f"{prefix}_{SEED}{index:04x}" for index, prefix in enumerate(("rs", "msg", "fc", "ctc"))
    ]
    assert [item["call_id"] for item in found[2:]] == ["toolu_1", "toolu_2"]
    assert b"chatcmpl-upstream" not in encode(stream)


def test_t017_arguments_stand_in_both_done_events() -> None:
    data = encode([Start(), *call(0, '{"a"', ":1}"), *call(1, id_="call_2"), Finish("tools")])
    first, second = check(data)["output"]
    assert (first["arguments"], first["name"], first["status"]) == ('{"a":1}', "look", "completed")
    assert second["arguments"] == "{}", "a call without arguments is an empty object (T069)"
    deltas = [event["delta"] for event in frames(data) if event["type"].endswith("arguments.delta")]
    assert deltas == ['{"a"', ":1}", "{}"]


SPACE = Tool("spawn", namespace="agents", schema=b"{}")
PATCH = Tool("apply_patch", kind="custom", grammar=b'{"type":"grammar","syntax":"lark","definition":"d"}')
NESTED = Tool("run", kind="custom", namespace="js")
WITH_TOOLS = Request(dialect="openai_responses", model="m", turns=(), tools=(SPACE, PATCH, NESTED, Tool("look")))


@pytest.mark.parametrize(
    ("name", "arguments", "shown"),
    [
        ("agents__spawn", '{"a":1}', {"name": "spawn", "namespace": "agents", "arguments": '{"a":1}'}),
        ("apply_patch", '{"input":"*** Begin\\nPätch"}', {"name": "apply_patch", "input": "*** Begin\nPätch"}),
        ("js__run", '{"input":"x"}', {"name": "run", "namespace": "js", "input": "x"}),
        ("apply_patch", "not wrapped", {"name": "apply_patch", "input": "not wrapped"}),
        ("apply_patch", "", {"name": "apply_patch", "input": ""}),
        ("look", '{"input":"x"}', {"name": "look", "arguments": '{"input":"x"}'}),
        ("other", "{}", {"name": "other", "arguments": "{}"}),
    ],
)
def test_t018_t020_tools_that_travelled_as_functions_come_back_as_declared(
    name: str, arguments: str, shown: Json
) -> None:
    (item,) = output([Start(), *call(0, *filter(None, [arguments]), name=name), Finish("tools")], WITH_TOOLS)
    assert item["type"] == ("custom_tool_call" if "input" in shown else "function_call")
    assert {key: item[key] for key in item if key in ("name", "namespace", "arguments", "input")} == shown


def test_t018_calls_that_come_restored_already_are_left_alone() -> None:
    start = BlockStart(0, "tool_call", "c", "run", tool_kind="custom", namespace="js")
    (item,) = output([Start(), start, ArgumentsDelta(0, '{"input":"x"}'), BlockEnd(0), Finish("tools")], WITH_TOOLS)
    assert (item["name"], item["namespace"], item["input"]) == ("run", "js", '{"input":"x"}')


CODEX_TOOLS: list[object] = [
    {"type": "function", "name": "exec", "description": "d", "strict": False, "parameters": {"type": "object"}},
    {
        "type": "namespace",
        "name": "agents",
        "description": "sub-agents",
        "tools": [{"type": "function", "name": "spawn", "parameters": {"type": "object"}}],
    },
    {"type": "custom", "name": "apply_patch", "format": {"type": "grammar", "syntax": "lark", "definition": "d"}},
    {"type": "web_search", "external_web_access": False},
    {"type": "mcp", "server_label": "wiki", "server_url": "https://x.example"},
]


def test_t073_the_object_repeats_what_was_asked_for() -> None:
    request = read(
        tools=CODEX_TOOLS,
        tool_choice="required",
        parallel_tool_calls=False,
        reasoning={"effort": "low", "summary": "auto"},
        text={
            "verbosity": "low",
            "format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True},
        },
        metadata={"a": "b"},
        temperature=0.5,
        max_output_tokens=50,
        safety_identifier="me",
        instructions="be brief",
    )
    usage = Usage(fresh=13, cache_read=22000, cache_write=5, cache_write_1h=2, output=7, reasoning=3)
    data = encode([Start(), *text(0, "x"), UsageUpdate(usage), Finish("end")], answer(request))
    response = check(data)
    assert response["tools"] == CODEX_TOOLS
    assert response["usage"] == {
        "input_tokens": 22020,
        "input_tokens_details": {"cached_tokens": 22000, "cache_write_tokens": 7},
        "output_tokens": 7,
        "output_tokens_details": {"reasoning_tokens": 3},
        "total_tokens": 22027,
    }
    shown = {
        "tool_choice": "required",
        "parallel_tool_calls": False,
        "reasoning": {"effort": "low", "summary": "auto"},
        "metadata": {"a": "b"},
        "temperature": 0.5,
        "top_p": 1.0,
        "max_output_tokens": 50,
        "user": "me",
        "store": False,
        "instructions": None,
    }
    assert {name: response[name] for name in shown} == shown
    assert response["text"] == {
        "format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True},
        "verbosity": "low",
    }
    first = frames(data)[0]["response"]
    assert {name: first[name] for name in shown} == shown


@pytest.mark.parametrize("choice", [{"type": "web_search"}, {"type": "function", "name": "exec"}])
def test_t073_the_choice_of_a_tool_too(choice: object) -> None:
    request = read(tools=CODEX_TOOLS, tool_choice=choice)
    assert check(encode([Start(), Finish("end")], answer(request)))["tool_choice"] == choice


def test_schemas_with_line_breaks_do_not_break_the_frames() -> None:
    raw = b'{"type":\n "object"}'
    request = Request(
        dialect="openai_responses",
        model="m",
        turns=(),
        tools=(Tool("f", schema=raw), Tool("web_search", kind="server", type="web_search", raw=b'{"type":\r\n"x"}')),
        output=OutputFormat("json_schema", "n", raw),
        reasoning=Reasoning("off"),
        sampling=Sampling(top_p=0.5),
        tool_choice=ToolChoice("auto", allowed=("f",)),
    )
    response = check(encode([Start(), Finish("end")], answer(request)))
    assert response["tools"] == [{"type": "function", "name": "f", "parameters": {"type": "object"}}, {"type": "x"}]
    assert response["reasoning"] == {"effort": "none", "summary": None}


@pytest.mark.parametrize(
    ("reason", "status", "details"),
    [
        ("end", "completed", None),
        ("stop_sequence", "completed", None),
        ("tools", "completed", None),
        ("length", "incomplete", "max_output_tokens"),
        ("context_window", "incomplete", "max_output_tokens"),
        ("refusal", "incomplete", "content_filter"),
        ("pause", "incomplete", "max_messages"),
    ],
)
def test_t131_endings(reason: FinishReason, status: str, details: str | None) -> None:
    response = check(encode([Start(), *text(0, "x"), Finish(reason)]))
    assert response["status"] == status
    assert response["incomplete_details"] == (None if details is None else {"reason": details})
    assert response["output"][0]["status"] == status


def test_t074_what_was_cut_off_is_incomplete() -> None:
    """The text before the call is whole; of two calls that run side by side both are cut."""
    stream: list[Event] = [
        Start(),
        *text(0, "I shall"),
        BlockStart(1, "tool_call", "a", "write"),
        BlockStart(2, "tool_call", "b", "read"),
        ArgumentsDelta(2, '{"f'),
        ArgumentsDelta(1, '{"path":"/e'),
        Finish("length"),
    ]
    response = check(encode(stream))
    assert (response["status"], response["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    assert [item["status"] for item in response["output"]] == ["completed", "incomplete", "incomplete"]
    assert [item["arguments"] for item in response["output"][1:]] == ['{"path":"/e', '{"f']


def test_t075_a_failure_is_told_in_every_form() -> None:
    encoder = OPENAI_RESPONSES.encoder(answer())
    data = encoder.encode([Start(), *text(0, "whole"), *thinking(1, "x"), BlockStart(2, "text"), TextDelta(2, "half")])
    data += encoder.encode([Failed(GatewayError("truncated", "cut")), Finish("end")])
    assert encoder.encode([TextDelta(2, "late"), Finish("end")]) == b""
    response = check(data)
    assert [item["type"] for item in response["output"]] == ["message", "reasoning"], "what was whole stays"
    failed, error = frames(data)[-2:]
    assert failed["response"]["error"] == {"code": "upstream_truncated", "message": "cut"}
    assert error == {
        "type": "error",
        "sequence_number": failed["sequence_number"] + 1,
        "code": "upstream_truncated",
        "message": "cut",
        "param": None,
        "error": {"type": "server_error", "code": "upstream_truncated", "message": "cut", "param": None},
    }


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (GatewayError("context_length", "long"), "context_length_exceeded", "long"),
        (GatewayError("quota", "spent"), "insufficient_quota", "spent"),
        (GatewayError("overloaded", "full"), "server_is_overloaded", "full"),
        (GatewayError("rate_limit", "slow", retry_after=1.5), "rate_limit_exceeded", "slow Please try again in 1.5s."),
        (GatewayError("rate_limit", "Try again in 3s", retry_after=3), "rate_limit_exceeded", "Try again in 3s"),
    ],
)
def test_t075_codes_that_codex_acts_on_also_before_the_start(error: GatewayError, code: str, message: str) -> None:
    response = check(OPENAI_RESPONSES.heartbeat + encode([Failed(error)]))
    assert response["error"] == {"code": code, "message": message}


def test_a_malformed_call_is_a_failure() -> None:
    assert check(encode([Start(), *text(0, "x"), Finish("malformed_call")]))["status"] == "failed"


def test_t076_a_heartbeat_is_a_comment() -> None:
    beat = OPENAI_RESPONSES.heartbeat
    encoder = OPENAI_RESPONSES.encoder(answer())
    data = beat.join(encoder.encode([event]) for event in [Start(), *text(0, "x"), Finish("end")])
    assert beat.startswith(b":")
    assert check(beat + data + beat)["status"] == "completed"


def test_t077_texts_around_a_call_are_messages_of_their_own() -> None:
    found = output([Start(), *text(0, "a"), *text(1, "b"), *call(2, "{}"), *text(3, "c"), Finish("tools")])
    assert [item["type"] for item in found] == ["message", "function_call", "message"]
    assert [[part["text"] for part in item["content"]] for item in found[::2]] == [["a", "b"], ["c"]]


def test_interleaved_blocks_are_shown_one_after_the_other() -> None:
    stream: list[Event] = [
        Start(),
        BlockStart(0, "tool_call", "a", "one"),
        BlockStart(1, "tool_call", "b", "two"),
        ArgumentsDelta(1, '{"b":'),
        ArgumentsDelta(0, '{"a":1}'),
        ArgumentsDelta(1, "2}"),
        BlockEnd(1),
        BlockEnd(0),
        Finish("tools"),
    ]
    assert [item["arguments"] for item in output(stream)] == ['{"a":1}', '{"b":2}']


def test_refusals_are_parts() -> None:
    stream: list[Event] = [Start(), *text(0, "well"), BlockStart(1, "refusal"), TextDelta(1, "no"), BlockEnd(1)]
    response = check(encode([*stream, Finish("refusal")]))
    assert response["status"] == "completed"
    assert response["output"][0]["content"][1] == {"type": "refusal", "refusal": "no"}


def test_sources_are_annotations_of_their_part() -> None:
    own = b'{"type":"file_citation",\n"file_id":"f","filename":"a.md","index":3}'
    stream: list[Event] = [
        Start(),
        *text(0, "Ab"),
        BlockStart(1, "text"),
        Citation(1, "https://a.example", "A"),
        TextDelta(1, "cdé"),
        Citation(1, "https://b.example", "B", start=1, end=2),
        Citation(1, raw=own),
        Citation(1, "https://c.example", "C", raw=b"{not json"),
        Citation(1, title="a document"),
        BlockEnd(1),
        Finish("end"),
    ]
    assert output(stream)[0]["content"][1]["annotations"] == [
        {"type": "url_citation", "start_index": 0, "end_index": 3, "url": "https://a.example", "title": "A"},
        {"type": "url_citation", "start_index": 1, "end_index": 2, "url": "https://b.example", "title": "B"},
        json.loads(own),
        {"type": "url_citation", "start_index": 0, "end_index": 3, "url": "https://c.example", "title": "C"},
    ]


def test_t115_opaque_state_travels_as_encrypted_content() -> None:
    """Bare if it is OpenAI's, else in an envelope; thinking without state in one that says so."""
    signature = Opaque("anthropic", "signature", "sig")
    redacted = Opaque("anthropic", "redacted", "data")
    stream: list[Event] = [
        Start(),
        *thinking(0, "a", state=signature),
        *thinking(1, state=redacted),
        *thinking(2, "b", state=Opaque("openai", "encrypted", "gAAA")),
        *thinking(3, "c"),
        *thinking(4),
        Finish("end"),
    ]
    found = output(stream)
    assert [item["summary"] == [] for item in found] == [False, True, False, False]
    assert found[2]["encrypted_content"] == "gAAA"
    states = [opaque.unwrap(item["encrypted_content"], "openai", "encrypted") for item in found]
    assert states[:2] == [signature, redacted]
    assert states[3].value == ""


def test_state_of_a_call_stands_in_front_of_it() -> None:
    state = Opaque("gemini", "thought_signature", "c2ln")
    start = BlockStart(0, "tool_call", "c", "look")
    late = OpaqueDelta(0, Opaque("gemini", "thought_signature", "late"))
    found = output([Start(), start, OpaqueDelta(0, state), ArgumentsDelta(0, "{}"), late, BlockEnd(0), Finish("tools")])
    assert [item["type"] for item in found] == ["reasoning", "function_call"]
    assert opaque.unwrap(found[0]["encrypted_content"], "openai", "") == state


def test_items_of_this_very_dialect_come_as_they_are() -> None:
    search = b'{"type":"web_search_call",\n"id":"ws_1","status":"completed"}'
    shell = '{"type":"local_shell_call","id":"lsh_1","call_id":"c","status":"completed","action":{"type":"exec"}}'
    stream: list[Event] = [
        Start(),
        *text(0, "searching"),
        BlockStart(1, "foreign", name="web_search_call", dialect="openai_responses", raw=search),
        BlockEnd(1),
        BlockStart(2, "foreign", name="server_tool_use", dialect="anthropic", raw=b"{}"),
        BlockEnd(2),
        BlockStart(3, "tool_call", "c", "local_shell"),
        OpaqueDelta(3, Opaque("openai", "local_shell_call", shell)),
        ArgumentsDelta(3, '{"type":"exec"}'),
        BlockEnd(3),
        Finish("tools"),
    ]
    found = output(stream)
    assert found[1:] == [json.loads(search), json.loads(shell)]


def test_what_is_not_shown() -> None:
    stream: list[Event] = [
        Start(),
        BlockStart(0, "thinking"),
        ThinkingDelta(0, "secret"),
        OpaqueDelta(0, Opaque("anthropic", "signature", "s")),
        BlockEnd(0),
        *text(1),
        BlockStart(2, "text"),
        Citation(2, "https://a.example"),
        OpaqueDelta(2, Opaque("gemini", "thought_signature", "x")),
        BlockEnd(2),
        *call(3, "{}", name=""),
        Finish("end"),
    ]
    assert check(encode(stream, answer(thinking=False)))["output"] == []


def test_calls_without_a_usable_id_get_one() -> None:
    found = output([Start(), *call(0, "{}", id_=""), *call(1, "{}", id_="x" * 949), Finish("tools")])
    assert found[0]["call_id"] == f"call_{SEED[:20]}0000"
    assert len(found[1]["call_id"]) <= 64


def test_last_words_after_passed_frames_belong_to_the_same_response() -> None:
    """D3: an upstream of this dialect broke off, and what comes from us goes on with its id and its numbers."""
    created = b'event: response.created\ndata: {"type":"response.created","response":{"id":"resp_up"},'
    passed = created + b'"sequence_number":0}\n\n'
    encoder = OPENAI_RESPONSES.encoder(answer())
    assert encoder.encode([Verbatim(passed)]) == passed
    delta = b'data: {"type":"response.output_text.delta","sequence_number": 41,"delta":"x"}\n\n'
    assert encoder.encode([Verbatim(delta)]) == delta
    failed, error = frames(encoder.encode([Failed(GatewayError("truncated", "cut"))]))
    assert (failed["response"]["id"], failed["sequence_number"]) == ("resp_up", 42)
    assert error["sequence_number"] == 43


@given(answers())
def test_every_answer_keeps_the_grammar_at_any_cut(stream: list[Event]) -> None:
    """The same bytes whether events come one by one or all at once."""
    whole = encode(stream)
    encoder = OPENAI_RESPONSES.encoder(answer())
    assert b"".join(encoder.encode([event]) for event in stream) == whole
    found: list[Any] = check(whole)["output"]
    texts = [part["text"] for item in found if item["type"] == "message" for part in item["content"]]
    shown: dict[int, str] = {}
    for event in stream:
        if isinstance(event, TextDelta):
            shown[event.index] = shown.get(event.index, "") + event.text
    assert texts == [shown[index] for index in sorted(shown)]
