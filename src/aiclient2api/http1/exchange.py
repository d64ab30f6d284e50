"""One request of a client and its answer: what the server gives to a handler (messages.Exchange).

Knows how answers are framed: a length, chunks, or until the connection closes (HTTP/1.0); no body for HEAD, 204 and
304 whatever the handler writes. The connection feeds the request's body in and takes the answer's bytes.
"""

import asyncio
from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

from aiclient2api.http1 import answer_head
from aiclient2api.http1.messages import BodyTooLarge, HttpError, Limits
from aiclient2api.http1.request import Head
from aiclient2api.http1.target import parse_query

# A body that nobody has asked for yet is read up to here; and so much of an unread one is skipped to keep a
# connection that otherwise closes with the answer.
UNREAD_BODY = 256 * 1024
_JOIN = 64 * 1024
_NO_QUERY: Mapping[str, str] = MappingProxyType({})
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_LAST_CHUNK = b"0\r\n\r\n"


class Link(Protocol):
    """What an exchange needs of its connection."""

    @property
    def blocked(self) -> bool:
        """Whether the client reads more slowly than we write."""
        ...

    def send(self, data: bytes) -> bool:
        """Whether the client is ready for more."""
        ...

    def send_soon(self) -> None:
        """Call `flush` of the exchange when the loop comes round."""
        ...

    async def drained(self) -> None: ...
    def want_body(self) -> None:
        """The handler waits for the body."""
        ...

    def stop_body(self) -> None:
        """No more of the body can be stored now."""
        ...

    @property
    def dates(self) -> answer_head.DateLine: ...
    def may_stay(self) -> bool:
        """Whether the connection may serve another request."""
        ...


class ServerExchange:
    """See messages.Exchange. After the client has left, `write` and its kind raise CancelledError."""

    __slots__ = (
        "_asked", "_body", "_body_error", "_chunked", "_head", "_limits", "_link", "_pending", "_silent", "_size",
        "_waiter", "body_complete", "finished", "headers", "keep", "method", "path", "peer", "started", "target",
    )  # fmt: skip

    def __init__(self, link: Link, head: Head, limits: Limits, peer: str) -> None:
        self._link = link
        self._head = head
        self._limits = limits
        self.peer = peer
        self.method = head.method
        self.path = head.path
        self.target = head.target
        self.headers = head.headers
        self._body: list[bytes] = []
        self._size = 0
        self._body_error: HttpError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._asked = False
        self._pending = b""
        self._chunked = self._silent = False
        self.body_complete = False
        self.started = False
        self.finished = False
        self.keep = False
        if head.length is not None and head.length > limits.body_bytes:
            self._body_error = self._too_large()

    @property
    def query(self) -> Mapping[str, str]:
        return MappingProxyType(parse_query(self._head.query)) if self._head.query else _NO_QUERY

    # --- the request's body

    async def body(self) -> bytes:
        """The whole body; the client is told to go on if it waits for that. Raises BodyTooLarge, BodyTimeout."""
        while self._body_error is None and not self.body_complete:
            if not self._asked:
                self._asked = True
                if self._expects() and not self.started and not self._size:
                    self._link.send(_CONTINUE)
            self._link.want_body()
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        if self._body_error is not None:
            raise self._body_error
        if len(self._body) != 1:
            self._body = [b"".join(self._body)]
        return self._body[0]

    @property
    def waiting(self) -> bool:
        """Whether the handler waits for the body."""
        return self._waiter is not None

    def feed(self, piece: bytes) -> None:
        """A piece of the body has come."""
        if self._body_error is not None:
            self._link.stop_body()
            return
        self._body.append(piece)
        self._size += len(piece)
        if self._size > self._limits.body_bytes:
            self.fail_body(self._too_large())
            self._link.stop_body()
        elif self._size > UNREAD_BODY and self._waiter is None and not self._asked:
            self._link.stop_body()

    def end_body(self) -> None:
        """The body is complete."""
        self.body_complete = True
        self._wake()

    def fail_body(self, error: HttpError) -> None:
        """The body will not come; what has come is dropped."""
        self._body_error = error
        self._body = []
        self._size = 0
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _expects(self) -> bool:
        return self._head.http11 and self._head.headers.get("expect", "").lower() == "100-continue"

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(f"the request body is over the limit of {self._limits.body_bytes} bytes")

    # --- the answer

    async def respond(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """A whole answer. Raises ValueError for a header that cannot be sent; nothing has been sent then."""
        self._begin(status)
        framing = "" if status in answer_head.NO_BODY else f"content-length: {len(body)}\r\n"
        self._chunked = False
        head = self._encode(status, headers, framing)
        self.started = self.finished = True
        if self._silent or not body:
            self._link.send(head)
        elif len(body) <= _JOIN:
            self._link.send(head + body)
        else:
            self._link.send(head)
            self._link.send(body)
        if self._link.blocked:
            await self._link.drained()

    async def start(self, status: int, headers: list[tuple[str, str]]) -> None:
        """The head goes out with the first piece, or when the loop comes round. Raises ValueError like respond."""
        self.begin(status, headers)

    def begin(self, status: int, headers: list[tuple[str, str]]) -> None:
        """See `start`."""
        self._begin(status)
        self._chunked = self._head.http11 and status not in answer_head.NO_BODY
        self._pending = self._encode(status, headers, "transfer-encoding: chunked\r\n" if self._chunked else "")
        self.started = True
        self._link.send_soon()

    async def write(self, data: bytes) -> None:
        """Waits while the client is slow. An empty piece is nothing."""
        if not self.put(data):
            await self._link.drained()

    def put(self, data: bytes) -> bool:
        """False: the client is slow."""
        if not self.started or self.finished:
            raise RuntimeError("write comes after start and before finish")
        if not data or self._silent:
            return True
        if self._chunked:
            data = b"%x\r\n%b\r\n" % (len(data), data)
        if self._pending:
            data = self._pending + data
            self._pending = b""
        return self._link.send(data)

    async def drained(self) -> None:
        await self._link.drained()

    async def finish(self) -> None:
        """The answer is whole. A second call does nothing."""
        if not self.started:
            raise RuntimeError("finish comes after start")
        if self.finished:
            return
        data = self._pending
        self._pending = b""
        if self._chunked and not self._silent:
            data += _LAST_CHUNK
        if data:
            self._link.send(data)
        self.finished = True
        if self._link.blocked:
            await self._link.drained()

    def flush(self) -> None:
        """Send a head that still waits for a first piece."""
        if self._pending:
            data, self._pending = self._pending, b""
            self._link.send(data)

    def probe(self) -> None:
        """Send something without meaning, if there is such a thing now: an interim answer, or the first digit of the
        next chunk's size, which may have leading zeros (RFC 9112, 7.1)."""
        if self.finished or self._silent or not self._head.http11:
            return
        if not self.started:
            self._link.send(_CONTINUE)
        elif self._chunked:
            self.flush()
            self._link.send(b"0")

    @property
    def wants_more(self) -> bool:
        """Whether the client may have sent another request already."""
        return self._head.keep_alive

    @property
    def cut_shows(self) -> bool:
        """Whether the client notices an answer without its end by itself."""
        return self._chunked or self._silent

    def _begin(self, status: int) -> None:
        if self.started:
            raise RuntimeError("the answer has been started already")
        self._silent = status in answer_head.NO_BODY or self._head.method == "HEAD"  # RFC 9110, 6.4.1

    def _encode(self, status: int, headers: list[tuple[str, str]], framing: str) -> bytes:
        self.keep = self._head.keep_alive and (self.body_complete or self._skippable()) and self._link.may_stay()
        if not framing and not self._silent:
            self.keep = False  # HTTP/1.0: the body ends with the connection
        if not self.keep:
            framing += "connection: close\r\n"
        elif not self._head.http11:
            framing += "connection: keep-alive\r\n"
        return answer_head.head(status, headers, framing + self._link.dates.line())

    def _skippable(self) -> bool:
        """Whether the connection can go on after what is left of the body (RFC 9112, 9.3)."""
        length = self._head.length
        if length is None or self._body_error is not None:
            return False
        # Who waits for "100 Continue" may send the body or not; only closing is unambiguous.
        return length - self._size <= UNREAD_BODY and (self._asked or not self._expects())
