"""The official OpenAI SDK as a client of the gateway, over every back (E1, C1, C3, C5, C6, C8, D1; T036, T045-T069)."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import msgspec
import openai
import pytest
from pydantic import BaseModel

from tests.gateway.guide import PDF, PNG, in_base64
from tests.gateway.rig import BACKS, CLAUDE, KEY, KIRO, OPENAI, Rig, fault, rig

pytestmark = pytest.mark.e2e

MODELS = {KIRO: "claude-sonnet-5", CLAUDE: "claude-sonnet-5", OPENAI: "gpt-5.1"}
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER: Any = {
    "type": "function",
    "function": {"name": "get_weather", "description": "Weather of a city", "parameters": CITY},
}
CLOCK: Any = {"type": "function", "function": {"name": "get_time", "description": "Time of day"}}


@asynccontextmanager
async def sdk(running: Rig, key: str = KEY) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{running.base}/v1", api_key=key, max_retries=0, timeout=20) as client:
        yield client


def user(content: Any) -> Any:
    return [{"role": "user", "content": content}]


@pytest.mark.parametrize("back", BACKS)
async def test_text_whole_streamed_and_by_the_helper(tmp_path: Path, back: str) -> None:
    async with rig(tmp_path, first=back) as running, sdk(running) as client:
        asked: Any = {"model": MODELS[back], "messages": user("写四行关于春天的诗 👩‍👩‍👧 🇩🇪")}
        whole = await client.chat.completions.create(**asked)
        pieces = [
            chunk.choices[0].delta.content or ""
            async for chunk in await client.chat.completions.create(**asked, stream=True)
        ]
        async with client.chat.completions.stream(**asked, stream_options={"include_usage": True}) as stream:
            final = await stream.get_final_completion()
        text = whole.choices[0].message.content
        assert text
        assert "燕子归来" in text
        assert "".join(pieces) == text == final.choices[0].message.content
        assert whole.choices[0].finish_reason == final.choices[0].finish_reason == "stop"
        assert whole.model == final.model == MODELS[back]
        assert whole.usage
        assert final.usage
        assert whole.usage.completion_tokens == final.usage.completion_tokens > 0
        assert whole.usage.prompt_tokens == final.usage.prompt_tokens > 0


@pytest.mark.parametrize("back", BACKS)
async def test_parallel_tools_and_their_results(tmp_path: Path, back: str) -> None:
    async with rig(tmp_path, first=back) as running, sdk(running) as client:
        turns = user("What is the weather in Paris and Tokyo?")
        asked: Any = {"model": MODELS[back], "tools": [WEATHER, CLOCK]}
        async with client.chat.completions.stream(messages=turns, **asked) as stream:
            called = (await stream.get_final_completion()).choices[0]
        whole = (await client.chat.completions.create(messages=turns, **asked)).choices[0]
        assert called.finish_reason == whole.finish_reason == "tool_calls"
        calls = called.message.tool_calls or []
        assert [json.loads(call.function.arguments) for call in calls] == [{"city": "Paris"}, {"city": "Tokyo"}]
        assert [json.loads(call.function.arguments) for call in function_calls(whole.message)] == [  # the same calls
            {"city": "Paris"},
            {"city": "Tokyo"},
        ]
        assert len({call.id for call in calls}) == 2
        turns.append(called.message.model_dump(include={"role", "content", "tool_calls"}, exclude_none=True))
        turns += [
            {"role": "tool", "tool_call_id": call.id, "content": f"{at} degrees"}
            for call, at in zip(calls, (17, 23), strict=True)
        ]
        done = await client.chat.completions.create(messages=turns, **asked)
        assert "17 degrees" in (done.choices[0].message.content or "")
        assert "23 degrees" in (done.choices[0].message.content or "")
        assert done.choices[0].finish_reason == "stop"


def function_calls(message: Any) -> list[Any]:
    return list(message.tool_calls or [])


FORCED: list[tuple[Any, list[str]]] = [
    ("required", ["get_weather"]),
    ({"type": "function", "function": {"name": "get_time"}}, ["get_time"]),
    ("none", []),
]


@pytest.mark.parametrize("back", BACKS)
async def test_forced_tools(tmp_path: Path, back: str) -> None:
    async with rig(tmp_path, first=back) as running, sdk(running) as client:
        for choice, names in FORCED:
            asked: Any = {"model": MODELS[back], "messages": user("weather in Paris"), "tools": [WEATHER, CLOCK]}
            answer = await client.chat.completions.create(**asked, tool_choice=choice)
            calls = function_calls(answer.choices[0].message)
            assert [call.function.name for call in calls] == names, choice
            assert all(isinstance(json.loads(call.function.arguments), dict) for call in calls)
        single = await client.chat.completions.create(
            model=MODELS[back],
            messages=user("weather in Paris and Tokyo"),
            tools=[WEATHER],
            parallel_tool_calls=False,
        )
        assert len(function_calls(single.choices[0].message)) == 1


@pytest.mark.parametrize("back", BACKS)
async def test_thinking(tmp_path: Path, back: str) -> None:
    async with rig(tmp_path, first=back) as running, sdk(running) as client:
        effort: Literal["low"] = "low"
        asked: Any = {"model": MODELS[back], "messages": user("hello"), "reasoning_effort": effort}
        whole = (await client.chat.completions.create(**asked)).choices[0].message
        streamed = ""
        async for chunk in await client.chat.completions.create(**asked, stream=True):
            streamed += getattr(chunk.choices[0].delta, "reasoning_content", None) or ""
        assert "answer at once" in streamed
        assert getattr(whole, "reasoning_content", None) == streamed
        turns = [*asked["messages"], whole.model_dump(exclude_none=True), *user("and now?")]
        again = await client.chat.completions.create(model=MODELS[back], messages=turns, reasoning_effort=effort)
        assert again.choices[0].message.content


@pytest.mark.parametrize("back", BACKS)
async def test_images_and_documents(tmp_path: Path, back: str) -> None:
    async with rig(tmp_path, first=back) as running, sdk(running) as client:
        picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{in_base64(PNG)}"}}
        paper = {"filename": "note.pdf", "file_data": f"data:application/pdf;base64,{in_base64(PDF)}"}
        for part, words in (
            (picture, ("PNG", "32×32", "red")),
            ({"type": "file", "file": paper}, ("HALYARD", "BINNACLE")),
        ):
            content = [{"type": "text", "text": "What is this?"}, part]
            answer = await client.chat.completions.create(model=MODELS[back], messages=user(content))
            text = answer.choices[0].message.content or ""
            assert all(word in text for word in words), text


class City(BaseModel):
    name: str
    population: int


@pytest.mark.parametrize("back", BACKS)
async def test_structured_output(tmp_path: Path, back: str) -> None:
    async with rig(tmp_path, first=back) as running, sdk(running) as client:
        parsed = await client.chat.completions.parse(
            model=MODELS[back], messages=user("Name a city."), response_format=City
        )
        assert isinstance(parsed.choices[0].message.parsed, City)
        async with client.chat.completions.stream(
            model=MODELS[back], messages=user("Name a city."), response_format=City
        ) as stream:
            final = await stream.get_final_completion()
        assert final.choices[0].message.parsed == parsed.choices[0].message.parsed


async def test_models(tmp_path: Path) -> None:
    """C8: what the configured providers offer, the guide's names among them."""
    async with rig(tmp_path) as running, sdk(running) as client:
        listed = [model async for model in client.models.list()]
        names = [model.id for model in listed]
        assert len(names) == len(set(names))
        assert {"claude-sonnet-5", "claude-sonnet-4-20250514", "amazonq-claude-3-7-sonnet-20250219", "gpt-5.1"} <= {
            *names
        }
        assert (await client.models.retrieve("gpt-5.1")).id == "gpt-5.1"
        with pytest.raises(openai.NotFoundError):
            await client.models.retrieve("no/such-model")


@pytest.mark.parametrize("back", BACKS)
@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (400, b'{"message":"Improperly formed request.","error":{"message":"bad"}}', openai.BadRequestError),
        (429, b'{"message":"slow down","error":{"message":"slow down"}}', openai.RateLimitError),
        (401, b'{"message":"who are you","error":{"message":"who are you"}}', openai.InternalServerError),
        (500, b'{"message":"oops","error":{"message":"oops"}}', openai.InternalServerError),
        (503, b'{"message":"busy","error":{"message":"busy"}}', openai.InternalServerError),
    ],
)
async def test_errors_of_the_upstream(
    tmp_path: Path, back: str, status: int, body: bytes, expected: type[openai.APIStatusError]
) -> None:
    step = fault(back, status=status, body=msgspec.Raw(body), headers={"retry-after": "77"})
    async with rig(tmp_path, step, first=back, REQUEST_MAX_RETRIES=0) as running, sdk(running) as client:
        for stream in (False, True):
            with pytest.raises(expected) as caught:
                await client.chat.completions.create(model=MODELS[back], messages=user("hi"), stream=stream)
            assert caught.value.status_code != 401
            assert caught.value.message
            if status == 429:
                assert caught.value.response.headers["retry-after"] == "77"


async def test_errors_of_the_client(tmp_path: Path) -> None:
    async with rig(tmp_path) as running, sdk(running) as client:
        with pytest.raises(openai.BadRequestError) as bad:
            await client.chat.completions.create(model="claude-sonnet-5", messages=[])
        assert bad.value.param == "messages"
        with pytest.raises(openai.NotFoundError):
            await client.chat.completions.create(model="no model of this name", messages=user("hi"))
        with pytest.raises(openai.NotFoundError):
            await client.get("/no/such/route", cast_to=object)
        async with sdk(running, "wrong-key") as stranger:
            with pytest.raises(openai.AuthenticationError) as refused:
                await stranger.models.list()
            assert refused.value.code == "invalid_api_key"


@pytest.mark.parametrize("back", BACKS)
async def test_a_stream_that_breaks_off_raises(tmp_path: Path, back: str) -> None:
    """D3: never a normal end."""
    async with rig(tmp_path, fault(back, cut_after=1500), first=back) as running, sdk(running) as client:
        texts: list[str] = []
        asked: Any = {"model": MODELS[back], "messages": user("写四行关于春天的诗"), "stream": True}

        async def listen() -> None:
            async for chunk in await client.chat.completions.create(**asked):
                texts.append(chunk.choices[0].delta.content or "")

        with pytest.raises(openai.APIError, match="broke off"):
            await listen()
        assert "".join(texts).startswith("[simu")
