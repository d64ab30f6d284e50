"""The `messages` of a client's body as turns.

Enters: one raw message and its path. Leaves: turns in a Conversation. Refuses: a message that is no object, an unknown
role, content of a wrong type; each with its path. Parts of Anthropic's and Responses' shape are understood as well.
"""

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from aiclient2api.canonical.errors import GatewayError, bad_request
from aiclient2api.canonical.request import Block, Opaque, Refusal, Thinking, ToolCall, ToolResult
from aiclient2api.dialects import opaque, plain
from aiclient2api.dialects.openai_chat.chunk_in import thought_signature
from aiclient2api.dialects.openai_chat.conversation import Conversation
from aiclient2api.dialects.parts import arguments_text, decode_content
from aiclient2api.dialects.reading import Marked, given, read

NATIVE = "openai"
"""The family whose opaque values come without an envelope in this dialect's own members."""


class _Common(Marked):
    name: str | None = None
    refusal: str | None = None
    tool_call_id: str | None = None
    function_call: msgspec.Raw = msgspec.Raw()
    reasoning_content: object = None
    reasoning: object = None
    thinking_blocks: msgspec.Raw = msgspec.Raw()


class _Message(_Common, kw_only=True):
    role: str | None = None
    content: msgspec.Raw = msgspec.Raw()
    tool_calls: list[msgspec.Raw] | None = None


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: msgspec.Raw = msgspec.Raw()


class _Custom(msgspec.Struct):
    name: str | None = None
    input: str | None = None


class _Call(msgspec.Struct):
    id: str | None = None
    function: _Function | None = None
    custom: _Custom | None = None
    extra_content: msgspec.Raw = msgspec.Raw()


class _PlainFunction(msgspec.Struct, gc=False):
    name: str | None = None
    arguments: str | None = None


class _PlainCall(msgspec.Struct, gc=False):
    id: str | None = None
    function: _PlainFunction | None = None
    custom: _Custom | None = None
    extra_content: msgspec.Raw = msgspec.Raw()


class PlainMessage(_Common, kw_only=True, gc=False):
    """As nearly all clients write it, its content and calls read with it."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: plain.PlainContent = None
    tool_calls: list[_PlainCall] | None = None


_Either = _Message | PlainMessage


def add_plain_messages(messages: list[PlainMessage] | None, talk: Conversation) -> bool:
    """All of them as add_message does it; False if nothing is said or one of them is wrong. Then `talk` is of no more
    use."""
    if not messages:
        return False
    try:
        for index, message in enumerate(messages):
            content = None if message.content is None else plain.blocks(message.content, NATIVE)
            path = f"messages[{index}]" if message.role == "assistant" else ""  # of it an id is made for a call without
            _ROLES[message.role](message, content, path, talk)
    except GatewayError:
        return False
    return bool(talk.turns or talk.system)


def add_message(raw: msgspec.Raw, path: str, talk: Conversation) -> None:
    """Raises GatewayError("bad_request") naming the member at fault."""
    message = read(raw, _Message, path)
    reader = _ROLES.get(message.role or "")
    if reader is None:
        said = "is missing" if message.role is None else f"{message.role!r} is not known"
        raise bad_request(f"{path}.role {said}.", f"{path}.role")
    content = decode_content(message.content, native=NATIVE, path=f"{path}.content") if given(message.content) else None
    reader(message, content, path, talk)


_Content = tuple[Block, ...] | None


def _needed(content: _Content, path: str) -> tuple[Block, ...]:
    if content is None:
        raise bad_request(f"{path}.content is missing.", f"{path}.content")
    return content


def _system(message: _Either, content: _Content, path: str, talk: Conversation) -> None:
    blocks = _needed(content, path)
    cache = message.cache
    if cache is not None and blocks:
        last = blocks[-1]
        if getattr(last, "cache", cache) is None:
            blocks = (*blocks[:-1], msgspec.structs.replace(last, cache=cache))
    talk.add_system(blocks, f"{path}.content")


def _user(message: _Either, content: _Content, path: str, talk: Conversation) -> None:
    talk.add("user", _needed(content, path), message.name, message.cache)


def _assistant(message: _Either, content: _Content, path: str, talk: Conversation) -> None:
    said = content or ()
    blocks: list[Block] = []
    if message.reasoning_content or message.reasoning or len(message.thinking_blocks):
        blocks += _thinking(message, said, path)
    blocks += said
    if message.refusal:
        blocks.append(Refusal(message.refusal))
    calls: Sequence[msgspec.Raw | _PlainCall] = message.tool_calls or ()
    for index, raw in enumerate(calls):
        blocks.append(_tool_call(raw, f"{path}.tool_calls[{index}]", talk))
    if len(message.function_call) and given(message.function_call):
        blocks.append(_legacy_call(message, path, talk))
    talk.add("assistant", tuple(blocks), message.name, message.cache)


def _thinking(message: _Either, content: tuple[Block, ...], path: str) -> tuple[Block, ...]:
    """What stands beside a content without thinking. `thinking_blocks` hold signatures and are preferred; the other
    members only repeat the text."""
    if any(isinstance(block, Thinking) for block in content):
        return ()
    if given(message.thinking_blocks):
        shown = decode_content(message.thinking_blocks, native="anthropic", path=f"{path}.thinking_blocks")
        return tuple(block for block in shown if isinstance(block, Thinking))
    for text in (message.reasoning_content, message.reasoning):
        if isinstance(text, str) and text:
            return (Thinking(text),)
    return ()


def _tool_call(raw: msgspec.Raw | _PlainCall, path: str, talk: Conversation) -> ToolCall:
    call = raw if isinstance(raw, _PlainCall) else read(raw, _Call, path)
    state = _state(call.extra_content) if len(call.extra_content) else ()
    if call.custom is not None:
        name = _call_name(call.custom.name, f"{path}.custom")
        call_id = call.id or talk.made_id(path, name)
        return ToolCall(call_id, name, call.custom.input or "", kind="custom", opaque=state)
    if call.function is None:
        raise bad_request(f"{path}.function is missing.", f"{path}.function")
    name = _call_name(call.function.name, f"{path}.function")
    arguments = arguments_text(call.function.arguments, f"{path}.function.arguments")
    return ToolCall(call.id or talk.made_id(path, name), name, arguments, opaque=state)


def _call_name(name: str | None, path: str) -> str:
    if not name:
        raise bad_request(f"{path}.name is missing.", f"{path}.name")
    return name


def _state(raw: msgspec.Raw) -> tuple[Opaque, ...]:
    signature = thought_signature(raw)
    return (opaque.unwrap(signature, "gemini", "thought_signature"),) if signature else ()


def _legacy_call(message: _Either, path: str, talk: Conversation) -> ToolCall:
    path = f"{path}.function_call"
    function = read(message.function_call, _Function, path)
    name = _call_name(function.name, path)
    return ToolCall(talk.made_id(path, name), name, arguments_text(function.arguments, f"{path}.arguments"))


def _tool(message: _Either, content: _Content, path: str, talk: Conversation) -> None:
    talk.add_result(ToolResult(message.tool_call_id or "", content or (), False, message.name, message.cache), path)


_ROLES: dict[str, Callable[[_Either, _Content, str, Conversation], None]] = {
    "system": _system,
    "developer": _system,
    "user": _user,
    "assistant": _assistant,
    "tool": _tool,
    "function": _tool,
}
