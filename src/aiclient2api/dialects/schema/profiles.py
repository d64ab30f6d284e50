"""What the services want of a schema (dialects.md, 1.4.2 and 2.8).

GEMINI_SUBSET       `parameters` and `responseSchema`: the OpenAPI 3.0 subset with upper-case types
GEMINI_JSON_SCHEMA  `parametersJsonSchema` and `responseJsonSchema`: nearly all of JSON Schema
OPENAI_STRICT       `strict: true`: every object closed, every property required, optional ones nullable
ANTHROPIC_OUTPUT    `output_config.format`: every object closed
"""

from aiclient2api.dialects.schema.level import Profile, Schema, add_notes, as_dict, as_dicts, names

_STRING_FORMATS = frozenset({"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"})


def _types(node: Schema) -> list[str]:
    """The types of a node, as it says or as its other words imply."""
    given = node.get("type")
    if isinstance(given, str):
        return [given]
    if isinstance(given, list):
        return names(given)
    if "properties" in node:
        return ["object"]
    return ["array"] if "items" in node else []


def _gemini(node: Schema) -> Schema:
    """One upper-case type, null as `nullable`, enums of strings only, and nothing beside anyOf."""
    out = dict(node)
    types = _types(out)
    variants = [each for each in as_dicts(out.pop("anyOf", None)) if not _only_null(each)]
    nullable = "null" in types or len(variants) < len(list(as_dicts(node.get("anyOf"))))
    types = [each for each in types if each != "null"]
    nullable = _gemini_enum(out, types) or nullable
    out.pop("type", None)
    if len(types) > 1 and not variants:
        variants = [_gemini({**_without(out, "description"), "type": each}) for each in types]
        out = {"description": out["description"]} if "description" in out else {}
    if len(variants) == 1:
        out = {**variants[0], **out}
    elif variants:
        return _gemini_union(out, variants, nullable)
    elif types:
        out = {"type": types[0].upper()} | out
    elif nullable and "enum" not in out:
        return {"type": "NULL"} | out
    out.setdefault("type", "STRING")  # "any" cannot be said, and a node without a type is refused
    if out["type"] == "ARRAY":
        out.setdefault("items", {"type": "STRING"})
    if nullable:
        out["nullable"] = True
    return out


def _gemini_enum(out: Schema, types: list[str]) -> bool:
    """Keep an enum of strings, tell of any other in the description; whether null was in it."""
    values = out.pop("enum", None)
    if not isinstance(values, list):
        return False
    others = [each for each in values if each is not None]
    if others and all(isinstance(each, str) for each in others):
        out["enum"] = list(dict.fromkeys(others))
        types[:] = ["string"]
    elif others:
        add_notes(out, {"enum": others})
        if not types:
            types += _types_of(others)
    return len(others) < len(values)


_PYTHON_TYPES = ((bool, "boolean"), (int, "integer"), (float, "number"), (str, "string"), (dict, "object"))


def _types_of(values: list[object]) -> list[str]:
    found = (next((name for type_, name in _PYTHON_TYPES if isinstance(value, type_)), "array") for value in values)
    return list(dict.fromkeys(found))


def _gemini_union(out: Schema, variants: list[Schema], nullable: bool) -> Schema:
    """The API takes nothing beside anyOf, so what stood there goes into each branch."""
    beside = {"nullable": True} if nullable else {}
    return {"anyOf": [{**out, **each, **beside} for each in variants]}


def _only_null(node: Schema) -> bool:
    return node.get("type") == "NULL"


def _without(node: Schema, name: str) -> Schema:
    return {each: value for each, value in node.items() if each != name}


def _openai(node: Schema) -> Schema:
    """Objects closed, all their properties required; what was optional may be null instead."""
    if "object" not in _types(node):
        return node
    required = names(node.get("required"))
    properties = {
        name: each if name in required else _nullable(as_dict(each))
        for name, each in as_dict(node.get("properties")).items()
    }
    node.setdefault("type", "object")
    return {**node, "properties": properties, "required": list(properties), "additionalProperties": False}


def _nullable(node: Schema) -> Schema:
    """The schema, or null."""
    if not node:
        return node
    if "anyOf" in node:
        variants = list(as_dicts(node["anyOf"]))
        null: Schema = {"type": "null"}
        return node if null in variants else {**node, "anyOf": [*variants, null]}
    values = node.get("enum")
    if isinstance(values, list):
        node = {**node, "enum": [*values, *([] if None in values else [None])]}
    elif node.get("type") is None:
        return {"anyOf": [node, {"type": "null"}]}
    types = names(node.get("type")) or _types(node)
    return node if not types or "null" in types else {**node, "type": [*types, "null"]}


def _anthropic(node: Schema) -> Schema:
    """Objects closed; literals without a type, and of minItems only 0 and 1."""
    if "enum" in node or "const" in node:
        node.pop("type", None)
    least = node.get("minItems")
    if least is not None and least not in (0, 1):
        del node["minItems"]
        add_notes(node, {"minItems": least})
    if "object" in _types(node):
        node = {"type": "object", "properties": {}, **node, "additionalProperties": False}
    return node


GEMINI_SUBSET = Profile(
    words=frozenset(
        {"title", "default", "nullable", "example", "propertyOrdering", "pattern", "minimum", "maximum"}
        | {"minItems", "maxItems", "minProperties", "maxProperties", "minLength", "maxLength"}
    ),
    formats=frozenset({"date-time", "enum", "int32", "int64", "float", "double"}),
    finish=_gemini,
)

GEMINI_JSON_SCHEMA = Profile(words=None, references=True)

OPENAI_STRICT = Profile(
    words=frozenset(
        {"title", "const", "pattern", "multipleOf", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}
        | {"minItems", "maxItems"}
    ),
    formats=_STRING_FORMATS,
    references=True,
    finish=_openai,
)

ANTHROPIC_OUTPUT = Profile(
    words=frozenset({"title", "const", "minItems"}),
    formats=_STRING_FORMATS | {"uri"},
    references=True,
    finish=_anthropic,
)
