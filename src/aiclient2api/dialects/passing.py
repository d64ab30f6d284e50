"""Same dialect on both sides: the client's bytes go to the upstream, the upstream's bytes to the client.

Enters: a streamed answer and the reader of its dialect's frames. Leaves: Verbatim with the same bytes, but for what the
reader changes, and Failed for a cut stream. A stream is looked at block by block, and taken apart only where a block
holds something to know. What is no stream at all (a page, an error object) is left to the dialect's own decoder.
"""

import re
from collections.abc import Mapping

import msgspec

from aiclient2api.canonical.errors import GatewayError, Kind
from aiclient2api.canonical.events import Event, Failed, Finish, Verbatim
from aiclient2api.dialects.base import FrameReader, Passing, Peek, Seen, StreamDecoder
from aiclient2api.wire import jsonio
from aiclient2api.wire.sse import MAX_EVENT_BYTES

_FRAME_END = re.compile(rb"(?>\r\n|\n|\r(?!\n|\Z))(?>\r\n|\n|\r(?!\n|\Z))")
"""A blank line (WHATWG HTML, 9.2). A return at the very end may be half of a line end, and waits."""
_NOT_A_STREAM = (b"{", b"[", b"<")


class _Glanced(msgspec.Struct):
    model: str = ""
    stream: bool | None = None


def glance(passing: Passing, body: bytes, headers: Mapping[str, str]) -> Peek:
    """What `peek` tells of a body that is going to be translated, and so read in whole later: a good deal cheaper. What
    does not tell its model is for `peek` to refuse."""
    try:
        found = jsonio.decode(body, _Glanced)
    except jsonio.JsonError:
        found = _Glanced()
    if not found.model.strip():
        return passing.peek(body, headers)
    return Peek(found.model, bool(found.stream), native=False)


class PassingDecoder:
    """One per streamed answer. `fallback` reads what is no event stream."""

    def __init__(self, reader: FrameReader, fallback: StreamDecoder) -> None:
        self._reader = reader
        self._fallback = fallback
        self._pieces: list[bytes] = []
        self._held = 0
        self._tail = b""
        self._begun = False
        self._is_stream = True
        self._committed = False
        self._finish: Finish | None = None
        self._over = False

    def feed(self, data: bytes) -> list[Event]:
        if self._over:
            return []
        if not self._begun:
            self._begin(data)
        if not self._is_stream:
            return self._fallback.feed(data)
        block = self._complete_frames(data)
        if self._held > MAX_EVENT_BYTES:
            return self._fail("upstream", f"The upstream sent an event of more than {MAX_EVENT_BYTES} bytes.")
        return self._block(block) if block else []

    def close(self) -> list[Event]:
        """The upstream's bytes have ended; a last frame without its blank line counts if it tells of the end."""
        if self._over:
            return []
        if not self._is_stream:
            return self._fallback.close()
        out: list[Event] = []
        rest = b"".join(self._pieces)
        if self._tells(rest):
            frame = rest + b"\n\n"
            seen = self._reader.read(frame)
            if seen.finish is not None or seen.failed is not None:
                self._seen(frame, seen, out)
            if seen.ended or seen.failed is not None:
                return out
        if self._finish is not None:
            epilogue = self._reader.epilogue
            return [*out, Verbatim(epilogue, finish=self._finish)] if epilogue else out
        return out + self._fail("truncated", "The upstream's answer ended before it was complete.")

    def _begin(self, data: bytes) -> None:
        first = data.lstrip(b" \t\r\n\xef\xbb\xbf")[:1]
        if first:
            self._begun = True
            self._is_stream = first not in _NOT_A_STREAM

    def _complete_frames(self, data: bytes) -> bytes:
        """The frames that `data` completes. Only what is new is searched: one event may come in many pieces."""
        joint = self._tail + data
        end = _last_frame_end(joint) - len(self._tail)
        if end <= 0:
            self._pieces.append(data)
            self._held += len(data)
            self._tail = joint[-3:]
            return b""
        block = b"".join((*self._pieces, data[:end]))
        rest = data[end:]
        self._pieces = [rest] if rest else []
        self._held = len(rest)
        self._tail = rest[-3:]
        return block

    def _block(self, block: bytes) -> list[Event]:
        if not self._tells(block):
            return [Verbatim(block, self._has_content(block))]
        out: list[Event] = []
        start = 0
        for found in _FRAME_END.finditer(block):
            frame = block[start : found.end()]
            start = found.end()
            self._frame(frame, out)
            if self._over:
                return self._with_rest(out, block[start:])
        if start < len(block):
            self._frame(block[start:], out)
        return out

    def _with_rest(self, out: list[Event], block: bytes) -> list[Event]:
        """An error ends the answer, so that nobody waits for more. What has come with it goes through, too: of
        response.failed and error, which services of the Responses API send together, clients read one or the other."""
        last = out[-1]
        rest = b"".join((block, *self._pieces))
        if rest and type(last) is Verbatim and last.failed is not None:
            out[-1] = Verbatim(last.data + rest, failed=last.failed)
        return out

    def _frame(self, frame: bytes, out: list[Event]) -> None:
        if not self._tells(frame):
            out.append(Verbatim(frame, self._has_content(frame)))
            return
        self._seen(frame, self._reader.read(frame), out)

    def _seen(self, frame: bytes, seen: Seen, out: list[Event]) -> None:
        if seen.failed is not None:
            self._over = True
            out.append(Verbatim(frame, failed=seen.failed) if self._committed else Failed(seen.failed))
            return
        self._finish = seen.finish or self._finish
        self._over = seen.ended
        self._committed = self._committed or seen.content
        out.append(Verbatim(seen.data, seen.content, seen.usage, seen.finish))

    def _tells(self, block: bytes) -> bool:
        reader = self._reader
        return reader.interesting.search(block) is not None or any(mark in block for mark in reader.marks)

    def _has_content(self, block: bytes) -> bool:
        self._committed = self._committed or self._reader.content.search(block) is not None
        return self._committed

    def _fail(self, kind: Kind, message: str) -> list[Event]:
        self._over = True
        return [Failed(GatewayError(kind, message))]


def _last_frame_end(data: bytes) -> int:
    """Behind the last blank line; 0 without one."""
    if b"\r" not in data:
        return data.rfind(b"\n\n") + 2 if b"\n\n" in data else 0
    return max((found.end() for found in _FRAME_END.finditer(data)), default=0)


def frame_data(frame: bytes) -> bytes:
    """The data of a frame, its lines joined (WHATWG HTML, 9.2)."""
    lines = frame.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    values = [line[5:].removeprefix(b" ") for line in lines if line.startswith(b"data:")]
    return b"\n".join(values)


def with_name(body: bytes, member: str, name: str) -> bytes:
    """An answer with the model's name as the client wrote it. One that is no sound JSON in a part that nobody has read
    passes as it came: what is wrong with it is for the client to see."""
    try:
        return jsonio.patch(body, {member: jsonio.encode(name)})
    except jsonio.JsonError:
        return body


def renamed(data: bytes, pattern: re.Pattern[bytes], name: str) -> bytes:
    """`data` with the model's name, which `pattern` finds behind its one group, as the client wrote it."""
    value = msgspec.json.encode(name)
    return pattern.sub(lambda found: found[1] + value, data, count=1)
