"""P1, P2: a gateway's process is told to stop with many streams open, is killed, and starts again."""

import asyncio
import contextlib
import signal
import time
from pathlib import Path

import pytest

from tests.e2e.process import serving
from tests.faults.processes import LINUX, cpu_seconds
from tests.faults.rig import EVERYTHING, as_reply, call_of, environ_of, settings_for, whole
from tests.faults.stage import LAST, Script, Stage, chunk, head, played
from tests.gateway.client import Call
from tests.gateway.rig import eventually
from tests.pairs.backs import BACKS
from tests.pairs.fronts import FRONTS
from tests.pairs.world import KEY

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(not LINUX, reason="signals and /proc")]

STREAMS = 200
BACK = BACKS["claude-kiro-oauth"]
PIECES = [piece for piece in BACK.pieces(EVERYTHING.events) if piece]
SPLIT = next(at for at, piece in enumerate(PIECES) if b"I will" in piece) + 1
SCRIPT: Script = (
    ("send", head(BACK.kind) + b"".join(map(chunk, PIECES[:SPLIT]))),
    ("wait", "go on"),
    ("send", b"".join(map(chunk, PIECES[SPLIT:])) + LAST),
)
FORMS = list(FRONTS.values())


async def open_streams(stack: contextlib.AsyncExitStack, base: str) -> list[Call]:
    """Of all dialects by turns; each has begun."""
    calls = [await stack.enter_async_context(call_of(base, FORMS[at % len(FORMS)], BACK)) for at in range(STREAMS)]
    await asyncio.gather(*(call.until(b"I will") for call in calls))
    return calls


@pytest.mark.parametrize("limit", [20_000, 500])
async def test_p1_two_hundred_open_streams(tmp_path: Path, limit: int) -> None:
    """P1: SIGTERM with 200 streams open. Within the limit none is cut and all end well; at the limit each gets its
    dialect's error event. New connections are refused 100 ms later (not reset), and the exit code is 0."""
    async with Stage(lambda _: SCRIPT) as stage, contextlib.AsyncExitStack() as stack:
        settings = environ_of(settings_for(stage.url) | {"TIMEOUT_DRAIN": limit})
        served = await stack.enter_async_context(
            serving(tmp_path, "serve", "--port", "0", REQUIRED_API_KEY=KEY, **settings)
        )
        calls = await open_streams(stack, served.base)
        served.send(signal.SIGTERM)
        await eventually(lambda: "stopping" in served.stderr, 3)
        await asyncio.sleep(0.1)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", int(served.base.rpartition(":")[2]))
        if limit > 1000:
            stage.go("go on")
        for at, reply in enumerate(await asyncio.gather(*(call.whole() for call in calls))):
            front = FORMS[at % len(FORMS)]
            if limit > 1000:
                whole(front, as_reply(reply))
            else:
                assert not front.end(reply.body)
                assert "shutting down" in front.error(front.broken(reply.body))[1]
        assert await served.ended() == 0


async def test_p2_killed_and_started_again(tmp_path: Path) -> None:
    """P2: SIGKILL with streams open; the next start, in the same folders, serves within 2 s of its own CPU time."""
    async with Stage(lambda _: SCRIPT) as stage:
        settings = environ_of(settings_for(stage.url))
        arguments = ("serve", "--port", "0")
        async with (
            serving(tmp_path, *arguments, REQUIRED_API_KEY=KEY, **settings) as served,
            call_of(served.base, FORMS[0], BACK) as call,
        ):
            await call.until(b"I will")
            served.send(signal.SIGKILL)
            assert await served.ended() == -signal.SIGKILL
        stage.script = lambda _: (("send", played(BACK, PIECES)),)
        async with serving(tmp_path, *arguments, REQUIRED_API_KEY=KEY, **settings) as again:
            async with call_of(again.base, FORMS[0], BACK) as call:
                whole(FORMS[0], as_reply(await call.whole()))
            assert cpu_seconds(again.process.pid) <= 2.0
            began = time.monotonic()
            again.send(signal.SIGINT)
            assert await again.ended() == 0
            assert time.monotonic() - began <= 1.5
