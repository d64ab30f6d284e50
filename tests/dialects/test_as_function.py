"""Calls and tools of richer dialects as plain functions."""

import json

import pytest

from aiclient2api.canonical.request import Tool, ToolCall
from aiclient2api.dialects.as_function import arguments_object, custom_description, flat_name, json_object, one_line


@pytest.mark.parametrize(
    ("arguments", "kind", "value"),
    [
        ('{"a": 1152921504606846976}', "function", {"a": 2**60}),
        ("", "function", {}),
        (" \n", "function", {}),
        ("[1]", "function", {"_raw": "[1]"}),
        ('{"a":', "function", {"_raw": '{"a":'}),
        ("raw {", "custom", {"input": "raw {"}),
    ],
)
def test_arguments_are_one_object(arguments: str, kind: str, value: object) -> None:
    assert json.loads(bytes(arguments_object(arguments, kind))) == value


def test_an_object_stays_as_it_was_but_on_one_line() -> None:
    found = json_object('{"b":1.0,\r\n "a":"\\n"}')
    assert found is not None
    assert bytes(found) == b'{"b":1.0,   "a":"\\n"}'
    assert one_line(b"{}") == b"{}"
    for text in ("", "null", '"{}"', "[{}]", "{} {}", '{"a":"\ud800"}'):
        assert json_object(text) is None


def test_names_and_descriptions() -> None:
    assert flat_name(Tool("f", namespace="ns")) == flat_name(ToolCall("c", "f", "", namespace="ns")) == "ns__f"
    assert flat_name(Tool("f")) == "f"
    told = custom_description(Tool("f", "Does it.", kind="custom", grammar=b'{"type":"grammar"}'))
    assert told.startswith("Does it.\n\n")
    assert told.endswith('{"type":"grammar"}')
    assert custom_description(Tool("f", kind="custom")) == "Put the whole input into the one string `input`."
