"""The `messages` of a client's body as turns.

Enters: one raw message and its path. Leaves: turns in a Conversation. Refuses: a message that is no object, an unknown
role, content of a wrong type; each with its path. Parts of Anthropic's and Responses' shape are understood as well.
"""

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from aiclient2api.canonical.errors import GatewayError, bad_request
from aiclient2api.canonical.request import Block, Cache, Opaque, Refusal, Thinking, ToolCall, ToolResult
from aiclient2api.dialects import opaque, plain
from aiclient2api.dialects.openai_chat.chunk_in import thought_signature
from aiclient2api.dialects.openai_chat.conversation import Conversation
from aiclient2api.dialects.parts import arguments_text, decode_content
from aiclient2api.dialects.reading import CacheMark, cache_of, given, read
from aiclient2api.wire import jsonio

NATIVE = "openai"
"""The family whose opaque values come without an envelope in this dialect's own members."""


class _Common(msgspec.Struct):
    name: str | None = None
    refusal: str | None = None
    tool_call_id: str | None = None
    function_call: msgspec.Raw = msgspec.Raw()
    reasoning_content: object = None
    reasoning: object = None
    thinking_blocks: msgspec.Raw = msgspec.Raw()
    cache_control: CacheMark | None = None
    prompt_cache_breakpoint: CacheMark | None = None

    @property
    def cache(self) -> Cache | None:
        return cache_of(self.cache_control, self.prompt_cache_breakpoint)


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


class _PlainMessage(_Common, kw_only=True, gc=False):
    """As nearly all clients write it, its content and calls read with it."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: plain.PlainContent = None
    tool_calls: list[_Call] | None = None


_Either = _Message | _PlainMessage


def add_plain_messages(raw: msgspec.Raw, talk: Conversation) -> bool:
    """The whole list, all as add_message does it; False if one of them is not plain or is wrong. Then `talk` is of no
    more use."""
    messages = jsonio.fitting(raw, list[_PlainMessage])
    if messages is None:
        return False
    try:
        for index, message in enumerate(messages):
            _ROLES[message.role](message, f"messages[{index}]", talk)
    except GatewayError:
        return False
    return True


def add_message(raw: msgspec.Raw, path: str, talk: Conversation) -> None:
    """Raises GatewayError("bad_request") naming the member at fault."""
    message = read(raw, _Message, path)
    reader = _ROLES.get(message.role or "")
    if reader is None:
        said = "is missing" if message.role is None else f"{message.role!r} is not known"
        raise bad_request(f"{path}.role {said}.", f"{path}.role")
    reader(message, path, talk)


def _content(message: _Either, path: str) -> tuple[Block, ...]:
    if isinstance(message, _PlainMessage):
        return plain.blocks(message.content, NATIVE)
    return decode_content(message.content, native=NATIVE, path=f"{path}.content")


def _needed_content(message: _Either, path: str) -> tuple[Block, ...]:
    if message.content is None or (isinstance(message, _Message) and not given(message.content)):
        raise bad_request(f"{path}.content is missing.", f"{path}.content")
    return _content(message, path)


def _system(message: _Either, path: str, talk: Conversation) -> None:
    blocks = _needed_content(message, path)
    cache = message.cache
    if cache is not None and blocks:
        last = blocks[-1]
        if getattr(last, "cache", cache) is None:
            blocks = (*blocks[:-1], msgspec.structs.replace(last, cache=cache))
    talk.add_system(blocks, f"{path}.content")


def _user(message: _Either, path: str, talk: Conversation) -> None:
    cache = message.cache
    talk.add("user", _needed_content(message, path), message.name, cache)


def _assistant(message: _Either, path: str, talk: Conversation) -> None:
    content = _content(message, path)
    blocks: list[Block] = []
    if not any(isinstance(block, Thinking) for block in content):
        blocks += _thinking(message, path)
    blocks += content
    if message.refusal:
        blocks.append(Refusal(message.refusal))
    calls: Sequence[msgspec.Raw | _Call] = message.tool_calls or ()
    for index, raw in enumerate(calls):
        blocks.append(_tool_call(raw, f"{path}.tool_calls[{index}]", talk))
    if given(message.function_call):
        blocks.append(_legacy_call(message, path, talk))
    cache = message.cache
    talk.add("assistant", tuple(blocks), message.name, cache)


def _thinking(message: _Either, path: str) -> tuple[Block, ...]:
    """`thinking_blocks` hold signatures and are preferred; the other members only repeat the text."""
    if given(message.thinking_blocks):
        shown = decode_content(message.thinking_blocks, native="anthropic", path=f"{path}.thinking_blocks")
        return tuple(block for block in shown if isinstance(block, Thinking))
    for text in (message.reasoning_content, message.reasoning):
        if isinstance(text, str) and text:
            return (Thinking(text),)
    return ()


def _tool_call(raw: msgspec.Raw | _Call, path: str, talk: Conversation) -> ToolCall:
    call = raw if isinstance(raw, _Call) else read(raw, _Call, path)
    state = _state(call.extra_content)
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


def _tool(message: _Either, path: str, talk: Conversation) -> None:
    cache = message.cache
    result = ToolResult(message.tool_call_id or "", _content(message, path), name=message.name, cache=cache)
    talk.add_result(result, path)


_ROLES: dict[str, Callable[[_Either, str, Conversation], None]] = {
    "system": _system,
    "developer": _system,
    "user": _user,
    "assistant": _assistant,
    "tool": _tool,
    "function": _tool,
}
