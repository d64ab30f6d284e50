"""Schemas of the Gemini API: what its checks refuse beyond the parser, and the same schema as plain JSON Schema."""

from collections.abc import Iterator

from aiclient2api.simulator.google_http import Json
from aiclient2api.simulator.scene import as_dict, as_list, as_text

MAX_DEPTH = 40


def problems(schema: Json, path: str, depth: int = 0) -> Iterator[str]:
    """What is wrong with a schema (lowerCamelCase names), each with its place."""
    properties, kind = as_dict(schema.get("properties")), schema.get("type")
    if kind == "ARRAY" and "items" not in schema:
        yield f"{path}.items: missing field."
    if "enum" in schema and kind not in (None, "STRING", "TYPE_UNSPECIFIED"):
        yield f"{path}.enum: only allowed for STRING type"
    for number, name in enumerate(as_list(schema.get("required"))):
        if name not in properties:
            yield f"{path}.required[{number}]: property is not defined"
    if depth > MAX_DEPTH:
        return
    for name, member in properties.items():
        yield from problems(as_dict(member), f"{path}.properties[{name}]", depth + 1)
    if "items" in schema:
        yield from problems(as_dict(schema["items"]), f"{path}.items", depth + 1)
    for number, branch in enumerate(as_list(schema.get("anyOf"))):
        yield from problems(as_dict(branch), f"{path}.any_of[{number}]", depth + 1)


def plain(schema: Json) -> Json:
    """As JSON Schema."""
    out = {name: value for name, value in schema.items() if name not in ("nullable", "propertyOrdering", "example")}
    if kind := as_text(schema.get("type")).lower():
        out["type"] = [kind, "null"] if schema.get("nullable") is True else kind
    if "properties" in schema:
        out["properties"] = {name: plain(as_dict(member)) for name, member in as_dict(schema["properties"]).items()}
    if "items" in schema:
        out["items"] = plain(as_dict(schema["items"]))
    if "anyOf" in schema:
        out["anyOf"] = [plain(as_dict(branch)) for branch in as_list(schema["anyOf"])]
    return out
