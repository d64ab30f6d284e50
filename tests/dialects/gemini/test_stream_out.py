"""Events as streamed and whole answers: T053, T079 to T081, T083, T131, T133, T141, T143, T144, T149."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
from aiclient2api.canonical.request import Block, Opaque, Reasoning, Request, Text, Thinking, ToolCall
from aiclient2api.canonical.response import fold
from aiclient2api.canonical.usage import Usage
from aiclient2api.dialects.base import Answer
from aiclient2api.dialects.gemini import GEMINI, GEMINI_ARRAY
from aiclient2api.dialects.opaque import wrap
from tests.dialects.gemini.grammar import check, check_part, frames, joined
from tests.strategies import events

Json = dict[str, Any]
ANSWER = Answer(seed="ab" * 16, created=1700000000, model="my-model")
MINE = Opaque("gemini", "thought_signature", "c2ln")
CLAUDES = Opaque("anthropic", "signature", "not base64!")


def stream(given: list[Event], answer: Answer = ANSWER) -> bytes:
    """All bytes of a streamed answer, the events handed over one by one."""
    encoder = GEMINI.encoder(answer)
    data = b"".join(encoder.encode([event]) for event in given)
    assert data == GEMINI.encoder(answer).encode(given)
    return data


def shown(given: list[Event], answer: Answer = ANSWER) -> Json:
    """What a sound stream adds up to; the array and the whole answer must say the same."""
    chunks = frames(stream(given, answer))
    found = check(chunks)
    array: list[Json] = json.loads(GEMINI_ARRAY.encoder(answer).encode(given))
    assert array == chunks
    whole = json.loads(GEMINI.encode_response(fold(given), answer))
    candidate = whole["candidates"][0]
    for part in candidate["content"]["parts"]:
        check_part(part)
    assert joined(candidate["content"]["parts"]) == joined(found["parts"])
    assert (candidate["finishReason"], whole["usageMetadata"]) == (found["finish"], found["usage"])
    assert candidate.get("groundingMetadata") == found["grounding"]
    assert (whole["modelVersion"], whole["responseId"]) == ("my-model", "ab" * 16)
    found["parts"] = joined(found["parts"])
    return found


def block(index: int, start: BlockStart, *body: Event) -> list[Event]:
    return [start, *body, BlockEnd(index)]


def text(index: int, *pieces: str) -> list[Event]:
    return block(index, BlockStart(index, "text"), *(TextDelta(index, piece) for piece in pieces))


def call(index: int, name: str, arguments: str = "", *state: Opaque, call_id: str = "c") -> list[Event]:
    deltas: list[Event] = [OpaqueDelta(index, each) for each in state]
    if arguments:
        deltas.append(ArgumentsDelta(index, arguments))
    return block(index, BlockStart(index, "tool_call", call_id, name), *deltas)


def thinking(index: int, words: str, *state: Opaque) -> list[Event]:
    deltas: list[Event] = [ThinkingDelta(index, words)] if words else []
    return block(index, BlockStart(index, "thinking"), *deltas, *(OpaqueDelta(index, each) for each in state))


def answer_of(*body: list[Event], reason: FinishReason = "end") -> list[Event]:
    return [Start("up", "up-model"), *(event for each in body for event in each), Finish(reason)]


def test_a_stream_byte_for_byte() -> None:
    """Each frame is a whole answer; the client's model name; finish and usage on the last only (T079, T143)."""
    given = [Start("x", "y"), *text(0, "Hi"), UsageUpdate(Usage(fresh=3, output=1)), Finish("end")]
    tail = b'"modelVersion":"my-model","responseId":"' + b"ab" * 16 + b'"}\r\n\r\n'
    assert stream(given) == (
        b'data: {"candidates":[{"content":{"parts":[{"text":"Hi"}],"role":"model"},"index":0}],' + tail
        + b'data: {"candidates":[{"content":{"parts":[{"text":""}],"role":"model"},"finishReason":"STOP","index":0}],'
        b'"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":1,"totalTokenCount":4},' + tail
    )  # fmt: skip


def test_thinking_text_and_parallel_calls() -> None:
    """T080: calls come whole, with an id, and end with STOP."""
    found = shown(
        answer_of(
            thinking(0, "hm", CLAUDES),
            text(1, "Let me ", "look."),
            call(2, "f", '{"a":\n1152921504606846976}', MINE, call_id="c1"),
            call(3, "g", call_id=""),
            reason="tools",
        )
    )
    assert found["parts"] == [
        {"thought": True, "text": "hm"},
        {"thought": True, "text": "", "thoughtSignature": wrap(CLAUDES, "gemini")},
        {"text": "Let me look."},
        {"functionCall": {"id": "c1", "name": "f", "args": {"a": 2**60}}, "thoughtSignature": "c2ln"},
        {"functionCall": {"id": "call_" + "ab" * 10 + "0001", "name": "g", "args": {}}},
    ]
    assert found["finish"] == "STOP"


def test_interleaved_calls_come_in_their_order() -> None:
    starts: list[Event] = [Start(), BlockStart(0, "tool_call", "a", "f"), BlockStart(1, "tool_call", "b", "g")]
    late: list[Event] = [ArgumentsDelta(1, '{"y":'), ArgumentsDelta(0, "{}"), ArgumentsDelta(1, "2}"), BlockEnd(1)]
    found = shown([*starts, *late, BlockEnd(0), Finish("tools")])
    assert [part["functionCall"]["name"] for part in found["parts"]] == ["f", "g"]


SIGNED: dict[str, tuple[list[Event], Json]] = {
    "Gemini's own, behind text": (thinking(0, "", MINE), {"text": "", "thoughtSignature": "c2ln"}),
    "another's, without words": (
        thinking(0, "", CLAUDES),
        {"thought": True, "text": "", "thoughtSignature": wrap(CLAUDES, "")},
    ),
    "of Gemini, but no base64": (
        thinking(0, "", Opaque("gemini", "thought_signature", "!")),
        {"text": "", "thoughtSignature": wrap(Opaque("gemini", "thought_signature", "!"), "")},
    ),
    "two on a call: Gemini's own": (
        call(0, "f", "", CLAUDES, MINE),
        {"functionCall": {"id": "c", "name": "f", "args": {}}, "thoughtSignature": "c2ln"},
    ),
}


@pytest.mark.parametrize("name", SIGNED)
def test_signatures_are_always_base64(name: str) -> None:
    """T081."""
    body, part = SIGNED[name]
    assert shown(answer_of(body))["parts"] == [part]


def asked(reasoning: Reasoning | None, dialect: str = "gemini") -> Answer:
    request = Request(dialect=dialect, model="m", turns=(), reasoning=reasoning)
    return Answer(seed="ab" * 16, created=0, model="my-model", request=request)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (ANSWER, True),
        (asked(Reasoning("auto", display="summarized")), True),
        (asked(Reasoning("auto", display="omitted")), False),
        (asked(None), False),
        (asked(None, "anthropic"), True),
        (Answer(seed="ab" * 16, created=0, model="my-model", thinking=False), False),
    ],
)
def test_thoughts_are_shown_to_who_asked_for_them(answer: Answer, words: bool) -> None:
    """Their state stays in any case, or the conversation could not go on."""
    parts = shown(answer_of(thinking(0, "hm", CLAUDES), text(1, "x")), answer)["parts"]
    assert [part["text"] for part in parts] == ([*(["hm"] if words else []), "", "x"])
    assert "thoughtSignature" in parts[-2]


ENDS: dict[FinishReason, str] = {
    "end": "STOP",
    "length": "MAX_TOKENS",
    "context_window": "MAX_TOKENS",
    "stop_sequence": "STOP",
    "refusal": "SAFETY",
    "pause": "OTHER",
    "malformed_call": "MALFORMED_FUNCTION_CALL",
    "tools": "STOP",
}


@pytest.mark.parametrize("reason", ENDS)
def test_finish_reasons(reason: FinishReason) -> None:
    """T131."""
    assert shown(answer_of(text(0, "x"), reason=reason))["finish"] == ENDS[reason]


def test_an_answer_without_anything_still_has_a_part() -> None:
    assert shown(answer_of())["parts"] == []
    whole = json.loads(GEMINI.encode_response(fold(answer_of()), ANSWER))
    assert whole["candidates"][0]["content"] == {"parts": [{"text": ""}], "role": "model"}


def test_a_refusal_says_why() -> None:
    """T132: Anthropic's stop_details, and Gemini's own reason kept."""
    given: list[Event] = [
        Start(),
        Finish("refusal", details=b'{"type":"refusal","category":null,"explanation":"Because."}'),
    ]
    found = shown(given)
    assert (found["finish"], found["message"]) == ("SAFETY", "Because.")
    own = [Start(), *text(0, "x"), Finish("refusal", details=b'{"finish_reason":"RECITATION"}')]
    assert shown(own)["finish"] == "RECITATION"
    assert shown([Start(), Finish("refusal", details=b"[]")])["finish"] == "SAFETY"
    said: list[Event] = [Start(), BlockStart(0, "refusal"), TextDelta(0, "no"), BlockEnd(0), Finish("refusal")]
    assert shown(said)["parts"] == [{"text": "no"}]


def test_a_blocked_prompt_has_no_candidates() -> None:
    """T133."""
    given: list[Event] = [Start(), Finish("refusal", details=b'{"block_reason":"SAFETY","explanation":"No."}')]
    (frame,) = frames(stream(given))
    assert frame["promptFeedback"] == {"blockReason": "SAFETY", "blockReasonMessage": "No."}
    assert "candidates" not in frame
    assert json.loads(GEMINI.encode_response(fold(given), ANSWER)) == frame


def test_a_call_that_was_cut_off_is_not_shown() -> None:
    """C3, D3."""
    given = [
        Start(),
        *call(0, "f", "{}"),
        BlockStart(1, "tool_call", "d", "g"),
        ArgumentsDelta(1, '{"a":'),
        Finish("length"),
    ]
    found = shown(given)
    assert [part["functionCall"]["name"] for part in found["parts"]] == ["f"]
    assert found["finish"] == "MAX_TOKENS"


def test_what_is_left_out() -> None:
    nameless = call(0, "")
    foreign = block(1, BlockStart(1, "foreign", name="server_tool_use", dialect="anthropic", raw=b"{}"))
    own = block(2, BlockStart(2, "foreign", name="executableCode", dialect="gemini", raw=b'{"executableCode":\n{}}'))
    assert shown(answer_of(nameless, foreign, own))["parts"] == [{"executableCode": {}}]


def test_calls_of_other_dialects() -> None:
    given: list[Event] = [
        Start(),
        BlockStart(0, "tool_call", "c", "patch", tool_kind="custom", namespace="ns"),
        ArgumentsDelta(0, 'a "b"'),
        BlockEnd(0),
        Finish("tools"),
    ]
    (part,) = shown(given)["parts"]
    assert part["functionCall"] == {"id": "c", "name": "ns__patch", "args": {"input": 'a "b"'}}


def test_usage() -> None:
    """T141: thoughts are counted apart; T140: the sums are equal."""
    usage = Usage(fresh=10, cache_read=80, cache_write=5, output=100, reasoning=30)
    given = [Start("", "", usage), *text(0, "x"), Finish("end")]
    assert shown(given)["usage"] == {
        "promptTokenCount": 95,
        "cachedContentTokenCount": 80,
        "candidatesTokenCount": 70,
        "thoughtsTokenCount": 30,
        "totalTokenCount": 195,
    }
    estimated = Answer(seed="ab" * 16, created=0, model="my-model", input_estimate=lambda: 12)
    (*_, last) = frames(stream([Start(), *text(0, "x"), Finish("end")], estimated))
    assert last["usageMetadata"]["promptTokenCount"] == 12


def test_sources_far_back_have_their_place() -> None:
    """The text of a block is not kept for ever: what is cited behind its beginning is told by its place alone."""
    given: list[Event] = [
        Start(),
        BlockStart(0, "text"),
        *(TextDelta(0, "\u00e4" * 10_000) for _ in range(6)),
        Citation(0, "https://a.example", "A", start=10, end=20),
        Citation(0, "https://a.example", "A", start=50_010, end=50_020),
        BlockEnd(0),
        Finish("end"),
    ]
    (*_, last) = frames(stream(given))
    near, far = (each["segment"] for each in last["candidates"][0]["groundingMetadata"]["groundingSupports"])
    assert near == {"startIndex": 20, "endIndex": 40, "text": "\u00e4" * 10}
    assert far == {"startIndex": 100_020, "endIndex": 100_040}


def test_sources() -> None:
    """Offsets are bytes over the whole text."""
    given: list[Event] = [
        Start(),
        *text(0, "ä "),
        BlockStart(1, "text"),
        TextDelta(1, "Grüße "),
        Citation(1, "https://a.example", "A", start=0, end=5),
        TextDelta(1, "\U0001f600"),
        Citation(1, "https://b.example", "B"),
        Citation(1, "https://a.example", "A", "said", start=6, end=7),
        BlockEnd(1),
        Finish("end"),
    ]
    assert check(frames(stream(given)))["grounding"] == {
        "groundingChunks": [
            {"web": {"uri": "https://a.example", "title": "A"}},
            {"web": {"uri": "https://b.example", "title": "B"}},
        ],
        "groundingSupports": [
            {"segment": {"startIndex": 3, "endIndex": 10, "text": "Grüße"}, "groundingChunkIndices": [0]},
            {"segment": {"startIndex": 3, "endIndex": 15, "text": "Grüße \U0001f600"}, "groundingChunkIndices": [1]},
            {"segment": {"startIndex": 11, "endIndex": 15, "text": "said"}, "groundingChunkIndices": [0]},
        ],
    }
    assert shown(given)["grounding"]


def test_characters_that_line_readers_stumble_over() -> None:
    """T083: httpx and others take these for line breaks."""
    words = "a\u2028b\u2029c\x85d\r\ne\x0b\x0c\x1c\x1d\x1e\U0001f600"
    found = shown(answer_of(text(0, words), call(1, "f", json.dumps({"x": words}, ensure_ascii=False))))
    assert found["parts"][0]["text"] == found["parts"][1]["functionCall"]["args"]["x"] == words


def test_a_stream_that_breaks_off() -> None:
    """T082, D3: an error object and nothing after it."""
    failed = Failed(GatewayError("overloaded", "full"))
    given: list[Event] = [
        Start(),
        BlockStart(0, "text"),
        TextDelta(0, "x"),
        failed,
        TextDelta(0, "late"),
        Finish("end"),
    ]
    data = stream(given)
    first, last = frames(data)
    assert last == {"error": {"code": 503, "message": "full", "status": "UNAVAILABLE"}}
    assert json.loads(GEMINI_ARRAY.encoder(ANSWER).encode(given)) == [first, last]
    assert json.loads(GEMINI_ARRAY.encoder(ANSWER).encode([failed])) == [last]


def test_the_array_grows_and_is_closed() -> None:
    """T053."""
    encoder = GEMINI_ARRAY.encoder(ANSWER)
    assert encoder.encode([Start()]) == b""
    first = encoder.encode([BlockStart(0, "text"), TextDelta(0, "a")])
    assert first.startswith(b'[{"candidates"')
    second = encoder.encode([TextDelta(0, "b"), BlockEnd(0)])
    assert second.startswith(b",")
    last = encoder.encode([Finish("end")])
    assert last.endswith(b"]")
    assert encoder.encode([TextDelta(0, "late")]) == b""
    data = GEMINI_ARRAY.heartbeat + first + GEMINI_ARRAY.heartbeat + second + last
    assert len(json.loads(data)) == 3


def test_the_heartbeat_says_nothing_but_is_a_sound_chunk() -> None:
    """The chats of google-genai drop an exchange that has a chunk without parts."""
    (frame,) = frames(GEMINI.heartbeat)
    assert joined(frame["candidates"][0]["content"]["parts"]) == []
    given = answer_of(text(0, "x"))
    decoder = GEMINI.decoder()
    decoder.feed(GEMINI.heartbeat)
    assert fold([Start(), *decoder.feed(stream(given)), *decoder.close()]).blocks == (Text("x"),)


def test_bytes_that_are_passed_on() -> None:
    assert stream([Verbatim(b"data: {}\r\n\r\n")]) == b"data: {}\r\n\r\n"


def _normal(blocks: tuple[Block, ...]) -> list[Block]:
    """As this dialect tells blocks apart: neighbours of one kind are one, empty ones do not show."""
    out: list[Block] = []
    for each in blocks:
        last = out[-1] if out else None
        if isinstance(each, ToolCall):
            out.append(ToolCall(each.id, each.name, json.dumps(json.loads(each.arguments)), opaque=each.opaque))
        elif isinstance(each, Text):
            words = last.text + each.text if isinstance(last, Text) else each.text
            out[-1:] = [Text(words)] if isinstance(last, Text) else [*out[-1:], *([Text(words)] if words else [])]
        elif isinstance(each, Thinking):
            if isinstance(last, Thinking) and not last.opaque:
                out[-1] = Thinking(last.text + each.text, each.opaque)
            elif each.text or each.opaque:
                out.append(each)
    return out


@given(events(origin="gemini") | events(origin="anthropic"), st.data())
def test_what_we_stream_we_can_read(given: list[Event], data: st.DataObject) -> None:
    """Encoder and decoder of this dialect agree, whole and at any cut."""
    raw = stream(given)
    check(frames(raw))
    decoder = GEMINI.decoder()
    cut = data.draw(st.integers(0, len(raw)))
    back = fold([*decoder.feed(raw[:cut]), *decoder.feed(raw[cut:]), *decoder.close()])
    response = fold(given)
    assert _normal(back.blocks) == _normal(response.blocks)
    assert back.usage.total == response.usage.total
    whole = fold(GEMINI.decode_response(GEMINI.encode_response(response, ANSWER)))
    assert _normal(whole.blocks) == _normal(response.blocks)


@given(events())
def test_the_array_says_what_the_stream_says(given: list[Event]) -> None:
    assert json.loads(GEMINI_ARRAY.encoder(ANSWER).encode(given)) == frames(stream(given))
