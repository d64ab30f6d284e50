"""Events to the frames of a Messages stream."""

import json
import re
from typing import Any

import msgspec
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
from aiclient2api.canonical.request import Foreign, Opaque, Refusal, Text, Thinking, ToolCall
from aiclient2api.canonical.response import Response, fold
from aiclient2api.canonical.usage import Usage
from aiclient2api.dialects import opaque
from aiclient2api.dialects.anthropic import ANTHROPIC
from aiclient2api.dialects.base import Answer
from tests.dialects.anthropic.grammar import check, frames
from tests.dialects.anthropic.samples import ANSWER
from tests.strategies import events

USAGE = Usage(fresh=10, cache_read=5, cache_write=3, cache_write_1h=4, output=9, reasoning=2, web_searches=1)
UNESTIMATED = msgspec.structs.replace(ANSWER, input_estimate=lambda: 0)
SIGNED = Opaque("anthropic", "signature", "sig")


def streamed(sequence: list[Event], answer: Answer = ANSWER) -> list[dict[str, Any]]:
    return check(ANTHROPIC.encoder(answer).encode(sequence))


def content(found: list[dict[str, Any]]) -> list[str]:
    """The blocks in short: "type:what was streamed into it"."""
    out: list[str] = []
    for each in found:
        if each["type"] == "content_block_start":
            out.append(each["content_block"]["type"] + ":")
        elif each["type"] == "content_block_delta" and each["delta"]["type"] != "signature_delta":
            out[-1] += str(next(value for key, value in each["delta"].items() if key != "type"))
    return out


def whole(*blocks: list[Event], reason: FinishReason = "end") -> list[Event]:
    return [Start("up", "up"), *(event for block in blocks for event in block), UsageUpdate(USAGE), Finish(reason)]


def text(index: int, words: str, kind: Any = "text") -> list[Event]:
    return [BlockStart(index, kind), TextDelta(index, words), BlockEnd(index)]


def call(index: int, name: str = "f", call_id: str = "call_1", arguments: str = '{"a":1}') -> list[Event]:
    return [BlockStart(index, "tool_call", call_id, name), ArgumentsDelta(index, arguments), BlockEnd(index)]


def thought(index: int, *state: Opaque, words: str = "hm") -> list[Event]:
    return [
        BlockStart(index, "thinking"),
        *([ThinkingDelta(index, words)] if words else []),
        *(OpaqueDelta(index, each) for each in state),
        BlockEnd(index),
    ]


def test_the_exact_bytes_of_a_short_answer() -> None:
    sent = ANTHROPIC.encoder(ANSWER).encode(whole(text(0, 'é"\n\u2028')))
    assert sent.split(b"\n\n")[1:4] == [
        b'event: content_block_start\ndata: {"type":"content_block_start","index":0,'
        b'"content_block":{"type":"text","text":""}}',
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
        b'"delta":{"type":"text_delta","text":"' + 'é\\"\\n\u2028"}}'.encode(),
        b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}',
    ]


def test_message_start() -> None:
    """The client's own model name, an id of ours, the estimate until the upstream has counted."""
    start = streamed(whole())[0]["message"]
    assert (start["id"], start["model"]) == ("msg_0123456789abcdef01234567", "asked-model")
    assert start["usage"]["input_tokens"] == 7
    counted = streamed([Start("up", "up", USAGE), Finish("end")])[0]["message"]["usage"]
    assert counted["input_tokens"] == 10
    assert counted["cache_creation_input_tokens"] == 7
    assert counted["cache_creation"] == {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 4}


def test_usage_at_the_end_is_whole() -> None:
    usage = streamed(whole(text(0, "a")))[-2]["usage"]
    assert usage["input_tokens"] == 10
    assert usage["cache_read_input_tokens"] == 5
    assert usage["output_tokens"] == 9
    assert usage["output_tokens_details"] == {"thinking_tokens": 2}
    assert usage["server_tool_use"]["web_search_requests"] == 1


def test_an_upstream_that_never_counts_leaves_the_estimate() -> None:
    sequence: list[Event] = [Start(), UsageUpdate(Usage(output=3, reasoning=1)), Finish("end")]
    usage = streamed(sequence)[-2]["usage"]
    assert (usage["input_tokens"], usage["output_tokens"]) == (7, 3)
    assert usage["output_tokens_details"] == {"thinking_tokens": 1}
    assert json.loads(ANTHROPIC.encode_response(fold(sequence), ANSWER))["usage"] == usage
    assert streamed([Start(), Finish("end")])[-2]["usage"]["input_tokens"] == 7


@pytest.mark.parametrize(
    ("reason", "calls", "shown"),
    [
        ("end", 0, "end_turn"),
        ("end", 1, "tool_use"),
        ("tools", 1, "tool_use"),
        ("tools", 0, "end_turn"),
        ("length", 1, "max_tokens"),
        ("context_window", 0, "model_context_window_exceeded"),
        ("refusal", 0, "refusal"),
        ("pause", 0, "pause_turn"),
        ("malformed_call", 0, "end_turn"),
    ],
)
def test_stop_reasons(reason: FinishReason, calls: int, shown: str) -> None:
    sequence = whole(*(call(index) for index in range(calls)), reason=reason)
    assert streamed(sequence)[-2]["delta"] == {"stop_reason": shown, "stop_sequence": None}
    response = json.loads(ANTHROPIC.encode_response(fold(sequence), ANSWER))
    assert response["stop_reason"] == shown


def test_stop_sequence_and_details() -> None:
    delta = streamed([Start(), Finish("stop_sequence", "END", b'{"category":\n"x"}')])[-2]["delta"]
    assert delta == {"stop_reason": "stop_sequence", "stop_sequence": "END", "stop_details": {"category": "x"}}


def test_interleaved_blocks_come_out_one_after_the_other() -> None:
    sequence: list[Event] = [
        Start(),
        BlockStart(0, "tool_call", "a", "f"),
        BlockStart(1, "tool_call", "b", "g"),
        ArgumentsDelta(1, '{"b"'),
        ArgumentsDelta(0, '{"a"'),
        BlockStart(2, "text"),
        TextDelta(2, "x"),
        ArgumentsDelta(1, ":2}"),
        BlockEnd(1),
        ArgumentsDelta(0, ":1}"),
        BlockEnd(0),
        TextDelta(2, "y"),
        BlockEnd(2),
        Finish("tools"),
    ]
    assert content(streamed(sequence)) == ['tool_use:{"a":1}', 'tool_use:{"b":2}', "text:xy"]


def test_what_was_held_is_shown_as_soon_as_it_may() -> None:
    encoder = ANTHROPIC.encoder(ANSWER)
    encoder.encode([Start(), BlockStart(0, "text"), BlockStart(1, "text")])
    assert encoder.encode([TextDelta(1, "late")]) == b""
    assert b"late" in encoder.encode([BlockEnd(0)])


def test_fragments_of_arguments_are_not_cut_anew() -> None:
    pieces = ['{"p', '":"\\ud83d', '\\ude00"', "}"]
    deltas: list[Event] = [ArgumentsDelta(0, piece) for piece in pieces]
    found = streamed(whole([BlockStart(0, "tool_call", "c", "f"), *deltas, BlockEnd(0)]))
    assert [each["delta"]["partial_json"] for each in found if each["type"] == "content_block_delta"] == pieces


@pytest.mark.parametrize(
    ("given_id", "shown"),
    [
        ("toolu_01-x", "toolu_01-x"),
        ("functions.Bash:0", "toolu_[0-9a-f]{32}"),
        ("", "toolu_[0-9a-f]{32}"),
        ("é", "toolu_[0-9a-f]{32}"),
    ],
)
def test_call_ids_fit_the_pattern(given_id: str, shown: str) -> None:
    sequence = whole(call(0, call_id=given_id), call(1, call_id=given_id or ""))
    ids = [each["content_block"]["id"] for each in streamed(sequence) if each["type"] == "content_block_start"]
    response = json.loads(ANTHROPIC.encode_response(fold(sequence), ANSWER))
    assert [block["id"] for block in response["content"]] == ids
    assert all(re.fullmatch(shown, each) for each in ids)
    assert len(set(ids)) == (2 if not given_id else 1)


def test_nameless_calls_are_never_shown() -> None:
    found = streamed(whole(call(0, name=""), text(1, "a"), reason="tools"))
    assert content(found) == ["text:a"]
    assert found[-2]["delta"]["stop_reason"] == "end_turn"


def test_thinking_always_ends_with_a_signature() -> None:
    kiro = Opaque("kiro", "signature", "k")
    found = streamed(whole(thought(0, SIGNED), thought(1), thought(2, kiro)))
    signatures = [
        each["delta"]["signature"] for each in found if each.get("delta", {}).get("type") == "signature_delta"
    ]
    assert signatures[0] == "sig"
    assert opaque.unwrap(signatures[1], "anthropic", "signature").value == ""
    assert opaque.unwrap(signatures[2], "anthropic", "signature") == kiro


def test_redacted_thinking() -> None:
    native = Opaque("anthropic", "redacted", "data")
    other = Opaque("kiro", "redacted", "k")
    found = streamed(whole(thought(0, native, words=""), thought(1, other, words=""), thought(2, native)))
    starts = [each["content_block"] for each in found if each["type"] == "content_block_start"]
    assert starts[0] == {"type": "redacted_thinking", "data": "data"}
    assert [each["type"] for each in starts] == ["redacted_thinking", "thinking", "thinking"]
    last = found[-4]["delta"]["signature"]
    assert opaque.unwrap(last, "anthropic", "signature") == native


def test_thinking_is_left_out_if_not_wanted() -> None:
    quiet = msgspec.structs.replace(ANSWER, thinking=False)
    sequence = whole(thought(0, SIGNED), text(1, "a"), thought(2, SIGNED), call(3))
    assert content(streamed(sequence, quiet)) == ["text:a", 'tool_use:{"a":1}']
    response = json.loads(ANTHROPIC.encode_response(fold(sequence), quiet))
    assert [block["type"] for block in response["content"]] == ["text", "tool_use"]


def test_state_of_a_call_travels_in_empty_thinking_before_it() -> None:
    state = Opaque("gemini", "thought_signature", "g")
    sequence: list[Event] = [
        Start(),
        BlockStart(0, "tool_call", "c", "f"),
        OpaqueDelta(0, state),
        ArgumentsDelta(0, "{}"),
        BlockEnd(0),
        Finish("tools"),
    ]
    found = streamed(sequence)
    assert content(found) == ["thinking:", "tool_use:{}"]
    assert opaque.unwrap(found[2]["delta"]["signature"], "anthropic", "signature") == state
    response = json.loads(ANTHROPIC.encode_response(fold(sequence), ANSWER))
    assert [block["type"] for block in response["content"]] == ["thinking", "tool_use"]


def test_refusals_are_text_and_foreign_blocks_stay_at_home() -> None:
    own = BlockStart(
        1, "foreign", name="server_tool_use", dialect="anthropic", raw=b'{"type":"server_tool_use",\n"id":"s"}'
    )
    other = BlockStart(2, "foreign", name="program", dialect="openai", raw=b'{"type":"program"}')
    sequence = whole(text(0, "no", "refusal"), [own, BlockEnd(1)], [other, BlockEnd(2)], text(3, "end"))
    found = streamed(sequence)
    assert content(found) == ["text:no", "server_tool_use:", "text:end"]
    assert found[4]["content_block"] == {"type": "server_tool_use", "id": "s"}


def test_citations() -> None:
    raw = b'{"type":"char_location","cited_text":"c","document_index":0}'
    sequence = whole(
        [
            BlockStart(0, "text"),
            TextDelta(0, "a"),
            Citation(0, "https://e.test", "T", "c"),
            Citation(0, raw=raw),
            Citation(0, "https://f.test", raw=b'{"type":"url_citation"}'),
            BlockEnd(0),
        ]
    )
    shown = [
        each["delta"]["citation"]
        for each in streamed(sequence)
        if each.get("delta", {}).get("type") == "citations_delta"
    ]
    web = {"type": "web_search_result_location", "title": "T", "cited_text": "c", "encrypted_index": ""}
    assert shown[0] == {**web, "url": "https://e.test"}
    assert shown[1] == json.loads(raw)
    assert shown[2] == {**web, "url": "https://f.test", "title": "", "cited_text": ""}
    response = json.loads(ANTHROPIC.encode_response(fold(sequence), ANSWER))
    assert response["content"][0]["citations"] == shown


@pytest.mark.parametrize("before", [0, 1, 2, 3])
def test_a_failure_is_the_end(before: int) -> None:
    """C5: never message_stop after a failure, and no block is closed as if it were whole."""
    prefix: list[Event] = [Start(), BlockStart(0, "tool_call", "c", "f"), ArgumentsDelta(0, '{"a"')]
    failed = Failed(GatewayError("overloaded", "Busy."))
    sent = ANTHROPIC.encoder(ANSWER).encode([*prefix[:before], failed, Finish("end")])
    found = frames(sent)
    assert found[-1] == {"type": "error", "error": {"type": "overloaded_error", "message": "Busy."}}
    assert not {"message_stop", "message_delta", "content_block_stop"} & {each["type"] for each in found}


def test_nothing_follows_the_end() -> None:
    encoder = ANTHROPIC.encoder(ANSWER)
    encoder.encode([Start(), Finish("end")])
    assert encoder.encode([BlockStart(0, "text"), TextDelta(0, "x")]) == b""


def test_a_call_that_was_cut_off_is_shown_as_far_as_it_came() -> None:
    sequence: list[Event] = [
        Start(),
        BlockStart(0, "tool_call", "a", "f"),
        ArgumentsDelta(0, '{"a'),
        BlockStart(1, "tool_call", "b", "g"),
        ArgumentsDelta(1, '{"b'),
        Finish("length"),
    ]
    found = streamed(sequence)
    assert content(found) == ['tool_use:{"a', 'tool_use:{"b']
    assert found[-2]["delta"]["stop_reason"] == "max_tokens"


def test_custom_tools_get_their_text_as_input() -> None:
    sequence: list[Event] = [
        Start(),
        BlockStart(0, "tool_call", "c", "f", tool_kind="custom"),
        ArgumentsDelta(0, 'say "é'),
        ArgumentsDelta(0, '\\n"\n'),
        BlockEnd(0),
        Finish("tools"),
    ]
    (shown,) = content(streamed(sequence))
    assert json.loads(shown.removeprefix("tool_use:")) == {"input": 'say "é\\n"\n'}
    response = json.loads(ANTHROPIC.encode_response(fold(sequence), ANSWER))
    assert response["content"][0]["input"] == {"input": 'say "é\\n"\n'}


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        ('{"z":1.0,"a":123456789012345678901234567890}', b'"input":{"z":1.0,"a":123456789012345678901234567890}'),
        ("", b'"input":{}'),
        ("  ", b'"input":{}'),
        ("[1]", b'"input":{"_raw":"[1]"}'),
        ('{"a":', b'"input":{"_raw":"{\\"a\\":"}'),
        ('{"a":{"b":tru}}', b'"input":{"_raw":"{\\"a\\":{\\"b\\":tru}}"}'),
    ],
)
def test_tool_input_of_a_whole_answer(arguments: str, shown: bytes) -> None:
    response = Response("", "", (ToolCall("c", "f", arguments),), Finish("tools"), Usage())
    assert shown in ANTHROPIC.encode_response(response, ANSWER)


def test_a_whole_answer() -> None:
    blocks = (
        Thinking("hm", (SIGNED,)),
        Thinking("", (Opaque("anthropic", "redacted", "data"),)),
        Text("a"),
        Refusal("no"),
        Foreign("anthropic", "fallback", b'{"type":"fallback"}'),
        Foreign("openai", "x", b"{}"),
        ToolCall("c", "", "{}"),
    )
    body = json.loads(ANTHROPIC.encode_response(Response("u", "u", blocks, Finish("end"), USAGE), ANSWER))
    assert body["content"] == [
        {"type": "thinking", "thinking": "hm", "signature": "sig"},
        {"type": "redacted_thinking", "data": "data"},
        {"type": "text", "text": "a"},
        {"type": "text", "text": "no"},
        {"type": "fallback"},
    ]
    assert (body["id"], body["type"], body["role"]) == ("msg_0123456789abcdef01234567", "message", "assistant")
    assert (body["model"], body["stop_reason"], body["stop_sequence"]) == ("asked-model", "end_turn", None)
    assert body["usage"]["output_tokens"] == 9


@given(events())
def test_any_answer_keeps_the_grammar_and_comes_back_the_same(sequence: list[Event]) -> None:
    encoder = ANTHROPIC.encoder(UNESTIMATED)
    sent = b"".join(encoder.encode([event]) for event in sequence)
    assert sent == ANTHROPIC.encoder(UNESTIMATED).encode(sequence)
    check(sent)
    decoder = ANTHROPIC.decoder()
    expected, found = fold(sequence), fold([*decoder.feed(sent), *decoder.close()])
    assert (found.blocks, found.finish, found.usage) == (expected.blocks, expected.finish, expected.usage)


@given(events(origin="kiro"))
def test_any_whole_answer_comes_back_the_same(sequence: list[Event]) -> None:
    response = fold(sequence)
    found = fold(ANTHROPIC.decode_response(ANTHROPIC.encode_response(response, UNESTIMATED)))
    assert (found.blocks, found.finish, found.usage) == (response.blocks, response.finish, response.usage)


def test_heartbeat_is_a_ping() -> None:
    assert ANTHROPIC.heartbeat == b'event: ping\ndata: {"type":"ping"}\n\n'
