"""The blocks of an answer, in the order that canonical.validate asks for.

Text and thinking never stand open together, and a call closes both; calls may stand open side by side. Nothing is
opened before there is something to put in, so that no block is empty but a call's.
"""

import hashlib

from aiclient2api.canonical.estimate import Tally
from aiclient2api.canonical.events import (
    ArgumentsDelta,
    BlockEnd,
    BlockStart,
    Citation,
    Event,
    OpaqueDelta,
    Start,
    TextDelta,
    ThinkingDelta,
)
from aiclient2api.canonical.request import Opaque

FAMILY = "kiro"


class Blocks:
    """`id` and `model` are the upstream's own, shown by Start; `shown` and `thought` count what was given so far.
    `offsets`: places in the upstream's text are places in ours, because nothing was taken out of it."""

    def __init__(self, model: str) -> None:
        self.id = ""
        self.model = model
        self.started = False
        self.shown = Tally()
        self.thought = Tally()
        self.offsets = True
        self._next = 0
        self._kind = ""
        self._index = 0
        self._text_start = 0
        self._text_length = 0
        self._citations: list[Citation] = []

    def start(self, out: list[Event]) -> None:
        if not self.started:
            self.started = True
            out.append(Start(self.id, self.model))

    def text(self, text: str, out: list[Event]) -> None:
        if not text:
            return
        if self._kind != "text":
            self._open("text", out)
            self._text_start = self._text_length
        out.append(TextDelta(self._index, text))
        self.shown.add(text)
        self._text_length += len(text)
        if self._citations:
            self._flush_citations(out)

    def thinking(self, text: str, out: list[Event]) -> None:
        if not text:
            return
        if self._kind != "thinking":
            self._open("thinking", out)
        out.append(ThinkingDelta(self._index, text))
        self.thought.add(text)

    def signature(self, value: str, out: list[Event]) -> None:
        """A signature is the last thing in a block of reasoning, which may have no words."""
        if self._kind != "thinking":
            self._open("thinking", out)
        self._opaque("signature", value, out)

    def redacted(self, value: str, out: list[Event]) -> None:
        self._open("thinking", out)
        self._opaque("redacted", value, out)

    def call(self, call_id: str, name: str, out: list[Event]) -> int:
        """The index of a new call's block."""
        self.close(out)
        self.start(out)
        index = self._next
        self._next += 1
        out.append(BlockStart(index, "tool_call", call_id, name))
        return index

    def made_id(self, what: str) -> str:
        """An id for a call that comes without one; it depends on the answer's own id and the call's place in it."""
        digest = hashlib.sha256(f"{self.id}\0{self._next}\0{what}".encode("utf-8", "surrogatepass")).hexdigest()
        return f"tooluse_{digest[:22]}"

    def arguments(self, index: int, text: str, out: list[Event]) -> None:
        out.append(ArgumentsDelta(index, text))
        self.shown.add(text)

    def citation(self, citation: Citation, out: list[Event]) -> None:
        """A source for the text shown; one that comes before any text waits for it."""
        self._citations.append(citation)
        if self._kind == "text":
            self._flush_citations(out)

    def close(self, out: list[Event]) -> None:
        """End the block of text or thinking that is open."""
        if self._kind:
            out.append(BlockEnd(self._index))
            self._kind = ""

    def _open(self, kind: str, out: list[Event]) -> None:
        self.close(out)
        self.start(out)
        self._kind = kind
        self._index = self._next
        self._next += 1
        out.append(BlockStart(self._index, "text" if kind == "text" else "thinking"))

    def _opaque(self, kind: str, value: str, out: list[Event]) -> None:
        out.append(OpaqueDelta(self._index, Opaque(FAMILY, kind, value)))
        self.close(out)

    def _flush_citations(self, out: list[Event]) -> None:
        for each in self._citations:
            out.append(
                Citation(
                    self._index, each.url, each.title, each.cited_text, self._offset(each.start), self._offset(each.end)
                )
            )
        self._citations.clear()

    def _offset(self, place: int | None) -> int | None:
        """A place in the whole text as one in the open block; None if it is not in there."""
        if place is None or place < self._text_start or not self.offsets:
            return None
        return place - self._text_start
