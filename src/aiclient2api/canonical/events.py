"""What an answer is made of, piece by piece; the same vocabulary for every provider and every dialect.

Order (checked by canonical.validate): Start once and first; BlockStart(i) opens block i, its deltas follow,
BlockEnd(i) closes it; indexes count up from 0 and may interleave; Usage may come anywhere after Start, the last one
counts; the end is one Finish or one Failed, and nothing after it.
"""

from typing import Literal

import msgspec

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.request import Opaque
from aiclient2api.canonical.usage import Usage

BlockKind = Literal["text", "thinking", "tool_call", "refusal", "foreign"]
FinishReason = Literal[
    "end", "length", "context_window", "stop_sequence", "tools", "refusal", "pause", "malformed_call"
]


class Start(msgspec.Struct, frozen=True):
    """`id` and `model` are the upstream's own; an encoder shows the client ids and the model name it asked for."""

    id: str = ""
    model: str = ""
    usage: Usage | None = None


class BlockStart(msgspec.Struct, frozen=True):
    """`id`, `name`, `tool_kind` and `namespace` belong to tool calls; `dialect` and `raw` to foreign blocks,
    which arrive whole."""

    index: int
    kind: BlockKind
    id: str = ""
    name: str = ""
    tool_kind: Literal["function", "custom"] = "function"
    namespace: str | None = None
    dialect: str = ""
    raw: bytes = b""


class TextDelta(msgspec.Struct, frozen=True, gc=False):
    """Text of a text or refusal block."""

    index: int
    text: str


class ThinkingDelta(msgspec.Struct, frozen=True, gc=False):
    index: int
    text: str


class ArgumentsDelta(msgspec.Struct, frozen=True, gc=False):
    """A fragment of the JSON text of a call's arguments (or of a custom tool's raw input)."""

    index: int
    text: str


class OpaqueDelta(msgspec.Struct, frozen=True):
    """Opaque state of the block: a thinking signature, redacted data, a thought signature."""

    index: int
    opaque: Opaque


class Citation(msgspec.Struct, frozen=True):
    """A source for the text of block `index`; `start` and `end` are code-point offsets where known."""

    index: int
    url: str = ""
    title: str = ""
    cited_text: str = ""
    start: int | None = None
    end: int | None = None
    raw: bytes = b""


class BlockEnd(msgspec.Struct, frozen=True):
    index: int


class UsageUpdate(msgspec.Struct, frozen=True):
    """The whole usage known so far (not a difference)."""

    usage: Usage


class Finish(msgspec.Struct, frozen=True):
    reason: FinishReason
    stop_sequence: str | None = None
    details: bytes | None = None


class Failed(msgspec.Struct, frozen=True):
    """The answer broke off; whatever came before stays as it is and no Finish follows."""

    error: GatewayError


class Verbatim(msgspec.Struct, frozen=True):
    """Bytes of an answer in the client's own dialect, passed on as they came; no other event but Failed goes with them.

    `content`: part of the answer proper is among them. `usage`, `finish` and `failed` (the upstream's own error, which
    ends the answer) are what they say, for whoever looks on.
    """

    data: bytes
    content: bool = True
    usage: Usage | None = None
    finish: Finish | None = None
    failed: GatewayError | None = None


Event = (
    Start
    | BlockStart
    | TextDelta
    | ThinkingDelta
    | ArgumentsDelta
    | OpaqueDelta
    | Citation
    | BlockEnd
    | UsageUpdate
    | Finish
    | Failed
    | Verbatim
)

_CONTENT = frozenset({BlockStart, TextDelta, ThinkingDelta, ArgumentsDelta, OpaqueDelta, Citation, Finish})


def failure_of(event: Event) -> GatewayError | None:
    """The error that ends the answer with this event."""
    if type(event) is Verbatim:
        return event.failed
    return event.error if type(event) is Failed else None


def is_content(event: Event) -> bool:
    """Whether an attempt is committed after this: the client has seen, or is owed, part of this very answer."""
    return event.content if type(event) is Verbatim else type(event) in _CONTENT
