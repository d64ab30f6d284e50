"""Events to chat.completion.chunk frames: C1, C3, D3."""

import json

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
)
from aiclient2api.canonical.request import Opaque
from aiclient2api.canonical.usage import Usage
from aiclient2api.dialects.base import Answer
from aiclient2api.dialects.openai_chat import OPENAI_CHAT
from tests.dialects.openai_chat.grammar import Json, check, chunks, frames
from tests.strategies import events as answers

SEED = "0123456789abcdef0123456789abcdef"


def answer(*, include_usage: bool = False, thinking: bool = True) -> Answer:
    return Answer(seed=SEED, created=1700000000, model="my-model", include_usage=include_usage, thinking=thinking)


def encode(events: list[Event], shape: Answer | None = None) -> bytes:
    return OPENAI_CHAT.encoder(shape or answer()).encode(events)


def text(index: int, *pieces: str) -> list[Event]:
    return [BlockStart(index, "text"), *(TextDelta(index, piece) for piece in pieces), BlockEnd(index)]


def call(index: int, *pieces: str, id_: str = "call_1", name: str = "look") -> list[Event]:
    deltas = [ArgumentsDelta(index, piece) for piece in pieces]
    return [BlockStart(index, "tool_call", id_, name), *deltas, BlockEnd(index)]


def test_a_text_stream_byte_for_byte() -> None:
    head = (
        'data: {"id":"chatcmpl-' + SEED + '","object":"chat.completion.chunk","created":1700000000,"model":"my-model",'
    )
    open_end = '"logprobs":null,"finish_reason":null}]}\n\n'
    assert encode([Start(), *text(0, "Hé", "y"), Finish("end")]).decode() == (
        head + '"choices":[{"index":0,"delta":{"role":"assistant","content":""},' + open_end +
        head + '"choices":[{"index":0,"delta":{"content":"Hé"},' + open_end +
        head + '"choices":[{"index":0,"delta":{"content":"y"},' + open_end +
        head + '"choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]}\n\n'
        "data: [DONE]\n\n"
    )  # fmt: skip


def test_usage_chunk_only_when_asked_for() -> None:
    """T066: strict parsers look at choices[0] of every chunk."""
    usage = Usage(fresh=13, cache_read=22000, cache_write=5, cache_write_1h=2, output=7, reasoning=3)
    stream: list[Event] = [Start(), *text(0, "x"), UsageUpdate(usage), Finish("end")]
    assert check(encode(stream), include_usage=False)["usage"] is None
    assert check(encode(stream, answer(include_usage=True)), include_usage=True)["usage"] == {
        "prompt_tokens": 22020,
        "completion_tokens": 7,
        "total_tokens": 22027,
        "prompt_tokens_details": {"cached_tokens": 22000, "cache_write_tokens": 7},
        "completion_tokens_details": {"reasoning_tokens": 3},
    }


def test_call_indexes_count_calls_only_and_fragments_keep_their_cuts() -> None:
    """T067, T068: text stands before the call, and the call still has index 0."""
    data = encode([Start(), *text(0, "ok"), *call(1, '{"a"', ":1}"), *call(2, id_="call_2"), Finish("tools")])
    found = check(data, include_usage=False)
    assert found["finish_reason"] == "tool_calls"
    first, second = found["message"]["tool_calls"]
    assert first["function"] == {"name": "look", "arguments": '{"a":1}'}
    assert second["function"]["arguments"] == "{}", "T069: a call without arguments is an empty object"
    pieces = [
        c["choices"][0]["delta"]["tool_calls"][0] for c in chunks(data) if "tool_calls" in c["choices"][0]["delta"]
    ]
    assert [piece["function"]["arguments"] for piece in pieces] == ["", '{"a"', ":1}", "", "{}"]


def test_interleaved_calls_keep_their_index() -> None:
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
    calls = check(encode(stream), include_usage=False)["message"]["tool_calls"]
    assert [each["function"]["arguments"] for each in calls] == ['{"a":1}', '{"b":2}']


def test_a_custom_call_and_one_without_an_id() -> None:
    stream: list[Event] = [
        Start(),
        BlockStart(0, "tool_call", "", "patch", tool_kind="custom", namespace="fs"),
        ArgumentsDelta(0, "*** Begin"),
        BlockEnd(0),
        Finish("tools"),
    ]
    (shown,) = check(encode(stream), include_usage=False)["message"]["tool_calls"]
    assert shown["type"] == "custom"
    assert shown["custom"] == {"name": "fs__patch", "input": "*** Begin"}
    assert shown["id"].startswith("call_")


def test_thinking_is_reasoning_content_unless_unwanted() -> None:
    signed = OpaqueDelta(0, Opaque("anthropic", "signature", "sig"))
    thinking: list[Event] = [BlockStart(0, "thinking"), ThinkingDelta(0, "hm"), signed, BlockEnd(0)]
    stream: list[Event] = [Start(), *thinking, *text(1, "ok"), Finish("end")]
    assert check(encode(stream), include_usage=False)["message"]["reasoning_content"] == "hm"
    assert b"hm" not in encode(stream, answer(thinking=False))


def test_a_thought_signature_travels_with_its_call() -> None:
    state = OpaqueDelta(0, Opaque("gemini", "thought_signature", "c2ln"))
    start = BlockStart(0, "tool_call", "call_1", "look")
    data = encode([Start(), start, state, ArgumentsDelta(0, "{}"), BlockEnd(0), Finish("tools")])
    (shown,) = check(data, include_usage=False)["message"]["tool_calls"]
    assert shown["extra_content"] == {"google": {"thought_signature": "c2ln"}}


@pytest.mark.parametrize(
    ("reason", "calls", "shown"),
    [
        ("end", False, "stop"),
        ("length", False, "length"),
        ("length", True, "length"),
        ("context_window", False, "length"),
        ("stop_sequence", False, "stop"),
        ("tools", True, "tool_calls"),
        ("tools", False, "stop"),
        ("end", True, "tool_calls"),
        ("refusal", False, "content_filter"),
        ("pause", False, "stop"),
        ("malformed_call", False, "stop"),
    ],
)
def test_finish_reasons(reason: FinishReason, calls: bool, shown: str) -> None:
    """T131, T135, T136."""
    stream = [Start(), *(call(0, "{}") if calls else text(0, "x")), Finish(reason)]
    assert check(encode(stream), include_usage=False)["finish_reason"] == shown


def test_a_refusal_in_words() -> None:
    stream: list[Event] = [Start(), BlockStart(0, "refusal"), TextDelta(0, "no"), BlockEnd(0), Finish("refusal")]
    found = check(encode(stream), include_usage=False)
    assert (found["message"]["refusal"], found["finish_reason"]) == ("no", "stop")


def test_sources_come_once_with_their_place_in_the_whole_text() -> None:
    stream: list[Event] = [
        Start(),
        *text(0, "Ab"),
        BlockStart(1, "text"),
        TextDelta(1, "cdé"),
        Citation(1, "https://a.example", "A"),
        Citation(1, "https://b.example", "B", start=1, end=2),
        Citation(1, title="a document"),
        BlockEnd(1),
        Finish("end"),
    ]
    shown = check(encode(stream), include_usage=False)["message"]["annotations"]
    assert [each["url_citation"] for each in shown] == [
        {"url": "https://a.example", "title": "A", "start_index": 2, "end_index": 5},
        {"url": "https://b.example", "title": "B", "start_index": 3, "end_index": 4},
    ]


def test_a_failure_is_the_last_frame() -> None:
    """T070, D3: no finish and no [DONE] after an error; later events are not shown."""
    encoder = OPENAI_CHAT.encoder(answer(include_usage=True))
    data = encoder.encode([Start(), BlockStart(0, "text"), TextDelta(0, "half")])
    data += encoder.encode([Failed(GatewayError("truncated", "cut")), Finish("end")])
    assert encoder.encode([TextDelta(0, "late")]) == b""
    lines = frames(data)
    assert json.loads(lines[-1]) == {
        "error": {"message": "cut", "type": "server_error", "param": None, "code": "upstream_truncated"}
    }
    assert not any("[DONE]" in line or '"finish_reason":"' in line for line in lines)


@given(answers())
def test_every_answer_keeps_the_grammar_at_any_cut(stream: list[Event]) -> None:
    """The same bytes whether events come one by one or all at once."""
    whole = encode(stream, answer(include_usage=True))
    encoder = OPENAI_CHAT.encoder(answer(include_usage=True))
    assert b"".join(encoder.encode([event]) for event in stream) == whole
    message: Json = check(whole, include_usage=True)["message"]
    assert message["content"] == "".join(event.text for event in stream if isinstance(event, TextDelta))
