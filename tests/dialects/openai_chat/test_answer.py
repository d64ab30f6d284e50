"""Whole answers both ways, and what Chat can hold of any answer: C1, T140, T148."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiclient2api.canonical.events import Citation, Event, Failed, Finish
from aiclient2api.canonical.request import Block, Opaque, Refusal, Text, Thinking, ToolCall
from aiclient2api.canonical.response import Response, fold
from aiclient2api.canonical.usage import Usage
from aiclient2api.canonical.validate import EventValidator
from aiclient2api.dialects.base import Answer
from aiclient2api.dialects.opaque import wrap
from aiclient2api.dialects.openai_chat import OPENAI_CHAT
from tests.strategies import events as answers

ANSWER = Answer(seed="0f" * 16, created=1700000000, model="my-model", include_usage=True)


def response(*blocks: Block, reason: str = "end", citations: tuple[Citation, ...] = ()) -> Response:
    finish = msgspec.convert({"reason": reason}, Finish)
    return Response("up", "up-model", blocks, finish, Usage(fresh=3, output=2), citations)


def shown(whole: Response, answer: Answer = ANSWER) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(OPENAI_CHAT.encode_response(whole, answer))
    return found


def test_a_text_answer() -> None:
    assert shown(response(Text("a"), Text("b"))) == {
        "id": "chatcmpl-" + "0f" * 16,
        "object": "chat.completion",
        "created": 1700000000,
        "model": "my-model",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "ab", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 3,
            "completion_tokens": 2,
            "total_tokens": 5,
            "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
        },
    }


def test_content_is_null_only_where_something_stands_in_its_place() -> None:
    def content(*blocks: Block) -> object:
        return shown(response(*blocks))["choices"][0]["message"]["content"]

    assert content() == ""
    assert content(Thinking("hm")) == ""
    assert content(ToolCall("a", "f", "")) is None
    assert content(Refusal("no")) is None


def test_calls_thinking_and_sources() -> None:
    blocks = (
        Thinking("one", (Opaque("anthropic", "signature", "sig"),)),
        Thinking("", (Opaque("anthropic", "redacted", "data"),)),
        Text("Ab"),
        Text("cd"),
        ToolCall("a", "f", "", opaque=(Opaque("gemini", "thought_signature", "c2ln"),)),
        ToolCall("", "g", "raw", kind="custom"),
    )
    choice = shown(response(*blocks, reason="tools", citations=(Citation(3, "https://x.example", "X"),)))["choices"][0]
    message = choice["message"]
    assert choice["finish_reason"] == "tool_calls"
    assert message["reasoning_content"] == "one"
    assert message["thinking_blocks"] == [
        {"type": "thinking", "thinking": "one", "signature": wrap(Opaque("anthropic", "signature", "sig"), "")},
        {"type": "redacted_thinking", "data": wrap(Opaque("anthropic", "redacted", "data"), "")},
    ]
    assert message["annotations"] == [
        {
            "type": "url_citation",
            "url_citation": {"url": "https://x.example", "title": "X", "start_index": 2, "end_index": 4},
        }
    ]
    assert message["tool_calls"] == [
        {
            "id": "a",
            "type": "function",
            "function": {"name": "f", "arguments": "{}"},
            "extra_content": {"google": {"thought_signature": "c2ln"}},
        },
        {"id": "call_0f0f0f0f0f0f0f0f0f0f0001", "type": "custom", "custom": {"name": "g", "input": "raw"}},
    ]


def test_thinking_that_was_not_wanted_is_not_shown() -> None:
    quiet = msgspec.structs.replace(ANSWER, thinking=False)
    message = shown(response(Thinking("hm", (Opaque("anthropic", "signature", "s"),)), Text("x")), quiet)
    assert set(message["choices"][0]["message"]) == {"role", "content", "refusal"}


def check(events: list[Event]) -> Response:
    EventValidator().feed(events)
    return fold(events)


def test_a_whole_answer_comes_back() -> None:
    blocks = (
        Thinking("one", (Opaque("kiro", "signature", "sig"),)),
        Thinking("two", (Opaque("anthropic", "signature", "s2"),)),
        Text("hello"),
        ToolCall("call_a", "f", '{"a":1}', opaque=(Opaque("gemini", "thought_signature", "c2ln"),)),
        ToolCall("call_b", "g", "raw", kind="custom"),
    )
    whole = response(*blocks, reason="tools")
    back = check(list(OPENAI_CHAT.decode_response(OPENAI_CHAT.encode_response(whole, ANSWER))))
    assert (back.blocks, back.finish, back.usage) == (whole.blocks, whole.finish, whole.usage)


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (b"", "upstream", "empty"),
        (b"<html>", "upstream", "web page"),
        (b"nope", "upstream", "cannot be read"),
        (b"{}", "upstream", "no choices"),
        (b'{"choices":[]}', "upstream", "no choices"),
        (b'{"choices":[{"message":{"content":5}}]}', "upstream", "cannot be read"),
        (b'{"error":{"message":"full","code":"overloaded"}}', "overloaded", "full"),
        (b'{"choices":[{"finish_reason":"error"}]}', "upstream", "broke off"),
        (b'{"object":"error","message":"no"}', "upstream", "no"),
    ],
)
def test_bodies_that_are_no_answer(body: bytes, kind: str, words: str) -> None:
    events = list(OPENAI_CHAT.decode_response(body))
    EventValidator().feed(events)
    last = events[-1]
    assert isinstance(last, Failed)
    assert (last.error.kind, words in last.error.message) == (kind, True), last.error.message


def held(whole: Response, *, streamed: bool) -> tuple[object, ...]:
    """What Chat can hold of an answer: one text, one thinking, the calls in order, the reason in its own words."""
    texts = "".join(block.text for block in whole.blocks if isinstance(block, Text))
    thinking = "".join(block.text for block in whole.blocks if isinstance(block, Thinking))
    signed = [block for block in whole.blocks if isinstance(block, Thinking) and block.opaque] if not streamed else []
    calls = [(block.id, block.name, block.arguments) for block in whole.blocks if isinstance(block, ToolCall)]
    reason = {"stop_sequence": "end"}.get(whole.finish.reason, whole.finish.reason)
    return texts, "" if signed else thinking, signed, calls, reason, whole.usage


@given(answers(interleave=False), st.data())
def test_streams_come_back_at_any_cut(stream: list[Event], data: st.DataObject) -> None:
    encoded = OPENAI_CHAT.encoder(ANSWER).encode(stream)
    size = data.draw(st.integers(1, 64))
    decoder = OPENAI_CHAT.decoder()
    back: list[Event] = []
    for start in range(0, len(encoded), size):
        back += decoder.feed(encoded[start : start + size])
    back += decoder.close()
    assert held(check(back), streamed=True) == held(fold(stream), streamed=True)


@given(answers())
def test_whole_answers_come_back(stream: list[Event]) -> None:
    whole = fold(stream)
    back = check(list(OPENAI_CHAT.decode_response(OPENAI_CHAT.encode_response(whole, ANSWER))))
    assert held(back, streamed=False) == held(whole, streamed=False)


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_no_body_makes_a_decoder_raise(body: bytes) -> None:
    for data in (body, b"data: " + body + b"\n\n"):
        decoder = OPENAI_CHAT.decoder()
        EventValidator().feed([*decoder.feed(data), *decoder.close()])
    EventValidator().feed(list(OPENAI_CHAT.decode_response(body)))
    OPENAI_CHAT.decode_error(400, {}, body)
