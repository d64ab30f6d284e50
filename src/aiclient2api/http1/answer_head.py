"""Heads of answers: status, headers and framing to bytes.

Refuses what would break the framing or let a value write headers of its own: control characters in a value, which
parsers of clients do not take either, a name that is no token (RFC 9110, 5.1 and 5.5), and the fields that only the
server may set.
"""

import re
import time
from collections.abc import Sequence
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

Headers = Sequence[tuple[str, str]]

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_SET_BY_SERVER = frozenset({"connection", "content-length", "date", "keep-alive", "transfer-encoding", "upgrade"})
_CONTROLS = bytes(each for each in (*range(32), 127) if each != 9)
NO_BODY = frozenset({204, 304})
_PHRASES = {status.value: status.phrase for status in HTTPStatus}


class DateLine:
    """The Date field, made anew at most once a second."""

    __slots__ = ("_line", "_second")

    def __init__(self) -> None:
        self._second = -1
        self._line = ""

    def line(self) -> str:
        now = int(time.time())
        if now != self._second:
            self._second = now
            self._line = f"date: {formatdate(now, usegmt=True)}\r\n"
        return self._line


def head(status: int, headers: Headers, framing: str) -> bytes:
    """Status line, `headers`, and `framing` (complete lines that the server adds). Raises ValueError."""
    fields = "".join([f"{_field_name(name)}: {value}\r\n" for name, value in headers]).encode("latin-1")
    if len(fields) - len(fields.translate(None, _CONTROLS)) != 2 * len(headers):
        raise ValueError("a header value contains control characters")
    return b"%b%b%b\r\n" % (_status_line(status), fields, framing.encode("latin-1"))


@lru_cache(maxsize=256)
def _status_line(status: int) -> bytes:
    if not 200 <= status <= 999:
        raise ValueError(f"{status} is not the status of a final answer")
    return f"HTTP/1.1 {status} {_PHRASES.get(status, '')}\r\n".encode("latin-1")


@lru_cache(maxsize=256)
def _field_name(name: str) -> str:
    if not _TOKEN.fullmatch(name):
        raise ValueError(f"{name[:40]!r} is not a header name")
    if name.lower() in _SET_BY_SERVER:
        raise ValueError(f"the header {name} is set by the server alone")
    return name
