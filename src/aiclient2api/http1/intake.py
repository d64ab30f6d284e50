"""What a client has sent and nobody has used yet: bytes in any pieces to heads and bodies, in their order.

Bytes that come too early are held; how many is for the connection to bound. Refuses heads over the limits, and as soon
as they show it those that can only become wrong.
"""

from aiclient2api.http1.messages import Limits
from aiclient2api.http1.request import EMPTY_LINE, Head, Refused, RequestParser

_LINE_ENDS = b"\r\n"


class Intake:
    """Asked by turns: `head` until there is one, then `body` until `complete`, then `head` again."""

    __slots__ = ("_limit", "_parser", "_rest", "_seen")

    def __init__(self, limits: Limits) -> None:
        self._limit = limits.head_bytes
        self._parser = RequestParser(limits)
        self._rest = bytearray()
        self._seen = 0  # bytes of `_rest` that are known to hold no end of a head

    @property
    def held(self) -> int:
        """Bytes that wait."""
        return len(self._rest)

    @property
    def complete(self) -> bool:
        """Whether the last head's body has come to its end."""
        return self._parser.complete

    def hold(self, data: bytes) -> int:
        """Keep bytes for later; returns how many wait."""
        self._rest += data
        return len(self._rest)

    def head(self, data: bytes) -> Head | None:
        """The next head, once it is whole; what follows it is held. Raises Refused."""
        rest = self._rest
        if rest or not data:
            rest += data
            if not self._seen and rest[:1] in _LINE_ENDS:
                rest[:] = rest.lstrip(_LINE_ENDS)
            end = rest.find(EMPTY_LINE, max(self._seen - 3, 0))
            if end < 0:
                self._incomplete()
                return None
            data = bytes(rest[: end + 4])
            del rest[: end + 4]
            self._seen = 0
            return self._parse(data)
        if data[0] in _LINE_ENDS:
            data = data.lstrip(_LINE_ENDS)  # RFC 9112, 2.2
        end = data.find(EMPTY_LINE)
        if end < 0:
            rest += data
            self._incomplete()
            return None
        end += 4
        if end < len(data):
            rest += data[end:]
            data = data[:end]
        return self._parse(data)

    def body(self, data: bytes = b"") -> bytes:
        """The piece of the body in `data` and in what is held; what follows the body is held. Raises Refused."""
        rest = self._rest
        if rest:
            data = bytes(rest) + data
            rest.clear()
        piece, used = self._parser.take(data)
        if used < len(data):
            rest += data[used:]
        return piece

    def close(self) -> None:
        """Of no use from now on."""
        self._rest.clear()
        self._parser.close()

    def _parse(self, data: bytes) -> Head:
        if len(data) > self._limit:
            raise self._too_large(data.find(_LINE_ENDS) <= self._limit)
        try:
            return self._parser.head(data)
        except Refused as refused:
            refused.head_only = data.startswith(b"HEAD ")
            raise

    def _incomplete(self) -> None:
        """The end of a head has not come: is it still possible?"""
        rest, seen = self._rest, self._seen
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
