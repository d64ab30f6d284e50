"""Canonical events as chat.completion.chunk frames.

The grammar clients are strict about: the same id, created and model on every chunk; the role once and first; a call's
id, type and name once, its index counted over calls from 0; one finish_reason with an empty delta; the usage chunk
(empty choices) only if asked for, and last; then [DONE]. After an error object nothing follows. Annotations go out
once, before the finish: the Python SDK cannot add up list members without an index.
"""

from collections.abc import Iterable

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
from aiclient2api.dialects.openai_chat.errors import error_body
from aiclient2api.dialects.openai_chat.usage import encode_usage
from aiclient2api.dialects.openai_chat.wire_out import (
    Annotation,
    annotation,
    call_id,
    call_out,
    extra_content,
    finish_reason,
)
from aiclient2api.wire import jsonio

DONE = b"data: [DONE]\n\n"
_OPEN_END = b'},"logprobs":null,"finish_reason":null}]}\n\n'


class _Call:
    """A tool call that is being shown."""

    __slots__ = ("custom", "empty", "number")

    def __init__(self, number: int, custom: bool) -> None:
        self.number = number
        self.custom = custom
        self.empty = True


class ChatStreamEncoder:
    """One per answer; see dialects.base.StreamEncoder."""

    def __init__(self, answer: Answer) -> None:
        model = jsonio.encode(answer.model)
        self._head = b'data: {"id":"chatcmpl-%b","object":"chat.completion.chunk","created":%d,"model":%b,' % (
            answer.seed.encode(),
            answer.created,
            model,
        )
        self._delta = self._head + b'"choices":[{"index":0,"delta":{'
        self._content = self._delta + b'"content":'
        self._reasoning = self._delta + b'"reasoning_content":'
        self._answer = answer
        self._out: list[bytes] = []
        self._usage: Usage | None = None
        self._calls: dict[int, _Call] = {}
        self._refusals: set[int] = set()
        self._annotations: list[Annotation] = []
        self._starts: dict[int, int] = {}
        self._length = 0
        self._ended = False

    def encode(self, events: Iterable[Event]) -> bytes:
        """Frames for `events`; after Finish or Failed nothing more."""
        out, encode = self._out, jsonio.encode
        for event in events:
            if self._ended:
                break
            if type(event) is TextDelta and not self._refusals:
                self._length += len(event.text)
                out += (self._content, encode(event.text), _OPEN_END)
            elif isinstance(event, TextDelta):
                self._text(event)
            elif isinstance(event, ArgumentsDelta):
                self._arguments(event.index, event.text)
            elif isinstance(event, ThinkingDelta):
                if self._answer.thinking:
                    out += (self._reasoning, jsonio.encode(event.text), _OPEN_END)
            else:
                self._structural(event)
        data = b"".join(out)
        out.clear()
        return data

    def _structural(
        self, event: Start | BlockStart | OpaqueDelta | Citation | BlockEnd | UsageUpdate | Finish | Failed | Verbatim
    ) -> None:
        if isinstance(event, BlockStart):
            self._open_block(event)
        elif isinstance(event, BlockEnd):
            self._close_block(event.index)
        elif isinstance(event, UsageUpdate):
            self._usage = event.usage
        elif isinstance(event, Start):
            self._usage = event.usage or self._usage
            self._out += (self._delta, b'"role":"assistant","content":""', _OPEN_END)
        elif isinstance(event, OpaqueDelta):
            self._call_state(event)
        elif isinstance(event, Citation):
            self._cite(event)
        elif isinstance(event, Finish):
            self._finish(event)
        elif isinstance(event, Verbatim):
            self._out.append(event.data)
        else:
            self._ended = True
            self._out += (b"data: ", error_body(event.error), b"\n\n")

    def _text(self, event: TextDelta) -> None:
        text = jsonio.encode(event.text)
        if event.index in self._refusals:
            self._out += (self._delta, b'"refusal":', text, _OPEN_END)
        else:
            self._length += len(event.text)
            self._out += (self._content, text, _OPEN_END)

    def _open_block(self, start: BlockStart) -> None:
        if start.kind == "tool_call":
            call = _Call(len(self._calls), start.tool_kind == "custom")
            self._calls[start.index] = call
            shown_id = call_id(start.id, self._answer.seed, call.number)
            self._call_fragment(jsonio.encode(call_out(start, shown_id, index=call.number)))
        elif start.kind == "refusal":
            self._refusals.add(start.index)
        elif start.kind == "text":
            self._starts[start.index] = self._length

    def _call_fragment(self, call: bytes) -> None:
        self._out += (self._delta, b'"tool_calls":[', call, b"]", _OPEN_END)

    def _arguments(self, index: int, text: str) -> None:
        call = self._calls[index]
        call.empty = False
        form = b'{"index":%d,"custom":{"input":%b}}' if call.custom else b'{"index":%d,"function":{"arguments":%b}}'
        self._call_fragment(form % (call.number, jsonio.encode(text)))

    def _close_block(self, index: int) -> None:
        """Arguments are JSON: none at all are an empty object, or clients never run the tool."""
        call = self._calls.get(index)
        if call is not None and call.empty and not call.custom:
            self._arguments(index, "{}")

    def _call_state(self, event: OpaqueDelta) -> None:
        call = self._calls.get(event.index)
        extra = extra_content((event.opaque,))
        if call is None or extra is None:
            return
        empty = b'"custom":{"input":""}' if call.custom else b'"function":{"arguments":""}'
        self._call_fragment(b'{"index":%d,%b,"extra_content":%b}' % (call.number, empty, jsonio.encode(extra)))

    def _cite(self, citation: Citation) -> None:
        base = self._starts.get(citation.index, 0)
        start = base + (citation.start or 0)
        end = self._length if citation.end is None else base + citation.end
        shown = annotation(citation, start, end)
        if shown is not None:
            self._annotations.append(shown)

    def _finish(self, finish: Finish) -> None:
        self._ended = True
        if self._annotations:
            self._out += (self._delta, b'"annotations":', jsonio.encode(self._annotations), _OPEN_END)
        reason = finish_reason(finish, calls=bool(self._calls), refused=bool(self._refusals))
        self._out += (self._delta, b'},"logprobs":null,"finish_reason":"', reason.encode(), b'"}]}\n\n')
        if self._answer.include_usage:
            usage = self._usage or Usage(fresh=self._answer.input_estimate(), estimated=True)
            self._out += (self._head, b'"choices":[],"usage":', jsonio.encode(encode_usage(usage)), b"}\n\n")
        self._out.append(DONE)
