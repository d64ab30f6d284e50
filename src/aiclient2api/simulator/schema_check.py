"""A value against the few words of JSON Schema that model lists use for their request fields."""

from collections.abc import Callable

from aiclient2api.simulator.scene import Schema, as_dict, as_list

_TYPES: dict[str, Callable[[object], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "null": lambda value: value is None,
}


def mismatch(value: object, schema: Schema, path: str = "") -> str:
    """What does not fit and where; "" if all fits."""
    place = path.rstrip(".") or "the fields"
    kind = schema.get("type")
    if isinstance(kind, str) and not _TYPES[kind](value):
        return f"{place} must be of the type {kind}"
    if "enum" in schema and value not in as_list(schema["enum"]):
        return f"{place} has a value that is not offered"
    if isinstance(value, int | float) and not isinstance(value, bool):
        low, high = schema.get("minimum"), schema.get("maximum")
        if (isinstance(low, int | float) and value < low) or (isinstance(high, int | float) and value > high):
            return f"{place} is out of bounds"
    return _members(value, schema, path) if isinstance(value, dict) else ""


def _members(value: dict[str, object], schema: Schema, path: str) -> str:
    properties = as_dict(schema.get("properties"))
    for name in as_list(schema.get("required")):
        if name not in value:
            return f"{path.rstrip('.') or 'the fields'} lacks {name}"
    for name, member in value.items():
        if name not in properties:
            if schema.get("additionalProperties") is False:
                return f"{path}{name} is not known to this model"
            continue
        if problem := mismatch(member, as_dict(properties[name]), f"{path}{name}."):
            return problem
    return ""
