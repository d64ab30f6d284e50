"""Calls of OpenAI's built-in tools that the client runs: local_shell, shell, apply_patch. Both ways.

For every other provider such a call is an ordinary tool call whose arguments are what shall be done, so that the
model sees its history; the item as it came travels along as opaque state, and goes back unchanged to OpenAI.
"""

from typing import Literal, NamedTuple

import msgspec

from aiclient2api.canonical.errors import bad_request
from aiclient2api.canonical.request import Opaque, Text, ToolCall, ToolResult
from aiclient2api.dialects.reading import given, json_object, json_text, read
from aiclient2api.wire import jsonio

ORIGIN = "openai"


class Kind(NamedTuple):
    """`tool` is the call's name, `does` the member that says what shall be done, `output` the type of the result."""

    tool: str
    does: str
    output: str


NATIVE: dict[str, Kind] = {
    "local_shell_call": Kind("local_shell", "action", "local_shell_call_output"),
    "shell_call": Kind("shell", "action", "shell_call_output"),
    "apply_patch_call": Kind("apply_patch", "operation", "apply_patch_call_output"),
}
"""Item type to how it is told elsewhere."""


class _Call(msgspec.Struct):
    call_id: str = ""
    id: str | None = None
    action: msgspec.Raw = msgspec.Raw()
    operation: msgspec.Raw = msgspec.Raw()


def decode_call(raw: bytes, item_type: str, path: str) -> ToolCall:
    """Raises GatewayError("bad_request") naming the member at fault."""
    kind = NATIVE[item_type]
    call = read(raw, _Call, path)
    does = call.action if kind.does == "action" else call.operation
    place = f"{path}.{kind.does}"
    arguments = json_object(does, place).decode() if given(does) else "{}"
    call_id = call.call_id or call.id or ""
    if not call_id:
        raise bad_request(f"{path}.call_id is missing.", f"{path}.call_id")
    return ToolCall(call_id, kind.tool, arguments, opaque=(Opaque(ORIGIN, item_type, json_text(raw, path)),))


class _Output(msgspec.Struct):
    call_id: str | None = None
    id: str | None = None
    output: msgspec.Raw = msgspec.Raw()
    status: Literal["in_progress", "completed", "incomplete", "failed"] | None = None


def decode_result(raw: msgspec.Raw, path: str) -> ToolResult:
    """What the client's tool gave, as text; lists of stdout and stderr as the JSON they are."""
    item = read(raw, _Output, path)
    text = ""
    if given(item.output):
        text = json_text(item.output, f"{path}.output")
        if text.startswith('"'):
            text = read(item.output, str, f"{path}.output")
    failed = item.status == "failed"
    return ToolResult(item.call_id or item.id or "", (Text(text),) if text else (), is_error=failed)


def native_item(call: ToolCall) -> Opaque | None:
    """The state by which the call is one of these, if it is."""
    return next((each for each in call.opaque if is_native(each)), None)


def is_native(state: Opaque) -> bool:
    return state.origin == ORIGIN and state.kind in NATIVE


class _Limits(msgspec.Struct, frozen=True):
    max_output_length: int | None = None


class _ShellCall(msgspec.Struct):
    action: _Limits = _Limits()


def encode_result(state: Opaque, call_id: str, text: str, failed: bool) -> dict[str, object]:
    """The output item that belongs to a call of this state."""
    item: dict[str, object] = {"type": NATIVE[state.kind].output, "call_id": call_id}
    if state.kind == "shell_call":
        item["output"] = _shell_output(text)
        limit = _limit(state.value)
        if limit is not None:  # the API wants it back
            item["max_output_length"] = limit
        return item
    if state.kind == "apply_patch_call":
        item["status"] = "failed" if failed else "completed"
    item["output"] = text
    return item


def _limit(call: str) -> int | None:
    try:
        return jsonio.decode(call, _ShellCall).action.max_output_length
    except jsonio.JsonError:
        return None


def _shell_output(text: str) -> object:
    """The list that the client gave; any other text (a repaired history) as what went wrong."""
    try:
        jsonio.decode(text, list[dict[str, msgspec.Raw]])
    except jsonio.JsonError:
        return [{"stdout": "", "stderr": text, "outcome": {"type": "exit", "exit_code": 1}}]
    return msgspec.Raw(text.encode())
