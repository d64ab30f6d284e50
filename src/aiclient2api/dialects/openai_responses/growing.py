"""Output items of an upstream's answer while they grow, as canonical blocks.

What an item says when it is done is the truth; the deltas before it are a preview. So a block that got no deltas is
told whole at its end, and one that got too few gets the rest. Each item appends its events to the list it is given.
"""

import zlib
from collections.abc import Callable
from typing import Literal

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
from aiclient2api.dialects import opaque
from aiclient2api.dialects.as_function import json_object
from aiclient2api.dialects.names import wire_id
from aiclient2api.dialects.openai_chat.messages_in import NATIVE as FAMILY
from aiclient2api.dialects.openai_responses.frames_in import AnnotationIn, ItemIn, PartIn
from aiclient2api.wire import jsonio

Out = list[Event]
NextIndex = Callable[[], int]
"""Gives the next block its canonical index."""

ProseKind = Literal["text", "refusal"]
ThoughtKind = Literal["summary", "content"]


class Preview:
    """How long the text is that has been passed on, and a checksum by which it is known again. A client may read slowly
    what the service has said fast, so the text itself is not kept."""

    __slots__ = ("_checksum", "_length")

    def __init__(self) -> None:
        self._length = 0
        self._checksum = 0

    def __bool__(self) -> bool:
        return self._length > 0

    def add(self, piece: str) -> None:
        self._length += len(piece)
        self._checksum = _checksum(piece, self._checksum)

    def rest(self, whole: str | None) -> str:
        """What of the whole has not been passed on; nothing if it is not a continuation, for that is too late."""
        if not whole:
            return ""
        shown = whole[: self._length]
        return whole[self._length :] if len(shown) == self._length and _checksum(shown) == self._checksum else ""


def _checksum(text: str, before: int = 0) -> int:
    return zlib.crc32(text.encode("utf-8", "surrogatepass"), before)


class GrowingMessage:
    """A message: each part that says something is a block, closed when the next one begins, since sources may come
    late."""

    def __init__(self, next_index: NextIndex) -> None:
        self._next_index = next_index
        self._part = -1
        self._block: int | None = None
        self._said = Preview()
        self._cited = 0
        self.refused = False

    def delta(self, part: int, kind: ProseKind, text: str, out: Out) -> None:
        block = self._opened(part, kind, out) if text else None
        if block is not None:
            self._said.add(text)
            out.append(TextDelta(block, text))

    def whole(self, part: int, shape: PartIn, out: Out) -> None:
        """A part as it is in the end."""
        if shape.type == "refusal":
            self.delta(part, "refusal", self._missing(part, shape.refusal), out)
        else:
            self.delta(part, "text", self._missing(part, shape.text), out)
        if part == self._part:
            for annotation in (shape.annotations or [])[self._cited :]:
                self.cite(part, bytes(annotation), out)

    def cite(self, part: int, annotation: bytes, out: Out) -> None:
        """A source for the text of the open part; one for a part that has ended has no text left to stand at."""
        if part != self._part or self._block is None:
            return
        self._cited += 1
        try:
            found = jsonio.decode(annotation, AnnotationIn)
        except jsonio.JsonError:
            return
        title = found.title or found.filename or ""
        start, end = (at if at is None else max(0, at) for at in (found.start_index, found.end_index))
        out.append(Citation(self._block, found.url or "", title, start=start, end=end, raw=annotation))

    def end(self, item: ItemIn, out: Out) -> None:
        for number, part in enumerate(item.content or ()):
            self.whole(number, part, out)
        self._close(out)

    def _missing(self, part: int, whole: str | None) -> str:
        if part == self._part:
            return self._said.rest(whole)
        return whole or "" if part > self._part else ""

    def _opened(self, part: int, kind: ProseKind, out: Out) -> int | None:
        """The block of the part; None for a part that has ended."""
        if part > self._part:
            self._close(out)
            self._part, self._block, self._said, self._cited = part, self._next_index(), Preview(), 0
            self.refused = self.refused or kind == "refusal"
            out.append(BlockStart(self._block, kind))
        return self._block if part == self._part else None

    def _close(self, out: Out) -> None:
        if self._block is not None:
            out.append(BlockEnd(self._block))
            self._block = None


class GrowingReasoning:
    """Reasoning: one block of what the server shows of it, the summary or the thing itself, and its opaque state."""

    def __init__(self, next_index: NextIndex) -> None:
        self._next_index = next_index
        self._block: int | None = None
        self._source: ThoughtKind | None = None
        self._part = 0
        self._said = Preview()

    def delta(self, source: ThoughtKind, part: int, text: str, out: Out) -> None:
        """Parts are set apart by a blank line. Of summary and content the one that comes first is told."""
        if not text or self._source not in (None, source):
            return
        self._source = source
        if part != self._part and self._said:
            self._say("\n\n", out)
        self._part = part
        self._say(text, out)

    def whole(self, source: ThoughtKind, part: int, text: str, out: Out) -> None:
        """A part as it is in the end, which says something new only if it came without deltas."""
        if part > self._part or not self._said:
            self.delta(source, part, text, out)

    def end(self, item: ItemIn, out: Out) -> None:
        parts = item.content if self._source == "content" else item.summary or item.content
        self._say(self._said.rest("\n\n".join(part.text or "" for part in parts or ())), out)
        if item.encrypted_content:
            found = opaque.unwrap(item.encrypted_content, FAMILY, "encrypted")
            if found.value:  # none in an envelope of nothing
                out.append(OpaqueDelta(self._opened(out), found))
        if self._block is not None:
            out.append(BlockEnd(self._block))

    def _say(self, text: str, out: Out) -> None:
        if text:
            self._said.add(text)
            out.append(ThinkingDelta(self._opened(out), text))

    def _opened(self, out: Out) -> int:
        if self._block is None:
            self._block = self._next_index()
            out.append(BlockStart(self._block, "thinking"))
        return self._block


class GrowingCall:
    """A call of a function or a custom tool. It is opened when its name and id are known; one that never gets a name
    is dropped, one that never gets an id gets one made from what it is, the same every time."""

    def __init__(self, next_index: NextIndex, *, custom: bool, answer_id: str) -> None:
        self._next_index = next_index
        self._answer_id = answer_id
        self._waiting = ""
        self._said = Preview()
        self._pieces: list[str] = []
        self._block: int | None = None
        self._closed = False
        self.custom = custom
        self.told = False

    @property
    def shown(self) -> bool:
        return self._block is not None

    @property
    def sound(self) -> bool:
        """Whether its arguments are one whole object."""
        return json_object("".join((*self._pieces, self._waiting))) is not None

    def begin(self, item: ItemIn, out: Out) -> None:
        if self._block is None and item.name and item.call_id:
            self._open(item, item.call_id, out)

    def delta(self, text: str, out: Out) -> None:
        if self._block is None:
            self._waiting += text
        elif text:
            self._said.add(text)
            if not self.custom:  # of a call that is cut it is asked whether these are whole
                self._pieces.append(text)
            out.append(ArgumentsDelta(self._block, text))

    def whole(self, text: str, out: Out) -> None:
        """All its arguments."""
        self.told = True
        if self._block is None:
            self._waiting = text
        else:
            self.delta(self._said.rest(text), out)

    def end(self, item: ItemIn, out: Out) -> None:
        """The item is done. If its status says that it was cut it stays open, for such a call must not be run."""
        text = item.input if self.custom else _arguments(item)
        if text is not None:
            self.whole(text, out)
        if self._block is None and item.name:
            made = wire_id(f"{self._answer_id}:{item.id}:{item.name}:{self._waiting}")
            self._open(item, item.call_id or made, out)
        if item.status != "incomplete":
            self.close(out)

    def close(self, out: Out) -> None:
        if self._block is not None and not self._closed:
            self._closed = True
            self._pieces = []
            out.append(BlockEnd(self._block))

    def _open(self, item: ItemIn, call_id: str, out: Out) -> None:
        self._block = self._next_index()
        kind: Literal["custom", "function"] = "custom" if self.custom else "function"
        name, namespace = item.name or "", item.namespace or None
        out.append(BlockStart(self._block, "tool_call", call_id, name, tool_kind=kind, namespace=namespace))
        waiting, self._waiting = self._waiting, ""
        self.delta(waiting, out)


def _arguments(item: ItemIn) -> str | None:
    """Some servers send the object itself."""
    if isinstance(item.arguments, dict):
        return jsonio.encode(item.arguments).decode()
    return item.arguments
