"""Tools for Kiro: specifications, names, and the instructions that stand in for what the wire cannot say.

Enters: a request's tools, its tool_choice, and the calls in its history. Leaves: a Toolbox. Server tools are dropped
and named; a call in the history always has a specification, declared or placeholder (TOOL_CONFIG_MISSING).
Refuses: a tool_choice that names an undeclared tool, a schema that is no JSON.
"""

from collections.abc import Iterable, Mapping

import msgspec

from aiclient2api.canonical.errors import bad_request
from aiclient2api.canonical.request import Request, Tool, ToolCall
from aiclient2api.dialects.names import NameMap
from aiclient2api.providers.kiro import schemas
from aiclient2api.providers.kiro.body import MAX_NAME, InputSchema, ToolEntry, ToolSpecification
from aiclient2api.providers.kiro.members import member
from aiclient2api.wire import jsonio

MAX_DESCRIPTION = 10_000
"""Characters; the model's limit is 10,240, and the official CLI cuts at 10,004 bytes."""
CUSTOM_SCHEMA = b'{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}'
NAMESPACE_JOINT = "__"


class Toolbox(msgspec.Struct, frozen=True):
    """`entries` go into the current message, `instructions` into the system text; `declared` are the tools by flat
    name (the name in `names`), `dropped` what was left out."""

    entries: tuple[ToolEntry, ...]
    instructions: tuple[str, ...]
    names: NameMap
    declared: Mapping[str, Tool]
    dropped: tuple[str, ...]


class _Grammar(msgspec.Struct):
    syntax: str = ""
    definition: str = ""


def flat_name(name: str, namespace: str | None) -> str:
    """One name for a tool and its namespace."""
    return f"{namespace}{NAMESPACE_JOINT}{name}" if namespace else name


def toolbox(request: Request, calls: Iterable[ToolCall], simple: bool) -> Toolbox:
    """Everything about tools. `simple`: schemas in their simplified form."""
    declared, dropped = _declared(request)
    used = dict.fromkeys(flat_name(call.name, call.namespace) for call in calls)
    names = NameMap([*declared, *used], MAX_NAME)
    offered = _offered(request, declared)
    entries: list[ToolEntry] = []
    moved: list[str] = []
    for name in [each for each in declared if each in offered or each in used]:
        entry, rest = _entry(declared[name], names.to_wire(name), simple, request)
        entries.append(entry)
        moved += [rest] if rest else []
    entries += [_placeholder(names.to_wire(name)) for name in used if name not in declared]
    instructions = (*_choice(request, names, offered, bool(entries)), *moved)
    return Toolbox(tuple(entries), instructions, names, declared, tuple(dropped))


def _declared(request: Request) -> tuple[dict[str, Tool], list[str]]:
    """(tools by flat name, what is left out). Of tools with the same name the first counts."""
    declared: dict[str, Tool] = {}
    dropped: list[str] = []
    for index, tool in enumerate(request.tools):
        if tool.kind == "server":
            dropped.append(tool.type or tool.name)
        elif declared.setdefault(flat_name(tool.name, tool.namespace), tool) != tool:
            dropped.append(f"tools[{index}]")
    if any(tool.strict for tool in declared.values()):
        dropped.append("strict")
    return declared, dropped


def _offered(request: Request, declared: Mapping[str, Tool]) -> frozenset[str]:
    """Flat names of the tools that the answer may use."""
    choice = request.tool_choice
    if choice is None:
        return frozenset(declared)
    if choice.mode == "none":
        return frozenset()
    if choice.mode == "tool" and choice.name is not None:
        if not any(_is_named(name, tool, choice.name) for name, tool in declared.items()):
            where = member(request.dialect, "tool_choice")
            raise bad_request(f"{where} names the tool {choice.name[:80]!r}, which is not among the tools.", where)
        return frozenset(name for name, tool in declared.items() if _is_named(name, tool, choice.name))
    if choice.allowed:
        return frozenset(
            name for name, tool in declared.items() if any(_is_named(name, tool, each) for each in choice.allowed)
        )
    return frozenset(declared)


def _is_named(flat: str, tool: Tool, name: str) -> bool:
    return name in (flat, tool.name)


def _choice(request: Request, names: NameMap, offered: frozenset[str], any_tools: bool) -> list[str]:
    """What tool_choice and the switch for parallel calls mean, in words."""
    out: list[str] = []
    mode = request.tool_choice.mode if request.tool_choice else "auto"
    if not any_tools:
        return out
    if mode == "none":
        out.append("Do not call any tool in this answer. Reply with text only.")
    elif mode in ("any", "tool") and len(offered) == 1:
        out.append(f"You must call the tool {names.to_wire(min(offered))} in this answer.")
    elif mode in ("any", "tool"):
        out.append("You must call at least one of the tools in this answer.")
    if request.parallel_tools is False and mode != "none":
        out.append("Call at most one tool in each answer.")
    return out


def _tool_member(request: Request, tool: Tool) -> str:
    return f"tools[{request.tools.index(tool)}]"


def _entry(tool: Tool, wire_name: str, simple: bool, request: Request) -> tuple[ToolEntry, str]:
    """(specification, the part of the description that had no room, under a heading)."""
    description, rest = _cut(_description(tool))
    try:
        schema = CUSTOM_SCHEMA if tool.kind == "custom" else schemas.normalised(tool.schema)
        if simple:
            schema = schemas.simplified(schema)
    except jsonio.JsonError as error:
        where = _tool_member(request, tool)
        raise bad_request(f"The schema of the tool {tool.name[:80]!r} is not JSON: {error}.", where) from None
    specification = ToolSpecification(wire_name, InputSchema(msgspec.Raw(schema)), description or None)
    heading = f"## Tool {wire_name}: rest of its description\n" if rest else ""
    return ToolEntry(specification), heading + rest


def _placeholder(wire_name: str) -> ToolEntry:
    return ToolEntry(ToolSpecification(wire_name, InputSchema(msgspec.Raw(schemas.EMPTY))))


def _description(tool: Tool) -> str:
    if tool.kind != "custom" or not tool.grammar:
        return tool.description
    try:
        grammar = jsonio.decode(tool.grammar, _Grammar)
    except jsonio.JsonError:
        grammar = _Grammar()
    if grammar.definition:
        text = f"The input must follow this {grammar.syntax} grammar:\n{grammar.definition}"
    else:
        text = f"The input has this format: {tool.grammar.decode('utf-8', 'replace')}"
    return f"{tool.description}\n\n{text}".strip()


def _cut(description: str) -> tuple[str, str]:
    """(what fits, what does not), cut at a space where there is one near the limit."""
    if len(description) <= MAX_DESCRIPTION:
        return description, ""
    start = MAX_DESCRIPTION - 200
    at = max(description.rfind(space, start, MAX_DESCRIPTION) for space in " \n")
    at = at if at > 0 else MAX_DESCRIPTION
    return description[:at], description[at:].lstrip(" \n")


def call_input(call: ToolCall) -> msgspec.Raw:
    """A call's arguments as the object that the wire wants.

    Text that is no JSON object goes under `_raw`, members with an empty name are left out (AIClient).
    """
    if call.kind == "custom":
        return msgspec.Raw(msgspec.json.encode({"input": call.arguments}))
    if not call.arguments.strip():
        return msgspec.Raw(b"{}")
    try:
        parts = jsonio.members(call.arguments.encode())
    except jsonio.JsonError:
        return msgspec.Raw(msgspec.json.encode({"_raw": call.arguments}))
    return msgspec.Raw(msgspec.json.encode({name: value for name, value in parts.items() if name}))
