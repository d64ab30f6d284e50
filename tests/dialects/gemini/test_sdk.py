"""The official Python SDK as the judge: it must read our streams, whole answers and errors, and we what it sends
(T040, T078, T080 to T083)."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from google import genai
from google.genai import errors, types

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.events import (
    ArgumentsDelta,
    BlockEnd,
    BlockStart,
    Citation,
    Event,
    Failed,
    Finish,
    OpaqueDelta,
    Start,
    TextDelta,
    ThinkingDelta,
    UsageUpdate,
)
from aiclient2api.canonical.repair import repair
from aiclient2api.canonical.request import (
    Base64,
    Image,
    Opaque,
    Reasoning,
    Request,
    Text,
    Thinking,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from aiclient2api.canonical.response import fold
from aiclient2api.canonical.usage import Usage
from aiclient2api.dialects.base import Answer
from aiclient2api.dialects.gemini import GEMINI, decode_count_request, encode_count
from tests.dialects.canned import Asked, canned

pytestmark = pytest.mark.e2e

ANSWER = Answer(seed="ab" * 16, created=1700000000, model="my-model")
MODEL = "gemini-3-pro"
WORDS = "Grüße \u2028\x85\U0001f600"
MINE = Opaque("gemini", "thought_signature", "a/+/c2ln")
CLAUDES = Opaque("anthropic", "signature", "not base64 ?>~\u00ff")
EVENTS: list[Event] = [
    Start("up", "up-model"),
    BlockStart(0, "thinking"),
    ThinkingDelta(0, "hm"),
    ThinkingDelta(0, "m"),
    OpaqueDelta(0, CLAUDES),
    BlockEnd(0),
    BlockStart(1, "text"),
    TextDelta(1, WORDS[:6]),
    TextDelta(1, WORDS[6:]),
    Citation(1, "https://a.example", "A", start=0, end=5),
    BlockEnd(1),
    BlockStart(2, "tool_call", "call_1", "look"),
    OpaqueDelta(2, MINE),
    BlockStart(3, "tool_call", "call_2", "now"),
    ArgumentsDelta(2, '{"q":'),
    ArgumentsDelta(2, '"\u2028x"}'),
    BlockEnd(2),
    BlockEnd(3),
    UsageUpdate(Usage(fresh=5, cache_read=7, output=3, reasoning=1)),
    Finish("tools"),
]


@contextmanager
def client(
    body: bytes, status: int = 200, media_type: str = "application/json", asked: Asked | None = None
) -> Iterator[genai.Client]:
    """An SDK client of a server that answers everything with these bytes."""
    with canned(status, body, media_type, asked=asked) as base:
        options = types.HttpOptions(base_url=base, timeout=10_000)
        with genai.Client(api_key="k", http_options=options) as sdk:
            yield sdk


def streamed(events: list[Event]) -> bytes:
    encoder = GEMINI.encoder(ANSWER)
    beats = [GEMINI.heartbeat, *(encoder.encode([event]) + GEMINI.heartbeat for event in events[:-1])]
    return b"".join(beats) + encoder.encode(events[-1:])


def chunks(events: list[Event]) -> list[types.GenerateContentResponse]:
    with client(streamed(events), media_type="text/event-stream") as sdk:
        return list(sdk.models.generate_content_stream(model=MODEL, contents="hi"))


def parts_of(answers: list[types.GenerateContentResponse]) -> list[types.Part]:
    return [
        part
        for answer in answers
        for candidate in answer.candidates or ()
        if candidate.content is not None
        for part in candidate.content.parts or ()
    ]


def test_a_stream_adds_up_to_the_whole_answer() -> None:
    answers = chunks(EVENTS)
    with client(GEMINI.encode_response(fold(EVENTS), ANSWER)) as sdk:
        whole = sdk.models.generate_content(model=MODEL, contents="hi")
    parts = parts_of(answers)
    assert "".join(part.text or "" for part in parts if not part.thought) == WORDS
    assert "".join(part.text or "" for part in parts if part.thought) == "hmm"
    for found in (parts, parts_of([whole])):
        calls = [(part.function_call, part.thought_signature) for part in found if part.function_call]
        assert [(call.id, call.name, call.args) for call, _ in calls if call] == [
            ("call_1", "look", {"q": "\u2028x"}),
            ("call_2", "now", {}),
        ]
        assert [bool(signature) for _, signature in calls] == [True, False]
    last = [answer for answer in answers if answer.candidates][-1]
    for end in (last, whole):
        assert end.candidates is not None
        assert end.candidates[0].finish_reason == types.FinishReason.STOP
        assert end.candidates[0].grounding_metadata is not None
        assert end.usage_metadata is not None
        assert end.usage_metadata.prompt_token_count == 12
        assert end.usage_metadata.candidates_token_count == 2
        assert end.usage_metadata.thoughts_token_count == 1
        assert end.usage_metadata.total_token_count == 15
        assert (end.model_version, end.response_id) == ("my-model", "ab" * 16)


def test_a_conversation_comes_back_with_its_state() -> None:
    """T081: signatures travel as bytes through the SDK, and find their way home; calls and results too."""
    tools = [types.Tool(function_declarations=[types.FunctionDeclaration(name="look"), DECLARED])]
    config = types.GenerateContentConfig(
        tools=list(tools),
        system_instruction="be brief",
        tool_config=types.ToolConfig(
            function_calling_config=types.FunctionCallingConfig(mode=types.FunctionCallingConfigMode.ANY)
        ),
        thinking_config=types.ThinkingConfig(include_thoughts=True, thinking_level=types.ThinkingLevel.LOW),
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )
    picture = types.Part.from_bytes(data=bytes([255, 239, 190]), mime_type="image/png")
    asked: Asked = []
    with client(streamed(EVENTS), media_type="text/event-stream", asked=asked) as sdk:
        chat = sdk.chats.create(model=MODEL, config=config)
        list(chat.send_message_stream(["look", picture]))
        results = [types.Part.from_function_response(name=name, response={"output": name}) for name in ("look", "now")]
        list(chat.send_message_stream(list(results)))
    request = repair(decoded(*asked[-1]))
    assert (request.model, request.stream, request.system) == (MODEL, True, (Text("be brief"),))
    assert [tool.name for tool in request.tools] == ["look", "now"]
    assert json.loads(request.tools[1].schema or b"") == {
        "type": "object",
        "properties": {"a": {"type": "string", "minLength": 1}},
        "required": ["a"],
    }
    assert request.tool_choice == ToolChoice("any")
    assert request.reasoning == Reasoning("effort", "low", display="summarized")
    assert [turn.role for turn in request.turns] == ["user", "assistant", "user"]
    assert request.turns[0].blocks == (Text("look"), Image(Base64("image/png", "/+++")))
    assert request.turns[1].blocks == (
        Thinking("hmm", (CLAUDES,)),
        Text(WORDS),
        ToolCall("call_1", "look", '{"q": "\\u2028x"}', opaque=(MINE,)),
        ToolCall("call_2", "now", "{}"),
    )
    assert request.turns[2].blocks == (
        ToolResult("call_1", (Text("look"),), name="look"),
        ToolResult("call_2", (Text("now"),), name="now"),
    )


DECLARED = types.FunctionDeclaration(
    name="now",
    description="d",
    parameters=types.Schema(
        type=types.Type.OBJECT,
        properties={"a": types.Schema(type=types.Type.STRING, min_length=1)},
        required=["a"],
    ),
)


def decoded(path: str, body: bytes) -> Request:
    """As the gateway does it: the path's facts as headers."""
    target = urlsplit(path)
    model, _, verb = target.path.rpartition("/models/")[2].rpartition(":")
    headers = {":model": model}
    if verb == "streamGenerateContent":
        headers[":stream"] = "sse" if "alt=sse" in target.query else "array"
    return GEMINI.decode_request(body, headers)


def test_a_token_count() -> None:
    """T040."""
    asked: Asked = []
    with client(encode_count(31), asked=asked) as sdk:
        assert sdk.models.count_tokens(model=MODEL, contents="hi").total_tokens == 31
    request = decode_count_request(asked[0][1], {":model": MODEL})
    assert [block for turn in request.turns for block in turn.blocks] == [Text("hi")]


def test_a_refusal_and_a_blocked_prompt() -> None:
    refused: list[Event] = [Start(), BlockStart(0, "text"), TextDelta(0, "x"), BlockEnd(0), Finish("refusal")]
    (*_, last) = [answer for answer in chunks(refused) if answer.candidates]
    assert last.candidates is not None
    assert last.candidates[0].finish_reason == types.FinishReason.SAFETY
    blocked: list[Event] = [Start(), Finish("refusal", details=b'{"block_reason":"BLOCKLIST"}')]
    with client(GEMINI.encode_response(fold(blocked), ANSWER)) as sdk:
        found = sdk.models.generate_content(model=MODEL, contents="hi")
    assert found.prompt_feedback is not None
    assert found.prompt_feedback.block_reason == types.BlockedReason.BLOCKLIST


def test_a_stream_that_breaks_off_raises() -> None:
    """T082."""
    events = [*EVENTS[:8], Failed(GatewayError("overloaded", "the upstream is full"))]
    with (
        client(GEMINI.encoder(ANSWER).encode(events), media_type="text/event-stream") as sdk,
        pytest.raises(errors.ServerError, match="the upstream is full") as caught,
    ):
        list(sdk.models.generate_content_stream(model=MODEL, contents="hi"))
    assert (caught.value.code, caught.value.status) == (503, "UNAVAILABLE")


@pytest.mark.parametrize(
    ("error", "expected", "status"),
    [
        (GatewayError("bad_request", "no", param="contents"), errors.ClientError, "INVALID_ARGUMENT"),
        (GatewayError("authentication", "no"), errors.ClientError, "UNAUTHENTICATED"),
        (GatewayError("model_not_found", "no"), errors.ClientError, "NOT_FOUND"),
        (GatewayError("rate_limit", "no", retry_after=3), errors.ClientError, "RESOURCE_EXHAUSTED"),
        (GatewayError("login_expired", "no"), errors.ServerError, "UNAVAILABLE"),
    ],
)
def test_errors_are_the_sdks_own_classes(error: GatewayError, expected: type[errors.APIError], status: str) -> None:
    answer = GEMINI.encode_error(error, "req_1")
    with client(answer.body, answer.status) as sdk:
        with pytest.raises(expected) as whole:
            sdk.models.generate_content(model=MODEL, contents="hi")
        with pytest.raises(expected) as streaming:
            list(sdk.models.generate_content_stream(model=MODEL, contents="hi"))
    for caught in (whole.value, streaming.value):
        assert (caught.code, caught.status, caught.message) == (answer.status, status, "no")
