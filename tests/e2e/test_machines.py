"""Two gateways of two workers behind nginx with least_conn, one shared pool and key (E4): limits, refreshes, sessions;
a gateway that is killed; a Redis that comes and goes under load."""

import asyncio
import socket
import time
from collections import Counter
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import h11
import pytest

from aiclient2api.simulator import Simulation, make_handler
from aiclient2api.state.limits import Limits
from aiclient2api.tasks import spawn, stop
from tests.e2e.machines import ACCOUNTS, CHAT, Machines, answerer, machines
from tests.gateway.answers import asks, read
from tests.gateway.client import Call, Reply, calling
from tests.gateway.rig import eventually
from tests.gateway.upstreams import END, model_calls, pieces_then, text
from tests.redis_server import RedisServer

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.skipif(not hasattr(socket, "SO_REUSEPORT"), reason="this system cannot share a port"),
]

WIDE = Limits(requests_per_minute=1_000_000)


def run(story: Coroutine[Any, Any, None]) -> None:
    """Longer than other tests may take: four processes start."""

    async def bounded() -> None:
        async with asyncio.timeout(150):
            await story
        for _ in range(20):  # closing takes some rounds of the loop
            await asyncio.sleep(0)

    asyncio.run(bounded())


def simulation() -> Simulation:
    """Refresh tokens are good for once."""
    return Simulation(seed="machines", clock=time.time, pace=0.0, rotate=True, keep=10_000)


async def ask_many(running: Machines, count: int, at_once: int = 24, prefix: str = "question") -> list[Reply]:
    """Each a talk of its own."""
    gate = asyncio.Semaphore(at_once)

    async def one(number: int) -> Reply:
        async with gate:
            return await running.ask(asks(CHAT, f"{prefix} {number}"))

    return await asyncio.gather(*(one(number) for number in range(count)))


def test_limits_refreshes_and_sessions_are_one(tmp_path: Path, redis_server: RedisServer) -> None:
    async def story() -> None:
        services = simulation()
        limits = Limits(requests_per_day=200)
        async with machines(tmp_path, services, make_handler(services), redis_server, limits) as running:
            services.expire_tokens()
            replies = await ask_many(running, 60)
            assert Counter(reply.status for reply in replies) == {200: 60}
            assert len({answerer(reply) for reply in replies}) == 2, "both gateways serve"
            assert services.counts["refresh"] == ACCOUNTS, "one for each login"

            homes = Counter[str]()
            for number in range(6):
                talk = asks(CHAT, f"the beginning of talk {number}")
                accounts, gateways = set(), set()
                for _ in range(8):
                    reply = await running.ask(talk)
                    accounts.add(reply.headers["x-aiclient-account"])
                    gateways.add(answerer(reply))
                    talk["messages"] += [{"role": "assistant", "content": "Yes."}, {"role": "user", "content": "And?"}]
                assert len(accounts) == 1, "a talk stays with its account"
                assert len(gateways) == 2, "whoever is asked"
                homes.update(accounts)
            assert len(homes) > 1

            replies = await ask_many(running, 250, prefix="more")
            admitted = 60 + 48 + sum(reply.status == 200 for reply in replies)
            assert {reply.status for reply in replies} == {200, 429}
            assert abs(admitted - 200) <= 2, "within one per cent"

    run(story())


def test_a_gateway_that_is_killed_takes_only_its_own_streams(tmp_path: Path, redis_server: RedisServer) -> None:
    async def story() -> None:
        services, gate = simulation(), asyncio.Event()
        handler = model_calls(pieces_then([text("first")], gate, [text(" second"), END]))
        async with (
            machines(tmp_path, services, handler, redis_server, WIDE) as running,
            AsyncExitStack() as stack,
        ):
            body = asks(CHAT, "a long talk", stream=True)
            headers = {"x-api-key": running.key}
            calls = [
                await stack.enter_async_context(calling(running.base, "POST", CHAT, headers, body)) for _ in range(12)
            ]
            await asyncio.gather(*(call.until(b"first") for call in calls))
            dead, living = (each.base.removeprefix("http://") for each in running.gateways)
            running.kill(0)
            gate.set()
            new = await ask_many(running, 20)
            assert [read(CHAT, reply).text for reply in new] == ["first second"] * 20
            assert {answerer(reply) for reply in new} == {living}
            ends = {(call.headers["x-gateway"], await whole(call)) for call in calls}
            assert ends == {(dead, False), (living, True)}

    run(story())


async def whole(call: Call) -> bool:
    """Whether the stream came to its end."""
    try:
        reply = await call.whole()
    except (h11.RemoteProtocolError, ConnectionError):
        return False
    return read(CHAT, reply).text == "first second"


def test_redis_comes_and_goes_under_load(tmp_path: Path, redis_server: RedisServer) -> None:
    """No request fails, and none waits for it."""

    async def story() -> None:
        services = simulation()
        slowest, asked = 0.0, Counter[str]()

        async def keep_asking(running: Machines, number: int) -> None:
            nonlocal slowest
            for turn in range(1_000_000):
                began = time.monotonic()
                reply = await running.ask(asks(CHAT, f"talk {number} {turn % 10}", stream=turn % 2 == 0))
                read(CHAT, reply)
                slowest = max(slowest, time.monotonic() - began)
                asked[phase] += 1

        async with machines(tmp_path, services, make_handler(services), redis_server, WIDE) as running:
            phase = "with"
            load = [spawn(keep_asking(running, number), f"load {number}") for number in range(8)]
            await asyncio.sleep(1)
            redis_server.stop()
            phase = "without"
            await asyncio.sleep(2)
            redis_server.start()
            await eventually(lambda: running.logged("is back") == 4, 10)
            phase = "with again"
            services.expire_tokens()
            await eventually(lambda: services.counts["refresh"] >= ACCOUNTS, 20)
            await asyncio.sleep(1)
            assert not any(each.done() for each in load), [each.exception() for each in load if each.done()]
            await stop(*load)
            assert all(asked[each] > 5 for each in ("with", "without", "with again")), asked
            assert running.logged("cannot be used") == 4, "each worker says it once"
            assert services.counts["refresh"] == ACCOUNTS
            assert slowest < 10

    run(story())
