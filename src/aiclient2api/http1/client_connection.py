"""One connection to an upstream: writes a request, feeds its answer, keeps the deadlines.

One exchange at a time. Everything that ends a connection is turned into the HttpError that the answer's owner sees.
Bytes that come while nobody asked for any close the connection.
"""

import asyncio
import math
import ssl
from typing import NamedTuple, Protocol, cast

from aiclient2api.http1.alarm import Alarm
from aiclient2api.http1.answer import Answer
from aiclient2api.http1.client_head import Head, Route
from aiclient2api.http1.messages import BadAnswer, DeadlineMissed, Deadlines, HttpError, Truncated

HIGH_WATER = 64 * 1024
ONE_WRITE = 64 * 1024
SLICE = 256 * 1024
_NOTHING = memoryview(b"")


class Stale(Truncated):
    """A connection from the pool was gone before it answered anything: the request may go out once more."""


class Ends(NamedTuple):
    """When an exchange must be over, and when its answer must have begun; in the loop's time."""

    total_at: float = math.inf
    first_at: float = math.inf

    @property
    def next_at(self) -> float:
        return min(self)

    def missed(self, deadlines: Deadlines) -> DeadlineMissed:
        """The earlier of the two has passed."""
        if self.first_at < self.total_at:
            return DeadlineMissed("first event", deadlines.first or 0.0)
        return DeadlineMissed("total", deadlines.total or 0.0)


def ends_of(deadlines: Deadlines, now: float) -> Ends:
    total, first = deadlines.total, deadlines.first
    return Ends(math.inf if total is None else now + total, math.inf if first is None else now + first)


_NEVER = Ends()


class Home(Protocol):
    """Where connections belong."""

    def give(self, connection: "ClientConnection") -> None:
        """The exchange is over and the connection can serve another."""
        ...

    def lost(self, connection: "ClientConnection") -> None:
        """The connection has ended."""
        ...


class ClientConnection(asyncio.Protocol):
    """Made by the connector, owned by the pool between exchanges."""

    def __init__(self, loop: asyncio.AbstractEventLoop, route: Route, home: Home) -> None:
        self.route = route
        self.served = 0
        self._loop = loop
        self._home = home
        self._transport: asyncio.Transport | None = None
        self._answer: Answer | None = None
        self._touched = False
        self._close = False
        self._paused = False
        self._blocked = False
        self._unsent = _NOTHING
        self._deadlines = Deadlines()
        self._ends = _NEVER
        self._next_at = math.inf
        self._alarm = Alarm(loop, self._late)
        self._due: tuple[str, float | None] = ("", None)

    @property
    def closed(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    async def exchange(self, head: Head, body: bytes, deadlines: Deadlines, ends: Ends) -> Answer:
        """Send a request and wait for the answer's head.

        Raises Stale, Truncated, DeadlineMissed, BadAnswer; the connection is closed then, as it is on cancellation.
        """
        answer = self._answer = Answer(self, head_only=head.method == "HEAD")
        self._touched = False
        self._close = head.close
        self._deadlines = deadlines
        self._ends, self._next_at = ends, ends.next_at
        try:
            if self.closed:
                self._fail(self._cut())
            else:
                self._arm("head", deadlines.head)
                self._write(head.encode(len(body)), body)
            await answer.head()
        except BaseException:
            if self._answer is answer:  # else the connection may already serve somebody else
                self._answer = None
                self.abort()
            answer.detach()
            raise
        return answer

    def rest(self, seconds: float) -> None:
        """Wait in the pool, at most so long."""
        self._ends, self._next_at = _NEVER, math.inf
        self._arm("rest", seconds)

    def abort(self) -> None:
        """Close at once; what is not yet sent is dropped."""
        self._alarm.close()
        self._unsent = _NOTHING
        if self._transport is not None:
            self._transport.abort()

    def begun(self) -> None:
        """The answer has what its reader waited for."""
        if self._ends.first_at < math.inf:
            self._ends = self._ends._replace(first_at=math.inf)
            self._next_at = self._ends.total_at
            self._arm("idle", None if self._paused else self._deadlines.idle)

    def resume(self) -> None:
        """Read on, if reading was paused."""
        if not self._paused:
            return
        self._paused = False
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
            self._arm("idle", self._deadlines.idle)

    # --- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's transports are no subclasses

    def data_received(self, data: bytes) -> None:
        answer = self._answer
        if answer is None:
            self.abort()  # an answer to no question
            return
        self._touched = True
        try:
            answer.feed(data)
        except BadAnswer as exc:
            self._fail(exc)
            return
        if answer.complete:
            self._finish(answer)
        elif answer.headed:
            self._read_on(answer)

    def eof_received(self) -> None:
        answer = self._answer
        if answer is not None and answer.headed and answer.until_close and self._said_goodbye():
            answer.end()
            self._finish(answer)
        elif answer is not None:
            self._fail(self._cut())

    def _said_goodbye(self) -> bool:
        """Whether the end of the stream is what the peer meant: TLS says so in a close_notify, without which a body
        that ends with the connection is cut (RFC 9112, 9.8). asyncio reports both alike, the TLS object tells."""
        tls = None if self._transport is None else self._transport.get_extra_info("ssl_object")
        if tls is None:
            return True
        try:
            return not tls.read(1)
        except ssl.SSLZeroReturnError:
            return True
        except ssl.SSLError:
            return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._alarm.close()
        if self._answer is not None:
            error = self._cut()
            error.__cause__ = exc
            self._fail(error)
        self._home.lost(self)

    def pause_writing(self) -> None:
        self._blocked = True

    def resume_writing(self) -> None:
        self._blocked = False
        self._pump()

    # --- writing

    def _write(self, head: bytes, body: bytes) -> None:
        assert self._transport is not None
        if len(body) <= ONE_WRITE:
            self._transport.write(head + body if body else head)
            return
        view = memoryview(body)
        self._unsent = view[SLICE:]
        self._transport.writelines((head, view[:SLICE]))
        self._pump_soon()

    def _pump(self) -> None:
        """Hand over the rest of a big body as fast as the peer takes it."""
        if len(self._unsent) and self._transport is not None and not self._blocked and not self.closed:
            piece, self._unsent = self._unsent[:SLICE], self._unsent[SLICE:]
            self._transport.write(piece)
            self._pump_soon()

    def _pump_soon(self) -> None:
        """Go on two rounds of the loop later. In between, what the peer has said is read: a refusal that is followed
        by a reset would be lost if our next write met the reset first."""
        self._loop.call_soon(self._loop.call_soon, self._pump)

    # --- reading

    def _read_on(self, answer: Answer) -> None:
        """The body goes on: guard its size and its pauses."""
        if answer.status >= 400 and len(self._unsent):
            # A refusal before the whole request was read: the rest is not wanted (RFC 9112, 9.5).
            self._unsent = _NOTHING
            self._close = True
        if answer.buffered > HIGH_WATER and not self._paused:
            assert self._transport is not None
            self._paused = True
            self._transport.pause_reading()
            self._arm("idle", None)  # we are the slow side now
        elif not self._paused:
            self._arm("idle", self._deadlines.idle)

    def _finish(self, answer: Answer) -> None:
        """The answer is whole."""
        self._answer = None
        answer.detach()
        if self._close or len(self._unsent) or not answer.keep_alive or self.closed:
            self.abort()
            return
        self.served += 1
        if self._paused:
            self.resume()
        self._home.give(self)

    def _fail(self, error: HttpError) -> None:
        answer, self._answer = self._answer, None
        if answer is not None:
            answer.fail(error)
        self.abort()

    def _cut(self) -> Truncated:
        """What the end of the connection means now."""
        if not self._touched:
            kind = Stale if self.served else Truncated
            return kind("the connection ended before an answer came")
        headed = self._answer is not None and self._answer.headed
        return Truncated(f"the connection ended in the {'body' if headed else 'head'} of the answer")

    # --- deadlines

    def _arm(self, which: str, seconds: float | None) -> None:
        at = math.inf if seconds is None else self._loop.time() + seconds
        if self._next_at < at:
            self._due = ("", None)
            self._alarm.set_at(self._next_at)
        elif seconds is None:
            self._alarm.clear()
        else:
            self._due = (which, seconds)
            self._alarm.set_at(at)

    def _late(self) -> None:
        which, seconds = self._due
        if self._answer is None:
            self.abort()
        else:
            self._fail(self._ends.missed(self._deadlines) if seconds is None else DeadlineMissed(which, seconds))
