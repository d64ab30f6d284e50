"""JSON that a model writes where it means a tool call: the shapes that APIs and chat templates have for it.

    {"name": NAME, "arguments" | "input" | "parameters" | "args": {…} or "{…}"}     also with "type" and an id
    {"type": "function", "function": {"name": NAME, "arguments": …}}                 {"function_call": {…}}
    {"tool_calls": [one of these, …]}

Enters: the text of one object. Leaves: its calls; none if it is anything else, such as the definition of a tool, names
a tool that is not declared, or has members that a call has not.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from aiclient2api.wire import jsonio

TYPES = frozenset({"tool_use", "tool_call", "function", "function_call"})
ARGUMENTS = ("arguments", "input", "parameters", "args")
WRAPPERS = ("function", "function_call")
LIST = "tool_calls"
LABELS = frozenset({"type", "id", "call_id", "tool_use_id", "toolUseId", "index"})
BESIDE_LIST = frozenset({"role", "content"})
MEMBERS = frozenset({"name", *ARGUMENTS, *WRAPPERS, LIST, *LABELS, *BESIDE_LIST})
"""Every member that may stand in one of the shapes."""

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f]")


class WrittenCall(NamedTuple):
    """`name` is the client's, `arguments` the raw text of an object."""

    name: str
    arguments: str


Members = Mapping[str, msgspec.Raw]


def calls_in(text: str, names: Mapping[str, str]) -> list[WrittenCall]:
    """`names` maps the declared names, and those on the wire, to the client's."""
    try:
        members = jsonio.members(sound(text).encode("utf-8", "replace"))
        if LIST not in members:
            return [_call(members, names)]
        _only(members, LIST, *LABELS, *BESIDE_LIST)
        if bytes(members.get("content", b"null")) not in (b"null", b'""'):
            return []
        return [_call(each, names) for each in jsonio.decode(bytes(members[LIST]), list[dict[str, msgspec.Raw]])]
    except (jsonio.JsonError, _NoCall):
        return []


def sound(text: str) -> str:
    """`text`, a JSON object; line breaks and tabs that stand in its strings as they are, which models often write, are
    escaped. Raises JsonError."""
    try:
        jsonio.members(text.encode("utf-8", "replace"))
    except jsonio.JsonError:
        text = _STRING.sub(lambda found: _CONTROL.sub(lambda char: f"\\u{ord(char[0]):04x}", found[0]), text)
        jsonio.members(text.encode("utf-8", "replace"))
    return text


class _NoCall(Exception):
    pass


def _call(members: Members, names: Mapping[str, str]) -> WrittenCall:
    if "type" in members and _string(members["type"]) not in TYPES:
        raise _NoCall
    for wrapper in WRAPPERS:
        if wrapper in members:
            _only(members, wrapper, *LABELS)
            members = jsonio.members(bytes(members[wrapper]))
            break
    given = [name for name in ARGUMENTS if name in members]
    if "name" not in members or len(given) != 1:
        raise _NoCall
    _only(members, "name", given[0], *LABELS)
    name = names.get(_string(members["name"]))
    arguments = _arguments(members[given[0]])
    if name is None or (given[0] == "parameters" and _is_schema(arguments)):
        raise _NoCall
    return WrittenCall(name, arguments)


def _only(members: Members, *allowed: str) -> None:
    if not members.keys() <= set(allowed):
        raise _NoCall


def _string(raw: msgspec.Raw) -> str:
    return jsonio.decode(bytes(raw), str)


def _arguments(raw: msgspec.Raw) -> str:
    """An object, or a string with one in it."""
    text = bytes(raw).decode()
    if text.startswith('"'):
        text = _string(raw).strip() or "{}"
    return sound(text)


def _is_schema(text: str) -> bool:
    members = jsonio.members(text.encode())
    return bytes(members.get("type", b"")) == b'"object"' and "properties" in members
