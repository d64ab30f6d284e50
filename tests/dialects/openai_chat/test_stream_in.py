"""Upstream streams of all kinds to events: T086 to T088, T135, T136, T149."""

import json
from typing import Any

import pytest

from aiclient2api.canonical.events import BlockEnd, BlockStart, Event, Failed, Finish, Start, UsageUpdate
from aiclient2api.canonical.request import Block, Opaque, Refusal, Text, Thinking, ToolCall
from aiclient2api.canonical.response import Response, fold
from aiclient2api.canonical.usage import Usage
from aiclient2api.canonical.validate import EventValidator
from aiclient2api.dialects.openai_chat import OPENAI_CHAT

DONE = "data: [DONE]\n\n"
NULL: dict[str, Any] = {}


def chunk(delta: object = NULL, finish: str | None = None, **more: object) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    body = {"id": "c1", "object": "chat.completion.chunk", "model": "m", "choices": [choice], **more}
    return f"data: {json.dumps(body)}\n\n"


def calls(*fragments: object) -> str:
    return chunk({"tool_calls": list(fragments)})


def fragment(index: int | None = None, id_: str | None = None, name: str | None = None, text: str = "") -> object:
    call: dict[str, object] = {"function": {"name": name, "arguments": text}}
    if index is not None:
        call["index"] = index
    if id_ is not None:
        call["id"] = id_
    return call


def decode(stream: str | bytes, size: int | None = None) -> list[Event]:
    """All events, their order checked. `size` cuts the bytes into pieces."""
    data = stream if isinstance(stream, bytes) else stream.encode()
    decoder = OPENAI_CHAT.decoder()
    step = size or max(1, len(data))
    events: list[Event] = []
    for start in range(0, len(data), step):
        events += decoder.feed(data[start : start + step])
    events += decoder.close()
    assert decoder.feed(b"data: {}\n\n") == decoder.close() == []
    EventValidator().feed(events)
    return events


def blocks(stream: str) -> tuple[Block, ...]:
    return fold(decode(stream)).blocks


def finish(events: list[Event]) -> str:
    last = events[-1]
    assert isinstance(last, Finish)
    return last.reason


def failure(events: list[Event]) -> tuple[str, str]:
    last = events[-1]
    assert isinstance(last, Failed)
    return last.error.kind, last.error.message


SAMPLE = (
    ": OPENROUTER PROCESSING\n\n"
    + chunk({"role": "assistant", "content": ""})
    + chunk({"reasoning_content": "let me"})
    + chunk({"content": "Grüße \u2028\U0001f600"})
    + calls(fragment(0, "call_a", "look", ""))
    + calls(fragment(0, None, None, '{"q":"\u4e2d'))
    + calls(fragment(0, None, None, '"}'))
    + chunk({}, "tool_calls")
    + 'data: {"id":"c1","choices":[],"usage":{"prompt_tokens":100,"completion_tokens":9,"total_tokens":109,'
    '"prompt_tokens_details":{"cached_tokens":80,"cache_write_tokens":5},'
    '"completion_tokens_details":{"reasoning_tokens":4}}}\n\n' + DONE
)
SAMPLE_RESPONSE = Response(
    "c1",
    "m",
    (Thinking("let me"), Text("Grüße \u2028\U0001f600"), ToolCall("call_a", "look", '{"q":"\u4e2d"}')),
    Finish("tools"),
    Usage(fresh=15, cache_read=80, cache_write=5, output=9, reasoning=4),
)


@pytest.mark.parametrize("size", [None, 1, 2, 7, 100])
def test_a_sound_stream_at_any_cut(size: int | None) -> None:
    """C3: T008, T083: usage after the finish, every byte border."""
    assert fold(decode(SAMPLE, size)) == SAMPLE_RESPONSE


def test_bytes_after_the_end_are_ignored() -> None:
    assert fold(decode(SAMPLE + chunk({"content": "late"}) + "garbage")) == SAMPLE_RESPONSE


def test_a_stream_cut_at_every_byte_is_whole_or_failed() -> None:
    """T149, D3: never a normal end before the finish was seen."""
    data = SAMPLE.encode()
    seen = data.index(b'"finish_reason": "tool_calls"')
    for end in range(len(data)):
        last = decode(data[:end])[-1]
        if end < seen:
            assert isinstance(last, Failed), end
            assert last.error.kind == "truncated"
    assert isinstance(decode(data[: seen + 40])[-1], Finish)


ENDS: dict[str, tuple[str, str]] = {
    "no [DONE]": (chunk({"content": "x"}) + chunk({}, "stop"), "end"),
    "no finish": (chunk({"content": "x"}) + DONE, "end"),
    "finish in the content's chunk": (chunk({"content": "x"}, "stop") + DONE, "end"),
    "last event without its blank line": ((chunk({"content": "x"}) + DONE).rstrip("\n"), "end"),
    "finish twice": (chunk({"content": "x"}, "length") + chunk({}, "stop") + DONE, "length"),
    "stop with calls": (calls(fragment(0, "a", "f", "{}")) + chunk({}, "stop") + DONE, "tools"),
    "tool_calls without a call": (chunk({"content": "x"}) + chunk({}, "tool_calls") + DONE, "end"),
    "tool_calls with a nameless call": (calls(fragment(0, "a", None, "{}")) + chunk({}, "tool_calls") + DONE, "end"),
    "content filter": (chunk({}, "content_filter") + DONE, "refusal"),
    "unknown word": (chunk({"content": "x"}, "eos") + DONE, "end"),
    "empty choices first": ('data: {"id":"","choices":[]}\n\n' + chunk({"content": "x"}, "stop") + DONE, "end"),
    "null everywhere": (
        'data: {"id":null,"model":null,"choices":null,"usage":null,"error":null}\n\n'
        + chunk(None)
        + chunk({"content": None, "tool_calls": None, "refusal": None})
        + chunk({"tool_calls": [{"index": 0, "id": "", "function": {"name": None, "arguments": None}}]})
        + chunk({}, "stop")
        + DONE,
        "end",
    ),
    "[DONE] alone": (DONE, "end"),
    "CRLF": ((chunk({"content": "x"}, "stop") + DONE).replace("\n", "\r\n"), "end"),
}


@pytest.mark.parametrize("name", ENDS)
def test_ends_that_are_read_over(name: str) -> None:
    stream, reason = ENDS[name]
    for size in (None, 1):
        assert finish(decode(stream, size)) == reason


FAILURES: dict[str, tuple[str, str, str]] = {
    "nothing": ("", "truncated", "before it was complete"),
    "neither finish nor [DONE]": (chunk({"content": "x"}), "truncated", "before it was complete"),
    "[DONE] inside a call": (calls(fragment(0, "a", "f", '{"x":')) + DONE, "truncated", "before"),
    "error object": ('data: {"error":{"message":"busy","code":"overloaded"}}\n\n', "overloaded", "busy"),
    "error with a status": ('data: {"error":{"message":"slow down","code":429}}\n\n', "rate_limit", "slow down"),
    "error text": ('data: {"error":"broken"}\n\n', "upstream", "broken"),
    "error event": ('event: error\ndata: {"message":"oops"}\n\n', "upstream", "oops"),
    "old error object": ('data: {"object":"error","message":"too long"}\n\n', "upstream", "too long"),
    "error as finish": (chunk({}, "error"), "upstream", "no reason"),
    "unreadable": ("data: {nope\n\n", "upstream", "cannot be read"),
    "wrong type": ('data: {"choices":"x"}\n\n', "upstream", "cannot be read"),
    "JSON body": ('\n {"error":{"message":"no money","code":"insufficient_quota"}}', "quota", "no money"),
    "JSON list": ('[{"error":{"message":"bad","code":400}}]', "bad_request", "bad"),
    "web page": ("<!DOCTYPE html><html>", "upstream", "web page"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_failures(name: str) -> None:
    stream, kind, words = FAILURES[name]
    for size in (None, 1):
        found, message = failure(decode(stream, size))
        assert (found, words in message) == (kind, True), message


def test_a_whole_answer_to_a_streaming_request() -> None:
    body = {"id": "c", "model": "m", "choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}]}
    assert fold(decode(json.dumps(body))).blocks == (Text("hi"),)


CALLS: dict[str, tuple[str, tuple[Block, ...]]] = {
    "name late": (
        calls(fragment(0, "a", None, '{"x"')) + calls(fragment(0, None, "f", ":1}")),
        (ToolCall("a", "f", '{"x":1}'),),
    ),
    "id late": (
        calls(fragment(0, None, "f", '{"x"')) + calls(fragment(0, "a", None, ":1}")),
        (ToolCall("a", "f", '{"x":1}'),),
    ),
    "no index": (
        calls(fragment(None, "a", "f", '{"x"')) + calls(fragment(None, None, None, ":1}"))
        + calls(fragment(None, "b", "g", "{}")),
        (ToolCall("a", "f", '{"x":1}'), ToolCall("b", "g", "{}")),
    ),
    "id and name repeated": (
        calls(fragment(0, "a", "f", '{"x"')) + calls(fragment(0, "a", "f", ":1}")),
        (ToolCall("a", "f", '{"x":1}'),),
    ),
    "all at index 0": (
        calls(fragment(0, "a", "f", "{}"), fragment(0, "b", "f", '{"y":2}')),
        (ToolCall("a", "f", "{}"), ToolCall("b", "f", '{"y":2}')),
    ),
    "interleaved": (
        calls(fragment(0, "a", "f", '{"x"'), fragment(1, "b", "g", '{"y"'))
        + calls(fragment(1, None, None, ":2}")) + calls(fragment(0, None, None, ":1}")),
        (ToolCall("a", "f", '{"x":1}'), ToolCall("b", "g", '{"y":2}')),
    ),
    "arguments as an object": (
        chunk({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": {"x": 1}}}]}),
        (ToolCall("a", "f", '{"x":1}'),),
    ),
    "custom": (
        chunk({"tool_calls": [{"index": 0, "id": "a", "type": "custom", "custom": {"name": "f", "input": "raw"}}]}),
        (ToolCall("a", "f", "raw", "custom"),),
    ),
    "thought signature": (
        chunk({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"},
                               "extra_content": {"google": {"thought_signature": "c2ln"}}}]}),
        (ToolCall("a", "f", "{}", opaque=(Opaque("gemini", "thought_signature", "c2ln"),)),),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_calls_as_servers_send_them(name: str) -> None:
    stream, expected = CALLS[name]
    assert blocks(stream + chunk({}, "tool_calls") + DONE) == expected


def test_a_call_without_an_id_gets_the_same_one_every_time() -> None:
    stream = calls(fragment(0, None, "f", "{}")) + chunk({"function_call": None}, "tool_calls")
    (first,), (second,) = blocks(stream), blocks(stream)
    assert isinstance(first, ToolCall)
    assert first == second
    assert first.id.startswith("call_")


def test_a_whole_call_is_closed_when_something_else_begins() -> None:
    events = decode(
        calls(fragment(0, "a", "f", '{"x":1}')) + calls(fragment(1, "b", "g", "{}")) + chunk({}, "tool_calls") + DONE
    )
    starts = [event for event in events if isinstance(event, BlockStart | BlockEnd)]
    assert starts == [
        BlockStart(0, "tool_call", "a", "f"), BlockEnd(0), BlockStart(1, "tool_call", "b", "g"), BlockEnd(1),
    ]  # fmt: skip


def test_a_call_cut_by_length_stays_open() -> None:
    """D3: an unfinished call is not shown as finished, and what there is of it is kept."""
    events = decode(calls(fragment(0, "a", "f", '{"x":')) + chunk({}, "length") + DONE)
    assert not any(isinstance(event, BlockEnd) for event in events)
    response = fold(events)
    assert (response.blocks, response.finish.reason) == ((ToolCall("a", "f", '{"x":'),), "length")


PROSE: dict[str, tuple[list[object], tuple[Block, ...]]] = {
    "reasoning": ([{"reasoning": "a"}, {"content": "b"}], (Thinking("a"), Text("b"))),
    "both spellings": ([{"reasoning": "a", "reasoning_content": "a"}], (Thinking("a"),)),
    "one delta with both": ([{"reasoning_content": "a", "content": "b"}], (Thinking("a"), Text("b"))),
    "thinking again": (
        [{"reasoning_content": "a"}, {"content": "b"}, {"reasoning_content": "c"}],
        (Thinking("a"), Text("b"), Thinking("c")),
    ),
    "reasoning that is no text": ([{"reasoning": {"x": 1}, "content": "b"}], (Text("b"),)),
    "parts": (
        [{"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "a"}]}]},
         {"content": [{"type": "text", "text": "b"}]}],
        (Thinking("a"), Text("b")),
    ),
    "refusal": ([{"refusal": "n"}, {"refusal": "o"}], (Refusal("no"),)),
    "thinking blocks": (
        [{"reasoning_content": "a", "thinking_blocks": [{"type": "thinking", "thinking": "a", "signature": ""}]},
         {"thinking_blocks": [{"type": "thinking", "thinking": "", "signature": "sig"}]}],
        (Thinking("a", (Opaque("anthropic", "signature", "sig"),)),),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PROSE)
def test_text_thinking_and_refusals(name: str) -> None:
    """T005: each kind is a block of its own, closed before the next begins."""
    deltas, expected = PROSE[name]
    assert blocks("".join(chunk(delta) for delta in deltas) + DONE) == expected


def test_usage_on_every_chunk_counts_once() -> None:
    """T088."""
    stream = "".join(
        chunk({"content": "x"}, usage={"prompt_tokens": 10, "completion_tokens": count}) for count in (1, 2, 3)
    )
    events = decode(stream + chunk({}, "stop") + DONE)
    assert fold(events).usage == Usage(fresh=10, output=3)
    assert fold(decode(chunk({"content": "x"}, "stop") + DONE)).usage == Usage()


def test_usage_never_becomes_negative() -> None:
    usage = {"prompt_tokens": 5, "completion_tokens": None, "prompt_tokens_details": {"cached_tokens": 9.0}}
    events = decode(chunk({}, "stop", usage=usage))
    assert [event for event in events if isinstance(event, UsageUpdate)] == [UsageUpdate(Usage(cache_read=9))]


def test_only_the_first_choice_counts() -> None:
    second = 'data: {"choices":[{"index":1,"delta":{"content":"other"}}]}\n\n'
    events = decode(chunk({"content": "x"}) + second + chunk({}, "stop"))
    assert fold(events).blocks == (Text("x"),)
    assert events[0] == Start("c1", "m")
