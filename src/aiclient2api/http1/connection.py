"""One connection of a client: bytes in to exchanges, one after the other, and their answers' bytes out.

Owns the deadlines of reading (head, body, keep-alive), back-pressure both ways, and the end of the connection.
Pipelined bytes wait, bounded, until the answer before them has ended.
"""

import asyncio
from typing import cast

from aiclient2api.http1 import answer_head
from aiclient2api.http1.alarm import Alarm
from aiclient2api.http1.exchange import ServerExchange
from aiclient2api.http1.intake import Intake
from aiclient2api.http1.messages import BodyTimeout, BodyTooLarge
from aiclient2api.http1.outlet import Outlet
from aiclient2api.http1.presence import Presence
from aiclient2api.http1.request import Head, Refused
from aiclient2api.http1.runner import Runner
from aiclient2api.http1.server_state import ServerState

# Bytes after the running request that are held; reading goes on that far to notice that the client leaves.
_HELD = 64 * 1024
# Connections over the limit that are told so; the ones after that are just closed.
_EXCESS = 64

_HEAD, _BODY, _BUSY, _CLOSING = range(4)


class Connection(asyncio.Protocol):
    """Serves requests until either side closes."""

    __slots__ = (
        "_alarm", "_current", "_eof", "_head_timed", "_intake", "_loop", "_lost", "_outlet", "_paused", "_peer",
        "_phase", "_presence", "_runner", "_state", "_transport", "dates",
    )  # fmt: skip

    def __init__(self, state: ServerState) -> None:
        self._state = state
        self.dates = state.dates
        self._loop = asyncio.get_running_loop()
        self._alarm = Alarm(self._loop, self._late)
        self._intake = Intake(state.limits)
        self._transport: asyncio.Transport  # these three are set by connection_made, before all else
        self._outlet: Outlet
        self._peer: str
        self._phase = _HEAD
        self._current: ServerExchange | None = None
        self._runner = Runner(self._loop, state.handler, self)
        self._presence: Presence | None = None
        self._eof = self._lost = self._paused = self._head_timed = False

    # --- the transport's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's transports are no subclasses
        state = self._state
        self._outlet = Outlet(self._loop, self._transport, state.limits.send_seconds)
        name = transport.get_extra_info("peername")
        self._peer = name[0] if isinstance(name, tuple) and name else "local"
        self._transport.set_write_buffer_limits(high=state.limits.write_buffer_bytes)
        state.connections.add(self)
        excess = len(state.connections) - state.capacity
        if excess > _EXCESS:
            self._transport.abort()
        elif excess > 0 or state.draining:
            self._refuse(503, "the server is stopping" if state.draining else "the server has no connection left")
        else:
            self._head_timed = True
            self._alarm.set(state.limits.head_seconds)

    def data_received(self, data: bytes) -> None:
        phase = self._phase
        if phase == _HEAD:
            self._take_head(data)
        elif phase == _BODY:
            self._take_body(data)
        elif phase == _BUSY:
            if self._intake.hold(data) > _HELD:
                self.stop_body()
        else:
            self._outlet.heard(len(data))

    def eof_received(self) -> bool:
        """Keeps the connection open for writing while there is something to answer: a client may send FIN after its
        request and read on."""
        self._eof = True
        self._mind_fin()
        return self._phase == _BUSY

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        self._alarm.close()
        self._outlet.lost()
        self._intake.close()
        if self._current is None or not self._current.finished:
            self._runner.cancel()
        self._runner.close()
        self._forget_client()
        self._state.connections.discard(self)
        self._state.report()

    def pause_writing(self) -> None:
        self._outlet.block()

    def resume_writing(self) -> None:
        self._outlet.unblock()

    # --- the server's side

    @property
    def streaming(self) -> bool:
        return self._current is not None and self._current.started and not self._current.finished

    def drain(self) -> None:
        """Close unless a request is being answered."""
        if self._current is None and self._phase != _CLOSING:
            if self._intake.rest:
                self._refuse(503, "the server is stopping")
            else:
                self._close(linger=self._phase == _BODY)

    def cancel(self) -> None:
        """Cancel the handler whose answer has not ended."""
        if self._current is not None and not self._current.finished:
            self._runner.cancel()

    def abort(self) -> None:
        """End all at once, also a handler that has answered and goes on."""
        if not self._lost:
            self._outlet.abort()
        self._runner.cancel()

    # --- the exchange's side

    def send(self, data: bytes) -> bool:
        if self._lost or self._phase == _CLOSING:
            raise asyncio.CancelledError("the client has left")
        self._transport.write(data)
        return not self._outlet.blocked

    def send_soon(self) -> None:
        self._loop.call_soon(self._flush)

    @property
    def blocked(self) -> bool:
        return self._outlet.blocked

    async def drained(self) -> None:
        await self._outlet.drained()

    def want_body(self) -> None:
        self._read_on()
        self._alarm.set(self._state.limits.body_idle_seconds)

    def stop_body(self) -> None:
        if not self._paused and not self._eof and not self._lost:
            self._paused = True
            self._transport.pause_reading()

    def may_stay(self) -> bool:
        return not self._state.draining

    def _flush(self) -> None:
        if self._current is not None and not self._lost and self._phase != _CLOSING:
            self._current.flush()

    # --- reading

    def _take_head(self, data: bytes = b"") -> None:
        try:
            head = self._intake.head(data)
        except Refused as refused:
            self._refuse(refused.status, str(refused), refused.head_only)
            return
        if head is not None:
            self._begin(head)
        elif self._intake.rest and not self._head_timed:
            self._head_timed = True
            self._alarm.set(self._state.limits.head_seconds)

    def _begin(self, head: Head) -> None:
        """A whole head, and perhaps more."""
        state = self._state
        self._alarm.clear()
        exchange = self._current = ServerExchange(self, head, state.limits, self._peer)
        state.running.add(self)
        complete = exchange.body_complete = self._intake.complete
        self._phase = _BUSY if complete else _BODY
        self._runner.start(exchange)
        if self._intake.rest:
            if complete:
                self._hold_on()
            else:
                self._take_body()
        if self._eof:
            self._mind_fin()

    def _take_body(self, data: bytes = b"") -> None:
        exchange = self._current
        try:
            piece = self._intake.body(data)
        except Refused as refused:
            assert exchange is not None  # what is skipped after an answer has a length, and cannot be wrong
            self._fail_request(exchange, refused.status, str(refused))
            return
        if piece and exchange is not None:
            exchange.feed(piece)
        if self._intake.complete:
            self._end_body()
        elif exchange is None or exchange.waiting:
            self._alarm.set(self._state.limits.body_idle_seconds)

    def _end_body(self) -> None:
        self._alarm.clear()
        self._phase = _BUSY
        if self._current is not None:
            self._current.end_body()
            self._hold_on()
        else:
            self._next_request()

    def _hold_on(self) -> None:
        """Bound what is held."""
        if len(self._intake.rest) > _HELD:
            self.stop_body()

    def _next_request(self) -> None:
        """The exchange before has ended, and so has its body."""
        self._phase = _HEAD
        self._head_timed = False
        self._read_on()
        self._alarm.set(self._state.limits.keep_alive_seconds)
        if self._intake.rest:
            self._take_head()
        if self._eof and self._phase == _HEAD:
            self._close(linger=False)

    def _read_on(self) -> None:
        if self._paused and not self._eof and not self._lost:
            self._paused = False
            self._transport.resume_reading()

    # --- clients that have sent FIN

    def _mind_fin(self) -> None:
        exchange = self._current
        if exchange is None or exchange.finished:
            return
        if self._phase == _BODY:
            self._fail_request(exchange, 400, "the request ended before its body did")
        elif self._phase == _BUSY:
            self._presence = Presence(self._loop, self._transport, self._probe)

    def _probe(self) -> None:
        if self._current is not None and self._phase != _CLOSING and not self._outlet.blocked:
            self._current.probe()

    def _forget_client(self) -> None:
        if self._presence is not None:
            self._presence.close()
            self._presence = None

    # --- the handlers' ends

    def answered(self, exchange: ServerExchange) -> bool:
        self._release()
        if self._lost or self._phase == _CLOSING:
            return False
        if not exchange.finished:
            self._give_up(exchange, 500, "the handler gave no whole answer")
        elif not exchange.keep or self._state.draining:
            self._close(linger=exchange.wants_more or self._phase == _BODY)
        elif self._phase == _BODY:
            self._read_on()  # the small rest of a body that nobody wanted
            self._alarm.set(self._state.limits.body_idle_seconds)
        else:
            self._next_request()
        return self._phase != _CLOSING

    def broke_off(self, exchange: ServerExchange, error: Exception | None) -> None:
        self._release()
        if self._lost or self._phase == _CLOSING:
            return
        if isinstance(error, BodyTooLarge):
            self._give_up(exchange, 413, str(error))
        elif isinstance(error, BodyTimeout):
            self._give_up(exchange, 408, str(error))
        elif error is None and self._state.draining:
            self._give_up(exchange, 503, "the server is stopping")
        else:
            self._give_up(exchange, 500, "the server failed to answer this request")

    def _release(self) -> None:
        self._current = None
        state = self._state
        state.running.discard(self)
        if self._presence is not None:
            self._forget_client()
        if state.draining:
            state.report()

    def _give_up(self, exchange: ServerExchange, status: int, message: str) -> None:
        """End an exchange whose handler does not go on; a cut answer must not look like a whole one."""
        if not exchange.started:
            self._refuse(status, message, silent=exchange.method == "HEAD")
        elif exchange.finished:
            self._close(linger=self._phase == _BODY)
        elif exchange.cut_shows:
            exchange.flush()
            self._close(linger=False)
        else:
            self._outlet.reset()

    def _fail_request(self, exchange: ServerExchange, status: int, message: str) -> None:
        """The body being read is broken: nothing after it can be understood."""
        self._give_up(exchange, status, message)
        if not exchange.finished:
            self._runner.cancel()

    # --- closing

    def _refuse(self, status: int, message: str, silent: bool = False) -> None:
        """Answer without a handler, and close."""
        headers, body = self._state.refuse(status, message)
        framing = f"content-length: {len(body)}\r\nconnection: close\r\n{self.dates.line()}"
        head = answer_head.head(status, headers, framing)
        self._transport.write(head if silent else head + body)
        self._close(linger=True)

    def _close(self, linger: bool) -> None:
        self._phase = _CLOSING
        self._alarm.clear()
        linger = linger and not self._eof
        if linger:
            self._read_on()
        self._outlet.close(linger)

    def _late(self) -> None:
        """A deadline of reading has passed."""
        exchange = self._current
        if self._phase == _BODY and exchange is not None:
            if exchange.waiting:
                seconds = self._state.limits.body_idle_seconds
                exchange.fail_body(BodyTimeout(f"nothing of the request body came for {seconds:g} s"))
        elif self._phase == _HEAD and self._intake.rest:
            self._refuse(408, "the request's headers did not come in time")
        elif self._phase in (_HEAD, _BODY):
            self._close(linger=False)
