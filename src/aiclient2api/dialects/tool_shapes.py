"""One entry of a `tools` list in any of the shapes that clients send.

Enters: the raw entry and its path. Leaves: a canonical Tool. Refuses: a function or custom tool without a name, a
schema that is not an object. Types without a word of ours are kept raw as server tools: only their vendor runs them.
"""

import msgspec

from aiclient2api.canonical.errors import GatewayError, bad_request
from aiclient2api.canonical.request import Cache, Tool
from aiclient2api.dialects.reading import ABSENT, Marked, given, json_object, read
from aiclient2api.dialects.remembered import remembered
from aiclient2api.wire import jsonio


class _Shape(Marked, gc=False):
    """Chat nests under `function` or `custom`; Responses and Anthropic do not. Nested objects have the same members."""

    type: str | None = None
    name: str | None = None
    description: str | None = None
    input_schema: msgspec.Raw = ABSENT
    parameters: msgspec.Raw = ABSENT
    strict: bool | None = None
    format: msgspec.Raw = ABSENT
    function: "_Shape | None" = None
    custom: "_Shape | None" = None


class _Known(_Shape, forbid_unknown_fields=True, gc=False):
    """Without members that a Tool has no place for."""


def known_tool(raw: msgspec.Raw, path: str) -> Tool | None:
    """A tool that the client runs, if all its members are known here. Raises like decode_tool."""
    shape = jsonio.fitting(raw, _Known)
    return _tool(shape, path, b"") if shape is not None and shape.type in _CLIENTS else None


def decode_tools(raw: msgspec.Raw | list[msgspec.Raw], path: str) -> tuple[Tool, ...]:
    """The whole list. Raises GatewayError("bad_request") naming the member at fault."""
    listed = raw if isinstance(raw, list) else read(raw, list[msgspec.Raw], path)
    try:
        return tuple([_sound_tool(bytes(tool)) for tool in listed])
    except GatewayError:
        return tuple([decode_tool(tool, f"{path}[{index}]") for index, tool in enumerate(listed)])


@remembered
def _sound_tool(body: bytes) -> Tool:
    """Raises GatewayError without a path."""
    return decode_tool(body, "")


_CLIENTS = frozenset({None, "function", "custom"})
"""Types of tools that the client runs. Nothing of them is kept raw."""


def decode_tool(raw: msgspec.Raw | bytes, path: str) -> Tool:
    """The tool. Raises GatewayError("bad_request") naming the member at fault."""
    body = bytes(raw).strip()
    return _tool(read(body, _Shape, path), path, body)


def _tool(shape: _Shape, path: str, body: bytes) -> Tool:
    cache = shape.cache
    if shape.function is not None and shape.type in (None, "function"):
        return _function(shape.function, f"{path}.function", cache)
    if shape.custom is not None and shape.type in (None, "custom"):
        return _custom(shape.custom, f"{path}.custom", cache)
    has_schema = given(shape.input_schema) or given(shape.parameters)
    if shape.type in (None, "function") or (shape.type == "custom" and has_schema):
        return _function(shape, path, cache)
    if shape.type == "custom":
        return _custom(shape, path, cache)
    kind = shape.type or ""
    return Tool(shape.name or kind, shape.description or "", kind="server", type=kind, raw=body, cache=cache)


def _function(shape: _Shape, path: str, cache: Cache | None) -> Tool:
    schema: bytes | None = None
    if given(shape.input_schema):
        schema = json_object(shape.input_schema, f"{path}.input_schema")
    elif given(shape.parameters):
        schema = json_object(shape.parameters, f"{path}.parameters")
    return Tool(_name(shape, path), shape.description or "", schema, strict=shape.strict, cache=cache)


def _custom(shape: _Shape, path: str, cache: Cache | None) -> Tool:
    grammar = json_object(shape.format, f"{path}.format") if given(shape.format) else None
    return Tool(_name(shape, path), shape.description or "", kind="custom", grammar=grammar, cache=cache)


def _name(shape: _Shape, path: str) -> str:
    if not shape.name:
        raise bad_request(f"{path}.name is missing.", f"{path}.name")
    return shape.name
