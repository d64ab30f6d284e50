"""The official Google SDK against the simulated Gemini API over real sockets."""

from pathlib import Path
from typing import Any

import pydantic
import pytest
from google import genai
from google.genai import errors, types

from aiclient2api.simulator import Step
from aiclient2api.simulator.script import Failure
from tests.simulator.fake import simulation
from tests.simulator.listening import serve

GUIDE = Path(__file__).parent.parent / "data" / "guide"
PROMPT = "Run the shell commands `echo hello > proof.txt` and `ls`, then say that you are done."
OLD, NEW = "gemini-2.5-flash", "gemini-3-flash-preview"
SHELL = types.FunctionDeclaration(
    name="run_shell",
    description="Run",
    parameters=types.Schema(
        type=types.Type.OBJECT, properties={"command": types.Schema(type=types.Type.STRING)}, required=["command"]
    ),
)
CONFIG = types.GenerateContentConfig(
    tools=[types.Tool(function_declarations=[SHELL])],
    system_instruction="You can run shell commands.",
    thinking_config=types.ThinkingConfig(include_thoughts=True),
)


def client(base: str, key: str = "simulated-k") -> genai.Client:
    return genai.Client(api_key=key, http_options=types.HttpOptions(base_url=base))


@pytest.mark.parametrize("name", [OLD, NEW])
@pytest.mark.parametrize("streamed", [False, True])
def test_a_tool_loop_with_thoughts_and_parallel_calls(name: str, streamed: bool) -> None:
    async def ask(sdk: genai.Client, contents: Any) -> list[types.Part]:
        if not streamed:
            answer = await sdk.aio.models.generate_content(model=name, contents=contents, config=CONFIG)
            return parts_of(answer)
        chunks = await sdk.aio.models.generate_content_stream(model=name, contents=contents, config=CONFIG)
        return [part async for chunk in chunks for part in parts_of(chunk)]

    async def use(base: str) -> None:
        sdk = client(base)
        contents: list[Any] = [types.Content(role="user", parts=[types.Part(text=PROMPT)])]
        begun = await ask(sdk, contents)
        calls = [part.function_call for part in begun if part.function_call]
        assert [call.args for call in calls] == [{"command": "echo hello > proof.txt"}, {"command": "ls"}]
        assert any(part.thought for part in begun)
        results = [
            types.Part(
                function_response=types.FunctionResponse(id=call.id, name=call.name, response={"output": "exit 0"})
            )
            for call in calls
        ]
        contents += [types.Content(role="model", parts=begun), types.Content(role="user", parts=results)]
        done = await ask(sdk, contents)
        text = "".join(part.text or "" for part in done if not part.thought)
        assert text.count("exit 0") == 2
        await sdk.aio.aclose()

    serve(simulation(), use)


def parts_of(answer: types.GenerateContentResponse) -> list[types.Part]:
    assert answer.candidates
    content = answer.candidates[0].content
    return (content.parts or []) if content else []


def test_functions_that_the_sdk_runs_by_itself() -> None:
    ran: list[str] = []

    def run_shell(command: str) -> str:
        """Run a shell command."""
        ran.append(command)
        return "exit 0"

    async def use(base: str) -> None:
        sdk = client(base)
        config = types.GenerateContentConfig(tools=[run_shell])
        answer = await sdk.aio.models.generate_content(model=NEW, contents=PROMPT, config=config)
        assert "exit 0" in (answer.text or "")
        await sdk.aio.aclose()

    serve(simulation(), use)
    assert ran == ["echo hello > proof.txt", "ls"]


def test_structured_output_pictures_and_documents() -> None:
    class City(pydantic.BaseModel):
        name: str
        people: int

    async def use(base: str) -> None:
        sdk = client(base)
        config = types.GenerateContentConfig(response_mime_type="application/json", response_schema=City)
        answer = await sdk.aio.models.generate_content(model=OLD, contents="Describe Oslo", config=config)
        assert isinstance(answer.parsed, City)
        for file, mime, word in (
            ("red-32x32.png", "image/png", "red"),
            ("two-pages.pdf", "application/pdf", "HALYARD"),
        ):
            part = types.Part.from_bytes(data=(GUIDE / file).read_bytes(), mime_type=mime)
            contents: Any = ["What is it?", part]
            seen = await sdk.aio.models.generate_content(model=NEW, contents=contents)
            assert word in (seen.text or "")
        await sdk.aio.aclose()

    serve(simulation(), use)


def test_counts_embeddings_lists_and_errors() -> None:
    async def use(base: str) -> None:
        sdk = client(base)
        counted = await sdk.aio.models.count_tokens(model=NEW, contents="hello")
        assert (counted.total_tokens or 0) > 0
        texts: Any = ["a", "b"]
        vectors = await sdk.aio.models.embed_content(model="gemini-embedding-001", contents=texts)
        assert len(vectors.embeddings or []) == 2
        listed = [row.name async for row in await sdk.aio.models.list()]
        assert f"models/{NEW}" in listed
        assert (await sdk.aio.models.get(model=NEW)).name == f"models/{NEW}"
        with pytest.raises(errors.ClientError, match="is not found for API version"):
            await sdk.aio.models.generate_content(model="no-such-model", contents="a")
        refused = client(base, "simulated-bad")
        with pytest.raises(errors.ClientError, match="API key not valid"):
            await refused.aio.models.generate_content(model=NEW, contents="a")
        for each in (sdk, refused):
            await each.aio.aclose()

    simulated = simulation()
    simulated.refused_keys.add("simulated-bad")
    serve(simulated, use)


def test_the_sdk_sees_an_error_in_mid_stream() -> None:
    async def use(base: str) -> None:
        sdk = client(base)
        with pytest.raises(errors.ServerError, match="overloaded"):
            async for _ in await sdk.aio.models.generate_content_stream(model=NEW, contents="hello"):
                pass
        await sdk.aio.aclose()

    failure = Failure(after=2, type="UNAVAILABLE", message="The model is overloaded.")
    serve(simulation(Step(exception=failure)), use)
