"""What a client has sent and nobody has used yet: bytes in any pieces to heads and bodies, in their order.

Bytes that come too early are held; how many is for the connection to bound. Refuses heads over the limits, and as soon
as they show it those that can only become wrong.
"""

from aiclient2api.http1.messages import Limits
from aiclient2api.http1.request import EMPTY_LINE, Head, Refused, RequestParser

_LINE_ENDS = b"\r\n"


class Intake:
    """Asked by turns: `head` until there is one, then `body` until `complete`, then `head` again.

    `rest`: bytes that wait, as they came or several pieces put together."""

    __slots__ = ("_limit", "_parser", "_seen", "rest")

    def __init__(self, limits: Limits) -> None:
        self._limit = limits.head_bytes
        self._parser = RequestParser(limits)
        self.rest: bytes | bytearray = b""
        self._seen = 0  # bytes of `rest` that are known to hold no end of a head

    @property
    def complete(self) -> bool:
        """Whether the last head's body has come to its end."""
        return self._parser.complete

    def hold(self, data: bytes) -> int:
        """Keep bytes for later; returns how many wait."""
        if not self.rest:
            self.rest = data
        elif data:
            self._gather().extend(data)
        return len(self.rest)

    def head(self, data: bytes) -> Head | None:
        """The next head, once it is whole; what follows it is held. Raises Refused."""
        if self.rest:
            return self._gathered_head(data)
        if data[0] in _LINE_ENDS:
            data = data.lstrip(_LINE_ENDS)  # RFC 9112, 2.2
        end = data.find(EMPTY_LINE) + 4
        if end < 4:
            self.rest = data
            self._check_part()
            return None
        if end < len(data):
            self.rest = data[end:]
            data = data[:end]
        return self._parse(data)

    def body(self, data: bytes = b"") -> bytes:
        """The piece of the body in what is held and in `data`; what follows the body is held. Raises Refused."""
        if self.rest:
            self.hold(data)
            data, self.rest = bytes(self.rest), b""
        piece, used = self._parser.take(data)
        if used < len(data):
            self.rest = data[used:]
        return piece

    def close(self) -> None:
        """Of no use from now on."""
        self.rest = b""
        self._parser.close()

    def _gather(self) -> bytearray:
        rest = self.rest
        if isinstance(rest, bytes):
            self.rest = rest = bytearray(rest)
        return rest

    def _gathered_head(self, data: bytes) -> Head | None:
        """A head that begins in what is held."""
        rest = self._gather()
        rest += data
        if not self._seen and rest[0] in _LINE_ENDS:
            rest[:] = rest.lstrip(_LINE_ENDS)
        end = rest.find(EMPTY_LINE, max(self._seen - 3, 0)) + 4
        if end < 4:
            self._check_part()
            return None
        data = bytes(rest[:end])
        del rest[:end]
        self._seen = 0
        return self._parse(data)

    def _parse(self, data: bytes) -> Head:
        if len(data) > self._limit:
            raise self._too_large(data.find(_LINE_ENDS) <= self._limit)
        try:
            return self._parser.head(data)
        except Refused as refused:
            refused.head_only = data.startswith(b"HEAD ")
            raise

    def _check_part(self) -> None:
        """The end of a head has not come: is it still possible? Raises Refused."""
        rest, seen = self.rest, self._seen
        if not rest:
            return
        if not 65 <= rest[0] <= 90:
            raise Refused(400, "this is not an HTTP request")
        at = rest.find(b"\n", seen)
        while at >= 0:
            if rest[at - 1] != 13:
                raise Refused(400, "a line of the request ends without CR")
            at = rest.find(b"\n", at + 1)
        if len(rest) > self._limit:
            raise self._too_large(_LINE_ENDS in rest)
        self._seen = len(rest)

    def _too_large(self, has_line: bool) -> Refused:
        if has_line:
            return Refused(431, f"the request's headers are over the limit of {self._limit} bytes")
        return Refused(414, f"the request target is over the limit of {self._limit} bytes")
