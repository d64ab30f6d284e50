"""What the connections of one server share."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from aiclient2api.http1.answer_head import DateLine
from aiclient2api.http1.messages import Handler, Limits

Refuse = Callable[[int, str], tuple[list[tuple[str, str]], bytes]]
"""Status and message to headers and body of an answer that no handler gives."""


class Member(Protocol):
    """A connection, as the server sees it."""

    @property
    def streaming(self) -> bool:
        """Whether an answer has begun and has not ended."""
        ...

    def drain(self) -> None: ...
    def cancel(self) -> None: ...
    def abort(self) -> None: ...


class ServerState:
    """`capacity`: connections that are served at once. `running`: those (also lost ones) whose handlers run."""

    def __init__(self, handler: Handler, limits: Limits, refuse: Refuse) -> None:
        self.handler: Handler = handler
        self.limits = limits
        self.refuse: Refuse = refuse
        self.capacity = limits.connections
        self.dates = DateLine()
        self.connections: set[Member] = set()
        self.running: set[Member] = set()
        self.draining = False
        self._quiet = asyncio.Event()

    def report(self) -> None:
        """A connection or a handler has ended."""
        if self.silent:
            self._quiet.set()

    @property
    def silent(self) -> bool:
        return not self.connections and not self.running

    async def until_silent(self, seconds: float) -> None:
        """Wait until nothing is open and no handler runs, but not longer than that."""
        if self.silent:
            return
        self._quiet.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._quiet.wait()
        except TimeoutError:
            return
