"""How late the event loop comes to what is due: what every stream waits for when something has taken too long."""

import asyncio
import time

from aiclient2api.observe.metrics import Histogram

SECONDS = 0.5
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class LoopLag:
    """Belongs to the running loop from `start` to `stop`: one timer, two looks a second."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self.seen = Histogram(BOUNDS)
        self._seconds = seconds
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0

    def start(self) -> None:
        self._due = time.perf_counter() + self._seconds
        self._timer = asyncio.get_running_loop().call_later(self._seconds, self._look)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        self.seen.add(max(0.0, time.perf_counter() - self._due))
        self.start()
