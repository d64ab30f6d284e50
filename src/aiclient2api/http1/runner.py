"""Runs the handlers of one connection, one after the other, in one task that lives until one of them fails.

Waking a task is cheaper than making one. Owns that task: who ends the connection cancels it here.
"""

import asyncio
import logging
import traceback
from typing import Protocol, cast

from aiclient2api import tasks
from aiclient2api.http1.exchange import ServerExchange
from aiclient2api.http1.messages import BodyTimeout, BodyTooLarge, Exchange, Handler

_log = logging.getLogger(__name__)


class Owner(Protocol):
    """The connection."""

    def answered(self, exchange: ServerExchange) -> bool:
        """The handler has returned; false if no other one shall run."""
        ...

    def broke_off(self, exchange: ServerExchange, error: Exception | None) -> None:
        """The handler has failed, or was cancelled (None)."""
        ...


class _Kept:
    """A context that keeps a failure instead of raising it: what a handler raises may hold a client's text, and a task
    that fails is logged with all it has. Cancellation goes through."""

    __slots__ = ("error",)

    def __init__(self) -> None:
        self.error: Exception | None = None

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, Exception):
            self.error = error
            return True
        return False


class Runner:
    """Between two requests the task waits."""

    __slots__ = ("_exchange", "_failure", "_handler", "_loop", "_owner", "_task", "_wake")

    def __init__(self, loop: asyncio.AbstractEventLoop, handler: Handler, owner: Owner) -> None:
        self._loop = loop
        self._handler = handler
        self._owner: Owner | None = owner
        self._exchange: ServerExchange | None = None
        self._failure = _Kept()
        self._task: asyncio.Task[None] | None = None
        self._wake: asyncio.Future[None] | None = None

    @property
    def busy(self) -> bool:
        """Whether there is a request that is not answered."""
        return self._exchange is not None

    def start(self, exchange: ServerExchange) -> None:
        """Run the handler for `exchange`; the one before has returned."""
        self._exchange = exchange
        if self._task is None:
            self._task = tasks.spawn(self._run(), "http connection")
            self._task.add_done_callback(self._ended)
        elif self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def close(self) -> None:
        """Nothing is started any more; if something runs, its end still comes."""
        if self._task is None:
            self._owner = None

    async def _run(self) -> None:
        with self._failure:
            await self._serve()

    async def _serve(self) -> None:
        handler, owner = self._handler, self._owner
        while owner is not None:
            exchange = self._exchange
            if exchange is None:
                self._wake = self._loop.create_future()
                await self._wake
                continue
            await handler(cast(Exchange, exchange))
            self._exchange = None
            if not owner.answered(exchange):
                return
            if self.busy:
                await asyncio.sleep(0)  # requests that wait in line are no reason to keep other clients waiting

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._task = None
        exchange, self._exchange = self._exchange, None
        error, self._failure.error = self._failure.error, None  # its frames hold this runner
        if error is not None:
            _log_failure(error)
        owner, self._owner = self._owner, None  # a connection does not outlive its task
        if exchange is not None and owner is not None:
            owner.broke_off(exchange, error)


def _log_failure(error: Exception) -> None:
    """Type and place of a handler's failure; its message may hold a client's text."""
    if isinstance(error, BodyTooLarge | BodyTimeout):
        return
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "?"
    _log.error("a handler failed with %s at %s", type(error).__name__, place)
