"""What must be known of a Chat body that passes through, read in one turn: a body of megabytes is parsed once.

Enters: the body. Leaves: a View, which `peek` makes and `request` goes on with. A body whose messages have a shape that
this does not know is the upstream's to judge; it is looked at more slowly, and passed on.
"""

import re
from typing import TypeAlias

import msgspec

from aiclient2api.dialects.opaque import PREFIX
from aiclient2api.dialects.reading import ABSENT, given
from aiclient2api.wire import jsonio

_ENVELOPE = PREFIX.encode()
_SIGNATURE = b'"thought_signature"'
_BLOCKS = frozenset({"tool_use", "tool_result", "image", "document", "thinking"})
"""Kinds of part by which a client shows that it writes blocks as Anthropic has them (REQUIREMENTS C2)."""
_FOREIGN = re.compile(rb'"type"\s*:\s*"(?:' + "|".join(sorted(_BLOCKS)).encode() + rb')"')


class Part(msgspec.Struct, gc=False):
    type: str | None = None


class Tool(msgspec.Struct, gc=False):
    type: str | None = None
    function: msgspec.Raw = ABSENT
    custom: msgspec.Raw = ABSENT


class State(msgspec.Struct, gc=False):
    """Where opaque state can stand in a message."""

    thinking_blocks: msgspec.Raw = ABSENT
    tool_calls: msgspec.Raw = ABSENT


class Message(State, gc=False):
    content: str | list[Part] | None = None


class LooseMessage(State, gc=False):
    content: msgspec.Raw = ABSENT


class _Top(msgspec.Struct):
    model: str = ""
    stream: bool | None = None
    input: msgspec.Raw = ABSENT
    tools: list[Tool] | None = None
    reasoning_effort: str | None = None
    stream_options: msgspec.Raw = ABSENT


class _Strict(_Top):
    messages: list[Message] | None = None


class _Loose(_Top):
    messages: list[LooseMessage] | None = None


View: TypeAlias = _Strict | _Loose


def view_of(body: bytes) -> View:
    """Raises JsonError, also for text that is not UTF-8."""
    jsonio.check_utf8(body)
    try:
        return jsonio.decode(body, _Strict)
    except jsonio.JsonError:
        return jsonio.decode(body, _Loose)


def is_native(view: View) -> bool:
    """Whether messages and tools are written as Chat has them; flat tools (as in Responses) are not."""
    contents = [message.content for message in view.messages or ()]
    looked_at = [content for content in contents if content is not None and type(content) is not str]
    return bool(contents) and not any(map(_is_foreign, looked_at)) and all(map(_is_own, view.tools or ()))


def _is_foreign(content: list[Part] | msgspec.Raw | str) -> bool:
    if isinstance(content, list):
        return not _BLOCKS.isdisjoint([part.type for part in content])
    return isinstance(content, msgspec.Raw) and _FOREIGN.search(content) is not None


def _is_own(tool: Tool) -> bool:
    return given(tool.function) or given(tool.custom) or tool.type not in (None, "function", "custom")


def stateful(view: View, model: str) -> bool:
    """Whether there can be anything to take out before the messages go to `model`."""
    suspects = [each for each in view.messages or () if len(each.thinking_blocks) or len(each.tool_calls)]
    return any(has_state(each, model) for each in suspects)


def has_state(message: State, model: str) -> bool:
    """Whether there can be anything to take out before the message goes to `model`."""
    blocks, calls = message.thinking_blocks, message.tool_calls
    if len(blocks) and _ENVELOPE in bytes(blocks):
        return True
    return len(calls) > 0 and _SIGNATURE in bytes(calls) and "gemini" not in model
