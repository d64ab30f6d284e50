"""Tools and tool_choice for an Anthropic upstream.

Enters: the request's tools and choice. Leaves: wire objects, names within Anthropic's pattern, and what was left out.
"""

import re
from typing import NamedTuple

import msgspec

from aiclient2api.canonical.request import Request, Tool
from aiclient2api.dialects.anthropic.cache_out import mark
from aiclient2api.dialects.names import NameMap, flat_name, flat_names
from aiclient2api.dialects.schema_root import object_root

FAMILY = "anthropic"
MAX_NAME = 128
_EMPTY = b'{"type":"object","properties":{}}'
_DATED = re.compile(r"_20\d{6}$")
_WEB_SEARCH = frozenset({"web_search", "web_search_preview", "web_search_preview_2025_03_11", "googleSearch"})

Wire = dict[str, object]


class Toolbox(NamedTuple):
    tools: list[object]
    choice: Wire | None
    dropped: tuple[str, ...]


def name_map(request: Request) -> NameMap:
    """Client names to wire names, from the request alone; gives the names of calls in the answer back."""
    return NameMap(flat_names(request), MAX_NAME)


def toolbox(request: Request, names: NameMap, thinking: bool) -> Toolbox:
    dropped: list[str] = []
    allowed = set(request.tool_choice.allowed) if request.tool_choice is not None else set()
    tools: dict[str, object] = {}
    for tool in request.tools:
        name = flat_name(tool) if tool.namespace and tool.kind != "server" else tool.name
        if allowed and not {tool.name, flat_name(tool)} & allowed:
            continue
        wire = _tool(tool, names.to_wire(name), request.dialect, dropped)
        if wire is None or name in tools:
            dropped.append(f"tools.{name}")
        else:
            tools[name] = wire
    choice = _choice(request, names, thinking, dropped) if tools else None
    return Toolbox(list(tools.values()), choice, tuple(dropped))


def _tool(tool: Tool, name: str, dialect: str, dropped: list[str]) -> object | None:
    if tool.kind == "server":
        return _server(tool, dialect)
    wire: Wire = {"name": name}
    if tool.kind == "custom":
        wire["description"] = _custom_description(tool)
        wire["input_schema"] = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}
        return mark(wire, tool.cache)
    if tool.description:
        wire["description"] = tool.description
    wire["input_schema"] = msgspec.Raw(object_root(tool.schema or _EMPTY))
    if tool.strict and dialect == FAMILY:
        wire["strict"] = True
    elif tool.strict:
        dropped.append("tools.strict")
    return wire if tool.cache is None else mark(wire, tool.cache)


def _server(tool: Tool, dialect: str) -> object | None:
    """Anthropic's own tools as they came; another vendor's web search as Anthropic's; no other."""
    kind = tool.type or ""
    if kind in _WEB_SEARCH:
        return {"type": "web_search_20250305", "name": "web_search"}
    if dialect == FAMILY and tool.raw is not None and (_DATED.search(kind) or kind == "mcp_toolset"):
        return msgspec.Raw(tool.raw)
    return None


def _custom_description(tool: Tool) -> str:
    """A freeform tool is a function with one string; its grammar can only be told."""
    parts = [tool.description, "Put the whole input into the one string `input`."]
    if tool.grammar is not None:
        parts.append(f"The input must follow this format: {tool.grammar.decode('utf-8', 'replace')}")
    return "\n\n".join(part for part in parts if part)


def _choice(request: Request, names: NameMap, thinking: bool, dropped: list[str]) -> Wire | None:
    """Thinking models may not be forced to call a tool; "one at a time" needs a choice to stand on."""
    choice = request.tool_choice
    wire: Wire | None = None
    if choice is not None:
        mode = choice.mode
        if thinking and mode in ("any", "tool"):
            dropped.append("tool_choice")
            mode = "auto"
        wire = {"type": mode}
        if mode == "tool" and choice.name:
            wire["name"] = names.to_wire(choice.name)
    if request.parallel_tools is False and (wire is None or wire["type"] != "none"):
        wire = {**(wire or {"type": "auto"}), "disable_parallel_tool_use": True}
    return wire
