"""C1, C4, C10, P10: many clients that are slow, do not read, or only hold a connection, against a gateway's process."""

import asyncio
import contextlib
import statistics
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from aiclient2api.gateway import assembly
from aiclient2api.http1.messages import Limits
from tests.e2e.process import Served, serving
from tests.faults.processes import LINUX, cpu_seconds, descriptors, forget_peak, size_and_peak
from tests.faults.rig import EVERYTHING, Gate, as_reply, call_of, environ_of, gate, settings_for, whole
from tests.faults.stage import LAST, Script, Stage, chunk, head, played
from tests.gateway.rig import eventually
from tests.gateway.upstreams import text
from tests.pairs.answers import answer, prose
from tests.pairs.backs import BACKS, Back
from tests.pairs.fronts import FRONTS, Front
from tests.pairs.world import KEY

pytestmark = pytest.mark.skipif(not LINUX, reason="figures of processes are read from /proc")

BACK = BACKS["claude-kiro-oauth"]
FRONT = FRONTS["anthropic"]
ANSWER = played(BACK, BACK.pieces(EVERYTHING.events))


@asynccontextmanager
async def process(folder: Path, stage: Stage, **settings: Any) -> AsyncIterator[Served]:
    environ = environ_of(settings_for(stage.url) | settings)
    async with serving(folder, "serve", "--port", "0", REQUIRED_API_KEY=KEY, **environ) as served:
        await good(served.base)
        yield served


async def good(base: str) -> float:
    """The time that a good answer takes."""
    began = time.monotonic()
    async with call_of(base, FRONT, BACK) as call:
        whole(FRONT, as_reply(await call.whole()))
    return time.monotonic() - began


async def opened(base: str, count: int, data: bytes = b"") -> list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    found = []
    port = int(base.rpartition(":")[2])
    for _ in range(count):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        if data:
            writer.write(data)
        found.append((reader, writer))
    return found


async def drip(wires: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]], interval: float) -> None:
    while True:
        for _, writer in wires:
            if not writer.is_closing():
                writer.write(b"x")
        await asyncio.sleep(interval)


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


async def test_c1_slow_heads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """C1: 500 connections that send their head byte by byte are closed at the deadline (at most 15 s; asserted of what
    the gateway is built with, and shortened here), whatever they send; beside them normal requests take no longer than
    twice what they took before (medians and the 95th percentile with 20 ms of grace, since the machine is shared)."""
    assert Limits().head_seconds <= 15
    deadline = 2.0
    monkeypatch.setattr(assembly, "Limits", partial(Limits, head_seconds=deadline))
    async with Stage(lambda _: (("send", ANSWER),)) as stage, gate(tmp_path, stage.url) as running:
        await good(running.base)
        before = [await good(running.base) for _ in range(30)]
        wires = await opened(running.base, 500, b"POST /v1/mess")
        began = time.monotonic()
        slow = asyncio.gather(drip(wires, 0.4), return_exceptions=True)
        beside = []
        while time.monotonic() - began < deadline * 0.7:
            beside.append(await good(running.base))
            await asyncio.sleep(0.02)
        closed = await asyncio.gather(*(_end(reader) for reader, _ in wires))
        slow.cancel()
        assert max(closed) - began <= deadline * 1.5
        for _, writer in wires:
            writer.close()
        with contextlib.suppress(asyncio.CancelledError):
            await slow
        assert statistics.median(beside) <= 2 * statistics.median(before) + 0.02
        assert percentile(beside, 0.95) <= 2 * percentile(before, 0.95) + 0.02
        sys.stdout.write(f"C1: {_ms(before)} before, {_ms(beside)} beside 500 slow heads\n")


def _ms(values: list[float]) -> str:
    return f"p50 {statistics.median(values) * 1000:.1f} ms, p95 {percentile(values, 0.95) * 1000:.1f} ms"


async def _end(reader: asyncio.StreamReader) -> float:
    with contextlib.suppress(ConnectionError):
        while await asyncio.wait_for(reader.read(4096), 20):
            pass
    return time.monotonic()


PIECE = text("x" * 60_000)
STREAMS = 50
FLOOD = 800

SLOW = [
    *((FRONT, BACKS[name]) for name in BACKS if name != "gemini-cli-oauth"),
    *((FRONTS[name], BACKS["openai-custom"]) for name in ("openai_chat", "gemini")),
    (FRONTS["openai_chat"], BACKS["claude-custom"]),
]
"""Every decoder, two dialects passed through, and every encoder but that of Responses, which has to repeat all text at
the end (README.md)."""


def flood(back: Back) -> Script:
    """48 MB of text, as fast as they are taken: the sockets between take some 12 of it."""
    pieces = back.pieces([*answer(prose(0, *["x" * 60_000] * 5))])
    first = next(number for number, piece in enumerate(pieces) if b"x" * 60_000 in piece)
    begun, more = b"".join(map(chunk, pieces[: first + 1])), chunk(pieces[first + 1])
    return (("send", head(back.kind) + begun), ("pour", more, FLOOD), ("send", LAST))


@pytest.mark.parametrize(("front", "back"), SLOW, ids=lambda each: each.name)
async def test_c4_slow_readers(tmp_path: Path, front: Front, back: Back) -> None:
    """C4: 50 clients that do not read, against a service that sends 48 MB to each as fast as it can, passed through and
    over every codec: 32 MiB at most are held for all, and others are served as before."""
    script: Script = (("send", ANSWER),)
    async with Stage(lambda _: script) as stage, process(tmp_path, stage) as served:
        script = flood(back)
        async with contextlib.AsyncExitStack() as stack:
            calls = [await stack.enter_async_context(call_of(served.base, front, back)) for _ in range(2)]
            await asyncio.gather(*(call.head() for call in calls))
            before = size_and_peak(served.process.pid)[0]
            forget_peak(served.process.pid)
            calls += [await stack.enter_async_context(call_of(served.base, front, back)) for _ in range(STREAMS)]
            await asyncio.gather(*(call.head() for call in calls))
            poured = -1
            while poured != stage.poured:  # until nothing moves any more
                poured = stage.poured
                await asyncio.sleep(0.3)
            script = (("send", ANSWER),)
            times = [await good(served.base) for _ in range(20)]
            grown = size_and_peak(served.process.pid)[1] - before
            told = f"{poured >> 20} MiB taken, {grown:.1f} MiB held for {STREAMS} that do not read; others {_ms(times)}"
            sys.stdout.write(f"C4: {front.name} over {back.name}: {told}\n")
            for call in calls:
                call.leave()
        assert poured < STREAMS * FLOOD * len(PIECE) / 2
        assert statistics.median(times) <= 0.1
        assert grown <= 32


async def test_c4_a_reader_that_never_reads_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """C4: the send deadline ends the stream, and with it the call to the service."""
    monkeypatch.setattr(assembly, "Limits", partial(Limits, send_seconds=0.3))
    script: Script = (("send", head(BACK.kind)), ("pour", chunk(PIECE), 400), ("stall",))
    async with Stage(lambda _: script) as stage, gate(tmp_path, stage.url) as running:
        async with running.calling(FRONT, BACK) as call:
            await call.head()
            await _let_go(running, 3.0)
        assert stage.poured < 400 * len(PIECE)


async def _let_go(running: Gate, seconds: float) -> None:
    await eventually(lambda: not running.gateway.server.active, seconds)


CONNECTIONS = 4000


async def test_c10_idle_connections(tmp_path: Path) -> None:
    """C10: idle keep-alive connections, as many as a test can hold of the 10,000 that the gateway takes: at most 30 KiB
    each, and a new request takes 50 ms at the 99th percentile (100 ms are asserted: the machine is shared)."""
    assert Limits().connections >= 10_000
    request = f"GET /health HTTP/1.1\r\nhost: localhost\r\nx-api-key: {KEY}\r\n\r\n".encode()
    async with Stage(lambda _: (("send", ANSWER),)) as stage, process(tmp_path, stage) as served:
        before = size_and_peak(served.process.pid)[0]
        wires = await opened(served.base, CONNECTIONS, request)
        for reader, _ in wires[-20:]:
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        each = (size_and_peak(served.process.pid)[0] - before) * 1024 / CONNECTIONS
        times = [await good(served.base) for _ in range(50)]
        assert descriptors(served.process.pid) >= CONNECTIONS
        for _, writer in wires:
            writer.transport.abort()
        sys.stdout.write(f"C10: {each:.1f} KiB for each of {CONNECTIONS}; new requests {_ms(times)}\n")
        assert each <= 30
        assert percentile(times, 0.99) <= 0.1


async def test_p10_few_descriptors(tmp_path: Path) -> None:
    """P10: with 256 descriptors, connections over what they allow are told 503 or closed; there is no crash and no busy
    loop, and when they have gone the gateway serves as before."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with Stage(lambda _: (("send", ANSWER),)) as stage, contextlib.AsyncExitStack() as stack:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
        try:
            served = await stack.enter_async_context(process(tmp_path, stage))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        start = descriptors(served.process.pid)
        wires = await opened(served.base, 400)
        await asyncio.sleep(0.2)
        used = cpu_seconds(served.process.pid)
        await asyncio.sleep(0.5)
        assert cpu_seconds(served.process.pid) - used <= 0.1
        told = await asyncio.gather(*(_soon(reader) for reader, _ in wires))
        assert any(b" 503 " in each for each in told)
        for _, writer in wires:
            writer.transport.abort()
        ledger = 3  # files, opened with the first row or the first look for old ones
        await eventually(lambda: descriptors(served.process.pid) <= start + ledger + 2, 10)
        await good(served.base)
        assert served.process.returncode is None


async def _soon(reader: asyncio.StreamReader) -> bytes:
    """What has come so far."""
    with contextlib.suppress(TimeoutError, ConnectionError):
        return await asyncio.wait_for(reader.read(1024), 0.2)
    return b""
