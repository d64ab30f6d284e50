"""Server-sent events, both ways (WHATWG HTML, section 9.2).

Lines end in CR, LF or CRLF and nothing else: U+2028, U+2029 and U+0085 are ordinary characters of JSON text.
Enters: bytes at any cut. Leaves: SseEvent(event, data). Refuses: an event larger than its bound.
"""

from typing import NamedTuple

MAX_EVENT_BYTES = 32 * 1024 * 1024


class SseEvent(NamedTuple):
    """`event` is the value of the event: line ("" if there was none), `data` the data: lines joined by LF."""

    event: str
    data: bytes


class SseError(Exception):
    """An event larger than the bound."""


class SseDecoder:
    """Feed bytes, get complete events. Comments, id: and retry: lines are read over."""

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max = max_event_bytes
        self._buffer = bytearray()
        self._scanned = 0
        self._after_cr = False
        self._first = True
        self._event = ""
        self._data: list[bytes] = []
        self._data_bytes = 0

    def feed(self, data: bytes) -> list[SseEvent]:
        """The events that `data` completes. Raises SseError."""
        out: list[SseEvent] = []
        if self._after_cr and data:
            self._after_cr = False
            if data[:1] == b"\n":
                data = data[1:]
        buffer = self._buffer
        buffer += data
        if b"\r" in data:
            lines = self._lines_with_cr()
        else:
            end = buffer.rfind(b"\n", self._scanned)
            self._scanned = len(buffer)
            if end < 0:
                self._check_size()
                return out
            lines = bytes(buffer[:end]).split(b"\n")
            del buffer[: end + 1]
            self._scanned = len(buffer)
        for line in lines:
            if line:
                self._line(line)
            elif (event := self._dispatch()) is not None:
                out.append(event)
        self._check_size()
        return out

    def close(self) -> list[SseEvent]:
        """End of bytes. An event without its blank line is incomplete and is not reported (as browsers do)."""
        self._buffer.clear()
        self._data.clear()
        return []

    @property
    def pending(self) -> bool:
        """Whether bytes of an unfinished event are held."""
        return bool(self._buffer or self._data)

    def _lines_with_cr(self) -> list[bytes]:
        """All complete lines of the buffer, which holds CR somewhere; a CR at the very end may be half a CRLF."""
        buffer = self._buffer
        self._after_cr = buffer.endswith(b"\r")
        lines = bytes(buffer).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        rest = lines.pop()
        buffer[:] = rest
        self._scanned = len(buffer)
        return lines

    def _line(self, line: bytes) -> None:
        if self._first:
            self._first = False
            line = line.removeprefix(b"\xef\xbb\xbf")
        name, _, value = line.partition(b":")
        if value[:1] == b" ":
            value = value[1:]
        if name == b"data":
            self._data.append(value)
            self._data_bytes += len(value) + 1
        elif name == b"event":
            self._event = value.decode("utf-8", "replace")

    def _dispatch(self) -> SseEvent | None:
        event, data = self._event, self._data
        self._event = ""
        if not data:
            return None
        self._data = []
        self._data_bytes = 0
        return SseEvent(event, data[0] if len(data) == 1 else b"\n".join(data))

    def _check_size(self) -> None:
        if len(self._buffer) + self._data_bytes > self._max:
            raise SseError(f"an event of more than {self._max} bytes")


def encode(data: bytes, event: bytes = b"") -> bytes:
    """One frame. `data` is one line (JSON never holds a raw line break)."""
    if event:
        return b"event: " + event + b"\ndata: " + data + b"\n\n"
    return b"data: " + data + b"\n\n"
