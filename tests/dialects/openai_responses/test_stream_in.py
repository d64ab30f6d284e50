"""Upstream streams of all kinds to events: T083, T086, T089, T090, T131, T149, appendix B."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiclient2api.canonical.events import BlockStart, Citation, Event, Failed, Finish, Start, TextDelta, UsageUpdate
from aiclient2api.canonical.request import Block, Foreign, Opaque, Refusal, Text, Thinking, ToolCall
from aiclient2api.canonical.response import Response, fold
from aiclient2api.canonical.usage import Usage
from aiclient2api.canonical.validate import EventValidator
from aiclient2api.dialects.openai_responses import OPENAI_RESPONSES
from aiclient2api.dialects.openai_responses.events_in import READERS
from aiclient2api.wire.sse import MAX_EVENT_BYTES
from tests.dialects.openai_responses.samples import decode, encode
from tests.strategies import events as answers

Json = dict[str, Any]


def event(kind: str, **members: object) -> str:
    return (
        f"event: response.{kind}\ndata: {json.dumps({'type': f'response.{kind}', **members}, ensure_ascii=False)}\n\n"
    )


CREATED = event("created", response={"id": "resp_1", "model": "m", "status": "in_progress", "output": []})


def ended(*output: object, status: str = "completed", **members: object) -> str:
    return event(status, response={"id": "resp_1", "model": "m", "status": status, "output": output, **members})


def message(*texts: str, id_: str = "msg_1", **members: object) -> Json:
    content = [{"type": "output_text", "text": each, "annotations": []} for each in texts]
    return {"type": "message", "id": id_, "role": "assistant", "status": "completed", "content": content, **members}


def function(arguments: object = '{"q":"x"}', id_: str = "fc_1", call_id: str = "call_1", **members: object) -> Json:
    return {"type": "function_call", "id": id_, "call_id": call_id, "name": "f", "arguments": arguments, **members}


def added(index: int, item: Json) -> str:
    empty = {**item, "content": [], "arguments": "", "input": "", "summary": []}
    return event("output_item.added", output_index=index, item={key: empty[key] for key in item})


def done(index: int, item: Json) -> str:
    return event("output_item.done", output_index=index, item=item)


def said(index: int, delta: str, part: int = 0, **members: object) -> str:
    return event("output_text.delta", output_index=index, content_index=part, item_id="msg_1", delta=delta, **members)


def argued(index: int, delta: str) -> str:
    return event("function_call_arguments.delta", output_index=index, item_id="fc_1", delta=delta)


def blocks(*stream: str) -> tuple[Block, ...]:
    return fold(decode("".join(stream))).blocks


def finish(events: list[Event]) -> str:
    last = events[-1]
    assert isinstance(last, Finish), last
    return last.reason


def failure(*stream: str) -> tuple[str, str]:
    last = decode("".join(stream))[-1]
    assert isinstance(last, Failed)
    return last.error.kind, last.error.message


REASONING = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [{"type": "summary_text", "text": "let me"}, {"type": "summary_text", "text": "see"}],
    "encrypted_content": "gAAA",
}
USAGE = {
    "input_tokens": 100,
    "input_tokens_details": {"cached_tokens": 80, "cache_write_tokens": 5},
    "output_tokens": 9,
    "output_tokens_details": {"reasoning_tokens": 4},
    "total_tokens": 109,
}


def summary(kind: str, index: int, **members: object) -> str:
    return event(f"reasoning_summary_{kind}", output_index=0, item_id="rs_1", summary_index=index, **members)


WHOLE_TEXT = "Grüße \u2028\U0001f600"
SAMPLE = (
    ": keep-alive\n\n"
    + CREATED
    + event("in_progress", response={"id": "resp_1"})
    + added(0, REASONING)
    + summary("part.added", 0, part={"type": "summary_text", "text": ""})
    + summary("text.delta", 0, delta="let ")
    + summary("text.delta", 0, delta="me")
    + summary("text.done", 0, text="let me")
    + summary("part.done", 0, part={"type": "summary_text", "text": "let me"})
    + summary("part.added", 1, part={"type": "summary_text", "text": ""})
    + summary("text.delta", 1, delta="see")
    + summary("text.done", 1, text="see")
    + done(0, REASONING)
    + added(1, message())
    + event("content_part.added", output_index=1, content_index=0, part={"type": "output_text", "text": ""})
    + said(1, "Grüße ", logprobs=[])
    + said(1, "\u2028\U0001f600", logprobs=[])
    + event("output_text.done", output_index=1, content_index=0, text=WHOLE_TEXT)
    + event("content_part.done", output_index=1, content_index=0, part={"type": "output_text", "text": WHOLE_TEXT})
    + done(1, message(WHOLE_TEXT))
    + added(2, function("", namespace="ns"))
    + event("some_new_thing.delta", output_index=2, delta={"of": "another", "kind": 1})
    + argued(2, '{"q":"\u4e2d')
    + argued(2, '"}')
    + event("function_call_arguments.done", output_index=2, arguments='{"q":"\u4e2d"}')
    + done(2, function('{"q":"\u4e2d"}', namespace="ns"))
    + ended(REASONING, message(WHOLE_TEXT), function('{"q":"\u4e2d"}', namespace="ns"), usage=USAGE)
    + "data: [DONE]\n\n"
)
SAMPLE_RESPONSE = Response(
    "resp_1",
    "m",
    (
        Thinking("let me\n\nsee", (Opaque("openai", "encrypted", "gAAA"),)),
        Text(WHOLE_TEXT),
        ToolCall("call_1", "f", '{"q":"\u4e2d"}', namespace="ns"),
    ),
    Finish("tools"),
    Usage(fresh=15, cache_read=80, cache_write=5, output=9, reasoning=4),
)


@pytest.mark.parametrize("size", [None, 1, 2, 7, 100])
def test_t083_a_sound_stream_at_any_cut(size: int | None) -> None:
    assert fold(decode(SAMPLE, size)) == SAMPLE_RESPONSE


def test_bytes_after_the_end_are_ignored() -> None:
    assert fold(decode(SAMPLE + said(1, "late") + "garbage")) == SAMPLE_RESPONSE


def test_text_comes_as_it_was_cut() -> None:
    """C3: deltas pass at once, nothing is said twice."""
    pieces = [each.text for each in decode(SAMPLE) if isinstance(each, TextDelta)]
    assert pieces == ["Grüße ", "\u2028\U0001f600"]


def test_t149_a_stream_cut_at_every_byte_is_whole_or_failed() -> None:
    data = SAMPLE.encode()
    end = data.rindex(b"\n\ndata: [DONE]")
    for cut in range(len(data)):
        last = decode(data[:cut])[-1]
        if cut < end:
            assert isinstance(last, Failed), cut
            assert last.error.kind == "truncated"
        else:
            assert isinstance(last, Finish), "a last event without its blank line counts if it is whole"


TOLERATED: dict[str, str] = {
    "the rule": CREATED + added(0, message()) + said(0, "hi") + done(0, message("hi")) + ended(message("hi")),
    "t089 only done events": CREATED + done(0, message("hi")) + ended(message("hi")),
    "t089 only text.done": CREATED + event("output_text.done", output_index=0, text="hi") + ended(),
    "t089 only content_part.done": CREATED
    + event("content_part.done", output_index=0, content_index=0, part={"type": "output_text", "text": "hi"})
    + ended(),
    "t089 only the final object": CREATED + ended(message("hi")),
    "no created event": said(0, "hi") + ended(message("hi")),
    "no added events": CREATED + said(0, "h") + said(0, "i") + ended(),
    "too few deltas": CREATED + added(0, message()) + said(0, "h") + done(0, message("hi")) + ended(message("hi")),
    "too few deltas, told at the end": CREATED + added(0, message()) + said(0, "h") + ended(message("hi")),
    "final output empty": CREATED + added(0, message()) + said(0, "hi") + done(0, message("hi")) + ended(),
    "final output missing": CREATED
    + said(0, "hi")
    + event("completed", response={"id": "resp_1", "status": "completed", "output": None}),
    "final object missing": CREATED + said(0, "hi") + event("completed"),
    "t090 another id in every event": CREATED
    + added(0, message(id_="a"))
    + said(0, "hi")
    + done(0, message("hi", id_="b"))
    + ended(message("hi", id_="c")),
    "no output_index": CREATED
    + event("output_item.added", item=message())
    + event("output_text.delta", item_id="msg_1", delta="hi")
    + event("output_item.done", item=message("hi"))
    + ended(message("hi")),
    "places that begin at 1": CREATED
    + added(1, message())
    + said(1, "hi")
    + done(1, message("hi"))
    + ended(message("hi")),
    "places with a gap and other ids": CREATED
    + event("output_item.added", output_index=0, item=None)
    + added(1, message(id_="a"))
    + said(1, "hi")
    + ended(message("hi", id_="b")),
    "done twice": CREATED + done(0, message("hi")) + done(0, message("hi")) + ended(message("hi")),
    "late words": CREATED + done(0, message("hi")) + said(0, "late") + said(0, "late", part=3) + ended(message("hi")),
    "empty texts beside it": CREATED + said(0, "hi") + said(0, "", part=1) + ended(message("hi", "")),
    "no event lines": "".join(
        line + "\n\n" for block in (CREATED, said(0, "hi"), ended(message("hi"))) for line in block.split("\n")[1:2]
    ),
    "no types": (CREATED + said(0, "hi") + ended()).replace('"type": "response.', '"kind": "response.'),
    "CRLF": (CREATED + said(0, "hi") + ended(message("hi"))).replace("\n", "\r\n"),
    "[DONE] before the end": CREATED + said(0, "hi") + "data: [DONE]\n\n" + ended(message("hi")),
    "keep-alive events": "event: keepalive\ndata: {}\n\n" + CREATED + said(0, "hi") + "data: {}\n\n" + ended(),
}


@pytest.mark.parametrize("name", TOLERATED)
def test_what_servers_do_differently_is_read_over(name: str) -> None:
    events = decode(TOLERATED[name])
    response = fold(events)
    assert (response.blocks, finish(events)) == ((Text("hi"),), "end")
    assert isinstance(events[0], Start)


CALLS: dict[str, str] = {
    "deltas and done": CREATED
    + added(0, function())
    + argued(0, '{"q":')
    + argued(0, '"x"}')
    + done(0, function())
    + ended(function()),
    "only arguments.done": CREATED
    + added(0, function())
    + event("function_call_arguments.done", output_index=0, arguments='{"q":"x"}')
    + ended(),
    "only item.done": CREATED + added(0, function()) + done(0, function()) + ended(),
    "only the final object": CREATED + ended(function()),
    "deltas and nothing else": CREATED + added(0, function()) + argued(0, '{"q":"x"}') + ended(),
    "name and id only at the end": CREATED
    + added(0, {"type": "function_call", "id": "fc_1"})
    + argued(0, '{"q":"x"}')
    + done(0, function())
    + ended(),
    "never added": CREATED + argued(0, '{"q":"x"}') + done(0, function()) + ended(),
    "arguments as an object": CREATED + ended(function({"q": "x"})),
    "another place in the final list": CREATED + added(1, function()) + done(1, function()) + ended(function()),
    "status left out": CREATED + ended(function(status=None)),
}


@pytest.mark.parametrize("name", CALLS)
def test_t017_calls_are_whole_however_they_come(name: str) -> None:
    events = decode(CALLS[name])
    assert fold(events).blocks == (ToolCall("call_1", "f", '{"q":"x"}'),)
    assert finish(events) == "tools"


def test_parallel_calls_may_interleave() -> None:
    """T007."""
    one, two = function('{"a":1}', "fc_1", "call_1"), function('{"b":2}', "fc_2", "call_2")
    stream = (added(0, one), added(1, two), argued(1, '{"b'), argued(0, '{"a":1}'), argued(1, '":2}'), done(0, one))
    assert blocks(CREATED, *stream, done(1, two), ended(one, two)) == (
        ToolCall("call_1", "f", '{"a":1}'),
        ToolCall("call_2", "f", '{"b":2}'),
    )


def test_calls_without_a_name_are_dropped_and_without_an_id_get_one() -> None:
    nameless = {"type": "function_call", "id": "fc_1", "call_id": "c", "arguments": "{}"}
    events = decode(CREATED + added(0, nameless) + argued(0, "{}") + ended(nameless))
    assert (fold(events).blocks, finish(events)) == ((), "end")
    idless = {"type": "function_call", "name": "f", "arguments": "{}"}
    (call,) = blocks(CREATED, ended(idless))
    assert isinstance(call, ToolCall)
    assert call.id.startswith("call_")
    assert blocks(CREATED, ended(idless)) == (call,), "the same each time"


def test_custom_calls() -> None:
    item = {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c", "name": "patch", "input": "*** Begin\nx"}
    stream = (
        added(0, item),
        event("custom_tool_call_input.delta", output_index=0, delta="*** Begin"),
        event("custom_tool_call_input.done", output_index=0, input="*** Begin\nx"),
    )
    assert blocks(CREATED, *stream, ended()) == (ToolCall("c", "patch", "*** Begin\nx", "custom"),)
    assert blocks(CREATED, ended(item)) == (ToolCall("c", "patch", "*** Begin\nx", "custom"),)


SHELL = {"type": "local_shell_call", "id": "lsh_1", "call_id": "c", "status": "completed", "action": {"type": "exec"}}


def test_built_in_tools_that_the_client_runs_are_calls() -> None:
    events = decode(CREATED + added(0, SHELL) + done(0, SHELL) + ended(SHELL))
    (call,) = fold(events).blocks
    assert isinstance(call, ToolCall)
    assert (call.id, call.name, json.loads(call.arguments)) == ("c", "local_shell", {"type": "exec"})
    (state,) = call.opaque
    assert (state.origin, state.kind, json.loads(state.value)) == ("openai", "local_shell_call", SHELL)
    assert finish(events) == "tools"


def test_t145_what_the_server_ran_itself_is_carried_whole() -> None:
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": 1}}
    broken_shell = {"type": "shell_call", "id": "sh_1", "action": 5, "call_id": "c"}
    usage = {**USAGE, "output_tokens_details": None}
    stream = (
        added(0, search),
        event("web_search_call.searching", output_index=0, item_id="ws_1"),
        done(0, search),
        done(1, broken_shell),
        done(2, message("found")),
    )
    events = decode("".join((CREATED, *stream, ended(usage=usage, tool_usage={"web_search": {"num_requests": 2}}))))
    response = fold(events)
    first, second, third = response.blocks
    assert isinstance(first, Foreign)
    assert (first.dialect, first.type, json.loads(first.raw)) == ("openai_responses", "web_search_call", search)
    assert isinstance(second, Foreign)
    assert third == Text("found")
    assert (response.usage.web_searches, response.usage.reasoning, finish(events)) == (2, 0, "end")


THOUGHTS: dict[str, tuple[str, ...]] = {
    "summary": (summary("text.delta", 0, delta="a"), summary("text.delta", 1, delta="b")),
    "summary, only done": (summary("text.done", 0, text="a"), summary("part.done", 1, part={"text": "b"})),
    "content": (
        event("reasoning_text.delta", output_index=0, content_index=0, delta="a"),
        event("reasoning_text.delta", output_index=0, content_index=1, delta="b"),
        summary("text.delta", 0, delta="the same in short"),
    ),
    "content, only done": (
        event("reasoning_text.done", output_index=0, content_index=0, text="a"),
        event("content_part.done", output_index=0, content_index=1, part={"type": "reasoning_text", "text": "b"}),
    ),
    "only the item": (
        done(0, {"type": "reasoning", "summary": [{"text": "a"}, {"text": "b"}], "content": [{"text": "c"}]}),
    ),
    "only the item, no summary": (
        done(0, {"type": "reasoning", "summary": [], "content": [{"text": "a"}, {"text": "b"}]}),
    ),
}


@pytest.mark.parametrize("name", THOUGHTS)
def test_reasoning_however_it_comes(name: str) -> None:
    assert blocks(CREATED, *THOUGHTS[name], ended()) == (Thinking("a\n\nb"),)


def test_reasoning_of_which_nothing_is_shown() -> None:
    bare = {"type": "reasoning", "id": "rs_1", "summary": []}
    hidden = {**bare, "encrypted_content": "gAAA"}
    assert blocks(CREATED, added(0, bare), done(0, bare), ended(bare)) == ()
    assert blocks(CREATED, done(0, hidden), ended()) == (Thinking("", (Opaque("openai", "encrypted", "gAAA"),)),)


def test_refusals() -> None:
    part = {"type": "refusal", "refusal": "no way"}
    item = {"type": "message", "id": "msg_1", "content": [part]}
    refused = (
        event("refusal.delta", output_index=0, content_index=0, delta="no "),
        event("refusal.delta", output_index=0, content_index=0, delta="way"),
    )
    for stream in (refused, (event("refusal.done", output_index=0, refusal="no way"),), (done(0, item),)):
        events = decode("".join((CREATED, *stream, ended())))
        assert fold(events).blocks == (Refusal("no way"),)
        assert finish(events) == "refusal"


def test_sources_are_told_once() -> None:
    """As events before the part is done, or only in what is done; for a part that has ended it is too late."""
    web = {"type": "url_citation", "url": "https://a.example", "title": "A", "start_index": 0, "end_index": 2}
    file = {"type": "file_citation", "file_id": "f", "filename": "a.md", "index": -1}
    item = message("Ab", "c")
    item["content"][0]["annotations"] = [web, file, 5]
    streamed = event("output_text.annotation.added", output_index=0, content_index=0, annotation=web)
    late = event("output_text.annotation.added", output_index=0, content_index=0, annotation=web)
    events = decode("".join((CREATED, said(0, "Ab"), streamed, done(0, item), late, ended(item))))
    found = [each for each in events if isinstance(each, Citation)]
    assert [(each.index, each.url, each.title, each.start, each.end) for each in found] == [
        (0, "https://a.example", "A", 0, 2),
        (0, "", "a.md", None, None),
    ]
    assert fold(events).blocks == (Text("Ab"), Text("c"))


@pytest.mark.parametrize(
    ("details", "reason"),
    [
        ({"reason": "max_output_tokens"}, "length"),
        ({"reason": "content_filter"}, "refusal"),
        ({"reason": "max_messages"}, "pause"),
        ({"reason": "something new"}, "length"),
        (None, "length"),
    ],
)
def test_t131_incomplete_answers(details: object, reason: str) -> None:
    events = decode(CREATED + said(0, "x") + ended(message("x"), status="incomplete", incomplete_details=details))
    assert finish(events) == reason


def test_t074_a_call_that_was_cut_is_never_closed() -> None:
    """Whatever cut it, and whether or not the server calls the item done."""
    half = function('{"q":', status="incomplete")
    for reason in ("max_output_tokens", "content_filter"):
        for stream in ((argued(0, '{"q":'),), (argued(0, '{"q":'), done(0, half)), ()):
            end = ended(half, status="incomplete", incomplete_details={"reason": reason})
            events = decode("".join((CREATED, added(0, function()), *stream, end)))
            assert finish(events) == "length"
            assert not [each for each in events if type(each).__name__ == "BlockEnd"]
            assert fold(events).blocks == (ToolCall("call_1", "f", '{"q":'),)


def test_d3_a_call_that_stays_half_in_a_completed_answer_is_a_failure() -> None:
    custom = {"type": "custom_tool_call", "call_id": "c", "name": "p", "input": "x", "status": "incomplete"}
    for stream in ((added(0, function()), argued(0, '{"q":')), (done(0, custom),)):
        assert failure(CREATED, *stream, ended()) == ("upstream", "The upstream ended its answer inside a tool call.")


FAILURES: dict[str, tuple[str, str, str]] = {
    "failed": (
        event("failed", response={"id": "r", "status": "failed", "error": {"code": "server_error", "message": "boom"}}),
        "upstream",
        "boom",
    ),
    "failed without a reason": (event("failed", response={"status": "failed"}), "upstream", "failed"),
    "cancelled": (event("cancelled", response={}), "upstream", "cancelled"),
    "too long": (
        event("failed", response={"error": {"code": "context_length_exceeded", "message": "too long"}}),
        "context_length",
        "too long",
    ),
    "overloaded": (
        event("failed", response={"error": {"code": "server_is_overloaded", "message": "later"}}),
        "overloaded",
        "later",
    ),
    "flat error": (
        'event: error\ndata: {"type":"error","code":"rate_limit_exceeded","message":"slow","param":null}\n\n',
        "rate_limit",
        "slow",
    ),
    "nested error": (
        'data: {"type":"error","error":{"code":"insufficient_quota","message":"broke"}}\n\n',
        "quota",
        "broke",
    ),
    "error by its event name": ('event: error\ndata: {"message":"boom"}\n\n', "upstream", "boom"),
    "error without a type": (
        'data: {"error":{"message":"bad key","code":"invalid_api_key"}}\n\n',
        "login_expired",
        "bad key",
    ),
    "an error that says nothing": ('event: error\ndata: {"type":"error"}\n\n', "upstream", "no reason"),
    "usage limit": (
        'data: {"type":"error","error":{"type":"usage_limit_reached","message":"spent"}}\n\n',
        "quota",
        "spent",
    ),
    "garbage": ("data: nope\n\n", "upstream", "cannot be read"),
    "a known event of another shape": (event("output_text.delta", output_index="0", delta=5), "upstream", "read"),
    "a created event of another shape": (event("created", response=5), "upstream", "read"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_t075_failures(name: str) -> None:
    stream, kind, words = FAILURES[name]
    for before in ("", CREATED, CREATED + said(0, "half")):
        found = failure(before, stream, ended(message("late")))
        assert (found[0], words in found[1]) == (kind, True), found


@pytest.mark.parametrize("stream", [CREATED, CREATED + said(0, "half"), CREATED + "data: [DONE]\n\n"])
def test_d3_a_stream_without_an_end_is_cut(stream: str) -> None:
    assert failure(stream)[0] == "truncated"


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        ("<html>", "upstream", "web page"),
        ('{"error":{"message":"full","code":"overloaded"}}', "overloaded", "full"),
        ("", "truncated", "before it was complete"),
        (" \r\n", "truncated", "before it was complete"),
    ],
)
def test_bodies_that_are_no_stream(body: str, kind: str, words: str) -> None:
    found = failure(body)
    assert (found[0], words in found[1]) == (kind, True), found


@pytest.mark.parametrize("start", [b'{"output":"', b"data: "])
def test_what_has_no_end_is_not_kept_for_ever(start: bytes) -> None:
    decoder = OPENAI_RESPONSES.decoder()
    piece = b"x" * (MAX_EVENT_BYTES // 4 + 1)
    events = [*decoder.feed(start), *(event for _ in range(4) for event in decoder.feed(piece))]
    (last,) = events
    assert isinstance(last, Failed)
    assert last.error.kind == "upstream"


def test_a_whole_object_in_place_of_a_stream_is_taken_for_one() -> None:
    whole = json.dumps({"id": "resp_1", "status": "completed", "output": [message("hi")]})
    for size in (None, 3):
        assert fold(decode(whole, size)).blocks == (Text("hi"),)


def test_t085_a_large_delta_and_many_small_ones() -> None:
    big = "x" * 2**20
    small = [said(0, "y")] * 20_000
    (block,) = blocks(CREATED, said(0, big), *small, ended())
    assert block == Text(big + "y" * 20_000)


def shown(response: Response) -> tuple[object, ...]:
    """What Responses can hold of an answer: empty blocks are left out, and so is which stop sequence it was."""
    kept = [
        block
        for block in response.blocks
        if not (isinstance(block, Text) and not block.text)
        and not (isinstance(block, Thinking) and not block.text and not block.opaque)
    ]
    reason = {"stop_sequence": "end"}.get(response.finish.reason, response.finish.reason)
    return kept, reason, response.usage


@given(answers(), st.integers(1, 64))
def test_t148_streams_come_back_at_any_cut(stream: list[Event], size: int) -> None:
    back = decode(encode(stream), size)
    assert shown(fold(back)) == shown(fold(stream))
    starts = [each for each in back if isinstance(each, BlockStart)]
    assert [each.index for each in starts] == list(range(len(starts)))
    assert sum(isinstance(each, UsageUpdate) for each in back) == 1


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_no_random_body_makes_a_decoder_raise(body: bytes) -> None:
    for data in (
        body,
        b"data: " + body + b"\n\n",
        b'data: {"type":"response.output_item.done","item":' + body + b"}\n\n",
    ):
        decoder = OPENAI_RESPONSES.decoder()
        EventValidator().feed([*decoder.feed(data), *decoder.close()])
    EventValidator().feed(list(OPENAI_RESPONSES.decode_response(body)))
    OPENAI_RESPONSES.decode_error(400, {}, body)


NAMES = ["message", "reasoning", "function_call", "custom_tool_call", "local_shell_call", "web_search_call", ""]
random_items = st.fixed_dictionaries(
    {"type": st.sampled_from(NAMES)},
    optional={
        "id": st.sampled_from(["a", "b", None]),
        "call_id": st.sampled_from(["c", "d", ""]),
        "name": st.sampled_from(["f", ""]),
        "status": st.sampled_from(["completed", "incomplete", None]),
        "arguments": st.sampled_from(["{}", '{"a":', ""]),
        "input": st.sampled_from(["", "x"]),
        "content": st.sampled_from(
            [[], [{"type": "output_text", "text": "ab"}], [{"type": "refusal", "refusal": "r"}]]
        ),
        "summary": st.sampled_from([[], [{"text": "s"}]]),
        "encrypted_content": st.sampled_from([None, "e"]),
    },
)
random_events = st.builds(
    lambda kind, members: event(kind, **members),
    st.sampled_from(sorted(READERS)),
    st.fixed_dictionaries(
        {},
        optional={
            "output_index": st.integers(0, 2),
            "content_index": st.integers(0, 2),
            "summary_index": st.integers(0, 2),
            "item_id": st.sampled_from(["a", "b"]),
            "delta": st.sampled_from(["a", ""]),
            "text": st.sampled_from(["ab", ""]),
            "arguments": st.sampled_from(["{}", ""]),
            "part": st.sampled_from([{"type": "output_text", "text": "ab"}, {"type": "reasoning_text", "text": "t"}]),
            "annotation": st.just({"type": "url_citation", "url": "https://a.example"}),
            "item": random_items,
        },
    ),
)


@given(
    st.lists(random_events, max_size=8),
    st.lists(random_items, max_size=3),
    st.sampled_from(["completed", "incomplete"]),
)
def test_random_streams_give_sound_events(stream: list[str], output: list[Json], status: str) -> None:
    """Fuzz: whatever the order of known events, the events keep theirs and the last is an end."""
    last = decode("".join(stream) + ended(*output, status=status))[-1]
    assert isinstance(last, Finish | Failed)
