"""Tools and the choice among them for a Gemini upstream.

Enters: the request's tools and choice. Leaves: `tools` and `toolConfig`, names within Gemini's pattern; what was left
out is named. Schemas go as JSON Schema (`parametersJsonSchema`), or in the older subset where a server refuses that.
"""

import re

import msgspec

from aiclient2api.canonical.request import Request, Tool, ToolCall, ToolChoice
from aiclient2api.dialects.as_function import CUSTOM_SCHEMA, custom_description, flat_name, one_line
from aiclient2api.dialects.gemini.parts_out import Member, Writing, schema_out
from aiclient2api.dialects.gemini.tools_in import MODE
from aiclient2api.dialects.names import NameMap
from aiclient2api.wire import jsonio

MAX_NAME = 64
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]*")

_SERVER: tuple[tuple[str, str], ...] = (
    ("web_search", "googleSearch"),
    ("web_fetch", "urlContext"),
    ("code_execution", "codeExecution"),
    ("code_interpreter", "codeExecution"),
)
"""How other vendors' server tools begin, and what Google has in their place."""


def name_map(request: Request) -> NameMap:
    """Client names to wire names, from the request alone, definitions first; gives the names of calls back."""
    declared = [flat_name(tool) for tool in request.tools if tool.kind != "server"]
    called = [flat_name(block) for turn in request.turns for block in turn.blocks if isinstance(block, ToolCall)]
    return NameMap([*declared, *called], MAX_NAME, _NAME)


def add_tools(request: Request, writing: Writing, body: Member) -> None:
    """Set `tools` and `toolConfig` where there is something to say."""
    declarations: dict[str, Member] = {}
    for tool in request.tools:
        if tool.cache is not None:
            writing.drop("cache_control")
        if tool.kind != "server":
            name = writing.names.to_wire(flat_name(tool))
            if name in declarations:
                writing.drop(f"tools.{tool.name}")
            else:
                declarations[name] = _declaration(tool, name, writing)
    tools: list[Member] = [{"functionDeclarations": list(declarations.values())}] if declarations else []
    for tool in request.tools:
        if tool.kind == "server":
            found = _server(tool, writing, alone=not declarations)
            if found is None:
                writing.drop(f"tools.{tool.type or tool.name}")
            elif found not in tools:
                tools.append(found)
    if tools:
        body["tools"] = tools
    config = _config(request, writing) if declarations else {}
    config |= _own_config(request, bool(tools))
    if config:
        body["toolConfig"] = config


def _declaration(tool: Tool, name: str, writing: Writing) -> Member:
    out: Member = {"name": name}
    description = custom_description(tool) if tool.kind == "custom" else tool.description
    if description:
        out["description"] = description
    if tool.strict:
        writing.drop("tools.strict")
    schema = CUSTOM_SCHEMA if tool.kind == "custom" else tool.schema
    if schema is None:
        return out
    wire = schema_out(schema, writing, f"tools.{tool.name}", object_root=True)
    if not writing.subset:
        out["parametersJsonSchema"] = wire
    elif bytes(jsonio.members(bytes(wire))["properties"]) != b"{}":  # an object without properties is refused
        out["parameters"] = wire
    return out


def _server(tool: Tool, writing: Writing, *, alone: bool) -> Member | None:
    """Google's own tools as they came. Other vendors' become Google's only where there are no functions: older models
    refuse both together, newer ones want state back that the client's dialect does not carry."""
    if writing.native:
        return {name: msgspec.Raw(one_line(bytes(raw))) for name, raw in jsonio.members(tool.raw or b"{}").items()}
    kind = tool.type or ""
    found = next((own for prefix, own in _SERVER if kind.startswith(prefix)), None)
    return {found: {}} if found is not None and alone else None


def _config(request: Request, writing: Writing) -> Member:
    choice = request.tool_choice
    if request.parallel_tools is False:
        writing.drop("parallel_tool_calls" if writing.client != "anthropic" else "disable_parallel_tool_use")
    if choice is None:
        return {}
    calling: Member = {"mode": _mode(choice, request)}
    names = (choice.name,) if choice.mode == "tool" and choice.name else choice.allowed
    if names and choice.mode != "none":
        calling["allowedFunctionNames"] = [writing.names.to_wire(name) for name in names]
    return {"functionCallingConfig": calling}


_MODES = {"auto": "AUTO", "any": "ANY", "none": "NONE", "tool": "ANY"}


def _mode(choice: ToolChoice, request: Request) -> str:
    """AUTO cannot be narrowed to some of the tools, VALIDATED can."""
    if choice.mode == "auto" and (choice.allowed or MODE in request.extra):
        return "VALIDATED"
    return _MODES[choice.mode]


def _own_config(request: Request, tools: bool) -> Member:
    """What else a client of this dialect said about tools."""
    if not tools:
        return {}
    return {
        name.removeprefix("toolConfig."): msgspec.Raw(raw)
        for name, raw in request.extra.items()
        if name.startswith("toolConfig.") and name != MODE
    }
