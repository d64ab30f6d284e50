"""The `input` of a client's body as turns.

Enters: a string, or items of every kind. Leaves: turns, tools that stand among the items, and the names of what was
left out. Items that only OpenAI's servers made sense of (searches, compactions, programs) stay raw in their place.
Refuses: references to stored items, unknown roles, members of a wrong type; each with its path.
"""

from collections.abc import Callable
from typing import Literal

import msgspec

from aiclient2api.canonical.errors import GatewayError, bad_request
from aiclient2api.canonical.request import Block, Foreign, Opaque, Thinking, ToolCall, ToolResult
from aiclient2api.dialects import opaque, plain
from aiclient2api.dialects.openai_chat.conversation import Conversation
from aiclient2api.dialects.openai_chat.messages_in import NATIVE as FAMILY
from aiclient2api.dialects.openai_chat.messages_in import add_message
from aiclient2api.dialects.openai_responses.native_calls import NATIVE, decode_call, decode_result
from aiclient2api.dialects.openai_responses.tools_in import Toolset
from aiclient2api.dialects.parts import arguments_text, decode_content
from aiclient2api.dialects.reading import given, read
from aiclient2api.wire import jsonio

DIALECT = "openai_responses"


class _Head(msgspec.Struct):
    type: str | None = None
    role: str | None = None
    id: str | None = None


class _Message(msgspec.Struct):
    role: str | None = None
    content: msgspec.Raw = msgspec.Raw()
    tool_calls: msgspec.Raw = msgspec.Raw()
    phase: str | None = None


class _Call(msgspec.Struct):
    call_id: str = ""
    name: str = ""
    arguments: msgspec.Raw = msgspec.Raw()
    input: str | None = None
    namespace: str | None = None


class _Output(msgspec.Struct):
    call_id: str | None = None
    name: str | None = None
    output: msgspec.Raw = msgspec.Raw()


class _Text(msgspec.Struct):
    text: str = ""


class _Reasoning(msgspec.Struct):
    summary: list[_Text] | None = None
    content: list[_Text] | None = None
    encrypted_content: str | None = None


class _Tools(msgspec.Struct):
    tools: list[msgspec.Raw] = []


class _PlainItem(msgspec.Struct, gc=False):
    """The members of all plain items. A member that two kinds of items have is of one type in both."""

    type: Literal["message", "function_call", "function_call_output", "reasoning"] | None = None
    role: Literal["user", "system", "developer", "assistant"] | None = None
    id: str | None = None
    content: plain.PlainContent = None
    tool_calls: msgspec.Raw = msgspec.Raw()
    phase: str | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: msgspec.Raw = msgspec.Raw()
    input: str | None = None
    namespace: str | None = None
    output: plain.PlainContent = None
    summary: list[_Text] | None = None
    encrypted_content: str | None = None


_CALLS = frozenset({"function_call", "custom_tool_call"})
_SPEAKERS = frozenset({"user", "system", "developer", "assistant"})


class Items:
    """Reads the items one by one into a conversation."""

    def __init__(self, tools: Toolset) -> None:
        self.talk = Conversation()
        self.left_out: dict[str, None] = {}
        self._tools = tools
        self._state: tuple[Opaque, ...] = ()

    def read(self, raw: msgspec.Raw) -> None:
        """The whole `input`. Raises GatewayError("bad_request") naming the item at fault."""
        if bytes(raw).startswith(b'"'):
            self.talk.add("user", decode_content(raw, native=FAMILY, path="input"))
            return
        trial = Items(self._tools)
        trial.talk.system += self.talk.system
        if trial.read_plain(raw):
            self.talk, self.left_out = trial.talk, trial.left_out
            return
        self.read_each(raw)

    def read_each(self, raw: msgspec.Raw) -> None:
        """A list of items of any shape, one by one."""
        for index, item in enumerate(read(raw, list[msgspec.Raw], "input")):
            self._item(item, f"input[{index}]")
        self._let_go()

    def read_plain(self, raw: msgspec.Raw) -> bool:
        """All items at once, as _item reads them one by one; False if one of them is not plain or is wrong."""
        items = jsonio.fitting(raw, list[_PlainItem])
        if items is None:
            return False
        try:
            for index, item in enumerate(items):
                kind = item.type or ("message" if item.role is not None else "")
                if kind not in _CALLS:
                    self._let_go()
                if not _PLAIN[kind](self, item, f"input[{index}]"):
                    return False
        except (GatewayError, KeyError):
            return False
        self._let_go()
        return True

    def _plain_message(self, item: _PlainItem, path: str) -> bool:
        if item.role is None or (item.role == "assistant" and given(item.tool_calls)):
            return False
        self._said(item.role, plain.blocks(item.content, FAMILY), path, bool(item.phase))
        return True

    def _plain_call(self, item: _PlainItem, path: str) -> bool:
        if not item.call_id or not item.name:
            return False
        arguments = arguments_text(item.arguments, f"{path}.arguments")
        self.talk.extend(
            ToolCall(item.call_id, item.name, arguments, namespace=item.namespace, opaque=self._taken_state())
        )
        return True

    def _plain_output(self, item: _PlainItem, path: str) -> bool:
        content = plain.blocks(item.output, FAMILY)
        self._result(ToolResult(item.call_id or "", content, name=item.name), path)
        return True

    def _plain_reasoning(self, item: _PlainItem, path: str) -> bool:
        if item.content is not None:
            return False
        self._thought("\n\n".join(part.text for part in item.summary or ()), item.encrypted_content)
        return True

    def _item(self, raw: msgspec.Raw, path: str) -> None:
        head = read(raw, _Head, path)
        kind = head.type or ("message" if head.role is not None else "item_reference" if head.id else "")
        if not kind:
            raise bad_request(f"{path}.type is missing.", f"{path}.type")
        if kind == "item_reference":
            self._reference(head.id or "", path)
            return
        if kind not in _CALLS:
            self._let_go()
        reader = READERS.get(kind)
        if reader is not None:
            reader(self, raw, path)
        elif kind in NATIVE:
            self.talk.extend(decode_call(bytes(raw), kind, path))
        else:
            self.talk.extend(Foreign(DIALECT, kind, bytes(raw)))

    def _reference(self, item_id: str, path: str) -> None:
        """Reasoning may be left out. The AI SDK refers to it, and to texts, unless it is told not to store."""
        if not item_id.startswith("rs_"):
            raise bad_request(
                f"{path} refers to a stored item. Items are not stored here: let the client send the item itself"
                " (store: false in its options).",
                path,
            )
        self.left_out["input.item_reference"] = None

    def _let_go(self) -> None:
        """State that was meant for a call, where no call follows."""
        if self._state:
            self.talk.extend(Thinking("", self._state))
            self._state = ()

    def message(self, raw: msgspec.Raw, path: str) -> None:
        message = read(raw, _Message, path)
        if message.role not in _SPEAKERS or (message.role == "assistant" and given(message.tool_calls)):
            add_message(raw, path, self.talk)  # Chat's own shape, or a role that is not known there either
            return
        blocks = decode_content(message.content, native=FAMILY, path=f"{path}.content")
        self._said(message.role, blocks, path, bool(message.phase))

    def _said(self, role: str, blocks: tuple[Block, ...], path: str, phase: bool) -> None:
        if role == "user":
            self.talk.add("user", blocks)
        elif role != "assistant":
            self.talk.add_system(blocks, f"{path}.content")
        else:
            # All that the assistant says and does until the user's next word is one turn.
            for block in blocks:
                self.talk.extend(block)
            if phase:
                self.left_out["input.phase"] = None

    def function_call(self, raw: msgspec.Raw, path: str) -> None:
        call = self._call(raw, path)
        arguments = arguments_text(call.arguments, f"{path}.arguments")
        self.talk.extend(
            ToolCall(call.call_id, call.name, arguments, namespace=call.namespace, opaque=self._taken_state())
        )

    def custom_call(self, raw: msgspec.Raw, path: str) -> None:
        call = self._call(raw, path)
        self.talk.extend(
            ToolCall(call.call_id, call.name, call.input or "", "custom", call.namespace, self._taken_state())
        )

    def _call(self, raw: msgspec.Raw, path: str) -> _Call:
        call = read(raw, _Call, path)
        for member, value in (("call_id", call.call_id), ("name", call.name)):
            if not value:
                raise bad_request(f"{path}.{member} is missing.", f"{path}.{member}")
        return call

    def _taken_state(self) -> tuple[Opaque, ...]:
        state, self._state = self._state, ()
        return state

    def output(self, raw: msgspec.Raw, path: str) -> None:
        item = read(raw, _Output, path)
        content = decode_content(item.output, native=FAMILY, path=f"{path}.output")
        self._result(ToolResult(item.call_id or "", content, name=item.name), path)

    def native_output(self, raw: msgspec.Raw, path: str) -> None:
        self._result(decode_result(raw, path), path)

    def _result(self, result: ToolResult, path: str) -> None:
        try:
            self.talk.add_result(result, path)
        except GatewayError:
            raise bad_request(f"{path}.call_id is missing.", f"{path}.call_id") from None

    def reasoning(self, raw: msgspec.Raw, path: str) -> None:
        """Thinking; without text and with a thought signature it is the state of the call behind it."""
        item = read(raw, _Reasoning, path)
        self._thought("\n\n".join(part.text for part in item.summary or item.content or ()), item.encrypted_content)

    def _thought(self, text: str, encrypted: str | None) -> None:
        state: tuple[Opaque, ...] = ()
        if encrypted:
            found = opaque.unwrap(encrypted, FAMILY, "encrypted")
            state = (found,) if found.value else ()  # none in an envelope of nothing
        if state and not text and state[0].kind == "thought_signature":
            self._state = state
        elif state or text:
            self.talk.extend(Thinking(text, state))

    def additional_tools(self, raw: msgspec.Raw, path: str) -> None:
        for index, tool in enumerate(read(raw, _Tools, path).tools):
            self._tools.add(tool, f"{path}.tools[{index}]")


_PLAIN: dict[str, Callable[[Items, _PlainItem, str], bool]] = {
    "message": Items._plain_message,
    "function_call": Items._plain_call,
    "function_call_output": Items._plain_output,
    "reasoning": Items._plain_reasoning,
}

READERS: dict[str, Callable[[Items, msgspec.Raw, str], None]] = {
    "message": Items.message,
    "function_call": Items.function_call,
    "custom_tool_call": Items.custom_call,
    "function_call_output": Items.output,
    "custom_tool_call_output": Items.output,
    "reasoning": Items.reasoning,
    "additional_tools": Items.additional_tools,
    **{kind.output: Items.native_output for kind in NATIVE.values()},
}
