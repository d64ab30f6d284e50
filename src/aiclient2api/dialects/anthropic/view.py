"""What must be known of a Messages body that passes through, read in one turn: a body of megabytes is parsed once.

Enters: the body. Leaves: a View, which `peek` makes and `request` goes on with. A body whose messages have a shape that
this does not know is the upstream's to judge; it is looked at more slowly, and passed on.
"""

import re
from collections.abc import Iterable, Mapping

import msgspec

from aiclient2api.dialects.opaque import PREFIX
from aiclient2api.dialects.reading import ABSENT
from aiclient2api.wire import jsonio

SAMPLING = ("temperature", "top_p", "top_k")
_ENVELOPE = PREFIX.encode()
_ROLES = frozenset({"tool", "developer"})
_PARTS = frozenset({"function", "image_url", "input_text", "input_image", "file", "input_file"})
_FOREIGN = re.compile(
    rb'"type"\s*:\s*"(?:function|image_url|input_text|input_image)"|"role"\s*:\s*"(?:tool|developer)"'
    rb'|"(?:tool_calls|file_data)"\s*:'
)
"""What shows that a client writes messages or tools as OpenAI has them (REQUIREMENTS C2). Inside texts and arguments
the quotes would be escaped."""


class _Block(msgspec.Struct, gc=False):
    type: str = ""
    signature: msgspec.Raw = ABSENT
    data: msgspec.Raw = ABSENT
    content: "str | list[_Block] | None" = None


class _Turn(msgspec.Struct, gc=False):
    role: str = ""
    content: str | list[_Block] | None = None
    tool_calls: msgspec.Raw = ABSENT


class _Tool(msgspec.Struct, gc=False):
    type: str | None = None
    function: msgspec.Raw = ABSENT


class _Top(msgspec.Struct):
    """What a request cannot do without; the rest is the upstream's to judge."""

    model: str
    max_tokens: msgspec.Raw
    stream: bool | None = None
    temperature: msgspec.Raw = ABSENT
    top_p: msgspec.Raw = ABSENT
    top_k: msgspec.Raw = ABSENT
    system: msgspec.Raw = ABSENT
    thinking: msgspec.Raw = ABSENT
    output_config: msgspec.Raw = ABSENT
    output_format: msgspec.Raw = ABSENT
    context_management: msgspec.Raw = ABSENT


class _Strict(_Top, kw_only=True):
    messages: list[_Turn]
    tools: list[_Tool] | None = None


class _Loose(_Top, kw_only=True):
    messages: list[msgspec.Raw]


_NAMES = ("max_tokens", *SAMPLING, "system", "thinking", "output_config", "output_format", "context_management")


class View(msgspec.Struct, frozen=True):
    """`native`: nothing is written as OpenAI has it; `stateful`: envelopes of ours may be in the messages; `members`:
    the top-level ones that patches depend on, as far as they are there."""

    model: str
    stream: bool
    turns: int
    native: bool
    stateful: bool
    members: Mapping[str, msgspec.Raw]


def view_of(body: bytes) -> View:
    """Raises JsonError, also for text that is not UTF-8."""
    jsonio.check_utf8(body)
    top: _Strict | _Loose
    try:
        top = jsonio.decode(body, _Strict)
    except jsonio.JsonError:
        top = jsonio.decode(body, _Loose)
        native, stateful = _FOREIGN.search(body) is None, _ENVELOPE in body
    else:
        native = not any(map(_is_foreign, top.messages)) and all(map(_is_own, top.tools or ()))
        stateful = any(map(_has_envelope, top.messages))
    members = {name: raw for name in _NAMES if len(raw := getattr(top, name))}
    return View(top.model, bool(top.stream), len(top.messages), native, stateful, members)


def _is_foreign(turn: _Turn) -> bool:
    if turn.role in _ROLES or len(turn.tool_calls):
        return True
    return isinstance(turn.content, list) and _has_foreign_part(turn.content)


def _has_foreign_part(blocks: Iterable[_Block]) -> bool:
    nested = [block.content for block in blocks if isinstance(block.content, list)]
    return not _PARTS.isdisjoint([block.type for block in blocks]) or any(map(_has_foreign_part, nested))


def _is_own(tool: _Tool) -> bool:
    return tool.type != "function" and not len(tool.function)


def _in_envelope(raw: msgspec.Raw) -> bool:
    return _ENVELOPE in bytes(raw)


def _has_envelope(turn: _Turn) -> bool:
    if not isinstance(turn.content, list):
        return False
    opaque = [raw for block in turn.content for raw in (block.signature, block.data) if len(raw)]
    return any(map(_in_envelope, opaque))
