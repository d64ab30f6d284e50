"""An upstream's Messages answer, streamed and whole, to events."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiclient2api.canonical.events import BlockEnd, BlockStart, Event, Failed, Finish, Start
from aiclient2api.canonical.request import Block, Foreign, Opaque, Text, Thinking, ToolCall
from aiclient2api.canonical.response import fold
from aiclient2api.canonical.usage import Usage
from aiclient2api.canonical.validate import EventValidator
from aiclient2api.dialects import opaque
from aiclient2api.dialects.anthropic import ANTHROPIC
from tests.dialects.anthropic.samples import (
    ANSWER,
    START,
    STOP,
    USAGE,
    block_start,
    block_stop,
    delta,
    message_delta,
    stream,
)
from tests.strategies import events


def decoded(data: bytes, size: int = 0) -> list[Event]:
    """All events of a body, fed whole or in pieces of `size` bytes, checked for order."""
    decoder = ANTHROPIC.decoder()
    out: list[Event] = []
    for at in range(0, len(data), size or len(data) or 1):
        out += decoder.feed(data[at : at + (size or len(data))])
    out += decoder.close()
    return EventValidator().feed(out)


EVERYTHING = stream(
    START,
    {"type": "ping"},
    block_start(0, type="thinking", thinking="", signature=""),
    delta(0, "thinking_delta", thinking="hm"),
    delta(0, "signature_delta", signature="sig"),
    block_stop(0),
    block_start(1, type="redacted_thinking", data="secret"),
    block_stop(1),
    block_start(2, type="text", text=""),
    delta(2, "text_delta", text="é\u2028"),
    delta(2, "citations_delta", citation={"type": "page_location", "cited_text": "c", "document_title": "D"}),
    block_stop(2),
    block_start(3, type="server_tool_use", id="srv", name="web_search", input={}),
    delta(3, "input_json_delta", partial_json='{"query":'),
    delta(3, "input_json_delta", partial_json='"x"}'),
    block_stop(3),
    block_start(4, type="web_search_tool_result", tool_use_id="srv", content=[]),
    block_stop(4),
    block_start(5, type="tool_use", id="toolu_1", name="f", input={}),
    delta(5, "input_json_delta", partial_json=""),
    delta(5, "input_json_delta", partial_json='{"a"'),
    delta(5, "input_json_delta", partial_json=":1}"),
    block_stop(5),
    block_start(6, type="tool_use", id="toolu_2", name="g", input={}),
    block_stop(6),
    {"type": "brand_new_event", "x": 1},
    message_delta("tool_use", output_tokens_details={"thinking_tokens": 4}, server_tool_use={"web_search_requests": 1}),
    STOP,
)

BLOCKS: tuple[Block, ...] = (
    Thinking("hm", (Opaque("anthropic", "signature", "sig"),)),
    Thinking("", (Opaque("anthropic", "redacted", "secret"),)),
    Text("é\u2028"),
    Foreign(
        "anthropic",
        "server_tool_use",
        b'{"type":"server_tool_use","id":"srv","name":"web_search","input":{"query":"x"}}',
    ),
    Foreign(
        "anthropic", "web_search_tool_result", b'{"type":"web_search_tool_result","tool_use_id":"srv","content":[]}'
    ),
    ToolCall("toolu_1", "f", '{"a":1}'),
    ToolCall("toolu_2", "g", "{}"),
)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 7, 64, 1000])
def test_everything(size: int) -> None:
    response = fold(decoded(EVERYTHING, size))
    assert response.blocks == BLOCKS
    assert (response.id, response.model) == ("msg_up", "claude-up")
    assert response.finish == Finish("tools")
    assert response.usage == Usage(
        fresh=10, cache_read=5, cache_write=10, cache_write_1h=20, output=9, reasoning=4, web_searches=1
    )
    (citation,) = response.citations
    assert (citation.index, citation.title, citation.cited_text) == (2, "D", "c")
    assert json.loads(citation.raw)["type"] == "page_location"


def test_trailing_bytes_are_read_over() -> None:
    assert decoded(EVERYTHING + b"event: x\ndata: {broken\n\n") == decoded(EVERYTHING)
    decoder = ANTHROPIC.decoder()
    decoder.feed(EVERYTHING)
    assert decoder.feed(EVERYTHING) == []
    assert decoder.close() == []


def test_every_cut() -> None:
    """Cut in two anywhere the answer is the same; broken off anywhere it never looks complete."""
    expected = decoded(EVERYTHING)
    for at in range(len(EVERYTHING)):
        decoder = ANTHROPIC.decoder()
        first = decoder.feed(EVERYTHING[:at])
        assert first + decoder.feed(EVERYTHING[at:]) == expected
        broken_off = ANTHROPIC.decoder()
        (last,) = [*broken_off.feed(EVERYTHING[:at]), *broken_off.close()][-1:]
        assert isinstance(last, Failed)
        assert last.error.kind == "truncated"


@given(events(), st.data())
def test_any_answer_at_any_two_cuts(sequence: list[Event], data: st.DataObject) -> None:
    sent = ANTHROPIC.encoder(ANSWER).encode(sequence)
    first, second = sorted((data.draw(st.integers(0, len(sent))), data.draw(st.integers(0, len(sent)))))
    decoder = ANTHROPIC.decoder()
    pieces = [sent[:first], sent[first:second], sent[second:]]
    assert [event for piece in pieces for event in decoder.feed(piece)] == decoded(sent)


@pytest.mark.parametrize(
    ("usage", "later", "expected"),
    [
        ({"input_tokens": 3, "output_tokens": 1}, {}, Usage(fresh=3, output=9)),
        ({"input_tokens": 3}, {"input_tokens": 4}, Usage(fresh=4, output=9)),
        ({"input_tokens": 3, "cache_read_input_tokens": 8}, {}, Usage(fresh=3, cache_read=8, output=9)),
        ({"input_tokens": 3, "cache_creation_input_tokens": 8}, {}, Usage(fresh=3, cache_write=8, output=9)),
        (
            {"cache_creation": {"ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 6}},
            {},
            Usage(cache_write=2, cache_write_1h=6, output=9),
        ),
        ({"input_tokens": 3, "cache_read_input_tokens": None}, {"input_tokens": None}, Usage(fresh=3, output=9)),
    ],
)
def test_usage(usage: dict[str, Any], later: dict[str, Any], expected: Usage) -> None:
    start = {"type": "message_start", "message": {"id": "m", "model": "m", "usage": usage}}
    assert fold(decoded(stream(start, message_delta(**later), STOP))).usage == expected


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("end_turn", "end"),
        ("max_tokens", "length"),
        ("pause_turn", "pause"),
        ("refusal", "refusal"),
        ("model_context_window_exceeded", "context_window"),
        ("novel", "end"),
    ],
)
def test_stop_reasons(reason: str, finish: str) -> None:
    assert fold(decoded(stream(START, message_delta(reason), STOP))).finish.reason == finish
    body = {"type": "message", "content": [], "stop_reason": reason}
    assert fold(ANTHROPIC.decode_response(json.dumps(body).encode())).finish.reason == finish


def test_stop_sequence_and_details() -> None:
    end = {
        "type": "message_delta",
        "delta": {"stop_reason": "stop_sequence", "stop_sequence": "END", "stop_details": {"category": "x"}},
    }
    assert fold(decoded(stream(START, end, STOP))).finish == Finish("stop_sequence", "END", b'{"category":"x"}')


def test_envelopes_of_a_gateway_behind_us_are_opened() -> None:
    kiro = Opaque("kiro", "signature", "k")
    for state, expected in ((kiro, (kiro,)), (Opaque("", "signature", ""), ())):
        signature = opaque.wrap(state, "anthropic")
        sent = stream(
            START,
            block_start(0, type="thinking", thinking=""),
            delta(0, "thinking_delta", thinking="t"),
            delta(0, "signature_delta", signature=signature),
            block_stop(0),
            message_delta(),
            STOP,
        )
        assert fold(decoded(sent)).blocks == (Thinking("t", expected),)


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (stream({"type": "error", "error": {"type": "overloaded_error", "message": "Busy"}}), "overloaded", "Busy"),
        (stream(START, {"type": "error", "error": {"type": "api_error", "message": "Oops"}}), "upstream", "Oops"),
        (
            stream(
                START, {"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long: 9"}}
            ),
            "context_length",
            "prompt is too long",
        ),
        (b'event: error\ndata: {"error":{"type":"rate_limit_error","message":"slow"}}\n\n', "rate_limit", "slow"),
        (b"<html>Bad gateway</html>", "upstream", "not an answer"),
        (b'{"type":"error","error":{"type":"rate_limit_error","message":"slow"}}', "rate_limit", "slow"),
        (b'{"error":"plain words"}', "upstream", "plain words"),
        (b'  {"detail":"more words"}', "upstream", "more words"),
        (b"[1]", "upstream", "not an answer"),
        (b"", "truncated", "ended"),
        (b"Internal Server Error", "truncated", "ended"),
        (stream(START) + b"event: content_block_start\ndata: {broken\n\n", "upstream", "cannot be read"),
        (stream(START) + b"event: message_delta\ndata: 5\n\n", "upstream", "cannot be read"),
        (stream(START, delta(0, "text_delta", text="x")), "upstream", "not open"),
        (stream(START, block_start(0)), "upstream", "cannot be read"),
    ],
)
@pytest.mark.parametrize("size", [0, 1])
def test_failures(body: bytes, kind: str, words: str, size: int) -> None:
    last = decoded(body, size)[-1]
    assert isinstance(last, Failed)
    assert last.error.kind == kind
    assert words in last.error.message


def test_a_whole_message_where_a_stream_was_due() -> None:
    body = {
        "id": "m",
        "type": "message",
        "model": "claude",
        "content": [
            {"type": "thinking", "thinking": "t", "signature": "s"},
            {"type": "text", "text": "a", "citations": [{"type": "char_location", "cited_text": "c"}]},
            {"type": "tool_use", "id": "c", "name": "f", "input": {"z": 1.0, "a": 10**30}},
            {"type": "novel", "x": 1},
        ],
        "stop_reason": "tool_use",
        "usage": USAGE,
    }
    sent = json.dumps(body, indent=1).encode()
    response = fold(decoded(sent, 5))
    assert response == fold(ANTHROPIC.decode_response(sent))
    assert response.blocks[0] == Thinking("t", (Opaque("anthropic", "signature", "s"),))
    call = response.blocks[2]
    assert isinstance(call, ToolCall)
    assert json.loads(call.arguments) == {"z": 1.0, "a": 10**30}
    assert "1.0" in call.arguments
    assert isinstance(response.blocks[3], Foreign)
    assert response.citations[0].cited_text == "c"
    assert response.finish == Finish("tools")


@pytest.mark.parametrize("body", [b"", b"<html>", b"null", b"[]", b'{"type":"message"}', b'{"content":5}', b"\xff"])
def test_a_whole_body_that_is_no_message(body: bytes) -> None:
    (failed,) = ANTHROPIC.decode_response(body)
    assert isinstance(failed, Failed)
    assert failed.error.kind == "upstream"


def test_loose_streams_of_compatible_servers() -> None:
    """No event lines, no message_start, a block that is never closed, [DONE], a thinking delta in a text block."""
    frames = [
        block_start(3, type="text", text="a"),
        delta(3, "thinking_delta", thinking="?"),
        delta(3, "text_delta", text="b"),
        message_delta(),
    ]
    sent = b"".join(b"data: " + json.dumps(frame).encode() + b"\n\n" for frame in frames)
    found = decoded(sent + b'data: [DONE]\n\ndata: {"type":"message_stop"}\n\n')
    assert fold(found).blocks == (Text("ab"),)
    assert isinstance(found[0], Start)


def test_a_second_message_start_changes_nothing() -> None:
    assert decoded(stream(START, START, message_delta(), STOP)) == decoded(stream(START, message_delta(), STOP))


def test_compaction_blocks_get_their_content() -> None:
    sent = stream(
        START,
        block_start(0, type="compaction", content=None),
        delta(0, "compaction_delta", content="summary"),
        block_stop(0),
        message_delta(),
        STOP,
    )
    found = decoded(sent)
    raw = b'{"type":"compaction","content":"summary"}'
    assert BlockStart(0, "foreign", name="compaction", dialect="anthropic", raw=raw) in found
    assert BlockEnd(0) in found
