"""Parts of an upstream's answer to canonical blocks.

Texts follow on as long as they are of one kind. A part that bears a signature is never joined with the next: beside a
thought the signature closes it, beside text it becomes thinking without words after the text, which stays open until
the next part for sources that come last. Calls come whole; one without an id gets one made from what it is.
"""

from typing import Literal

import msgspec

from aiclient2api.canonical.events import (
    ArgumentsDelta,
    BlockEnd,
    BlockStart,
    Citation,
    Event,
    OpaqueDelta,
    TextDelta,
    ThinkingDelta,
)
from aiclient2api.canonical.request import Opaque
from aiclient2api.dialects.gemini.chunk_in import CallIn, CandidateIn, PartIn
from aiclient2api.dialects.gemini.grounding import citations
from aiclient2api.dialects.gemini.offsets import Offsets
from aiclient2api.dialects.gemini.signatures import FAMILY, read_signature
from aiclient2api.dialects.names import wire_id
from aiclient2api.dialects.parts import arguments_text
from aiclient2api.dialects.reading import given
from aiclient2api.wire import jsonio

_read = jsonio.reader(PartIn)


class PartError(Exception):
    """A part that cannot be made sense of."""


class Assembler:
    """One per answer. Events are appended to the list that the caller gives."""

    def __init__(self) -> None:
        self._next = 0
        self._open: Literal["text", "thinking"] | None = None
        self._index = 0
        self._text = Offsets()
        self._bytes = 0
        self._waiting: list[Opaque] = []
        self._cited: set[Citation] = set()
        self.calls = 0
        self.spoken = False

    def part(self, raw: msgspec.Raw, answer_id: str, out: list[Event]) -> None:
        """Raises JsonError, or PartError for a call that is none."""
        part = _read(raw)
        state = read_signature(part.thought_signature)
        if part.function_call is not None:
            self._call(part.function_call, state, answer_id, out)
        elif part.text is None and (kind := _kind(raw)) is not None:
            self.close(out)
            self._whole(BlockStart(self._next, "foreign", name=kind, dialect=FAMILY, raw=bytes(raw)), [], out)
            self.spoken = True
        elif part.thought:
            self._say("thinking", part.text or "", out, begin=bool(state))
            for each in state:
                out.append(OpaqueDelta(self._index, each))
                self.close(out)
        else:
            self._say("text", part.text or "", out)
            self._waiting += state

    def cite(self, candidate: CandidateIn, out: list[Event]) -> None:
        """Sources for the open text; where no text is open there is none that they could stand at."""
        if self._open != "text":
            return
        found = candidate.grounding_metadata, candidate.citation_metadata
        if found == (None, None):
            return
        for each in citations(*found, self._index, self._text, self._bytes):
            if each not in self._cited:
                self._cited.add(each)
                out.append(each)

    def close(self, out: list[Event]) -> None:
        """End the open block, and show the state that waited behind it."""
        if self._open is not None:
            out.append(BlockEnd(self._index))
            self._bytes += self._text.bytes
            self._open, self._text = None, Offsets()
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            self._whole(BlockStart(self._next, "thinking"), [OpaqueDelta(self._next, each)], out)

    def _say(self, kind: Literal["text", "thinking"], text: str, out: list[Event], *, begin: bool = False) -> None:
        if not text and not begin:
            return
        if self._open != kind or self._waiting:
            self.close(out)
            self._open, self._index = kind, self._next
            self._next += 1
            out.append(BlockStart(self._index, kind))
        if not text:
            return
        if kind == "thinking":
            out.append(ThinkingDelta(self._index, text))
        else:
            self._text.add(text)
            self.spoken = True
            out.append(TextDelta(self._index, text))

    def _call(self, call: CallIn, state: tuple[Opaque, ...], answer_id: str, out: list[Event]) -> None:
        if given(call.partial_args):
            raise PartError("arguments in pieces, which were not asked for")
        if not call.name:
            raise PartError("a call without a name")
        self.close(out)
        arguments = arguments_text(call.args, "args")
        call_id = call.id or wire_id(f"{answer_id}:{self.calls}:{call.name}:{arguments}")
        self.calls += 1
        index = self._next
        body: list[Event] = [OpaqueDelta(index, each) for each in state]
        self._whole(BlockStart(index, "tool_call", call_id, call.name), [*body, ArgumentsDelta(index, arguments)], out)

    def _whole(self, start: BlockStart, body: list[Event], out: list[Event]) -> None:
        self._next += 1
        out += [start, *body, BlockEnd(start.index)]


_KNOWN = frozenset({"thought", "thoughtSignature", "partMetadata"})


def _kind(raw: msgspec.Raw) -> str | None:
    """What a part is that holds neither text nor a call; None for one that holds nothing but a signature."""
    return next((name for name in jsonio.members(bytes(raw)) if name not in _KNOWN), None)
