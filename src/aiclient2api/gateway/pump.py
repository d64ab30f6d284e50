"""Events to the client: a stream as it comes, or the whole answer folded.

The status line waits for the first content, so that a failure before it is a real HTTP error. A wait longer than the
heartbeat interval sends the 200 and a heartbeat; from then on a failure ends the stream with the dialect's own error
event, never with a normal end.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from aiclient2api.canonical.errors import GatewayError, detached
from aiclient2api.canonical.events import Event, Failed, TextDelta, Verbatim, failure_of
from aiclient2api.canonical.response import Folder, Response
from aiclient2api.dialects.base import Dialect, StreamEncoder
from aiclient2api.http1.messages import Exchange
from aiclient2api.tasks import spawn, stop

HEARTBEAT_SECONDS = 15.0
STREAM_HEADERS = (
    ("cache-control", "no-cache"),
    ("x-accel-buffering", "no"),
)

Headers = Callable[[], list[tuple[str, str]]]


class Source(Protocol):
    """Where a stream's events come from."""

    async def hand_over(self, take: Callable[[Sequence[Event]], bool]) -> bool:
        """See failover.Answered."""
        ...


class Pump:
    """Writes one streamed answer of the dialect `front`. `headers` is asked when the status line goes out."""

    def __init__(self, exchange: Exchange, front: Dialect, encoder: StreamEncoder, headers: Headers) -> None:
        self._exchange = exchange
        self._encoder = encoder
        self._heartbeat = front.heartbeat
        self._type = ("content-type", front.stream_type)
        self._headers = headers
        self._quiet = True
        self._waiting = False
        self._failure: GatewayError | None = None
        self._beat: asyncio.Task[None] | None = None

    async def run(self, source: Source, interval: float = HEARTBEAT_SECONDS) -> GatewayError | None:
        """Stream to the end. Raises GatewayError while nothing has been sent; returns the one that ended the stream."""
        exchange = self._exchange
        self._arm(interval)
        try:
            while not await source.hand_over(self._take) and self._failure is None:
                self._waiting = True
                await exchange.drained()
                self._waiting = False
            if not exchange.started:
                self._begin()
            await exchange.finish()
        except GatewayError as error:
            if not exchange.started:
                raise
            await self._end_with(error)
            return detached(error)
        finally:
            self._timer.cancel()
            if self._beat is not None:
                await stop(self._beat)
        return self._failure

    async def break_off(self, error: GatewayError) -> None:
        """The gateway itself must end (drain): the last word is the dialect's error event."""
        if self._exchange.started:
            await self._end_with(error)

    def _take(self, events: Sequence[Event]) -> bool:
        """Events have come; whether the client is ready for more."""
        self._quiet = False
        data = self._encoder.encode(events)
        if not self._exchange.started:
            self._begin()
        ready = self._exchange.put(data)
        if events and type(events[-1]) is not TextDelta:
            self._failure = failure_of(events[-1])
        return ready and self._failure is None

    def _begin(self) -> None:
        self._exchange.begin(200, [self._type, *STREAM_HEADERS, *self._headers()])

    async def _send_heartbeat(self) -> None:
        if not self._exchange.started:
            self._begin()
        await self._exchange.write(self._heartbeat)

    async def _end_with(self, error: GatewayError) -> None:
        await self._exchange.write(self._encoder.encode([Failed(error)]))
        await self._exchange.finish()

    def _arm(self, interval: float) -> None:
        """A timer and no task: most streams end before their first heartbeat."""
        self._timer = asyncio.get_running_loop().call_later(interval, self._due, interval)

    def _due(self, interval: float) -> None:
        # Not while a piece waits to be read: that client is slow, and a heartbeat would come behind its last word.
        if self._quiet and not self._waiting and (self._beat is None or self._beat.done()):
            self._beat = spawn(self._send_heartbeat(), "heartbeat")
        self._quiet = True
        self._arm(interval)


async def fold_all(source: Source) -> Response | bytes:
    """The whole answer; its bytes, if it is passed on as it came. Raises the GatewayError that broke it off."""
    events: list[Event] = []

    def take(batch: Sequence[Event]) -> bool:
        events.extend(batch)
        return True

    await source.hand_over(take)
    folder = Folder()
    verbatim: list[bytes] = []
    for event in events:
        if isinstance(event, Verbatim):
            verbatim.append(event.data)
        else:
            folder.add(event)
    return b"".join(verbatim) if verbatim else folder.response()
