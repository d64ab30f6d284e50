"""The tools of a request, from `tools` and from `additional_tools` items, and which of them may be called.

Namespaces are taken apart: their tools carry the namespace's name. Of a tool that is declared twice the first counts.
Hosted tools stay raw, for only OpenAI's servers run them.
"""

from typing import Literal, NamedTuple

import msgspec

from aiclient2api.canonical.errors import bad_request
from aiclient2api.canonical.request import Tool, ToolChoice
from aiclient2api.dialects.as_function import flat_name
from aiclient2api.dialects.reading import read
from aiclient2api.dialects.tool_shapes import decode_tool, known_tool


class _Head(msgspec.Struct):
    type: str | None = None


class _Namespace(msgspec.Struct):
    name: str = ""
    description: str = ""
    tools: list[msgspec.Raw] = []


_KNOWN = frozenset(
    {
        "type",
        "name",
        "description",
        "parameters",
        "input_schema",
        "strict",
        "format",
        "function",
        "custom",
        "cache_control",
        "prompt_cache_breakpoint",
    }
)
"""Members of a function or custom tool that a Tool has a place for."""


class Toolset:
    """Fills while the body is read; `namespaces` holds their descriptions and `left_out` the names of members, for
    which a Tool has no place."""

    def __init__(self) -> None:
        self._tools: dict[tuple[str, str, bytes], Tool] = {}
        self.namespaces: dict[str, str] = {}
        self.left_out: dict[str, None] = {}

    @property
    def tools(self) -> tuple[Tool, ...]:
        return tuple(self._tools.values())

    def add(self, raw: msgspec.Raw, path: str) -> None:
        """One entry of a list of tools. Raises GatewayError("bad_request") naming the member at fault."""
        tool = known_tool(raw, path)
        if tool is not None:
            self._tools.setdefault(("", tool.name, b""), tool)
            return
        if read(raw, _Head, path).type != "namespace":
            self._keep(raw, path, None)
            return
        space = read(raw, _Namespace, path)
        if not space.name:
            raise bad_request(f"{path}.name is missing.", f"{path}.name")
        if space.description:
            self.namespaces.setdefault(space.name, space.description)
        for index, inner in enumerate(space.tools):
            self._keep(inner, f"{path}.tools[{index}]", space.name)

    def _keep(self, raw: msgspec.Raw, path: str, namespace: str | None) -> None:
        tool = msgspec.structs.replace(decode_tool(raw, path), namespace=namespace)
        self._tools.setdefault((namespace or "", tool.name, tool.raw or b""), tool)
        if tool.kind != "server":
            unknown = read(raw, dict[str, msgspec.Raw], path).keys() - _KNOWN
            self.left_out |= dict.fromkeys(f"tools.{name}" for name in sorted(unknown))


class _Named(msgspec.Struct):
    name: str = ""


class _ChoiceTool(msgspec.Struct):
    type: str = ""
    name: str = ""
    function: _Named | None = None


class _Choice(msgspec.Struct):
    """All object forms; Chat nests the name under `function` or `custom`."""

    type: str | None = None
    name: str = ""
    function: _Named | None = None
    custom: _Named | None = None
    mode: str = "auto"
    tools: list[_ChoiceTool] = []


Mode = Literal["auto", "any", "none"]

_MODES: dict[str, Mode] = {"auto": "auto", "any": "any", "required": "any", "none": "none"}
_NAMING = frozenset({None, "function", "custom", "tool"})


class Chosen(NamedTuple):
    """`raw` is a choice without a word of ours: a hosted tool that must be used."""

    choice: ToolChoice | None = None
    raw: bytes | None = None


def tool_choice(raw: msgspec.Raw | None, tools: tuple[Tool, ...]) -> Chosen:
    """The meaning of `tool_choice`. Raises GatewayError("bad_request")."""
    if raw is None:
        return Chosen()
    if bytes(raw).startswith(b'"'):
        return Chosen(ToolChoice(_mode(read(raw, str, "tool_choice"), "tool_choice")))
    shape = read(raw, _Choice, "tool_choice")
    if shape.type == "allowed_tools":
        allowed = (tool.name or (tool.function or _Named()).name or tool.type for tool in shape.tools)
        return Chosen(
            ToolChoice(_mode(shape.mode, "tool_choice.mode"), allowed=tuple(name for name in allowed if name))
        )
    if shape.type in _NAMING:
        name = shape.name or (shape.function or shape.custom or _Named()).name
        if not name:
            raise bad_request("tool_choice names no tool.", "tool_choice.name")
        return Chosen(ToolChoice("tool", _flat(name, tools)))
    if shape.type in _MODES:
        return Chosen(ToolChoice(_MODES[shape.type]))
    return Chosen(raw=bytes(raw))


def _mode(word: str, path: str) -> Mode:
    if word not in _MODES:
        raise bad_request(f"{path} {word!r} is not known; use auto, required, none or a tool.", path)
    return _MODES[word]


def _flat(name: str, tools: tuple[Tool, ...]) -> str:
    """The one name by which every provider finds the tool, also if it stands in a namespace."""
    named = [tool for tool in tools if tool.name == name]
    if not named or any(tool.namespace is None for tool in named):
        return name
    return flat_name(named[0])
