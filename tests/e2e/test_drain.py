"""SIGTERM to a real gateway with an open stream (D7): it may end, or gets an error event at the limit; exit code 0."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.e2e.process import Served, serving
from tests.gateway.answers import CHAT, FRONTS, asks, read
from tests.gateway.client import Call, ask, calling
from tests.gateway.rig import KEY, eventually, simulated
from tests.gateway.rig import serving as listening
from tests.gateway.upstreams import END, model_calls, pieces_then, text

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to be handled"),
]


@asynccontextmanager
async def streaming(folder: Path, front: str, gate: asyncio.Event, limit: int) -> AsyncIterator[tuple[Served, Call]]:
    """A gateway and an open stream whose first text has been read."""
    login = folder / "login.json"
    login.write_text(json.dumps(simulated().credential()), "utf-8")
    handler = model_calls(pieces_then([text("first")], gate, [text(" second"), END]))
    async with listening(handler) as upstream:
        settings = {
            "KIRO_OAUTH_CREDS_FILE_PATH": str(login),
            "KIRO_BASE_URL": upstream,
            "REQUIRED_API_KEY": KEY,
            "TIMEOUT_DRAIN": str(limit),
        }
        async with serving(folder, "serve", "--port", "0", **settings) as served:
            body = asks(front, stream=True)
            async with calling(served.base, "POST", front, {"x-api-key": KEY}, body) as call:
                await call.until(b"first")
                yield served, call


@pytest.mark.parametrize("front", FRONTS)
async def test_an_open_stream_may_end(tmp_path: Path, front: str) -> None:
    gate = asyncio.Event()
    async with streaming(tmp_path, front, gate, 20_000) as (served, call):
        served.send(signal.SIGTERM)
        await eventually(lambda: "stopping" in served.stderr, 3)
        with pytest.raises(OSError):
            await ask(served.base, "GET", "/health")
        gate.set()
        said = read(front, await call.whole())
        assert said.text == "first second"
        assert said.error is None
        assert await served.ended() == 0


@pytest.mark.parametrize("front", FRONTS)
async def test_at_the_limit_the_stream_ends_with_an_error_event(tmp_path: Path, front: str) -> None:
    async with streaming(tmp_path, front, asyncio.Event(), 150) as (served, call):
        served.send(signal.SIGTERM)
        said = read(front, await call.whole())
        assert said.text == "first"
        assert said.error is not None
        assert "shutting down" in said.error["message"]
        assert await served.ended() == 0


async def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    async with streaming(tmp_path, CHAT, asyncio.Event(), 60_000) as (served, _):
        served.send(signal.SIGTERM)
        await eventually(lambda: "stopping" in served.stderr, 3)
        served.send(signal.SIGTERM)
        assert await served.ended(2) == -signal.SIGTERM


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_an_idle_gateway_stops_at_once(tmp_path: Path, number: signal.Signals) -> None:
    async with serving(tmp_path, "--port", "0") as served:
        assert (await ask(served.base, "GET", "/readyz")).status == 200
        served.send(number)
        assert await served.ended() == 0
