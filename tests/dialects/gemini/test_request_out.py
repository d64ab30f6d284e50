"""Requests to Gemini bodies: T001, T002, T012, T021, T022, T029, T094, T100 to T103, T113, T126, T147, T148.

The simulated Gemini API, which checks a body as Google's does, is the judge of what we send.
"""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.model import Model
from aiclient2api.canonical.repair import repair
from aiclient2api.canonical.request import (
    Audio,
    Base64,
    Block,
    Cache,
    Document,
    FileId,
    Foreign,
    Image,
    Opaque,
    OutputFormat,
    Plain,
    Reasoning,
    Refusal,
    Request,
    Sampling,
    SearchResult,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
    Url,
)
from aiclient2api.dialects.gemini import GEMINI, encode_request_subset, name_map
from aiclient2api.dialects.gemini.signatures import DUMMY
from aiclient2api.simulator.gemini_read import Asked, read
from aiclient2api.simulator.gemini_shape import shaped
from aiclient2api.simulator.simulation import Simulation
from tests.strategies import requests

Json = dict[str, Any]

MODEL = Model(id="gemini-2.0-flash")
THINKER = Model(id="gemini-2.5-flash", thinking=("enabled", "disabled"))
PRO = Model(id="gemini-2.5-pro", thinking=("enabled",))
THIRD = Model(id="gemini-3-pro", thinking=("effort",), efforts=("low", "high"))
PNG = Image(Base64("image/png", "iVBORw0KGgo="))
PNG_PART = {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}
PDF = Document(Base64("application/pdf", "JVBERi0="))
PDF_PART = {"inlineData": {"mimeType": "application/pdf", "data": "JVBERi0="}}
HI = Turn("user", (Text("hi"),))
MINE = Opaque("gemini", "thought_signature", "c2lnbmF0dXJl")
CLAUDES = Opaque("anthropic", "signature", "abc")
SCHEMA = b'{"type":"object","properties":{"a":{"type":"string"}}}'


def request(*turns: Turn, **members: Any) -> Request:
    return Request(**{"dialect": "anthropic", "model": "asked", "turns": turns or (HI,), **members})


def encode(asked: Request, model: Model = MODEL) -> tuple[Json, tuple[str, ...]]:
    outgoing = GEMINI.encode_request(asked, model)
    body: Json = json.loads(outgoing.body)
    shaped(body, "GenerateContentRequest")
    return body, outgoing.dropped


def contents(*turns: Turn, model: Model = MODEL, **members: Any) -> list[Json]:
    found: list[Json] = encode(request(*turns, **members), model)[0]["contents"]
    return found


def part(block: Block, model: Model = MODEL, **members: Any) -> object:
    return contents(Turn("user", (block,)), model=model, **members)[0]["parts"][0]


def config(model: Model = MODEL, **members: Any) -> Json:
    found: Json = encode(request(**members), model)[0].get("generationConfig", {})
    return found


def test_the_smallest_body() -> None:
    """The model and the verb stand in the path."""
    expected = b'{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}'
    assert GEMINI.encode_request(request(), MODEL).body == expected
    assert GEMINI.encode_request(request(stream=True), MODEL).body == expected


def test_system_texts() -> None:
    """T094: the billing line is for Anthropic's books only."""
    billing = Text("x-anthropic-billing-header: cc_version=2.1")
    body, dropped = encode(
        request(HI, Turn("system", (Text("later"),)), system=(billing, Text("a"), Text("b", Cache())))
    )
    assert body["systemInstruction"] == {"parts": [{"text": "a"}, {"text": "b"}]}
    assert body["contents"] == [
        {"role": "user", "parts": [{"text": "hi"}, {"text": "<system-reminder>\nlater\n</system-reminder>"}]}
    ]
    assert dropped == ("cache_control",)


def test_roles_take_turns_and_the_user_is_first_and_last() -> None:
    found = contents(Turn("assistant", (Text("a"),)), Turn("assistant", (Text("b"),)))
    assert found == [
        {"role": "user", "parts": [{"text": "(continued)"}]},
        {"role": "model", "parts": [{"text": "a"}, {"text": "b"}]},
        {"role": "user", "parts": [{"text": "Continue."}]},
    ]
    prefilled = (HI, Turn("assistant", (Text("a"),)))
    assert contents(*prefilled, model=Model(id="m", prefill=True))[-1]["role"] == "model"
    assert contents(*prefilled, dialect="gemini")[-1]["role"] == "model"


LOOP = (
    HI,
    Turn("assistant", (Text("look"), ToolCall("c1", "f", ""), ToolCall("c2", "g", '{"a": 1152921504606846976}'))),
)


def test_a_tool_loop() -> None:
    """T102: results come first, in the order of the calls, and tell of failures."""
    results = (Text("and?"), ToolResult("c1", (Text("seen"),)), ToolResult("c2", (Text("broken"),), is_error=True))
    found = contents(*LOOP, Turn("user", results))
    assert found[1:] == [
        {
            "role": "model",
            "parts": [
                {"text": "look"},
                {"functionCall": {"id": "c1", "name": "f", "args": {}}, "thoughtSignature": DUMMY},
                {"functionCall": {"id": "c2", "name": "g", "args": {"a": 2**60}}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"id": "c1", "name": "f", "response": {"output": "seen"}}},
                {"functionResponse": {"id": "c2", "name": "g", "response": {"error": "broken"}}},
                {"text": "and?"},
            ],
        },
    ]


def signatures(*blocks: Block) -> list[tuple[str, str | None]]:
    """(what a part is, its signature) of a model's turn."""
    found = contents(HI, Turn("assistant", blocks), HI, dialect="anthropic")
    return [(next(iter(each)), each.get("thoughtSignature")) for each in found[1]["parts"]]


CALL = ToolCall("c", "f", "{}")
SIGNED = ToolCall("c", "f", "{}", opaque=(MINE,))
STEPS: dict[str, tuple[tuple[Block, ...], list[tuple[str, str | None]]]] = {
    "its own on the call": ((SIGNED, CALL), [("functionCall", MINE.value), ("functionCall", None)]),
    "none: the stand-in on the first call only": ((CALL, CALL), [("functionCall", DUMMY), ("functionCall", None)]),
    "another vendor's": (
        (Thinking("t", (CLAUDES,)), ToolCall("c", "f", "{}", opaque=(CLAUDES,))),
        [("functionCall", DUMMY)],
    ),
    "as Claude's clients give it back": ((Thinking("", (MINE,)), CALL), [("functionCall", MINE.value)]),
    "behind text": (
        (Text("a"), Thinking("", (MINE,)), Text("b")),
        [("text", None), ("text", MINE.value), ("text", None)],
    ),
    "at the end": ((Text("a"), Thinking("", (MINE,))), [("text", None), ("text", MINE.value)]),
    "a signed call behind a signature": (
        (Thinking("", (MINE,)), SIGNED),
        [("functionCall", MINE.value)],
    ),
    "two signatures": (
        (Thinking("", (MINE,)), Thinking("", (MINE,)), CALL),
        [("text", MINE.value), ("functionCall", MINE.value)],
    ),
    "a signed thought": ((Thinking("t", (MINE,)), Text("a")), [("thought", MINE.value), ("text", None)]),
    "an unsigned thought": ((Thinking("t"), Text("a")), [("text", None)]),
    "the second of parallel calls signed": ((CALL, SIGNED), [("functionCall", DUMMY), ("functionCall", MINE.value)]),
}


@pytest.mark.parametrize("name", STEPS)
def test_signatures(name: str) -> None:
    """T001, T002."""
    blocks, expected = STEPS[name]
    assert signatures(*blocks) == expected


def test_each_step_of_a_loop_has_its_own_signature() -> None:
    """T002."""
    result = Turn("user", (ToolResult("c", (Text("x"),)),))
    found = contents(HI, Turn("assistant", (SIGNED,)), result, Turn("assistant", (CALL, CALL)), result)
    assert [each.get("thoughtSignature") for each in found[1]["parts"]] == [MINE.value]
    assert [each.get("thoughtSignature") for each in found[3]["parts"]] == [DUMMY, None]


def test_thinking_of_others_is_left_out_and_named() -> None:
    turn = Turn("assistant", (Thinking("t", (CLAUDES,)), Thinking("u"), Thinking("", (CLAUDES,)), Text("a")))
    body, dropped = encode(request(HI, turn, HI))
    assert body["contents"][1]["parts"] == [{"text": "a"}]
    assert dropped == ("thinking",)
    own = contents(HI, Turn("assistant", (Thinking("t"), Text("a"))), HI, dialect="gemini")
    assert own[1]["parts"] == [{"thought": True, "text": "t"}, {"text": "a"}]


def response_of(*content: Block, is_error: bool = False) -> object:
    answered = Turn("user", (ToolResult("c", content, is_error),))
    return contents(HI, Turn("assistant", (CALL,)), answered)[2]["parts"][0]["functionResponse"]["response"]


def test_responses_are_objects() -> None:
    assert response_of(Text('{"b":1.0,"a":2}')) == {"b": 1.0, "a": 2}
    assert response_of(Text('{"b":1}'), is_error=True) == {"error": '{"b":1}'}
    assert response_of(Text("[1]")) == {"output": "[1]"}
    assert response_of(Text("a"), Refusal("b")) == {"output": "a\nb"}
    assert response_of() == {"output": ""}
    schema = '{"properties":{"a":{"$ref":"#/$defs/A"}}}'
    assert response_of(Text(schema)) == {"output": schema}, "the API takes $ref for the name of an attached part"


def test_pictures_in_results() -> None:
    """T012: inside the result where the model takes them, else right behind the results."""
    result = Turn("user", (ToolResult("c", (Text("seen"), PNG, PDF)), Text("and?")))
    call = Turn("assistant", (CALL,))
    inside = contents(HI, call, result, model=THIRD)[2]["parts"]
    assert inside == [
        {
            "functionResponse": {
                "id": "c",
                "name": "f",
                "response": {"output": "seen"},
                "parts": [PNG_PART, PDF_PART],
            }
        },
        {"text": "and?"},
    ]
    behind = contents(HI, call, result)[2]["parts"]
    told = "seen\n[attachment 1: behind the results]\n[attachment 2: behind the results]"
    assert behind == [
        {"functionResponse": {"id": "c", "name": "f", "response": {"output": told}}},
        {"text": "[attachments of the result of f, c]"},
        PNG_PART,
        PDF_PART,
        {"text": "and?"},
    ]


def test_a_result_needs_the_name_of_its_call() -> None:
    lonely = Turn("user", (ToolResult("c", (Text("x"),)),))
    with pytest.raises(GatewayError, match="answers no call"):
        encode(request(lonely))
    named = contents(Turn("user", (ToolResult("c", (), name="f"),)))
    assert named[0]["parts"][0]["functionResponse"]["name"] == "f"


PARTS: dict[str, tuple[Block, object]] = {
    "picture": (PNG, PNG_PART),
    "document": (PDF, PDF_PART),
    "text document": (
        Document(Plain("body"), title="T", context="c"),
        {"text": '<document title="T">\n<context>c</context>\nbody\n</document>'},
    ),
    "search result": (
        SearchResult("s", "t", (Text("x"),)),
        {"text": '<search_result source="s" title="t">\nx\n</search_result>'},
    ),
    "sound": (Audio(Base64("audio/ogg", "AAAA")), {"inlineData": {"mimeType": "audio/ogg", "data": "AAAA"}}),
    "refusal": (Refusal("no"), {"text": "no"}),
    "picture in words": (Image(Plain("svg")), {"text": "svg"}),
    "text": (Text("  "), {"text": "  "}),
    "own part": (Foreign("gemini", "executableCode", b'{"executableCode":\n{}}'), {"executableCode": {}}),
}


@pytest.mark.parametrize("name", PARTS)
def test_parts(name: str) -> None:
    """T126."""
    block, expected = PARTS[name]
    assert part(block) == expected


def test_links() -> None:
    """T127: models after 2.0 read public https links, and clients of this dialect know what they do."""
    link = Image(Url("https://x.example/a.png?b"))
    expected = {"fileData": {"mimeType": "image/png", "fileUri": "https://x.example/a.png?b"}}
    assert part(link, THINKER) == expected
    assert part(link, dialect="gemini") == expected
    assert part(Document(Url("https://x.example/a"), filename="a.pdf"), THINKER) == {
        "fileData": {"mimeType": "application/pdf", "fileUri": "https://x.example/a"}
    }
    assert part(Document(Url("https://x.example/a")), THINKER) == {"fileData": {"fileUri": "https://x.example/a"}}
    assert part(Image(FileId("gs://b/a.png")), dialect="gemini") == {"fileData": {"fileUri": "gs://b/a.png"}}


@pytest.mark.parametrize(
    ("block", "model"),
    [
        (PNG, Model(id="m", images=False)),
        (Image(FileId("file_1")), THINKER),
        (Image(Url("https://x.example/a.png")), MODEL),
        (Image(Url("http://x.example/a.png")), THINKER),
    ],
)
def test_what_cannot_be_carried_is_refused(block: Block, model: Model) -> None:
    """C4, T129."""
    with pytest.raises(GatewayError) as caught:
        encode(request(Turn("user", (block,))), model)
    assert (caught.value.kind, caught.value.param) == ("bad_request", "messages")


def test_turns_of_which_nothing_is_left() -> None:
    lost = Foreign("anthropic", "container_upload", b"{}")
    result = ToolResult("c", (lost, Text("x")))
    found = contents(HI, Turn("user", (lost,)), Turn("assistant", (CALL,)), Turn("user", (result,)))
    assert [each["role"] for each in found] == ["user", "model", "user"]
    assert found[2]["parts"][0]["functionResponse"]["response"] == {"output": "x"}


def test_what_has_no_place_is_named() -> None:
    """C4, T029."""
    turn = Turn(
        "user",
        (
            Text("a", Cache(), citations=(b"{}",)),
            Image(PNG.source, "high"),
            Document(PDF.source, citations=True),
            Foreign("anthropic", "container_upload", b"{}"),
        ),
        name="me",
    )
    members: Json = {"extra": {"context_management": b"{}", "header:x": b'"y"'}, "user": "u", "cache": Cache()}
    body, dropped = encode(request(turn, **members))
    assert set(body) == {"contents"}
    assert set(dropped) == {
        "cache_control",
        "messages.name",
        "citations",
        "detail",
        "messages.content.container_upload",
        "metadata.user_id",
        "context_management",
    }


def test_a_resolution_goes_back_to_who_asked_for_it() -> None:
    found = part(Image(PNG.source, "low"), dialect="gemini")
    assert found == PNG_PART | {"mediaResolution": {"level": "MEDIA_RESOLUTION_LOW"}}


def test_names_within_the_pattern_everywhere() -> None:
    """T110."""
    long, digit = "fs read file" + "x" * 80, "1st"
    asked = request(
        HI,
        Turn("assistant", (ToolCall("c", long, "{}"),)),
        Turn("user", (ToolResult("c", (Text("x"),), name=long),)),
        tools=(Tool(long), Tool("mcp.a:b-c"), Tool("f", namespace="ns"), Tool(digit)),
        tool_choice=ToolChoice("any", allowed=(long, digit)),
    )
    body, _ = encode(asked)
    declared = [each["name"] for each in body["tools"][0]["functionDeclarations"]]
    assert declared[1:3] == ["mcp.a:b-c", "ns__f"]
    assert all(len(name) <= 64 for name in declared)
    assert not declared[3][0].isdigit()
    assert body["contents"][1]["parts"][0]["functionCall"]["name"] == declared[0]
    assert body["contents"][2]["parts"][0]["functionResponse"]["name"] == declared[0]
    calling = body["toolConfig"]["functionCallingConfig"]
    assert calling == {"mode": "ANY", "allowedFunctionNames": [declared[0], declared[3]]}
    assert [name_map(asked).to_client(name) for name in declared] == [long, "mcp.a:b-c", "ns__f", digit]


def test_tools() -> None:
    tools = (
        Tool(
            "f", "does", b'{"$schema":"x","type":"object","properties":{"const":{"exclusiveMinimum":0}}}', strict=True
        ),
        Tool("f", "again"),
        Tool("g", "free", kind="custom", grammar=b"{}"),
        Tool("h"),
    )
    body, dropped = encode(request(tools=tools, parallel_tools=False))
    assert body["tools"] == [
        {
            "functionDeclarations": [
                {
                    "name": "f",
                    "description": "does",
                    "parametersJsonSchema": {
                        "type": "object",
                        "properties": {"const": {"exclusiveMinimum": 0}},
                    },
                },
                {
                    "name": "g",
                    "description": "free\n\nPut the whole input into the one string `input`.\n\n"
                    "The input must follow this format: {}",
                    "parametersJsonSchema": {
                        "type": "object",
                        "properties": {"input": {"type": "string"}},
                        "required": ["input"],
                    },
                },
                {"name": "h"},
            ]
        }
    ]
    assert dropped == ("tools.strict", "tools.f", "disable_parallel_tool_use")
    assert encode(request(tools=tools[3:], parallel_tools=False, dialect="openai_chat"))[1] == ("parallel_tool_calls",)


def test_schemas_in_the_older_subset() -> None:
    """T021, T022: for a server that refuses JSON Schema."""
    schema = b'{"type":"object","properties":{"a":{"const":"x"}},"required":["a","b"],"additionalProperties":false}'
    asked = request(
        tools=(Tool("f", "", schema), Tool("g", "", b'{"type":"object"}')),
        output=OutputFormat("json_schema", schema=b'{"type":"array","items":{"type":"string"}}'),
        dialect="gemini",
    )
    body = json.loads(encode_request_subset(asked, THIRD).body)
    assert body["tools"][0]["functionDeclarations"] == [
        {
            "name": "f",
            "parameters": {
                "type": "OBJECT",
                "properties": {"a": {"type": "STRING", "enum": ["x"]}},
                "required": ["a"],
            },
        },
        {"name": "g"},
    ]
    assert body["generationConfig"]["responseSchema"] == {"type": "ARRAY", "items": {"type": "STRING"}}
    read(body, Asked(model="gemini-3-pro"), Simulation(seed="s", clock=lambda: 0.0))


def test_a_schema_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(GatewayError) as caught:
        encode(request(tools=(Tool("f", "", b'{"maximum":1e999}'),)))
    assert (caught.value.kind, caught.value.param) == ("bad_request", "tools.f[]")


SERVERS: dict[str, tuple[Tool, Json | None]] = {
    "Anthropic's search": (Tool("web_search", kind="server", type="web_search_20250305"), {"googleSearch": {}}),
    "OpenAI's search": (Tool("web_search", kind="server", type="web_search"), {"googleSearch": {}}),
    "fetch": (Tool("web_fetch", kind="server", type="web_fetch_20250910"), {"urlContext": {}}),
    "code": (Tool("code", kind="server", type="code_interpreter"), {"codeExecution": {}}),
    "unknown": (Tool("computer", kind="server", type="computer_20250124"), None),
}


@pytest.mark.parametrize("name", SERVERS)
def test_other_vendors_own_tools(name: str) -> None:
    """Google's counterpart, but never beside functions: older models refuse both together."""
    tool, expected = SERVERS[name]
    body, dropped = encode(request(tools=(tool,)))
    assert body.get("tools", [None])[0] == expected
    assert dropped == (() if expected else (f"tools.{tool.type}",))
    body, dropped = encode(request(tools=(Tool("f", cache=Cache()), tool)))
    assert len(body["tools"]) == 1
    assert dropped == ("cache_control", f"tools.{tool.type}")


def test_two_tools_with_one_counterpart() -> None:
    searches = (Tool("a", kind="server", type="web_search"), Tool("b", kind="server", type="web_search_20250305"))
    assert encode(request(tools=searches))[0]["tools"] == [{"googleSearch": {}}]


def test_googles_own_tools_as_they_came() -> None:
    search = Tool("googleSearch", kind="server", type="googleSearch", raw=b'{"googleSearch":{"a":\n1}}')
    extra = {"toolConfig.includeServerSideToolInvocations": b"true"}
    body, dropped = encode(request(tools=(search, Tool("f")), dialect="gemini", extra=extra), THIRD)
    assert body["tools"] == [{"functionDeclarations": [{"name": "f"}]}, {"googleSearch": {"a": 1}}]
    assert body["toolConfig"] == {"includeServerSideToolInvocations": True}
    assert dropped == ()


CHOICES: dict[str, tuple[ToolChoice, Json]] = {
    "auto": (ToolChoice("auto"), {"mode": "AUTO"}),
    "any": (ToolChoice("any"), {"mode": "ANY"}),
    "none": (ToolChoice("none"), {"mode": "NONE"}),
    "one": (ToolChoice("tool", "f"), {"mode": "ANY", "allowedFunctionNames": ["f"]}),
    "some": (ToolChoice("any", allowed=("f", "g")), {"mode": "ANY", "allowedFunctionNames": ["f", "g"]}),
    "some or none": (ToolChoice("auto", allowed=("f",)), {"mode": "VALIDATED", "allowedFunctionNames": ["f"]}),
}


@pytest.mark.parametrize("name", CHOICES)
def test_tool_choices(name: str) -> None:
    """T103."""
    choice, expected = CHOICES[name]
    body, _ = encode(request(tools=(Tool("f"), Tool("g")), tool_choice=choice))
    assert body["toolConfig"] == {"functionCallingConfig": expected}
    assert "toolConfig" not in encode(request(tool_choice=choice))[0]


def test_validated_stays_what_it_was() -> None:
    asked = request(
        tools=(Tool("f"),),
        tool_choice=ToolChoice("auto"),
        extra={"toolConfig.functionCallingConfig.mode": b'"VALIDATED"'},
        dialect="gemini",
    )
    assert encode(asked)[0]["toolConfig"] == {"functionCallingConfig": {"mode": "VALIDATED"}}


LITE = Model(id="gemini-2.5-flash-lite", thinking=("enabled", "disabled"))
THINKING: list[tuple[Reasoning, Model, Json | None]] = [
    (Reasoning("off"), THINKER, {"thinkingBudget": 0}),
    (Reasoning("off"), PRO, {"thinkingBudget": 128}),
    (Reasoning("off"), THIRD, {"thinkingLevel": "LOW"}),
    (Reasoning("auto"), THINKER, {"thinkingBudget": -1, "includeThoughts": True}),
    (Reasoning("auto"), THIRD, {"includeThoughts": True}),
    (Reasoning("auto", display="omitted"), THIRD, None),
    (Reasoning("budget", budget=31999), THINKER, {"thinkingBudget": 24576, "includeThoughts": True}),
    (Reasoning("budget", budget=31999), PRO, {"thinkingBudget": 31999, "includeThoughts": True}),
    (Reasoning("budget", budget=100), LITE, {"thinkingBudget": 512, "includeThoughts": True}),
    (Reasoning("budget", budget=1024), THIRD, {"thinkingLevel": "LOW", "includeThoughts": True}),
    (Reasoning("budget", budget=31999, display="omitted"), THIRD, {"thinkingLevel": "HIGH"}),
    (Reasoning("effort", "minimal"), THINKER, {"thinkingBudget": 512, "includeThoughts": True}),
    (Reasoning("effort", "low"), THINKER, {"thinkingBudget": 4096, "includeThoughts": True}),
    (Reasoning("effort", "medium"), THINKER, {"thinkingBudget": 8192, "includeThoughts": True}),
    (Reasoning("effort", "high"), THINKER, {"thinkingBudget": 24576, "includeThoughts": True}),
    (Reasoning("effort", "max"), PRO, {"thinkingBudget": 32768, "includeThoughts": True}),
    (Reasoning("effort", "medium"), THIRD, {"thinkingLevel": "LOW", "includeThoughts": True}),
    (Reasoning("effort", "max"), THIRD, {"thinkingLevel": "HIGH", "includeThoughts": True}),
    (Reasoning("between_tools"), THINKER, {"thinkingBudget": -1, "includeThoughts": True}),
    (Reasoning("effort", "low"), MODEL, None),
    (Reasoning("off"), Model(id="gemini-2.0-pro"), None),
]


@pytest.mark.parametrize(("reasoning", "model", "expected"), THINKING)
def test_thinking(reasoning: Reasoning, model: Model, expected: Json | None) -> None:
    """T113."""
    body, dropped = encode(request(reasoning=reasoning), model)
    assert body.get("generationConfig", {}).get("thinkingConfig") == expected
    assert dropped == (("thinking",) if model is MODEL else ())


@pytest.mark.parametrize(
    ("reasoning", "expected"),
    [
        (Reasoning("off"), {"thinkingBudget": 0}),
        (Reasoning("budget", budget=64, display="summarized"), {"thinkingBudget": 64, "includeThoughts": True}),
        (Reasoning("effort", "xhigh", display="omitted"), {"thinkingLevel": "XHIGH"}),
        (Reasoning("auto", display="summarized"), {"includeThoughts": True}),
    ],
)
def test_without_data_the_client_of_this_dialect_is_believed(reasoning: Reasoning, expected: Json) -> None:
    assert config(reasoning=reasoning, dialect="gemini")["thinkingConfig"] == expected


def test_limits_and_sampling() -> None:
    sampling = Sampling(3.0, 0.9, 40, 7, 0.1, 0.2, logprobs=True, top_logprobs=2)
    asked = request(max_tokens=900, stop=("a", "b", "c", "d", "e", "f"), sampling=sampling)
    body, dropped = encode(asked, Model(id="m", max_output=500))
    assert body["generationConfig"] == {
        "maxOutputTokens": 500,
        "temperature": 2.0,
        "topP": 0.9,
        "topK": 40,
        "seed": 7,
        "presencePenalty": 0.1,
        "frequencyPenalty": 0.2,
        "stopSequences": ["a", "b", "c", "d", "e"],
    }
    assert dropped == ("logprobs", "top_logprobs", "stop")
    body, dropped = encode(asked, Model(id="m", sampling=False))
    assert set(body["generationConfig"]) == {"maxOutputTokens", "stopSequences"}
    assert {"temperature", "top_p", "top_k", "seed"} <= set(dropped)
    assert config(max_tokens=0) == {"maxOutputTokens": 1}


def test_several_answers_are_refused() -> None:
    with pytest.raises(GatewayError) as caught:
        encode(request(sampling=Sampling(n=2)))
    assert caught.value.param == "n"


def test_outputs() -> None:
    """T122."""
    form = OutputFormat("json_schema", "name", SCHEMA)
    as_json = {"responseMimeType": "application/json"}
    assert config(output=OutputFormat("json_object")) == as_json
    assert config(output=form) == as_json | {"responseJsonSchema": json.loads(SCHEMA)}
    body, dropped = encode(request(output=form, tools=(Tool("f"),)))
    assert "generationConfig" not in body
    assert dropped == ("output_format",)
    assert config(THIRD, output=form, tools=(Tool("f"),)) == as_json | {"responseJsonSchema": json.loads(SCHEMA)}


def test_the_clients_own_members_go_home_only() -> None:
    extra = {
        "safetySettings": b"[]",
        "generationConfig.responseModalities": b'["TEXT"]',
        "toolConfig.retrievalConfig": b"{}",
    }
    body, dropped = encode(request(dialect="gemini", extra=extra))
    assert body["safetySettings"] == []
    assert body["generationConfig"] == {"responseModalities": ["TEXT"]}
    assert "toolConfig" not in body, "without tools there is nothing to configure"
    assert dropped == ()
    body, dropped = encode(request(extra=extra))
    assert set(body) == {"contents"}
    assert dropped == tuple(extra)


thinking_turns = st.sampled_from(
    [
        (Thinking("t", (MINE,)),),
        (Thinking("", (MINE,)),),
        (Thinking("t", (CLAUDES,)),),
        (Thinking("t"),),
        (),
    ]
)


@given(requests(), thinking_turns, st.sampled_from([MODEL, THINKER, PRO, THIRD]))
def test_the_api_takes_what_we_send(asked: Request, thinking: tuple[Thinking, ...], model: Model) -> None:
    """T100: roles, parts, pairs of calls and results, names, schemas, settings; judged by the simulated API."""
    turns = tuple(
        Turn(turn.role, (*thinking, *turn.blocks)) if turn.role == "assistant" else turn for turn in asked.turns
    )
    members = {name: getattr(asked, name) for name in Request.__struct_fields__ if name != "turns"}
    outgoing = GEMINI.encode_request(repair(Request(turns=turns, **members)), model)
    body: Json = json.loads(outgoing.body.replace(MINE.value.encode(), DUMMY.encode()))
    read(body, Asked(model=model.id), Simulation(seed="s", clock=lambda: 0.0))


@given(requests())
def test_the_same_request_gives_the_same_bytes(asked: Request) -> None:
    """T147: prompt caches live on it."""
    assert GEMINI.encode_request(asked, MODEL) == GEMINI.encode_request(asked, MODEL)


def _plain(block: Block) -> Block:
    """As it comes back: text documents are text, tools' results know their name."""
    if isinstance(block, Document) and isinstance(block.source, Plain):
        title = f' title="{block.title}"' if block.title else ""
        return Text(f"<document{title}>\n{block.source.text}\n</document>")
    return block


@given(requests(dialect="gemini"))
def test_a_request_comes_back_as_it_went_out(asked: Request) -> None:
    """T148."""
    outgoing = GEMINI.encode_request(asked, THIRD)
    headers = {":model": asked.model} | ({":stream": "sse"} if asked.stream else {})
    back = GEMINI.decode_request(outgoing.body, headers)
    for name in ("model", "system", "max_tokens", "sampling", "stop", "stream"):
        assert getattr(back, name) == getattr(asked, name), name
    assert [(tool.name, tool.description, tool.schema) for tool in back.tools] == [
        (tool.name, tool.description, tool.schema) for tool in asked.tools
    ]
    assert back.tool_choice == asked.tool_choice
    assert (back.output and back.output.schema) == (asked.output and asked.output.schema)
    assert (back.reasoning and back.reasoning.effort) == (asked.reasoning and asked.reasoning.effort)
    assert len(back.turns) == len(asked.turns)
    for turn, expected in zip(back.turns, asked.turns, strict=True):
        assert turn.role == expected.role
        results = [block for block in expected.blocks if isinstance(block, ToolResult)]
        found = [block for block in turn.blocks if isinstance(block, ToolResult)]
        assert [(each.call_id, each.content, each.is_error) for each in found] == [
            (each.call_id, each.content, each.is_error) for each in results
        ]
        assert [block for block in turn.blocks if not isinstance(block, ToolResult)] == [
            _plain(block) for block in expected.blocks if not isinstance(block, ToolResult)
        ]
