"""The official Anthropic SDK as a client, over every back (E1, C1, C3, C5-C8, D1; T036, T039, T057-T064)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anthropic
import msgspec
import pytest
from pydantic import BaseModel

from tests.gateway.guide import PDF, PNG, in_base64
from tests.gateway.rig import BACKS, CLAUDE, KEY, KIRO, OPENAI, Rig, fault, rig

pytestmark = pytest.mark.e2e

MODELS = {KIRO: "claude-sonnet-5", CLAUDE: "claude-sonnet-5", OPENAI: "gpt-5.1"}
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS: Any = [
    {"name": "get_weather", "description": "Weather of a city", "input_schema": CITY},
    {"name": "get_time", "description": "Time of day", "input_schema": {"type": "object", "properties": {}}},
]


@asynccontextmanager
async def sdk(running: Rig, key: str = KEY) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(base_url=running.base, api_key=key, max_retries=0, timeout=20) as client:
        yield client


def asking(back: str, content: Any, **more: Any) -> Any:
    return {"model": MODELS[back], "max_tokens": 4096, "messages": [{"role": "user", "content": content}], **more}


def said(message: Any) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


@pytest.mark.parametrize("back", BACKS)
async def test_text_whole_streamed_and_by_the_helper(tmp_path: Path, back: str) -> None:
    async with rig(tmp_path, first=back) as running, sdk(running) as client:
        asked = asking(back, "写四行关于春天的诗 👩‍👩‍👧 🇩🇪")
        whole = await client.messages.create(**asked)
        async with client.messages.stream(**asked) as stream:
            pieces = [piece async for piece in stream.text_stream]
            final = await stream.get_final_message()
        assert "燕子归来" in said(whole)
        assert "".join(pieces) == said(final) == said(whole)
        assert len(pieces) > 4
        assert whole.stop_reason == final.stop_reason == "end_turn"
        assert whole.model == final.model == MODELS[back]
        assert whole.usage.output_tokens == final.usage.output_tokens > 0
        assert whole.usage.input_tokens == final.usage.input_tokens > 0


@pytest.mark.parametrize("back", BACKS)
async def test_parallel_tools_and_their_results(tmp_path: Path, back: str) -> None:
    async with rig(tmp_path, first=back) as running, sdk(running) as client:
        asked = asking(back, "What is the weather in Paris and Tokyo?", tools=TOOLS)
        async with client.messages.stream(**asked) as stream:
            called = await stream.get_final_message()
        whole = await client.messages.create(**asked)
        assert called.stop_reason == whole.stop_reason == "tool_use"
        calls = [block for block in called.content if block.type == "tool_use"]
        assert [call.input for call in calls] == [{"city": "Paris"}, {"city": "Tokyo"}]
        assert [block.input for block in whole.content if block.type == "tool_use"] == [call.input for call in calls]
        assert len({call.id for call in calls}) == 2
        results = [
            {"type": "tool_result", "tool_use_id": call.id, "content": f"{at} degrees", "is_error": at == 23}
            for call, at in zip(calls, (17, 23), strict=True)
        ]
        asked["messages"] += [{"role": "assistant", "content": called.content}, {"role": "user", "content": results}]
        done = await client.messages.create(**asked)
        assert "17 degrees" in said(done)
        assert "23 degrees" in said(done)
        assert done.stop_reason == "end_turn"


def called_by(message: Any) -> list[str]:
    return [block.name for block in message.content if block.type == "tool_use"]


FORCED: list[tuple[dict[str, Any], list[str]]] = [
    ({"type": "any"}, ["get_weather"]),
    ({"type": "tool", "name": "get_time"}, ["get_time"]),
    ({"type": "none"}, []),
    ({"type": "auto", "disable_parallel_tool_use": True}, ["get_weather"]),
]


@pytest.mark.parametrize("back", BACKS)
async def test_forced_tools(tmp_path: Path, back: str) -> None:
    async with rig(tmp_path, first=back) as running, sdk(running) as client:
        for choice, names in FORCED:
            asked = asking(back, "weather in Paris and Tokyo", tools=TOOLS, tool_choice=choice)
            if choice["type"] == "any":
                asked["messages"][0]["content"] = "weather in Paris"
            whole = await client.messages.create(**asked)
            async with client.messages.stream(**asked) as stream:
                final = await stream.get_final_message()
            for message in (whole, final):
                assert called_by(message) == names, choice


THINKING: Any = {"type": "adaptive"}


@pytest.mark.parametrize("back", [KIRO, CLAUDE])
async def test_thinking_is_signed_and_replayed(tmp_path: Path, back: str) -> None:
    """C6. The simulated services refuse a thought whose signature is not their own."""
    async with rig(tmp_path, first=back) as running, sdk(running) as client:
        asked = asking(back, "What is the weather in Paris?", tools=TOOLS, thinking=THINKING)
        async with client.messages.stream(**asked) as stream:
            called = await stream.get_final_message()
        whole = await client.messages.create(**asked)
        assert (
            [block.type for block in called.content]
            == [block.type for block in whole.content]
            == ["thinking", "tool_use"]
        )
        thought, call = called.content
        assert thought.type == "thinking"
        assert "get_weather" in thought.thinking
        assert thought.signature
        assert call.type == "tool_use"
        result = {"type": "tool_result", "tool_use_id": call.id, "content": "17 degrees"}
        asked["messages"] += [{"role": "assistant", "content": called.content}, {"role": "user", "content": [result]}]
        done = await client.messages.create(**asked)
        assert "17 degrees" in said(done)
        assert thought.thinking in str(running.upstream_bodies(back)[-1])


async def test_thinking_of_an_upstream_without_signatures(tmp_path: Path) -> None:
    """T117: shown with a signature of ours, and its replay does no harm."""
    async with rig(tmp_path, first=OPENAI) as running, sdk(running) as client:
        asked = asking(OPENAI, "hello", thinking={"type": "enabled", "budget_tokens": 1024})
        async with client.messages.stream(**asked) as stream:
            answered = await stream.get_final_message()
        assert [block.type for block in answered.content] == ["thinking", "text"]
        asked["messages"] += [
            {"role": "assistant", "content": answered.content},
            {"role": "user", "content": "and now?"},
        ]
        assert said(await client.messages.create(**asked))


@pytest.mark.parametrize("back", BACKS)
async def test_images_and_documents(tmp_path: Path, back: str) -> None:
    async with rig(tmp_path, first=back) as running, sdk(running) as client:
        picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": in_base64(PNG)}}
        paper = {"type": "base64", "media_type": "application/pdf", "data": in_base64(PDF)}
        note = {"type": "text", "media_type": "text/plain", "data": "Code word: GALLEY"}
        for block, words in (
            (picture, ("PNG", "32×32", "red")),
            ({"type": "document", "source": paper}, ("HALYARD", "BINNACLE")),
            ({"type": "document", "source": note, "title": "note"}, ("GALLEY",)),
        ):
            text = said(
                await client.messages.create(**asking(back, [block, {"type": "text", "text": "What is this?"}]))
            )
            assert all(word in text for word in words), text


class City(BaseModel):
    name: str
    population: int


@pytest.mark.parametrize("back", BACKS)
async def test_structured_output(tmp_path: Path, back: str) -> None:
    async with rig(tmp_path, first=back) as running, sdk(running) as client:
        asked = asking(back, "Name a city.")
        parsed = await client.messages.parse(**asked, output_format=City)
        assert isinstance(parsed.parsed_output, City)
        async with client.messages.stream(**asked, output_format=City) as stream:
            assert (await stream.get_final_message()).parsed_output == parsed.parsed_output


async def test_count_tokens_always_answers(tmp_path: Path) -> None:
    """C7: with tools, images and thinking, for models of every back, without asking the upstream for an answer."""
    async with rig(tmp_path) as running, sdk(running) as client:
        picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": in_base64(PNG)}}
        for model in ("claude-sonnet-5", "gpt-5.1", "a-model-that-nobody-lists"):
            small = await client.messages.count_tokens(model=model, messages=[{"role": "user", "content": "hi"}])
            content: Any = ["hi " * 500, [picture]]
            turns: Any = [{"role": "user", "content": each} for each in content]
            large = await client.messages.count_tokens(model=model, messages=turns, tools=TOOLS, system="Be brief.")
            assert 0 < small.input_tokens < 20
            assert large.input_tokens > 500
        assert not any(running.attempts(back) for back in BACKS)


async def test_models(tmp_path: Path) -> None:
    async with rig(tmp_path) as running, sdk(running) as client:
        listed = [model async for model in client.models.list(limit=1000)]
        names = [model.id for model in listed]
        assert {"claude-sonnet-5", "claude-sonnet-4-20250514", "gpt-5.1"} <= {*names}
        assert all(model.display_name and model.created_at.year >= 1970 for model in listed)
        assert (await client.models.retrieve("claude-sonnet-5")).id == "claude-sonnet-5"
        with pytest.raises(anthropic.NotFoundError):
            await client.models.retrieve("no-such-model")


@pytest.mark.parametrize("back", BACKS)
@pytest.mark.parametrize(
    ("status", "text", "expected"),
    [
        (400, "bad", anthropic.BadRequestError),
        (429, "slow down", anthropic.RateLimitError),
        (401, "who are you", anthropic.InternalServerError),
        (500, "oops", anthropic.InternalServerError),
        (529, "busy", anthropic.InternalServerError),
    ],
)
async def test_errors_of_the_upstream(
    tmp_path: Path, back: str, status: int, text: str, expected: type[anthropic.APIStatusError]
) -> None:
    body = msgspec.json.encode({"type": "error", "message": text, "error": {"type": "api_error", "message": text}})
    step = fault(back, status=status, body=msgspec.Raw(body), headers={"retry-after": "77"})
    async with rig(tmp_path, step, first=back, REQUEST_MAX_RETRIES=0) as running, sdk(running) as client:
        for stream in (False, True):
            with pytest.raises(expected) as caught:
                await client.messages.create(**asking(back, "hi"), stream=stream)
            assert caught.value.status_code != 401
            assert text in caught.value.message or (status == 401 and stream)  # a second 401 says that renewal is vain
            if status == 429:
                assert caught.value.response.headers["retry-after"] == "77"


async def test_errors_of_the_client(tmp_path: Path) -> None:
    async with rig(tmp_path) as running, sdk(running) as client:
        with pytest.raises(anthropic.BadRequestError) as bad:
            await client.messages.create(model="claude-sonnet-5", max_tokens=10, messages=[])
        assert "messages" in bad.value.message
        assert bad.value.request_id
        with pytest.raises(anthropic.NotFoundError):
            await client.messages.create(
                model="no model of this name", max_tokens=9, messages=[{"role": "user", "content": "hi"}]
            )
        with pytest.raises(anthropic.NotFoundError):
            await client.messages.batches.list()
        async with sdk(running, "wrong-key") as stranger:
            with pytest.raises(anthropic.AuthenticationError):
                await stranger.models.list()


@pytest.mark.parametrize("back", BACKS)
async def test_a_stream_that_breaks_off_raises(tmp_path: Path, back: str) -> None:
    """D3, T064: never a normal end."""
    async with rig(tmp_path, fault(back, cut_after=1500), first=back) as running, sdk(running) as client:
        texts: list[str] = []

        async def listen() -> None:
            async with client.messages.stream(**asking(back, "写四行关于春天的诗")) as stream:
                async for piece in stream.text_stream:
                    texts.append(piece)

        with pytest.raises(anthropic.APIError, match="broke off"):
            await listen()
        assert "".join(texts).startswith("[simu")
