"""One movable deadline on a loop's clock (monotonic).

Moving it later costs an assignment: the timer in the loop stays where it is and re-arms itself when it fires early.
A connection that moves its deadline with every read therefore makes no timers.
"""

import asyncio
from collections.abc import Callable


class Alarm:
    """Calls `ring` once when the deadline has passed; `set` starts over, `clear` switches off."""

    __slots__ = ("_due", "_handle", "_loop", "_ring", "_when")

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> None:
        self._loop = loop
        self._ring: Callable[[], None] | None = ring
        self._due: float | None = None
        self._when = 0.0
        self._handle: asyncio.TimerHandle | None = None

    def set(self, seconds: float) -> None:
        """Ring in `seconds` from now, whatever was set before."""
        due = self._loop.time() + seconds
        if self._handle is not None and due >= self._when:
            self._due = due
        else:
            self.set_at(due)

    def set_at(self, due: float) -> None:
        """Ring at `due` in the loop's time, whatever was set before. After `close` this does nothing."""
        if self._ring is None:
            return
        self._due = due
        if self._handle is None:
            self._arm(due)
        elif due < self._when:
            self._handle.cancel()
            self._arm(due)

    def clear(self) -> None:
        self._due = None

    def close(self) -> None:
        """Never ring again; lets go of the callback."""
        self._due = self._ring = None
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _arm(self, due: float) -> None:
        self._when = due
        self._handle = self._loop.call_at(due, self._fire)

    def _fire(self) -> None:
        self._handle = None
        due = self._due
        if due is None:
            return
        if due > self._loop.time():
            self._arm(due)
            return
        self._due = None
        if self._ring is not None:
            self._ring()
