"""What the simulated Gemini API refuses, in the words of the vendor's parser and validator."""

from typing import Any

import pytest

from aiclient2api.simulator.gemini_shape import binary
from tests.simulator.gemini_talk import DECLARED, NEW, OLD, SHAPE, WEATHER, ask, body, message_of, model, user

CALL = {"functionCall": {"name": "get_weather", "args": {}}, "thoughtSignature": "skip_thought_signature_validator"}
RESULT = {"functionResponse": {"name": "get_weather", "response": {"output": "rain"}}}
PLACE = "tools[0].function_declarations[0].parameters"


def declared(**schema: Any) -> dict[str, Any]:
    """A request whose function has this schema."""
    return body(tools=[{"functionDeclarations": [DECLARED | {"parameters": SHAPE | schema}]}])


def unknown(name: str, place: str) -> str:
    return f"Invalid JSON payload received. Unknown name \"{name}\" at '{place}': Cannot find field."


CITY = f"{PLACE}.properties[0].value"
WORDS = [
    pytest.param(declared(**{"$schema": "x"}), unknown("$schema", PLACE), id="$schema"),
    pytest.param(
        declared(additionalProperties=False), unknown("additionalProperties", PLACE), id="additionalProperties"
    ),
    *(
        pytest.param(declared(properties={"city": {"type": "STRING", word: value}}), unknown(word, CITY), id=word)
        for word, value in (
            ("const", "a"),
            ("exclusiveMinimum", 1),
            ("propertyNames", {}),
            ("patternProperties", {}),
            ("oneOf", []),
            ("allOf", []),
            ("not", {}),
            ("if", {}),
            ("$ref", "#/a"),
        )
    ),
    pytest.param(
        declared(properties={"city": {"anyOf": [{"const": 1}]}}), unknown("const", f"{CITY}.any_of[0]"), id="any_of"
    ),
    pytest.param(
        declared(properties={"city": {"type": "ARRAY", "items": {"$id": "x"}}}),
        unknown("$id", f"{CITY}.items"),
        id="items",
    ),
    pytest.param(
        declared(properties={"city": {"type": ["string", "null"]}}),
        f"Invalid JSON payload received. Unknown name \"type\" at '{CITY}': Proto field is not repeating, cannot start"
        " list.",
        id="several types",
    ),
]


@pytest.mark.parametrize(("asked", "sentence"), WORDS)
def test_words_of_json_schema_that_parameters_refuses(asked: dict[str, Any], sentence: str) -> None:
    exchange = ask(asked)
    assert message_of(exchange) == sentence
    (detail,) = exchange.json["error"]["details"]
    assert detail["fieldViolations"][0]["description"] == sentence


def test_a_json_schema_may_say_what_it_likes() -> None:
    schema = {"$schema": "x", "type": "object", "properties": {"const": {"const": 1}}, "additionalProperties": False}
    tool = {"name": "get_weather", "parametersJsonSchema": schema}
    assert ask(body(tools=[{"functionDeclarations": [tool]}])).status == 200


def test_properties_may_have_any_name() -> None:
    named = {"const": {"type": "STRING"}, "$schema": {"type": "string"}, "oneOf": {"type": "NUMBER"}}
    assert ask(declared(properties=named, required=["const"])).status == 200


def test_all_that_is_unknown_is_told_at_once() -> None:
    exchange = ask(body(top_k=1, generationConfig={"maxTokens": 1}))
    lines = message_of(exchange).splitlines()
    assert lines == [
        'Invalid JSON payload received. Unknown name "top_k": Cannot find field.',
        unknown("maxTokens", "generation_config"),
    ]
    assert len(exchange.json["error"]["details"][0]["fieldViolations"]) == 2


def config(**settings: Any) -> dict[str, Any]:
    return body(generationConfig=settings)


def thinking(**settings: Any) -> dict[str, Any]:
    return config(thinkingConfig=settings)


CHECKED = [
    pytest.param(declared(required=["town"]), f"{PLACE}.required[0]: property is not defined", id="required"),
    pytest.param(declared(properties={"city": {"type": "ARRAY"}}), "items: missing field.", id="array without items"),
    pytest.param(
        declared(properties={"city": {"type": "INTEGER", "enum": ["1"]}}),
        "only allowed for STRING",
        id="enum of numbers",
    ),
    pytest.param(declared(properties={"city": {"type": "TEXT"}}), "Invalid value at", id="type"),
    pytest.param(
        body(tools=[{"functionDeclarations": [DECLARED | {"name": "1 name"}]}]), "Invalid function name", id="name"
    ),
    pytest.param(
        body(tools=[{"functionDeclarations": [DECLARED, DECLARED]}]), "Duplicate function declaration", id="twice"
    ),
    pytest.param(
        body(tools=[{"functionDeclarations": [DECLARED | {"parametersJsonSchema": {}}]}]),
        "cannot be set together",
        id="two schemas",
    ),
    pytest.param({"contents": []}, "contents is not specified", id="nothing said"),
    pytest.param(body(user("a") | {"role": "assistant"}), "Please use a valid role: user, model.", id="role"),
    pytest.param(body({"role": "user", "parts": []}), "must not be empty", id="no parts"),
    pytest.param(body(user({"thought": True})), "required oneof field 'data'", id="part of nothing"),
    pytest.param(body(user({"text": "a", "inlineData": {}})), "oneof field 'data' is already set", id="part of two"),
    pytest.param(body(user({"text": 1})), "Invalid value at 'contents[0].parts[0].text' (TYPE_STRING), 1", id="text"),
    pytest.param(body({"role": "user", "parts": "a"}), "Invalid value at 'contents[0].parts[0]'", id="parts as text"),
    pytest.param(
        body(user("a"), model({"functionCall": {"name": "f", "args": "{}"}})),
        "Invalid value at 'contents[1].parts[0].function_call.args' (type.googleapis.com/google.protobuf.Struct)",
        id="arguments as text",
    ),
    pytest.param(
        body(user({"inlineData": {"mimeType": "image/png", "data": "###"}})), "Base64 decoding failed", id="base64"
    ),
    pytest.param(
        body(user({"inlineData": {"mimeType": "image/gif", "data": "R0lG"}})),
        "Unsupported MIME type: image/gif",
        id="gif",
    ),
    pytest.param(body(user({"fileData": {"fileUri": "file:///x"}})), "Unsupported file URI", id="file"),
    pytest.param(body(user("a"), model(CALL)), "number of function response parts", id="unanswered at the end"),
    pytest.param(
        body(user("a"), model(CALL, CALL), user(RESULT)), "number of function response parts", id="one of two answered"
    ),
    pytest.param(
        body(user("a"), model(CALL, CALL), user(RESULT), user(RESULT)),
        "number of function response parts",
        id="answers in two turns",
    ),
    pytest.param(body(user("a"), model(CALL), user("b")), "number of function response parts", id="not answered"),
    pytest.param(body(user("a"), user(RESULT)), "comes immediately after a function call turn", id="orphan"),
    pytest.param(body(model(CALL), user(RESULT)), "comes immediately after a user turn", id="call first"),
    pytest.param(body(user(CALL)), "is not allowed in content of the role user", id="call of the user"),
    pytest.param(body(user("a"), model({"functionCall": {}})), "Name cannot be empty", id="call without a name"),
    pytest.param(
        body(user("a"), model(CALL), user({"functionResponse": {"name": "get_weather"}})),
        "required field is missing",
        id="response without a response",
    ),
    pytest.param(body(systemInstruction="be kind"), "Invalid value at 'system_instruction'", id="system as text"),
    pytest.param(
        body(toolConfig={"functionCallingConfig": {"mode": "ANY"}}), "without function_declarations", id="any of none"
    ),
    pytest.param(
        body(tools=WEATHER, toolConfig={"functionCallingConfig": {"mode": "AUTO", "allowedFunctionNames": ["x"]}}),
        "can only be set when",
        id="names beside AUTO",
    ),
    pytest.param(
        body(tools=WEATHER, toolConfig={"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["x"]}}),
        "is not declared",
        id="name of nothing",
    ),
    pytest.param(body(toolConfig={"functionCallingConfig": {"mode": "MUST"}}), "Invalid value at", id="mode"),
    pytest.param(body(tools=[*WEATHER, {"googleSearch": {}}]), "include_server_side_tool_invocations", id="search"),
    pytest.param(config(temperature=3), "must be in the range", id="temperature"),
    pytest.param(config(maxOutputTokens=100_000), "must be in the range", id="output"),
    pytest.param(config(maxOutputTokens=True), "Invalid value at", id="output as a bool"),
    pytest.param(config(maxOutputTokens=1.5), "Invalid value at", id="output as a fraction"),
    pytest.param(config(stopSequences=list("abcdef")), "at most 5", id="six stops"),
    pytest.param(config(candidateCount=2), "Multiple candidates", id="candidates"),
    pytest.param(config(responseSchema=SHAPE), "application/json", id="form without JSON"),
    pytest.param(
        config(responseMimeType="application/json", responseSchema=SHAPE, responseJsonSchema={}),
        "cannot be set together",
        id="two forms",
    ),
    pytest.param(thinking(thinkingLevel="HUGE"), "Invalid value at", id="level"),
    pytest.param(thinking(thinkingLevel="LOW", thinkingBudget=1), "only one of", id="level and budget"),
    pytest.param(thinking(thinkingBudget=40_000), "The thinking budget 40000 is invalid.", id="budget"),
    pytest.param(body(user("word " * 1_000_000)), "exceeds the maximum number of tokens", id="length"),
]


@pytest.mark.parametrize(("asked", "words"), CHECKED)
def test_refusals(asked: dict[str, Any], words: str) -> None:
    assert words in message_of(ask(asked))


OLDER = [
    pytest.param(OLD, thinking(thinkingLevel="LOW"), "Thinking level is not supported", id="level"),
    pytest.param("gemini-2.5-pro", thinking(thinkingBudget=0), "only works in thinking mode", id="budget 0"),
    pytest.param("gemini-2.5-pro", thinking(thinkingBudget=100), "between 128 and 32768", id="budget"),
    pytest.param("gemini-2.0-flash", thinking(thinkingBudget=100), "not supported by this model", id="no thinking"),
    pytest.param(OLD, body(tools=[*WEATHER, {"google_search": {}}]), "Tool use with function calling", id="search"),
    pytest.param(
        OLD,
        body(tools=WEATHER, **config(responseMimeType="application/json")),
        "is unsupported",
        id="JSON and functions",
    ),
]


@pytest.mark.parametrize(("name", "asked", "words"), OLDER)
def test_refusals_of_older_models(name: str, asked: dict[str, Any], words: str) -> None:
    assert words in message_of(ask({"contents": [user("a")]} | asked, name))


def test_what_newer_models_take() -> None:
    search = body(tools=[*WEATHER, {"googleSearch": {}}], toolConfig={"includeServerSideToolInvocations": True})
    assert ask(search, NEW).status == 200
    assert ask(thinking(thinkingLevel="low"), NEW).status == 200
    assert ask(thinking(thinkingLevel="THINKING_LEVEL_UNSPECIFIED"), OLD).status == 200
    assert ask(thinking(thinkingBudget=-1), OLD).status == 200
    json_out = {"responseMimeType": "application/json", "responseJsonSchema": {"type": "object"}}
    assert ask(body(tools=WEATHER, generationConfig=json_out), NEW).status == 200


@pytest.mark.parametrize(
    ("text", "data"), [("-_-_", b"\xfb\xff\xbf"), ("+/+/", b"\xfb\xff\xbf"), ("YQ", b"a"), ("YQ==", b"a"), ("a", b"")]
)
def test_base64_of_either_alphabet(text: str, data: bytes) -> None:
    assert binary(text) == data
