"""A client's `tools` and `toolConfig`.

Enters: the raw members. Leaves: canonical tools and the choice among them. Google's own tools (googleSearch, urlContext
and so on) are kept raw as server tools: only their vendor runs them. Refuses: a declaration without a name, a schema
that is no object, an unknown mode, with bad_request naming the member.
"""

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from aiclient2api.canonical.errors import bad_request
from aiclient2api.canonical.request import Tool, ToolChoice
from aiclient2api.dialects.gemini.fields import listed, members, shape
from aiclient2api.dialects.reading import ABSENT, given, json_object, refused
from aiclient2api.dialects.schema import from_gemini
from aiclient2api.wire import jsonio

MODE = "toolConfig.functionCallingConfig.mode"
"""Where Request.extra keeps the mode VALIDATED, for which the hub has no word."""


class _Declaration(msgspec.Struct, rename="camel"):
    name: str | None = None
    description: str | None = None
    parameters: msgspec.Raw = ABSENT
    parameters_json_schema: msgspec.Raw = ABSENT
    response: msgspec.Raw = ABSENT
    response_json_schema: msgspec.Raw = ABSENT
    behavior: msgspec.Raw = ABSENT


class _Plain(_Declaration, forbid_unknown_fields=True):
    """Without members in snake_case, which are unknown ones."""


class Tools(NamedTuple):
    tools: tuple[Tool, ...]
    dropped: tuple[str, ...]


def tools(raw: msgspec.Raw | None) -> Tools:
    """All declarations in order, and the vendor's own tools where they stand."""
    out: list[Tool] = []
    dropped: list[str] = []
    for path, each in listed(raw, "tools"):
        for name, value in members(each, path).items():
            if name == "functionDeclarations":
                found = [_declaration(one, place, dropped) for place, one in listed(value, f"{path}.{name}")]
                out += found
            else:
                out.append(Tool(name, kind="server", type=name, raw=jsonio.encode({name: value})))
    return Tools(tuple(out), tuple(dict.fromkeys(dropped)))


def _declaration(raw: msgspec.Raw, path: str, dropped: list[str]) -> Tool:
    found = jsonio.fitting(raw, _Plain) or shape(raw, _Declaration, path)
    if not found.name:
        raise bad_request(f"{path}.name is missing.", f"{path}.name")
    for name in ("response", "response_json_schema", "behavior"):
        if given(getattr(found, name)):
            dropped.append(f"functionDeclarations.{name}")
    return Tool(found.name, found.description or "", _schema(found, path))


def _schema(found: _Declaration, path: str) -> bytes | None:
    """JSON Schema as it came; Gemini's own form rewritten for everybody else."""
    if given(found.parameters_json_schema):
        return json_object(found.parameters_json_schema, f"{path}.parametersJsonSchema")
    if given(found.parameters):
        return rewritten(found.parameters, f"{path}.parameters")
    return None


def rewritten(raw: msgspec.Raw, path: str) -> bytes:
    """A schema of Gemini's own form as JSON Schema. Raises bad_request."""
    try:
        return from_gemini(json_object(raw, path))
    except jsonio.JsonError as error:
        raise refused(error, path) from None


class Choice(NamedTuple):
    """`extra` holds what has no word of ours, by its path."""

    choice: ToolChoice | None
    extra: dict[str, bytes]


class _Calling(msgspec.Struct, rename="camel"):
    mode: str | None = None
    allowed_function_names: list[str] | None = None


def tool_choice(raw: msgspec.Raw | None) -> Choice:
    """The choice; what else `toolConfig` holds is kept raw, member by member."""
    if raw is None:
        return Choice(None, {})
    config = members(raw, "toolConfig")
    extra = {f"toolConfig.{name}": bytes(value) for name, value in config.items() if name != "functionCallingConfig"}
    path = "toolConfig.functionCallingConfig"
    calling = config.get("functionCallingConfig")
    if calling is None:
        return Choice(None, extra)
    found = shape(calling, _Calling, path)
    reader = _MODES.get((found.mode or "").upper())
    if reader is None:
        raise bad_request(f"{path}.mode {found.mode!r} is not known; use AUTO, ANY, NONE or VALIDATED.", f"{path}.mode")
    names = tuple(found.allowed_function_names or ())
    if (found.mode or "").upper() == "VALIDATED" and not names:
        extra[MODE] = b'"VALIDATED"'
    return Choice(reader(names), extra)


def _auto(names: tuple[str, ...]) -> ToolChoice:
    return ToolChoice("auto", allowed=names)


def _any(names: tuple[str, ...]) -> ToolChoice:
    return ToolChoice("tool", names[0]) if len(names) == 1 else ToolChoice("any", allowed=names)


def _none(_: tuple[str, ...]) -> ToolChoice:
    return ToolChoice("none")


_MODES: dict[str, Callable[[tuple[str, ...]], ToolChoice]] = {
    "": _auto,
    "MODE_UNSPECIFIED": _auto,
    "AUTO": _auto,
    "VALIDATED": _auto,
    "ANY": _any,
    "NONE": _none,
}
