"""Gemini bodies to requests: T021, T040, T046, T047, T052, T083, T101, T109, T127, T129."""

import base64
import json
from typing import Any

import pytest

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.repair import repair
from aiclient2api.canonical.request import (
    Audio,
    Base64,
    Block,
    Document,
    FileId,
    Foreign,
    Image,
    Opaque,
    OutputFormat,
    Plain,
    Reasoning,
    Request,
    Sampling,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
    Url,
)
from aiclient2api.dialects import opaque
from aiclient2api.dialects.gemini import GEMINI, decode_count_request, encode_count
from aiclient2api.dialects.gemini.signatures import DUMMY

HEADERS = {":model": "models/gemini-x"}
HI = [{"role": "user", "parts": [{"text": "hi"}]}]
PNG = "iVBORw0KGgo="
MINE = Opaque("gemini", "thought_signature", "c2lnbmF0dXJl")
CLAUDES = Opaque("anthropic", "signature", "EqQB/+=", "claude")
Json = dict[str, Any]


def decode(body: object = None, **members: object) -> Request:
    whole = json.dumps(body if body is not None else {"contents": HI, **members}, ensure_ascii=False)
    return GEMINI.decode_request(whole.replace("Infinity", "1e999").encode(), HEADERS)


def turns(*contents: object) -> tuple[Turn, ...]:
    return decode(contents=list(contents)).turns


def model(*parts: object) -> Json:
    return {"role": "model", "parts": list(parts)}


def user(*parts: object) -> Json:
    return {"role": "user", "parts": list(parts)}


def said(*parts: object) -> tuple[Block, ...]:
    return turns(user({"text": "q"}), model(*parts))[1].blocks


def asked(*parts: object) -> tuple[Block, ...]:
    return turns(user(*parts))[0].blocks


def refusal(body: object = None, **members: object) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        decode(body, **members)
    assert caught.value.kind == "bad_request"
    return caught.value


def test_the_smallest_body() -> None:
    request = decode()
    assert (request.dialect, request.model, request.turns) == ("gemini", "gemini-x", (Turn("user", (Text("hi"),)),))
    assert (request.stream, request.extra, request.dropped) == (False, {}, ())


@pytest.mark.parametrize(("value", "stream"), [(None, False), ("sse", True), ("array", True)])
def test_the_path_says_which_model_and_whether_to_stream(value: str | None, stream: bool) -> None:
    headers = {":model": "a/b", "x-session-id": "s"} | ({":stream": value} if value else {})
    request = GEMINI.decode_request(json.dumps({"contents": HI}).encode(), headers)
    assert (request.model, request.stream, request.session) == ("a/b", stream, "s")


def test_count_requests() -> None:
    """T040: the contents themselves, or a whole request with its own model name."""
    body = json.dumps({"contents": HI}).encode()
    assert decode_count_request(body, HEADERS).turns == decode().turns
    inner = {"generateContentRequest": {"model": "models/m", "contents": HI, "systemInstruction": {"parts": []}}}
    assert decode_count_request(json.dumps(inner).encode(), {}).model == "m"
    assert json.loads(encode_count(31)) == {"totalTokens": 31}


ROLES: dict[str, tuple[list[object], list[str]]] = {
    "absent": ([{"parts": [{"text": "a"}]}], ["user"]),
    "function": ([{"role": "function", "parts": [{"functionResponse": {"name": "f", "response": {}}}]}], ["user"]),
    "upper case": ([{"role": "USER", "parts": [{"text": "a"}]}], ["user"]),
    "absent with a call": ([{"parts": [{"functionCall": {"name": "f"}}]}], ["assistant"]),
    "user twice": ([user({"text": "a"}), user({"text": "b"})], ["user", "user"]),
    "text alone": (["a"], ["user"]),
    "system in the middle": ([user({"text": "a"}), {"role": "system", "parts": [{"text": "b"}]}], ["user", "system"]),
}


@pytest.mark.parametrize("name", ROLES)
def test_roles(name: str) -> None:
    contents, roles = ROLES[name]
    assert [turn.role for turn in turns(*contents)] == roles


def test_contents_that_are_no_list() -> None:
    assert decode({"contents": user({"text": "a"})}).turns == decode({"contents": "a"}).turns
    assert decode({"contents": {"parts": {"text": "a"}}}).turns == decode({"contents": "a"}).turns
    assert decode({"contents": {"text": "a"}}).turns == decode({"contents": "a"}).turns


def test_chunks_of_an_answer_given_back_one_by_one() -> None:
    """google-genai's chats keep a streamed answer as one content per chunk."""
    found = turns(
        user({"text": "q"}),
        model({"text": "let ", "thought": True}),
        model({"text": "me", "thought": True}),
        model({"text": "", "thought": True, "thoughtSignature": opaque.wrap(CLAUDES, "gemini")}),
        model({"text": "Hel"}),
        model({"text": "lo"}),
        model({"text": ""}),
        user({"text": "on"}),
    )
    assert found[1] == Turn("assistant", (Thinking("let me", (CLAUDES,)), Text("Hello")))
    assert len(found) == 3


SYSTEMS: dict[str, tuple[object, tuple[str, ...]]] = {
    "a content": ({"parts": [{"text": "a"}, {"text": "b"}]}, ("a", "b")),
    "with a role": ({"role": "user", "parts": [{"text": "a"}]}, ("a",)),
    "a string": ("a", ("a",)),
    "a part": ({"text": "a"}, ("a",)),
    "one part that is no list": ({"parts": {"text": "a"}}, ("a",)),
    "a list": (["a", {"text": "b"}], ("a", "b")),
    "empty": ({"parts": [{"text": ""}]}, ()),
}


@pytest.mark.parametrize("name", SYSTEMS)
def test_system_instructions(name: str) -> None:
    value, texts = SYSTEMS[name]
    for member in ("systemInstruction", "system_instruction"):
        assert decode(**{member: value}).system == tuple(Text(text) for text in texts)


def test_leading_system_contents_follow_the_system_instruction() -> None:
    request = decode({"systemInstruction": "a", "contents": [{"role": "system", "parts": [{"text": "b"}]}, *HI]})
    assert request.system == (Text("a"), Text("b"))
    assert [turn.role for turn in request.turns] == ["user"]


THOUGHTS: dict[str, tuple[list[object], tuple[Block, ...]]] = {
    "signed thought": ([{"text": "t", "thought": True, "thoughtSignature": MINE.value}], (Thinking("t", (MINE,)),)),
    "unsigned thought": ([{"text": "t", "thought": True}], (Thinking("t"),)),
    "empty thought": ([{"text": "", "thought": True}, {"text": "x"}], (Text("x"),)),
    "signed text": (
        [{"text": "a", "thought_signature": MINE.value}, {"text": "b"}],
        (Text("a"), Thinking("", (MINE,)), Text("b")),
    ),
    "signature alone": ([{"text": "a"}, {"thoughtSignature": MINE.value}], (Text("a"), Thinking("", (MINE,)))),
    "two signed thoughts": (
        [{"text": "a", "thought": True, "thoughtSignature": MINE.value}, {"text": "b", "thought": True}],
        (Thinking("a", (MINE,)), Thinking("b")),
    ),
    "signed call": (
        [{"functionCall": {"id": "c", "name": "f", "args": {}}, "thoughtSignature": MINE.value}],
        (ToolCall("c", "f", "{}", opaque=(MINE,)),),
    ),
    "stand-in": (
        [{"functionCall": {"id": "c", "name": "f", "args": {}}, "thoughtSignature": DUMMY}],
        (ToolCall("c", "f", "{}"),),
    ),
    "another's signature": (
        [{"text": "t", "thought": True, "thoughtSignature": opaque.wrap(CLAUDES, "gemini")}],
        (Thinking("t", (CLAUDES,)),),
    ),
    "URL-safe alphabet": (
        [{"text": "t", "thought": True, "thoughtSignature": "-_8="}],
        (Thinking("t", (Opaque("gemini", "thought_signature", "+/8="),)),),
    ),
    "envelope in the URL-safe alphabet": (
        [
            {
                "thoughtSignature": opaque.wrap(Opaque("kiro", "x", "\u00ff\u00fe?>~"), "").translate(
                    str.maketrans("+/", "-_")
                )
            }
        ],
        (Thinking("", (Opaque("kiro", "x", "\u00ff\u00fe?>~"),)),),
    ),
}


@pytest.mark.parametrize("name", THOUGHTS)
def test_thoughts_and_signatures(name: str) -> None:
    """T081: what we gave out comes back as what it was, in either alphabet of base64."""
    parts, blocks = THOUGHTS[name]
    assert said(*parts) == blocks


PARTS: dict[str, tuple[object, Block]] = {
    "picture": ({"inlineData": {"mimeType": "image/png", "data": PNG}}, Image(Base64("image/png", PNG))),
    "in snake case": ({"inline_data": {"mime_type": "image/png", "data": PNG}}, Image(Base64("image/png", PNG))),
    "URL-safe and without padding": (
        {"inlineData": {"mimeType": "image/webp", "data": "-_8"}},
        Image(Base64("image/webp", "+/8=")),
    ),
    "without a type": ({"inlineData": {"data": PNG}}, Image(Base64("image/png", PNG))),
    "with a resolution": (
        {"inlineData": {"data": PNG}, "mediaResolution": {"level": "MEDIA_RESOLUTION_HIGH"}},
        Image(Base64("image/png", PNG), "high"),
    ),
    "document": (
        {"inlineData": {"mimeType": "application/pdf", "data": "JVBERi0=", "displayName": "a.pdf"}},
        Document(Base64("application/pdf", "JVBERi0="), filename="a.pdf"),
    ),
    "text file": (
        {"inlineData": {"mimeType": "text/csv", "data": base64.b64encode("ä".encode()).decode()}},
        Document(Plain("ä", "text/csv")),
    ),
    "sound": ({"inlineData": {"mimeType": "audio/wav", "data": "AAAA"}}, Audio(Base64("audio/wav", "AAAA"))),
    "film": ({"inlineData": {"mimeType": "video/mp4", "data": "AAAA"}}, Document(Base64("video/mp4", "AAAA"))),
    "link": (
        {"fileData": {"fileUri": "https://x.example/a.png"}},
        Image(Url("https://x.example/a.png", "image/png")),
    ),
    "link to a film": (
        {"fileData": {"fileUri": "https://www.youtube.com/watch?v=1"}},
        Document(Url("https://www.youtube.com/watch?v=1")),
    ),
    "stored file": (
        {
            "file_data": {
                "file_uri": "https://generativelanguage.googleapis.com/v1beta/files/a",
                "mime_type": "image/png",
            }
        },
        Image(FileId("https://generativelanguage.googleapis.com/v1beta/files/a")),
    ),
    "cloud storage": (
        {"fileData": {"fileUri": "gs://b/a.mp3", "mimeType": "audio/mpeg"}},
        Audio(FileId("gs://b/a.mp3")),
    ),
    "code": (
        {"executableCode": {"code": "1"}, "thought_signature": "AA=="},
        Foreign("gemini", "executableCode", b'{"executableCode": {"code": "1"}, "thought_signature": "AA=="}'),
    ),
    "text": ({"text": "\u2028\x85\r\U0001f600"}, Text("\u2028\x85\r\U0001f600")),
    "bare text": ("a", Text("a")),
}


@pytest.mark.parametrize("name", PARTS)
def test_parts(name: str) -> None:
    part, block = PARTS[name]
    assert asked(part) == (block,)


def test_what_has_no_word_of_ours_is_named() -> None:
    film = {"inlineData": {"mimeType": "video/mp4", "data": "AAAA"}, "videoMetadata": {"fps": 1}}
    tools = [{"functionDeclarations": [{"name": "f", "response": {"type": "STRING"}, "behavior": "BLOCKING"}]}]
    request = decode({"contents": [user(film, film)], "tools": tools})
    assert request.dropped == (
        "parts.videoMetadata",
        "functionDeclarations.response",
        "functionDeclarations.behavior",
    )


RESULTS: dict[str, tuple[object, tuple[Block, ...], bool]] = {
    "output": ({"output": "text"}, (Text("text"),), False),
    "output that is an object": ({"output": {"a": 1}}, (Text('{"a": 1}'),), False),
    "no output": ({"output": None}, (), False),
    "error": ({"error": "no"}, (Text("no"),), True),
    "result": ({"result": "text"}, (Text('{"result": "text"}'),), False),
    "several members": ({"output": "a", "error": None}, (Text('{"output": "a", "error": null}'),), False),
    "numbers as they were": ({"n": 1.0, "big": 2**60}, (Text('{"n": 1.0, "big": 1152921504606846976}'),), False),
    "empty": ({}, (Text("{}"),), False),
    "a text": ("text", (Text("text"),), False),
    "nothing": (None, (), False),
}


@pytest.mark.parametrize("name", RESULTS)
def test_results(name: str) -> None:
    response, content, is_error = RESULTS[name]
    call = {"functionCall": {"name": "f", "id": "c"}}
    found = turns(HI[0], model(call), user({"functionResponse": {"name": "f", "id": "c", "response": response}}))
    assert found[2].blocks == (ToolResult("c", content, is_error, "f"),)


def test_a_result_with_pictures() -> None:
    """T012, the way back."""
    result = {"name": "f", "id": "c", "response": {"output": "seen"}, "parts": [{"inlineData": {"data": PNG}}]}
    call = {"functionCall": {"name": "f", "id": "c"}}
    (found,) = turns(HI[0], model(call), user({"functionResponse": result}))[2].blocks
    assert found == ToolResult("c", (Text("seen"), Image(Base64("image/png", PNG))), name="f")


def answers(*names: str, ids: tuple[str, ...] = ()) -> Json:
    pairs = [(name, ids[number] if ids else None) for number, name in enumerate(names)]
    return user(*({"functionResponse": {"name": n, "id": i, "response": {"output": n}}} for n, i in pairs))


def calls(*names: str, ids: tuple[str, ...] = ()) -> Json:
    pairs = [(name, ids[number] if ids else None) for number, name in enumerate(names)]
    return model(*({"functionCall": {"name": n, "id": i, "args": {}}} for n, i in pairs))


def paired(*contents: Json) -> list[tuple[str, str]]:
    """(id of the call, id of the result) in the order of the results; ids as the conversation has them."""
    found = turns(HI[0], *contents)
    called = [block.id for turn in found for block in turn.blocks if isinstance(block, ToolCall)]
    results = [block.call_id for turn in found for block in turn.blocks if isinstance(block, ToolResult)]
    assert len(set(called)) == len(called)
    return [(str(called.index(each)) if each in called else "?", each) for each in results]


def order(*contents: Json) -> str:
    return "".join(place for place, _ in paired(*contents))


def test_calls_and_results_find_each_other() -> None:
    """T101: by id, else by order among calls of one name; ids that only one side has do not matter."""
    assert order(calls("f", "f"), answers("f", "f")) == "01"
    assert order(calls("f", "g", "f"), answers("g", "f", "f")) == "102"
    assert order(calls("f", "f", ids=("a", "b")), answers("f", "f", ids=("b", "a"))) == "10"
    assert order(calls("f", "f"), answers("f", "f", ids=("b", "a"))) == "01"
    assert order(calls("f", "f", ids=("a", "b")), answers("f", "f")) == "01"
    assert order(calls("f"), answers("f"), calls("f"), answers("f")) == "01"
    assert order(calls("f"), answers("f", "f")) == "0?"
    assert order(calls("f"), answers("g")) == "?"


def test_made_ids_are_the_same_at_every_replay() -> None:
    """T147: and later turns do not change them."""
    talk = [calls("f", "f"), answers("f", "f")]
    assert paired(*talk) == paired(*talk, calls("f"), answers("f"))[:2]
    assert all(each.startswith("call_") and len(each) <= 64 for _, each in paired(*talk))


def test_results_that_answer_nothing_become_text() -> None:
    request = repair(decode(contents=[HI[0], calls("f"), answers("f", "g")]))
    last = request.turns[-1].blocks
    assert isinstance(last[0], ToolResult)
    assert [type(block) for block in last[1:]] == [Text, Text]


SCHEMA = b'{"type":"object","properties":{"a":{"type":"integer"}}}'


@pytest.mark.parametrize(
    "declaration",
    [
        {"name": "f", "description": "d", "parametersJsonSchema": json.loads(SCHEMA)},
        {"name": "f", "description": "d", "parameters_json_schema": json.loads(SCHEMA)},
        {"name": "f", "description": "d", "parameters": json.loads(SCHEMA)},
        {"name": "f", "description": "d", "parameters": {"type": "OBJECT", "properties": {"a": {"type": "INTEGER"}}}},
        {"name": "f", "description": "d", "parametersJsonSchema": json.loads(SCHEMA), "parameters": {"type": "OBJECT"}},
    ],
)
@pytest.mark.parametrize("member", ["functionDeclarations", "function_declarations"])
def test_declarations(declaration: object, member: str) -> None:
    """T021: every spelling, even mixed within one declaration."""
    (found,) = decode(tools=[{member: [declaration]}]).tools
    assert (found.name, found.description, json.loads(found.schema or b"")) == ("f", "d", json.loads(SCHEMA))


def test_a_schema_keeps_its_bytes() -> None:
    schema = '{"type":"object", "properties":{"z":{"minimum":1.0},"max_length":{}}}'
    body = f'{{"contents":"a","tools":[{{"functionDeclarations":[{{"name":"f","parametersJsonSchema":{schema}}}]}}]}}'
    assert GEMINI.decode_request(body.encode(), HEADERS).tools[0].schema == schema.encode()


def test_googles_own_tools() -> None:
    tools = [{"googleSearch": {}, "functionDeclarations": [{"name": "f"}]}, {"url_context": {"a_b": 1}}]
    assert decode(tools=tools).tools == (
        Tool("googleSearch", kind="server", type="googleSearch", raw=b'{"googleSearch":{}}'),
        Tool("f"),
        Tool("urlContext", kind="server", type="urlContext", raw=b'{"urlContext":{"a_b": 1}}'),
    )
    assert decode(tools={"codeExecution": {}}).tools[0].type == "codeExecution"


CHOICES: dict[str, tuple[object, ToolChoice | None]] = {
    "auto": ({"mode": "AUTO"}, ToolChoice("auto")),
    "any": ({"mode": "ANY"}, ToolChoice("any")),
    "lower case": ({"mode": "any"}, ToolChoice("any")),
    "none": ({"mode": "NONE"}, ToolChoice("none")),
    "unspecified": ({"mode": "MODE_UNSPECIFIED"}, ToolChoice("auto")),
    "one": ({"mode": "ANY", "allowedFunctionNames": ["f"]}, ToolChoice("tool", "f")),
    "some": ({"mode": "ANY", "allowed_function_names": ["f", "g"]}, ToolChoice("any", allowed=("f", "g"))),
    "some or none": ({"mode": "VALIDATED", "allowedFunctionNames": ["f"]}, ToolChoice("auto", allowed=("f",))),
    "validated": ({"mode": "VALIDATED"}, ToolChoice("auto")),
    "nothing said": ({}, ToolChoice("auto")),
}


@pytest.mark.parametrize("name", CHOICES)
def test_tool_choices(name: str) -> None:
    """T103."""
    config, choice = CHOICES[name]
    assert decode(toolConfig={"functionCallingConfig": config}).tool_choice == choice
    assert decode(tool_config={"function_calling_config": config}).tool_choice == choice


def test_what_else_stands_in_tool_config_is_kept() -> None:
    config = {"functionCallingConfig": {"mode": "VALIDATED"}, "includeServerSideToolInvocations": True}
    assert decode(toolConfig=config).extra == {
        "toolConfig.functionCallingConfig.mode": b'"VALIDATED"',
        "toolConfig.includeServerSideToolInvocations": b"true",
    }
    assert decode(toolConfig={"retrievalConfig": {}}).tool_choice is None


def test_generation_config() -> None:
    request = decode(
        generationConfig={
            "maxOutputTokens": "100",
            "stopSequences": ["a", ""],
            "temperature": 1,
            "topP": 0.95,
            "topK": 64.0,
            "seed": 7,
            "presence_penalty": 0.5,
            "frequencyPenalty": -0.5,
            "candidateCount": 1,
            "responseLogprobs": True,
            "logprobs": 3,
            "responseModalities": ["TEXT"],
            "speechConfig": {"voice_config": 1},
        }
    )
    assert request.sampling == Sampling(1.0, 0.95, 64, 7, 0.5, -0.5, 1, True, 3)
    assert (request.max_tokens, request.stop) == (100, ("a",))
    assert request.extra == {
        "generationConfig.responseModalities": b'["TEXT"]',
        "generationConfig.speechConfig": b'{"voice_config": 1}',
    }


THINKING: dict[str, tuple[object, Reasoning | None]] = {
    "Gemini CLI": (
        {"includeThoughts": True, "thinkingBudget": 8192},
        Reasoning("budget", budget=8192, display="summarized"),
    ),
    "hidden budget": ({"thinking_budget": 512}, Reasoning("budget", budget=512, display="omitted")),
    "off": ({"thinkingBudget": 0, "includeThoughts": True}, Reasoning("off")),
    "dynamic": ({"thinkingBudget": -1}, Reasoning("auto", display="omitted")),
    "only shown": ({"includeThoughts": True}, Reasoning("auto", display="summarized")),
    "only hidden": ({"includeThoughts": False}, None),
    "level": ({"thinkingLevel": "LOW"}, Reasoning("effort", "low", display="omitted")),
    "level in lower case": (
        {"thinking_level": "xhigh", "include_thoughts": True},
        Reasoning("effort", "xhigh", display="summarized"),
    ),
    "no level": ({"thinkingLevel": "THINKING_LEVEL_UNSPECIFIED"}, None),
    "empty": ({}, None),
}


@pytest.mark.parametrize("name", THINKING)
def test_thinking(name: str) -> None:
    """T113."""
    config, reasoning = THINKING[name]
    assert decode(generationConfig={"thinkingConfig": config}).reasoning == reasoning


OUTPUTS: dict[str, tuple[Json, OutputFormat | None, dict[str, bytes]]] = {
    "text": ({"responseMimeType": "text/plain"}, None, {}),
    "json": ({"responseMimeType": "application/json"}, OutputFormat("json_object"), {}),
    "JSON Schema": (
        {"responseMimeType": "application/json", "response_json_schema": {"type": "array"}},
        OutputFormat("json_schema", schema=b'{"type": "array"}'),
        {},
    ),
    "Gemini's schema": (
        {"responseMimeType": "application/json", "responseSchema": {"type": "ARRAY"}},
        OutputFormat("json_schema", schema=b'{"type":"array"}'),
        {},
    ),
    "schema alone": (
        {"responseSchema": {"type": "STRING"}},
        OutputFormat("json_schema", schema=b'{"type":"string"}'),
        {},
    ),
    "a word of an enum": (
        {"responseMimeType": "text/x.enum", "responseSchema": {"enum": ["a"]}},
        None,
        {
            "generationConfig.responseMimeType": b'"text/x.enum"',
            "generationConfig.responseSchema": b'{"enum": ["a"]}',
        },
    ),
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_outputs(name: str) -> None:
    config, output, extra = OUTPUTS[name]
    request = decode(generationConfig=config)
    assert (request.output, request.extra) == (output, extra)


def test_members_without_a_word_of_ours_are_kept() -> None:
    """T047."""
    request = decode(safetySettings=[{"a": 1}], cached_content="c", labels={"a_b": "c"}, new=1.0, nothing=None)
    assert request.extra == {
        "safetySettings": b'[{"a": 1}]',
        "cached_content": b'"c"',
        "labels": b'{"a_b": "c"}',
        "new": b"1.0",
    }


REFUSED: dict[str, tuple[Json, str]] = {
    "no contents": ({}, "contents"),
    "empty contents": ({"contents": []}, "contents"),
    "contents of a wrong type": ({"contents": 5}, "contents"),
    "unknown role": ({"contents": [{"role": "boss", "parts": []}]}, "contents[0].role"),
    "no parts": ({"contents": [{"role": "user"}]}, "contents[0].parts"),
    "text of a wrong type": ({"contents": [user({"text": 5})]}, "contents[0].parts[0].text"),
    "a part that is none": ({"contents": [user(5)]}, "contents[0].parts[0]"),
    "call without a name": ({"contents": [model({"functionCall": {}})]}, "contents[0].parts[0].functionCall.name"),
    "args of a wrong type": (
        {"contents": [model({"functionCall": {"name": "f", "args": [1]}})]},
        "contents[0].parts[0].functionCall.args",
    ),
    "result without a name": (
        {"contents": [user({"functionResponse": {}})]},
        "contents[0].parts[0].functionResponse.name",
    ),
    "no base64": ({"contents": [user({"inlineData": {"data": "%"}})]}, "contents[0].parts[0].inlineData.data"),
    "no link": ({"contents": [user({"fileData": {"fileUri": "ftp://x"}})]}, "contents[0].parts[0].fileData.fileUri"),
    "no uri": ({"contents": [user({"fileData": {"mimeType": "a"}})]}, "contents[0].parts[0].fileData.fileUri"),
    "picture in the system": (
        {"systemInstruction": {"parts": [{"inlineData": {"data": PNG}}]}},
        "systemInstruction.parts[0]",
    ),
    "declaration without a name": (
        {"tools": [{"functionDeclarations": [{}]}]},
        "tools[0].functionDeclarations[0].name",
    ),
    "schema of a wrong type": (
        {"tools": [{"functionDeclarations": [{"name": "f", "parameters": "x"}]}]},
        "tools[0].functionDeclarations[0].parameters",
    ),
    "schema that cannot be read": (
        {"tools": [{"functionDeclarations": [{"name": "f", "parameters": {"maximum": float("inf")}}]}]},
        "tools[0].functionDeclarations[0].parameters[]",
    ),
    "unknown mode": (
        {"toolConfig": {"functionCallingConfig": {"mode": "SOME"}}},
        "toolConfig.functionCallingConfig.mode",
    ),
    "config of a wrong type": ({"generationConfig": []}, "generationConfig"),
    "fraction": ({"generationConfig": {"maxOutputTokens": 1.5}}, "generationConfig.maxOutputTokens"),
    "no number": ({"generationConfig": {"seed": "x"}}, "generationConfig.seed"),
    "too small": ({"generationConfig": {"maxOutputTokens": 0}}, "generationConfig.maxOutputTokens"),
    "negative topK": ({"generationConfig": {"topK": -1}}, "generationConfig.topK"),
    "unknown level": (
        {"generationConfig": {"thinkingConfig": {"thinkingLevel": "ULTRA"}}},
        "generationConfig.thinkingConfig.thinkingLevel",
    ),
    "stop of a wrong type": ({"generationConfig": {"stopSequences": "x"}}, "generationConfig.stopSequences"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_name_the_member(name: str) -> None:
    """T046."""
    members, param = REFUSED[name]
    body = members if "contents" in name or "contents" in members else {"contents": HI, **members}
    assert refusal(body).param == param


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"contents":"\xff"}'])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(GatewayError) as caught:
        GEMINI.decode_request(body, HEADERS)
    assert caught.value.kind == "bad_request"


def test_a_model_is_needed() -> None:
    with pytest.raises(GatewayError) as caught:
        GEMINI.decode_request(b'{"contents":"a"}', {":model": "models/"})
    assert caught.value.param == "model"
