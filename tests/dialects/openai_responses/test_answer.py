"""Whole answers both ways, and that they are what a stream ends with: C1, T140, T148."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given

from aiclient2api.canonical.events import Citation, Event, Failed, Finish
from aiclient2api.canonical.request import Block, Foreign, Opaque, Refusal, Text, Thinking, ToolCall
from aiclient2api.canonical.response import Response, fold
from aiclient2api.canonical.usage import Usage
from aiclient2api.canonical.validate import EventValidator
from aiclient2api.dialects.openai_responses import OPENAI_RESPONSES
from tests.dialects.openai_responses.grammar import check
from tests.dialects.openai_responses.samples import SEED, answer, encode
from tests.dialects.openai_responses.test_stream_in import shown
from tests.strategies import events as answers


def response(*blocks: Block, reason: str = "end", citations: tuple[Citation, ...] = ()) -> Response:
    finish = msgspec.convert({"reason": reason}, Finish)
    return Response("up", "up-model", blocks, finish, Usage(fresh=3, output=2), citations)


def body(whole: Response) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(OPENAI_RESPONSES.encode_response(whole, answer()))
    return found


def test_a_text_answer_member_by_member() -> None:
    assert body(response(Text("a"))) == {
        "id": f"resp_{SEED}",
        "object": "response",
        "created_at": 1700000000,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "output": [
            {
                "id": f"msg_{SEED}0000",
                "type": "message",
                "status": "completed",
                "role": "assistant",
                "content": [{"type": "output_text", "annotations": [], "logprobs": [], "text": "a"}],
            }
        ],
        "usage": {
            "input_tokens": 3,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": 2,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 5,
        },
        "model": "my-model",
        "background": False,
        "instructions": None,
        "max_output_tokens": None,
        "max_tool_calls": None,
        "metadata": {},
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "store": False,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "user": None,
    }


def test_state_of_a_call_is_in_front_though_it_is_told_behind() -> None:
    state = Opaque("gemini", "thought_signature", "c2ln")
    found = body(response(ToolCall("a", "f", '{"a":1}', opaque=(state,)), reason="tools"))["output"]
    assert [item["type"] for item in found] == ["reasoning", "function_call"]
    assert found[1]["arguments"] == '{"a":1}'


@pytest.mark.parametrize(
    ("blocks", "statuses"),
    [
        ((Text("x"),), ["incomplete"]),
        ((Text("x"), ToolCall("a", "f", "{}"), ToolCall("b", "f", '{"a')), ["completed", "completed", "incomplete"]),
        ((ToolCall("a", "f", "{}"), Text("x")), ["completed", "incomplete"]),
        ((ToolCall("a", "p", "x", "custom"), ToolCall("b", "p", "y", "custom")), ["completed", "incomplete"]),
    ],
)
def test_t074_what_was_cut_off_is_incomplete(blocks: tuple[Block, ...], statuses: list[str]) -> None:
    found = body(response(*blocks, reason="length"))
    assert (found["status"], found["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    assert [item["status"] for item in found["output"]] == statuses


def test_a_malformed_call_is_a_failed_response() -> None:
    found = body(response(Text("x"), reason="malformed_call"))
    assert (found["status"], found["error"]["code"]) == ("failed", "upstream_error")


def back(data: bytes) -> list[Event]:
    events = list(OPENAI_RESPONSES.decode_response(data))
    EventValidator().feed(events)
    return events


def test_a_whole_answer_comes_back() -> None:
    blocks = (
        Thinking("one", (Opaque("kiro", "signature", "sig"),)),
        Thinking("", (Opaque("anthropic", "redacted", "data"),)),
        Thinking("two", (Opaque("openai", "encrypted", "gAAA"),)),
        Thinking("three"),
        Text("hello"),
        Refusal("no"),
        ToolCall("call_a", "f", '{"a":1}', namespace="ns"),
        ToolCall("call_b", "g", "raw", kind="custom"),
        Foreign("openai_responses", "web_search_call", b'{"type":"web_search_call","id":"ws_1"}'),
    )
    whole = response(*blocks, reason="tools", citations=(Citation(4, "https://x.example", "X", start=0, end=5),))
    found = fold(back(OPENAI_RESPONSES.encode_response(whole, answer())))
    assert (found.blocks, found.finish, found.usage) == (whole.blocks, whole.finish, whole.usage)
    assert [(each.index, each.url, each.title, each.start, each.end) for each in found.citations] == [
        (4, "https://x.example", "X", 0, 5)
    ]


@pytest.mark.parametrize(
    ("data", "kind", "words"),
    [
        (b"", "upstream", "empty"),
        (b"<html>", "upstream", "web page"),
        (b"nope", "upstream", "cannot be read"),
        (b"{}", "upstream", "no output"),
        (b'{"output":5}', "upstream", "cannot be read"),
        (b'{"choices":[]}', "upstream", "no output"),
        (b'{"error":{"message":"full","code":"overloaded"}}', "overloaded", "full"),
        (b'{"status":"failed","error":{"message":"boom","code":"server_error"}}', "upstream", "boom"),
        (b'{"status":"failed","output":[]}', "upstream", "failed"),
        (b'{"status":"in_progress","output":[]}', "upstream", "in_progress"),
        (b'{"status":"queued"}', "upstream", "no output"),
        (b'{"status":"cancelled"}', "upstream", "cancelled"),
        (
            b'{"output":[{"type":"function_call","call_id":"c","name":"f","arguments":"{","status":"incomplete"}]}',
            "upstream",
            "inside a tool call",
        ),
    ],
)
def test_bodies_that_are_no_answer(data: bytes, kind: str, words: str) -> None:
    last = back(data)[-1]
    assert isinstance(last, Failed)
    assert (last.error.kind, words in last.error.message) == (kind, True), last.error.message


@given(answers())
def test_whole_answers_come_back(stream: list[Event]) -> None:
    whole = fold(stream)
    assert shown(fold(back(OPENAI_RESPONSES.encode_response(whole, answer())))) == shown(whole)


@given(answers())
def test_a_whole_answer_is_what_its_stream_ends_with(stream: list[Event]) -> None:
    assert body(fold(stream)) == check(encode(stream))
