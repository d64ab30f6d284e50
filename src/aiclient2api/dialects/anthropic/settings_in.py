"""What a Messages request says about the answer: tools to call, thinking, form, stops, and who asks.

Enters: the raw members of the body. Leaves: canonical settings. Refuses: wrong types and unknown words, with
bad_request naming the member.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

import msgspec

from aiclient2api.canonical.errors import bad_request
from aiclient2api.canonical.request import OutputFormat, Reasoning, ToolChoice
from aiclient2api.dialects.reading import ABSENT, given, join, json_object, read
from aiclient2api.wire import jsonio

Members = Mapping[str, msgspec.Raw]
Effort = Literal["minimal", "low", "medium", "high", "xhigh", "max"]


class _Named(msgspec.Struct):
    name: str | None = None


class _AllowedTool(msgspec.Struct):
    name: str | None = None
    function: _Named | None = None


class _Allowed(msgspec.Struct):
    mode: Literal["auto", "required"] = "auto"
    tools: list[_AllowedTool] = []


class _Choice(msgspec.Struct):
    """Anthropic's members, and OpenAI's `function` and `allowed_tools`."""

    type: str
    name: str | None = None
    disable_parallel_tool_use: bool | None = None
    function: _Named | None = None
    allowed_tools: _Allowed | None = None


_MODES: dict[str, Literal["auto", "any", "none", "tool"]] = {
    "auto": "auto",
    "any": "any",
    "required": "any",
    "none": "none",
    "tool": "tool",
    "function": "tool",
}


def tool_choice(members: Members) -> tuple[ToolChoice | None, bool | None]:
    """Which tools may be called, and whether several at once; either dialect's spelling."""
    parallel: bool | None = None
    if "parallel_tool_calls" in members:
        parallel = read(members["parallel_tool_calls"], bool, "parallel_tool_calls")
    if "tool_choice" not in members:
        return None, parallel
    choice = _choice(members["tool_choice"])
    if choice.disable_parallel_tool_use is not None:
        parallel = not choice.disable_parallel_tool_use
    if choice.type == "allowed_tools" and choice.allowed_tools is not None:
        names = (tool.name or (tool.function.name if tool.function else None) for tool in choice.allowed_tools.tools)
        return ToolChoice(_MODES[choice.allowed_tools.mode], allowed=tuple(name for name in names if name)), parallel
    if choice.type not in _MODES:
        raise bad_request("tool_choice.type must be auto, any, tool or none.", "tool_choice.type")
    mode = _MODES[choice.type]
    name = choice.name or (choice.function.name if choice.function else None)
    if mode == "tool" and not name:
        raise bad_request("tool_choice.name is missing.", "tool_choice.name")
    return ToolChoice(mode, name if mode == "tool" else None), parallel


def _choice(raw: msgspec.Raw) -> _Choice:
    if bytes(raw)[:1] == b'"':
        return _Choice(read(raw, str, "tool_choice"))
    return read(raw, _Choice, "tool_choice")


class _Thinking(msgspec.Struct):
    type: str
    budget_tokens: int | None = None
    display: str | None = None


_THINKING: dict[str, Literal["off", "auto", "budget", "between_tools"]] = {
    "enabled": "budget",
    "adaptive": "auto",
    "between_tools": "between_tools",
    "disabled": "off",
}


def reasoning(members: Members, effort: Effort | None) -> Reasoning | None:
    """`thinking` and `output_config.effort` together. Adaptive thinking with an effort is mode effort."""
    if "thinking" not in members:
        return None if effort is None else Reasoning("effort", effort)
    thinking = read(members["thinking"], _Thinking, "thinking")
    mode = _THINKING.get(thinking.type)
    if mode is None:
        raise bad_request("thinking.type must be enabled, adaptive, between_tools or disabled.", "thinking.type")
    if mode == "budget":
        if thinking.budget_tokens is None or thinking.budget_tokens < 1:
            raise bad_request("thinking.budget_tokens must be a positive number.", "thinking.budget_tokens")
        return Reasoning("budget", effort, thinking.budget_tokens, thinking.display)
    if mode == "auto" and effort is not None:
        return Reasoning("effort", effort, display=thinking.display)
    return Reasoning(mode, effort, display=thinking.display)


class Output(NamedTuple):
    """`rest` holds the members without a word of ours, as a JSON object (empty: none)."""

    effort: Effort | None
    format: OutputFormat | None
    rest: bytes


class _OutputConfig(msgspec.Struct):
    effort: Effort | None = None
    format: msgspec.Raw = ABSENT


class _Format(msgspec.Struct):
    type: Literal["json_schema", "json_object"]
    schema: msgspec.Raw = ABSENT
    name: str | None = None


def output_config(members: Members) -> Output:
    """Effort and form of the answer; `output_format` is what the form was called while it was a beta."""
    form = _format(members["output_format"], "output_format") if "output_format" in members else None
    if "output_config" not in members:
        return Output(None, form, b"")
    config = read(members["output_config"], _OutputConfig, "output_config")
    if given(config.format):
        form = _format(config.format, "output_config.format")
    fields = read(members["output_config"], dict[str, msgspec.Raw], "output_config")
    return Output(config.effort, form, _rest(fields, "effort", "format"))


def _format(raw: msgspec.Raw, path: str) -> OutputFormat:
    shape = read(raw, _Format, path)
    schema = json_object(shape.schema, join(path, "schema")) if given(shape.schema) else None
    if shape.type == "json_schema" and schema is None:
        raise bad_request(f"{path}.schema is missing.", f"{path}.schema")
    return OutputFormat(shape.type, shape.name, schema)


def stop(members: Members) -> tuple[str, ...]:
    if "stop_sequences" not in members:
        return ()
    raw = members["stop_sequences"]
    if bytes(raw)[:1] == b'"':
        return (read(raw, str, "stop_sequences"),)
    return tuple(read(raw, list[str], "stop_sequences"))


class Metadata(NamedTuple):
    user: str | None
    session: str | None
    rest: bytes


class _Session(msgspec.Struct):
    session_id: str | None = None


SESSION_HEADER = "x-claude-code-session-id"
_SESSION_MARK = "_session_"


def metadata(members: Members, headers: Mapping[str, str]) -> Metadata:
    """Who asks, and in which conversation: a header, or what Claude Code packs into the user id (a JSON object with
    session_id; earlier "user_…_session_ID")."""
    fields = read(members["metadata"], dict[str, msgspec.Raw], "metadata") if "metadata" in members else {}
    user = None
    if "user_id" in fields and given(fields["user_id"]):
        user = read(fields["user_id"], str, "metadata.user_id") or None
    session = headers.get(SESSION_HEADER) or _session(user or "")
    return Metadata(user, session or None, _rest(fields, "user_id"))


def _session(user: str) -> str | None:
    if user.startswith("{"):
        try:
            return jsonio.decode(user, _Session).session_id
        except jsonio.JsonError:
            return None
    return user.rpartition(_SESSION_MARK)[2] if _SESSION_MARK in user else None


def _rest(fields: Mapping[str, msgspec.Raw], *known: str) -> bytes:
    rest = {name: raw for name, raw in fields.items() if name not in known}
    return jsonio.encode(rest) if rest else b""
