"""The `input` of a Responses body as turns: Cursor sends such bodies to the Chat route and expects chunks back.

Items that only OpenAI's own servers can make sense of are left out and named; a reference to a stored item is refused.
"""

from collections.abc import Callable

import msgspec

from aiclient2api.canonical.errors import bad_request
from aiclient2api.canonical.request import Thinking, ToolCall, ToolResult
from aiclient2api.dialects import opaque
from aiclient2api.dialects.openai_chat.conversation import Conversation
from aiclient2api.dialects.openai_chat.messages_in import NATIVE, add_message
from aiclient2api.dialects.parts import arguments_text, decode_content
from aiclient2api.dialects.reading import read


class _Head(msgspec.Struct):
    type: str | None = None
    role: str | None = None


class _Call(msgspec.Struct):
    call_id: str
    name: str
    arguments: msgspec.Raw = msgspec.Raw()
    input: str | None = None
    namespace: str | None = None


class _Output(msgspec.Struct):
    call_id: str = ""
    output: msgspec.Raw = msgspec.Raw()


class _TextPart(msgspec.Struct):
    text: str = ""


class _ReasoningItem(msgspec.Struct):
    summary: list[_TextPart] | None = None
    content: list[_TextPart] | None = None
    encrypted_content: str | None = None


def add_items(raw: msgspec.Raw, talk: Conversation) -> tuple[str, ...]:
    """Returns the names of what was left out. Raises GatewayError("bad_request") naming the item at fault."""
    if bytes(raw).startswith(b'"'):
        talk.add("user", decode_content(raw, native=NATIVE, path="input"))
        return ()
    left_out: list[str] = []
    for index, item in enumerate(read(raw, list[msgspec.Raw], "input")):
        path = f"input[{index}]"
        head = read(item, _Head, path)
        kind = head.type or ("message" if head.role is not None else "")
        if kind == "item_reference":
            raise bad_request(f"{path} refers to a stored item; send the item itself.", path)
        reader = _ITEMS.get(kind)
        if reader is None:
            left_out.append(f"input.{kind or 'item'}")
        else:
            reader(item, path, talk)
    return tuple(dict.fromkeys(left_out))


def _function_call(raw: msgspec.Raw, path: str, talk: Conversation) -> None:
    call = _sound(read(raw, _Call, path), path)
    arguments = arguments_text(call.arguments, f"{path}.arguments")
    talk.extend(ToolCall(call.call_id, call.name, arguments, namespace=call.namespace))


def _custom_call(raw: msgspec.Raw, path: str, talk: Conversation) -> None:
    call = _sound(read(raw, _Call, path), path)
    talk.extend(ToolCall(call.call_id, call.name, call.input or "", kind="custom", namespace=call.namespace))


def _sound(call: _Call, path: str) -> _Call:
    for member, value in (("call_id", call.call_id), ("name", call.name)):
        if not value:
            raise bad_request(f"{path}.{member} is empty.", f"{path}.{member}")
    return call


def _output(raw: msgspec.Raw, path: str, talk: Conversation) -> None:
    item = read(raw, _Output, path)
    talk.add_result(ToolResult(item.call_id, decode_content(item.output, native=NATIVE, path=f"{path}.output")), path)


def _reasoning(raw: msgspec.Raw, path: str, talk: Conversation) -> None:
    item = read(raw, _ReasoningItem, path)
    text = "\n\n".join(part.text for part in item.summary or item.content or ())
    state = item.encrypted_content
    if text or state:
        talk.extend(Thinking(text, (opaque.unwrap(state, NATIVE, "encrypted"),) if state else ()))


_ITEMS: dict[str, Callable[[msgspec.Raw, str, Conversation], None]] = {
    "message": add_message,
    "function_call": _function_call,
    "function_call_output": _output,
    "custom_tool_call": _custom_call,
    "custom_tool_call_output": _output,
    "reasoning": _reasoning,
}
