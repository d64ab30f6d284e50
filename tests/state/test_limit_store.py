"""Many requests at once on one store: as many get in as the limit says, and what is given back is there again."""

import asyncio
import random

import pytest

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.state.limit_store import Hold, LocalLimits, admit
from aiclient2api.state.limits import Demand, Limits

NOW = 1_728_000_000.0
TEN = Limits(requests_per_minute=10, tokens_per_day=10_000)


async def at_once(store: LocalLimits, key: str, count: int, demand: Demand) -> list[Hold]:
    """The requests of `count` that get in."""
    found = await asyncio.gather(*(admit(store, key, TEN, demand, NOW) for _ in range(count)), return_exceptions=True)
    refused = [each for each in found if isinstance(each, BaseException)]
    assert all(isinstance(each, GatewayError) and each.kind == "rate_limit" for each in refused)
    return [each for each in found if isinstance(each, Hold)]


def test_exactly_the_limit_gets_in() -> None:
    async def story() -> None:
        store = LocalLimits()
        holds = await at_once(store, "a", 200, Demand(1))
        assert len(holds) == 10
        assert len(await at_once(store, "b", 200, Demand(5000))) == 2  # another key, its tokens are the bound
        for hold in holds[:4]:
            await hold.give_back(NOW)
        for hold in holds[4:]:
            await hold.settle(1, NOW)
        assert len(await at_once(store, "a", 200, Demand(1))) == 4

    asyncio.run(story())


def test_a_hold_is_settled_once() -> None:
    async def story() -> None:
        store = LocalLimits()
        hold = await admit(store, "a", TEN, Demand(100, 900), NOW)
        assert [level.remaining for level in hold.levels] == [9, 9000]
        await hold.settle(300, NOW)
        await hold.give_back(NOW)
        await hold.settle(5000, NOW)
        assert [level.remaining for level in await store.levels("a", TEN, NOW)] == [9, 9700]

    asyncio.run(story())


def test_a_thousand_requests_that_overlap_at_random() -> None:
    """At every moment what is held and what was spent is within the limits; in the end the numbers are exact."""
    dice = random.Random(7)
    daily = Limits(tokens_per_day=100_000)

    async def story() -> None:
        store = LocalLimits()
        running: list[tuple[Hold, int]] = []
        spent = turned_away = 0
        for _ in range(1000):
            if running and dice.random() < 0.5:
                hold, size = running.pop(dice.randrange(len(running)))
                real = dice.randint(0, size)
                spent += real
                await hold.settle(real, NOW)
            size = dice.randint(1, 2000)
            fits = spent + sum(size for _, size in running) + size <= 100_000
            if fits:
                running.append((await admit(store, "a", daily, Demand(size), NOW), size))
            else:
                turned_away += 1
                with pytest.raises(GatewayError, match="tokens per day is reached"):
                    await admit(store, "a", daily, Demand(size), NOW)
            level = (await store.levels("a", daily, NOW))[0]
            assert level.remaining == 100_000 - spent - sum(size for _, size in running) >= 0
        assert turned_away > 50
        for hold, _ in running:
            await hold.give_back(NOW)
        assert (await store.levels("a", daily, NOW))[0].remaining == 100_000 - spent

    asyncio.run(story())


def test_today_is_remembered_after_a_restart() -> None:
    async def story() -> None:
        store = LocalLimits()
        store.remember([("a", 3, 9990), ("b", 1, 5)], NOW)
        assert [level.remaining for level in await store.levels("a", TEN, NOW)] == [10, 10]
        with pytest.raises(GatewayError, match=r"10,000 tokens per day is reached\. Try again in 24 h"):
            await admit(store, "a", TEN, Demand(11), NOW)

    asyncio.run(story())
