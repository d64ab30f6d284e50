"""The official SDKs and the raw HTTP client against the simulator over real sockets."""

import asyncio
import json
from typing import Any

import anthropic
import openai
import pytest

from aiclient2api.simulator import Simulation, Step
from aiclient2api.wire.eventstream import EventStreamDecoder
from tests.simulator.fake import kiro_body, simulation
from tests.simulator.listening import serve

PROMPT = "Run the shell command `echo hello > proof.txt` in the current directory, then say that you are done."
SHELL = {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]}


def test_the_anthropic_sdk_whole_streamed_and_with_tools() -> None:
    tool: Any = {"name": "run_shell", "description": "Run a shell command", "input_schema": SHELL}

    async def use(base: str) -> None:
        async with anthropic.AsyncAnthropic(base_url=base, api_key="simulated-k", max_retries=0) as client:
            first: Any = [{"role": "user", "content": PROMPT}]
            asked: Any = {"model": "claude-sonnet-5", "max_tokens": 3000, "tools": [tool]}
            async with client.messages.stream(messages=first, **asked) as stream:
                called = await stream.get_final_message()
            assert called.stop_reason == "tool_use"
            (block,) = called.content
            assert block.type == "tool_use"
            assert block.input == {"command": "echo hello > proof.txt"}
            result: Any = [{"type": "tool_result", "tool_use_id": block.id, "content": "exit 0"}]
            turns = [*first, {"role": "assistant", "content": called.content}, {"role": "user", "content": result}]
            done = await client.messages.create(messages=turns, **asked)
            assert done.content[0].type == "text"
            assert "exit 0" in done.content[0].text
            counted = await client.messages.count_tokens(model="claude-sonnet-5", messages=first)
            assert counted.input_tokens > 0
            listed = await client.models.list()
            assert listed.data[0].id.startswith("claude")
            with pytest.raises(anthropic.BadRequestError):
                await client.messages.create(model="claude-sonnet-5", max_tokens=10, messages=turns[:2])

    serve(simulation(), use)


def test_the_anthropic_sdk_reads_thinking() -> None:
    async def use(base: str) -> None:
        async with anthropic.AsyncAnthropic(base_url=base, api_key="simulated-k", max_retries=0) as client:
            thinking: Any = {"type": "adaptive"}
            turns: Any = [{"role": "user", "content": "hello"}]
            async with client.messages.stream(
                model="claude-sonnet-5", max_tokens=3000, messages=turns, thinking=thinking
            ) as stream:
                answered = await stream.get_final_message()
            assert [block.type for block in answered.content] == ["thinking", "text"]
            turns += [{"role": "assistant", "content": answered.content}, {"role": "user", "content": "and now?"}]
            await client.messages.create(model="claude-sonnet-5", max_tokens=3000, messages=turns)

    serve(simulation(), use)


def test_the_openai_sdk_whole_streamed_and_with_tools() -> None:
    tool: Any = {"type": "function", "function": {"name": "bash", "description": "Run", "parameters": SHELL}}

    async def use(base: str) -> None:
        async with openai.AsyncOpenAI(base_url=f"{base}/v1", api_key="simulated-k", max_retries=0) as client:
            turns: Any = [{"role": "user", "content": PROMPT}]
            async with client.chat.completions.stream(model="gpt-5.1", messages=turns, tools=[tool]) as stream:
                called = await stream.get_final_completion()
            (call,) = called.choices[0].message.tool_calls or []
            assert json.loads(call.function.arguments) == {"command": "echo hello > proof.txt"}
            turns += [
                called.choices[0].message.model_dump(include={"role", "content", "tool_calls"}, exclude_none=True),
                {"role": "tool", "tool_call_id": call.id, "content": "exit 0"},
            ]
            done = await client.chat.completions.create(model="gpt-5.1", messages=turns, tools=[tool])
            assert "exit 0" in (done.choices[0].message.content or "")
            vectors = await client.embeddings.create(model="text-embedding-3-small", input=["a", "b"])
            assert len(vectors.data) == 2
            assert (await client.models.list()).data[0].object == "model"
            with pytest.raises(openai.NotFoundError):
                await client.chat.completions.create(model="no-such-model", messages=turns[:1])

    serve(simulation(), use)


async def raw_kiro(base: str, simulated: Simulation) -> bytes:
    """Everything a Kiro request is answered with, until the connection ends."""
    credential = simulated.credential()
    body = json.dumps(kiro_body("hello") | {"profileArn": credential["profileArn"]}).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", int(base.rpartition(":")[2]))
    head = (
        "POST /generateAssistantResponse HTTP/1.0\r\nhost: x\r\ncontent-type: application/json\r\n"
        f"authorization: Bearer {credential['accessToken']}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    try:
        return await reader.read()
    finally:
        writer.close()


def test_a_kiro_stream_over_a_socket() -> None:
    simulated = simulation()

    async def use(base: str) -> None:
        head, _, body = (await raw_kiro(base, simulated)).partition(b"\r\n\r\n")
        assert b" 200 " in head.split(b"\r\n")[0]
        decoder = EventStreamDecoder()
        assert decoder.feed(body)[-1].headers[":event-type"] == "meteringEvent"
        assert decoder.close() == 0

    serve(simulated, use)


def test_a_cut_over_a_socket_ends_the_connection_in_mid_stream() -> None:
    simulated = simulation(Step(cut_after=500))

    async def use(base: str) -> None:
        try:
            answer = await raw_kiro(base, simulated)
        except ConnectionResetError:
            answer = b""
        decoder = EventStreamDecoder()
        kinds = [each.headers[":event-type"] for each in decoder.feed(answer.partition(b"\r\n\r\n")[2])]
        assert "meteringEvent" not in kinds

    serve(simulated, use)


def test_the_sdks_see_scripted_errors() -> None:
    async def use(base: str) -> None:
        turns: Any = [{"role": "user", "content": "hello"}]
        async with anthropic.AsyncAnthropic(base_url=base, api_key="simulated-k", max_retries=0) as client:
            with pytest.raises(anthropic.RateLimitError) as caught:
                await client.messages.create(model="claude-sonnet-5", max_tokens=10, messages=turns)
            assert caught.value.response.headers["retry-after"] == "7"
            await client.messages.create(model="claude-sonnet-5", max_tokens=10, messages=turns)

    serve(simulation(Step(retry_after="7")), use)
