"""Schemas for services that know only a part of the language: T021, T022, T107."""

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiclient2api.dialects.schema import (
    ANTHROPIC_OUTPUT,
    GEMINI_JSON_SCHEMA,
    GEMINI_SUBSET,
    OPENAI_STRICT,
    Profile,
    from_gemini,
    levelled,
)
from aiclient2api.dialects.schema.level import MAX_NODES
from aiclient2api.wire import jsonio

Json = dict[str, Any]
PROFILES = (GEMINI_SUBSET, GEMINI_JSON_SCHEMA, OPENAI_STRICT, ANTHROPIC_OUTPUT)


def level(schema: object, profile: Profile, *, object_root: bool = False) -> Json:
    found: Json = json.loads(levelled(json.dumps(schema).encode(), profile, object_root=object_root))
    return found


def tool(**properties: object) -> Json:
    return {"type": "object", "properties": properties}


SUBSET: dict[str, tuple[Json, Json]] = {
    "type": ({"type": "string"}, {"type": "STRING"}),
    "null beside a type": ({"type": ["integer", "null"]}, {"type": "INTEGER", "nullable": True}),
    "several types": (
        {"type": ["string", "integer"], "description": "d"},
        {"anyOf": [{"description": "d", "type": "STRING"}, {"description": "d", "type": "INTEGER"}]},
    ),
    "no type": ({"description": "d"}, {"type": "STRING", "description": "d"}),
    "null only": ({"type": "null"}, {"type": "NULL"}),
    "const": ({"const": "a"}, {"type": "STRING", "enum": ["a"]}),
    "enum with null": ({"enum": ["a", None]}, {"type": "STRING", "enum": ["a"], "nullable": True}),
    "enum of numbers": ({"enum": [1, 2]}, {"type": "INTEGER", "description": "(enum: [1,2])"}),
    "known format": ({"type": "string", "format": "date-time"}, {"type": "STRING", "format": "date-time"}),
    "unknown format": ({"type": "string", "format": "uri"}, {"type": "STRING", "description": '(format: "uri")'}),
    "unknown words": (
        {"type": "integer", "exclusiveMinimum": 0, "description": "d", "$comment": "c", "x-order": 1},
        {"type": "INTEGER", "description": "d (exclusiveMinimum: 0)"},
    ),
    "a default that says nothing": ({"type": "string", "default": None}, {"type": "STRING"}),
    "array without items": ({"type": "array"}, {"type": "ARRAY", "items": {"type": "STRING"}}),
    "tuple": (
        {"type": "array", "prefixItems": [{"type": "string"}, {"type": "number"}]},
        {"type": "ARRAY", "items": {"anyOf": [{"type": "STRING"}, {"type": "NUMBER"}]}},
    ),
    "old tuple": ({"items": [{"type": "string"}, {"type": "string"}]}, {"type": "ARRAY", "items": {"type": "STRING"}}),
    "optional by union": (
        {"anyOf": [{"type": "string", "maxLength": 3}, {"type": "null"}], "description": "d"},
        {"type": "STRING", "maxLength": 3, "description": "d", "nullable": True},
    ),
    "union": (
        {"oneOf": [{"type": "string"}, {"type": "number"}, {"type": "null"}]},
        {"anyOf": [{"type": "STRING", "nullable": True}, {"type": "NUMBER", "nullable": True}]},
    ),
    "allOf": (
        {"allOf": [tool(a={"type": "string"}), {"properties": {"b": {"type": "number"}}, "required": ["b"]}]},
        {
            "type": "OBJECT",
            "properties": {"b": {"type": "NUMBER"}, "a": {"type": "STRING"}},
            "required": ["b"],
        },
    ),
    "map": (
        {"type": "object", "additionalProperties": {"type": "number"}},
        {"type": "OBJECT", "description": '(additionalProperties: {"type":"number"})'},
    ),
    "closed": ({"type": "object", "additionalProperties": False}, {"type": "OBJECT"}),
    "required that is no property": ({**tool(a={"type": "string"}), "required": ["a", "b"]}, {
        "type": "OBJECT", "properties": {"a": {"type": "STRING"}}, "required": ["a"],
    }),
    "properties named like words": (
        tool(**{"const": {"type": "string"}, "$schema": {"type": "string"}, "propertyNames": {"type": "number"}}),
        {
            "type": "OBJECT",
            "properties": {
                "const": {"type": "STRING"},
                "$schema": {"type": "STRING"},
                "propertyNames": {"type": "NUMBER"},
            },
        },
    ),
    "reference": (
        {**tool(a={"$ref": "#/$defs/A", "description": "d"}), "$defs": {"A": {"type": "number", "minimum": 1}}},
        {"type": "OBJECT", "properties": {"a": {"type": "NUMBER", "minimum": 1, "description": "d"}}},
    ),
    "reference into the schema": (
        tool(a={"type": "number"}, b={"items": {"$ref": "#/properties/a"}}, c={"$ref": "#/properties/b/items"}),
        {
            "type": "OBJECT",
            "properties": {
                "a": {"type": "NUMBER"},
                "b": {"type": "ARRAY", "items": {"type": "NUMBER"}},
                "c": {"type": "NUMBER"},
            },
        },
    ),
    "reference that leads nowhere": (tool(a={"$ref": "https://x.example/s"}), {
        "type": "OBJECT", "properties": {"a": {"type": "STRING"}},
    }),
    "reference into a list": (
        tool(a={"anyOf": [{"type": "number"}, {"type": "string"}]}, b={"$ref": "#/properties/a/anyOf/0"},
             c={"$ref": "#/properties/a/anyOf/9"}),
        {
            "type": "OBJECT",
            "properties": {
                "a": {"anyOf": [{"type": "NUMBER"}, {"type": "STRING"}]},
                "b": {"type": "NUMBER"},
                "c": {"type": "STRING"},
            },
        },
    ),
    "odd values": (
        {"properties": {"a": True, "b": {"properties": 5, "prefixItems": [], "items": False, "anyOf": 1}}},
        {"type": "OBJECT", "properties": {"a": {"type": "STRING"}, "b": {"type": "STRING"}}},
    ),
    "enum of nothing but null": ({"enum": [None]}, {"type": "NULL"}),
    "enum of numbers with a type": (
        {"type": "number", "enum": [1, 2.5]}, {"type": "NUMBER", "description": "(enum: [1,2.5])"},
    ),
    "circle": (
        {**tool(a={"$ref": "#/$defs/N"}), "$defs": {"N": tool(next={"$ref": "#/$defs/N"})}},
        {
            "type": "OBJECT",
            "properties": {"a": {"type": "OBJECT", "properties": {"next": {"type": "OBJECT"}}}},
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SUBSET)
def test_the_subset_of_gemini(name: str) -> None:
    """T021, T022: every word that the API refuses is gone, and none of it is lost without a word."""
    schema, expected = SUBSET[name]
    assert level(schema, GEMINI_SUBSET) == expected


KEPT: dict[str, Json] = {
    "what Claude Code's tools use": {
        **tool(
            pattern={"type": "string", "pattern": "^a", "default": "x"}, n={"type": "integer", "exclusiveMinimum": 0}
        ),
        "additionalProperties": False,
        "required": ["pattern"],
    },
    "references": {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/A"}},
        "$defs": {"A": {"type": "object", "properties": {"again": {"$ref": "#/$defs/A"}}}},
    },
    "unions and tuples": tool(
        a={"anyOf": [{"type": "string"}, {"type": "null"}]}, b={"prefixItems": [{"type": "string"}]}
    ),
}


@pytest.mark.parametrize("name", KEPT)
def test_what_gemini_reads_as_json_schema_keeps_its_bytes(name: str) -> None:
    schema = json.dumps(KEPT[name], indent=1).encode()
    assert levelled(schema, GEMINI_JSON_SCHEMA, object_root=True) == schema


JSON_SCHEMA: dict[str, tuple[Json, Json]] = {
    "dialect": ({"$schema": "http://json-schema.org/draft-07/schema#", **tool()}, tool()),
    "words beside a reference": (
        {**tool(a={"$ref": "#/definitions/A", "description": "d"}), "definitions": {"A": {"type": "string"}}},
        {**tool(a={"type": "string", "description": "d"}), "$defs": {"A": {"type": "string"}}},
    ),
    "old definitions": (
        {**tool(a={"$ref": "#/definitions/A"}), "definitions": {"A": {"type": "string"}}},
        {**tool(a={"$ref": "#/$defs/A"}), "$defs": {"A": {"type": "string"}}},
    ),
    "required that is no property": ({**tool(a={}), "required": ["b"]}, tool(a={})),
    "const": (tool(a={"const": 5}), tool(a={"enum": [5]})),
    "union at the root": (
        {
            "anyOf": [
                {**tool(a={"type": "string"}, b={"type": "string"}), "required": ["a", "b"]},
                {"$ref": "#/$defs/B"},
            ],
            "$defs": {"B": {**tool(b={"type": "string"}), "required": ["b"]}},
        },
        {
            **tool(b={"type": "string"}, a={"type": "string"}),
            "required": ["b"],
            "$defs": {"B": {**tool(b={"type": "string"}), "required": ["b"]}},
        },
    ),
    "reference at the root": (
        {"$ref": "#/$defs/A", "$defs": {"A": tool(a={"type": "string"})}},
        {**tool(a={"type": "string"}), "$defs": {"A": tool(a={"type": "string"})}},
    ),
    "root without a type": ({"properties": {"a": {}}}, tool(a={})),
}


@pytest.mark.parametrize("name", JSON_SCHEMA)
def test_what_gemini_refuses_even_as_json_schema(name: str) -> None:
    """T107: the root of a tool's arguments is an object."""
    schema, expected = JSON_SCHEMA[name]
    assert level(schema, GEMINI_JSON_SCHEMA, object_root=True) == expected


@pytest.mark.parametrize("schema", [True, None, "x", [1]])
def test_what_is_no_schema_allows_anything(schema: object) -> None:
    assert level(schema, GEMINI_JSON_SCHEMA, object_root=True) == {"type": "object", "properties": {}}


@pytest.mark.parametrize("profile", PROFILES)
def test_text_that_is_no_json_is_refused(profile: Profile) -> None:
    with pytest.raises(jsonio.JsonError):
        levelled(b"{", profile)


def test_openai_strict() -> None:
    schema = {
        **tool(
            a={"type": "string", "minLength": 2},
            b={"type": "integer", "default": None},
            c={"enum": ["x"]},
            d={"anyOf": [{"type": "string"}, {"type": "number"}]},
            e={"$ref": "#/$defs/E"},
            f={},
        ),
        "required": ["a"],
        "$defs": {"E": tool(g={"const": 1})},
    }
    assert level(schema, OPENAI_STRICT, object_root=True) == {
        "type": "object",
        "properties": {
            "a": {"type": "string", "description": "(minLength: 2)"},
            "b": {"type": ["integer", "null"]},
            "c": {"enum": ["x", None]},
            "d": {"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "null"}]},
            "e": {"anyOf": [{"$ref": "#/$defs/E"}, {"type": "null"}]},
            "f": {},
        },
        "required": ["a", "b", "c", "d", "e", "f"],
        "additionalProperties": False,
        "$defs": {
            "E": {
                "type": "object",
                "properties": {"g": {"anyOf": [{"const": 1}, {"type": "null"}]}},
                "required": ["g"],
                "additionalProperties": False,
            }
        },
    }


def test_anthropic_structured_output() -> None:
    schema = {
        **tool(
            a={"type": "array", "minItems": 2, "maxItems": 3, "items": {"type": "string", "format": "uuid"}},
            b={"type": "array", "minItems": 1},
            c={"type": "string", "enum": ["x"]},
            d={"oneOf": [{"type": "string"}, {"$ref": "#/$defs/D", "title": "t"}]},
            e={"type": "object", "additionalProperties": {"type": "string"}},
        ),
        "required": ["a"],
        "$defs": {"D": tool()},
    }
    closed = {"type": "object", "properties": {}, "additionalProperties": False}
    assert level(schema, ANTHROPIC_OUTPUT) == {
        "type": "object",
        "properties": {
            "a": {
                "type": "array",
                "items": {"type": "string", "format": "uuid"},
                "description": "(maxItems: 3) (minItems: 2)",
            },
            "b": {"type": "array", "minItems": 1},
            "c": {"enum": ["x"]},
            "d": {"anyOf": [{"type": "string"}, {**closed, "title": "t"}]},
            "e": {**closed, "description": '(additionalProperties: {"type":"string"})'},
        },
        "required": ["a"],
        "additionalProperties": False,
        "$defs": {"D": closed},
    }


GEMINIS: dict[str, tuple[Json, Json]] = {
    "types": (
        {"type": "OBJECT", "properties": {"type": {"type": "STRING"}, "n": {"type": "TYPE_UNSPECIFIED"}}},
        {"type": "object", "properties": {"type": {"type": "string"}, "n": {}}},
    ),
    "nullable": ({"type": "INTEGER", "nullable": True}, {"type": ["integer", "null"]}),
    "nullable enum": (
        {"type": "STRING", "format": "enum", "enum": ["a"], "nullable": True},
        {"type": ["string", "null"], "enum": ["a", None]},
    ),
    "nullable union": (
        {"any_of": [{"type": "STRING"}], "nullable": True},
        {"anyOf": [{"type": "string"}, {"type": "null"}]},
    ),
    "counts": ({"type": "ARRAY", "min_items": "1", "maxItems": 3}, {"type": "array", "minItems": 1, "maxItems": 3}),
    "order": (
        {"type": "OBJECT", "properties": {"a": {}, "b": {}}, "propertyOrdering": ["b", "z"]},
        {"type": "object", "properties": {"b": {}, "a": {}}},
    ),
    "example": ({"type": "STRING", "example": "x"}, {"type": "string", "examples": ["x"]}),
    "nested": (
        {"type": "ARRAY", "items": {"type": "OBJECT", "additional_properties": {"type": "NUMBER"}}},
        {"type": "array", "items": {"type": "object", "additionalProperties": {"type": "number"}}},
    ),
    "definitions": (
        {"ref": "#/$defs/A", "defs": {"A": {"type": "STRING"}}},
        {"$ref": "#/$defs/A", "$defs": {"A": {"type": "string"}}},
    ),
    "odd values": ({"type": 5, "properties": 1, "anyOf": 2}, {"type": 5, "properties": 1, "anyOf": 2}),
    "not a schema": ({"items": True, "nullable": True}, {"items": True}),
    "type list": ({"type": ["STRING", "null"]}, {"type": ["string", "null"]}),
}


@pytest.mark.parametrize("name", GEMINIS)
def test_geminis_own_form_as_json_schema(name: str) -> None:
    schema, expected = GEMINIS[name]
    found = json.loads(from_gemini(json.dumps(schema).encode()))
    assert found == expected
    if "properties" in expected and isinstance(expected["properties"], dict):
        assert list(found["properties"]) == list(expected["properties"])


def test_json_schema_from_a_gemini_client_keeps_its_bytes() -> None:
    schema = b'{ "type":"object", "properties":{"n":{"type":"number","minimum":1.0}} }'
    assert from_gemini(schema) == schema


scalars: st.SearchStrategy[Json] = st.sampled_from(
    [
        {"type": "string"},
        {"type": "string", "minLength": 1, "format": "uri"},
        {"type": "integer", "minimum": 0},
        {"type": ["number", "null"]},
        {"enum": ["a", "b", None]},
        {"const": "a"},
        {"type": "boolean", "default": None},
        {"$ref": "#/$defs/Node"},
        {"$ref": "#/$defs/Node", "description": "d"},
    ]
)


def _objects(children: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    names = st.sampled_from(["a", "b", "const", "$ref_", "required"])
    return st.dictionaries(names, children, max_size=3).flatmap(
        lambda properties: st.lists(st.sampled_from([*properties, "missing"]), unique=True, max_size=2).map(
            lambda required: {"type": "object", "properties": properties, "required": required}
        )
    )


schemas = st.recursive(
    scalars,
    lambda children: (
        _objects(children)
        | st.lists(children, min_size=1, max_size=2).map(lambda variants: {"anyOf": variants})
        | st.lists(children, min_size=1, max_size=2).map(lambda variants: {"oneOf": variants})
        | children.map(lambda items: {"type": "array", "items": items})
    ),
    max_leaves=6,
)
NODE = {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}, "v": {"type": "integer"}}, "required": ["v"]}
INSTANCES: list[object] = [
    "a", "", 0, -1, 2.5, None, True, [], ["a"], [0, None], {}, {"a": "a"}, {"a": None, "b": 1}, {"v": 1},
    {"v": 1, "next": {"v": 2}}, {"const": "a", "required": {"v": 0}}, {"a": {"a": "a"}},
]  # fmt: skip


@given(schemas)
def test_the_subset_never_forbids_what_the_schema_allows(schema: Json) -> None:
    """Values of any type aside, which it cannot name; a circle of references ends as some object."""
    whole = {**schema, "$defs": {"Node": NODE}}
    simple = json.loads(from_gemini(levelled(json.dumps(whole).encode(), GEMINI_SUBSET)))
    before, after = jsonschema.Draft202012Validator(whole), jsonschema.Draft202012Validator(simple)
    for instance in INSTANCES:
        assert after.is_valid(instance) or not before.is_valid(instance), (simple, instance)


@given(schemas)
def test_rewriting_twice_changes_nothing_more(schema: Json) -> None:
    """And the same schema always gives the same bytes (T147)."""
    raw = json.dumps({**schema, "$defs": {"Node": NODE}}).encode()
    for profile in (GEMINI_JSON_SCHEMA, OPENAI_STRICT, ANTHROPIC_OUTPUT):
        once = levelled(raw, profile)
        assert levelled(raw, profile) == once
        assert levelled(once, profile) == once


@given(schemas)
def test_strict_objects_are_closed_and_want_all_their_properties(schema: Json) -> None:
    whole = {"type": "object", "properties": {"x": schema}, "$defs": {"Node": NODE}}
    nodes: list[object] = [level(whole, OPENAI_STRICT, object_root=True)]
    while nodes:
        node = nodes.pop()
        if isinstance(node, dict):
            if isinstance(node.get("properties"), dict) and "type" in node:
                assert node["additionalProperties"] is False
                assert node["required"] == list(node["properties"])
            nodes += node.values()
        elif isinstance(node, list):
            nodes += node


def test_definitions_that_multiply_are_bounded() -> None:
    twice = {f"D{n}": tool(a={"$ref": f"#/$defs/D{n + 1}"}, b={"$ref": f"#/$defs/D{n + 1}"}) for n in range(20)}
    schema = json.dumps({**tool(x={"$ref": "#/$defs/D0"}), "$defs": {**twice, "D20": {"type": "string"}}}).encode()
    assert levelled(schema, GEMINI_SUBSET).count(b'"type"') <= 2 * MAX_NODES
    merged = {f"D{n}": {"allOf": [{"$ref": f"#/$defs/D{n + 1}"}] * 4} for n in range(8)}
    whole = {"$ref": "#/$defs/D0", "$defs": {**merged, "D8": tool(a={"type": "number"})}}
    assert list(level(whole, GEMINI_SUBSET)["properties"]) == ["a"]


def test_a_simplifier_of_another_provider_is_one_more_profile() -> None:
    """What Kiro's needs: references written out, a union at the root merged, nothing told in descriptions."""
    profile = Profile(words=frozenset({"title", "default", "minimum"}), notes=False)
    schema = {
        "oneOf": [{"$ref": "#/$defs/A"}, {**tool(b={"const": 1, "pattern": "x"}), "required": ["b"]}],
        "$defs": {"A": {**tool(a={"type": "string", "maxLength": 1}), "required": ["a"]}},
    }
    assert level(schema, profile, object_root=True) == tool(b={"enum": [1]}, a={"type": "string"})
