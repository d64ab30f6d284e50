"""One deadline over the waits of a coroutine: asyncio.timeout without a coroutine and its rescheduling, at half the
price. Raises TimeoutError where the time is up; a cancellation from elsewhere goes through."""

import asyncio
from typing import Self


class Deadline:
    """A context manager; None seconds: no deadline."""

    __slots__ = ("_handle", "_late", "_task")

    def __init__(self, seconds: float | None) -> None:
        self._late = False
        self._handle: asyncio.TimerHandle | None = None
        self._task = asyncio.current_task()
        if seconds is not None:
            self._handle = asyncio.get_running_loop().call_later(seconds, self._ring)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if self._handle is not None:
            self._handle.cancel()
        if self._late and kind is asyncio.CancelledError:
            assert self._task is not None
            if self._task.uncancel() == 0:
                raise TimeoutError from error

    def _ring(self) -> None:
        self._late, self._handle = True, None
        assert self._task is not None
        self._task.cancel()
