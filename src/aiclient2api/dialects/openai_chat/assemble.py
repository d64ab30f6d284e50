"""Deltas of an upstream's message to canonical blocks.

Thinking, text and refusal are one open block at a time. Calls may interleave: a call's block is opened once its name
and id are known, and closed when something else begins and its arguments are whole, or at the end. A call that never
gets a name is dropped; one that never gets an id gets one made from what it is, so that it is the same every time.
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
from aiclient2api.dialects import opaque
from aiclient2api.dialects.names import wire_id
from aiclient2api.dialects.openai_chat.chunk_in import (
    AnnotationIn,
    CallIn,
    DeltaIn,
    PartIn,
    ThinkingIn,
    thought_signature,
)
from aiclient2api.wire import jsonio

ProseKind = Literal["text", "thinking", "refusal"]


class _Call:
    """A call while its fragments come in; `block` is its canonical index once it is open."""

    __slots__ = ("block", "closed", "custom", "id", "name", "pieces", "sent", "signature", "wire")

    def __init__(self, wire: int | None) -> None:
        self.wire = wire
        self.id = ""
        self.name = ""
        self.custom = False
        self.signature = ""
        self.pieces: list[str] = []
        self.sent = 0
        self.block: int | None = None
        self.closed = False

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def whole(self) -> bool:
        """Whether the arguments are a complete object; of a custom call's text one cannot tell."""
        if self.custom or not self.pieces:
            return False
        try:
            jsonio.decode(self.text, dict[str, msgspec.Raw])
        except jsonio.JsonError:
            return False
        return True


class Assembler:
    """One per answer. Events are appended to the list that the caller gives."""

    def __init__(self) -> None:
        self._next = 0
        self._prose: ProseKind | None = None
        self._prose_index = 0
        self._prose_start = 0
        self._length = 0
        self._calls: list[_Call] = []
        self.refused = False

    @property
    def has_calls(self) -> bool:
        return any(call.block is not None for call in self._calls)

    @property
    def unfinished(self) -> bool:
        """Whether a call's arguments have begun and are not complete."""
        return any(not call.closed and not call.custom and call.pieces and not call.whole for call in self._calls)

    def more(self, delta: DeltaIn, out: list[Event]) -> bool:
        """More of the open text and nothing else, which nearly every delta is. Does nothing for any other: False."""
        text = delta.content
        if self._prose != "text" or not text or type(text) is not str or delta != DeltaIn(text):
            return False
        self._length += len(text)
        out.append(TextDelta(self._prose_index, text))
        return True

    def delta(self, delta: DeltaIn, answer_id: str, out: list[Event]) -> None:
        """A streamed delta, or a whole message without thinking blocks."""
        if thought := delta.thought:
            self._say("thinking", thought, out)
        for block in delta.thinking_blocks or ():
            self._thinking_fragment(block, not thought, out)
        self._content(delta.content, out)
        if delta.refusal:
            self.refused = True
            self._say("refusal", delta.refusal, out)
        for annotation in delta.annotations or ():
            self._cite(annotation, out)
        for fragment in delta.tool_calls or ():
            self._call(fragment, answer_id, out)
        if delta.function_call is not None:
            self._call(CallIn(index=0, function=delta.function_call), answer_id, out)

    def message(self, message: DeltaIn, answer_id: str, out: list[Event]) -> None:
        """A whole message: calls count by their place, and thinking blocks tell more than the joined text."""
        for number, call in enumerate(message.tool_calls or ()):
            call.index = number
        if message.thinking_blocks:
            for block in message.thinking_blocks:
                self._close_prose(out)
                self._open_prose("thinking", out)
                self._thinking_fragment(block, True, out)
            message.thinking_blocks = message.reasoning_content = message.reasoning = None
        self.delta(message, answer_id, out)

    def close(self, answer_id: str, out: list[Event], *, cut: bool) -> None:
        """The message has ended. If it was `cut` by its length, calls that are not whole stay open."""
        self._close_prose(out)
        for call in self._calls:
            if call.block is None and call.name:
                self._open_call(call, call.id or self._made_id(call, answer_id), out)
            if call.block is not None and not call.closed and not (cut and not call.whole):
                self._close_call(call, out)

    def _content(self, content: str | list[PartIn] | None, out: list[Event]) -> None:
        if isinstance(content, str):
            if content:
                self._say("text", content, out)
            return
        for part in content or ():
            if part.thought:
                self._say("thinking", part.thought, out)
            if part.text:
                self._say("text", part.text, out)

    def _say(self, kind: ProseKind, text: str, out: list[Event]) -> None:
        if self._prose != kind:
            self._close_prose(out)
            self._close_whole_calls(out)
            self._open_prose(kind, out)
        if kind == "thinking":
            out.append(ThinkingDelta(self._prose_index, text))
        else:
            self._length += len(text) if kind == "text" else 0
            out.append(TextDelta(self._prose_index, text))

    def _open_prose(self, kind: ProseKind, out: list[Event]) -> None:
        self._prose, self._prose_index, self._prose_start = kind, self._next, self._length
        self._next += 1
        out.append(BlockStart(self._prose_index, kind))

    def _close_prose(self, out: list[Event]) -> None:
        if self._prose is not None:
            self._prose = None
            out.append(BlockEnd(self._prose_index))

    def _thinking_fragment(self, block: ThinkingIn, with_text: bool, out: list[Event]) -> None:
        """LiteLLM's `thinking_blocks`: the text again, and the signature or redacted data that only stands here."""
        if with_text and block.thinking:
            self._say("thinking", block.thinking, out)
        kind, value = ("redacted", block.data) if block.data else ("signature", block.signature)
        if not value:
            return
        found: Opaque = opaque.unwrap(value, "anthropic", kind)
        if self._prose != "thinking":
            self._close_prose(out)
            self._open_prose("thinking", out)
        out.append(OpaqueDelta(self._prose_index, found))

    def _cite(self, annotation: AnnotationIn, out: list[Event]) -> None:
        """A source for the open text; one that comes later has no text left to stand at."""
        source = annotation.url_citation
        if source is None or self._prose != "text":
            return
        start, end = (
            None if at is None else max(0, at - self._prose_start) for at in (source.start_index, source.end_index)
        )
        out.append(Citation(self._prose_index, source.url, source.title, start=start, end=end))

    def _call(self, fragment: CallIn, answer_id: str, out: list[Event]) -> None:
        call = self._find(fragment)
        if call is None:
            self._close_prose(out)
            self._close_whole_calls(out)
            call = _Call(fragment.index)
            self._calls.append(call)
        call.id = call.id or fragment.id or ""
        call.name = call.name or fragment.name
        call.custom = call.custom or fragment.type == "custom" or fragment.custom is not None
        call.signature = call.signature or thought_signature(fragment.extra_content)
        if call.closed:
            return
        if text := fragment.text:
            call.pieces.append(text)
        if call.block is not None:
            self._pass_on(call, out)
        elif call.name and call.id:
            self._open_call(call, call.id, out)

    def _find(self, fragment: CallIn) -> _Call | None:
        """The call that a fragment belongs to, or None for a new one.

        Some servers leave the index out, and some give every call index 0: there a new id with a name is a new call.
        """
        if fragment.index is not None:
            found = next((call for call in reversed(self._calls) if call.wire == fragment.index), None)
            other = found is not None and found.id and fragment.id and fragment.id != found.id
            return None if other and fragment.name else found
        if fragment.id:
            same = next((call for call in self._calls if call.id == fragment.id), None)
            last = self._calls[-1] if self._calls else None
            return same or (last if last is not None and not last.id and not fragment.name else None)
        if not self._calls or (fragment.name and self._calls[-1].name):
            return None
        return self._calls[-1]

    def _open_call(self, call: _Call, call_id: str, out: list[Event]) -> None:
        call.id = call_id
        call.block = self._next
        self._next += 1
        kind: Literal["custom", "function"] = "custom" if call.custom else "function"
        out.append(BlockStart(call.block, "tool_call", call_id, call.name, tool_kind=kind))
        self._pass_on(call, out)

    def _pass_on(self, call: _Call, out: list[Event]) -> None:
        """What of the call has come in and has not been passed on."""
        if call.block is None:
            return
        if call.signature:  # before the first piece: encoders decide by it what the call begins as
            out.append(OpaqueDelta(call.block, opaque.unwrap(call.signature, "gemini", "thought_signature")))
            call.signature = ""
        out += [ArgumentsDelta(call.block, piece) for piece in call.pieces[call.sent :]]
        call.sent = len(call.pieces)

    def _close_whole_calls(self, out: list[Event]) -> None:
        for call in self._calls:
            if call.block is not None and not call.closed and call.whole:
                self._close_call(call, out)

    def _close_call(self, call: _Call, out: list[Event]) -> None:
        if call.block is not None:
            call.closed = True
            out.append(BlockEnd(call.block))

    def _made_id(self, call: _Call, answer_id: str) -> str:
        """Never a sound id by itself, so that wire_id derives one."""
        return wire_id(f"{answer_id}:{self._calls.index(call)}:{call.name}:{call.text}")
