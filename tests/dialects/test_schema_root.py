"""A plain object at the root of a tool's schema."""

import json
from typing import Any

import pytest

from aiclient2api.dialects.schema_root import object_root

A = {"type": "object", "properties": {"a": {"type": "string"}, "k": {"const": 1}}, "required": ["a", "k"]}
B = {
    "type": "object",
    "properties": {"b": {"anyOf": [{"type": "string"}, {"type": "null"}]}, "k": {}},
    "required": ["k"],
}


def test_an_object_stays_byte_for_byte() -> None:
    raw = b'{ "type": "object", "properties": {"anyOf": {"minimum": 1.0}} }'
    assert object_root(raw) is raw


@pytest.mark.parametrize("schema", [{}, {"type": ["object", "null"]}, {"type": "string"}, {"properties": {}}])
def test_a_missing_type_is_added(schema: dict[str, Any]) -> None:
    assert json.loads(object_root(json.dumps(schema).encode())) == {**schema, "type": "object"}


@pytest.mark.parametrize(("union", "required"), [("anyOf", ["k"]), ("oneOf", ["k"]), ("allOf", ["a", "k"])])
def test_unions_become_one_object(union: str, required: list[str]) -> None:
    schema = {"description": "d", "properties": {"own": {}}, "required": [], union: [A, B]}
    found = json.loads(object_root(json.dumps(schema).encode()))
    assert set(found) == {"description", "properties", "required", "type"}
    assert set(found["properties"]) == {"own", "a", "b", "k"}
    assert found["properties"]["b"] == B["properties"]["b"]  # type: ignore[index]
    assert found["required"] == required


@pytest.mark.parametrize("union", [5, [], [True], [{"type": "string"}], [{"properties": 5}]])
def test_odd_unions_do_not_break(union: object) -> None:
    assert json.loads(object_root(json.dumps({"anyOf": union}).encode())) == {"type": "object", "properties": {}}
