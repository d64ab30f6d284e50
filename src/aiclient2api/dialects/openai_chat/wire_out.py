"""What an answer's pieces look like on the wire, for streamed and whole answers alike: tool calls, finish reasons,
annotations, thinking with its signatures.
"""

import msgspec

from aiclient2api.canonical.events import BlockStart, Citation, Finish, FinishReason
from aiclient2api.canonical.request import Opaque, Thinking
from aiclient2api.dialects import opaque as envelope

_FINISH: dict[FinishReason, str] = {
    "end": "stop",
    "length": "length",
    "context_window": "length",
    "stop_sequence": "stop",
    "tools": "stop",
    "refusal": "content_filter",
    "pause": "stop",
    "malformed_call": "stop",
}
"""Where no call was made: clients that are told "tool_calls" without one wait for it, or ask again without end."""


def finish_reason(finish: Finish, *, calls: bool, refused: bool) -> str:
    """`calls`: a tool call was shown; `refused`: a refusal in words was shown."""
    if calls and finish.reason in ("end", "tools", "stop_sequence"):
        return "tool_calls"
    if refused and finish.reason == "refusal":
        return "stop"
    return _FINISH[finish.reason]


def call_id(given: str, seed: str, number: int) -> str:
    """The call's id; made from the answer's seed where the upstream had none."""
    return given or f"call_{seed[:20]}{number:04d}"


def call_name(name: str, namespace: str | None) -> str:
    """Chat Completions has no namespaces."""
    return f"{namespace}__{name}" if namespace else name


class FunctionOut(msgspec.Struct):
    name: str
    arguments: str = ""


class CustomOut(msgspec.Struct):
    name: str
    input: str = ""


class GoogleExtra(msgspec.Struct):
    thought_signature: str


class ExtraContent(msgspec.Struct):
    """Where Google's own compatible API keeps the thought signature of a call."""

    google: GoogleExtra


class CallOut(msgspec.Struct, omit_defaults=True):
    index: int | None = None
    id: str | None = None
    type: str | None = None
    function: FunctionOut | None = None
    custom: CustomOut | None = None
    extra_content: ExtraContent | None = None


def call_out(start: BlockStart, shown_id: str, text: str = "", index: int | None = None) -> CallOut:
    """A call with all its text (whole answers), or its first fragment (streams)."""
    name = call_name(start.name, start.namespace)
    if start.tool_kind == "custom":
        return CallOut(index, shown_id, "custom", custom=CustomOut(name, text))
    return CallOut(index, shown_id, "function", FunctionOut(name, text))


def extra_content(opaque: tuple[Opaque, ...]) -> ExtraContent | None:
    """Opaque state of a call. Only Gemini has any; clients of this dialect give the member back as it is."""
    for each in opaque:
        if each.origin == "gemini":
            return ExtraContent(GoogleExtra(envelope.wrap(each, "gemini")))
    return None


class UrlCitation(msgspec.Struct, omit_defaults=True):
    url: str
    title: str
    start_index: int | None = None
    end_index: int | None = None


class Annotation(msgspec.Struct):
    type: str
    url_citation: UrlCitation


def annotation(citation: Citation, start: int, end: int) -> Annotation | None:
    """A web source for the text from `start` to `end` (code points in the whole message); None for other sources,
    which this dialect cannot name."""
    if not citation.url:
        return None
    return Annotation("url_citation", UrlCitation(citation.url, citation.title, start, end))


class ThinkingBlock(msgspec.Struct, omit_defaults=True):
    """LiteLLM's form, which clients of Claude behind this dialect give back."""

    type: str
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None


def thinking_block(block: Thinking) -> ThinkingBlock:
    """Thinking with its opaque state, if it has any, as Anthropic shapes it. The state is always in an envelope, which
    tells it from the state of a server of this dialect when it comes back."""
    if not block.opaque:
        return ThinkingBlock("thinking", block.text)
    shown = envelope.wrap(block.opaque[0], "")
    if block.opaque[0].kind == "redacted":
        return ThinkingBlock("redacted_thinking", data=shown)
    return ThinkingBlock("thinking", block.text, shown)
