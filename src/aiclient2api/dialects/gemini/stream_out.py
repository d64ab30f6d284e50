"""Canonical events as a streamed or whole generateContent answer.

Each frame is a whole response object with the parts that are new; calls come whole, when their arguments are complete;
finish reason and usage stand in the last frame. A frame is `data: {json}` and nothing else, because google-genai dies
of comments, event lines and [DONE] (dialects.md, appendix B). Without alt=sse the frames are elements of one JSON
array. A stream that breaks off ends with an error object. Left out: calls without a name, calls that were cut off,
blocks of other dialects, thoughts if the client is not to see them (their state stays).
"""

from collections.abc import Callable, Iterable

from aiclient2api.canonical.events import (
    ArgumentsDelta,
    BlockEnd,
    BlockStart,
    Citation,
    Event,
    Failed,
    Finish,
    OpaqueDelta,
    Start,
    TextDelta,
    ThinkingDelta,
    UsageUpdate,
    Verbatim,
)
from aiclient2api.canonical.request import Opaque
from aiclient2api.canonical.usage import Usage
from aiclient2api.dialects.as_function import one_line
from aiclient2api.dialects.base import Answer
from aiclient2api.dialects.gemini import wire_out
from aiclient2api.dialects.gemini.errors import error_body
from aiclient2api.dialects.gemini.grounding import GroundingWriter
from aiclient2api.dialects.gemini.signatures import FAMILY, NOTHING
from aiclient2api.dialects.sequence import Sequence

HEARTBEAT = (
    b'data: {"candidates":[{"content":{"parts":[{"thought":true,"text":""}],"role":"model"},"index":0}]}\r\n\r\n'
)
"""A thought without words. The SDKs take an empty object too, but their chats then forget the whole exchange."""
ARRAY_HEARTBEAT = b"\n"


class _Block:
    """The block that is being shown."""

    __slots__ = ("pieces", "start", "state")

    def __init__(self, start: BlockStart) -> None:
        self.start = start
        self.state: list[Opaque] = []
        self.pieces: list[str] = []


class PartWriter:
    """Events to parts, one answer each; shared by streamed and whole answers."""

    def __init__(self, answer: Answer) -> None:
        self._seed = answer.seed
        self._thoughts = wire_out.shows_thoughts(answer)
        self._sequence = Sequence()
        self._block = _Block(BlockStart(0, "text"))
        self._calls = 0
        self._grounding = GroundingWriter()
        self._estimate = answer.input_estimate
        self._usage: Usage | None = None

    @property
    def usage(self) -> Usage:
        """As told, else as estimated."""
        return self._usage or Usage(fresh=self._estimate(), estimated=True)

    def next_text(self, event: TextDelta) -> bool:
        """Whether a text may be shown at once, in the block that is open: the shortest way for the commonest event."""
        if event.index != self._sequence.open:
            return False
        self._grounding.text(event.text)
        return True

    def feed(self, event: Event) -> list[bytes]:
        """The parts that an event completes."""
        return [part for each in self._sequence.feed(event) for part in self._parts(each)]

    def grounding(self) -> bytes:
        return self._grounding.whole()

    def _parts(self, event: Event) -> list[bytes]:
        if isinstance(event, TextDelta):
            self._grounding.text(event.text)
            return [wire_out.text_part(event.text)] if event.text else []
        if isinstance(event, ThinkingDelta):
            return [wire_out.thought_part(event.text)] if self._thoughts and event.text else []
        if isinstance(event, BlockStart):
            return self._open(event)
        if isinstance(event, BlockEnd):
            return self._close()
        self._note(event)
        return []

    def _note(self, event: Event) -> None:
        """What shows only later."""
        if isinstance(event, ArgumentsDelta):
            self._block.pieces.append(event.text)
        elif isinstance(event, OpaqueDelta):
            self._block.state.append(event.opaque)
        elif isinstance(event, Citation):
            self._grounding.cite(event)
        elif isinstance(event, UsageUpdate):
            self._usage = event.usage
        elif isinstance(event, Start):
            self._usage = event.usage or self._usage

    def _open(self, start: BlockStart) -> list[bytes]:
        self._block = _Block(start)
        if start.kind == "foreign" and start.dialect == FAMILY:
            return [one_line(start.raw)]
        return []

    def _close(self) -> list[bytes]:
        block = self._block
        self._grounding.end_block()
        if block.start.kind != "tool_call":
            return [wire_out.state_part(each) for each in block.state]
        if not block.start.name:
            return []
        call_id = block.start.id or f"call_{self._seed[:20]}{self._calls:04d}"
        state = block.state if block.state or self._calls else [NOTHING]
        self._calls += 1
        return [wire_out.call_part(block.start, call_id, "".join(block.pieces), state)]


Framing = Callable[[bytes, bool, bool], bytes]
"""Bytes of a chunk; whether it is the first, and whether it is the last."""


def _sse(chunk: bytes, first: bool, last: bool) -> bytes:
    return b"data: " + chunk + b"\r\n\r\n"


def _array(chunk: bytes, first: bool, last: bool) -> bytes:
    return (b"[" if first else b",\r\n") + chunk + (b"]" if last else b"")


class GeminiStreamEncoder:
    """One per answer; see dialects.base.StreamEncoder."""

    def __init__(self, answer: Answer, framing: Framing = _sse) -> None:
        self._parts = PartWriter(answer)
        self._frame = wire_out.Frame(answer)
        self._framing = framing
        self._first = True
        self._shown = False
        self._ended = False

    def encode(self, events: Iterable[Event]) -> bytes:
        """Frames for `events`; after Finish or Failed nothing more."""
        out: list[bytes] = []
        for event in events:
            if self._ended:
                break
            if type(event) is TextDelta and event.text and self._parts.next_text(event):
                self._shown = True
                out.append(self._framed(self._frame.text(event.text)))
                continue
            for part in self._parts.feed(event):
                self._shown = True
                out.append(self._framed(self._frame.chunk(part)))
            if isinstance(event, Finish):
                out.append(self._framed(self._last(event), last=True))
            elif isinstance(event, Failed):
                out.append(self._framed(error_body(event.error), last=True))
            elif isinstance(event, Verbatim):
                out.append(event.data)
        return b"".join(out)

    def _last(self, finish: Finish) -> bytes:
        parts = wire_out.text_part("") if self._shown else b""
        return self._frame.last(parts, finish, self._parts.usage, self._parts.grounding())

    def _framed(self, chunk: bytes, *, last: bool = False) -> bytes:
        first, self._first = self._first, False
        self._ended = last
        return self._framing(chunk, first, last)


def array_encoder(answer: Answer) -> GeminiStreamEncoder:
    """For streamGenerateContent without alt=sse: one JSON array of chunks, sound also when the stream breaks off."""
    return GeminiStreamEncoder(answer, _array)
