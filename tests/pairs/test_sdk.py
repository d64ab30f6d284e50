"""Part 5 of dialects.md, rows that the official Python SDKs judge: each over every service, streamed and whole.

(The SDKs for TypeScript run in `make clients`.)
"""

import base64
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anthropic
import openai
import pytest
from google import genai
from google.genai import errors as genai_errors
from google.genai import types as genai_types

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.events import Failed, OpaqueDelta
from tests.pairs.answers import VECTORS
from tests.pairs.backs import BACKS, Back
from tests.pairs.rows import whole
from tests.pairs.test_failures import EVERYTHING
from tests.pairs.world import KEY, Json, Play, World

pytestmark = pytest.mark.e2e

EVERY = pytest.mark.parametrize("back", [pytest.param(back, id=name) for name, back in BACKS.items()])
SPOKEN = pytest.mark.parametrize(
    ("back", "vector"),
    [
        pytest.param(back, vector, id=f"{back.name}-{vector}")
        for back in BACKS.values()
        for vector in ("text", "call", "thinking", "thinking-between-calls")
        if back.form != "openai_chat" or vector != "thinking-between-calls"
    ],
)
"""(A whole answer of Chat has no place for thinking between calls.)"""
HI: list[Any] = [{"role": "user", "content": "Hi."}]
SCHEMA: Json = {"type": "object", "properties": {"path": {"type": "string"}}}


def twice(back: Back, vector: str) -> list[Play]:
    """The same answer, streamed and whole. (A Chat server has no place for signatures in its streams.)"""
    events = [
        each for each in VECTORS[vector].events if back.form != "openai_chat" or not isinstance(each, OpaqueDelta)
    ]
    return [back.play(events, True), back.play(events, False)]


# --- Anthropic


@asynccontextmanager
async def claude(world: World, back: Back) -> AsyncIterator[anthropic.AsyncAnthropic]:
    base = f"{world.base}/{back.name}"
    async with anthropic.AsyncAnthropic(base_url=base, api_key=KEY, max_retries=0, timeout=20) as client:
        yield client


@SPOKEN
def test_t057_anthropics_helper(world: World, back: Back, vector: str) -> None:
    """Its final message is that of the call without a stream."""
    world.plan(*twice(back, vector))
    tools: Any = [{"name": "read_file", "input_schema": SCHEMA}]
    asked: Any = {"model": back.model, "max_tokens": 999, "messages": HI, "tools": tools}

    async def both() -> tuple[anthropic.types.Message, anthropic.types.Message]:
        async with claude(world, back) as client:
            async with client.messages.stream(**asked) as stream:
                final = await stream.get_final_message()
            return final, await client.messages.create(**asked)

    streamed, plain = world.run(both())
    assert _message(streamed) == _message(plain)
    assert streamed.content


def _message(message: anthropic.types.Message) -> Json:
    """Without its id, and without the split of cache writes, which the helper takes from the start of the message only,
    when not every service has counted yet."""
    shown = message.model_dump(exclude={"id": True, "usage": {"cache_creation"}}, exclude_none=True)
    return shown | {"content": [{k: v for k, v in block.items() if v != []} for block in shown["content"]]}


# --- OpenAI: Chat


@asynccontextmanager
async def gpt(world: World, back: Back) -> AsyncIterator[openai.AsyncOpenAI]:
    base = f"{world.base}/{back.name}/v1"
    async with openai.AsyncOpenAI(base_url=base, api_key=KEY, max_retries=0, timeout=20) as client:
        yield client


@SPOKEN
def test_t065_openais_chat_helper(world: World, back: Back, vector: str) -> None:
    world.plan(*twice(back, vector))
    tools: Any = [{"type": "function", "function": {"name": "read_file", "parameters": SCHEMA}}]
    asked: Any = {"model": back.model, "messages": HI, "tools": tools, "n": 1}

    async def both() -> tuple[Any, Any, list[Any]]:
        async with gpt(world, back) as client:
            chunks = []
            async with client.chat.completions.stream(**asked) as stream:
                async for event in stream:
                    if event.type == "chunk":
                        chunks.append(event.chunk)
                final = await stream.get_final_completion()
            return final, await client.chat.completions.create(**asked), chunks

    streamed, plain, chunks = world.run(both())
    assert _said(streamed) == _said(plain)
    if back.form != "openai_chat":  # what passes through is the service's own
        assert len([each for each in chunks if each.choices and each.choices[0].delta.role]) == 1
        assert len([each for each in chunks if each.choices and each.choices[0].finish_reason]) == 1


def _said(completion: Any) -> tuple[object, ...]:
    choice = completion.choices[0]
    calls = [(each.id, each.function.name, each.function.arguments) for each in choice.message.tool_calls or []]
    return choice.message.content or "", choice.message.role, calls, choice.finish_reason


@EVERY
def test_t070_a_failure_in_a_chat_stream(world: World, back: Back) -> None:
    world.plan(broken(back))

    async def read() -> str:
        async with gpt(world, back) as client:
            text = ""
            try:
                async for chunk in await client.chat.completions.create(model=back.model, messages=HI, stream=True):
                    text += chunk.choices[0].delta.content or ""
            except openai.APIError as error:
                return text + str(error)
            return "no error"

    told = world.run(read())
    assert told.startswith("I will look.")
    assert "Some words" in told


def broken(back: Back) -> Play:
    """The answer breaks off in words, behind its text."""
    events = [*EVERYTHING.events[:10], Failed(GatewayError("overloaded", "Some words."))]
    return Play(back.pieces(events), kind=back.kind, late=True)


def test_t056_embeddings(world: World) -> None:
    vector = [0.5, -0.25, 1.0]
    packed = base64.b64encode(struct.pack("<3f", *vector)).decode()

    def answer(shown: object) -> Play:
        data = [{"object": "embedding", "index": 0, "embedding": shown}]
        return whole({"object": "list", "model": "m", "data": data, "usage": {"prompt_tokens": 1, "total_tokens": 1}})

    async def ask(form: Any) -> list[float]:
        async with gpt(world, BACKS["openai-custom"]) as client:
            given: Any = {"model": "m", "input": [1, 2, 3], "dimensions": 3}
            found = await client.embeddings.create(**given, **({"encoding_format": form} if form else {}))
            return found.data[0].embedding

    world.plan(answer(packed), answer(vector))
    assert world.run(ask(None)) == vector  # the SDK asks for base64
    assert world.run(ask("float")) == vector


def test_t036_both_sdks_list_the_models(world: World) -> None:
    async def names() -> tuple[set[str], set[str]]:
        async with claude(world, BACKS["claude-custom"]) as client:
            of_claude = {model.id async for model in client.models.list(limit=1000)}
            with pytest.raises(anthropic.NotFoundError):
                await client.models.retrieve("no-such-model")
        async with gpt(world, BACKS["claude-custom"]) as other:
            of_openai = {model.id async for model in other.models.list()}
            with pytest.raises(openai.NotFoundError):
                await other.models.retrieve("no-such-model")
        return of_claude, of_openai

    of_claude, of_openai = world.run(names())
    assert of_claude == of_openai
    assert "claude-opus-5" in of_claude


# --- OpenAI: Responses


@SPOKEN
def test_t072_openais_responses_helper(world: World, back: Back, vector: str) -> None:
    """The strict one: it stops at the first event that may not come, and at an item that changes."""
    world.plan(*twice(back, vector))
    tools: Any = [{"type": "function", "name": "read_file", "parameters": SCHEMA, "strict": False}]
    asked: Any = {"model": back.model, "input": "Hi.", "tools": tools}

    async def both() -> tuple[Any, Any, set[str]]:
        async with gpt(world, back) as client:
            ids = set()
            async with client.responses.stream(**asked) as stream:
                async for event in stream:
                    if event.type in ("response.created", "response.completed"):
                        ids.add(event.response.id)
                final = await stream.get_final_response()
            return final, await client.responses.create(**asked), ids

    streamed, plain, ids = world.run(both())
    assert _output(streamed) == _output(plain)
    assert len(ids) == 1
    assert streamed.output


def _output(response: Any) -> list[Json]:
    items = [item.model_dump(exclude={"id"}, exclude_none=True) for item in response.output]
    return [{name: value for name, value in item.items() if name != "parsed_arguments"} for item in items]


@EVERY
def test_t075_a_failure_in_a_responses_stream(world: World, back: Back) -> None:
    world.plan(broken(back))

    async def read() -> str:
        async with gpt(world, back) as client:
            text = ""
            stream = await client.responses.create(model=back.model, input="Hi.", stream=True)
            failed = False
            try:
                async for event in stream:
                    text += event.delta if event.type == "response.output_text.delta" else ""
                    failed = failed or event.type == "response.failed"
            except openai.APIError as error:
                failed = "Some words" in str(error)
            assert failed
            return text

    assert world.run(read()) == "I will look."


# --- Gemini


def google(world: World, back: Back) -> genai.Client:
    options = genai_types.HttpOptions(base_url=f"{world.base}/{back.name}", timeout=20_000)
    return genai.Client(api_key=KEY, http_options=options)


THOUGHTS = genai_types.GenerateContentConfig(
    thinking_config=genai_types.ThinkingConfig(include_thoughts=True),
    automatic_function_calling=genai_types.AutomaticFunctionCallingConfig(disable=True),
)


@SPOKEN
def test_t078_googles_sdk(world: World, back: Back, vector: str) -> None:
    """It dies of comments, of event lines, of [DONE] and of signatures that are no base64."""
    world.plan(*twice(back, vector))

    async def both() -> tuple[Json, Json]:
        models = google(world, back).aio.models
        asked: Any = {"model": back.model, "contents": "Hi.", "config": THOUGHTS}
        chunks = [chunk async for chunk in await models.generate_content_stream(**asked)]
        return _told(chunks), _told([await models.generate_content(**asked)])

    streamed, plain = world.run(both())
    assert streamed == plain
    assert streamed["text"] or streamed["calls"]


def _told(chunks: list[Any]) -> Json:
    parts = [part for chunk in chunks for part in chunk.candidates[0].content.parts or []]
    return {
        "text": "".join(part.text or "" for part in parts if not part.thought),
        "thoughts": "".join(part.text or "" for part in parts if part.thought),
        "calls": [
            (part.function_call.id, part.function_call.name, part.function_call.args)
            for part in parts
            if part.function_call
        ],
        "states": [part.thought_signature for part in parts if part.thought_signature],
        "finish": chunks[-1].candidates[0].finish_reason,
        "tokens": chunks[-1].usage_metadata.total_token_count,
    }


@EVERY
def test_t082_a_failure_in_a_gemini_stream(world: World, back: Back) -> None:
    world.plan(broken(back))

    async def read() -> str:
        text = ""
        models = google(world, back).aio.models
        try:
            async for chunk in await models.generate_content_stream(model=back.model, contents="Hi."):
                text += chunk.text or ""
        except genai_errors.ServerError as error:
            return text + str(error)
        return "no error"

    told = world.run(read())
    assert told.startswith("I will look.")
    assert "Some words" in told
