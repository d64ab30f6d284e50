"""Server-sent events, both ways (WHATWG HTML, section 9.2).

Lines end in CR, LF or CRLF and nothing else: U+2028, U+2029 and U+0085 are ordinary characters of JSON text.
Enters: bytes at any cut. Leaves: SseEvent(event, data). Refuses: an event larger than its bound.
"""

from functools import partial
from typing import NamedTuple

MAX_EVENT_BYTES = 32 * 1024 * 1024
_LF = 10
_BOM = b"\xef\xbb\xbf"


class SseEvent(NamedTuple):
    """`event` is the value of the event: line ("" if there was none), `data` the data: lines joined by LF."""

    event: str
    data: bytes


_event = partial(tuple.__new__, SseEvent)
"""SseEvent without the detour through its constructor, which is Python."""


class SseError(Exception):
    """An event larger than the bound."""


class SseDecoder:
    """Feed bytes, get complete events. Comments, id: and retry: lines are read over."""

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max = max_event_bytes
        self._rest = bytearray()
        """The line that has no end yet; it never holds CR or LF."""
        self._after_cr = False
        self._first = True
        self._between = False
        """Whether the next byte begins an event, and not the first one."""
        self._event = ""
        self._data: list[bytes] = []
        self._data_bytes = 0
        self._wrong = ""
        """What is wrong; a kept error would hold who has called, who holds this."""

    def feed(self, data: bytes) -> list[SseEvent]:
        """The events that `data` completes.

        Raises SseError for an event over the bound; events before it come out first, and the next call raises. The
        decoder is of no use after that.
        """
        if self._wrong:
            raise SseError(self._wrong)
        out: list[SseEvent] = []
        plain = data.replace(b"\r\n", b"\n") if b"\r" in data else data
        if self._between and plain.endswith(b"\n\n") and (plain is data or b"\r" not in plain):
            sound = self._frames(plain, out)
        else:
            sound = self._take(self._lines(data), out)
            self._between = not (self._first or self._after_cr or self._event or self._rest or self._data)
        if not sound:
            self._wrong = f"an event of more than {self._max} bytes"
            self._drop()
            if not out:
                raise SseError(self._wrong)
        return out

    def _frames(self, data: bytes, out: list[SseEvent]) -> bool:
        """Whole events and nothing else, which is what nearly every read brings. Returns as _take."""
        at, size, most = 0, len(data), self._max
        while at < size:
            end = data.find(b"\n", at)
            if data.startswith(b"data: ", at) and data[end + 1] == _LF and end - at <= most:
                out.append(_event(("", data[at + 6 : end])))
                at = end + 2
                continue
            last = data.find(b"\n", end + 1)
            if (
                data.startswith(b"event: ", at)
                and data.startswith(b"data: ", end + 1)
                and data[last + 1] == _LF
                and last - at <= most
            ):
                out.append(_event((data[at + 7 : end].decode("utf-8", "replace"), data[end + 7 : last])))
                at = last + 2
                continue
            last = data.find(b"\n\n", at)
            if last < 0:  # one more blank line
                break
            if not self._take([*data[at:last].split(b"\n"), b""], out):
                return False
            at = last + 2
        return True

    def _take(self, lines: list[bytes], out: list[SseEvent]) -> bool:
        """Lines in any form; False if an event is over the bound."""
        if self._first and lines:
            self._first = False
            lines[0] = lines[0].removeprefix(_BOM)
        name, held, size, most = self._event, self._data, self._data_bytes, self._max
        for line in lines:
            if size + len(line) > most:
                return False
            if not line:
                if held:
                    out.append(_event((name, held[0] if len(held) == 1 else b"\n".join(held))))
                    held.clear()
                    size = 0
                name = ""
            elif line.startswith(b"data: "):
                held.append(line[6:])
                size += len(line) - 5
            elif line.startswith(b"event: "):
                name = line[7:].decode("utf-8", "replace")
            else:
                name, more = self._other(line, name)
                size += more
        self._event, self._data_bytes = name, size
        return size + len(self._rest) <= most

    def close(self) -> list[SseEvent]:
        """End of bytes. An event without its blank line is incomplete and is not reported (as browsers do)."""
        self._drop()
        return []

    @property
    def pending(self) -> bool:
        """Whether bytes of an unfinished event are held."""
        return bool(self._rest or self._data)

    def _lines(self, data: bytes) -> list[bytes]:
        """The lines that `data` completes. A CR at its very end may be half a CRLF."""
        if self._after_cr and data:
            self._after_cr = False
            data = data.removeprefix(b"\n")
        if b"\r" in data:
            self._after_cr = data.endswith(b"\r")
            data = _with_lf(data)
        if b"\n" not in data:
            self._rest += data
            return []
        lines = data.split(b"\n")
        rest = lines.pop()
        if self._rest:
            lines[0] = bytes(self._rest) + lines[0]
        self._rest[:] = rest
        return lines

    def _other(self, line: bytes, name: str) -> tuple[str, int]:
        """A line in a form that is seldom used: the event's name after it, and the bytes it added to the data."""
        field, _, value = line.partition(b":")
        if value[:1] == b" ":
            value = value[1:]
        if field == b"data":
            self._data.append(value)
            return name, len(value) + 1
        return (value.decode("utf-8", "replace") if field == b"event" else name), 0

    def _drop(self) -> None:
        self._rest.clear()
        self._data.clear()
        self._data_bytes = 0


def _with_lf(data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def encode(data: bytes, event: bytes = b"") -> bytes:
    """One frame. Line breaks in `data` (white space of a raw JSON member) become data: lines of their own."""
    if b"\n" in data or b"\r" in data:
        data = _with_lf(data).replace(b"\n", b"\ndata: ")
    if event:
        return b"event: " + event + b"\ndata: " + data + b"\n\n"
    return b"data: " + data + b"\n\n"
