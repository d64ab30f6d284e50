"""How late the event loop is (E2): what blocks it shows, and the timer ends with the gateway."""

import asyncio
import time

import pytest

from aiclient2api.observe.lag import LoopLag
from tests.http1.loops import LOOPS, run_on


@pytest.mark.parametrize("loop", LOOPS)
def test_what_blocks_the_loop_shows(loop: str) -> None:
    async def work() -> None:
        lag = LoopLag(0.01)
        lag.start()
        await asyncio.sleep(0.1)
        calm = lag.seen.spread()
        assert sum(calm.counts) > 2
        await asyncio.sleep(0.005)
        time.sleep(0.15)  # noqa: ASYNC251 - that is what is to be seen
        await asyncio.sleep(0.05)
        lag.stop()
        seen = lag.seen.spread()
        assert seen.sum - calm.sum > 0.1
        assert sum(seen.counts[lag.seen.bounds.index(0.1) :]) >= 1
        await asyncio.sleep(0.05)
        assert lag.seen.spread() == seen

    run_on(loop, work())


def test_one_that_never_began_can_be_stopped() -> None:
    LoopLag().stop()
