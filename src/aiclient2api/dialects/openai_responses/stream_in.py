"""An upstream's stream of Responses events as canonical events.

What compatible servers do differently is read over: no response.created, no added events, no deltas, unknown events,
ids that change, a final object without its output. A stream without a terminal event is cut: Failed("truncated").
What is no stream is read whole. Raises nothing; what cannot be read is Failed.
"""

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.events import Event
from aiclient2api.dialects.openai_chat import errors as chat
from aiclient2api.dialects.openai_responses.answer_in import ENDS, AnswerReader, decode_response
from aiclient2api.dialects.openai_responses.errors import stream_error
from aiclient2api.dialects.openai_responses.events_in import READERS
from aiclient2api.dialects.openai_responses.frames_in import EventIn, ResponseIn, TypedIn
from aiclient2api.dialects.openai_responses.growing import Out
from aiclient2api.dialects.reading import given
from aiclient2api.wire import jsonio
from aiclient2api.wire.sse import MAX_EVENT_BYTES, SseDecoder, SseError, SseEvent

_NOT_A_STREAM = (b"{", b"[", b"<")
_SPACE = b" \t\r\n\xef\xbb\xbf"
_BEGINNINGS = frozenset({"created", "queued", "in_progress"})


class ResponsesStreamDecoder:
    """One per answer; see dialects.base.StreamDecoder."""

    def __init__(self) -> None:
        self._sse = SseDecoder()
        self._answer = AnswerReader()
        self._begun = False
        self._body: bytearray | None = None

    def feed(self, data: bytes) -> list[Event]:
        """The events that `data` completes."""
        out: list[Event] = []
        if self._answer.ended:
            return out
        if not self._begun:
            self._begin(data)
        if self._body is not None:
            self._body += data
            if len(self._body) > MAX_EVENT_BYTES:
                self._answer.fail(GatewayError("upstream", "The upstream's answer is too large."), out)
            return out
        try:
            frames = self._sse.feed(data)
        except SseError as error:
            self._answer.fail(GatewayError("upstream", f"The upstream sent {error}."), out)
            return out
        for frame in frames:
            self._frame(frame, out)
        return out

    def close(self) -> list[Event]:
        """The upstream's bytes have ended."""
        out: list[Event] = []
        if self._answer.ended:
            return out
        if self._body is not None:
            self._answer.ended = True
            return decode_response(bytes(self._body))
        if self._sse.pending:  # a last event without its blank line counts if it is whole
            for frame in self._sse.feed(b"\n\n"):
                if _readable(frame.data):
                    self._frame(frame, out)
        if not self._answer.ended:
            error = GatewayError("truncated", "The upstream's answer ended before it was complete.")
            self._answer.fail(error, out)
        return out

    def _begin(self, data: bytes) -> None:
        """Tell an event stream from another body by its first byte that counts."""
        first = data.lstrip(_SPACE)[:1]
        if first:
            self._begun = True
            if first in _NOT_A_STREAM:
                self._body = bytearray()

    def _frame(self, frame: SseEvent, out: Out) -> None:
        if self._answer.ended or frame.data.strip() == b"[DONE]":
            return
        try:
            self._event(frame, out)
        except jsonio.JsonError as error:
            found = chat.read_error(frame.data)
            known = GatewayError("upstream", f"The upstream sent a piece that cannot be read: {error}.")
            self._answer.fail(known if found is None else chat.stream_error(found), out)

    def _event(self, frame: SseEvent, out: Out) -> None:
        """Raises jsonio.JsonError for an event of a known type that cannot be read."""
        event = _read(frame)
        kind = event.type or frame.event
        name = kind.removeprefix("response.")
        reader = READERS.get(name)
        if reader is not None:
            self._answer.start(ResponseIn(), out)
            reader(self._answer.output, event, out)
        elif name in ENDS:
            self._answer.end(bytes(event.response) if given(event.response) else b"{}", name, out)
        elif name in _BEGINNINGS:
            response = bytes(event.response) if given(event.response) else b"{}"
            self._answer.start(jsonio.decode(response, ResponseIn), out)
        elif kind == "error":
            self._answer.fail(stream_error(frame.data), out)
        elif not kind and (found := chat.read_error(frame.data)) is not None:
            self._answer.fail(chat.stream_error(found), out)


def _read(frame: SseEvent) -> EventIn:
    """The event. One of an unknown type may use our members for something else: only its type counts.

    Raises jsonio.JsonError for what is no event, or one of a known type with members of another kind.
    """
    try:
        return jsonio.decode(frame.data, EventIn)
    except jsonio.JsonError:
        kind = jsonio.decode(frame.data, TypedIn).type or frame.event
        name = kind.removeprefix("response.")
        if name in READERS or name in ENDS or name in _BEGINNINGS:
            raise
        return EventIn(type=kind)


def _readable(data: bytes) -> bool:
    try:
        jsonio.decode(data, TypedIn)
    except jsonio.JsonError:
        return False
    return True
