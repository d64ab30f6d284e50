"""The official OpenAI SDK against the simulated Responses API over real sockets."""

import base64
import json
from pathlib import Path
from typing import Any

import openai
import pydantic
import pytest

from aiclient2api.simulator import Step
from aiclient2api.simulator.script import Failure
from tests.simulator.fake import simulation
from tests.simulator.listening import serve

GUIDE = Path(__file__).parent.parent / "data" / "guide"
PROMPT = "Run the shell commands `echo hello > proof.txt` and `ls`, then say that you are done."
SHELL = {
    "type": "object",
    "properties": {"command": {"type": "string"}},
    "required": ["command"],
    "additionalProperties": False,
}
TOOL: Any = {"type": "function", "name": "run_shell", "description": "Run", "parameters": SHELL, "strict": True}
SETTINGS: Any = {"model": "gpt-5.6", "store": False, "include": ["reasoning.encrypted_content"], "tools": [TOOL]}


def client(base: str) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{base}/v1", api_key="simulated-k", max_retries=0)


@pytest.mark.parametrize("streamed", [False, True])
def test_a_tool_loop_with_reasoning_and_parallel_calls(streamed: bool) -> None:
    async def ask(sdk: openai.AsyncOpenAI, items: Any) -> Any:
        asked: Any = SETTINGS | {"input": items, "reasoning": {"effort": "medium", "summary": "auto"}}
        if not streamed:
            return await sdk.responses.create(**asked)
        async with sdk.responses.stream(**asked) as stream:
            return await stream.get_final_response()

    async def use(base: str) -> None:
        async with client(base) as sdk:
            items: list[Any] = [{"role": "user", "content": PROMPT}]
            begun = await ask(sdk, items)
            assert [item.type for item in begun.output] == ["reasoning", "function_call", "function_call"]
            commands = [json.loads(item.arguments)["command"] for item in begun.output[1:]]
            assert commands == ["echo hello > proof.txt", "ls"]
            items += [item.model_dump(exclude_none=True, exclude={"parsed_arguments"}) for item in begun.output]
            items += [
                {"type": "function_call_output", "call_id": item.call_id, "output": "exit 0"}
                for item in begun.output[1:]
            ]
            done = await ask(sdk, items)
            assert done.output_text.count("exit 0") == 2
            assert done.usage.output_tokens_details.reasoning_tokens > 0

    serve(simulation(), use)


def test_structured_output_pictures_and_documents() -> None:
    class City(pydantic.BaseModel):
        name: str
        people: int

    async def use(base: str) -> None:
        async with client(base) as sdk:
            parsed = await sdk.responses.parse(model="gpt-5.1", input="Describe Oslo", text_format=City)
            assert isinstance(parsed.output_parsed, City)
            png = base64.b64encode((GUIDE / "red-32x32.png").read_bytes()).decode()
            pdf = base64.b64encode((GUIDE / "two-pages.pdf").read_bytes()).decode()
            parts: Any = [
                {"type": "input_image", "detail": "auto", "image_url": f"data:image/png;base64,{png}"},
                {"type": "input_file", "filename": "a.pdf", "file_data": f"data:application/pdf;base64,{pdf}"},
            ]
            for part, word in zip(parts, ("red", "HALYARD"), strict=True):
                message: Any = [{"role": "user", "content": [{"type": "input_text", "text": "What is it?"}, part]}]
                assert word in (await sdk.responses.create(model="gpt-5.1", input=message)).output_text

    serve(simulation(), use)


def test_stored_responses_and_errors() -> None:
    async def use(base: str) -> None:
        async with client(base) as sdk:
            first = await sdk.responses.create(model="gpt-5.1", input="My name is Ada.")
            again = await sdk.responses.create(model="gpt-5.1", input="What is my name?", previous_response_id=first.id)
            assert "Ada" in again.output_text
            with pytest.raises(openai.BadRequestError) as caught:
                await sdk.responses.create(model="gpt-5.1", input="a", previous_response_id="resp_x")
            assert caught.value.code == "previous_response_not_found"
            row = await sdk.models.retrieve("gpt-5.1")
            assert row.id == "gpt-5.1"
            with pytest.raises(openai.NotFoundError):
                await sdk.models.retrieve("x")
        async with openai.AsyncOpenAI(base_url=f"{base}/v1", api_key="simulated-bad", max_retries=0) as sdk:
            with pytest.raises(openai.AuthenticationError):
                await sdk.responses.create(model="gpt-5.1", input="a")

    simulated = simulation()
    simulated.refused_keys.add("simulated-bad")
    serve(simulated, use)


def test_the_sdk_sees_an_error_in_mid_stream() -> None:
    async def use(base: str) -> None:
        async with client(base) as sdk:
            with pytest.raises(openai.APIError, match="down"):
                async with sdk.responses.stream(model="gpt-5.1", input="hello") as stream:
                    await stream.get_final_response()

    serve(simulation(Step(exception=Failure(after=6, message="down"))), use)
