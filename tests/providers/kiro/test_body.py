"""Every body is valid under the model's schema, sound under the history rules, and the same for the same Ask."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.request import (
    Base64,
    Block,
    Document,
    Image,
    Opaque,
    OutputFormat,
    Plain,
    Reasoning,
    Request,
    Sampling,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
    Url,
)
from aiclient2api.providers.base import Ask
from aiclient2api.providers.kiro.request import build
from tests import strategies
from tests.examples import example
from tests.providers.kiro.build import GPT, LIVE, MODEL, PROFILE, ask, body, check_history, user, validator

REMEDIES = frozenset({"strip_thinking", "drop_fields", "simple_schema", "rest"})

_ids = st.sampled_from(["1", "1_2", "2", "", "a|b", "x" * 70]) | strategies.texts
_names = st.sampled_from(["look", "mcp.server/read file", "n" * 90, ""])
_texts = strategies.texts
_any_block: st.SearchStrategy[Block] = st.one_of(
    st.builds(Text, text=_texts),
    st.builds(
        Thinking,
        text=_texts,
        opaque=st.lists(
            st.builds(
                Opaque,
                origin=st.sampled_from(["kiro", "openai"]),
                kind=st.sampled_from(["signature", "redacted"]),
                value=_texts,
            ),
            max_size=2,
        ).map(tuple),
    ),
    st.builds(ToolCall, id=_ids, name=_names, arguments=strategies.json_objects | _texts),
    st.builds(
        ToolResult,
        call_id=_ids,
        content=st.lists(st.builds(Text, text=_texts) | strategies.images, max_size=3).map(tuple),
        is_error=st.booleans(),
    ),
    strategies.images,
    st.builds(Document, source=st.builds(Plain, text=_texts), title=st.none() | _texts),
)
_any_turn = st.builds(
    Turn,
    role=st.sampled_from(["user", "assistant", "system"]),
    blocks=st.lists(_any_block, max_size=4).map(tuple),
    name=st.none() | strategies.names,
)
_any_tool = st.builds(
    Tool,
    name=_names,
    description=_texts,
    schema=st.none() | strategies.json_values.map(json.dumps).map(str.encode),
    kind=st.sampled_from(["function", "custom", "server"]),
    namespace=st.none() | strategies.names,
    grammar=st.none() | strategies.json_values.map(json.dumps).map(str.encode),
)
_any_request = st.builds(
    Request,
    dialect=st.sampled_from(["anthropic", "openai_chat", "openai_responses", "gemini"]),
    model=st.just("m"),
    turns=st.lists(_any_turn, max_size=6).map(tuple),
    system=st.lists(st.builds(Text, text=_texts), max_size=2).map(tuple),
    tools=st.lists(_any_tool, max_size=3).map(tuple),
    tool_choice=st.sampled_from([None, ToolChoice("auto"), ToolChoice("any"), ToolChoice("none")]),
    parallel_tools=st.none() | st.booleans(),
    reasoning=st.none()
    | st.builds(
        Reasoning,
        mode=st.sampled_from(["off", "auto", "effort", "budget", "between_tools"]),
        effort=st.sampled_from([None, "minimal", "low", "xhigh", "max"]),
        budget=st.none() | st.integers(0, 10**6),
    ),
    output=st.sampled_from([None, OutputFormat("json_object"), OutputFormat("json_schema", "x", b'{"type":"object"}')]),
    max_tokens=st.none() | st.integers(1, 10**6),
    sampling=st.builds(Sampling, temperature=st.none() | st.floats(0, 2)),
)
_models = st.sampled_from([MODEL, LIVE, GPT])
_remedies = st.frozensets(st.sampled_from(sorted(REMEDIES)))


def _checked(request: Request, **members: Any) -> None:
    asked = Ask(request=request, seed="5eed", conversation=lambda: "c" * 36, **members)
    try:
        first = build(asked, PROFILE)
    except GatewayError as error:
        assert error.kind == "bad_request", error.message  # noqa: PT017
        return
    parsed = json.loads(first.body)
    validator().validate(parsed)
    check_history(parsed)
    assert build(asked, PROFILE).body == first.body


@given(request=strategies.requests(), model=_models, remedies=_remedies)
@settings(max_examples=60, deadline=None)
def test_sound_requests(request: Request, model: Any, remedies: frozenset[str]) -> None:
    _checked(request, model=model, remedies=remedies)


@given(request=_any_request, model=_models, remedies=_remedies)
@settings(max_examples=150, deadline=None)
def test_any_request(request: Request, model: Any, remedies: frozenset[str]) -> None:
    _checked(request, model=model, remedies=remedies)


def test_the_whole_of_a_small_body() -> None:
    assert body(user("hi")) == {
        "conversationState": {
            "chatTriggerType": "MANUAL",
            "conversationId": "11111111-2222-4333-8444-555555555555",
            "agentContinuationId": body(user("hi"))["conversationState"]["agentContinuationId"],
            "agentTaskType": "vibe",
            "currentMessage": {
                "userInputMessage": {"content": "hi", "modelId": "claude-sonnet-4.5", "origin": "AI_EDITOR"}
            },
        },
        "profileArn": PROFILE,
    }


def test_without_a_profile_the_member_is_left_out() -> None:
    assert "profileArn" not in json.loads(build(ask(user("hi")), "").body)


def test_drops_are_named_in_the_clients_words() -> None:
    """C4"""
    sampling = Sampling(temperature=0.5, top_p=0.9, top_k=0, seed=0, logprobs=False, n=1)
    tools = (Tool("web_search", kind="server", type="web_search_20250305"),)
    extra = {"logit_bias": b"{}", "bad\r\nname": b"1"}
    asked = ask(user("hi"), sampling=sampling, max_tokens=100, tools=tools, extra=extra)
    expected = ("temperature", "top_p", "top_k", "seed", "max_tokens", "web_search_20250305", "logit_bias", "bad__name")
    assert build(asked, "").dropped == expected
    asked = ask(user("hi"), dialect="gemini", sampling=sampling, max_tokens=100)
    assert build(asked, "").dropped[-1] == "generationConfig.maxOutputTokens"
    assert build(asked, "").dropped[1] == "generationConfig.topP"
    for dialect, name in (("anthropic", "metadata.user_id"), ("openai_chat", "user"), ("openai_responses", "user")):
        assert build(ask(user("hi"), dialect=dialect, user="someone"), "").dropped == (name,)


@pytest.mark.parametrize(("dialect", "member"), [("openai_chat", "n"), ("gemini", "generationConfig.candidateCount")])
def test_more_than_one_answer_is_refused(dialect: str, member: str) -> None:
    with pytest.raises(GatewayError) as caught:
        body(user("hi"), sampling=Sampling(n=2), dialect=dialect)
    assert (caught.value.kind, caught.value.param) == ("bad_request", member)


def test_a_name_that_cannot_stand_on_the_wire() -> None:
    with pytest.raises(GatewayError) as caught:
        build(ask(user("hi"), model=MODEL.__class__(id="a/b@c")), "")
    assert caught.value.kind == "model_not_found"


@pytest.mark.parametrize(
    ("output", "parts"),
    [
        (OutputFormat("json_object"), ["exactly one JSON object"]),
        (
            OutputFormat("json_schema", "card", b'{"type": "object"}', description="a card"),
            ['{"type": "object"}', "card", "a card"],
        ),
    ],
)
def test_output_format_is_an_instruction(output: OutputFormat, parts: list[str]) -> None:
    said = body(user("hi"), output=output)["conversationState"]["history"][0]["userInputMessage"]["content"]
    assert all(part in said for part in parts)


def _guide(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = example(name)["messages"]
    return found


def test_guide_example_4b() -> None:
    """C2: the tool round trip of the guide."""
    said = _guide("4b-tool-result")
    use, answer = said[1]["content"][0], said[2]["content"][0]
    parsed = body(
        user(said[0]["content"]),
        Turn("assistant", (ToolCall(use["id"], use["name"], json.dumps(use["input"], ensure_ascii=False)),)),
        user(ToolResult(answer["tool_use_id"], (Text(answer["content"]),))),
        tools=(Tool("get_weather", "weather", b'{"type":"object","properties":{"city":{"type":"string"}}}'),),
    )
    check_history(parsed)
    state = parsed["conversationState"]
    assert state["history"][1]["assistantResponseMessage"]["toolUses"] == [
        {"toolUseId": "toolu_01xyz", "name": "get_weather", "input": {"city": "北京", "unit": "celsius"}}
    ]
    context = state["currentMessage"]["userInputMessage"]["userInputMessageContext"]
    assert context["toolResults"][0]["content"] == [{"text": "晴，25°C，湿度60%"}]
    assert [each["toolSpecification"]["name"] for each in context["tools"]] == ["get_weather"]


def test_guide_example_5() -> None:
    """C2: the picture of the guide."""
    text, image = _guide("5-image")[0]["content"]
    source = Base64(image["source"]["media_type"], image["source"]["data"])
    said = body(user(text["text"], Image(source)))["conversationState"]["currentMessage"]["userInputMessage"]
    assert said["content"] == text["text"]
    assert said["images"] == [{"format": "png", "source": {"bytes": image["source"]["data"]}}]


def test_guide_example_6() -> None:
    """C2, C4: the PDF of the guide, page by page."""
    content = _guide("6-pdf")[0]["content"]
    document = next(part for part in content if part["type"] == "document")
    source = Base64("application/pdf", document["source"]["data"])
    said = body(user(Document(source)))["conversationState"]["currentMessage"]["userInputMessage"]["content"]
    first, second = said.index("--- page 1 ---"), said.index("--- page 2 ---")
    assert first < said.index("HALYARD") < second < said.index("BINNACLE")


def test_pictures_by_address_are_refused_with_advice() -> None:
    with pytest.raises(GatewayError, match="Send the data itself") as caught:
        body(user("see"), user(Image(Url("https://example.org/a.png"))))
    assert (caught.value.kind, caught.value.param) == ("bad_request", "messages[1]")
