"""Whatever a request has made goes with its end, not with the next collection of cycles: a body of megabytes that waits
for that is memory that grows (demand.md, C4 and P9)."""

import asyncio
import gc
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.rig import CLAUDE, KIRO, OPENAI, rig

OURS = "aiclient2api."
ROUNDS = 5
WAYS = [
    (f"/{back}{route}", stream)
    for back in (KIRO, CLAUDE, OPENAI)
    for route in ("/v1/chat/completions", "/v1/messages", "/v1/responses")
    for stream in (False, True)
]


def question(route: str, stream: bool) -> dict[str, Any]:
    asked = "input" if route.endswith("/responses") else "messages"
    model = "gpt-4o" if route.startswith(f"/{OPENAI}") else "claude-sonnet-4-5"
    return {"model": model, "max_tokens": 50, asked: [{"role": "user", "content": "Hello"}], "stream": stream}


@pytest.fixture
def collecting() -> Iterator[None]:
    """No collection but the test's own, which keeps what it finds."""
    gc.collect()
    gc.disable()
    yield
    gc.set_debug(0)
    gc.garbage.clear()
    gc.enable()


def left() -> Counter[str]:
    """Types of ours in cycles that nobody else holds."""
    gc.set_debug(gc.DEBUG_SAVEALL)
    gc.collect()
    found = Counter(type(each).__qualname__ for each in gc.garbage if type(each).__module__.startswith(OURS))
    gc.set_debug(0)
    gc.garbage.clear()
    return found


async def test_a_request_leaves_no_cycles(tmp_path: Path, collecting: None) -> None:
    async with rig(tmp_path) as running:
        for route, stream in WAYS:  # the first time makes what stays
            assert (await running.ask(route, question(route, stream))).status == 200
        left()
        for route, stream in WAYS:
            for _ in range(ROUNDS):
                await running.ask(route, question(route, stream))
            await asyncio.sleep(0.01)
            assert sum(left().values()) < ROUNDS, (route, stream)
