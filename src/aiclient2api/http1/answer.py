"""An upstream's answer: bytes to status, headers and body pieces.

Enters: the bytes of one connection after a request. Leaves: what Inbound promises; compressed bodies are unpacked as
they are read. Refuses with BadAnswer what is not HTTP/1, is over the bounds, has a coding that was not asked for, or
unpacks to something out of all proportion.
Interim answers are skipped. What follows a whole answer spoils the connection, not the answer.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from functools import lru_cache
from itertools import chain
from typing import Protocol, Self

import httptools

from aiclient2api.http1.inflate import Inflater, decoder
from aiclient2api.http1.messages import BadAnswer, HttpError, Truncated

MAX_HEAD = 64 * 1024
MAX_FIELDS = 256
PIECE = 32 * 1024
"""What is handed out at once."""
MAX_UNPACKED = 4 * 1024 * 1024
"""What may be unpacked of one body whatever its packed size; beyond that, MAX_RATIO times the packed size."""
MAX_RATIO = 100
_SLICE = 16 * 1024
"""Packed bytes that are unpacked at a time, so that the ratio is known that well."""


class Source(Protocol):
    """The connection that an answer comes from."""

    def begun(self) -> None: ...
    def resume(self) -> None: ...
    def abort(self) -> None: ...


class Sink:
    """Where pieces go that are handed over as they come: a function of the reader's, who waits meanwhile. `full`: no
    more for now, or never again; `failure` is what the function raised, which is the reader's to see."""

    __slots__ = ("_take", "failure", "full")

    def __init__(self, take: Callable[[bytes], bool]) -> None:
        self._take = take
        self.full = False
        self.failure: BaseException | None = None

    def pour(self, piece: bytes) -> None:
        """Keeps errors, and that the client has left: they are no matter of the connection that feeds us."""
        try:
            self.full = not self._take(piece)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - it is raised where it belongs
            self.failure, self.full = error, True

    def told(self) -> BaseException:
        """The failure, to be raised. It is not kept: its frames will hold this sink."""
        failure, self.failure = self.failure, None
        assert failure is not None
        return failure


@lru_cache(maxsize=512)
def _lower(name: bytes) -> str:
    """Services send the same few names again and again."""
    return name.decode("latin-1").lower()


class Answer:
    """Fed by a connection (`feed`, `end`, `fail`), read by one caller.

    `headed`: status and headers are in. `complete`: so is the whole body. `buffered`: bytes not yet read.
    `until_close`: the body ends with the connection. `keep_alive`: the connection can serve another request.
    """

    __slots__ = (
        "_decoder", "_error", "_fault", "_fields", "_head_bytes", "_head_only", "_headers", "_interim", "_loop",
        "_packed", "_parser", "_pieces", "_sink", "_source", "_trailers", "_unpacked", "_waiter", "buffered",
        "complete", "headed", "keep_alive", "status", "until_close",
    )  # fmt: skip

    def __init__(self, source: Source, head_only: bool) -> None:
        self.status = 0
        self.headed = self.complete = self.until_close = False
        self.keep_alive = False
        self.buffered = 0
        self._source: Source | None = source
        self._loop = asyncio.get_running_loop()
        self._head_only = head_only
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        self._fields: list[tuple[bytes, bytes]] = []
        self._headers: dict[str, str] = {}
        self._head_bytes = 0
        self._trailers = 0
        self._interim = False
        self._decoder: Inflater | None = None
        self._packed = self._unpacked = 0
        self._pieces: list[bytes] = []
        self._fault = ""
        self._error: HttpError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._sink: Sink | None = None

    @property
    def headers(self) -> Mapping[str, str]:
        return self._headers

    # --- the connection's side

    def feed(self, data: bytes) -> None:
        """Bytes from the upstream. Raises BadAnswer."""
        if self._parser is None:
            return
        before = self.buffered
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            if not self.complete:
                raise BadAnswer(self._fault or "what the upstream sent is not an HTTP answer") from None
            self.keep_alive = False
        if not self.headed:
            self._head_bytes += len(data)
        elif self.buffered == before:
            self._trailers += len(data)
        else:
            self._trailers = 0
        if not self.complete and (self._head_bytes > MAX_HEAD or self._trailers > MAX_HEAD):
            raise BadAnswer("the headers of the answer are too large")
        sink = self._sink
        if sink is not None:
            while self._pieces and not sink.full:
                sink.pour(self._take())
            if not sink.full and not self.complete:
                return
        self._wake()

    def end(self) -> None:
        """The connection has ended, and with it a body that had no other end."""
        self.complete = True
        self._wake()

    def fail(self, error: HttpError) -> None:
        """The answer will not become whole; what has come of it can still be read."""
        if not self.complete and self._error is None:
            self._error = error
        self._parser = None
        self._wake()

    def detach(self) -> None:
        """The connection goes its own way."""
        self._source = self._parser = None

    # --- the reader's side

    async def head(self) -> None:
        """Wait for status and headers. Raises what the connection failed with."""
        while not self.headed:
            if self._error is not None:
                raise self._failure()
            waiter = self._waiter = self._loop.create_future()  # _news() without a coroutine of its own
            try:
                await waiter
            finally:
                self._waiter = None

    def chunks(self) -> AsyncIterator[bytes]:
        return self

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._decoder is not None:
            return await self._decoded(self._decoder)
        while not self._pieces:
            if self._error is not None:
                raise self._failure()
            if self.complete:
                raise StopAsyncIteration
            waiter = self._waiter = self._loop.create_future()  # as in head()
            try:
                await waiter
            finally:
                self._waiter = None
        return self._take()

    async def hand_over(self, take: Callable[[bytes], bool]) -> bool:
        """See messages.Inbound."""
        while True:
            while self._pieces or self._decoder is not None:
                try:
                    piece = await self.__anext__()
                except StopAsyncIteration:
                    return True
                if not take(piece):
                    return False
            if self._error is not None:
                raise self._failure()
            if self.complete:
                return True
            sink = self._sink = Sink(take)
            try:
                await self._news()
            finally:
                self._sink = None
            if sink.failure is not None:
                raise sink.told()
            if sink.full:
                return False

    async def read(self, limit: int) -> bytes:
        """The whole body, or its first `limit` bytes; the connection is closed if there is more."""
        if self.complete and self._decoder is None and self._pieces and self.buffered <= limit:
            return self._take(limit)  # it has come with the head
        body = bytearray()
        async for piece in self:
            body += piece
            if len(body) > limit:
                self.leave()
                break
        return bytes(body[:limit])

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.leave()

    def begun(self) -> None:
        """See messages.Inbound."""
        if self._source is not None and not self.complete:
            self._source.begun()

    def leave(self) -> None:
        """Nobody reads on: closes the connection unless the answer is whole."""
        if self._source is not None and not self.complete:
            self._source.abort()

    async def _decoded(self, decoder: Inflater) -> bytes:
        while True:
            if piece := decoder.take():
                self._unpacked += len(piece)
                if self._unpacked > max(MAX_UNPACKED, MAX_RATIO * self._packed):
                    raise BadAnswer("the compressed body of the answer is out of all proportion")
                return piece
            if self._pieces:
                data = self._take(_SLICE)
                self._packed += len(data)
                decoder.feed(data)
            elif self._error is not None:
                raise self._failure()
            elif self.complete:
                decoder.end()
                raise StopAsyncIteration
            else:
                await self._news()

    def _take(self, most: int = PIECE) -> bytes:
        """What has come, at most so much of it: whoever reads makes copies, and they should be small."""
        if self.buffered > most:
            data, rest = self._pieces[0][:most], self._pieces[0][most:]
            self._pieces[:1] = [rest] if rest else []
            self.buffered -= len(data)
            return data
        data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self.buffered = 0
        if self._source is not None:
            self._source.resume()
        return data

    async def _news(self) -> None:
        waiter = self._waiter = self._loop.create_future()
        try:
            await waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _failure(self) -> HttpError:
        """What the answer has failed with, to be raised. It is not kept: its frames will lead back here."""
        error, self._error = self._error, Truncated("the answer has failed before")
        assert error is not None
        return error

    # --- the parser's side; what is raised here ends the feeding

    def on_message_begin(self) -> None:
        if self.complete:
            raise ValueError("bytes after the answer")
        self._head_bytes += 16
        self._fields.clear()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.headed:
            self._trailers += len(name) + len(value) + 4
        else:
            self._fields.append((name, value))
        if self._trailers > MAX_HEAD or len(self._fields) > MAX_FIELDS:
            self._refuse("the headers of the answer are too large")

    def on_headers_complete(self) -> None:
        assert self._parser is not None
        status = self._parser.get_status_code()
        self._interim = 100 <= status < 200
        self._head_bytes += sum(map(len, chain.from_iterable(self._fields)))
        if self._head_bytes > MAX_HEAD:
            self._refuse("the headers of the answer are too large")
        if status == 101 or self._parser.get_http_version() not in ("1.0", "1.1"):
            self._refuse("the upstream changed to another protocol or version")
        if self._interim:
            return
        self.status = status
        self.keep_alive = self._parser.should_keep_alive()
        self._read_fields()
        self._choose_framing(self._headers)
        self.headed = True

    def on_body(self, data: bytes) -> None:
        if self.complete:
            raise ValueError("bytes after the answer")
        self._pieces.append(data)
        self.buffered += len(data)

    def on_message_complete(self) -> None:
        if not self._interim:
            self.complete = True

    def _read_fields(self) -> None:
        headers = self._headers
        for raw, value in self._fields:
            name = _lower(raw)
            text = value.decode("latin-1").strip(" \t")
            headers[name] = f"{headers[name]}, {text}" if name in headers else text
        self._fields.clear()

    def _choose_framing(self, headers: dict[str, str]) -> None:
        coding = headers.get("transfer-encoding")
        if coding is not None and coding.lower() != "chunked":
            self._refuse("the answer has a Transfer-Encoding other than chunked")
        if self._head_only:
            self.complete = True
            return
        length = headers.get("content-length")
        if self.status in (204, 304) or length == "0":
            return
        self.until_close = coding is None and length is None
        packing = headers.get("content-encoding", "identity")
        if packing.lower() == "identity":
            return
        self._decoder = decoder(packing)
        if self._decoder is None:
            self._refuse("the answer has a Content-Encoding that was not asked for")
        headers.pop("content-encoding")
        headers.pop("content-length", None)

    def _refuse(self, why: str) -> None:
        self._fault = why
        raise ValueError(why)
