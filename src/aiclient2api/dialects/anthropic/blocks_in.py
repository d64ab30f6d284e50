"""Blocks of an upstream's answer to canonical events; a whole answer's blocks go the same way as streamed ones.

Enters: content blocks as they start, deltas, ends, by the upstream's index. Leaves: events with indexes of our own
that count up from 0. Refuses: a delta for a block that never started.
"""

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
from aiclient2api.dialects import opaque
from aiclient2api.dialects.reading import ABSENT, given
from aiclient2api.wire import jsonio

FAMILY = "anthropic"


class OutOfOrder(Exception):
    """A delta that belongs to no block."""


class Delta(msgspec.Struct, gc=False):
    """Of all types of delta; message_delta's members too."""

    type: str = ""
    text: str | None = None
    thinking: str | None = None
    partial_json: str | None = None
    signature: str | None = None
    content: msgspec.Raw = ABSENT
    citation: msgspec.Raw = ABSENT
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: msgspec.Raw = ABSENT


class _Content(msgspec.Struct):
    type: str
    text: str | None = None
    citations: list[msgspec.Raw] | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None
    id: str | None = None
    name: str | None = None
    input: msgspec.Raw = ABSENT


class _Source(msgspec.Struct):
    url: str | None = None
    title: str | None = None
    document_title: str | None = None
    cited_text: str | None = None


class _Open:
    """A block between its start and its end. `index` is ours; foreign blocks get theirs when they are whole."""

    __slots__ = ("content", "index", "kind", "patches", "pieces", "raw", "signature")

    def __init__(self, kind: str, index: int, content: _Content, raw: bytes) -> None:
        self.kind = kind
        self.index = index
        self.content = content
        self.raw = raw
        self.signature = content.signature or ""
        self.pieces: list[str] = []
        self.patches: dict[str, bytes | None] = {}


_KINDS = {"text": "text", "thinking": "thinking", "redacted_thinking": "redacted", "tool_use": "call"}


class Blocks:
    """The blocks of one answer. `index` is always the upstream's; jsonio.JsonError tells of unreadable pieces."""

    def __init__(self) -> None:
        self._open: dict[int, _Open] = {}
        self._half: list[_Open] = []
        self._count = 0

    def start(self, index: int, raw: bytes) -> list[Event]:
        """A block starts; one that is still open under this index ends."""
        out = self.end(index)
        content = jsonio.decode(raw, _Content)
        kind = _KINDS.get(content.type, "foreign")
        block = self._open[index] = _Open(kind, self._count, content, raw)
        if kind != "foreign":
            self._count += 1
            out += _first_events(block)
        return out

    def delta(self, index: int, delta: Delta, out: list[Event]) -> None:
        """A delta of a type that does not fit the block says nothing. Raises OutOfOrder."""
        block = self._open.get(index)
        if block is None:
            raise OutOfOrder(f"a {delta.type} for block {index}, which is not open")
        if delta.type == "text_delta" and block.kind == "text":
            if delta.text:
                out.append(TextDelta(block.index, delta.text))
        elif delta.type == "thinking_delta" and block.kind == "thinking":
            if delta.thinking:
                out.append(ThinkingDelta(block.index, delta.thinking))
        elif delta.type == "input_json_delta" and delta.partial_json:
            block.pieces.append(delta.partial_json)
            if block.kind == "call":
                out.append(ArgumentsDelta(block.index, delta.partial_json))
        elif delta.type == "citations_delta" and block.kind == "text":
            out.append(_citation(block.index, delta.citation))
        elif delta.type == "signature_delta":
            block.signature = delta.signature or block.signature
        elif delta.type == "compaction_delta" and given(delta.content):
            block.patches["content"] = bytes(delta.content)

    def end(self, index: int) -> list[Event]:
        """A block ends; nothing for one that is not open. The API ends a call that its limit has cut as any other: one
        whose input is not whole stays open until the reason of the end is known."""
        block = self._open.pop(index, None)
        if block is None:
            return []
        if block.kind == "call" and block.pieces and not _is_object("".join(block.pieces)):
            self._half.append(block)
            return []
        if block.kind == "foreign":
            at = self._count
            self._count += 1
            return [BlockStart(at, "foreign", name=block.content.type, dialect=FAMILY, raw=_whole(block)), BlockEnd(at)]
        return [*_last_events(block), BlockEnd(block.index)]

    def end_all(self, *, cut: bool = False) -> list[Event]:
        """The answer ends; if its limit has `cut` it, calls that are not whole stay open."""
        out = [event for index in list(self._open) for event in self.end(index)]
        return out if cut else [*out, *(BlockEnd(block.index) for block in self._half)]


def _is_object(text: str) -> bool:
    try:
        jsonio.decode(text, dict[str, msgspec.Raw])
    except jsonio.JsonError:
        return False
    return True


def _first_events(block: _Open) -> list[Event]:
    """What the start of a block says already."""
    at, content = block.index, block.content
    if block.kind == "call":
        return [BlockStart(at, "tool_call", content.id or "", content.name or "")]
    out: list[Event] = [BlockStart(at, "text" if block.kind == "text" else "thinking")]
    if block.kind == "text":
        if content.text:
            out.append(TextDelta(at, content.text))
        out += [_citation(at, each) for each in content.citations or ()]
    elif block.kind == "thinking" and content.thinking:
        out.append(ThinkingDelta(at, content.thinking))
    elif block.kind == "redacted" and content.data:
        out.append(OpaqueDelta(at, opaque.unwrap(content.data, FAMILY, "redacted")))
    return out


def _last_events(block: _Open) -> list[Event]:
    """What is known only when the block is whole: its signature, and the input of a call that came without deltas."""
    if block.kind == "thinking" and block.signature:
        found = opaque.unwrap(block.signature, FAMILY, "signature")
        return [OpaqueDelta(block.index, found)] if found.value else []
    if block.kind == "call" and not block.pieces:
        raw = bytes(block.content.input) if given(block.content.input) else b"{}"
        return [ArgumentsDelta(block.index, raw.decode("utf-8", "replace"))]
    return []


def _whole(block: _Open) -> bytes:
    """A foreign block with what its deltas added."""
    text = "".join(block.pieces)
    if text:
        jsonio.parse(text)
        block.patches["input"] = text.encode()
    return jsonio.patch(block.raw, block.patches) if block.patches else block.raw


def _citation(index: int, raw: msgspec.Raw) -> Citation:
    source = jsonio.decode(bytes(raw), _Source) if given(raw) else _Source()
    title = source.title or source.document_title or ""
    return Citation(index, source.url or "", title, source.cited_text or "", raw=bytes(raw))
