"""The official Python SDK as the judge: it must read our streams, whole answers and errors without trouble (T065)."""

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

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
from aiclient2api.canonical.request import Opaque
from aiclient2api.canonical.response import fold
from aiclient2api.canonical.usage import Usage
from aiclient2api.dialects.base import Answer
from aiclient2api.dialects.openai_chat import OPENAI_CHAT
from tests.dialects.canned import openai_client as client

pytestmark = pytest.mark.e2e

ANSWER = Answer(seed="ab" * 16, created=1700000000, model="my-model", include_usage=True)
MESSAGES: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hi"}]
EVENTS: list[Event] = [
    Start("up", "up-model"),
    BlockStart(0, "thinking"),
    ThinkingDelta(0, "hm"),
    ThinkingDelta(0, "m"),
    BlockEnd(0),
    BlockStart(1, "text"),
    TextDelta(1, "Grüße "),
    TextDelta(1, "\u2028\U0001f600"),
    Citation(1, "https://a.example", "A"),
    Citation(1, "https://b.example", "B"),
    BlockEnd(1),
    BlockStart(2, "tool_call", "call_1", "look"),
    BlockStart(3, "tool_call", "call_2", "now"),
    ArgumentsDelta(2, '{"q":'),
    OpaqueDelta(2, Opaque("gemini", "thought_signature", "c2ln")),
    ArgumentsDelta(2, '"x"}'),
    BlockEnd(2),
    BlockEnd(3),
    UsageUpdate(Usage(fresh=5, cache_read=7, output=3, reasoning=1)),
    Finish("tools"),
]


def streamed(events: list[Event]) -> bytes:
    return OPENAI_CHAT.heartbeat + OPENAI_CHAT.encoder(ANSWER).encode(events)


def test_the_helper_adds_the_stream_up_to_the_whole_answer() -> None:
    with client(200, streamed(EVENTS), "text/event-stream") as sdk:  # noqa: SIM117
        with sdk.chat.completions.stream(model="m", messages=MESSAGES, stream_options={"include_usage": True}) as run:
            final = run.get_final_completion()
    with client(200, OPENAI_CHAT.encode_response(fold(EVENTS), ANSWER), "application/json") as sdk:
        whole = sdk.chat.completions.create(model="m", messages=MESSAGES)
    message = final.choices[0].message
    assert message.content == "Grüße \u2028\U0001f600"
    assert final.choices[0].finish_reason == whole.choices[0].finish_reason == "tool_calls"
    assert final.usage is not None
    assert final.usage == whole.usage
    assert (final.usage.prompt_tokens, final.usage.total_tokens) == (12, 15)
    assert whole.choices[0].message.tool_calls is not None
    expected = [call.to_dict() for call in whole.choices[0].message.tool_calls]
    assert message.tool_calls is not None
    for call, other in zip(message.tool_calls, expected, strict=True):
        found = call.to_dict()
        found.pop("index")
        assert isinstance(found["function"], dict)
        found["function"].pop("parsed_arguments", None)
        assert found == other
    assert message.to_dict()["reasoning_content"] == "hmm"
    assert message.annotations == whole.choices[0].message.annotations
    assert len(message.annotations or ()) == 2


def test_chunks_one_by_one() -> None:
    with client(200, streamed(EVENTS), "text/event-stream") as sdk:
        chunks = list(sdk.chat.completions.create(model="m", messages=MESSAGES, stream=True))
    assert {chunk.id for chunk in chunks} == {"chatcmpl-" + "ab" * 16}
    assert {chunk.model for chunk in chunks} == {"my-model"}
    assert chunks[-1].choices == []
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1]) == "Grüße \u2028\U0001f600"


def test_a_refusal() -> None:
    events: list[Event] = [Start(), BlockStart(0, "refusal"), TextDelta(0, "no"), BlockEnd(0), Finish("refusal")]
    with client(200, streamed(events), "text/event-stream") as sdk:  # noqa: SIM117
        with sdk.chat.completions.stream(model="m", messages=MESSAGES) as run:
            assert run.get_final_completion().choices[0].message.refusal == "no"


def test_a_stream_that_breaks_off_raises() -> None:
    events = [*EVENTS[:7], Failed(GatewayError("overloaded", "the upstream is full"))]
    with client(200, streamed(events), "text/event-stream") as sdk:
        stream = sdk.chat.completions.create(model="m", messages=MESSAGES, stream=True)
        with pytest.raises(openai.APIError, match="the upstream is full") as caught:
            list(stream)
    assert caught.value.code == "overloaded"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (GatewayError("bad_request", "no", param="messages"), openai.BadRequestError),
        (GatewayError("authentication", "no"), openai.AuthenticationError),
        (GatewayError("model_not_found", "no"), openai.NotFoundError),
        (GatewayError("rate_limit", "no", retry_after=3), openai.RateLimitError),
        (GatewayError("login_expired", "no"), openai.InternalServerError),
    ],
)
def test_errors_are_the_sdks_own_classes(error: GatewayError, expected: type[openai.APIStatusError]) -> None:
    answer = OPENAI_CHAT.encode_error(error, "req_1")
    with (
        client(answer.status, answer.body, "application/json", *answer.headers) as sdk,
        pytest.raises(expected) as caught,
    ):
        sdk.chat.completions.create(model="m", messages=MESSAGES)
    assert caught.value.param == error.param
