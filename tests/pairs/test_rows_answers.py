"""Part 5 of dialects.md, rows about answers: raw streams as services really send them, and what must come of them."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from aiclient2api.canonical.events import ArgumentsDelta, BlockEnd, BlockStart, Event
from tests.dialects.anthropic import grammar as anthropic_grammar
from tests.dialects.openai_responses import grammar as responses_grammar
from tests.pairs.answers import LARGE, VECTORS, answer, prose
from tests.pairs.backs import BACKS
from tests.pairs.rows import (
    CHAT_LOOK,
    LOOK,
    RESPONSES_LOOK,
    Seen,
    at,
    calls,
    claude,
    go,
    raw,
    sse,
    texts,
    whole,
)
from tests.pairs.wires import (
    BOTH,
    CLOSED,
    COUNTS,
    CUT,
    EVERY,
    HELLO,
    MESSAGE,
    R_USAGE,
    TOOLS_OF,
    A,
    C,
    G,
    R,
    chat,
    chunk,
    claude_stream,
    frames_of,
    of_claude,
    piece,
    responses,
)
from tests.pairs.world import Json, Play, World

TRANSLATED = [name for name in BACKS if name != "claude-custom"]


def test_t005_reasoning_then_text_then_a_call(world: World) -> None:
    play = chat(
        chunk({"role": "assistant", "reasoning_content": "hm"}),
        chunk({"content": "So:"}),
        chunk(piece(0, "{}", id="call_1", name="look")),
        chunk({}, "tool_calls"),
    )
    seen = go(world, A, "openai-custom", claude("Hi.", tools=[LOOK]), play=play, stream=True)
    shape = [
        (
            each["type"].removeprefix("content_block_"),
            each["index"],
            at(each, "content_block.type") or at(each, "delta.type"),
        )
        for each in frames_of(seen)
        if "index" in each
    ]
    assert shape == [
        ("start", 0, "thinking"),
        ("delta", 0, "thinking_delta"),
        ("delta", 0, "signature_delta"),
        ("stop", 0, None),
        ("start", 1, "text"),
        ("delta", 1, "text_delta"),
        ("stop", 1, None),
        ("start", 2, "tool_use"),
        ("delta", 2, "input_json_delta"),
        ("stop", 2, None),
    ]


@pytest.mark.parametrize("vector", ["text", "thinking-between-calls", "parallel-calls", "nothing"])
@pytest.mark.parametrize("back", TRANSLATED)
def test_t006_t058_t059_the_frames_of_a_message(world: World, back: str, vector: str) -> None:
    """One start and one stop, indexes without gaps, event lines that are the types, no [DONE], counts at the start."""
    seen = go(world, A, back, play=VECTORS[vector].events, stream=True)
    kinds = [each["type"] for each in frames_of(seen)]
    assert (kinds[0], kinds[-1]) == ("message_start", "message_stop")
    assert kinds.count("message_start") == kinds.count("message_stop") == 1
    started = [each["index"] for each in frames_of(seen) if each["type"] == "content_block_start"]
    assert started == list(range(len(started)))
    assert b"[DONE]" not in seen.reply.body
    usage = frames_of(seen)[0]["message"]["usage"]
    assert all(type(usage[name]) is int for name in ("input_tokens", "output_tokens", "cache_read_input_tokens"))


def test_t007_parallel_calls_whose_fragments_interleave(world: World) -> None:
    play = chat(
        chunk({"role": "assistant"} | piece(0, "", id="call_1", name="look")),
        chunk(piece(1, '{"b"', id="call_2", name="look")),
        chunk(piece(0, '{"a":')),
        chunk(piece(1, ":2}")),
        chunk(piece(0, "1}")),
        chunk({}, "tool_calls"),
    )
    seen = go(world, A, "openai-custom", claude("Hi.", tools=[LOOK]), play=play, stream=True)
    anthropic_grammar.check(seen.reply.body)
    assert calls(seen.answer) == [("call_1", "look", {"a": 1}), ("call_2", "look", {"b": 2})]


def test_t008_usage_behind_the_finish(world: World) -> None:
    play = chat(chunk({"content": "x"}), chunk({}, "stop"), chunk(None, usage=COUNTS))
    seen = go(world, A, "openai-custom", play=play, stream=True)
    told = frames_of(seen)[-2]["usage"]
    assert (told["input_tokens"], told["cache_read_input_tokens"], told["output_tokens"]) == (50, 149_900, 7)


@pytest.mark.parametrize("back", ["openai-custom", "openaiResponses-custom"])
def test_t009_openais_counts_as_anthropics(world: World, back: str) -> None:
    choice = {"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}
    body = {"id": "c", "model": "m", "choices": [choice], "usage": COUNTS}
    play = whole(body if back == "openai-custom" else responses(MESSAGE, usage=R_USAGE))
    usage = go(world, A, back, play=play).reply.json["usage"]
    assert (usage["input_tokens"], usage["cache_read_input_tokens"], usage["cache_creation_input_tokens"]) == (
        50,
        149_900,
        50,
    )


@BOTH
def test_t010_anthropics_counts_as_openais(world: World, stream: bool) -> None:
    play = of_claude(stream, {"type": "text", "text": "x"})
    seen = go(world, C, "claude-custom", {"stream_options": {"include_usage": True}}, play=play, stream=stream)
    chunks = [json.loads(line[6:]) for line in seen.reply.body.decode().split("\n\n") if line[6:7] == "{"]
    usage = chunks[-1]["usage"] if stream else seen.reply.json["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (22_013, 7, 22_020)
    assert usage["prompt_tokens_details"]["cached_tokens"] == 22_000


def test_t014_the_events_of_a_text(world: World) -> None:
    play = chat(
        chunk({"role": "assistant", "content": ""}), chunk({"content": "a"}), chunk({"content": "b"}), chunk({}, "stop")
    )
    seen = go(world, R, "openai-custom", play=play, stream=True)
    events = responses_grammar.frames(seen.reply.body)
    assert [each["type"].removeprefix("response.") for each in events] == [
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
    assert [each["sequence_number"] for each in events] == list(range(len(events)))


def test_t015_the_events_of_reasoning(world: World) -> None:
    play = chat(chunk({"role": "assistant", "reasoning_content": "hm"}), chunk({"content": "x"}), chunk({}, "stop"))
    seen = go(world, R, "openai-custom", play=play, stream=True)
    kinds = [each["type"].removeprefix("response.") for each in responses_grammar.frames(seen.reply.body)]
    order = [
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_part.done",
        "output_item.done",
    ]
    places = [kinds.index(each) for each in order]
    assert places == sorted(places)
    assert kinds.index("output_item.done") < kinds.index("content_part.added")
    responses_grammar.check(seen.reply.body)


@pytest.mark.parametrize("vector", ["text", "thinking-between-calls", "parallel-calls"])
@pytest.mark.parametrize("back", [name for name in BACKS if name != "openaiResponses-custom"])
def test_t016_one_id_for_an_item(world: World, back: str, vector: str) -> None:
    """In all of its events and in the final output; with the prefix of its kind."""
    seen = go(world, R, back, play=VECTORS[vector].events, stream=True)
    events = responses_grammar.frames(seen.reply.body)
    ids: dict[int, set[str]] = {}
    for each in events:
        if "output_index" in each:
            ids.setdefault(each["output_index"], set()).add(each.get("item_id") or each["item"]["id"])
    output = events[-1]["response"]["output"]
    assert [{item["id"]} for item in output] == [ids[index] for index in sorted(ids)]
    prefixes = {"message": "msg_", "reasoning": "rs_", "function_call": "fc_"}
    assert all(item["id"].startswith(prefixes[item["type"]]) for item in output)


def test_t017_a_call_is_whole_where_it_is_done(world: World) -> None:
    play = chat(
        chunk({"role": "assistant"} | piece(0, '{"a"', id="call_1", name="look")),
        chunk(piece(0, ":1}")),
        chunk({}, "tool_calls"),
    )
    seen = go(world, R, "openai-custom", {"tools": [RESPONSES_LOOK]}, play=play, stream=True)
    events = {each["type"]: each for each in responses_grammar.frames(seen.reply.body)}
    assert events["response.function_call_arguments.done"]["arguments"] == '{"a":1}'
    item = events["response.output_item.done"]["item"]
    assert (item["arguments"], item["call_id"], item["name"]) == ('{"a":1}', "call_1", "look")


@BOTH
@pytest.mark.parametrize("front", [A, C, R, G])
def test_t024_a_large_call_cut_in_midstream(world: World, front: str, stream: bool) -> None:
    """Never a finished call with nothing in it: a failure if the stream broke off, the limit if it was closed."""
    kiro = BACKS["claude-kiro-oauth"]
    for pieces, broken in ((CUT, True), (CUT, False), ([*CUT, CLOSED], False)):
        play = Play(pieces, kind=kiro.kind, broken=broken)
        seen = go(world, front, kiro.name, TOOLS_OF[front], play=play, stream=stream)
        if pieces is CUT:
            assert seen.reply.status != 200 or (stream and not seen.front.end(seen.reply.body))
        else:
            assert seen.answer.finish.reason == "length"
        if seen.reply.status == 200:
            body = json.loads(seen.reply.body) if not stream and front == A else {}
            assert all(each.get("input") != {} for each in at(body, "content") or [])
            assert not [block for block in made_of(seen) if block.kind == "tool_call" and ended_empty(seen, block)]


def made_of(seen: Seen) -> list[BlockStart]:
    return [event for event in events_of(seen) if isinstance(event, BlockStart)]


def events_of(seen: Seen) -> Sequence[Event]:
    return seen.front.events(seen.reply.body) if seen.stream else seen.front.dialect.decode_response(seen.reply.body)


def ended_empty(seen: Seen, block: BlockStart) -> bool:
    """Whether a call has come to its end with nothing in it."""
    mine = [event for event in events_of(seen) if getattr(event, "index", -1) == block.index]
    text = "".join(event.text for event in mine if isinstance(event, ArgumentsDelta))
    return any(isinstance(event, BlockEnd) for event in mine) and text.strip() in ("", "{}")


@EVERY
def test_t030_a_retry_without_a_stream(world: World, back: str) -> None:
    """Claude Code asks so when a stream failed: one JSON message with its content type."""
    seen = go(world, A, back, {"stream": False})
    assert seen.reply.kind == "application/json"
    assert (seen.reply.json["type"], at(seen.reply.json, "content.0.text")) == ("message", "Hi.")


@BOTH
@EVERY
def test_t060_a_call_without_arguments(world: World, back: str, stream: bool) -> None:
    seen = go(world, A, back, claude("Hi.", tools=[LOOK]), play=VECTORS["call-without-arguments"].events, stream=stream)
    if stream:
        texts_ = [at(each, "delta.partial_json") for each in frames_of(seen) if at(each, "delta.partial_json")]
        assert "".join(texts_) in ("", "{}")
    else:
        assert at(seen.reply.json, "content.0.input") == {}


@pytest.mark.parametrize("back", ["gemini-custom", "gemini-cli-oauth"])
def test_t061_large_arguments(world: World, back: str) -> None:
    seen = go(world, A, back, play=VECTORS["call-with-large-values"].events, stream=True)
    text = "".join(at(each, "delta.partial_json") or "" for each in frames_of(seen))
    assert json.loads(text) == json.loads(LARGE)
    assert "1152921504606846976" in text


@pytest.mark.parametrize("asked", [True, False], ids=["asked", "not-asked"])
@EVERY
def test_t066_usage_in_a_chat_stream(world: World, back: str, asked: bool) -> None:
    members: Json = {"stream_options": {"include_usage": True}} if asked else {}
    seen = go(world, C, back, members, stream=True)
    lines = [line[6:] for line in seen.reply.body.decode().split("\n\n") if line.startswith("data: {")]
    with_usage = [json.loads(line) for line in lines if json.loads(line).get("usage")]
    assert len(with_usage) == asked
    assert all(each["choices"] == [] for each in with_usage)
    if asked:
        assert json.loads(lines[-1]) == with_usage[0]


@pytest.mark.parametrize("back", ["claude-custom", "gemini-custom", "claude-kiro-oauth", "openaiResponses-custom"])
def test_t067_t068_calls_of_a_chat_stream(world: World, back: str) -> None:
    """Counted from 0 whatever stood before; id, type and name come once."""
    seen = go(world, C, back, {"tools": [CHAT_LOOK]}, play=VECTORS["text-and-calls"].events, stream=True)
    lines = [json.loads(line[6:]) for line in seen.reply.body.decode().split("\n\n") if line.startswith("data: {")]
    pieces = [each for line in lines for each in at(line, "choices.0.delta.tool_calls") or []]
    assert sorted({each["index"] for each in pieces}) == [0, 1]
    for index, call_id in ((0, "call_1a"), (1, "call_2b")):
        mine = [each for each in pieces if each["index"] == index]
        assert [each["id"] for each in mine if "id" in each] == [call_id]
        assert (
            len([each for each in mine if "type" in each])
            == len([each for each in mine if "name" in each["function"]])
            == 1
        )


@BOTH
def test_t069_a_call_without_arguments(world: World, stream: bool) -> None:
    play = of_claude(stream, {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}, stop="tool_use")
    seen = go(world, C, "claude-custom", {"tools": [CHAT_LOOK]}, play=play, stream=stream)
    if stream:
        assert '"arguments":"{}"' in seen.reply.body.decode()
        assert calls(seen.answer) == [("toolu_1", "look", {})]
    else:
        assert at(seen.reply.json, "choices.0.message.tool_calls.0.function.arguments") == "{}"


@EVERY
def test_t073_the_object_at_the_end(world: World, back: str) -> None:
    members: Json = {
        "tools": [RESPONSES_LOOK],
        "tool_choice": "auto",
        "text": {"format": {"type": "json_schema", "name": "x", "schema": {"type": "object"}}},
    }
    seen = go(world, R, back, members, play=VECTORS["text"].events, stream=True)
    response = responses_grammar.frames(seen.reply.body)[-1]["response"]
    assert at(response, "output.0.content.0.text") == "Hello, world!"
    assert response["usage"]["input_tokens_details"].keys() >= {"cached_tokens"}
    assert response["usage"]["output_tokens_details"].keys() == {"reasoning_tokens"}
    if back != "openaiResponses-custom":  # where it is the service that repeats them
        assert response["text"]["format"]["type"] == "json_schema"
        assert (at(response, "tools.*.name"), response["tool_choice"]) == (["look"], "auto")


@BOTH
def test_t074_an_answer_cut_by_its_limit(world: World, stream: bool) -> None:
    half = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}
    frames = claude_stream({"type": "text", "text": "So:"}, half, stop="max_tokens").decode()
    end = sse({"type": "content_block_stop", "index": 1}, named=True)
    delta = {
        "type": "content_block_delta",
        "index": 1,
        "delta": {"type": "input_json_delta", "partial_json": '{"a":"b'},
    }
    play = (
        raw(frames.encode().replace(end, sse(delta, named=True) + end))
        if stream
        else of_claude(False, {"type": "text", "text": "So:"}, stop="max_tokens")
    )
    seen = go(world, R, "claude-custom", {"tools": [RESPONSES_LOOK]}, play=play, stream=stream)
    response = responses_grammar.check(seen.reply.body) if stream else seen.reply.json
    assert (response["status"], response["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    assert response["output"][-1]["status"] == "incomplete"


@BOTH
def test_t077_texts_around_a_call(world: World, stream: bool) -> None:
    blocks = (
        {"type": "text", "text": "Before."},
        {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}},
        {"type": "text", "text": "After."},
    )
    play = of_claude(stream, *blocks, stop="tool_use")
    seen = go(world, R, "claude-custom", {"tools": [RESPONSES_LOOK]}, play=play, stream=stream)
    output = responses_grammar.check(seen.reply.body)["output"] if stream else seen.reply.json["output"]
    assert [each["type"] for each in output] == ["message", "function_call", "message"]
    assert [at(each, "content.0.text") for each in output] == ["Before.", None, "After."]


@pytest.mark.parametrize("back", [name for name in BACKS if name != "gemini-custom"])
def test_t079_the_end_of_a_gemini_stream(world: World, back: str) -> None:
    """The reason and the counts stand on the last chunk, and only there."""
    seen = go(world, G, back, play=VECTORS["text"].events, stream=True)
    chunks = [json.loads(frame[6:]) for frame in seen.reply.body.decode().split("\r\n\r\n") if frame]
    assert ["finishReason" in each["candidates"][0] for each in chunks] == [False] * (len(chunks) - 1) + [True]
    assert ["usageMetadata" in each for each in chunks] == [False] * (len(chunks) - 1) + [True]


@BOTH
@pytest.mark.parametrize("back", ["claude-custom", "openai-custom", "openaiResponses-custom", "claude-kiro-oauth"])
def test_t080_a_call_for_a_client_of_gemini(world: World, back: str, stream: bool) -> None:
    seen = go(world, G, back, TOOLS_OF[G], play=VECTORS["call"].events, stream=stream)
    chunks = (
        [json.loads(frame[6:]) for frame in seen.reply.body.decode().split("\r\n\r\n") if frame]
        if stream
        else [seen.reply.json]
    )
    parts = [part for each in chunks for part in each["candidates"][0]["content"]["parts"]]
    (found,) = [part["functionCall"] for part in parts if "functionCall" in part]
    assert found == {"id": "call_1a", "name": "read_file", "args": {"path": "/etc/hosts"}}
    assert chunks[-1]["candidates"][0]["finishReason"] == "STOP"


TRICKY = "a\u2028b\u0085c\r\nd\re 👩\u200d👧 😀 é"


@pytest.mark.parametrize("size", [1, 3, 7])
@pytest.mark.parametrize("front", [A, C, R, G])
@EVERY
def test_t083_characters_that_line_readers_stumble_over(world: World, front: str, back: str, size: int) -> None:
    """Split over as many pieces as there are, also within a character."""
    service = BACKS[back]
    data = b"".join(service.pieces(answer(prose(0, TRICKY[:4], TRICKY[4:]))))
    play = Play([data[place : place + size] for place in range(0, len(data), size)], kind=service.kind)
    assert texts(go(world, front, back, play=play, stream=True).answer) == TRICKY


def small() -> list[Event]:
    return answer(prose(0, *(f"{number} " for number in range(20_000))))


@pytest.mark.parametrize("front", [A, C, R, G])
def test_t085_one_large_delta_and_many_small_ones(world: World, front: str) -> None:
    large = "é😀" * 200_000
    for events, wanted in (
        (answer(prose(0, large)), large),
        (small(), "".join(f"{number} " for number in range(20_000))),
    ):
        back = BACKS["claude-custom" if front != A else "openai-custom"]
        data = b"".join(back.pieces(events))
        play = Play([data[place : place + 65_536] for place in range(0, len(data), 65_536)], kind=back.kind)
        assert texts(go(world, front, back.name, play=play, stream=True).answer) == wanted


def test_t086_a_finish_reason_that_is_missing(world: World) -> None:
    """[DONE] alone is a clean end; neither is a cut."""
    seen = go(world, A, "openai-custom", play=chat(HELLO), stream=True)
    assert (texts(seen.answer), seen.answer.finish.reason) == ("Hello.", "end")
    seen = go(world, A, "openai-custom", play=chat(HELLO, end=""), stream=True)
    assert seen.reply.status == 502 or seen.front.broken(seen.reply.body)


QUIRKS: dict[str, tuple[list[Json | str], str]] = {
    "chunks-behind-the-end": ([HELLO, chunk({}, "stop"), "[DONE]", chunk({"content": " more"})], ""),
    "two-finish-reasons": ([HELLO, chunk({}, "stop"), chunk({}, "stop")], "[DONE]"),
    "no-choices-first": ([chunk(None, prompt_filter_results=[]), HELLO, chunk({}, "stop")], "[DONE]"),
    "no-delta": (
        [HELLO, {**chunk(), "choices": [{"index": 0, "delta": None, "finish_reason": None}]}, chunk({}, "stop")],
        "[DONE]",
    ),
    "null-members": (
        [chunk({"role": "assistant", "content": None, "tool_calls": None}), HELLO, chunk({}, "stop")],
        "[DONE]",
    ),
}


@pytest.mark.parametrize("quirk", [pytest.param(name, id=f"T087-{name}") for name in QUIRKS])
def test_an_odd_chat_stream(world: World, quirk: str) -> None:
    frames, end = QUIRKS[quirk]
    seen = go(world, A, "openai-custom", play=chat(*frames, end=end), stream=True)
    assert (texts(seen.answer), seen.answer.finish.reason) == ("Hello.", "end")


def test_t087_calls_with_odd_heads(world: World) -> None:
    """A name that is null at first, an id that is empty, an id that comes again."""
    first = {"tool_calls": [{"index": 0, "id": "", "type": "function", "function": {"name": None, "arguments": ""}}]}
    play = chat(
        chunk(first),
        chunk(piece(0, "{}", id="call_1", name="look")),
        chunk(piece(0, "", id="call_1", name="")),
        chunk({}, "tool_calls"),
    )
    seen = go(world, A, "openai-custom", claude("Hi.", tools=[LOOK]), play=play, stream=True)
    ((call_id, name, arguments),) = calls(seen.answer)
    assert call_id
    assert (name, arguments) == ("look", {})


@pytest.mark.parametrize("where", [pytest.param(name, id=f"T088-{name}") for name in ("every", "last", "never")])
def test_usage_on_every_chunk_or_on_none(world: World, where: str) -> None:
    early = {"usage": {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10}} if where == "every" else {}
    late = {"usage": COUNTS} if where != "never" else {}
    play = chat({**HELLO, **early}, chunk({}, "stop", **late))
    seen = go(world, A, "openai-custom", play=play, stream=True)
    usage = seen.answer.usage
    if where == "never":
        assert usage.input > 0
    else:
        assert (usage.fresh, usage.cache_read, usage.output) == (50, 149_900, 7)


def test_t089_a_responses_server_without_deltas(world: World) -> None:
    item = {**MESSAGE, "content": [{"type": "output_text", "text": "Whole.", "annotations": []}]}
    play = raw(
        sse(
            {"type": "response.created", "response": responses(status="in_progress")},
            {"type": "response.output_item.done", "output_index": 0, "item": item},
            {"type": "response.completed", "response": responses(item, usage=R_USAGE)},
            named=True,
        )
    )
    assert texts(go(world, A, "openaiResponses-custom", play=play, stream=True).answer) == "Whole."


def test_t090_item_ids_that_change(world: World) -> None:
    def text(kind: str, **members: Any) -> Json:
        return {"type": f"response.{kind}", "output_index": 0, "content_index": 0, **members}

    play = raw(
        sse(
            {"type": "response.created", "response": responses(status="in_progress")},
            {"type": "response.output_item.added", "output_index": 0, "item": {**MESSAGE, "id": "a", "content": []}},
            text("content_part.added", item_id="b", part={"type": "output_text", "text": ""}),
            text("output_text.delta", item_id="c", delta="On"),
            text("output_text.delta", item_id="d", delta="ce."),
            text("output_text.done", item_id="e", text="Once."),
            {
                "type": "response.output_item.done",
                "output_index": 0,
                "item": {
                    **MESSAGE,
                    "id": "f",
                    "content": [{"type": "output_text", "text": "Once.", "annotations": []}],
                },
            },
            {
                "type": "response.completed",
                "response": responses(
                    {**MESSAGE, "id": "g", "content": [{"type": "output_text", "text": "Once.", "annotations": []}]},
                    usage=R_USAGE,
                ),
            },
            named=True,
        )
    )
    answered = go(world, A, "openaiResponses-custom", play=play, stream=True).answer
    assert (texts(answered), len(answered.blocks)) == ("Once.", 1)
