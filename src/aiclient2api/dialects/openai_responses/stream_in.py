"""An upstream's stream of Responses events as canonical events.

What compatible servers do differently is read over: no response.created, no added events, no deltas, unknown events,
ids that change, a final object without its output. A stream without a terminal event is cut: Failed("truncated").
What is no stream is read whole. Raises nothing; what cannot be read is Failed.
"""

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.dialects.framed import TRUNCATED, FramedDecoder
from aiclient2api.dialects.openai_chat import errors as chat
from aiclient2api.dialects.openai_responses.answer_in import ENDS, AnswerReader, decode_response
from aiclient2api.dialects.openai_responses.errors import stream_error
from aiclient2api.dialects.openai_responses.events_in import READERS
from aiclient2api.dialects.openai_responses.frames_in import EventIn, ResponseIn, TypedIn
from aiclient2api.dialects.openai_responses.growing import Out
from aiclient2api.dialects.reading import given
from aiclient2api.wire import jsonio
from aiclient2api.wire.sse import SseEvent

_BEGINNINGS = frozenset({"created", "queued", "in_progress"})


def decoder() -> FramedDecoder:
    """One per streamed answer."""
    return FramedDecoder(_Reader())


class _Reader:
    """Events of one answer."""

    def __init__(self) -> None:
        self._answer = AnswerReader()
        self.ended = False

    def frame(self, frame: SseEvent, out: Out) -> None:
        if frame.data.strip() == b"[DONE]":
            return
        try:
            self._event(frame, out)
        except jsonio.JsonError as error:
            found = chat.read_error(frame.data)
            known = GatewayError("upstream", f"The upstream sent a piece that cannot be read: {error}.")
            self._answer.fail(known if found is None else chat.stream_error(found), out)
        self.ended = self._answer.ended

    def body(self, body: bytes, out: Out) -> None:
        self.ended = True
        out += decode_response(body)

    def close(self, out: Out) -> None:
        self.fail(GatewayError("truncated", TRUNCATED), out)

    def fail(self, error: GatewayError, out: Out) -> None:
        self.ended = True
        self._answer.fail(error, out)

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
