"""A lock between processes, for asyncio: waits without holding a thread, and is given back even if the wait is left."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path

from aiclient2api import files, tasks

_log = logging.getLogger(__name__)

_POLL = 0.1


@contextlib.asynccontextmanager
async def process_lock(path: Path, patience: float) -> AsyncIterator[None]:
    """Raises files.LockTimeout after `patience` seconds. Where no lock file can be made there is no lock: a refresh
    without one is better than no refresh."""
    give_up = asyncio.get_running_loop().time() + patience
    with contextlib.ExitStack() as held:
        while not await _try_lock(path, held):
            if asyncio.get_running_loop().time() > give_up:
                raise files.LockTimeout(str(path))
            await asyncio.sleep(_POLL)
        yield


async def _try_lock(path: Path, held: contextlib.ExitStack) -> bool:
    def attempt() -> None:
        held.enter_context(files.process_lock(path, patience=0))

    trying = tasks.spawn(asyncio.to_thread(attempt), "lock")
    try:
        await asyncio.shield(trying)
    except asyncio.CancelledError:  # the thread goes on: let go of what it may still get
        trying.add_done_callback(lambda _: held.close())
        raise
    except files.LockTimeout:
        return False
    except OSError as error:
        _log.warning("no lock in %s (%s): two processes may refresh at once", path.parent, error.strerror)
    return True
