"""What the simulated OpenAI refuses in the JSON Schemas of tools and of structured output.

All: a root that is no object, arrays without items. `strict` ones: objects that are open or have members that are
not required.
"""

from collections.abc import Iterator

from aiclient2api.simulator.openai_http import BadRequest
from aiclient2api.simulator.scene import Schema, as_dict, as_list, as_text

MAX_DEPTH = 40


def check_function(name: str, schema: Schema, strict: bool, param: str) -> None:
    """The parameters of a function. Raises BadRequest."""
    if schema.get("type") != "object":
        kind = schema.get("type")
        found = f"schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{kind}\"'."
        raise BadRequest(f"Invalid schema for function '{name}': {found}", param, "invalid_function_parameters")
    for found in _problems(schema, strict, ()):
        raise BadRequest(f"Invalid schema for function '{name}': {found}", param, "invalid_function_parameters")


def check_format(name: str, schema: Schema, strict: bool, param: str) -> None:
    """The schema of structured output. Raises BadRequest."""
    if strict and schema.get("type") != "object":
        found = "schema must be a JSON Schema of 'type: \"object\"'."
        raise BadRequest(f"Invalid schema for response_format '{name}': {found}", param, "invalid_json_schema")
    for found in _problems(schema, strict, ()):
        raise BadRequest(f"Invalid schema for response_format '{name}': {found}", param, "invalid_json_schema")


def _problems(node: Schema, strict: bool, place: tuple[str, ...]) -> Iterator[str]:
    if len(place) > MAX_DEPTH:
        return
    where = f"In context={place!r},"
    properties = as_dict(node.get("properties"))
    if _allows(node, "array") and "items" not in node and "prefixItems" not in node:
        yield f"{where} array schema missing items."
    if strict and _allows(node, "object"):
        if node.get("additionalProperties") is not False:
            yield f"{where} 'additionalProperties' is required to be supplied and to be false."
        required = [as_text(name) for name in as_list(node.get("required"))]
        if lacking := [name for name in properties if name not in required]:
            yield (
                f"{where} 'required' is required to be supplied and to be an array including every key in properties."
                f" Missing '{lacking[0]}'."
            )
    for name, member in properties.items():
        yield from _problems(as_dict(member), strict, (*place, "properties", name))
    for name, member in as_dict(node.get("$defs")).items():
        yield from _problems(as_dict(member), strict, (*place, "$defs", name))
    if "items" in node:
        yield from _problems(as_dict(node["items"]), strict, (*place, "items"))
    for union in ("anyOf", "oneOf", "allOf"):
        for number, branch in enumerate(as_list(node.get(union))):
            yield from _problems(as_dict(branch), strict, (*place, union, str(number)))


def _allows(node: Schema, kind: str) -> bool:
    given = node.get("type")
    return given == kind or (isinstance(given, list) and kind in given)
