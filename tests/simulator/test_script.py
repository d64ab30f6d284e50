"""Scripted faults: which request they hit and what the client sees."""

import asyncio
import json
from typing import Any

import pytest

from aiclient2api.simulator import Step, make_handler, parse
from aiclient2api.simulator.script import Failure, Script
from aiclient2api.wire.eventstream import EventStreamDecoder, EventStreamError
from aiclient2api.wire.jsonio import JsonError
from tests.simulator.fake import FakeExchange, ask_kiro, call, kiro_body, simulation

HEADERS = {"x-api-key": "simulated-k", "anthropic-version": "2023-06-01"}
CLAUDE = {"model": "claude-sonnet-5", "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}]}
CHAT = {"model": "gpt-5.1", "messages": [{"role": "user", "content": "hi"}], "stream": True}


def acting(script: Script, count: int) -> list[bool]:
    return [script.next("POST", "/a", "") is not None for _ in range(count)]


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ({}, [True, False, False]),
        ({"at": 2}, [False, True, False]),
        ({"times": 2}, [True, True, False]),
        ({"times": None}, [True, True, True]),
        ({"path": "/a*"}, [True, False, False]),
        ({"path": "/b"}, [False, False, False]),
        ({"method": "GET"}, [False, False, False]),
        ({"target": "Kiro*"}, [False, False, False]),
    ],
)
def test_which_request_is_hit(step: dict[str, Any], expected: list[bool]) -> None:
    steps = parse(json.dumps([step | {"status": 500}]).encode())
    assert acting(Script(steps), 3) == expected


def test_steps_count_by_themselves() -> None:
    script = Script(parse(b'[{"status":500},{"status":503,"at":2}]'))
    assert [step.status if (step := script.next("GET", "/", "")) else None for _ in range(3)] == [500, 503, None]
    script.add(Step(status=418))
    assert script.next("GET", "/", "") == Step(status=418)


@pytest.mark.parametrize(
    "text", ["{}", "[1]", '[{"unknown":1}]', '[{"status":99}]', '[{"at":0}]', '[{"delay":-1}]', "["]
)
def test_wrong_scripts_are_refused(text: str) -> None:
    with pytest.raises(JsonError):
        parse(text.encode())


@pytest.mark.parametrize(
    ("step", "status", "headers", "body"),
    [
        ({"status": 503, "body": "down"}, 503, {"content-type": "text/plain"}, b"down"),
        ({"status": 500, "body": {"a": 1}}, 500, {"content-type": "application/json"}, b'{"a": 1}'),
        ({"retry_after": "7"}, 429, {"retry-after": "7"}, b""),
        ({"status": 502, "content_type": "text/html", "body": "<p>"}, 502, {"content-type": "text/html"}, b"<p>"),
        ({"status": 400, "headers": {"X-Amzn-ErrorType": "A"}}, 400, {"x-amzn-errortype": "A"}, b""),
    ],
)
def test_answers_in_place_of_the_upstreams(
    step: dict[str, Any], status: int, headers: dict[str, str], body: bytes
) -> None:
    simulated = simulation(*parse(json.dumps([step]).encode()))
    hit = ask_kiro(simulated, kiro_body())
    assert (hit.status, hit.answer) == (status, body)
    assert headers.items() <= hit.sent_headers.items()
    assert ask_kiro(simulated, kiro_body()).status == 200


def test_an_exception_in_mid_stream() -> None:
    failure = Failure(after=3, type="ThrottlingException", message="slow", reason="USER_REQUEST_RATE_EXCEEDED")
    events = ask_kiro(simulation(Step(exception=failure)), kiro_body()).events
    assert len(events) == 4
    assert events[-1] == ("ThrottlingException", {"message": "slow", "reason": "USER_REQUEST_RATE_EXCEEDED"})
    step = Step(exception=Failure(after=2, type="overloaded_error", message="busy"))
    events_of_claude = call(simulation(step), "POST", "/v1/messages", HEADERS, CLAUDE | {"stream": True}).sse
    assert events_of_claude[-1].event == "error"
    assert json.loads(events_of_claude[-1].data)["error"]["type"] == "overloaded_error"
    chunks = call(simulation(step), "POST", "/v1/chat/completions", {"authorization": "Bearer k"}, CHAT).sse
    assert json.loads(chunks[-1].data)["error"]["message"] == "busy"


def test_a_corrupt_frame() -> None:
    exchange = ask_kiro(simulation(Step(corrupt=2)), kiro_body())
    decoder = EventStreamDecoder()
    assert len(decoder.feed(b"".join(exchange.writes[:2]))) == 2
    with pytest.raises(EventStreamError):
        decoder.feed(exchange.writes[2])


@pytest.mark.parametrize("limit", [0, 1, 40, 400])
def test_a_cut(limit: int) -> None:
    whole = ask_kiro(simulation(), kiro_body()).answer
    exchange = ask_kiro(simulation(Step(cut_after=limit)), kiro_body())
    assert exchange.cut
    assert not exchange.finished
    assert exchange.answer == whole[:limit]


def test_a_reset_answers_nothing() -> None:
    exchange = ask_kiro(simulation(Step(reset=True)), kiro_body())
    assert exchange.cut
    assert not exchange.started


def test_a_whole_answer_can_be_cut_too() -> None:
    exchange = call(simulation(Step(cut_after=10)), "POST", "/v1/messages", HEADERS, CLAUDE)
    assert exchange.cut
    assert len(exchange.answer) == 10


def test_a_stall_lets_the_first_bytes_through() -> None:
    simulated = simulation(Step(stall_after=30, stall=600.0))
    credential = simulated.credential()
    exchange = FakeExchange(
        "POST",
        "/generateAssistantResponse",
        {"authorization": f"Bearer {credential['accessToken']}", "content-type": "application/json"},
        json.dumps(kiro_body() | {"profileArn": credential["profileArn"]}).encode(),
    )

    async def run() -> None:
        async with asyncio.timeout(0.05):
            await make_handler(simulated)(exchange)

    with pytest.raises(TimeoutError):
        asyncio.run(run())
    assert len(exchange.answer) == 30
    stalled = ask_kiro(simulation(Step(stall_after=30, stall=0.0)), kiro_body())
    assert stalled.events == ask_kiro(simulation(), kiro_body()).events


def test_a_wrong_content_type() -> None:
    exchange = ask_kiro(simulation(Step(content_type="text/html")), kiro_body())
    assert exchange.sent_headers["content-type"] == "text/html"


def test_tokens_expire_by_script() -> None:
    simulated = simulation(Step(expire_tokens=True, at=2))
    credential = simulated.credential()
    body = kiro_body() | {"profileArn": credential["profileArn"]}
    statuses = [ask_kiro(simulated, body, credential["accessToken"]).status for _ in range(2)]
    assert statuses == [200, 403]


def test_pace_and_delay() -> None:
    loop_times: list[float] = []

    async def run(step: Step) -> None:
        simulated = simulation(step)
        exchange = FakeExchange("POST", "/v1/messages", HEADERS, json.dumps(CLAUDE | {"stream": True}).encode())
        start = asyncio.get_running_loop().time()
        await make_handler(simulated)(exchange)
        loop_times.append(asyncio.get_running_loop().time() - start)

    asyncio.run(run(Step(delay=0.05)))
    asyncio.run(run(Step(pace=0.002)))
    assert all(elapsed >= 0.04 for elapsed in loop_times)
