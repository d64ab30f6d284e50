"""A streamed answer for a client of the Messages API.

Enters: canonical events, blocks possibly interleaved. Leaves: SSE frames in Anthropic's grammar: message_start, blocks
one after the other with indexes from 0, message_delta, message_stop; or an error frame and nothing after it.
Events of blocks other than the open one wait until that one ends. Left out: calls without a name, blocks of other
dialects, thinking if the client is not to see it.
"""

from collections.abc import Iterable

import msgspec

from aiclient2api.canonical.errors import GatewayError
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
from aiclient2api.dialects.anthropic import wire_out
from aiclient2api.dialects.anthropic.errors import error_body
from aiclient2api.dialects.base import Answer
from aiclient2api.wire import jsonio, sse

HEARTBEAT = sse.encode(b'{"type":"ping"}', b"ping")

BlockEvent = BlockStart | TextDelta | ThinkingDelta | ArgumentsDelta | OpaqueDelta | Citation | BlockEnd


def frame(name: str, members: dict[str, object]) -> bytes:
    return sse.encode(jsonio.encode({"type": name, **members}), name.encode())


def _delta_frame(index: int, kind: str, member: str) -> tuple[bytes, bytes]:
    """What stands before and after the JSON string of a delta: the form of the hottest frames."""
    data = f'{{"type":"content_block_delta","index":{index},"delta":{{"type":"{kind}","{member}":'
    return b"event: content_block_delta\ndata: " + data.encode(), b"}}\n\n"


class _OpenBlock:
    """The block that the client sees growing. Thinking and calls are shown when their first piece is known, because
    opaque state decides what they start as."""

    __slots__ = ("after", "before", "custom", "index", "opaque", "shown", "start")

    def __init__(self, start: BlockStart) -> None:
        self.start = start
        self.opaque: Opaque | None = None
        self.shown = False
        self.custom = start.kind == "tool_call" and start.tool_kind == "custom"
        self.index = -1
        self.before = self.after = b""


class AnthropicEncoder:
    """One per answer."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._open: _OpenBlock | None = None
        self._held: dict[int, list[BlockEvent]] = {}
        self._skipped: set[int] = set()
        self._next = 0
        self._usage: Usage | None = None
        self._calls = False
        self._ended = False

    def encode(self, events: Iterable[Event]) -> bytes:
        """The frames that these events complete, possibly none."""
        out: list[bytes] = []
        encode = jsonio.encode
        for event in events:
            if self._ended:
                break
            block = self._open
            if type(event) is TextDelta and block is not None and block.start.index == event.index:
                out += (block.before, encode(event.text), block.after)
            elif isinstance(event, BlockEvent):
                self._route(event, out)
            elif isinstance(event, UsageUpdate):
                self._usage = event.usage
            elif isinstance(event, Start):
                self._start(event, out)
            elif isinstance(event, Finish):
                self._finish(event, out)
            elif isinstance(event, Verbatim):
                out.append(event.data)
            else:
                self._fail(event, out)
        return b"".join(out)

    def _start(self, event: Start, out: list[bytes]) -> None:
        self._usage = event.usage
        message: dict[str, object] = {
            "id": wire_out.message_id(self._answer),
            "type": "message",
            "role": "assistant",
            "model": self._answer.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": wire_out.usage_members(wire_out.counted(self._usage, self._answer)),
        }
        out.append(frame("message_start", {"message": message}))

    def _route(self, event: BlockEvent, out: list[bytes]) -> None:
        """Show the event, or keep it until the open block has ended."""
        if isinstance(event, BlockStart) and self._hidden(event):
            self._skipped.add(event.index)
        elif event.index in self._skipped:
            return
        elif self._open is None or self._open.start.index == event.index:
            self._show(event, out)
            if self._open is None:
                self._release(out)
        else:
            self._held.setdefault(event.index, []).append(event)

    def _hidden(self, start: BlockStart) -> bool:
        if start.kind == "thinking":
            return not self._answer.thinking
        if start.kind == "tool_call":
            return not start.name
        return start.kind == "foreign" and start.dialect != wire_out.FAMILY

    def _release(self, out: list[bytes]) -> None:
        """Show what was held, in order, up to a block that is still growing."""
        while self._open is None and self._held:
            for event in self._held.pop(min(self._held)):
                self._show(event, out)

    def _show(self, event: BlockEvent, out: list[bytes]) -> None:
        if isinstance(event, BlockStart):
            self._open = _OpenBlock(event)
            if event.kind in ("text", "refusal", "foreign"):
                self._show_start(self._open, out)
            return
        block = self._open
        if block is None:
            return
        if isinstance(event, TextDelta | ThinkingDelta | ArgumentsDelta):
            if not block.shown:
                self._show_start(block, out)
            text = jsonio.encode(event.text)
            if block.custom:
                text = jsonio.encode(text[1:-1].decode())
            out.append(block.before + text + block.after)
        elif isinstance(event, OpaqueDelta):
            self._opaque(block, event.opaque, out)
        elif isinstance(event, Citation):
            self._delta(block, {"type": "citations_delta", "citation": wire_out.citation(event)}, out)
        else:
            self._end(block, out)

    def _show_start(self, block: _OpenBlock, out: list[bytes]) -> None:
        content = self._content(block.start)
        block.shown = True
        block.index = self._next
        self._next += 1
        block.before, block.after = _delta_frame(block.index, *_DELTAS[block.start.kind])
        out.append(frame("content_block_start", {"index": block.index, "content_block": content}))
        if block.custom:
            self._delta(block, {"type": "input_json_delta", "partial_json": '{"input":"'}, out)

    def _content(self, start: BlockStart) -> object:
        if start.kind == "foreign":
            return msgspec.Raw(wire_out.one_line(start.raw))
        if start.kind == "thinking":
            return {"type": "thinking", "thinking": "", "signature": ""}
        if start.kind == "tool_call":
            self._calls = True
            call_id = wire_out.call_id(start.id, self._answer, start.index)
            return {"type": "tool_use", "id": call_id, "name": start.name, "input": {}}
        return {"type": "text", "text": ""}

    def _opaque(self, block: _OpenBlock, found: Opaque, out: list[bytes]) -> None:
        """State of thinking is its signature. State of a call travels in empty thinking in front of the call: a
        signature is the only such member that clients give back."""
        if block.start.kind == "thinking":
            block.opaque = found
        elif block.start.kind == "tool_call" and not block.shown and self._answer.thinking:
            carrier = _OpenBlock(BlockStart(block.start.index, "thinking"))
            carrier.opaque = found
            self._close_thinking(carrier, out)

    def _end(self, block: _OpenBlock, out: list[bytes]) -> None:
        if block.start.kind == "thinking":
            self._close_thinking(block, out)
        else:
            if not block.shown:
                self._show_start(block, out)
            if block.custom:
                self._delta(block, {"type": "input_json_delta", "partial_json": '"}'}, out)
            out.append(frame("content_block_stop", {"index": block.index}))
        self._open = None

    def _close_thinking(self, block: _OpenBlock, out: list[bytes]) -> None:
        if block.opaque is not None and wire_out.redacted(block.opaque) and not block.shown:
            content = {"type": "redacted_thinking", "data": block.opaque.value}
            block.index = self._next
            self._next += 1
            out.append(frame("content_block_start", {"index": block.index, "content_block": content}))
        else:
            if not block.shown:
                self._show_start(block, out)
            self._delta(block, {"type": "signature_delta", "signature": wire_out.signature(block.opaque)}, out)
        out.append(frame("content_block_stop", {"index": block.index}))

    def _delta(self, block: _OpenBlock, delta: dict[str, object], out: list[bytes]) -> None:
        out.append(frame("content_block_delta", {"index": block.index, "delta": delta}))

    def _finish(self, event: Finish, out: list[bytes]) -> None:
        """Calls that were cut off by the length limit are still open, possibly several."""
        while self._open is not None:
            self._end(self._open, out)
            self._release(out)
        members: dict[str, object] = {
            "delta": wire_out.stop_members(event, self._calls),
            "usage": wire_out.usage_members(wire_out.counted(self._usage, self._answer)),
        }
        out.append(frame("message_delta", members))
        out.append(frame("message_stop", {}))
        self._ended = True

    def _fail(self, event: Failed, out: list[bytes]) -> None:
        out.append(error_frame(event.error))
        self._ended = True


def error_frame(error: GatewayError) -> bytes:
    """The end of a stream that broke off."""
    return sse.encode(error_body(error), b"error")


_DELTAS: dict[str, tuple[str, str]] = {
    "text": ("text_delta", "text"),
    "refusal": ("text_delta", "text"),
    "thinking": ("thinking_delta", "thinking"),
    "tool_call": ("input_json_delta", "partial_json"),
    "foreign": ("", ""),
}
