"""Part 5 of dialects.md, rows about what a client gives back: state, ids and tools that have to find their way home."""

import base64
import json
from collections.abc import Iterator

import pytest

from aiclient2api.canonical.events import BlockStart, Event, OpaqueDelta
from aiclient2api.canonical.request import Opaque, Thinking, ToolCall
from tests.pairs.answers import SIGNATURE, answer, call, prose, thinking
from tests.pairs.backs import BACKS, OWN, SIDE
from tests.pairs.rows import LOOK, RESPONSES_LOOK, Seen, at, calls, claude, go, raw, sse, thoughts, tool_result, user
from tests.pairs.talk import TALKS
from tests.pairs.world import Json, Play, World

A, C, R, G = "anthropic", "openai_chat", "openai_responses", "gemini"
S1, S2 = (base64.b64encode(text).decode() for text in (b"first state", b"second state"))
SIGNED = Opaque(OWN, "signature", SIGNATURE)
REDACTED = Opaque(OWN, "redacted", "cmVkYWN0ZWQ=")
DUMMY = "skip_thought_signature_validator"


def signed_call(index: int, call_id: str, state: str) -> list[Event]:
    """A call as Gemini makes it: it bears the state itself."""
    start, *rest = call(index, call_id, "look", "{}")
    assert isinstance(start, BlockStart)
    return [start, OpaqueDelta(index, Opaque("gemini", "thought_signature", state)), *rest]


def goes_on(front: str, talk: list[Json], seen: Seen, said: str = "R") -> list[Json]:
    """The conversation after an answer and, if it called tools, what they said."""
    way = TALKS[front]
    body = seen.reply.json
    called = way.calls(body)
    more = way.results([(each, said) for each in called]) if called else way.asks("Why?")
    return [*talk, *way.said(body), *more]


@pytest.mark.parametrize("back", ["gemini-custom", "gemini-cli-oauth"])
def test_t001_each_step_gives_back_its_own_signature(world: World, back: str) -> None:
    """Claude's clients give signatures of thinking back and nothing else; the calls get theirs from there."""
    talk: list[Json] = [user("Go.")]
    for number, state in ((1, S1), (2, S2)):
        play = answer(signed_call(0, f"call_{number}", state), call(1, f"call_{number}b", "look", "{}"), reason="tools")
        seen = go(world, A, back, claude(talk, tools=[LOOK]), play=play)
        talk = goes_on(A, talk, seen)
    heard = go(world, A, back, claude(talk, tools=[LOOK])).heard
    assert at(heard, "contents.1.parts.*.thoughtSignature") == [S1, None]
    assert at(heard, "contents.3.parts.*.thoughtSignature") == [S2, None]


@pytest.mark.parametrize("front", [A, C, R, G])
def test_t003_a_conversation_that_goes_from_gemini_to_claude(world: World, front: str) -> None:
    talk = TALKS[front].asks("Go.")
    members = {A: {"tools": [LOOK]}, R: {"tools": [RESPONSES_LOOK]}}.get(front, {})
    play = answer(thinking(0, "hm"), signed_call(1, "call_1", S1), reason="tools")
    seen = go(world, front, "gemini-cli-oauth", {TALKS[front].member: talk, **members}, play=play)
    talk = goes_on(front, talk, seen)
    heard = go(world, front, "claude-custom", {TALKS[front].member: talk, **members}).heard
    assert at(heard, "messages.1.content.*.type") == ["tool_use"]
    assert "thinking" not in json.dumps(heard["messages"])
    assert S1 not in json.dumps(heard)


def test_t004_thinking_of_one_claude_given_to_another(world: World) -> None:
    """The family is one: its signatures go back as they came, and the service judges them."""
    play = answer(thinking(0, "hm", state=SIGNED), prose(1, "Yes."))
    talk: list[Json] = [user("Go.")]
    seen = go(world, A, "claude-custom", claude(talk), play=play, role="budget")
    talk = goes_on(A, talk, seen)
    seen = go(world, A, "claude-custom", claude(talk))
    assert seen.reply.status == 200
    assert at(seen.heard, "messages.1.content.0") == {"type": "thinking", "thinking": "hm", "signature": SIGNATURE}
    seen = go(world, A, "claude-kiro-oauth", claude(talk))
    assert SIGNATURE not in json.dumps(seen.heard)


TOOLS = [
    {
        "type": "namespace",
        "name": "fs",
        "description": "Files.",
        "tools": [{"type": "function", "name": "read", "parameters": {"type": "object", "properties": {}}}],
    },
    {
        "type": "custom",
        "name": "apply_patch",
        "description": "Patches.",
        "format": {"type": "grammar", "syntax": "lark", "definition": "start: begin_patch"},
    },
]
PATCH = '*** Begin Patch\n+ "quoted" é\n*** End Patch'


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize(
    "back", ["claude-custom", "openai-custom", "gemini-custom", "gemini-cli-oauth", "claude-kiro-oauth"]
)
def test_t018_t020_tools_of_codex_on_services_that_know_functions_only(world: World, back: str, stream: bool) -> None:
    """A namespace becomes part of the name, a freeform tool a function with one string and its grammar told; both
    come back as they were declared, and find their way again from the history."""
    patch = json.dumps({"input": PATCH}, ensure_ascii=False)
    play = answer(
        call(0, "call_1", "fs__read", "{}"), call(1, "call_2", "apply_patch", patch[:9], patch[9:]), reason="tools"
    )
    seen = go(world, R, back, {"tools": TOOLS}, play=play, stream=stream)
    tools = {tool.name: tool for tool in BACKS[back].read(world.heard).tools}
    assert set(tools) == {"fs__read", "apply_patch"}
    assert "begin_patch" in tools["apply_patch"].description
    assert json.loads(tools["apply_patch"].schema or b"{}")["properties"] == {"input": {"type": "string"}}
    output = seen.reply.json["output"] if not stream else _completed(seen)["output"]
    assert [(each["type"], each["name"], each.get("namespace")) for each in output] == [
        ("function_call", "read", "fs"),
        ("custom_tool_call", "apply_patch", None),
    ]
    assert output[1]["input"] == PATCH

    results = [
        {"type": "function_call_output", "call_id": "call_1", "output": "R1"},
        {"type": "custom_tool_call_output", "call_id": "call_2", "output": "R2"},
    ]
    go(world, R, back, {"tools": TOOLS, "input": [user("Go."), *output, *results]})
    names = [name for _, name, _ in _called(world, back)]
    assert names == ["fs__read", "apply_patch"]
    assert [arguments for _, _, arguments in _called(world, back)] == [{}, {"input": PATCH}]


def _completed(seen: Seen) -> Json:
    last = seen.reply.body.decode().split("\n\n")[-2]
    response: Json = json.loads(last.partition("data: ")[2])["response"]
    return response


def _called(world: World, back: str) -> list[tuple[str, str, object]]:
    return [
        (block.id, block.name, json.loads(block.arguments))
        for turn in BACKS[back].read(world.heard).turns
        for block in turn.blocks
        if isinstance(block, ToolCall)
    ]


@pytest.mark.parametrize("back", ["claude-custom", "claude-kiro-oauth"])
def test_t081_claudes_signature_through_a_client_of_gemini(world: World, back: str) -> None:
    """Valid base64 on the way out, and the very signature, with its thinking, on the way back."""
    play = answer(thinking(0, "hm", state=SIGNED), prose(1, "Yes."))
    talk = TALKS[G].asks("Go.")
    wants = {"generationConfig": {"thinkingConfig": {"includeThoughts": True, "thinkingLevel": "HIGH"}}}
    seen = go(world, G, back, {"contents": talk, **wants}, play=play)
    states = [
        part["thoughtSignature"]
        for part in at(seen.reply.json, "candidates.0.content.parts")
        if "thoughtSignature" in part
    ]
    assert [base64.b64decode(each, validate=True) != b"" for each in states] == [True]
    talk = goes_on(G, talk, seen)
    go(world, G, back, {"contents": talk, **wants})
    assert _thinking_of(world, back) == [("hm", SIGNATURE)]


def _thinking_of(world: World, back: str) -> list[tuple[str, str]]:
    return [
        (block.text, block.opaque[0].value)
        for turn in BACKS[back].read(world.heard).turns
        for block in turn.blocks
        if isinstance(block, Thinking)
    ]


@pytest.mark.parametrize("back", ["claude-custom", "claude-kiro-oauth"])
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_t115_claudes_thinking_through_a_client_of_responses(world: World, back: str, stream: bool) -> None:
    """As encrypted reasoning, the redacted kind too; what comes back is the signature itself."""
    play = answer(
        thinking(0, "hm", state=SIGNED), thinking(1, state=REDACTED), call(2, "call_1", "look", "{}"), reason="tools"
    )
    wants = {"include": ["reasoning.encrypted_content"], "reasoning": {"effort": "high", "summary": "auto"}}
    members = {"tools": [RESPONSES_LOOK], **wants}
    seen = go(world, R, back, members, play=play, stream=stream)
    output = _completed(seen)["output"] if stream else seen.reply.json["output"]
    assert [each["type"] for each in output] == ["reasoning", "reasoning", "function_call"]
    assert all(each["encrypted_content"] for each in output[:2])
    result = {"type": "function_call_output", "call_id": "call_1", "output": "R"}
    go(world, R, back, {**members, "input": [user("Go."), *output, result]})
    said = _thinking_of(world, back)
    wanted = [("hm", SIGNATURE), ("", REDACTED.value)]
    assert said == (wanted if back == "claude-custom" else wanted[1:])  # Kiro's message has room for one


@pytest.mark.parametrize("back", ["openai-custom", "gemini-cli-oauth"])
def test_t117_unsigned_thinking(world: World, back: str) -> None:
    """Claude's clients throw away, or choke on, thinking without a signature; and Claude must not be shown ours."""
    play = answer(thinking(0, "hm"), prose(1, "Yes."))
    seen = go(world, A, back, play=play, stream=True)
    assert b'"signature_delta"' in seen.reply.body
    assert thoughts(seen.answer) == "hm"
    seen = go(world, A, back, play=play)
    assert at(seen.reply.json, "content.0.signature")
    talk = goes_on(A, [user("Go.")], seen)
    seen = go(world, A, "claude-custom", claude(talk))
    assert seen.reply.status == 200
    assert at(seen.heard, "messages.1.content.*.type") == ["text"]


@pytest.fixture(scope="module")
def pooled_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Two accounts behind one service."""
    folder = tmp_path_factory.mktemp("pooled")
    accounts = [{"uuid": name, "OPENAI_API_KEY": f"key-of-{name}"} for name in ("one", "two")]
    (folder / "pools.json").write_text(json.dumps({"openaiResponses-custom": accounts}), "utf-8")
    with World(folder, SIDE, PROVIDER_POOLS_FILE_PATH=str(folder / "pools.json")) as world:
        yield world


@pytest.mark.parametrize("named", [True, False], ids=["with-a-cache-key", "without"])
def test_t116_encrypted_reasoning_of_two_accounts(pooled_world: World, named: bool) -> None:
    """It can be read by the account that made it only, so a conversation stays where it began; the accounts share the
    conversations all the same."""
    accounts = set()
    for number in range(6):
        members: Json = {"tools": [RESPONSES_LOOK]} | ({"prompt_cache_key": f"c-{number}"} if named else {})
        play = answer(thinking(0, "hm", state=SIGNED), call(1, "call_1", "look", "{}"), reason="tools")
        talk = [user(f"Question {number}.")]
        seen = go(pooled_world, R, "openaiResponses-custom", {**members, "input": talk}, play=play)
        account = seen.headers["authorization"]
        accounts.add(account)
        for _ in range(3):
            talk = goes_on(R, talk, seen)
            seen = go(pooled_world, R, "openaiResponses-custom", {**members, "input": talk}, play=play)
            assert seen.headers["authorization"] == account
            assert at(seen.heard, "input.1.encrypted_content") == SIGNATURE
    assert accounts == {"Bearer key-of-one", "Bearer key-of-two"}


def test_t026_the_client_gets_back_an_id_that_it_can_pair(world: World) -> None:
    """A service's odd id reaches Anthropic's client in a form that its pattern allows, and returns in pairs."""
    tool = {"index": 0, "id": "functions.Bash:0", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    chunks = [
        {"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"role": "assistant", "tool_calls": [tool]}}]},
        {"id": "c", "model": "m", "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]},
    ]
    play: Play = raw(sse(*chunks, "[DONE]"))
    seen = go(world, A, "openai-custom", claude("Go.", tools=[LOOK]), play=play, stream=True)
    ((call_id, name, _),) = calls(seen.answer)
    assert call_id.replace("_", "").replace("-", "").isalnum()
    said = [{"role": "assistant", "content": [{"type": "tool_use", "id": call_id, "name": name, "input": {}}]}]
    talk = [user("Go."), *said, user([tool_result(call_id, "R")])]
    heard = go(world, A, "openai-custom", claude(talk, tools=[LOOK])).heard
    assert heard["messages"][1]["tool_calls"][0]["id"] == heard["messages"][2]["tool_call_id"]
