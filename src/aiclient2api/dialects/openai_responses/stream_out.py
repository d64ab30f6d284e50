"""A streamed answer for a client of the Responses API.

Enters: canonical events, blocks possibly interleaved. Leaves: SSE frames in the API's grammar: created, in_progress,
items one after the other with all their parts, then completed, incomplete, or failed with an error event behind it.
Events of blocks other than the open one wait until that one ends. Consecutive texts are parts of one message.
"""

import re
from collections.abc import Iterable

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
from aiclient2api.canonical.usage import Usage
from aiclient2api.dialects.base import Answer
from aiclient2api.dialects.openai_responses.blocks_out import Writer, Writers
from aiclient2api.dialects.openai_responses.errors import shown
from aiclient2api.dialects.openai_responses.items_out import Frames, Output, Status
from aiclient2api.dialects.openai_responses.object_out import ResponseObject
from aiclient2api.dialects.openai_responses.usage import encode_usage
from aiclient2api.dialects.sequence import Sequence
from aiclient2api.wire import jsonio

HEARTBEAT = b": keep-alive\n\n"
"""A comment, since an event before response.created kills the SDK's helper."""

_DELTAS = (TextDelta, ThinkingDelta, ArgumentsDelta)

MALFORMED = "The model tried to call a tool in a form that cannot be read."

_CUT = {"length": "max_output_tokens", "context_window": "max_output_tokens", "pause": "max_messages"}
"""Endings that leave the answer incomplete, and the API's word for each."""


_RESPONSE_ID = re.compile(rb'"response"\s*:\s*\{\s*"id"\s*:\s*"([^"\\]+)"')


class ResponsesStreamEncoder:
    """One per answer; see dialects.base.StreamEncoder. `result` is the response object once the answer has ended."""

    def __init__(self, answer: Answer) -> None:
        self._frames = Frames()
        self._output = Output(answer.seed, self._frames)
        self._object = ResponseObject(answer)
        self._writers = Writers(self._output, answer.request, answer.thinking)
        self._estimate = answer.input_estimate
        self._usage: Usage | None = None
        self._sequence = Sequence()
        self._index = -1
        self._writer: Writer | None = None
        self._refused = False
        self._started = False
        self._ended = False
        self.result = b""

    def encode(self, events: Iterable[Event]) -> bytes:
        """Frames for `events`; after Finish or Failed nothing more."""
        for event in events:
            if self._ended:
                break
            writer = self._writer
            if isinstance(event, _DELTAS) and writer is not None and self._index == event.index:
                writer.text(event.text)
                continue
            for each in self._sequence.feed(event):
                self._show(each)
        return self._frames.take()

    def _show(self, event: Event) -> None:
        if isinstance(event, _DELTAS):
            if self._writer is not None:
                self._writer.text(event.text)
        elif isinstance(event, BlockStart):
            self._begin(event)
        elif isinstance(event, BlockEnd):
            self._end_block(cut=False)
        elif isinstance(event, UsageUpdate):
            self._usage = event.usage
        elif isinstance(event, Start):
            self._usage = event.usage or self._usage
            self._start()
        elif isinstance(event, Finish):
            self._finish(event)
        elif isinstance(event, Failed):
            self._fail(event.error)
        elif isinstance(event, Verbatim):
            self._pass_on(event.data)
        elif self._writer is not None:
            self._beside(event, self._writer)

    def _beside(self, event: OpaqueDelta | Citation, writer: Writer) -> None:
        """What belongs to a block and is not its text."""
        if isinstance(event, OpaqueDelta):
            writer.state(event.opaque)
        else:
            writer.cite(event)

    def _pass_on(self, data: bytes) -> None:
        """Frames of the upstream. Should it break off, our last words must be of the same response."""
        if not self._started:
            found = _RESPONSE_ID.search(data)
            if found is not None:
                self._started = True
                self._object.pretend(found[1])
        self._frames.pass_on(data)

    def _begin(self, start: BlockStart) -> None:
        self._end_block(cut=True)
        self._refused = self._refused or start.kind == "refusal"
        self._index, self._writer = start.index, self._writers.open(start)

    def _end_block(self, *, cut: bool) -> None:
        if self._writer is not None:
            self._writer.end(cut)
            self._writer = None

    def _start(self) -> None:
        if not self._started:
            self._started = True
            members = b'"response":' + self._object.write("in_progress", [])
            self._frames.add(b"response.created", members)
            self._frames.add(b"response.in_progress", members)

    def _finish(self, finish: Finish) -> None:
        """Calls that were cut off by the length limit are still open, possibly several."""
        self._start()
        self._end_block(cut=True)
        if finish.reason == "malformed_call":
            self._fail(GatewayError("upstream", MALFORMED))
            return
        reason = _CUT.get(finish.reason)
        if finish.reason == "refusal" and not self._refused:
            reason = "content_filter"
        self._end("completed" if reason is None else "incomplete", reason)

    def _told_usage(self) -> Usage:
        """As told, else as estimated."""
        return self._usage or Usage(fresh=self._estimate(), estimated=True)

    def _end(self, status: Status, reason: str | None) -> None:
        self._ended = True
        self._output.close_message(status)
        incomplete = None if reason is None else {"reason": reason}
        usage = encode_usage(self._told_usage())
        self.result = self._object.write(status, self._output.items, usage=usage, incomplete=incomplete)
        self._frames.add(b"response." + status.encode(), b'"response":' + self.result)

    def _fail(self, error: GatewayError) -> None:
        """Codex reads response.failed, the SDKs an error event, flat or nested."""
        self._start()
        self._ended = True
        found = shown(error)
        usage = encode_usage(self._told_usage())
        reported = {"code": found.code, "message": found.message}
        self.result = self._object.write("failed", self._output.items, usage=usage, error=reported)
        self._frames.add(b"response.failed", b'"response":' + self.result)
        flat = jsonio.encode({"code": found.code, "message": found.message, "param": found.param, "error": found})
        self._frames.add(b"error", flat[1:-1])
