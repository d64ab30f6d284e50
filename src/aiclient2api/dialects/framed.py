"""The outer half of reading an upstream's streamed answer: bytes into frames, or into one body where it is no stream.

Enters: bytes at any cut, and the dialect's reader of frames and bodies. Leaves: the reader's events. Raises nothing; an
event or a body over its bound is Failed.
"""

from typing import Protocol

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.events import Event
from aiclient2api.wire import jsonio
from aiclient2api.wire.sse import MAX_EVENT_BYTES, SseDecoder, SseError, SseEvent

NOT_A_STREAM = (b"{", b"[", b"<")
SPACE = b" \t\r\n\xef\xbb\xbf"
TRUNCATED = "The upstream's answer ended before it was complete."


class AnswerReader(Protocol):
    """One per answer; `ended` after Finish or Failed, when it must be asked no more."""

    ended: bool

    def frame(self, frame: SseEvent, out: list[Event]) -> None: ...

    def body(self, body: bytes, out: list[Event]) -> None:
        """An answer that is no stream: an object, a list, a page."""
        ...

    def close(self, out: list[Event]) -> None:
        """The stream's bytes have ended."""
        ...

    def fail(self, error: GatewayError, out: list[Event]) -> None: ...


class FramedDecoder:
    """See dialects.base.StreamDecoder."""

    def __init__(self, reader: AnswerReader) -> None:
        self._sse = SseDecoder()
        self._reader = reader
        self._begun = False
        self._body: bytearray | None = None

    def feed(self, data: bytes) -> list[Event]:
        """The events that `data` completes."""
        out: list[Event] = []
        if self._reader.ended:
            return out
        if not self._begun:
            self._begin(data)
        if self._body is not None:
            self._body += data
            if len(self._body) > MAX_EVENT_BYTES:
                self._reader.fail(GatewayError("upstream", "The upstream's answer is too large."), out)
            return out
        try:
            frames = self._sse.feed(data)
        except SseError as error:
            self._reader.fail(GatewayError("upstream", f"The upstream sent {error}."), out)
            return out
        for frame in frames:
            self._frame(frame, out)
        return out

    def close(self) -> list[Event]:
        """The upstream's bytes have ended. A last event without its blank line counts if it is whole; half of one is a
        cut."""
        out: list[Event] = []
        if self._reader.ended:
            return out
        if self._body is not None:
            self._reader.body(bytes(self._body), out)
            return out
        if self._sse.pending:
            for frame in self._sse.feed(b"\n\n"):
                if _is_whole(frame.data):
                    self._frame(frame, out)
        if not self._reader.ended:
            self._reader.close(out)
        return out

    def _begin(self, data: bytes) -> None:
        """Tell an event stream from another body by its first byte that counts."""
        first = data.lstrip(SPACE)[:1]
        if first:
            self._begun = True
            if first in NOT_A_STREAM:
                self._body = bytearray()

    def _frame(self, frame: SseEvent, out: list[Event]) -> None:
        if not self._reader.ended:
            self._reader.frame(frame, out)


def _is_whole(data: bytes) -> bool:
    try:
        jsonio.members(data)
    except jsonio.JsonError:
        return False
    return True
