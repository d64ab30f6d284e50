"""Runs a test's coroutine on asyncio's loop and on uvloop's, and fails on anything that is left behind."""

import asyncio
import importlib.util
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

LOOPS = ["asyncio"] + (["uvloop"] if importlib.util.find_spec("uvloop") else [])
Run = Callable[[Coroutine[Any, Any, None]], None]

both_loops = pytest.mark.parametrize("run", LOOPS, indirect=True)


def run_on(name: str, work: Coroutine[Any, Any, None], seconds: float = 20) -> None:
    """Raises what `work` raises; also fails if tasks are left, the loop has reported an error, or it takes longer."""
    factory = asyncio.new_event_loop
    if name == "uvloop":
        import uvloop

        factory = uvloop.new_event_loop
    run_with(factory, work, seconds)


def run_with(
    factory: Callable[[], asyncio.AbstractEventLoop], work: Coroutine[Any, Any, None], seconds: float = 20
) -> None:
    """The same on a loop of the test's own making."""
    reports: list[dict[str, Any]] = []

    async def watched() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: reports.append(context))
        before = asyncio.all_tasks()
        async with asyncio.timeout(seconds):
            await work
        for _ in range(20):  # closing takes some rounds of the loop
            await asyncio.sleep(0)
        left = {task for task in asyncio.all_tasks() - before if "start_server" not in repr(task)}
        assert not left, left

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(watched())
    assert not reports, reports
