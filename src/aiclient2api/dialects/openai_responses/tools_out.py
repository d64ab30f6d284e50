"""Tool definitions and choices as Responses writes them: for an upstream, and to tell a client what it asked for.

Namespaces are put together again where their first tool stands. Server tools of another vendor are left out.
"""

from collections.abc import Mapping

import msgspec

from aiclient2api.canonical.request import Request, Tool, ToolCall, ToolChoice
from aiclient2api.dialects.as_function import flat_name
from aiclient2api.dialects.names import NameMap
from aiclient2api.dialects.openai_chat.parts_out import Member
from aiclient2api.dialects.openai_responses.items_in import DIALECT
from aiclient2api.dialects.openai_responses.request_in import NAMESPACES
from aiclient2api.wire import jsonio

NAME_LIMIT = 64
"""Some models take 128, all take 64."""

_NO_ARGUMENTS = b'{"type":"object","properties":{}}'


def name_map(request: Request) -> NameMap:
    """Tool names as the client has them to those on the wire; namespaces stay apart, so they are no part of them."""
    names = [tool.name for tool in request.tools if tool.kind != "server"]
    for turn in request.turns:
        names += [block.name for block in turn.blocks if isinstance(block, ToolCall)]
    return NameMap(names, NAME_LIMIT)


def tools_out(request: Request, names: NameMap, dropped: dict[str, None]) -> list[object]:
    """The definitions in their order; of two with one name the first."""
    native = request.dialect == DIALECT
    descriptions = _descriptions(request.extra)
    out: dict[tuple[str, str], object] = {}
    spaces: dict[str, list[object]] = {}
    for tool in request.tools:
        if tool.cache is not None:
            dropped["cache_control"] = None
        key = (tool.namespace or "", tool.name if tool.kind != "server" else (tool.raw or b"").hex())
        if key in out:
            continue
        wire = _tool(tool, names, native)
        if wire is None:
            dropped[f"tools.{tool.type or tool.name}"] = None
        elif tool.namespace is None:
            out[key] = wire
        else:
            inner = spaces.get(tool.namespace)
            if inner is None:
                inner = spaces[tool.namespace] = []
                out[tool.namespace, ""] = _namespace(tool.namespace, descriptions, inner)
            out[key] = None
            inner.append(wire)
    return [wire for wire in out.values() if wire is not None]


def _descriptions(extra: Mapping[str, bytes]) -> dict[str, str]:
    """Of the namespaces; a client may have a member of that name with another meaning."""
    try:
        return jsonio.decode(extra.get(NAMESPACES, b"{}"), dict[str, str])
    except jsonio.JsonError:
        return {}


def _namespace(name: str, descriptions: Mapping[str, str], tools: list[object]) -> Member:
    """The API insists on a description."""
    return {"type": "namespace", "name": name, "description": descriptions.get(name, name), "tools": tools}


def _tool(tool: Tool, names: NameMap, native: bool) -> object | None:
    if tool.kind == "server":
        return msgspec.Raw(tool.raw) if native and tool.raw is not None else None
    wire: Member = {"type": tool.kind, "name": names.to_wire(tool.name)}
    if tool.description:
        wire["description"] = tool.description
    if tool.kind == "custom":
        if tool.grammar is not None:
            wire["format"] = _grammar(tool.grammar)
        return wire
    wire["parameters"] = msgspec.Raw(tool.schema or _NO_ARGUMENTS)
    if tool.strict is not None:
        wire["strict"] = tool.strict
    elif not native:
        wire["strict"] = False  # left out, it means "strict where possible" here and would make all members required
    return wire


class _Grammar(msgspec.Struct):
    syntax: str
    definition: str


class _Nested(msgspec.Struct):
    """As Chat writes a grammar; Responses has syntax and definition beside the type."""

    grammar: _Grammar


def _grammar(raw: bytes) -> Member | msgspec.Raw:
    try:
        inner = jsonio.decode(raw, _Nested).grammar
    except jsonio.JsonError:
        return msgspec.Raw(raw)
    return {"type": "grammar", "syntax": inner.syntax, "definition": inner.definition}


_MODES = {"auto": "auto", "any": "required", "none": "none"}


def choice_out(choice: ToolChoice, request: Request, names: NameMap) -> object:
    """The wire form of a choice."""
    if choice.mode == "tool":
        return _named(choice.name or "", request, names)
    if choice.allowed:
        tools = [_named(name, request, names) for name in choice.allowed]
        return {"type": "allowed_tools", "mode": _MODES[choice.mode], "tools": tools}
    return _MODES[choice.mode]


class _Label(msgspec.Struct):
    server_label: str | None = None


def _named(name: str, request: Request, names: NameMap) -> Member:
    """A tool by its own name, or by the one that has its namespace in front."""
    tool = next((each for each in request.tools if name in (each.name, flat_name(each))), None)
    if tool is None or tool.kind != "server":
        return {"type": tool.kind if tool else "function", "name": names.to_wire(tool.name if tool else name)}
    label = _label(tool.raw or b"{}")
    return {"type": tool.type, "server_label": label} if label is not None else {"type": tool.type}


def _label(raw: bytes) -> str | None:
    """By which of several MCP servers the tool is known."""
    try:
        return jsonio.decode(raw, _Label).server_label
    except jsonio.JsonError:
        return None
