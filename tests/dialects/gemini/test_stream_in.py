"""Upstream answers to events: T001, T061, T080, T083, T133, T134, T140, T144, T149."""

import json
from typing import Any

import pytest

from aiclient2api.canonical.events import (
    ArgumentsDelta,
    BlockEnd,
    BlockStart,
    Citation,
    Event,
    Failed,
    Finish,
    OpaqueDelta,
    Start,
    UsageUpdate,
)
from aiclient2api.canonical.request import Block, Foreign, Opaque, Text, Thinking, ToolCall
from aiclient2api.canonical.response import Response, fold
from aiclient2api.canonical.usage import Usage
from aiclient2api.canonical.validate import EventValidator
from aiclient2api.dialects.gemini import GEMINI
from aiclient2api.wire.sse import MAX_EVENT_BYTES

Json = dict[str, Any]
SIGNATURE = "c2lnbmF0dXJl"
MINE = Opaque("gemini", "thought_signature", SIGNATURE)


def candidate(*parts: object, finish: str | None = None, **more: object) -> Json:
    found: Json = {"content": {"role": "model", "parts": list(parts)}, "index": 0, **more}
    return found if finish is None else found | {"finishReason": finish}


def chunk(*parts: object, finish: str | None = None, usage: object = None, **more: object) -> Json:
    body: Json = {"candidates": [candidate(*parts, finish=finish, **more)], "modelVersion": "m", "responseId": "r1"}
    return body if usage is None else body | {"usageMetadata": usage}


def sse(*chunks: object) -> str:
    return "".join(f"data: {json.dumps(each, ensure_ascii=False)}\r\n\r\n" for each in chunks)


def decode(stream: str | bytes, size: int | None = None) -> list[Event]:
    """All events, their order checked. `size` cuts the bytes into pieces."""
    data = stream if isinstance(stream, bytes) else stream.encode()
    decoder = GEMINI.decoder()
    step = size or max(1, len(data))
    events: list[Event] = []
    for start in range(0, len(data), step):
        events += decoder.feed(data[start : start + step])
    events += decoder.close()
    assert decoder.feed(b"data: {}\n\n") == decoder.close() == []
    EventValidator().feed(events)
    return events


def whole(body: object) -> list[Event]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    events = list(GEMINI.decode_response(data))
    EventValidator().feed(events)
    return events


def blocks(*parts: object) -> tuple[Block, ...]:
    """Of an answer that is streamed with one part a chunk; a whole answer says the same."""
    found = fold(decode(sse(*(chunk(part) for part in parts), chunk(finish="STOP")))).blocks
    assert fold(decode(sse(chunk(*parts, finish="STOP")), 1)).blocks == found
    assert fold(whole(chunk(*parts, finish="STOP"))).blocks == found
    return found


def call(name: str = "f", signature: str | None = None, **members: object) -> Json:
    part: Json = {"functionCall": {"name": name, **members}}
    return part if signature is None else part | {"thoughtSignature": signature}


USAGE = {
    "promptTokenCount": 100,
    "cachedContentTokenCount": 80,
    "candidatesTokenCount": 7,
    "thoughtsTokenCount": 3,
    "totalTokenCount": 110,
}
SAMPLE = (
    "data: {}\r\n\r\n"
    + sse(
        chunk({"text": "let ", "thought": True}, usage={"promptTokenCount": 100, "totalTokenCount": 100}),
        chunk({"text": "me", "thought": True}),
        chunk({"text": "Grüße "}),
        chunk({"text": "\u2028\U0001f600"}),
        chunk(call(id="c1", args={"q": "\u4e2d", "big": 2**60}, signature=SIGNATURE), call("g", id="c2", args={})),
        chunk({"text": ""}, finish="STOP", usage=USAGE),
    )
)  # fmt: skip
SAMPLE_RESPONSE = Response(
    "r1",
    "m",
    (
        Thinking("let me"),
        Text("Grüße \u2028\U0001f600"),
        ToolCall("c1", "f", '{"q": "\u4e2d", "big": 1152921504606846976}', opaque=(MINE,)),
        ToolCall("c2", "g", "{}"),
    ),
    Finish("tools"),
    Usage(fresh=20, cache_read=80, output=10, reasoning=3),
)


@pytest.mark.parametrize("size", [None, 1, 2, 7, 100])
def test_a_sound_stream_at_any_cut(size: int | None) -> None:
    """C3: T061, T080, T083: every byte border, big integers, calls that end with STOP."""
    assert fold(decode(SAMPLE, size)) == SAMPLE_RESPONSE


@pytest.mark.parametrize("size", [None, 1, 100])
def test_an_array_of_chunks(size: int | None) -> None:
    """T053, as a client."""
    array = "\n[" + ",\r\n".join(each.removeprefix("data: ") for each in SAMPLE.split("\r\n\r\n")[:-1]) + "\n]"
    assert fold(decode(array, size)) == SAMPLE_RESPONSE
    assert fold(whole(array.encode())) == SAMPLE_RESPONSE


def test_a_stream_cut_at_every_byte_is_whole_or_failed() -> None:
    """T149, D3: never a normal end before the finish was seen."""
    data = SAMPLE.encode()
    seen = data.index(b'"finishReason"')
    for end in range(len(data)):
        last = decode(data[:end])[-1]
        if end < seen:
            assert isinstance(last, Failed), end
            assert last.error.kind == "truncated"
    assert isinstance(decode(data.rstrip())[-1], Finish), "the last blank line may be missing"


def test_an_array_cut_at_every_byte_is_failed() -> None:
    data = json.dumps([chunk({"text": "x"}), chunk(call(args={"a": [1]}), finish="STOP")]).encode()
    for end in range(len(data)):
        assert isinstance(decode(data[:end])[-1], Failed), end
    assert isinstance(decode(data)[-1], Finish)


def test_a_call_is_shown_whole_with_its_state_in_front() -> None:
    """T001: Claude's clients can only give it back if it comes before the arguments."""
    events = decode(sse(chunk(call(id="c", args={"a": 1}, signature=SIGNATURE), finish="STOP")))
    assert events == [
        Start("r1", "m"),
        BlockStart(0, "tool_call", "c", "f"),
        OpaqueDelta(0, MINE),
        ArgumentsDelta(0, '{"a": 1}'),
        BlockEnd(0),
        Finish("tools"),
    ]


def test_calls_without_ids_get_the_same_ones_every_time() -> None:
    """T101."""
    parts = [call(args={"a": 1}), call(args={"a": 1})]
    first, second = (fold(decode(sse(chunk(*parts, finish="STOP")))).blocks for _ in range(2))
    assert first == second
    ids = [block.id for block in first if isinstance(block, ToolCall)]
    assert len(set(ids)) == 2
    assert all(each.startswith("call_") for each in ids)


PARTS: dict[str, tuple[list[object], tuple[Block, ...]]] = {
    "texts are one": ([{"text": "a"}, {"text": ""}, {"text": "b"}], (Text("ab"),)),
    "thinking again": (
        [{"text": "a", "thought": True}, {"text": "b"}, {"text": "c", "thought": True}],
        (Thinking("a"), Text("b"), Thinking("c")),
    ),
    "signature behind text": (
        [{"text": "a"}, {"text": "", "thoughtSignature": SIGNATURE}],
        (Text("a"), Thinking("", (MINE,))),
    ),
    "signature on text": (
        [{"text": "a", "thoughtSignature": SIGNATURE}, {"text": "b"}],
        (Text("a"), Thinking("", (MINE,)), Text("b")),
    ),
    "signature alone": ([{"thoughtSignature": SIGNATURE}], (Thinking("", (MINE,)),)),
    "signed thought": (
        [{"text": "a", "thought": True, "thoughtSignature": SIGNATURE}, {"text": "b", "thought": True}],
        (Thinking("a", (MINE,)), Thinking("b")),
    ),
    "signature behind a thought": (
        [{"text": "a", "thought": True}, {"text": "", "thought": True, "thoughtSignature": SIGNATURE}],
        (Thinking("a", (MINE,)),),
    ),
    "signature for thoughts that are not shown": (
        [{"text": "", "thought": True, "thoughtSignature": SIGNATURE}, {"text": "a"}],
        (Thinking("", (MINE,)), Text("a")),
    ),
    "two signatures": (
        [{"text": "a"}, {"text": "", "thoughtSignature": SIGNATURE}, {"text": "", "thoughtSignature": SIGNATURE}],
        (Text("a"), Thinking("", (MINE,)), Thinking("", (MINE,))),
    ),
    "empty thought": ([{"text": "", "thought": True}, {"text": "a"}], (Text("a"),)),
    "no arguments": ([call(id="c")], (ToolCall("c", "f", "{}"),)),
    "arguments as text": ([call(id="c", args='{"a":1}')], (ToolCall("c", "f", '{"a":1}'),)),
    "picture": (
        [{"text": "a"}, {"inlineData": {"mimeType": "image/png", "data": "AA=="}}],
        (Text("a"), Foreign("gemini", "inlineData", b'{"inlineData": {"mimeType": "image/png", "data": "AA=="}}')),
    ),
    "empty part": ([{}, {"text": "a"}], (Text("a"),)),
}


@pytest.mark.parametrize("name", PARTS)
def test_parts(name: str) -> None:
    parts, expected = PARTS[name]
    assert blocks(*parts) == expected


ENDS: dict[str, tuple[list[object], str]] = {
    "stop": ([chunk({"text": "x"}, finish="STOP")], "end"),
    "length": ([chunk({"text": "x"}, finish="MAX_TOKENS")], "length"),
    "safety": ([chunk({"text": "x"}, finish="SAFETY")], "refusal"),
    "recitation without content": ([{"candidates": [{"finishReason": "RECITATION"}]}], "refusal"),
    "pause": ([chunk({"text": "x"}, finish="CONTINUATION")], "pause"),
    "bad call behind text": ([chunk({"text": "x"}, finish="MALFORMED_FUNCTION_CALL")], "malformed_call"),
    "unknown word behind text": ([chunk({"text": "x"}, finish="OTHER")], "end"),
    "calls": ([chunk(call(), finish="STOP")], "tools"),
    "calls and an unknown word": ([chunk(call(), finish="OTHER")], "tools"),
    "calls and the limit": ([chunk(call(), finish="MAX_TOKENS")], "length"),
    "stop on every chunk": ([chunk({"text": "x"}, finish="STOP"), chunk({"text": "y"}, finish="MAX_TOKENS")], "length"),
    "unspecified in between": (
        [chunk({"text": "x"}, finish="FINISH_REASON_UNSPECIFIED"), chunk(finish="STOP")],
        "end",
    ),
    "nothing but a stop": ([{"candidates": [{"finishReason": "STOP"}]}], "end"),
    "usage behind the finish": (
        [chunk({"text": "x"}, finish="STOP"), {"usageMetadata": {"promptTokenCount": 1}}],
        "end",
    ),
    "Code Assist": ([{"response": chunk({"text": "x"}, finish="STOP"), "traceId": "t"}], "end"),
    "blocked prompt": ([{"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": USAGE}], "refusal"),
    "second candidate": (
        [{"candidates": [candidate({"text": "x"}, finish="STOP"), {"index": 1, "finishReason": "SAFETY"}]}],
        "end",
    ),
}


@pytest.mark.parametrize("name", ENDS)
def test_ends(name: str) -> None:
    """T131, T133, T135."""
    chunks, reason = ENDS[name]
    for size in (None, 1):
        last = decode(sse(*chunks), size)[-1]
        assert isinstance(last, Finish)
        assert last.reason == reason


def details(events: list[Event]) -> Json:
    last = events[-1]
    assert isinstance(last, Finish)
    assert last.details is not None
    found: Json = json.loads(last.details)
    return found


def test_a_refusal_tells_why() -> None:
    """In the form of Anthropic's stop_details, with Gemini's own word."""
    assert details(decode(sse(chunk(finish="SPII", finishMessage="Because.")))) == {
        "type": "refusal",
        "category": None,
        "explanation": "Because.",
        "finish_reason": "SPII",
    }
    blocked = {"promptFeedback": {"blockReason": "BLOCKLIST"}}
    assert details(whole(blocked)) == {
        "type": "refusal",
        "category": None,
        "explanation": "The prompt was blocked: BLOCKLIST.",
        "block_reason": "BLOCKLIST",
    }
    assert fold(whole(blocked)).blocks == ()


FAILURES: dict[str, tuple[str, str, str]] = {
    "nothing": ("", "truncated", "before it was complete"),
    "no finish": (sse(chunk({"text": "x"})), "truncated", "before it was complete"),
    "keep-alives only": ("data: {}\r\n\r\n", "truncated", "before it was complete"),
    "error object": (
        sse(chunk({"text": "x"}), {"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}}),
        "overloaded",
        "busy",
    ),
    "error text": (sse({"error": "broken"}), "upstream", "broken"),
    "JSON error": (
        '{"error":{"code":429,"message":"slow down","status":"RESOURCE_EXHAUSTED"}}',
        "rate_limit",
        "slow down",
    ),
    "error in a list": ('[{"error":{"code":400,"message":"bad","status":"INVALID_ARGUMENT"}}]', "bad_request", "bad"),
    "bad call without an answer": (
        sse(chunk(finish="MALFORMED_FUNCTION_CALL", finishMessage="default_api.f(")),
        "upstream",
        "MALFORMED_FUNCTION_CALL: default_api.f(",
    ),
    "bad call behind a thought": (
        sse(chunk({"text": "x", "thought": True}, finish="UNEXPECTED_TOOL_CALL")),
        "upstream",
        "UNEXPECTED_TOOL_CALL",
    ),
    "unknown reason without an answer": (sse(chunk(finish="OTHER")), "upstream", "OTHER"),
    "arguments in pieces": (sse(chunk(call(partialArgs=[{"jsonPath": "$.a"}]))), "upstream", "not asked for"),
    "nameless call": (sse(chunk(call(""))), "upstream", "without a name"),
    "arguments of a wrong type": (sse(chunk(call(args=[1]))), "upstream", "must be an object"),
    "unreadable": ("data: {nope\n\n", "upstream", "cannot be read"),
    "wrong type": ('data: {"candidates":"x"}\n\n', "upstream", "cannot be read"),
    "part of a wrong type": (sse(chunk(5)), "upstream", "cannot be read"),
    "web page": ("<!DOCTYPE html><html>", "upstream", "web page"),
    "no candidates": ('{"candidates":[]}', "upstream", "no candidates"),
    "broken body": ('{"candidates":', "upstream", "cannot be read"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_failures(name: str) -> None:
    """T134: an empty answer would leave an agent waiting."""
    stream, kind, words = FAILURES[name]
    for size in (None, 1):
        last = decode(stream, size)[-1]
        assert isinstance(last, Failed)
        assert (last.error.kind, words in last.error.message) == (kind, True), last.error.message


def test_nothing_follows_an_error() -> None:
    events = decode(sse({"error": "broken"}, chunk({"text": "late"}, finish="STOP")))
    assert [type(event).__name__ for event in events] == ["Failed"]


@pytest.mark.parametrize("start", ["data: ", "["])
def test_an_answer_that_is_too_large(start: str) -> None:
    decoder = GEMINI.decoder()
    decoder.feed(start.encode())
    large = b"x" * (MAX_EVENT_BYTES + 1)
    (failed,) = decoder.feed(large)
    assert isinstance(failed, Failed)
    assert failed.error.kind == "upstream"
    assert decoder.feed(large) == decoder.close() == []


def test_what_came_before_an_error_stays() -> None:
    events = decode("[" + json.dumps(chunk({"text": "x"})) + ',{"error":{"code":500,"message":"oops"}}]')
    assert [type(event).__name__ for event in events] == ["Start", "BlockStart", "TextDelta", "Failed"]


def test_a_body_that_is_empty_or_no_answer() -> None:
    for body, words in ((b"", "it is empty"), (b"[]", "before it was complete"), (b"{}", "no candidates")):
        (failed,) = whole(body)
        assert isinstance(failed, Failed)
        assert words in failed.error.message


def test_a_whole_answer_needs_no_finish_reason() -> None:
    assert fold(whole(chunk({"text": "x"}))) == Response("r1", "m", (Text("x"),), Finish("end"), Usage())


COUNTS: dict[str, tuple[Json, Usage]] = {
    "cached": (USAGE, Usage(fresh=20, cache_read=80, output=10, reasoning=3)),
    "tools' prompt beside the prompt": (
        {"promptTokenCount": 10, "toolUsePromptTokenCount": 5, "candidatesTokenCount": 1, "totalTokenCount": 16},
        Usage(fresh=15, output=1),
    ),
    "tools' prompt within the prompt": (
        {"promptTokenCount": 15, "toolUsePromptTokenCount": 5, "candidatesTokenCount": 1, "totalTokenCount": 16},
        Usage(fresh=15, output=1),
    ),
    "no total": ({"promptTokenCount": 10, "toolUsePromptTokenCount": 5}, Usage(fresh=15)),
    "a total without the thoughts": (
        {"promptTokenCount": 10, "candidatesTokenCount": 2, "thoughtsTokenCount": 30, "totalTokenCount": 12},
        Usage(fresh=10, output=32, reasoning=30),
    ),
    "more cached than asked": ({"promptTokenCount": 5, "cachedContentTokenCount": 9}, Usage(cache_read=9)),
    "nulls": ({"promptTokenCount": None, "totalTokenCount": 0}, Usage()),
}


@pytest.mark.parametrize("name", COUNTS)
def test_usage(name: str) -> None:
    """T140."""
    counts, usage = COUNTS[name]
    events = decode(sse(chunk({"text": "x"}, usage={"promptTokenCount": 99}), chunk(finish="STOP", usage=counts)))
    assert fold(events).usage == usage
    assert sum(isinstance(event, UsageUpdate) for event in events) == 2


WEB = [{"web": {"uri": "https://a.example", "title": "A"}}, {"retrievedContext": {"uri": "b", "title": "B"}}, {}]


def test_sources() -> None:
    """T144: bytes over the whole text to code points within the block; the same source is told once."""
    grounding = {
        "webSearchQueries": ["q", "r"],
        "groundingChunks": WEB,
        "groundingSupports": [
            {"segment": {"startIndex": 4, "endIndex": 11, "text": "Grüße"}, "groundingChunkIndices": [0, 1, 7]},
            {"segment": {"endIndex": 3}, "groundingChunkIndices": [0]},
        ],
    }
    events = decode(
        sse(
            chunk({"text": "äa "}, {"text": "hm", "thought": True}, {"text": "Grüße \U0001f600"}),
            chunk({"text": "", "thoughtSignature": SIGNATURE}, groundingMetadata=grounding),
            chunk(finish="STOP", usage=USAGE, groundingMetadata=grounding),
        )
    )
    assert [event for event in events if isinstance(event, Citation)] == [
        Citation(2, "https://a.example", "A", "Grüße", 0, 5),
        Citation(2, "b", "B", "Grüße", 0, 5),
        Citation(2, "https://a.example", "A", "", 0, 0),
    ]
    found = fold(events)
    assert found.blocks[-1] == Thinking("", (MINE,))
    assert found.usage.web_searches == 2


def test_sources_of_other_kinds() -> None:
    unplaced = fold(whole(chunk({"text": "ä"}, finish="STOP", groundingMetadata={"groundingChunks": WEB[:1]})))
    assert unplaced.citations == (Citation(0, "https://a.example", "A", "", 0, None),)
    for member in ("citationSources", "citations"):
        metadata = {member: [{"startIndex": 2, "endIndex": 3, "uri": "u", "title": "T"}]}
        found = fold(whole(chunk({"text": "äb"}, finish="STOP", citationMetadata=metadata)))
        assert found.citations == (Citation(0, "u", "T", start=1, end=2),)
    assert fold(whole(chunk(call(), groundingMetadata={"groundingChunks": WEB}))).citations == ()
