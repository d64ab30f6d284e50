"""The only place that makes asyncio tasks. The loop keeps weak references only; this module keeps strong ones."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import TypeVar

T = TypeVar("T")

_log = logging.getLogger(__name__)
_running: set[asyncio.Task[object]] = set()


def spawn(work: Coroutine[object, object, T], name: str) -> asyncio.Task[T]:
    """Start `work` as a task that cannot be lost; a failure nobody awaits is logged with the task's name."""
    task = asyncio.get_running_loop().create_task(work, name=name)
    _running.add(task)
    task.add_done_callback(_done)
    return task


def _done(task: "asyncio.Task[object]") -> None:
    _running.discard(task)
    if not task.cancelled() and task.exception() is not None:
        _log.debug("task %s ended with %r", task.get_name(), task.exception())


async def stop(*tasks: "asyncio.Task[object] | asyncio.Task[None] | None") -> None:
    """Cancel tasks and wait until they have ended."""
    living = [task for task in tasks if task is not None and not task.done()]
    for task in living:
        task.cancel()
    await asyncio.gather(*living, return_exceptions=True)
