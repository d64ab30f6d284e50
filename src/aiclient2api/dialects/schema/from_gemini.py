"""Gemini's own schema form (OpenAPI 3.0 with upper-case types) as JSON Schema for every other service.

Enters: the raw `parameters` or `responseSchema` of a client, in camelCase or snake_case. Leaves: raw JSON Schema; the
same bytes where it was JSON Schema already. Refuses: text that is no JSON.
"""

from collections.abc import Callable

from aiclient2api.dialects.schema.level import Schema, as_dict, as_dicts, names
from aiclient2api.wire import jsonio

_TYPES = frozenset({"STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL"})
_UNKNOWN_TYPE = "TYPE_UNSPECIFIED"
_RENAMED: dict[str, str] = {
    "any_of": "anyOf",
    "additional_properties": "additionalProperties",
    "property_ordering": "propertyOrdering",
    "min_items": "minItems",
    "max_items": "maxItems",
    "min_properties": "minProperties",
    "max_properties": "maxProperties",
    "min_length": "minLength",
    "max_length": "maxLength",
    "defs": "$defs",
    "ref": "$ref",
}
_COUNTS = frozenset({"minItems", "maxItems", "minProperties", "maxProperties", "minLength", "maxLength"})
"""64-bit numbers, which the protocol's JSON form writes as strings."""
_OWN = frozenset({"nullable", "propertyOrdering", "example"})


def from_gemini(schema: bytes) -> bytes:
    """The schema as JSON Schema. Raises JsonError."""
    parsed: object = jsonio.parse(schema)
    out = _node(parsed)
    return bytes(schema) if out == parsed else jsonio.encode(out)


def _node(node: object) -> object:
    if not isinstance(node, dict):
        return node
    said: Schema = {_RENAMED.get(str(name), str(name)): value for name, value in node.items()}
    out: Schema = {}
    for name, value in said.items():
        if name not in _OWN:
            out |= _READERS.get(name, _as_it_is)(name, value)
    _ordered(out, names(said.get("propertyOrdering")))
    if "example" in said and "examples" not in out:
        out["examples"] = [said["example"]]
    return _with_null(out) if said.get("nullable") is True else out


def _as_it_is(name: str, value: object) -> Schema:
    if name in _COUNTS and isinstance(value, str) and value.isdecimal():
        return {name: int(value)}
    return {name: value}


def _type(name: str, value: object) -> Schema:
    if isinstance(value, list):
        return {name: [each.lower() if each in _TYPES else each for each in names(value)]}
    if value == _UNKNOWN_TYPE:
        return {}
    return {name: value.lower() if isinstance(value, str) and value in _TYPES else value}


def _format(name: str, value: object) -> Schema:
    return {} if value == "enum" else {name: value}


def _child(name: str, value: object) -> Schema:
    return {name: _node(value)}


def _children(name: str, value: object) -> Schema:
    return {name: [_node(each) for each in value]} if isinstance(value, list) else {name: value}


def _named_children(name: str, value: object) -> Schema:
    return {name: {each: _node(child) for each, child in value.items()}} if isinstance(value, dict) else {name: value}


_READERS: dict[str, Callable[[str, object], Schema]] = {
    "type": _type,
    "format": _format,
    "items": _child,
    "additionalProperties": _child,
    "not": _child,
    "anyOf": _children,
    "oneOf": _children,
    "allOf": _children,
    "prefixItems": _children,
    "properties": _named_children,
    "$defs": _named_children,
}


def _ordered(out: Schema, order: list[str]) -> None:
    """JSON Schema has no word for the order of properties, but models keep to the order they read."""
    properties = as_dict(out.get("properties"))
    first = {name: properties[name] for name in order if name in properties}
    if first:
        out["properties"] = first | properties


def _with_null(out: Schema) -> Schema:
    """`nullable` as JSON Schema says it."""
    if "anyOf" in out:
        return {**out, "anyOf": [*as_dicts(out["anyOf"]), {"type": "null"}]}
    given = out.get("type")
    if isinstance(given, str):
        out["type"] = [given, "null"]
    values = out.get("enum")
    if isinstance(values, list) and None not in values:
        out["enum"] = [*values, None]
    return out
