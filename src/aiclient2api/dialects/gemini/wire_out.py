"""Pieces of an answer as Gemini JSON: parts, finish reasons, the frame around them.

The streamed and the whole answer are made of the same pieces.
"""

from typing import Literal

import msgspec

from aiclient2api.canonical.events import BlockStart, Finish, FinishReason
from aiclient2api.canonical.request import Opaque
from aiclient2api.canonical.usage import Usage
from aiclient2api.dialects.as_function import arguments_object
from aiclient2api.dialects.base import Answer
from aiclient2api.dialects.gemini.signatures import FAMILY, write_signature
from aiclient2api.dialects.gemini.usage import encode_usage
from aiclient2api.wire import jsonio

_FINISH: dict[FinishReason, str] = {
    "end": "STOP",
    "length": "MAX_TOKENS",
    "context_window": "MAX_TOKENS",
    "stop_sequence": "STOP",
    "tools": "STOP",
    "refusal": "SAFETY",
    "pause": "OTHER",
    "malformed_call": "MALFORMED_FUNCTION_CALL",
}
"""Calls end with STOP: that there is a functionCall is all that tells of them."""


class Details(msgspec.Struct, omit_defaults=True):
    """What a Finish("refusal") tells beside: Anthropic's stop_details, with Gemini's own words for the reason."""

    type: str = ""
    category: str | None = None
    explanation: str | None = None
    finish_reason: str | None = None
    block_reason: str | None = None


def details_of(finish: Finish) -> Details:
    """Nothing where there is none, or in a form we do not know."""
    if finish.details is None:
        return Details()
    try:
        return jsonio.decode(finish.details, Details)
    except jsonio.JsonError:
        return Details()


def shows_thoughts(answer: Answer) -> bool:
    """A client of this dialect sees thoughts only if it asked for them, as at Google."""
    request = answer.request
    if request is None or request.dialect != FAMILY:
        return answer.thinking
    reasoning = request.reasoning
    return answer.thinking and reasoning is not None and reasoning.display != "omitted"


def text_part(text: str) -> bytes:
    return b'{"text":' + jsonio.encode(text) + b"}"


def thought_part(text: str) -> bytes:
    return b'{"thought":true,"text":' + jsonio.encode(text) + b"}"


class _StatePart(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True):
    thought: Literal[True] | None = None
    text: str
    thought_signature: str


def state_part(state: Opaque) -> bytes:
    """State without words, as Gemini sends it at the end of a turn; other vendors' is marked as a thought, so that
    nobody takes it for an empty answer."""
    signature = write_signature(state)
    if state.origin == FAMILY:
        return jsonio.encode(_StatePart(text="", thought_signature=signature))
    return jsonio.encode(_StatePart(thought=True, text="", thought_signature=signature))


class _Call(msgspec.Struct):
    id: str
    name: str
    args: msgspec.Raw


class _CallPart(msgspec.Struct, rename="camel", omit_defaults=True):
    function_call: _Call
    thought_signature: str | None = None


def call_part(start: BlockStart, call_id: str, arguments: str, state: list[Opaque]) -> bytes:
    """A whole call; of several states the one of Gemini itself."""
    name = f"{start.namespace}__{start.name}" if start.namespace else start.name
    call = _Call(call_id, name, arguments_object(arguments, start.tool_kind))
    own = next((each for each in state if each.origin == FAMILY), state[0] if state else None)
    return jsonio.encode(_CallPart(call, None if own is None else write_signature(own)))


_BEFORE = b'{"candidates":[{"content":{"parts":['


class Frame:
    """What stands around the parts of one answer."""

    def __init__(self, answer: Answer) -> None:
        model = jsonio.encode(answer.model)
        self._end = b'"modelVersion":%b,"responseId":"%b"}' % (model, answer.seed.encode())
        self._after = b'],"role":"model"},"index":0}],' + self._end

    def chunk(self, part: bytes) -> bytes:
        """A chunk in the middle of a stream."""
        return one_line_everywhere(_BEFORE + part + self._after)

    def text(self, text: str) -> bytes:
        """A chunk with a piece of text, which is what most chunks are."""
        body = _BEFORE + b'{"text":' + jsonio.encode(text) + b"}" + self._after
        return body if text.isascii() else one_line_everywhere(body)

    def last(self, parts: bytes, finish: Finish, usage: Usage, grounding: bytes = b"") -> bytes:
        """The chunk that ends an answer, or all of a whole answer. A blocked prompt has no candidate at all."""
        details = details_of(finish)
        counts = b'"usageMetadata":' + jsonio.encode(encode_usage(usage)) + b","
        if details.block_reason and not parts:
            feedback: dict[str, object] = {"blockReason": details.block_reason}
            if details.explanation:
                feedback["blockReasonMessage"] = details.explanation
            return one_line_everywhere(b'{"promptFeedback":' + jsonio.encode(feedback) + b"," + counts + self._end)
        reason = details.finish_reason or _FINISH[finish.reason]
        message = b""
        if details.explanation:
            message = b'"finishMessage":' + jsonio.encode(details.explanation) + b","
        if grounding:
            message += b'"groundingMetadata":' + grounding + b","
        body = b'{"candidates":[{"content":{"parts":[%b],"role":"model"},"finishReason":%b,%b"index":0}],' % (
            parts or text_part(""),
            jsonio.encode(reason),
            message,
        )
        return one_line_everywhere(body + counts + self._end)


_SEPARATORS = ((b"\xe2\x80\xa8", rb"\u2028"), (b"\xe2\x80\xa9", rb"\u2029"), (b"\xc2\x85", rb"\u0085"))


def one_line_everywhere(json: bytes) -> bytes:
    """The JSON with characters escaped that line readers of the SDKs take for line breaks."""
    for character, escape in _SEPARATORS:
        if character in json:
            json = json.replace(character, escape)
    return json
