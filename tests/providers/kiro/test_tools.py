"""Tool specifications, choices in words, names, and schemas."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.request import Text, Tool, ToolCall, ToolChoice
from aiclient2api.providers.kiro import schemas
from tests.providers.kiro.build import assistant, body, call, check_history, current, made, messages, result, user

LOOK = Tool("look", "Looks.", b'{"type":"object","properties":{"at":{"type":"string"}}}')
READ = Tool("read", "Reads.")
HISTORY = (user("a"), assistant(call("1", "look")), user(result("1")))


def specifications(parsed: dict[str, Any]) -> list[dict[str, Any]]:
    context = current(parsed).get("userInputMessageContext", {})
    return [each["toolSpecification"] for each in context.get("tools", ())]


def offered(parsed: dict[str, Any]) -> list[str]:
    return [each["name"] for each in specifications(parsed)]


def system(parsed: dict[str, Any]) -> str:
    first = messages(parsed)[0]["content"]
    return str(first) if len(messages(parsed)) > 1 else ""


def test_a_tool_goes_as_it_is() -> None:
    assert specifications(body(user("hi"), tools=(LOOK,))) == [
        {
            "name": "look",
            "description": "Looks.",
            "inputSchema": {"json": {"type": "object", "properties": {"at": {"type": "string"}}}},
        }
    ]


@pytest.mark.parametrize(
    ("choice", "tools", "words"),
    [
        (None, ["look", "read"], ""),
        (ToolChoice("auto"), ["look", "read"], ""),
        (ToolChoice("auto", allowed=("read",)), ["read"], ""),
        (ToolChoice("any"), ["look", "read"], "at least one of the tools"),
        (ToolChoice("any", allowed=("read",)), ["read"], "call the tool read"),
        (ToolChoice("tool", "read"), ["read"], "call the tool read"),
        (ToolChoice("none"), [], ""),
    ],
)
def test_choice(choice: ToolChoice | None, tools: list[str], words: str) -> None:
    """C5"""
    parsed = body(user("hi"), tools=(LOOK, READ), tool_choice=choice)
    assert offered(parsed) == tools
    assert words in system(parsed)
    assert bool(words) == bool(system(parsed))


def test_no_tools_wanted_but_some_in_history() -> None:
    parsed = body(*HISTORY, tools=(LOOK, READ), tool_choice=ToolChoice("none"))
    assert offered(parsed) == ["look"]
    assert "Do not call any tool" in system(parsed)


def test_a_named_tool_keeps_those_of_the_history() -> None:
    parsed = body(*HISTORY, tools=(LOOK, READ), tool_choice=ToolChoice("tool", "read"))
    assert offered(parsed) == ["look", "read"]


def test_a_choice_of_an_undeclared_tool_is_refused() -> None:
    with pytest.raises(GatewayError) as caught:
        body(user("hi"), tools=(LOOK,), tool_choice=ToolChoice("tool", "write"))
    assert (caught.value.kind, caught.value.param) == ("bad_request", "tool_choice")


def test_one_call_at_a_time() -> None:
    assert "at most one tool" in system(body(user("hi"), tools=(LOOK,), parallel_tools=False))
    assert not system(body(user("hi"), tools=(LOOK,), parallel_tools=True))
    assert not system(body(user("hi"), parallel_tools=False))


def test_a_call_of_an_undeclared_tool_gets_a_placeholder() -> None:
    assert specifications(body(*HISTORY)) == [
        {"name": "look", "inputSchema": {"json": {"type": "object", "properties": {}}}}
    ]


def test_names_are_mapped_everywhere_and_back() -> None:
    long = "mcp__" + "very_long_server_name_" * 4 + "read.file"
    tools = (Tool(long), Tool("a/b"))
    turns = (user("a"), assistant(ToolCall("1", long, "{}")), user(result("1")))
    built = made(*turns, tools=tools, tool_choice=ToolChoice("tool", long))
    parsed = body(*turns, tools=tools, tool_choice=ToolChoice("tool", long))
    check_history(parsed)
    (wire,) = offered(parsed)
    assert len(wire) <= 64
    assert built.tools.names.to_client(wire) == long
    assert f"call the tool {wire}" in system(parsed)


def test_a_namespace_is_part_of_the_name() -> None:
    tools = (Tool("read", namespace="files"), Tool("read", namespace="mails"))
    assert offered(body(user("hi"), tools=tools)) == ["files__read", "mails__read"]


def test_of_tools_with_one_name_the_first_counts() -> None:
    built = made(user("hi"), tools=(LOOK, LOOK, Tool("look", "Another.")))
    assert built.dropped == ("tools[2]",)
    assert built.body.count(b'"look"') == 1


def test_a_long_description_goes_on_in_the_system_text() -> None:
    """C4"""
    description = "word " * 3000
    parsed = body(user("hi"), tools=(Tool("look", description),))
    kept = specifications(parsed)[0]["description"]
    heading, _, rest = system(parsed).partition("\n")
    assert len(kept) <= 10_000
    assert "look" in heading
    assert (kept + " " + rest).split() == description.split()


def test_a_long_description_without_spaces_is_cut_at_the_limit() -> None:
    parsed = body(user("hi"), tools=(Tool("look", "字" * 10_100),))
    assert len(specifications(parsed)[0]["description"]) == 10_000


def test_a_custom_tool_is_a_function_of_its_input() -> None:
    grammar = b'{"type":"grammar","syntax":"lark","definition":"start: WORD"}'
    tool = Tool("patch", "Patches.", kind="custom", grammar=grammar)
    used = ToolCall("1", "patch", 'raw "text"', kind="custom")
    parsed = body(user("a"), assistant(used), user(result("1")), tools=(tool,))
    specification = specifications(parsed)[0]
    assert specification["inputSchema"]["json"]["required"] == ["input"]
    assert specification["description"] == "Patches.\n\nThe input must follow this lark grammar:\nstart: WORD"
    assert messages(parsed)[1]["toolUses"][0]["input"] == {"input": 'raw "text"'}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (None, {"type": "object", "properties": {}}),
        (b"{}", {"type": "object", "properties": {}}),
        (b"true", {"type": "object", "properties": {}}),
        (b'{"type":"object","properties":null,"required":null}', {"type": "object", "properties": {}}),
        (b'{"properties":{"a":{}},"required":["a"]}', {"type": "object", "properties": {"a": {}}, "required": ["a"]}),
        (b'{"type":["object","null"],"x":1}', {"type": "object", "x": 1, "properties": {}}),
    ],
)
def test_the_root_of_a_schema_is_put_right(schema: bytes | None, expected: object) -> None:
    assert json.loads(schemas.normalised(schema)) == expected


def test_a_sound_schema_keeps_its_bytes() -> None:
    schema = b'{ "type" : "object", "properties": {"n": {"maximum": 1.0}}, "$schema": "x", "required": [] }'
    assert schemas.normalised(schema) == schema


def test_a_schema_that_is_no_json_is_refused() -> None:
    with pytest.raises(GatewayError) as caught:
        made(user("hi"), tools=(LOOK, Tool("bad", schema=b"{")))
    assert caught.value.param == "tools[1]"


def simple(schema: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(schemas.simplified(json.dumps(schema).encode()))
    Draft202012Validator.check_schema(found)
    return found


def test_simplified_has_no_unions_or_references_at_the_root() -> None:
    found = simple(
        {
            "$ref": "#/$defs/Root",
            "$defs": {
                "Root": {"allOf": [{"properties": {"a": {"$ref": "#/$defs/A"}}, "required": ["a"]}]},
                "A": {"type": "string", "pattern": "x", "minLength": 1},
            },
        }
    )
    assert found == {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}


def test_simplified_requires_what_all_variants_require() -> None:
    one = {"properties": {"kind": {"const": "x"}, "a": {}}, "required": ["kind", "a"]}
    two = {"properties": {"kind": {"const": "y"}, "b": {}}, "required": ["kind", "b"]}
    found = simple({"oneOf": [one, two]})
    assert set(found["properties"]) == {"kind", "a", "b"}
    assert found["required"] == ["kind"]


def test_simplified_keeps_properties_that_are_named_like_keywords() -> None:
    found = simple({"type": "object", "properties": {"const": {"type": "string"}, "$ref": {"type": "integer"}}})
    assert found["properties"] == {"const": {"type": "string"}, "$ref": {"type": "integer"}}


def test_simplified_nested_unions_stay_as_any_of() -> None:
    found = simple({"properties": {"a": {"oneOf": [{"type": "string"}, {"type": "null"}]}}})
    assert found["properties"]["a"] == {"anyOf": [{"type": "string"}, {"type": "null"}]}


def test_simplified_ends_for_schemas_that_refer_to_each_other() -> None:
    everything = {f"p{number}": {"$ref": f"#/$defs/T{number}"} for number in range(12)}
    defs = {f"T{number}": {"type": "object", "properties": everything} for number in range(12)}
    assert len(schemas.simplified(json.dumps({"properties": everything, "$defs": defs}).encode())) < 2_000_000


def test_simplified_is_used_on_demand() -> None:
    tool = Tool("look", schema=b'{"type":"object","properties":{},"anyOf":[{"required":["a"]}]}')
    assert "anyOf" in specifications(body(user("a"), tools=(tool,)))[0]["inputSchema"]["json"]
    parsed = body(user("a"), tools=(tool,), remedies=frozenset({"simple_schema"}))
    assert "anyOf" not in specifications(parsed)[0]["inputSchema"]["json"]


def test_the_clients_system_text_comes_before_the_instructions() -> None:
    parsed = body(user("hi"), system=(Text("Be terse."),), tools=(LOOK,), tool_choice=ToolChoice("any"))
    assert system(parsed).startswith("Be terse.\n\nYou must call")
