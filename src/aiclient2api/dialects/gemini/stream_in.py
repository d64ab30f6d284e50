"""An upstream's generateContent answer as canonical events: a stream of frames, a JSON array of chunks, or one body.

There is no terminator: an answer is whole when a finish reason, or a blocked prompt, was seen before the bytes end;
else it is cut. Usage may stand on every chunk, the last counts. Raises nothing; what cannot be read is Failed.
"""

from collections.abc import Sequence

import msgspec

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.events import Event, Failed, Start, UsageUpdate
from aiclient2api.dialects.framed import SPACE, TRUNCATED, FramedDecoder
from aiclient2api.dialects.gemini.assemble import Assembler, PartError
from aiclient2api.dialects.gemini.chunk_in import CandidateIn, ChunkIn, read_chunk
from aiclient2api.dialects.gemini.errors import error_shape, stream_error
from aiclient2api.dialects.gemini.finish_in import End, finish_event
from aiclient2api.dialects.gemini.usage import decode_usage
from aiclient2api.dialects.reading import given
from aiclient2api.wire import jsonio
from aiclient2api.wire.sse import SseEvent


class _Reader:
    """Chunks of one answer, however they came."""

    def __init__(self) -> None:
        self._assembler = Assembler()
        self._end = End()
        self._id = ""
        self._searches = 0
        self._started = False
        self.ended = False

    def frame(self, frame: SseEvent, out: list[Event]) -> None:
        self.chunk(frame.data, out)

    def body(self, body: bytes, out: list[Event]) -> None:
        _read_body(body, self, out)

    def chunk(self, data: bytes, out: list[Event]) -> None:
        if self.ended:
            return
        try:
            chunk = read_chunk(data)
            if given(chunk.error):
                self.fail(stream_error(error_shape(bytes(chunk.error))), out)
            else:
                self._chunk(chunk, out)
        except (jsonio.JsonError, PartError) as error:
            self.fail(GatewayError("upstream", f"The upstream sent a piece that cannot be read: {error}."), out)
        except GatewayError as error:  # of a reader that is shared with the server side: the upstream is at fault here
            self.fail(GatewayError("upstream", f"The upstream sent a piece that cannot be read: {error}"), out)

    def _chunk(self, chunk: ChunkIn, out: list[Event]) -> None:
        usage = decode_usage(chunk.usage_metadata) if chunk.usage_metadata is not None else None
        self._id = self._id or chunk.response_id or ""
        if not self._started and (chunk.candidates or chunk.prompt_feedback or usage):
            self._started = True
            out.append(Start(self._id, chunk.model_version or ""))
        for candidate in chunk.candidates or ():
            if not candidate.index:
                self._candidate(candidate, out)
        self._end.block(chunk.prompt_feedback)
        if usage is not None:
            out.append(UsageUpdate(msgspec.structs.replace(usage, web_searches=self._searches)))

    def _candidate(self, candidate: CandidateIn, out: list[Event]) -> None:
        for raw in (candidate.content.parts if candidate.content is not None else None) or ():
            self._assembler.part(raw, self._id, out)
        self._assembler.cite(candidate, out)
        if candidate.grounding_metadata is not None:
            self._searches = max(self._searches, len(candidate.grounding_metadata.web_search_queries or ()))
        self._end.say(candidate.finish_reason, candidate.finish_message)

    def close(self, out: list[Event], *, whole: bool = False) -> None:
        """The bytes have ended. A `whole` body needs no finish reason to be believed."""
        if self.ended:
            return
        if whole and not self._started:
            self.fail(GatewayError("upstream", "The upstream's answer cannot be read: it has no candidates."), out)
            return
        if not whole and not self._end.known:
            self.fail(GatewayError("truncated", TRUNCATED), out)
            return
        self.ended = True
        self._assembler.close(out)
        out.append(finish_event(self._end, self._assembler))

    def fail(self, error: GatewayError, out: list[Event]) -> None:
        self.ended = True
        out.append(Failed(error))


def decoder() -> FramedDecoder:
    """One per streamed answer."""
    return FramedDecoder(_Reader())


def decode_response(body: bytes) -> Sequence[Event]:
    """The events of a whole answer, with Failed as the last where it is none. Raises nothing."""
    out: list[Event] = []
    _read_body(body, _Reader(), out)
    return out


def _read_body(body: bytes, reader: _Reader, out: list[Event]) -> None:
    """One object, or a list of chunks."""
    is_list = body.lstrip(SPACE).startswith(b"[")
    try:
        chunks = jsonio.decode(body, list[msgspec.Raw]) if is_list else [msgspec.Raw(body)]
        if not is_list:
            jsonio.members(body)
    except jsonio.JsonError as error:
        reader.fail(_unreadable(body, is_list, str(error)), out)
        return
    for chunk in chunks:
        reader.chunk(bytes(chunk), out)
    reader.close(out, whole=not is_list)


def _unreadable(body: bytes, is_list: bool, reason: str) -> GatewayError:
    start = body.lstrip(SPACE)[:1]
    if start == b"<":
        reason = "it is a web page; check the base URL"
    elif not start:
        reason = "it is empty"
    elif is_list and not body.rstrip().endswith(b"]"):
        return GatewayError("truncated", "The upstream's answer ended before it was complete.")
    return GatewayError("upstream", f"The upstream's answer cannot be read: {reason}.")
