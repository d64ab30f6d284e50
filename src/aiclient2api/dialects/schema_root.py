"""A tool's JSON Schema with a plain object at its root, which is all that Anthropic takes there.

Enters: the raw schema. Leaves: the same bytes if the root is an object already; else one object schema that allows
what anyOf, oneOf or allOf at the root allowed: the properties of all branches, required where every branch (allOf: any)
requires them. Members below the root are not touched.
"""

import msgspec

from aiclient2api.dialects.remembered import remembered
from aiclient2api.wire import jsonio

_UNIONS = ("anyOf", "oneOf", "allOf")


class _Branch(msgspec.Struct):
    properties: dict[str, msgspec.Raw] = {}
    required: list[str] = []


@remembered
def object_root(schema: bytes) -> bytes:
    """The schema with `"type": "object"` and no union at its root. `schema` must be a JSON object."""
    members = jsonio.members(schema)
    if not any(name in members for name in _UNIONS):
        if bytes(members.get("type", b"")) == b'"object"':
            return schema
        return jsonio.patch(schema, {"type": b'"object"'})
    own = _branch(schema)
    properties, required = dict(own.properties), list(own.required)
    for name in _UNIONS:
        branches = [_branch(bytes(raw)) for raw in _branches(members.get(name))]
        for branch in branches:
            properties = {**branch.properties, **properties}
        required += _needed(branches, everywhere=name != "allOf")
    changes: dict[str, bytes | None] = dict.fromkeys(_UNIONS)
    changes["type"] = b'"object"'
    changes["properties"] = jsonio.encode(properties)
    changes["required"] = jsonio.encode(list(dict.fromkeys(required))) if required else None
    return jsonio.patch(schema, changes)


def _branches(raw: msgspec.Raw | None) -> list[msgspec.Raw]:
    try:
        return [] if raw is None else jsonio.decode(bytes(raw), list[msgspec.Raw])
    except jsonio.JsonError:
        return []


def _branch(raw: bytes) -> _Branch:
    """What a branch says about properties; nothing if it is no plain object schema."""
    try:
        return jsonio.decode(raw, _Branch)
    except jsonio.JsonError:
        return _Branch()


def _needed(branches: list[_Branch], everywhere: bool) -> list[str]:
    names = [name for branch in branches for name in branch.required]
    if not everywhere:
        return names
    return [name for name in names if all(name in branch.required for branch in branches)]
