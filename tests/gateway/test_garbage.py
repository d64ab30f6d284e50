"""Whatever a request has made goes with its end, not with the next collection of cycles: a body of megabytes that waits
for that is memory that grows (demand.md, C4 and P9). So of every API over every provider, also where the service or
the client fails: an error that is kept holds the frames that it came through, and they hold the request."""

import asyncio
import gc
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from aiclient2api.simulator import Step
from aiclient2api.simulator.script import Failure
from tests.gateway.rig import CLAUDE, KIRO, OPENAI, Rig, rig
from tests.pairs.fronts import FRONTS, Front

OURS = "aiclient2api."
ROUNDS = 5
MODELS = {
    KIRO: "claude-sonnet-5",
    CLAUDE: "claude-sonnet-5",
    OPENAI: "gpt-5.1",
    "openaiResponses-custom": "gpt-5.1",
    "gemini-custom": "gemini-2.5-pro",
}
WAYS = [
    (front, back, stream)
    for front in FRONTS.values()
    for back in MODELS
    for stream in ((False, True) if front.whole else (True,))
]
SETTINGS: dict[str, Any] = {
    "MODEL_PROVIDER": list(MODELS),
    "GEMINI_API_KEY": "canary-gemini-key-123456",
    "REQUEST_MAX_RETRIES": 1,
}


def question(front: Front, model: str, stream: bool) -> dict[str, Any]:
    said = [{"role": "user", "content": "Hello"}]
    if front.dialect.name == "gemini":
        return {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}
    if front.dialect.name == "openai_responses":
        return {"model": model, "input": said, "stream": stream, "store": False}
    limit = {"max_tokens": 50} if front.dialect.name == "anthropic" else {}
    return {"model": model, "messages": said, "stream": stream, **limit}


async def ask(running: Rig, front: Front, back: str, stream: bool) -> int:
    """The status of the answer."""
    body = question(front, MODELS[back], stream)
    target = front.target(back, MODELS[back], stream)
    return (await running.ask(target, body, headers=front.headers)).status


@pytest.fixture
def collecting() -> Iterator[None]:
    """No collection but the test's own, which keeps what it finds. What other tests have left is not looked through: in
    a process that has run thousands that takes seconds each time."""
    gc.collect()
    gc.freeze()
    gc.disable()
    yield
    gc.set_debug(0)
    gc.garbage.clear()
    gc.enable()
    gc.unfreeze()


def left() -> Counter[str]:
    """Types of ours in cycles that nobody else holds."""
    gc.set_debug(gc.DEBUG_SAVEALL)
    gc.collect()
    found = Counter(type(each).__qualname__ for each in gc.garbage if type(each).__module__.startswith(OURS))
    gc.set_debug(0)
    gc.garbage.clear()
    return found


async def test_a_request_leaves_no_cycles(tmp_path: Path, collecting: None) -> None:
    async with rig(tmp_path, **SETTINGS) as running:
        for front, back, stream in WAYS:  # the first time makes what stays
            assert await ask(running, front, back, stream) == 200
        left()
        for front, back, stream in WAYS:
            for _ in range(ROUNDS):
                await ask(running, front, back, stream)
            await asyncio.sleep(0.01)
            assert (found := left()).total() < ROUNDS, (front.name, back, stream, found)


FAULTS: dict[str, dict[str, Any]] = {
    "refuses": {"status": 500},
    "refuses the key": {"status": 401},
    "has too much to do": {"retry_after": "0"},
    "sends a page": {"status": 200, "content_type": "text/html", "body": msgspec.Raw(b'"<html>sign in</html>"')},
    "resets the connection": {"reset": True},
    "says nothing": {"delay": 60.0},
    "breaks off before any content": {"cut_after": 1},
    "breaks off in mid-answer": {"cut_after": 1000},
    "falls silent in mid-answer": {"stall_after": 1000},
    "tells of an error in mid-answer": {"exception": Failure(after=4)},
    "damages its answer": {"corrupt": 3},
}
WAITS: dict[str, Any] = {"TIMEOUT_HEAD": 100, "AXIOS_TIMEOUT": 100}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_request_that_the_service_fails_leaves_no_cycles(tmp_path: Path, fault: str, collecting: None) -> None:
    async with rig(tmp_path, **SETTINGS, **WAITS) as running:
        await asyncio.gather(*(ask(running, *way) for way in WAYS))
        running.simulation.script.add(Step(method="POST", times=None, **FAULTS[fault]))
        await asyncio.gather(*(ask(running, *way) for way in WAYS))
        left()
        await asyncio.gather(*(ask(running, *way) for way in WAYS))
        await asyncio.sleep(0.01)
        assert (found := left()).total() < ROUNDS, found


async def test_a_request_whose_service_is_away_leaves_no_cycles(tmp_path: Path, collecting: None) -> None:
    addresses = ("KIRO_BASE_URL", "CLAUDE_BASE_URL", "OPENAI_BASE_URL", "GEMINI_BASE_URL")
    away: dict[str, Any] = dict.fromkeys(addresses, "http://127.0.0.1:1")
    async with rig(tmp_path, **SETTINGS, **away) as running:
        for _ in range(2):
            left()
            statuses = await asyncio.gather(*(ask(running, *way) for way in WAYS))
            assert set(statuses) == {502}
        assert (found := left()).total() < ROUNDS, found


BROKEN = b'{"model": "claude-sonnet-5", "messages": ['


async def test_a_request_that_the_client_breaks_leaves_no_cycles(tmp_path: Path, collecting: None) -> None:
    """No JSON, no model, no key, no route; and clients that leave before and in the answer."""
    async with rig(tmp_path, pace=0.02, **SETTINGS) as running:
        await asyncio.gather(*(ask(running, *way) for way in WAYS))
        for number in range(2):
            left()
            for front, back, stream in WAYS:
                target = front.target(back, MODELS[back], stream)
                assert (await running.ask(target, BROKEN)).status == 400
                assert (await running.ask(target, b"{}", headers={"x-api-key": "wrong"})).status in (401, 429)
                unknown = front.target(back, "no-such-model", stream)
                assert (await running.ask(unknown, question(front, "no-such-model", stream))).status >= 400
                async with running.calling(target, question(front, MODELS[back], stream)) as call:
                    if number:
                        await call.head()
                    call.leave()
            await running.get("/nowhere")
            await asyncio.sleep(0.05)
        assert (found := left()).total() < ROUNDS, found


async def test_a_request_that_goes_to_others_leaves_no_cycles(tmp_path: Path, collecting: None) -> None:
    """From account to account, and from provider to provider."""
    accounts = [{"CLAUDE_API_KEY": f"canary-claude-key-{number}" * 2, "uuid": f"account-{number}"} for number in "abc"]
    (tmp_path / "pools.json").write_text(json.dumps({CLAUDE: {"accounts": accounts}}), "utf-8")
    others: dict[str, Any] = {"PROVIDER_POOLS_FILE_PATH": "pools.json", "providerFallbackChain": {CLAUDE: [KIRO]}}
    steps = Step(path="/v1/messages", times=None, status=500)
    ways = [way for way in WAYS if way[1] == CLAUDE]
    async with rig(tmp_path, steps, **SETTINGS, **others) as running:
        for _ in range(2):
            left()
            for way in ways:
                assert await ask(running, *way) == 200, way
            await asyncio.sleep(0.01)
        assert (found := left()).total() < ROUNDS, found
