"""The only place that makes asyncio tasks. The loop keeps weak references only; this module keeps strong ones."""

import asyncio
import logging
import traceback
from collections.abc import Coroutine
from typing import TypeVar

T = TypeVar("T")

_log = logging.getLogger(__name__)
_running: set[asyncio.Task[object]] = set()


def spawn(work: Coroutine[object, object, T], name: str) -> asyncio.Task[T]:
    """Start `work` as a task that cannot be lost, nor its failure: it is logged with the task's name even if nobody
    awaits it. An exception of Python's own (but for OSError) is a fault of the program and logged as an error, with
    its place and without its words, which may be a client's."""
    task = asyncio.get_running_loop().create_task(work, name=name)
    _running.add(task)
    task.add_done_callback(_done)
    return task


def _done(task: "asyncio.Task[object]") -> None:
    _running.discard(task)
    error = None if task.cancelled() else task.exception()
    if error is None:
        return
    if type(error).__module__ == "builtins" and not isinstance(error, OSError):
        frames = "".join(traceback.format_tb(error.__traceback__))
        _log.error("task %s failed with %s\n%s", task.get_name(), type(error).__name__, frames)
    else:
        _log.debug("task %s ended with %r", task.get_name(), error)


async def stop(*tasks: "asyncio.Task[object] | asyncio.Task[None] | None") -> None:
    """Cancel tasks and wait until they have ended."""
    living = [task for task in tasks if task is not None and not task.done()]
    for task in living:
        task.cancel()
    await asyncio.gather(*living, return_exceptions=True)
