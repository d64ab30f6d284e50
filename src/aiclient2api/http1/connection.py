"""One connection of a client: bytes in to exchanges, one after the other, and their answers' bytes out.

Owns the deadlines (head, body, keep-alive, send), back-pressure both ways, and the end of the connection. Pipelined
bytes wait, bounded, until the answer before them has ended.
"""

import asyncio
import logging
import traceback
from typing import cast

from aiclient2api import tasks
from aiclient2api.http1 import answer_head
from aiclient2api.http1.alarm import Alarm
from aiclient2api.http1.exchange import ServerExchange
from aiclient2api.http1.messages import BodyTimeout, BodyTooLarge, Exchange
from aiclient2api.http1.outlet import Outlet
from aiclient2api.http1.request import EMPTY_LINE, Refused, RequestParser, partial_fault
from aiclient2api.http1.server_state import ServerState

_log = logging.getLogger(__name__)

# Bytes after the running request that are held; reading goes on that far to notice that the client leaves.
_HELD = 64 * 1024
# Connections over the limit that are told so; the ones after that are just closed.
_EXCESS = 64

_HEAD, _BODY, _BUSY, _CLOSING = range(4)


class Connection(asyncio.Protocol):
    """Serves requests until either side closes."""

    __slots__ = (
        "_alarm", "_current", "_eof", "_head_timed", "_loop", "_lost", "_outlet", "_parser", "_paused", "_peer",
        "_phase", "_rest", "_state", "_task", "_transport", "_wake",
    )  # fmt: skip

    def __init__(self, state: ServerState) -> None:
        self._state = state
        self._loop = asyncio.get_running_loop()
        self._alarm = Alarm(self._loop, self._late)
        self._parser = RequestParser(state.limits)
        self._transport: asyncio.Transport  # these three are set by connection_made, before all else
        self._outlet: Outlet
        self._peer: str
        self._phase = _HEAD
        self._rest = bytearray()
        self._current: ServerExchange | None = None
        self._task: asyncio.Task[None] | None = None
        self._wake: asyncio.Future[None] | None = None
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
            self._rest += data
            if len(self._rest) > _HELD:
                self.stop_body()

    def eof_received(self) -> bool:
        """Keeps the connection open for writing while there is something to answer: a client may send FIN after its
        request and read on."""
        self._eof = True
        if self._phase == _BODY and self._current is not None and not self._current.finished:
            self._fail_request(400, "the request ended before its body did")
        return self._phase == _BUSY

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        self._alarm.close()
        self._outlet.lost()
        self._parser.close()
        self._rest.clear()
        current = self._current
        if self._task is not None and (current is None or not current.finished):
            self._task.cancel()
        self._state.connections.discard(self)
        self._state.report()

    def pause_writing(self) -> None:
        self._outlet.block()

    def resume_writing(self) -> None:
        self._outlet.unblock()

    # --- the server's side

    def drain(self) -> None:
        """Close unless a request is being answered."""
        if self._current is None and self._phase != _CLOSING:
            if self._rest:
                self._refuse(503, "the server is stopping")
            else:
                self._close(linger=False)

    def cancel(self) -> None:
        """Cancel the handler whose answer has not ended."""
        if self._task is not None and self._current is not None and not self._current.finished:
            self._task.cancel()

    def abort(self) -> None:
        self._transport.abort()

    # --- the exchange's side

    def send(self, data: bytes) -> None:
        if self._lost or self._phase == _CLOSING:
            raise asyncio.CancelledError("the client has left")
        self._transport.write(data)

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

    def date_line(self) -> str:
        return self._state.dates.line()

    def may_stay(self) -> bool:
        return not self._state.draining

    def _flush(self) -> None:
        if self._current is not None and not self._lost and self._phase != _CLOSING:
            self._current.flush()

    # --- reading

    def _take_head(self, data: bytes) -> None:
        rest = self._rest
        if rest:
            start = max(len(rest) - 3, 0)
            rest += data
            end = rest.find(EMPTY_LINE, start)
        else:
            if data[0] in b"\r\n":
                data = data.lstrip(b"\r\n")  # RFC 9112, 2.2
            end = data.find(EMPTY_LINE)
        if end < 0:
            if not rest:
                rest += data
                start = 0
            if rest:
                self._wait_for_head(start)
            return
        if rest:
            data = bytes(rest)
            rest.clear()
        end += len(EMPTY_LINE)
        if end == len(data):
            self._begin(data)
        else:
            self._begin(data[:end])
            self.data_received(data[end:])

    def _wait_for_head(self, start: int) -> None:
        """The head is not complete; bytes before `start` are known to be right."""
        rest = self._rest
        fault = partial_fault(rest, start)
        if fault is not None:
            self._refuse(fault.status, str(fault))
        elif len(rest) > self._state.limits.head_bytes:
            self._refuse_large(b"\r\n" in rest)
        elif self._eof:
            self._close(linger=False)
        elif not self._head_timed:
            self._head_timed = True
            self._alarm.set(self._state.limits.head_seconds)

    def _refuse_large(self, has_line: bool) -> None:
        limit = self._state.limits.head_bytes
        if has_line:
            self._refuse(431, f"the request's headers are over the limit of {limit} bytes")
        else:
            self._refuse(414, f"the request target is over the limit of {limit} bytes")

    def _begin(self, data: bytes) -> None:
        """A whole head."""
        state = self._state
        if len(data) > state.limits.head_bytes:
            self._refuse_large(data.find(b"\r\n") <= state.limits.head_bytes)
            return
        parser = self._parser
        try:
            head = parser.head(data)
        except Refused as refused:
            self._refuse(refused.status, str(refused), silent=data.startswith(b"HEAD "))
            return
        self._alarm.clear()
        exchange = self._current = ServerExchange(self, head, state.limits, self._peer)
        state.active += 1
        if parser.complete:
            self._phase = _BUSY
            exchange.body_complete = True
        else:
            self._phase = _BODY
        if self._task is None:
            self._task = tasks.spawn(self._serve(), "http connection")
            self._task.add_done_callback(self._task_ended)
        elif self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def _take_body(self, data: bytes) -> None:
        parser = self._parser
        exchange = self._current
        while data and self._phase == _BODY:
            try:
                piece, data = parser.take(data)
            except Refused as refused:
                self._fail_request(refused.status, str(refused))
                return
            if exchange is not None and piece:
                exchange.feed(piece)
            if parser.complete:
                self._end_body()
        if self._phase == _BODY:
            if exchange is None or exchange.waiting:
                self._alarm.set(self._state.limits.body_idle_seconds)
        elif data:
            self.data_received(data)

    def _end_body(self) -> None:
        self._alarm.clear()
        self._phase = _BUSY
        if self._current is not None:
            self._current.end_body()
        else:
            self._next_request()

    def _next_request(self) -> None:
        """The exchange before has ended, and so has its body."""
        self._phase = _HEAD
        self._head_timed = False
        self._read_on()
        self._alarm.set(self._state.limits.keep_alive_seconds)
        if self._rest:
            data = bytes(self._rest)
            self._rest.clear()
            self._take_head(data)
        if self._eof and self._phase == _HEAD:
            self._close(linger=False)

    def _read_on(self) -> None:
        if self._paused and not self._eof and not self._lost:
            self._paused = False
            self._transport.resume_reading()

    # --- the handlers

    async def _serve(self) -> None:
        """Run handlers, one after the other. Ends with whatever one of them raises."""
        handler = self._state.handler
        while not self._lost and self._phase != _CLOSING:
            exchange = self._current
            if exchange is not None:
                await handler(cast(Exchange, exchange))
                self._exchange_ended(exchange)
            else:
                self._wake = self._loop.create_future()
                await self._wake

    def _exchange_ended(self, exchange: ServerExchange) -> None:
        self._release()
        if self._lost or self._phase == _CLOSING:
            return
        if not exchange.finished:
            self._give_up(exchange, 500, "the handler gave no whole answer")
        elif not exchange.keep or self._state.draining:
            self._close(linger=self._phase == _BODY or bool(self._rest))
        elif self._phase == _BODY:
            self._read_on()  # the small rest of a body that nobody wanted
            self._alarm.set(self._state.limits.body_idle_seconds)
        else:
            self._next_request()

    def _task_ended(self, task: "asyncio.Task[None]") -> None:
        """The connection's task has ended: a handler failed or was cancelled, or the connection is over."""
        self._task = None
        exchange = self._current
        error = None if task.cancelled() else task.exception()
        if error is not None:
            _log_failure(error)
        if exchange is None:
            return
        self._release()
        if self._lost or self._phase == _CLOSING:
            return
        if isinstance(error, BodyTooLarge):
            self._give_up(exchange, 413, str(error))
        elif isinstance(error, BodyTimeout):
            self._give_up(exchange, 408, str(error))
        elif error is None:
            self._give_up(exchange, 503, "the server is stopping")
        else:
            self._give_up(exchange, 500, "the server failed to answer this request")

    def _release(self) -> None:
        self._current = None
        self._state.active -= 1
        self._state.report()

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
            self._transport.abort()

    def _fail_request(self, status: int, message: str) -> None:
        """The body being read is broken: nothing after it can be understood."""
        exchange = self._current
        if exchange is None:
            self._close(linger=False)
            return
        self._give_up(exchange, status, message)
        if self._task is not None and not exchange.finished:
            self._task.cancel()

    # --- closing

    def _refuse(self, status: int, message: str, silent: bool = False) -> None:
        """Answer without a handler, and close."""
        headers, body = self._state.refuse(status, message)
        framing = f"content-length: {len(body)}\r\nconnection: close\r\n{self._state.dates.line()}"
        head = answer_head.head(status, headers, framing)
        self._transport.write(head if silent else head + body)
        self._close(linger=True)

    def _close(self, linger: bool) -> None:
        self._phase = _CLOSING
        self._rest.clear()
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
        elif self._phase == _HEAD and self._rest:
            self._refuse(408, "the request's headers did not come in time")
        elif self._phase in (_HEAD, _BODY):
            self._close(linger=False)


def _log_failure(error: BaseException) -> None:
    """Type and place of a handler's failure; its message may hold a client's text."""
    if isinstance(error, BodyTooLarge | BodyTimeout):
        return
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "?"
    _log.error("a handler failed with %s at %s", type(error).__name__, place)
