"""An upstream's chat.completion.chunk stream as canonical events.

What compatible servers do differently is read over: usage with or after the finish, a missing [DONE] or a missing
finish_reason (not both), chunks after the end, choices that are empty or null, comments. A body that is no event
stream is read whole: an answer, an error object, or a web page. Raises nothing; what cannot be read is Failed.
"""

import msgspec

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.events import Event, Failed, FinishReason, Start, UsageUpdate
from aiclient2api.dialects.openai_chat.answer_in import decode_response
from aiclient2api.dialects.openai_chat.assemble import Assembler
from aiclient2api.dialects.openai_chat.chunk_in import ChoiceIn, ChunkIn
from aiclient2api.dialects.openai_chat.errors import ErrorShape, error_shape, read_error, stream_error
from aiclient2api.dialects.openai_chat.finish_in import finish_event, finish_word
from aiclient2api.dialects.openai_chat.usage import decode_usage
from aiclient2api.wire import jsonio
from aiclient2api.wire.sse import MAX_EVENT_BYTES, SseDecoder, SseError, SseEvent

_NOT_A_STREAM = (b"{", b"[", b"<")
_SPACE = b" \t\r\n\xef\xbb\xbf"


class ChatStreamDecoder:
    """One per answer; see dialects.base.StreamDecoder."""

    def __init__(self) -> None:
        self._sse = SseDecoder()
        self._assembler = Assembler()
        self._begun = False
        self._body: bytearray | None = None
        self._id = ""
        self._started = False
        self._reason: FinishReason | None = None
        self._ended = False

    def feed(self, data: bytes) -> list[Event]:
        """The events that `data` completes."""
        out: list[Event] = []
        if self._ended:
            return out
        if not self._begun:
            self._begin(data)
        if self._body is not None:
            self._body += data
            if len(self._body) > MAX_EVENT_BYTES:
                self._fail(GatewayError("upstream", "The upstream's answer is too large."), out)
            return out
        try:
            frames = self._sse.feed(data)
        except SseError as error:
            self._fail(GatewayError("upstream", f"The upstream sent {error}."), out)
            return out
        for frame in frames:
            self._frame(frame, out)
        return out

    def close(self) -> list[Event]:
        """The upstream's bytes have ended."""
        out: list[Event] = []
        if self._ended:
            return out
        if self._body is not None:
            self._ended = True
            return list(decode_response(bytes(self._body)))
        if self._sse.pending:
            self._last_frame(out)
        if not self._ended:
            self._end(out, clean=self._reason is not None)
        return out

    def _begin(self, data: bytes) -> None:
        """Tell an event stream from another body by its first byte that counts."""
        first = data.lstrip(_SPACE)[:1]
        if first:
            self._begun = True
            if first in _NOT_A_STREAM:
                self._body = bytearray()

    def _last_frame(self, out: list[Event]) -> None:
        """A last event without its blank line counts if it is whole; half of one is a cut."""
        for frame in self._sse.feed(b"\n\n"):
            if frame.data.strip() == b"[DONE]" or _readable(frame.data):
                self._frame(frame, out)

    def _frame(self, frame: SseEvent, out: list[Event]) -> None:
        if self._ended:
            return
        event, data = frame
        if not data.startswith(b"{") and data.strip() == b"[DONE]":
            self._end(out, clean=self._reason is not None or not self._assembler.unfinished)
            return
        try:
            chunk = _read(data)
        except jsonio.JsonError as error:
            found = read_error(data)
            known = GatewayError("upstream", f"The upstream sent a piece that cannot be read: {error}.")
            self._fail(known if found is None else stream_error(found), out)
            return
        failure = chunk.failure if len(chunk.error) or chunk.object == "error" else None
        if failure is not None:
            self._fail(stream_error(error_shape(failure)), out)
        elif event == "error":
            self._fail(stream_error(read_error(data) or ErrorShape()), out)
        elif not self._goes_on(chunk, out):
            self._chunk(chunk, out)

    def _goes_on(self, chunk: ChunkIn, out: list[Event]) -> bool:
        """Whether the chunk is one more piece of the open text: the shortest way for the commonest chunk."""
        choices = chunk.choices
        if choices is None or len(choices) != 1 or chunk.usage is not None:
            return False
        choice = choices[0]
        if choice.index or choice.delta is None or choice.finish_reason:
            return False
        return self._assembler.more(choice.delta, out)

    def _chunk(self, chunk: ChunkIn, out: list[Event]) -> None:
        if not self._id:
            self._id = chunk.id or ""
        if not self._started and (chunk.choices or chunk.usage is not None):
            self._started = True
            out.append(Start(self._id, chunk.model or ""))
        for choice in chunk.choices or ():
            if not choice.index and not self._ended:
                self._choice(choice, out)
        if chunk.usage is not None and not self._ended:
            out.append(UsageUpdate(decode_usage(chunk.usage)))

    def _choice(self, choice: ChoiceIn, out: list[Event]) -> None:
        delta = choice.delta or choice.message
        if delta is not None:
            self._assembler.delta(delta, self._id, out)
        if choice.finish_reason and self._reason is None:
            self._reason = finish_word(choice.finish_reason)
            if self._reason is None:
                self._fail(GatewayError("upstream", "The upstream broke off with an error and gave no reason."), out)
                return
            self._assembler.close(self._id, out, cut=self._reason == "length")

    def _end(self, out: list[Event], *, clean: bool) -> None:
        if not clean:
            self._fail(GatewayError("truncated", "The upstream's answer ended before it was complete."), out)
            return
        self._ended = True
        if not self._started:
            out.append(Start(self._id))
        self._assembler.close(self._id, out, cut=self._reason == "length")
        out.append(finish_event(self._reason, self._assembler))

    def _fail(self, error: GatewayError, out: list[Event]) -> None:
        self._ended = True
        out.append(Failed(error))


_read = jsonio.reader(ChunkIn)


def _readable(data: bytes) -> bool:
    try:
        jsonio.decode(data, dict[str, msgspec.Raw])
    except jsonio.JsonError:
        return False
    return True
