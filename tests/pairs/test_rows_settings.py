"""Part 5 of dialects.md, rows about what is asked of the answer; and that the same request is always asked alike."""

import json
import re

import msgspec
import pytest
from hypothesis import given, settings

from aiclient2api.canonical.request import Request
from aiclient2api.dialects.base import Rewrite
from aiclient2api.dialects.registry import DIALECTS
from aiclient2api.providers.base import Ask, Call, Grant, Letter
from aiclient2api.providers.keyed import KeyedProvider
from aiclient2api.providers.openai import openai_custom
from tests.pairs.answers import answer, prose
from tests.pairs.atoms import FORMS, atoms, missing, through
from tests.pairs.backs import BACKS, Back
from tests.pairs.fronts import EVERYTHING, FRONTS, Front
from tests.pairs.questions import QUESTIONS, Question
from tests.pairs.rows import CHAT_LOOK, assistant, at, claude, go, refused, texts, user, whole
from tests.pairs.settings import ASKING
from tests.pairs.settings import settings as asked_for
from tests.pairs.world import Json, World
from tests.strategies import requests

A, C, R, G = "anthropic", "openai_chat", "openai_responses", "gemini"
COPILOT: Json = {"temperature": 0, "top_p": 0.95, "frequency_penalty": 0, "presence_penalty": 0, "n": 1}
GRANT = Grant(token="key")


def calling(provider: KeyedProvider, client: str, body: Json) -> Call:
    """The call that a provider makes of a client's body, passed on or translated."""
    codec = DIALECTS[client]
    raw = json.dumps(body).encode()
    peek = codec.passing.peek(raw, {})
    model = provider.unlisted(peek.model)
    if provider.passes(client, peek):
        rewrite = Rewrite(model=model, requested=peek.model, family=provider.family)
        letter = Letter(body=raw, headers={}, stream=peek.stream, rewrite=rewrite, view=peek.view)
        return provider.pass_on(letter, GRANT).call
    request = codec.decode_request(raw, {})
    return provider.prepare(Ask(request=request, model=model, seed="0" * 32), GRANT).call


@pytest.mark.parametrize("client", [C, A])
def test_t027_tools_and_a_reasoning_model_at_openai_go_by_responses(client: str) -> None:
    """Without a wish about effort, too: OpenAI's Chat refuses both together. Not if reasoning is switched off."""
    tools = [CHAT_LOOK] if client == C else [{"name": "look", "input_schema": {"type": "object"}}]
    body = {"model": "gpt-5.6", "messages": [user("Hi.")], "max_tokens": 99, "tools": tools}
    call = calling(openai_custom(None), client, body)
    assert call.url == "https://api.openai.com/v1/responses"
    assert at(json.loads(call.body), "tools.*.name") == ["look"]
    off: Json = {"reasoning_effort": "none"} if client == C else {"thinking": {"type": "disabled"}}
    assert calling(openai_custom(None), client, body | off).url.endswith("/chat/completions")
    assert calling(openai_custom("http://127.0.0.1:9/v1"), client, body).url.endswith("/chat/completions")


GROQ = "https://api.groq.com/openai/v1"


@pytest.mark.parametrize("client", [C, R])
def test_t121_members_that_a_server_refuses_are_left_out(client: str) -> None:
    said: Json = {"messages": [user("Hi.")]} if client == C else {"input": "Hi."}
    body = {"model": "llama-3.3-70b", **said, "prompt_cache_key": "k", "store": False}
    sent = json.loads(calling(openai_custom(GROQ), client, body).body)
    assert "prompt_cache_key" not in sent
    assert "store" not in sent
    cerebras = openai_custom("https://api.cerebras.ai/v1")
    tools: Json = {"tools": [CHAT_LOOK], "parallel_tool_calls": False} if client == C else {}
    assert "parallel_tool_calls" not in json.loads(calling(cerebras, client, body | tools).body)


@pytest.mark.parametrize(
    ("sent", "sampled", "version"),
    [("2026-10-21", True, "2023-06-01"), ("2026-10-21", False, "2026-10-21"), ("2023-06-01", True, "2023-06-01")],
)
def test_t033_sampling_and_the_version_that_refuses_it(world: World, sent: str, sampled: bool, version: str) -> None:
    """An older model still gets its temperature, under the version that allows it; a newer one goes without."""
    members: Json = {"temperature": 0.5} if sampled else {}
    headers = {"anthropic-version": sent}
    seen = go(world, A, "claude-custom", members, role="budget", headers=headers)
    assert seen.headers["anthropic-version"] == version
    assert seen.heard.get("temperature") == (0.5 if sampled else None)
    seen = go(world, A, "claude-custom", members, headers=headers)
    assert "temperature" not in seen.heard
    assert seen.reply.dropped == (["temperature"] if sampled else [])


def test_t034_the_body_of_copilots_cli(world: World) -> None:
    """Sampling at its defaults for a model that takes none: left out, and what said something is named."""
    seen = go(world, C, "claude-custom", COPILOT)
    assert seen.reply.status == 200
    assert not {"temperature", "top_p", "frequency_penalty", "presence_penalty", "n"} & set(seen.heard)
    assert seen.reply.dropped == ["temperature", "top_p"]


STOPS: dict[str, list[str]] = {
    "one": ["END"],
    "four": ["END", "##", "@@", "--"],
    "six": ["END", "##", "@@", "--", "++", "%%"],
}


@pytest.mark.parametrize("count", [pytest.param(name, id=f"T124-{name}") for name in STOPS])
def test_stop_sequences(world: World, count: str) -> None:
    """Cut here where the service knows none; all of them go to a service that takes any number; those that are only
    white space are refused by Anthropic's and left out."""
    stop = STOPS[count]
    said = answer(prose(0, "One E", "ND two"))
    for stream in (True, False):
        seen = go(world, C, "openaiResponses-custom", {"stop": stop}, play=said, stream=stream)
        assert "stop" not in seen.heard
        assert texts(seen.answer) == "One "
        assert seen.answer.finish.reason == "end"  # Chat's word for a stop sequence is the same
        assert "stop" not in seen.reply.dropped
    seen = go(world, C, "claude-custom", {"stop": [*stop, " \n"]})
    assert seen.heard["stop_sequences"] == stop
    assert seen.reply.dropped == ["stop"]
    seen = go(world, C, "gemini-custom", {"stop": stop})
    assert seen.heard["generationConfig"]["stopSequences"] == stop[:5]
    assert seen.reply.dropped == (["stop"] if len(stop) > 5 else [])


UNKNOWN: Json = {"logprobs": True, "top_logprobs": 3, "seed": 7, "logit_bias": {"50256": -100}}


@pytest.mark.parametrize("back", ["openaiResponses-custom", "claude-custom"])
def test_t125_what_has_no_place_is_named_and_several_answers_are_refused(world: World, back: str) -> None:
    seen = go(world, C, back, UNKNOWN)
    assert not set(UNKNOWN) & set(seen.heard)
    assert set(seen.reply.dropped) == set(UNKNOWN)
    body = refused(world, C, back, {"n": 2})
    assert body["error"]["param"] == "n"


def test_t123_one_json_object_where_the_api_has_no_word_for_it(world: World) -> None:
    heard = go(world, C, "claude-custom", {"response_format": {"type": "json_object"}}).heard
    assert "JSON object" in json.dumps(heard["system"])


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_t130_an_answer_to_go_on_with(world: World, stream: bool) -> None:
    """Older models take it; of a newer one the refusal reaches the client as it came."""
    talk = [user("Count."), assistant("1, 2,")]
    seen = go(world, A, "claude-custom", claude(talk), role="budget", stream=stream)
    assert seen.reply.status == 200
    assert at(seen.heard, "messages.-1") == assistant("1, 2,")
    no = {
        "type": "error",
        "error": {"type": "invalid_request_error", "message": "Prefilling assistant messages is not supported."},
    }
    seen = go(world, A, "claude-custom", claude(talk), play=whole(no, status=400), stream=stream)
    assert at(seen.heard, "messages.-1") == assistant("1, 2,")
    assert (seen.reply.status, seen.reply.json) == (400, no)


FORM_AT = {
    A: "output_config.format.schema",
    C: "response_format.json_schema.schema",
    R: "text.format.schema",
    G: "generationConfig.responseJsonSchema",
}
CITY: Json = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
ASKS_FORM: dict[str, Json] = {
    A: {"output_config": {"format": {"type": "json_schema", "schema": CITY}}},
    C: {"response_format": {"type": "json_schema", "json_schema": {"name": "city", "schema": CITY}}},
    R: {"text": {"format": {"type": "json_schema", "name": "city", "schema": CITY}}},
    G: {"generationConfig": {"responseMimeType": "application/json", "responseJsonSchema": CITY}},
}


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("back", list(BACKS))
@pytest.mark.parametrize("front", [A, C, R, G])
def test_t122_an_answer_in_a_given_form(world: World, front: str, back: str, stream: bool) -> None:
    """Asked for natively where the service knows it, in words where it does not; what comes is JSON, nothing else."""
    said = answer(prose(0, '{"city":', ' "Zürich"', "}"))
    seen = go(world, front, back, ASKS_FORM[front], play=said, stream=stream)
    if BACKS[back].form in FORM_AT:
        assert at(seen.heard, FORM_AT[BACKS[back].form]) == CITY
    else:
        system = "".join(text.text for text in BACKS[back].read(world.heard).system)
        assert '"required"' in system
    assert json.loads(texts(seen.answer)) == {"city": "Zürich"}


# --- always the same

PAIRS = [
    pytest.param(front, back, id=f"{front.name}-{back.name}")
    for front in FRONTS.values()
    for back in BACKS.values()
    if front.whole
]
OF_ONE_REQUEST = re.compile(rb'"user_prompt_id": ?"[^"]*"')
"""What is made for each request in an envelope, and is no part of the prompt."""


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)
@pytest.mark.parametrize(("front", "back"), PAIRS)
def test_t147_the_same_request_gives_the_same_bytes(world: World, front: Front, back: Back, question: Question) -> None:
    bodies = set()
    for _ in range(2):
        world.plan(back.play(answer(prose(0, "Hi.")), True))
        body = front.body(question.request, back.model, True)
        world.ask(front.target(back.name, back.model, True), body, headers=front.headers)
        bodies |= {OF_ONE_REQUEST.sub(b"", heard.body) for heard in world.service.heard}
    assert len(bodies) <= 1


@pytest.mark.parametrize("name", DIALECTS)
@settings(max_examples=60)
@given(request_=requests())
def test_t148_random_requests_come_through_every_dialect_and_back(name: str, request_: Request) -> None:
    """Forced through the middle: what the form can carry is the same behind it."""
    asked = msgspec.structs.replace(request_, dialect=name)
    model = msgspec.structs.replace(EVERYTHING, id=asked.model)
    back = decoded(name, DIALECTS[name].encode_request(asked, model).body)
    assert missing(atoms(through(asked, FORMS[name])), atoms(back)) == []
    client = ASKING[name]
    wished = {key: value for key, value in asked_for(asked).items() if key in client.says}
    heard = asked_for(back)
    forced = name == A and asked.reasoning is not None  # thinking and a forced call do not go together (T106)
    assert {key: heard.get(key) for key in wished if key in ("output", "user")} == {
        key: wished[key] for key in wished if key in ("output", "user")
    }
    assert forced or not asked.tools or heard.get("choice") == wished.get("choice")


def decoded(name: str, body: bytes) -> Request:
    return DIALECTS[name].decode_request(body, {":model": "some-model"})
