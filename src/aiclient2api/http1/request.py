"""Requests: bytes to heads and body pieces. The only place of the server that knows the parser (llhttp by httptools).

llhttp has no way to stop between two messages. So it is fed up to places where a message can end, and not beyond: an
empty line (CR LF CR LF) ends every head and every chunked body, a count ends the others. What follows stays outside.
Refuses all that two readers could understand differently (RFC 9112, 11.2).
"""

import re
from collections.abc import Mapping

import httptools
import msgspec

from aiclient2api.http1 import target as targets
from aiclient2api.http1.messages import Limits

EMPTY_LINE = b"\r\n\r\n"
# Bytes of chunk sizes, extensions and trailers between two pieces of a body.
_MAX_CHUNK_OVERHEAD = 16 * 1024
_ONCE_ONLY = frozenset({"host", "content-length", "transfer-encoding"})
_REQUEST_LINE = re.compile(rb"[A-Z]+ [!-~]+ HTTP/[0-9]+(?:\.[0-9]+)?")
_VERSIONS = "only HTTP/1.1 and HTTP/1.0 are spoken here"
_UPGRADE = re.compile(rb"\r\nupgrade:[^\r\n]*", re.IGNORECASE)


class Refused(Exception):
    """A request that is answered with `status` by the server itself; the connection ends with it. `head_only`: that
    answer may have no body."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.head_only = False


class Head(msgspec.Struct, frozen=True):
    """A request without its body. `length` of the body is None if it is chunked."""

    method: str
    target: str
    path: str
    query: str
    headers: Mapping[str, str]
    length: int | None
    http11: bool
    keep_alive: bool


class RequestParser:
    """Turns by turns: `head` with the bytes of one head, then `take` until `complete`."""

    __slots__ = ("_http", "_keep_alive", "_left", "_max_headers", "_pieces", "_quiet", "_tail", "complete")

    def __init__(self, limits: Limits) -> None:
        self._max_headers = limits.header_count
        self._http: httptools.HttpRequestParser = httptools.HttpRequestParser(self)
        self._keep_alive = False
        self._left: int | None = 0
        self._pieces: list[bytes] = []
        self._tail = b""
        self._quiet = 0
        self.complete = True

    def head(self, data: bytes) -> Head:
        """`data`: a whole head, from the method to the empty line. Raises Refused."""
        self.complete = False
        try:
            self._http.feed_data(data)
        except httptools.HttpParserUpgrade:
            return self._without_upgrade(data)
        except httptools.HttpParserError as error:
            raise _reason(data, error) from None
        return self._read_head(data.decode("latin-1"))

    def take(self, data: bytes) -> tuple[bytes, int]:
        """The piece of the body that is in `data`, and how many of its bytes belong to the body. Raises Refused."""
        left = self._left
        if left is None:
            with memoryview(data) as view:
                at = self._take_chunks(data, view)
        else:
            at = min(len(data), left)
            self._left = left - at
            self._http.feed_data(data if at == len(data) else data[:at])
        pieces = self._pieces
        piece = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        return piece, at

    def close(self) -> None:
        """Of no use from now on; the parser lets go of its callbacks."""
        del self._http

    def on_headers_complete(self) -> None:
        self._keep_alive = self._http.should_keep_alive()  # llhttp forgets it with the end of the message

    def on_body(self, body: bytes) -> None:
        self._pieces.append(body)

    def on_message_complete(self) -> None:
        if self.complete:
            raise ValueError("a second request in one piece")
        self.complete = True

    def _take_chunks(self, data: bytes, view: memoryview) -> int:
        """Up to each empty line by turns, until one of them is the end of the body."""
        size = len(data)
        at = 0
        while at < size and not self.complete:
            end = self._stop(data, at)
            before = len(self._pieces)
            try:
                self._http.feed_data(view[at:end])
            except httptools.HttpParserError:
                raise Refused(400, "the chunked body is malformed") from None
            if len(self._pieces) > before:
                self._quiet = 0
            else:
                self._quiet += end - at
            if self._quiet > _MAX_CHUNK_OVERHEAD and not self.complete:
                raise Refused(400, "the chunked body has too much besides its chunks")
            at = end
        return at

    def _stop(self, data: bytes, at: int) -> int:
        """The end of the next empty line, or of `data`. A line may be cut: `_tail` is the end of the data before."""
        tail = self._tail
        if tail:
            self._tail = b""
            across = (tail + data[:3]).find(EMPTY_LINE)
            if across >= 0:
                return across + len(EMPTY_LINE) - len(tail)
        found = data.find(EMPTY_LINE, at)
        if found >= 0:
            return found + len(EMPTY_LINE)
        self._tail = (tail + data[max(at, len(data) - 3) :])[-3:]
        return len(data)

    def _read_head(self, text: str) -> Head:
        """Take apart a head that llhttp has found well-formed."""
        lines = text.split("\r\n")
        if len(lines) > self._max_headers + 3:
            raise Refused(431, f"the request has more than {self._max_headers} headers")
        method, url, http11 = _request_line(lines[0])
        headers = _fields(lines)
        try:
            path, query, authority = targets.parse(url, method)
        except targets.BadTarget as error:
            raise Refused(400, str(error)) from None
        _check_host(headers, http11, authority)
        self._left = _body_length(headers, http11)
        self._tail = b""
        self._quiet = 0
        return Head(method, url, path, query, headers, self._left, http11, self._keep_alive)

    def _without_upgrade(self, data: bytes) -> Head:
        """An offer to upgrade may be ignored (RFC 9110, 7.8), and some clients make it with every request (h2c)."""
        plain = _UPGRADE.sub(b"", data)
        if plain == data:
            raise Refused(501, "CONNECT is not offered here")
        self._http = httptools.HttpRequestParser(self)
        return self.head(plain)


def _request_line(line: str) -> tuple[str, str, bool]:
    """Method, target, and whether the version is 1.1. llhttp also takes 0.9, 2.0, RTSP and extra spaces."""
    parts = line.split(" ")
    if len(parts) != 3:
        raise Refused(400, "the request line is malformed")
    method, url, version = parts
    if version == "HTTP/1.1":
        return method, url, True
    if version == "HTTP/1.0":
        return method, url, False
    raise Refused(505, _VERSIONS)


def _fields(lines: list[str]) -> dict[str, str]:
    """Lower-case names to values; llhttp has refused folded lines, so a line is a field."""
    headers: dict[str, str] = {}
    for line in lines[1:-2]:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip(" \t")
    return headers if len(headers) == len(lines) - 3 else _repeated_fields(lines)


def _repeated_fields(lines: list[str]) -> dict[str, str]:
    """The same if a name comes more than once."""
    headers: dict[str, str] = {}
    for line in lines[1:-2]:
        name, _, value = line.partition(":")
        name = name.lower()
        value = value.strip(" \t")
        if name not in headers:
            headers[name] = value
        elif name in _ONCE_ONLY:
            raise Refused(400, f"the header {name} came twice")
        else:
            headers[name] = f"{headers[name]}, {value}"
    return headers


def _check_host(headers: dict[str, str], http11: bool, authority: str | None) -> None:
    host = headers.get("host")
    if host is None:
        if http11:
            raise Refused(400, "the request has no Host header")
    elif not targets.is_authority(host):
        raise Refused(400, "the Host header is malformed")
    if authority is None:
        return
    # RFC 9112, 3.2.2 lets the target win; two different names are more likely an attack than a proxy's habit.
    if host is not None and host.lower() != authority.lower():
        raise Refused(400, "the Host header and the request target name different hosts")
    headers["host"] = authority


def _body_length(headers: dict[str, str], http11: bool) -> int | None:
    coding = headers.get("transfer-encoding")
    if coding is None:
        return int(headers.get("content-length", "0"))
    if not http11:
        raise Refused(400, "HTTP/1.0 has no Transfer-Encoding")
    if coding.lower() != "chunked":
        raise Refused(501, "only chunked is taken as Transfer-Encoding")
    return None


def _reason(data: bytes, error: httptools.HttpParserError) -> Refused:
    """Why llhttp did not take a head."""
    line = data[: data.find(b"\r\n")]
    if not _REQUEST_LINE.fullmatch(line):
        return Refused(400, "the request is not well-formed HTTP")
    if not line.endswith((b" HTTP/1.1", b" HTTP/1.0")):
        return Refused(505, _VERSIONS)
    if isinstance(error, httptools.HttpParserInvalidMethodError):
        return Refused(501, "the method is not known here")
    return Refused(400, "the request is not well-formed HTTP")
