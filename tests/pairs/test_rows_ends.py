"""Part 5 of dialects.md, rows about how answers end: stops, refusals, failed calls, counts, sources."""

import json

import pytest

from aiclient2api.canonical.usage import Usage
from tests.dialects.openai_responses import grammar as responses_grammar
from tests.pairs import kiro_wire
from tests.pairs.answers import answer, prose, thinking
from tests.pairs.backs import BACKS
from tests.pairs.rows import LOOK, at, claude, go, texts, whole
from tests.pairs.wires import (
    BOTH,
    CLOSED,
    HELLO,
    TOOLS_OF,
    A,
    C,
    G,
    R,
    candidate,
    chat,
    chunk,
    frames_of,
    gemini,
    of_claude,
    piece,
)
from tests.pairs.world import Play, World


@BOTH
def test_t132_a_refusal_of_claude(world: World, stream: bool) -> None:
    details = {"type": "refusal", "category": "cyber", "explanation": "No."}
    play = of_claude(stream, {"type": "text", "text": "I"}, stop="refusal", stop_details=details)
    seen = go(world, C, "claude-custom", play=play, stream=stream)
    assert b'"finish_reason":"content_filter"' in seen.reply.body
    seen = go(world, A, "claude-custom", play=play, stream=stream)
    assert json.dumps(details) in json.dumps(json.loads(seen.reply.body) if not stream else frames_of(seen))


def test_t132_a_refusal_that_kiro_tells_of(world: World) -> None:
    """What Kiro says of a refusal reaches Claude's client in the form of its own API."""
    told = {"stopReason": "CONTENT_FILTERED", "stopDetails": {"refusal": {"category": "cyber", "explanation": "No."}}}
    pieces = [
        kiro_wire.event("assistantResponseEvent", {"content": "I"}),
        kiro_wire.event("metadataEvent", told),
        CLOSED,
    ]
    for stream in (True, False):
        play = Play(pieces, kind=BACKS["claude-kiro-oauth"].kind)
        seen = go(world, A, "claude-kiro-oauth", play=play, stream=stream)
        said = frames_of(seen)[-2]["delta"] if stream else seen.reply.json
        assert said["stop_reason"] == "refusal"
        assert said["stop_details"] == {"type": "refusal", "category": "cyber", "explanation": "No."}


@BOTH
@pytest.mark.parametrize("front", [A, C, R])
def test_t133_a_prompt_that_was_blocked(world: World, front: str, stream: bool) -> None:
    play = gemini(stream, {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "modelVersion": "m"})
    seen = go(world, front, "gemini-custom", play=play, stream=stream)
    assert (seen.reply.status, seen.answer.finish.reason, texts(seen.answer)) == (200, "refusal", "")


@BOTH
@pytest.mark.parametrize("front", [A, C, R])
@pytest.mark.parametrize("word", ["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL"])
def test_t134_a_call_that_went_wrong(world: World, front: str, word: str, stream: bool) -> None:
    """An error that may be repeated; never an empty call."""
    play = gemini(stream, candidate(finish=word, finishMessage="print(default_api.look("))
    seen = go(world, front, "gemini-custom", TOOLS_OF[front], play=play, stream=stream)
    assert seen.reply.status == 502
    assert word in seen.front.error(seen.reply.json)[1]


@BOTH
def test_t135_stop_though_there_are_calls(world: World, stream: bool) -> None:
    if stream:
        play = chat(chunk({"role": "assistant"} | piece(0, "{}", id="call_1", name="look")), chunk({}, "stop"))
    else:
        function = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
        message = {"role": "assistant", "content": None, "tool_calls": [function]}
        play = whole({"id": "c", "model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
    seen = go(world, A, "openai-custom", claude("Hi.", tools=[LOOK]), play=play, stream=stream)
    assert b'"stop_reason":"tool_use"' in seen.reply.body


@BOTH
def test_t136_tool_calls_though_there_are_none(world: World, stream: bool) -> None:
    message = {"role": "assistant", "content": "Hello."}
    play = (
        chat(HELLO, chunk({}, "tool_calls"))
        if stream
        else whole(
            {"id": "c", "model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
        )
    )
    seen = go(world, A, "openai-custom", claude("Hi.", tools=[LOOK]), play=play, stream=stream)
    assert b'"stop_reason":"end_turn"' in seen.reply.body


@BOTH
@pytest.mark.parametrize("back", ["claude-custom", "openai-custom"])
def test_t141_thoughts_are_counted_apart(world: World, back: str, stream: bool) -> None:
    play = answer(thinking(0, "hm"), prose(1, "x"), usage=Usage(fresh=9, output=100, reasoning=30))
    seen = go(world, G, back, play=play, stream=stream)
    last = json.loads(seen.reply.body.decode().rstrip().rpartition("data: ")[2])
    counts = last["usageMetadata"]
    assert (counts["candidatesTokenCount"], counts["thoughtsTokenCount"], counts["totalTokenCount"]) == (70, 30, 109)


@BOTH
def test_t142_a_service_that_counts_nothing(world: World, caplog: pytest.LogCaptureFixture, stream: bool) -> None:
    """Estimates, more than nothing, and marked as such in the log."""
    caplog.set_level("INFO")
    pieces = [kiro_wire.event("assistantResponseEvent", {"content": "Some words of an answer."}), CLOSED]
    seen = go(world, A, "claude-kiro-oauth", play=Play(pieces, kind=BACKS["claude-kiro-oauth"].kind), stream=stream)
    assert seen.answer.usage.input > 0
    assert seen.answer.usage.output > 0
    (line,) = [each.getMessage() for each in caplog.records if "POST /claude-kiro-oauth" in each.getMessage()]
    assert "usage ~" in line


GROUNDED = "🎉 Rain is wet. "
GROUNDING = {
    "groundingChunks": [{"web": {"uri": "https://example.com/rain", "title": "Rain"}}],
    "groundingSupports": [
        {"segment": {"startIndex": 5, "endIndex": 17, "text": "Rain is wet."}, "groundingChunkIndices": [0]}
    ],
}


@BOTH
@pytest.mark.parametrize("back", ["gemini-custom", "gemini-cli-oauth"])
def test_t144_sources_of_a_search(world: World, back: str, stream: bool) -> None:
    """Gemini counts bytes, the others code points."""
    body = candidate({"text": GROUNDED}, groundingMetadata=GROUNDING)
    play = gemini(stream, {"response": body} if BACKS[back].wrapped else body)
    (found,) = go(world, C, back, play=play, stream=stream).answer.citations
    assert (found.url, found.title) == ("https://example.com/rain", "Rain")
    assert GROUNDED[found.start : found.end] == "Rain is wet."
    (found,) = go(world, A, back, play=play, stream=stream).answer.citations
    assert (found.url, found.cited_text) == ("https://example.com/rain", "Rain is wet.")


SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "rain"}}
FOUND = {
    "type": "web_search_tool_result",
    "tool_use_id": "srvtoolu_1",
    "content": [
        {"type": "web_search_result", "url": "https://example.com/rain", "title": "Rain", "encrypted_content": "e"}
    ],
}
CITED = {
    "type": "text",
    "text": "Rain is wet.",
    "citations": [
        {
            "type": "web_search_result_location",
            "url": "https://example.com/rain",
            "title": "Rain",
            "cited_text": "wet",
            "encrypted_index": "i",
        }
    ],
}


@BOTH
def test_t145_a_search_that_claude_ran(world: World, stream: bool) -> None:
    """The text with its sources, and an answer that is complete: nothing is left for the client to run."""
    play = of_claude(stream, SEARCH, FOUND, CITED)
    seen = go(world, R, "claude-custom", {"tools": [{"type": "web_search"}]}, play=play, stream=stream)
    response = responses_grammar.check(seen.reply.body) if stream else seen.reply.json
    assert response["status"] == "completed"
    assert response["output"][0]["type"] == "web_search_call"
    assert at(response, "output.-1.content.0.annotations.0.url") == "https://example.com/rain"
    assert not [each for each in response["output"] if each["type"] == "function_call"]


@BOTH
def test_t146_what_only_anthropic_knows_stays_as_it_is(world: World, stream: bool) -> None:
    odd = {"type": "a_block_of_tomorrow", "x": [1.0, {"y": "é"}]}
    play = of_claude(stream, SEARCH, FOUND, CITED, odd, stop="pause_turn")
    seen = go(
        world,
        A,
        "claude-custom",
        claude([{"role": "user", "content": "Hi."}, {"role": "assistant", "content": [SEARCH, FOUND, odd]}]),
        role="budget",
        play=play,
        stream=stream,
    )
    assert seen.reply.body == play.body
    assert at(seen.heard, "messages.1.content") == [SEARCH, FOUND, odd]
