"""The guide's six examples over HTTP (A1, C1, C2): both routes, both shapes, whole and streamed, over every back."""

import itertools
import json
from pathlib import Path

import msgspec
import pytest

from aiclient2api.simulator import Step
from tests.gateway.answers import FRONTS, MESSAGES, Json, read
from tests.gateway.guide import HOLDS, MODEL, PDF, PNG, body_of, in_base64
from tests.gateway.rig import BACKS, CLAUDE, KIRO, OPENAI, Rig, rig

BUILT_IN = "simulator"
MODELS = {KIRO: MODEL, BUILT_IN: MODEL, CLAUDE: "claude-sonnet-4-5", OPENAI: "gpt-5.1"}
TOOL_FINISH = {False: "tool_calls", True: "tool_use"}


@pytest.mark.parametrize("back", [*BACKS, BUILT_IN])
@pytest.mark.parametrize("shape", ["guide", "openai"])
async def test_the_six_examples(tmp_path: Path, back: str, shape: str) -> None:
    async with rig(tmp_path, first=back) as running:
        for name, route, stream in itertools.product(HOLDS, FRONTS, (False, True)):
            body = body_of(name, route, shape=shape, stream=stream, model=MODELS[back])
            reply = await running.ask(route, body)
            said = read(route, reply)
            assert HOLDS[name](said), (name, route, stream, said)
            assert reply.streamed == stream
            assert reply.headers["x-aiclient-provider"] == back
            if name == "4a-tool-call":
                assert said.finish == TOOL_FINISH[route == MESSAGES]
            if name == "2-stream" and stream:
                assert said.pieces > 4


async def test_what_reaches_kiro(tmp_path: Path) -> None:
    """The upstream sees all turns, the image's bytes and the document's words."""
    async with rig(tmp_path) as running:
        sent = await _kiro_body(running, "3-multi-turn")
        state = sent["conversationState"]
        assert [next(iter(each)) for each in state["history"]] == ["userInputMessage", "assistantResponseMessage"]
        assert state["history"][0]["userInputMessage"]["content"] == "我叫张三"
        sent = await _kiro_body(running, "5-image")
        (image,) = sent["conversationState"]["currentMessage"]["userInputMessage"]["images"]
        assert image == {"format": "png", "source": {"bytes": in_base64(PNG)}}
        text = (await _kiro_body(running, "6-pdf"))["conversationState"]["currentMessage"]["userInputMessage"][
            "content"
        ]
        assert "HALYARD" in text
        assert "BINNACLE" in text


async def test_a_document_goes_natively_where_the_list_says_that_the_model_takes_it(tmp_path: Path) -> None:
    """C4."""
    row = {"modelId": "claude-sonnet-5", "modelName": "Sonnet 5", "supportedInputTypes": ["TEXT", "IMAGE", "DOCUMENT"]}
    listed = Step(target="*.ListAvailableModels", times=None, body=msgspec.Raw(json.dumps({"models": [row]}).encode()))
    async with rig(tmp_path, listed) as running:
        message = (await _kiro_body(running, "6-pdf", "claude-sonnet-5"))["conversationState"]["currentMessage"]
        (document,) = message["userInputMessage"]["documents"]
        assert document["format"] == "pdf"
        assert document["source"] == {"bytes": in_base64(PDF)}


@pytest.mark.parametrize("wire", ["rest", "runtime"])
async def test_both_wire_forms_of_kiro(tmp_path: Path, wire: str) -> None:
    async with rig(tmp_path, KIRO_WIRE=wire) as running:
        for name in HOLDS:
            reply = await running.ask(MESSAGES, body_of(name, MESSAGES, shape="guide", stream=True))
            assert HOLDS[name](read(MESSAGES, reply)), name
        paths = {each.path for each in running.simulation.recorded if "onversationState" in each.body.decode()}
        assert paths == {"/generateAssistantResponse" if wire == "rest" else "/"}


async def _kiro_body(running: Rig, name: str, model: str = MODELS[KIRO]) -> Json:
    read(MESSAGES, await running.ask(MESSAGES, body_of(name, MESSAGES, shape="guide", stream=False, model=model)))
    return running.kiro_requests[-1]
