"""Bounded decoding of gzip and deflate bodies, for upstreams that compress although they were asked not to.

Enters: compressed bytes in any pieces. Leaves: pieces of at most PIECE bytes, one per `take`, so that a bomb is
unpacked only as fast as somebody reads it. Refuses other codings (None from `decoder`), broken data
(BadAnswer), and a body that ends before its compressed form does (Truncated).
"""

import zlib

from aiclient2api.http1.messages import BadAnswer, Truncated

PIECE = 64 * 1024
_SLICE = 16 * 1024  # zlib copies what it did not take; small slices keep that copy small

_GZIP = frozenset(("gzip", "x-gzip"))


class Inflater:
    """One compressed body."""

    def __init__(self, gzip: bool) -> None:
        self._gzip = gzip
        self._engine = zlib.decompressobj(wbits=31) if gzip else None
        self._input = bytearray()
        self._begun = False
        self._blocked = False
        self._full = False

    @property
    def pending(self) -> bool:
        """Whether `take` may have more to give without new input."""
        return self._full or (bool(self._input) and not self._blocked)

    def feed(self, data: bytes) -> None:
        self._input += data
        self._blocked = False

    def take(self) -> bytes:
        """The next piece; empty if more input is needed. Raises BadAnswer."""
        try:
            while self.pending:
                if piece := self._step():
                    return piece
        except zlib.error as exc:
            raise BadAnswer("the compressed body of the answer is broken") from exc
        return b""

    def end(self) -> None:
        """The body has ended. Raises Truncated if its compressed form has not."""
        if self._input or (self._begun and self._engine is not None and not self._engine.eof):
            raise Truncated("the compressed body of the answer ended too early")

    def _step(self) -> bytes:
        if self._engine is None and not self._choose():
            return b""
        if self._engine is None or self._engine.eof:
            if not self._gzip:
                raise BadAnswer("the answer has bytes after its compressed body")
            self._engine = zlib.decompressobj(wbits=31)  # gzip may have several members (RFC 1952, 2.2)
        self._begun = True
        part = bytes(self._input[:_SLICE])
        piece = self._engine.decompress(part, PIECE)
        self._full = len(piece) == PIECE and not self._engine.eof  # zlib may hold output back without any input left
        rest = len(self._engine.unused_data) if self._engine.eof else len(self._engine.unconsumed_tail)
        del self._input[: len(part) - rest]
        return piece

    def _choose(self) -> bool:
        """Deflate should have a zlib header (RFC 9110, 8.4.1.2), some senders leave it out: two bytes tell."""
        if len(self._input) < 2:
            self._blocked = True
            return False
        wrapped = self._input[0] & 0x0F == 8 and int.from_bytes(self._input[:2], "big") % 31 == 0
        self._engine = zlib.decompressobj(wbits=15 if wrapped else -15)
        return True


def decoder(coding: str) -> Inflater | None:
    """The decoder of a Content-Encoding; None if it is unknown."""
    name = coding.strip().lower()
    if name in _GZIP:
        return Inflater(gzip=True)
    return Inflater(gzip=False) if name == "deflate" else None
