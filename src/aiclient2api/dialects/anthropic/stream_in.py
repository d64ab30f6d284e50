"""An upstream's answer in the Messages API: a stream, or one body, to canonical events.

Enters: bytes at any cut. Leaves: events in the order that canonical.validate asks for, at the end Finish or Failed.
What is no stream (HTML, a JSON error, a whole message though a stream was asked for) is taken for what it is.
Unknown events and deltas are read over. A stream without message_stop is cut: Failed("truncated").
"""

from collections.abc import Sequence

import msgspec

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.events import Event, Failed, Finish, FinishReason, Start, UsageUpdate
from aiclient2api.dialects.anthropic.blocks_in import Blocks, Delta, OutOfOrder
from aiclient2api.dialects.anthropic.errors import stream_error
from aiclient2api.dialects.anthropic.usage_in import WireUsage, merged, usage_of
from aiclient2api.dialects.reading import ABSENT, given
from aiclient2api.wire import jsonio, sse

STOP_REASONS: dict[str, FinishReason] = {
    "end_turn": "end",
    "max_tokens": "length",
    "stop_sequence": "stop_sequence",
    "tool_use": "tools",
    "pause_turn": "pause",
    "refusal": "refusal",
    "model_context_window_exceeded": "context_window",
}
"""Stop reasons that this table does not know are an ordinary end."""


class _Message(msgspec.Struct, gc=False):
    id: str | None = None
    model: str | None = None
    usage: WireUsage | None = None


class _Frame(msgspec.Struct, gc=False):
    """The data of any event."""

    type: str | None = None
    index: int = 0
    message: _Message | None = None
    content_block: msgspec.Raw = ABSENT
    delta: Delta | None = None
    usage: WireUsage | None = None


_read = jsonio.reader(_Frame)


class AnthropicDecoder:
    """One per answer."""

    def __init__(self) -> None:
        self._sse = sse.SseDecoder()
        self._body: bytearray | None = None
        self._sniffed = False
        self._blocks = Blocks()
        self._usage = WireUsage()
        self._finish = Finish("end")
        self._started = False
        self._ended = False

    def feed(self, data: bytes) -> list[Event]:
        """The events that `data` completes; nothing after the end."""
        if self._ended:
            return []
        if not self._sniffed:
            self._sniff(data)
        out: list[Event] = []
        if self._body is not None:
            self._body += data
            return self._fail(_not_understood("it is too large"), out) if len(self._body) > sse.MAX_EVENT_BYTES else out
        try:
            self._events(self._sse.feed(data), out)
        except (jsonio.JsonError, OutOfOrder, sse.SseError) as error:
            self._fail(_not_understood(str(error)), out)
        return out

    def close(self) -> list[Event]:
        """The bytes have ended. Anything but a proper end is Failed."""
        if self._ended:
            return []
        self._ended = True
        if self._body is not None and not self._started:
            return list(decode_response(bytes(self._body)))
        return [Failed(GatewayError("truncated", "The upstream's answer ended before it was complete."))]

    def _sniff(self, data: bytes) -> None:
        """The first byte that is not white space tells a stream from a page or a JSON body."""
        start = data.lstrip()[:1]
        self._sniffed = bool(start)
        if start in (b"{", b"[", b"<"):
            self._body = bytearray()

    def _events(self, events: list[sse.SseEvent], out: list[Event]) -> None:
        for event in events:
            if self._ended:
                break
            if event.data == b"[DONE]":
                continue
            frame = _read(event.data)
            kind = frame.type or event.event
            if kind != "content_block_delta":
                self._event(kind, frame, event.data, out)
            elif frame.delta is not None:
                self._blocks.delta(frame.index, frame.delta, out)

    def _event(self, kind: str, frame: _Frame, data: bytes, out: list[Event]) -> None:
        """Any event but a delta."""
        if kind == "content_block_start":
            self._start(_Message(), out)
            out += self._blocks.start(frame.index, bytes(frame.content_block))
        elif kind == "content_block_stop":
            out += self._blocks.end(frame.index)
        elif kind == "message_start":
            self._start(frame.message or _Message(), out)
        elif kind == "message_delta":
            self._start(_Message(), out)
            self._message_delta(frame, out)
        elif kind == "message_stop":
            self._stop(out)
        elif kind == "error":
            self._fail(stream_error(data), out)

    def _start(self, message: _Message, out: list[Event]) -> None:
        """Start, once; a stream that forgot message_start is not the worse for it."""
        if self._started:
            return
        self._started = True
        if message.usage is not None:
            self._usage = message.usage
        usage = usage_of(self._usage) if message.usage is not None else None
        out.append(Start(message.id or "", message.model or "", usage))

    def _message_delta(self, frame: _Frame, out: list[Event]) -> None:
        if frame.usage is not None:
            self._usage = merged(self._usage, frame.usage)
            out.append(UsageUpdate(usage_of(self._usage)))
        if frame.delta is not None and frame.delta.stop_reason:
            self._finish = finish_of(frame.delta)

    def _stop(self, out: list[Event]) -> None:
        self._start(_Message(), out)
        out += self._blocks.end_all(cut=self._finish.reason == "length")
        out.append(self._finish)
        self._ended = True

    def _fail(self, error: GatewayError, out: list[Event]) -> list[Event]:
        self._ended = True
        out.append(Failed(error))
        return out


def finish_of(delta: Delta) -> Finish:
    details = bytes(delta.stop_details) if given(delta.stop_details) else None
    return Finish(STOP_REASONS.get(delta.stop_reason or "", "end"), delta.stop_sequence, details)


def _not_understood(why: str) -> GatewayError:
    return GatewayError("upstream", f"The upstream's answer cannot be read: {why}.")


class _Whole(msgspec.Struct):
    type: str = "message"
    id: str | None = None
    model: str | None = None
    content: list[msgspec.Raw] | None = None
    usage: WireUsage | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: msgspec.Raw = ABSENT


def decode_response(body: bytes) -> Sequence[Event]:
    """Events of a whole answer; a body that is none is one Failed."""
    try:
        whole = jsonio.decode(body, _Whole)
        if whole.type != "message" or whole.content is None:
            return [Failed(stream_error(body))]
        usage = usage_of(whole.usage) if whole.usage is not None else None
        out: list[Event] = [Start(whole.id or "", whole.model or "", usage)]
        blocks = Blocks()
        for index, raw in enumerate(whole.content):
            out += blocks.start(index, bytes(raw))
            out += blocks.end(index)
    except jsonio.JsonError:
        return [Failed(stream_error(body))]
    if usage is not None:
        out.append(UsageUpdate(usage))
    delta = Delta(stop_reason=whole.stop_reason, stop_sequence=whole.stop_sequence, stop_details=whole.stop_details)
    out.append(finish_of(delta))
    return out
