"""The official Python SDK as the judge: it must read our streams, whole answers and errors without trouble (T072)."""

from typing import Any

import msgspec
import openai
import pytest
from openai.types.responses import ResponseStreamEvent

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
    UsageUpdate,
)
from aiclient2api.canonical.request import Opaque
from aiclient2api.canonical.response import fold
from aiclient2api.canonical.usage import Usage
from aiclient2api.dialects.openai_responses import OPENAI_RESPONSES
from tests.dialects.canned import openai_client as client
from tests.dialects.openai_responses.samples import SEED, answer, call, encode, read, text, thinking

pytestmark = pytest.mark.e2e

USED = UsageUpdate(Usage(fresh=5, cache_read=7, output=3, reasoning=1))
PARALLEL: list[Event] = [
    BlockStart(2, "tool_call", "call_1", "look"),
    BlockStart(3, "tool_call", "call_2", "now"),
    ArgumentsDelta(2, '{"q":'),
    ArgumentsDelta(2, '"x"}'),
    BlockEnd(2),
    BlockEnd(3),
]
STREAMS: dict[str, list[Event]] = {
    "text": [Start("up"), *text(0, "Grüße ", "\u2028\U0001f600"), USED, Finish("end")],
    "nothing": [Start("up"), Finish("end")],
    "one call": [Start("up"), *call(0, '{"a', '":1}'), USED, Finish("tools")],
    "everything": [
        Start("up"),
        *thinking(0, "hm", "m", state=Opaque("anthropic", "signature", "sig")),
        BlockStart(1, "text"),
        TextDelta(1, "so: "),
        TextDelta(1, "yes"),
        Citation(1, "https://a.example", "A"),
        Citation(1, "https://b.example", "B"),
        BlockEnd(1),
        *PARALLEL,
        *text(4, "and"),
        *text(5, "then"),
        *call(6, "*** Begin Patch", id_="call_3", name="patch", custom=True),
        USED,
        Finish("tools"),
    ],
    "a call with state": [
        Start("up"),
        BlockStart(0, "tool_call", "call_1", "look"),
        OpaqueDelta(0, Opaque("gemini", "thought_signature", "c2ln")),
        ArgumentsDelta(0, "{}"),
        BlockEnd(0),
        Finish("tools"),
    ],
    "a refusal": [Start("up"), BlockStart(0, "refusal"), TextDelta(0, "no"), BlockEnd(0), Finish("refusal")],
    "redacted thinking": [
        Start("up"),
        *thinking(0, state=Opaque("anthropic", "redacted", "data")),
        *text(1, "ok"),
        Finish("end"),
    ],
}
REQUEST = read(
    tools=[
        {"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}, "strict": False},
        {"type": "custom", "name": "patch"},
        {"type": "namespace", "name": "ns", "description": "d", "tools": [{"type": "function", "name": "f"}]},
        {"type": "web_search"},
    ],
    reasoning={"effort": "low", "summary": "auto"},
    text={"verbosity": "low"},
)


def streamed(events: list[Event]) -> bytes:
    beat = OPENAI_RESPONSES.heartbeat
    return beat + encode(events, answer(REQUEST)) + beat


def raw_events(events: list[Event]) -> list[ResponseStreamEvent]:
    with client(200, streamed(events), "text/event-stream") as sdk:
        return list(sdk.responses.create(model="m", input="hi", stream=True))


def without_parsed(value: Any) -> Any:
    """The helper adds what it parsed; nothing else may differ."""
    if isinstance(value, dict):
        return {
            name: without_parsed(each) for name, each in value.items() if name not in ("parsed", "parsed_arguments")
        }
    return [without_parsed(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", STREAMS)
def test_the_strict_helper_ends_with_the_whole_answer(name: str) -> None:
    events = STREAMS[name]
    with client(200, streamed(events), "text/event-stream") as sdk:  # noqa: SIM117
        with sdk.responses.stream(model="m", input="hi") as run:
            seen = [event.type for event in run]
            final = run.get_final_response()
    body = OPENAI_RESPONSES.encode_response(fold(events), answer(REQUEST))
    with client(200, body, "application/json") as sdk:
        whole = sdk.responses.create(model="m", input="hi")
    assert without_parsed(final.to_dict()) == whole.to_dict()
    assert (seen[0], seen[-1]) == ("response.created", "response.completed")
    assert final.id == f"resp_{SEED}"
    assert final.model == "my-model"
    expected = "".join(e.text for e in events if isinstance(e, TextDelta)) if name != "a refusal" else ""
    assert final.output_text == whole.output_text == expected


@pytest.mark.parametrize("name", STREAMS)
def test_every_object_is_of_the_sdks_own_types(name: str) -> None:
    """Strict validation, which the SDK itself leaves out: unknown members and wrong types would show here."""
    for event in raw_events(STREAMS[name]):
        type(event).model_validate(event.to_dict(), strict=False)
    last = raw_events(STREAMS[name])[-1]
    assert last.type == "response.completed"
    known = {type(last.response).model_fields[field].alias or field for field in type(last.response).model_fields}
    assert set(last.response.to_dict()) <= known | {"store"}


def test_parallel_calls_and_usage_arrive_whole() -> None:
    last = raw_events(STREAMS["everything"])[-1]
    assert last.type == "response.completed"
    calls = [item for item in last.response.output if item.type == "function_call"]
    assert [(each.call_id, each.name, each.arguments) for each in calls] == [
        ("call_1", "look", '{"q":"x"}'),
        ("call_2", "now", "{}"),
    ]
    (patch,) = (item for item in last.response.output if item.type == "custom_tool_call")
    assert (patch.name, patch.input) == ("patch", "*** Begin Patch")
    usage = last.response.usage
    assert usage is not None
    assert (usage.input_tokens, usage.input_tokens_details.cached_tokens, usage.total_tokens) == (12, 7, 15)


def test_an_incomplete_answer_is_told_and_not_taken_for_complete() -> None:
    """T074: get_final_response raises, by design of the SDK."""
    events: list[Event] = [Start("up"), *text(0, "half"), *call(1, '{"a')[:-1], USED, Finish("length")]
    last = raw_events(events)[-1]
    assert last.type == "response.incomplete"
    assert last.response.incomplete_details is not None
    assert last.response.incomplete_details.reason == "max_output_tokens"
    assert last.response.output_text == "half"
    with client(200, streamed(events), "text/event-stream") as sdk:  # noqa: SIM117
        with sdk.responses.stream(model="m", input="hi") as run:
            assert [event.type for event in run][-1] == "response.incomplete"
            with pytest.raises(RuntimeError):
                run.get_final_response()


@pytest.mark.parametrize("shown", [0, 3])
def test_a_failure_raises_in_both_modes(shown: int) -> None:
    """T075, also where the gateway had sent nothing but a heartbeat."""
    events = [*STREAMS["text"][:shown], Failed(GatewayError("overloaded", "the upstream is full"))]
    seen: list[str] = []
    with client(200, streamed(events), "text/event-stream") as sdk:
        stream = sdk.responses.create(model="m", input="hi", stream=True)
        with pytest.raises(openai.APIError, match="the upstream is full") as caught:
            seen.extend(event.type for event in stream)
        with (
            sdk.responses.stream(model="m", input="hi") as run,
            pytest.raises(openai.APIError, match="the upstream is full"),
        ):
            seen.extend(event.type for event in run)
    assert caught.value.code == "server_is_overloaded"
    assert seen.count("response.failed") == 2


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (GatewayError("bad_request", "no", param="input[0]"), openai.BadRequestError),
        (GatewayError("authentication", "no"), openai.AuthenticationError),
        (GatewayError("model_not_found", "no"), openai.NotFoundError),
        (GatewayError("rate_limit", "no", retry_after=3), openai.RateLimitError),
        (GatewayError("login_expired", "no"), openai.InternalServerError),
    ],
)
def test_errors_are_the_sdks_own_classes(error: GatewayError, expected: type[openai.APIStatusError]) -> None:
    shown = OPENAI_RESPONSES.encode_error(error, "req_1")
    with (
        client(shown.status, shown.body, "application/json", *shown.headers) as sdk,
        pytest.raises(expected) as caught,
    ):
        sdk.responses.create(model="m", input="hi")
    assert caught.value.param == error.param


def test_what_the_sdk_sends_is_read() -> None:
    """Bodies as the SDK makes them from its typed arguments, and its own output given back as input."""
    with client(
        200, OPENAI_RESPONSES.encode_response(fold(STREAMS["everything"]), answer(REQUEST)), "application/json"
    ) as sdk:
        whole = sdk.responses.create(model="m", input="hi")
    replay = [item.to_dict() for item in whole.output]
    request = read(input=[{"role": "user", "content": "hi"}, *replay])
    blocks = request.turns[1].blocks
    expected = fold(STREAMS["everything"]).blocks
    assert blocks[:3] == expected[:3]
    assert blocks[3] == msgspec.structs.replace(expected[3], arguments="{}")
    assert blocks[4:] == expected[4:]
