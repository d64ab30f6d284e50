"""P11: one request of 20 MiB and 2,000 messages while others stream: what it adds to their waits stays small."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from aiclient2api.tasks import spawn, stop
from tests.faults.rig import gate
from tests.faults.stage import Stage, played
from tests.gateway.client import calling
from tests.pairs.answers import Vector, answer, prose
from tests.pairs.backs import BACKS, Back
from tests.pairs.fronts import FRONTS, Front
from tests.pairs.world import KEY

MESSAGES, SIZE = 2000, 20 * 1024 * 1024
TICK = 0.002
ADDED = 0.05
TRIES = 5
HELLO = Vector("hello", answer(prose(0, "Hello."), reason="end"))


def large(front: Front, model: str) -> bytes:
    roles = ("user", "assistant")
    text = "word " * (SIZE // MESSAGES // 5)
    messages = [{"role": roles[n % 2], "content": [{"type": "text", "text": text}]} for n in range(MESSAGES)]
    asked = {
        "model": model,
        "max_tokens": 9,
        "stream": True,
        "messages": [*messages, {"role": "user", "content": "Go on."}],
    }
    return json.dumps(asked).encode()


class Ticks:
    """How late a timer of the loop rings that all streams share."""

    def __init__(self) -> None:
        self.late: list[float] = []

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + TICK
        while True:
            await asyncio.sleep(max(0.0, due - loop.time()))
            now = loop.time()
            while due <= now:  # a stream has a piece due every tick, also while nothing runs
                self.late.append(now - due)
                due += TICK

    def p99(self) -> float:
        return sorted(self.late)[int(len(self.late) * 0.99)]


async def lag(base: str, front: Front, back: Back, body: bytes) -> tuple[float, float, int]:
    """The p99 of lateness before and during the request, and how it was answered."""
    quiet, busy = Ticks(), Ticks()
    async with running(quiet):
        await asyncio.sleep(0.3)
    headers = {"authorization": f"Bearer {KEY}", **front.headers}
    target = front.target(back.name, back.model, True)
    async with running(busy), calling(base, "POST", target, headers, body) as call:
        reply = await call.whole()
    return quiet.p99(), busy.p99(), reply.status


@asynccontextmanager
async def running(ticks: Ticks) -> AsyncIterator[None]:
    task = spawn(ticks.run(), "ticks")
    try:
        yield
    finally:
        await stop(task)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("back", BACKS.values(), ids=BACKS)
async def test_p11_a_large_request_beside_streams(tmp_path: Path, back: Back) -> None:
    """At most 50 ms more at the 99th percentile. (The best of some tries: the machine has other work.)"""
    front = FRONTS["anthropic"]
    body = large(front, back.model)
    hello = played(back, back.pieces(HELLO.events))
    async with Stage(lambda _: (("send", hello),)) as stage, gate(tmp_path, stage.url) as here:
        added: list[float] = []
        while not added or (added[-1] > ADDED and len(added) < TRIES):
            before, during, status = await lag(here.base, front, back, body)
            assert status == 200
            added.append(during - before)
    assert min(added) <= ADDED, added
