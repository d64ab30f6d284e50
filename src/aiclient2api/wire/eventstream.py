"""AWS event streams, both ways (application/vnd.amazon.eventstream; AWS event stream specification).

Frame: total length u32, headers length u32, CRC32 of these 8 bytes, headers, payload, CRC32 of all before; big-endian.
Enters: bytes at any cut. Leaves: Message(headers, payload). Refuses: a wrong checksum (the frame border is lost then),
lengths beyond the bounds, malformed or doubled headers. A length is believed only after its own checksum was right.
"""

import struct
import uuid
import zlib
from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

MAX_HEADERS_BYTES = 128 * 1024
MAX_PAYLOAD_BYTES = 24 * 1024 * 1024
_PRELUDE = struct.Struct(">III")
_U32 = struct.Struct(">I")
_prelude, _u32 = _PRELUDE.unpack_from, _U32.unpack_from
_OVERHEAD = 16
_MAX_NAME = 255
_MAX_VALUE = 2**16 - 1
_KNOWN_BLOCKS = 64
_KNOWN_BLOCK_BYTES = 1024

HeaderValue = bool | int | bytes | str | uuid.UUID


class Message(NamedTuple):
    headers: Mapping[str, HeaderValue]
    payload: bytes


class EventStreamError(Exception):
    """The bytes are not an event stream, or not any more."""


_message = partial(tuple.__new__, Message)
"""Message without the detour through its constructor, which is Python."""


class _Damaged(Exception):
    """Damage in the frame that begins `at` this byte."""

    def __init__(self, at: int, what: str) -> None:
        super().__init__(what)
        self.at = at


class EventStreamDecoder:
    """Feed bytes, get complete messages; close() tells whether bytes were left over (the stream was cut)."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._need = 0
        self._known: dict[bytes, Mapping[str, HeaderValue]] = {}
        self._wrong = ""
        """What is wrong; a kept error would hold who has called, who holds this."""

    def feed(self, data: bytes) -> list[Message]:
        """The messages that `data` completes.

        Raises EventStreamError for damage; messages before it come out first, and the next call raises. The decoder
        is of no use after that, and close() counts the damaged bytes.
        """
        if self._wrong:
            raise EventStreamError(self._wrong)
        buffer = self._buffer
        if buffer:
            buffer += data
            if len(buffer) < self._need:
                return []
            data = bytes(buffer)
            buffer.clear()
        out: list[Message] = []
        at = 0
        try:
            at = self._frames(data, out)
        except _Damaged as damaged:
            at, self._wrong = damaged.at, str(damaged)
        if at < len(data):
            buffer += data[at:]
            self._need = _PRELUDE.size if len(buffer) < _PRELUDE.size else _U32.unpack_from(buffer)[0]
        if self._wrong and not out:
            raise EventStreamError(self._wrong)
        return out

    def check(self) -> None:
        """Raises EventStreamError if a frame was damaged behind the last sound one."""
        if self._wrong:
            raise EventStreamError(self._wrong)

    def close(self) -> int:
        """The number of bytes left over at the end; not 0 means truncation."""
        return len(self._buffer)

    def _frames(self, data: bytes, out: list[Message]) -> int:
        """The whole frames at the start of `data`; returns where they end. Raises _Damaged."""
        at, size, known_blocks, crc = 0, len(data), self._known, zlib.crc32
        while size - at >= 12:
            total, headers, checksum = _prelude(data, at)
            if crc(data[at : at + 8]) != checksum:
                raise _Damaged(at, "checksum of a frame's prelude is wrong")
            if headers > MAX_HEADERS_BYTES or total - headers - _OVERHEAD > MAX_PAYLOAD_BYTES:
                raise _Damaged(at, "a frame is larger than the protocol allows")
            if total < headers + _OVERHEAD:
                raise _Damaged(at, "a frame's lengths contradict each other")
            end = at + total
            if end > size:
                break
            if crc(data[at : end - 4]) != _u32(data, end - 4)[0]:
                raise _Damaged(at, "checksum of a frame is wrong")
            body = at + 12 + headers
            block = data[at + 12 : body]
            known = known_blocks.get(block)
            if known is None:
                known = self._learn(block, at)
            out.append(_message((known, data[body : end - 4])))
            at = end
        return at

    def _learn(self, block: bytes, at: int) -> Mapping[str, HeaderValue]:
        """Headers that have not been seen. Raises _Damaged."""
        try:
            headers = MappingProxyType(decode_headers(block))
        except EventStreamError as error:
            raise _Damaged(at, str(error)) from error
        if len(self._known) < _KNOWN_BLOCKS and len(block) <= _KNOWN_BLOCK_BYTES:
            self._known[block] = headers
        return headers


_FIXED: dict[int, struct.Struct] = {
    2: struct.Struct(">b"),
    3: struct.Struct(">h"),
    4: struct.Struct(">i"),
    5: struct.Struct(">q"),
    8: struct.Struct(">q"),
}


def decode_headers(block: bytes) -> dict[str, HeaderValue]:
    """A frame's header block. Raises EventStreamError."""
    out: dict[str, HeaderValue] = {}
    at = 0
    try:
        while at < len(block):
            size = block[at]
            name = block[at + 1 : at + 1 + size]
            if size == 0 or len(name) != size:
                raise EventStreamError("a header's name is empty or cut")
            key = name.decode()
            if key in out:
                raise EventStreamError("a header stands twice")
            out[key], at = _decode_value(block, at + 1 + size)
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise EventStreamError("a header is malformed") from error
    return out


def _decode_value(block: bytes, at: int) -> tuple[HeaderValue, int]:
    kind = block[at]
    at += 1
    if kind in (0, 1):
        return kind == 0, at
    if kind in _FIXED:
        form = _FIXED[kind]
        return form.unpack_from(block, at)[0], at + form.size
    if kind in (6, 7):
        value = _taken(block, at + 2, int.from_bytes(_taken(block, at, 2), "big"))
        return (value if kind == 6 else value.decode()), at + 2 + len(value)
    if kind == 9:
        return uuid.UUID(bytes=_taken(block, at, 16)), at + 16
    raise EventStreamError(f"unknown header type {kind}")


def _taken(block: bytes, at: int, size: int) -> bytes:
    value = block[at : at + size]
    if len(value) != size:
        raise EventStreamError("a header's value is cut")
    return value


def encode(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One frame with string headers. Raises EventStreamError for what does not fit into one."""
    block = b"".join(_encode_header(name.encode(), value.encode()) for name, value in headers.items())
    if len(block) > MAX_HEADERS_BYTES or len(payload) > MAX_PAYLOAD_BYTES:
        raise EventStreamError("a frame larger than the protocol allows")
    lengths = struct.pack(">II", _OVERHEAD + len(block) + len(payload), len(block))
    frame = lengths + _U32.pack(zlib.crc32(lengths)) + block + payload
    return frame + _U32.pack(zlib.crc32(frame))


def _encode_header(name: bytes, value: bytes) -> bytes:
    if not 0 < len(name) <= _MAX_NAME or len(value) > _MAX_VALUE:
        raise EventStreamError("a header larger than the protocol allows")
    return bytes((len(name),)) + name + b"\x07" + len(value).to_bytes(2, "big") + value
