"""The conversation as Responses input items.

Text of the system is `instructions` if it is one piece, else a developer message in front. Items of a turn stand in
the blocks' order, but results come before what the user said with them. Reasoning goes only where it came from:
encrypted by OpenAI. It goes without its id: the API accepts that, and refuses an id that is not the one inside.
"""

import msgspec

from aiclient2api.canonical.request import (
    Audio,
    Block,
    Foreign,
    Opaque,
    Refusal,
    Request,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Turn,
)
from aiclient2api.dialects.names import wire_id
from aiclient2api.dialects.openai_chat.messages_out import BILLING
from aiclient2api.dialects.openai_chat.parts_out import Member, Writing
from aiclient2api.dialects.openai_responses.items_in import DIALECT
from aiclient2api.dialects.openai_responses.native_calls import encode_result, native_item
from aiclient2api.dialects.openai_responses.parts_out import Part, input_parts, input_text, output_part, place
from aiclient2api.wire import jsonio

FAMILY = "openai"
_BY_MODEL = frozenset({"reasoning", "function_call", "custom_tool_call"})
Item = Member | msgspec.Raw


def system_out(request: Request, writing: Writing, *, alone: bool) -> tuple[str | None, list[Item]]:
    """(the `instructions` member, items in its place). `alone`: nothing else is said, and the API wants an item."""
    system = tuple(block for block in request.system if block.text and not block.text.startswith(BILLING))
    if len(system) == 1 and not alone and (system[0].cache is None or request.dialect != DIALECT):
        input_parts(system, writing)  # names a cache mark that is lost
        return system[0].text, []
    return None, [_message("developer", input_parts(system, writing))] if system else []


class InputWriter:
    """Writes the turns of one request; knows of each call what kind it is, for its result."""

    def __init__(self, writing: Writing) -> None:
        self._writing = writing
        self._native: dict[str, Opaque] = {}
        self._custom: set[str] = set()

    def items(self, turns: tuple[Turn, ...]) -> list[Item]:
        """Raises GatewayError("bad_request") for what cannot be carried."""
        out: list[Item] = []
        for turn in turns:
            if turn.cache is not None:
                self._writing.drop("cache_control")
            if turn.role == "assistant":
                out += self._assistant(turn.blocks)
            elif turn.role == "system":
                out.append(_message("developer", input_parts(turn.blocks, self._writing)))
            else:
                if turn.name:
                    self._writing.drop("messages.name")
                out += self._user(turn.blocks)
        return self._without_lone_reasoning(out)

    def _without_lone_reasoning(self, items: list[Item]) -> list[Item]:
        """The API refuses reasoning without what it led to: something that the model said or did next."""
        kept: list[Item] = []
        led_to = False
        for item in reversed(items):
            if isinstance(item, dict) and item["type"] == "reasoning" and not led_to:
                self._drop_reasoning()
                continue
            led_to = not isinstance(item, dict) or item["type"] in _BY_MODEL or item.get("role") == "assistant"
            kept.append(item)
        return kept[::-1]

    def _drop_reasoning(self) -> None:
        self._writing.drop("input.reasoning" if self._writing.client == DIALECT else "messages.thinking")

    def _user(self, blocks: tuple[Block, ...]) -> list[Item]:
        out: list[Item] = [self._result(block) for block in blocks if isinstance(block, ToolResult)]
        said: list[Block] = []
        for block in blocks:
            if isinstance(block, Foreign) and block.dialect == DIALECT:
                out += self._foreign(block)
            elif not isinstance(block, ToolResult):
                said.append(block)
        parts = input_parts(tuple(said), self._writing)
        return [*out, _message("user", parts)] if parts else out

    def _assistant(self, blocks: tuple[Block, ...]) -> list[Item]:
        out: list[Item] = []
        said: list[Part] = []
        for block in blocks:
            if isinstance(block, Text | Refusal):
                if block.text:
                    said.append(output_part(block))
                continue
            found = self._other(block)
            if found and said:
                out.append(_message("assistant", said))
                said = []
            out += found
        return [*out, _message("assistant", said)] if said else out

    def _other(self, block: Block) -> list[Item]:
        if isinstance(block, ToolCall):
            return [self._call(block)]
        if isinstance(block, Thinking):
            return self._thinking(block)
        if isinstance(block, Foreign) and block.dialect == DIALECT:
            return self._foreign(block)
        input_parts((block,), self._writing)  # nothing that an assistant can say here; names it
        return []

    def _thinking(self, block: Thinking) -> list[Item]:
        own = next((each for each in block.opaque if each.origin == FAMILY and each.kind == "encrypted"), None)
        if own is None:
            self._drop_reasoning()
            return []
        summary = [{"type": "summary_text", "text": block.text}] if block.text else []
        return [{"type": "reasoning", "summary": summary, "encrypted_content": own.value}]

    def _foreign(self, block: Foreign) -> list[Item]:
        if self._writing.client == DIALECT:
            return [msgspec.Raw(block.raw)]
        self._writing.drop(f"{place(self._writing)}.{block.type}")
        return []

    def _call(self, call: ToolCall) -> Item:
        call_id = wire_id(call.id)
        native = native_item(call)
        if native is not None:
            self._native[call.id] = native
            return msgspec.Raw(jsonio.patch(native.value.encode(), {"call_id": jsonio.encode(call_id)}))
        name = self._writing.names.to_wire(call.name)
        if call.cache is not None:
            self._writing.drop("cache_control")
        if call.kind == "custom":
            self._custom.add(call.id)
            item: Member = {"type": "custom_tool_call", "call_id": call_id, "name": name, "input": call.arguments}
        else:
            item = {"type": "function_call", "call_id": call_id, "name": name, "arguments": call.arguments or "{}"}
        if call.namespace is not None:
            item["namespace"] = call.namespace
        return item

    def _result(self, result: ToolResult) -> Item:
        if result.cache is not None:
            self._writing.drop("cache_control")
        call_id = wire_id(result.call_id)
        heard = any(isinstance(block, Audio) for block in result.content)
        if heard:  # a message may hold sound, a result may not
            self._writing.drop(f"{place(self._writing)}.input_audio")
        seen = tuple(block for block in result.content if not isinstance(block, Audio))
        parts = input_parts(seen, self._writing)
        native = self._native.get(result.call_id)
        if native is not None:
            text = "\n".join(str(part["text"]) for part in parts if isinstance(part, dict) and "text" in part)
            return encode_result(native, call_id, text, result.is_error)
        kind = "custom_tool_call_output" if result.call_id in self._custom else "function_call_output"
        return {"type": kind, "call_id": call_id, "output": _output(parts, result.is_error)}


def _output(parts: list[Part], failed: bool) -> object:
    """A string where it says all. The API has no mark for an error, so the word stands in the text (T102)."""
    if failed:
        first = parts[0] if parts else None
        if isinstance(first, dict) and first["type"] == "input_text":
            parts = [{**first, "text": f"Error: {first['text']}"}, *parts[1:]]
        else:
            parts = [input_text("Error:"), *parts]
    if not parts:
        return ""
    only = parts[0] if len(parts) == 1 else None
    if isinstance(only, dict) and only.keys() == {"type", "text"}:
        return only["text"]
    return parts


def _message(role: str, parts: list[Part]) -> Item:
    return {"type": "message", "role": role, "content": parts}
