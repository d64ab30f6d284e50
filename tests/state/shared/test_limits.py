"""Limits in Redis (E4): decision by decision those of the local state machine, exact over gateways, never lost."""

import asyncio
import itertools
import logging
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aiclient2api import tasks
from aiclient2api.canonical.errors import GatewayError
from aiclient2api.state.limit_store import Hold, LocalLimits, admit
from aiclient2api.state.limits import Demand, Level, Limits, Refusal, Reservation, Spent
from aiclient2api.state.shared.limits import RedisLimits
from aiclient2api.state.shared.line import Dialer
from aiclient2api.state.shared.link import Link
from tests.gateway.rig import eventually
from tests.redis_server import RedisServer
from tests.state.test_limits import MIDNIGHT, all_limits, steps

NOW = 1_728_000_000.0
HUNDRED = Limits(requests_per_day=100, tokens_per_minute=100_000)
_numbers = itertools.count()


def linked(server: RedisServer, own_clock: bool = False) -> tuple[Link, RedisLimits]:
    link = Link(Dialer(server.url))
    return link, RedisLimits(link, own_clock=own_clock)


@asynccontextmanager
async def gateways(server: RedisServer, count: int) -> AsyncIterator[list[tuple[Link, RedisLimits]]]:
    made = [linked(server) for _ in range(count)]
    for link, _ in made:
        await link.ready()
    try:
        yield made
    finally:
        for link, _ in made:
            await link.close()


# --- the same rules


class Both:
    """Each step in memory and in Redis, with the same clock; what comes out must be the same."""

    def __init__(self, shared: RedisLimits) -> None:
        self.key = f"key-{next(_numbers)}"
        self.local = LocalLimits()
        self.shared = shared

    async def reserve(self, limits: Limits, demand: Demand, now: float) -> Reservation | Refusal:
        one = await self.local.reserve(self.key, limits, demand, now)
        two = await self.shared.reserve(self.key, limits, demand, now)
        assert type(one) is type(two)
        if isinstance(one, Reservation) and isinstance(two, Reservation):
            assert one.takes == two.takes
            assert levels(one.levels) == levels(two.levels)
        if isinstance(one, Refusal) and isinstance(two, Refusal):
            assert one[:3] == two[:3]
            assert two.wait == (None if one.wait is None else pytest.approx(one.wait, abs=2e-6))
        return one

    async def settle(self, reservation: Reservation, spent: Spent, limits: Limits, now: float) -> None:
        await self.local.settle(self.key, reservation.takes, spent, now)
        await self.shared.settle(self.key, reservation.takes, spent, now)
        one = await self.local.levels(self.key, limits, now)
        assert levels(one) == levels(await self.shared.levels(self.key, limits, now))


def levels(found: tuple[Level, ...]) -> list[tuple[str, int, int, object]]:
    return [(each.rule.name, each.limit, each.remaining, pytest.approx(each.reset, abs=2e-6)) for each in found]


@pytest.fixture
def both_runner(redis_server: RedisServer) -> Iterator[tuple[asyncio.Runner, RedisLimits]]:
    with asyncio.Runner() as runner:
        link, shared = linked(redis_server, own_clock=True)
        runner.run(link.ready())
        yield runner, shared
        assert link.up
        runner.run(link.close())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(all_limits, steps, st.booleans())
def test_any_order_of_steps_is_the_same_in_redis_at_random(
    both_runner: tuple[asyncio.Runner, RedisLimits],
    given_limits: Limits,
    story: list[tuple[str, float, int, int]],
    back: bool,
) -> None:
    """`back`: the clock is set back in the middle."""

    async def run() -> None:
        both, now = Both(both_runner[1]), float(MIDNIGHT) + 86_000
        open_: list[Reservation] = []
        for number, (kind, wait, first, second) in enumerate(story):
            now += -wait if back and number == len(story) // 2 else wait
            if kind == "reserve":
                found = await both.reserve(given_limits, Demand(first, second), now)
                if isinstance(found, Reservation):
                    open_.append(found)
            elif open_:
                spent = Spent(int(kind == "settle"), 0 if kind == "give back" else second)
                await both.settle(open_.pop(first % len(open_)), spent, given_limits, now)

    both_runner[0].run(run())


def test_large_numbers_and_none(both_runner: tuple[asyncio.Runner, RedisLimits]) -> None:
    async def run() -> None:
        both = Both(both_runner[1])
        large = Limits(tokens_per_day=2**52, tokens_per_minute=10**15 - 1)
        await both.reserve(large, Demand(10**14 + 1, 10**13 + 7), NOW)
        await both.reserve(large, Demand(0, 0), NOW)
        await both.reserve(Limits(requests_per_minute=1), Demand(5), NOW + 0.5)
        await both.reserve(Limits(requests_per_minute=1), Demand(5), NOW + 0.6)
        await both.reserve(Limits(tokens_per_minute=3), Demand(5), NOW + 0.7)

    both_runner[0].run(run())


@pytest.mark.parametrize(
    "damage",
    [
        ("SET", "aiclient2api:limits:a", "text"),
        ("HSET", "aiclient2api:limits:a", "requests_per_day:1", "x", "no such rule:5", "1", "x", "", "a:b:c", "-1"),
        ("HSET", "aiclient2api:limits:a", "requests_per_day:DAY", "-5", "tokens_per_minute:99", "1e999"),
        ("HSET", "aiclient2api:limits:a", "requests_per_day:DAY", "nan"),
        ("HSET", "aiclient2api:limits:a", "requests_per_day:DAY", "1.5"),
        ("HSET", "aiclient2api:limits:a", *(word for n in range(1200) for word in (f"requests_per_day:{n}", "1"))),
    ],
)
async def test_values_that_make_no_sense_count_for_nothing(redis_server: RedisServer, damage: tuple[str, ...]) -> None:
    async with gateways(redis_server, 1) as [(link, shared)]:
        day = str(int(float(redis_server.command("TIME").split(b"\r\n")[2]) // 86_400))
        redis_server.command(*(word.replace("DAY", day) for word in damage))
        found = await shared.reserve("a", HUNDRED, Demand(10, 10), time.time())
        assert isinstance(found, Reservation)
        assert [level.remaining for level in found.levels] == [99, 99_980]
        assert link.up


# --- over processes


async def flood(shared: RedisLimits, count: int, demand: Demand, key: str = "a") -> list[Hold]:
    """The requests of `count` that get in, each asked at once."""
    asked = (admit(shared, key, HUNDRED, demand, time.time()) for _ in range(count))
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert all(each.kind == "rate_limit" for each in found if isinstance(each, GatewayError))
    return [each for each in found if isinstance(each, Hold)]


async def flood_all(made: list[tuple[Link, RedisLimits]], count: int) -> list[Hold]:
    found = await asyncio.gather(*(flood(each, count, Demand(10)) for _, each in made))
    return [hold for holds in found for hold in holds]


async def test_exact_over_gateways(redis_server: RedisServer) -> None:
    async with gateways(redis_server, 3) as made:
        holds = await flood_all(made, 300)
        assert len(holds) == 100
        for hold in holds[:40]:
            await hold.give_back(time.time())
        for hold in holds[40:]:
            await hold.settle(5, time.time())
        again = await flood_all(made, 100)
        assert len(again) == 40
        assert [level.remaining for level in await made[0][1].levels("a", HUNDRED, time.time())] == [
            0,
            100_000 - 60 * 5 - 400,
        ]
        assert len(await flood(made[1][1], 5, Demand(10), "another key")) == 5


async def test_every_key_has_an_expiry(redis_server: RedisServer) -> None:
    async with gateways(redis_server, 1) as [(_, shared)]:
        (hold,) = await flood(shared, 1, Demand(10))
        await hold.settle(5, time.time())
        shared.remember([("b", 3, 5)], time.time())
        await shared.levels("b", HUNDRED, time.time())
    assert sorted(redis_server.keys()) == ["aiclient2api:epoch", "aiclient2api:limits:a", "aiclient2api:limits:b"]
    found = redis_server.keys()
    for key in found:
        assert 0 < int(redis_server.command("TTL", key)[1:]) <= 7 * 86_400


async def test_who_leaves_while_asking_keeps_nothing(redis_server: RedisServer) -> None:
    async with gateways(redis_server, 1) as [(_, shared)]:
        asking = [tasks.spawn(admit(shared, "a", HUNDRED, Demand(10), time.time()), "asking") for _ in range(20)]
        await asyncio.sleep(0)
        for each in asking:
            each.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        remaining = -1
        for _ in range(100):
            remaining = (await shared.levels("a", HUNDRED, time.time()))[0].remaining
            if remaining == 100:
                break
        assert remaining == 100


# --- without Redis


async def test_while_redis_is_away_each_goes_by_its_own_count_and_brings_it_back(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "aiclient2api")
    async with gateways(redis_server, 2) as made:
        (one, first), (two, second) = made
        assert len(await flood(first, 30, Demand(1))) == 30
        assert len(await flood(second, 20, Demand(1))) == 20
        redis_server.stop()
        assert len(await flood(first, 20, Demand(1))) == 20
        assert len(await flood(first, 100, Demand(1))) == 50, "its own 30 and 20 are known here"
        assert not one.up
        assert caplog.text.count("cannot be used") == 1
        redis_server.start()  # with nothing in it
        await eventually(lambda: one.up and two.up, 5)
        await asyncio.sleep(0.05)
        assert [level.remaining for level in await second.levels("a", HUNDRED, time.time())][:1] == [0]
        assert not await flood(second, 20, Demand(1))
        assert caplog.text.count("is back") == 1, "the other has not even noticed"


async def test_data_that_outlast_a_restart_are_not_counted_twice(redis_server: RedisServer) -> None:
    async with gateways(redis_server, 1) as [(link, shared)]:
        (kept, *others) = await flood(shared, 10, Demand(1))
        redis_server.command("SAVE")
        redis_server.stop()
        assert len(await flood(shared, 5, Demand(1))) == 5
        await kept.give_back(time.time())
        for each in others:
            await each.settle(1, time.time())
        assert not link.up
        redis_server.start()
        await eventually(lambda: link.up, 5)
        assert [level.remaining for level in await shared.levels("a", HUNDRED, time.time())] == [86, 99_986]


async def test_today_is_remembered_once(redis_server: RedisServer) -> None:
    async with gateways(redis_server, 2) as [(_, first), (_, second)]:
        now = float(redis_server.command("TIME").split(b"\r\n")[2])
        first.remember([("a", 30, 400)], now)
        second.remember([("a", 30, 400)], now)
        assert (await second.levels("a", HUNDRED, now))[0].remaining == 70
        assert len(await flood(first, 100, Demand(1))) == 70
