"""Requests to Responses bodies: T011, T013, T025, T027, T094, T102, T103, T110, T113 to T116, T124, T147, T148."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.events import Finish, Start
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
from aiclient2api.dialects.openai_responses import OPENAI_RESPONSES, name_map
from aiclient2api.dialects.openai_responses.items_in import READERS
from aiclient2api.dialects.openai_responses.native_calls import NATIVE
from aiclient2api.simulator import responses_read
from aiclient2api.simulator.simulation import Simulation
from tests.dialects.openai_responses.grammar import check
from tests.dialects.openai_responses.samples import (
    HI,
    MODEL,
    PIXEL,
    THINKER,
    answer,
    asked,
    encode,
    items,
    read,
    write,
)
from tests.strategies import SCHEMA, requests

PNG = Image(Base64("image/png", PIXEL))
PNG_PART = {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}", "detail": "auto"}
OWN = "openai_responses"
CALLED = Turn("assistant", (ToolCall("c1", "f", "{}"),))


def written(*turns: Turn, model: Model = MODEL, **members: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = write(asked(*turns, **members), model)[0]["input"]
    return found


def message(role: str, *parts: object) -> object:
    return {"type": "message", "role": role, "content": list(parts)}


def said(text: str) -> dict[str, str]:
    return {"type": "input_text", "text": text}


def test_the_smallest_body() -> None:
    assert OPENAI_RESPONSES.encode_request(asked(), MODEL).body == (
        b'{"model":"up-model","input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"hi"}]}],'
        b'"store":false,"stream":false}'
    )
    assert write(asked(stream=True))[0]["stream"] is True


def test_t094_system_texts() -> None:
    """One is `instructions`, several are a developer message; the billing line is for Anthropic's books only."""
    billing = Text("x-anthropic-billing-header: cc_version=2.1")
    body, dropped = write(asked(system=(billing, Text("a", Cache()))))
    assert (body["instructions"], len(body["input"]), dropped) == ("a", 1, ("cache_control",))
    body, _ = write(asked(HI, Turn("system", (Text("later"),)), system=(Text("a"), Text(""), Text("b"))))
    assert "instructions" not in body
    assert body["input"] == [
        message("developer", said("a"), said("b")),
        message("user", said("hi")),
        message("developer", said("later")),
    ]
    alone, _ = write(asked(Turn("user", ()), system=(Text("a"),)))
    assert alone["input"] == [message("developer", said("a"))], "the API wants an item"


def test_items_in_the_order_of_the_blocks() -> None:
    own = Opaque("openai", "encrypted", "gAAA")
    blocks = (
        Thinking("hm", (own,)),
        Text("a"),
        Refusal("no"),
        ToolCall("c1", "f", '{"a": 1}', namespace="ns"),
        Text("b"),
        ToolCall("c2", "p", "*** Begin", "custom"),
        ToolCall("c3", "f", ""),
    )
    results = (Text("and?"), ToolResult("c2", (Text("two"),)), ToolResult("c1", (Text("one"),)), ToolResult("c3", ()))
    assert written(HI, Turn("assistant", blocks), Turn("user", results))[1:] == [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "gAAA"},
        message("assistant", {"type": "output_text", "text": "a"}, {"type": "refusal", "refusal": "no"}),
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"a": 1}', "namespace": "ns"},
        message("assistant", {"type": "output_text", "text": "b"}),
        {"type": "custom_tool_call", "call_id": "c2", "name": "p", "input": "*** Begin"},
        {"type": "function_call", "call_id": "c3", "name": "f", "arguments": "{}"},
        {"type": "custom_tool_call_output", "call_id": "c2", "output": "two"},
        {"type": "function_call_output", "call_id": "c1", "output": "one"},
        {"type": "function_call_output", "call_id": "c3", "output": ""},
        message("user", said("and?")),
    ]


@pytest.mark.parametrize(
    ("block", "part"),
    [
        (PNG, PNG_PART),
        (
            Image(Url("https://x.example/p.png"), "low"),
            {"type": "input_image", "image_url": "https://x.example/p.png", "detail": "low"},
        ),
        (
            Document(Base64("application/pdf", "JVBERi0=")),
            {"type": "input_file", "filename": "file.pdf", "file_data": "data:application/pdf;base64,JVBERi0="},
        ),
        (
            Document(Base64("application/zip", "JVBERi0="), title="T"),
            {"type": "input_file", "filename": "T", "file_data": "data:application/zip;base64,JVBERi0="},
        ),
        (Document(Url("https://x.example/a.pdf")), {"type": "input_file", "file_url": "https://x.example/a.pdf"}),
        (
            Document(Url("https://x.example/a.pdf"), filename="a.pdf"),
            {"type": "input_file", "file_url": "https://x.example/a.pdf", "filename": "a.pdf"},
        ),
        (Document(Plain("body"), title="T"), said('<document title="T">\nbody\n</document>')),
        (
            SearchResult("s", "t", (Text("x"),)),
            said('<search_result source="s" title="t">\nx\n</search_result>'),
        ),
        (
            Audio(Base64("audio/mpeg", "AAAA")),
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
        ),
        (Refusal("no"), said("no")),
    ],
)
def test_t013_parts(block: Block, part: object) -> None:
    """`detail` is there even where the client had none."""
    assert written(Turn("user", (block, Text("?"))))[0] == message("user", part, said("?"))


@pytest.mark.parametrize(
    ("content", "failed", "output"),
    [
        ((Text("x"),), False, "x"),
        ((Text("x"),), True, "Error: x"),
        ((), True, [said("Error:")]),
        ((PNG,), True, [said("Error:"), PNG_PART]),
        ((Text("a"), Text("b")), False, [said("a"), said("b")]),
        ((Text("a"), PNG), False, [said("a"), PNG_PART]),
        ((PNG,), False, [PNG_PART]),
    ],
)
def test_t011_t102_results(content: tuple[Block, ...], failed: bool, output: object) -> None:
    result = ToolResult("c1", content, is_error=failed)
    expected = output if output != [said("Error:")] else "Error:"
    assert written(HI, CALLED, Turn("user", (result,)))[2]["output"] == expected


def test_sound_in_a_result_is_left_out_and_named() -> None:
    result = ToolResult("c1", (Text("x"), Audio(Base64("audio/wav", "AAAA"))))
    body, dropped = write(asked(HI, CALLED, Turn("user", (result,))))
    assert (body["input"][2]["output"], dropped) == ("x", ("messages.input_audio",))


@pytest.mark.parametrize(
    ("block", "model"),
    [
        (PNG, Model(id="m", images=False)),
        (Image(Plain("x")), MODEL),
        (Image(FileId("file_1")), MODEL),
        (Document(FileId("file_1")), MODEL),
        (Audio(Base64("audio/ogg", "AAAA")), MODEL),
        (Audio(Url("https://x.example/a.wav")), MODEL),
    ],
)
def test_c4_what_cannot_be_carried_is_refused(block: Block, model: Model) -> None:
    for dialect, param in (("anthropic", "messages"), (OWN, "input")):
        if dialect == OWN and isinstance(getattr(block, "source", None), FileId):
            continue
        with pytest.raises(GatewayError) as caught:
            write(asked(Turn("user", (block,)), dialect=dialect), model)
        assert (caught.value.kind, caught.value.param) == ("bad_request", param)


def test_several_answers_are_refused() -> None:
    with pytest.raises(GatewayError) as caught:
        write(asked(sampling=Sampling(n=2)))
    assert caught.value.param == "n"


def test_marks_that_have_no_place_are_named() -> None:
    call = Turn("assistant", (ToolCall("c1", "f", "{}", cache=Cache()),))
    assert write(asked(HI, call))[1] == ("cache_control",)
    assert write(asked(HI, CALLED, Turn("user", (ToolResult("c1", (), cache=Cache()),))))[1] == ("cache_control",)
    cited = Document(Base64("application/pdf", "JVBERi0="), citations=True)
    assert write(asked(Turn("user", (cited,))))[1] == ("citations",)


def test_files_of_the_family_and_parts_of_the_dialect_go_home() -> None:
    part = Foreign("openai", "input_video", b'{"type":"input_video"}')
    turn = Turn(
        "user", (Image(FileId("f1")), Document(FileId("f2")), part, Text("x", Cache("30m")), Text("y", Cache()))
    )
    body, dropped = write(asked(turn, dialect=OWN))
    assert body["input"][0]["content"] == [
        {"type": "input_image", "file_id": "f1", "detail": "auto"},
        {"type": "input_file", "file_id": "f2"},
        {"type": "input_video"},
        {**said("x"), "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "30m"}},
        {**said("y"), "prompt_cache_breakpoint": {"mode": "explicit"}},
    ]
    assert dropped == ()
    body, dropped = write(asked(Turn("user", (part, Text("x", Cache("5m")))), dialect="openai_chat"))
    assert body["input"] == [message("user", said("x"))]
    assert dropped == ("messages.content.input_video", "cache_control")


@pytest.mark.parametrize(
    ("opaque", "kept"),
    [
        (Opaque("openai", "encrypted", "gAAA"), True),
        (Opaque("anthropic", "signature", "sig"), False),
        (Opaque("gemini", "thought_signature", "x"), False),
        (Opaque("openai", "signature", "x"), False),
        (None, False),
    ],
)
def test_t115_t116_only_openais_own_reasoning_goes_along(opaque: Opaque | None, kept: bool) -> None:
    block = Thinking("hm", (opaque,) if opaque else ())
    for dialect, name in (("anthropic", "messages.thinking"), (OWN, "input.reasoning")):
        body, dropped = write(asked(HI, Turn("assistant", (block, Text("x"))), dialect=dialect))
        assert [item["type"] for item in body["input"]] == ["message", *(["reasoning"] if kept else []), "message"]
        assert dropped == (() if kept else (name,))
        assert all("id" not in item for item in body["input"]), "an id that is not the one inside is refused"


def test_reasoning_needs_what_it_led_to() -> None:
    """The API refuses it otherwise; what follows may be in the next turn of the assistant."""
    own = Thinking("hm", (Opaque("openai", "encrypted", "gAAA"),))
    body, dropped = write(asked(HI, Turn("assistant", (Text("x"), own)), HI))
    assert [item["type"] for item in body["input"]] == ["message"] * 3
    assert dropped == ("messages.thinking",)
    turns = (HI, Turn("assistant", (own, own)), Turn("assistant", (ToolCall("c", "f", "{}"),)))
    assert [item["type"] for item in written(*turns)] == ["message", "reasoning", "reasoning", "function_call"]
    search = Foreign(OWN, "web_search_call", b'{"type":"web_search_call"}')
    kept = written(HI, Turn("assistant", (own, search)), dialect=OWN)
    assert [item["type"] for item in kept] == ["message", "reasoning", "web_search_call"]


def test_items_of_the_dialect_go_home_and_are_named_elsewhere() -> None:
    search = Foreign(OWN, "web_search_call", b'{"type":"web_search_call","id":"ws_1"}')
    approval = Foreign(OWN, "mcp_approval_response", b'{"type":"mcp_approval_response","id":"a"}')
    turns = (HI, Turn("assistant", (search, Text("x"))), Turn("user", (Text("ok"), approval)))
    assert [item["type"] for item in written(*turns, dialect=OWN)] == [
        "message",
        "web_search_call",
        "message",
        "mcp_approval_response",
        "message",
    ]
    body, dropped = write(asked(*turns, Turn("assistant", (Foreign("anthropic", "server_tool_use", b"{}"), PNG))))
    assert [item["role"] for item in body["input"]] == ["user", "assistant", "user"]
    assert dropped == (
        "messages.web_search_call",
        "messages.mcp_approval_response",
        "messages.content.server_tool_use",
    )


SHELL_OUT = [{"stdout": "a", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}]


@pytest.mark.parametrize(
    ("call", "output", "shown"),
    [
        (
            {"type": "local_shell_call", "id": "lsh_1", "status": "completed", "action": {"type": "exec"}},
            {"type": "local_shell_call_output", "output": "a"},
            {"type": "local_shell_call_output", "output": "a"},
        ),
        (
            {"type": "shell_call", "action": {"commands": ["ls"], "max_output_length": 100}},
            {"type": "shell_call_output", "output": SHELL_OUT},
            {"type": "shell_call_output", "output": SHELL_OUT, "max_output_length": 100},
        ),
        (
            {"type": "apply_patch_call", "operation": {"type": "delete_file", "path": "a"}},
            {"type": "apply_patch_call_output", "output": "no", "status": "failed"},
            {"type": "apply_patch_call_output", "output": "no", "status": "failed"},
        ),
        (
            {"type": "apply_patch_call", "operation": {}},
            {"type": "function_call_output", "output": "done"},
            {"type": "apply_patch_call_output", "output": "done", "status": "completed"},
        ),
    ],
)
def test_calls_of_built_in_tools_go_home_as_they_came(
    call: dict[str, object], output: dict[str, object], shown: dict[str, object]
) -> None:
    request = items({"role": "user", "content": "hi"}, {**call, "call_id": "c"}, {**output, "call_id": "c"})
    assert write(request)[0]["input"][1:] == [{**call, "call_id": "c"}, {**shown, "call_id": "c"}]
    odd = {**call, "call_id": "c", "action": {"max_output_length": "x"}}
    assert write(items(odd, {**output, "call_id": "c"}))[0]["input"][1].get("max_output_length") is None
    renamed = msgspec.structs.replace(request.turns[1].blocks[0], id="c_2")
    assert isinstance(renamed, ToolCall)
    repaired = (Turn("assistant", (renamed,)), Turn("user", (ToolResult("c_2", (Text("broken"),), is_error=True),)))
    first, second = written(*repaired)
    assert first["call_id"] == second["call_id"] == "c_2"
    if call["type"] == "shell_call":
        outcome = {"type": "exit", "exit_code": 1}
        assert second["output"] == [{"stdout": "", "stderr": "broken", "outcome": outcome}]


def test_t025_t110_ids_and_names_outside_the_limits_are_mapped_the_same_way_everywhere() -> None:
    name, long_id = "fs.read file" + "x" * 80, "call_" + "y" * 944
    request = asked(
        HI,
        Turn("assistant", (ToolCall(long_id, name, "{}"),)),
        Turn("user", (ToolResult(long_id, (Text("x"),)),)),
        tools=(Tool(name), Tool("ok"), Tool("f", namespace="ns")),
        tool_choice=ToolChoice("tool", name),
    )
    body, _ = write(request)
    wire = body["tools"][0]["name"]
    assert len(wire) <= 64
    assert body["input"][1]["name"] == body["tool_choice"]["name"] == wire
    assert name_map(request).to_client(wire) == name
    call_id = body["input"][1]["call_id"]
    assert len(call_id) <= 64
    assert body["input"][2]["call_id"] == call_id
    assert not name_map(asked(tools=(Tool("f", namespace="a.b"),))).changed, "namespaces are no part of the name"


GRAMMAR = b'{"type":"grammar","syntax":"lark","definition":"d"}'
NESTED = b'{"type":"grammar","grammar":{"syntax":"lark","definition":"d"}}'


def test_tools() -> None:
    """T018: namespaces stand where their first tool stood. Strictness that was not asked for is refused aloud."""
    tools = (
        Tool("f", "does", b'{"type":"object","z":1.0}', strict=True, cache=Cache()),
        Tool("f", "again"),
        Tool("s", namespace="ns", schema=b"{}"),
        Tool("g", kind="custom", grammar=GRAMMAR),
        Tool("h", kind="custom", grammar=NESTED),
        Tool("k", kind="custom"),
        Tool("t", namespace="ns", schema=b"{}"),
        Tool("i"),
        Tool("web_search", kind="server", type="web_search_20250305", raw=b"{}"),
    )
    body, dropped = write(asked(tools=tools, parallel_tools=False))
    form = json.loads(GRAMMAR)
    inner = [{"type": "function", "name": name, "parameters": {}, "strict": False} for name in "st"]
    assert body["tools"] == [
        {
            "type": "function",
            "name": "f",
            "description": "does",
            "parameters": {"type": "object", "z": 1.0},
            "strict": True,
        },
        {"type": "namespace", "name": "ns", "description": "ns", "tools": inner},
        {"type": "custom", "name": "g", "format": form},
        {"type": "custom", "name": "h", "format": form},
        {"type": "custom", "name": "k"},
        {"type": "function", "name": "i", "parameters": {"type": "object", "properties": {}}, "strict": False},
    ]
    assert body["parallel_tool_calls"] is False
    assert dropped == ("cache_control", "tools.web_search_20250305")


def test_tools_of_the_dialect_go_home_as_they_came() -> None:
    declared: list[object] = [
        {"type": "function", "name": "f", "parameters": {"type": "object"}},
        {"type": "namespace", "name": "ns", "description": "D", "tools": [{"type": "custom", "name": "c"}]},
        {"type": "web_search", "filters": {}},
        {"type": "mcp", "server_label": "a"},
        {"type": "mcp", "server_label": "b"},
    ]
    body, dropped = write(read(tools=declared))
    assert (body["tools"], dropped) == (declared, ())


@pytest.mark.parametrize(
    ("choice", "wire"),
    [
        (ToolChoice("auto"), "auto"),
        (ToolChoice("any"), "required"),
        (ToolChoice("none"), "none"),
        (ToolChoice("tool", "f"), {"type": "function", "name": "f"}),
        (ToolChoice("tool", "g"), {"type": "custom", "name": "g"}),
        (ToolChoice("tool", "ns__h"), {"type": "function", "name": "h"}),
        (ToolChoice("tool", "unknown"), {"type": "function", "name": "unknown"}),
        (
            ToolChoice("any", allowed=("f", "web_search", "mcp", "odd")),
            {
                "type": "allowed_tools",
                "mode": "required",
                "tools": [
                    {"type": "function", "name": "f"},
                    {"type": "web_search"},
                    {"type": "mcp", "server_label": "wiki"},
                    {"type": "odd"},
                ],
            },
        ),
    ],
)
def test_t103_tool_choices(choice: ToolChoice, wire: object) -> None:
    tools = (
        Tool("f"),
        Tool("g", kind="custom"),
        Tool("h", namespace="ns"),
        Tool("web_search", kind="server", type="web_search", raw=b'{"type":"web_search"}'),
        Tool("mcp", kind="server", type="mcp", raw=b'{"type":"mcp","server_label":"wiki"}'),
        Tool("odd", kind="server", type="odd", raw=b'{"type":"odd","server_label":5}'),
    )
    body, _ = write(asked(tools=tools, tool_choice=choice, dialect=OWN))
    assert body["tool_choice"] == wire
    assert "tool_choice" not in write(asked(tool_choice=choice))[0], "without tools it is a 400 at OpenAI"


@pytest.mark.parametrize("choice", [{"type": "web_search"}, {"type": "mcp", "server_label": "w", "name": "x"}])
def test_t103_a_hosted_tool_that_must_be_used(choice: object) -> None:
    assert write(read(tools=[{"type": "web_search"}], tool_choice=choice))[0]["tool_choice"] == choice


@pytest.mark.parametrize(
    ("reasoning", "model", "wire"),
    [
        (Reasoning("effort", "low"), THINKER, {"effort": "low"}),
        (Reasoning("effort", "max"), THINKER, {"effort": "high"}),
        (Reasoning("off"), THINKER, {"effort": "minimal"}),
        (Reasoning("off"), Model(id="m", thinking=("effort",)), {"effort": "none"}),
        (Reasoning("off"), Model(id="m", thinking=("effort",), efforts=("none", "low")), {"effort": "none"}),
        (Reasoning("budget", budget=1024), THINKER, {"effort": "minimal", "summary": "auto"}),
        (Reasoning("budget", budget=4096, display="omitted"), THINKER, {"effort": "low"}),
        (
            Reasoning("budget", budget=31999),
            Model(id="m", thinking=("effort",)),
            {"effort": "xhigh", "summary": "auto"},
        ),
        (Reasoning("auto"), THINKER, {"summary": "auto"}),
        (Reasoning("between_tools", "low"), THINKER, {"effort": "low", "summary": "auto"}),
        (Reasoning("auto", display="summarized"), THINKER, {"summary": "auto"}),
        (Reasoning("effort", "high", display="concise"), THINKER, {"effort": "high", "summary": "concise"}),
        (Reasoning("auto", display="omitted"), THINKER, None),
        (Reasoning("effort", "high"), MODEL, None),
    ],
)
def test_t113_t114_reasoning(reasoning: Reasoning, model: Model, wire: object) -> None:
    body, dropped = write(asked(reasoning=reasoning), model)
    assert body.get("reasoning") == wire
    thinks = "effort" in model.thinking
    assert body.get("include") == (["reasoning.encrypted_content"] if thinks else None)
    assert dropped == (() if thinks else ("thinking",))


def test_encrypted_reasoning_is_asked_for_where_there_is_reasoning() -> None:
    """Other models refuse it; a client of this dialect knows its model better than our table does."""
    assert "include" not in write(asked())[0]
    assert write(asked(), THINKER)[0]["include"] == ["reasoning.encrypted_content"]
    assert write(asked(reasoning=Reasoning("off")))[1] == ()
    own = read(reasoning={"effort": "high"}, include=["web_search_call.results"])
    body, _ = write(own)
    assert body["include"] == ["reasoning.encrypted_content", "web_search_call.results"]
    assert body["reasoning"] == {"effort": "high"}


def test_t124_limits_and_sampling() -> None:
    request = asked(max_tokens=1, stop=("x",), sampling=Sampling(0.5, 0.9, 40, 0, 0.0, 0.1, 1, True, 2))
    body, dropped = write(request)
    assert (body["max_output_tokens"], body["temperature"], body["top_p"]) == (16, 0.5, 0.9)
    assert dropped == ("stop", "top_k", "seed", "frequency_penalty", "logprobs", "top_logprobs")
    body, dropped = write(request, THINKER)
    assert not {"temperature", "top_p"} & set(body)
    assert {"temperature", "top_p"} <= set(dropped)
    assert write(asked(max_tokens=900), msgspec.structs.replace(MODEL, max_output=500))[0]["max_output_tokens"] == 500
    assert write(read(max_output_tokens=8))[0]["max_output_tokens"] == 8, "a client of this dialect hears it itself"


def test_output_formats() -> None:
    assert write(asked(output=OutputFormat("json_object")))[0]["text"] == {"format": {"type": "json_object"}}
    form = OutputFormat("json_schema", None, b'{"b":1,"a":2}', True, "d")
    assert write(asked(output=form))[0]["text"]["format"] == {
        "type": "json_schema",
        "name": "response",
        "description": "d",
        "schema": {"b": 1, "a": 2},
        "strict": True,
    }
    assert write(asked(output=OutputFormat("json_schema", "n")))[0]["text"]["format"]["schema"] == {"type": "object"}


def test_c4_what_only_the_clients_own_dialect_may_see() -> None:
    members: dict[str, Any] = {"extra": {"context_management": b"{}"}, "user": "u", "session": "s", "cache": Cache()}
    turn = Turn("user", (Text("hi"),), "bob", Cache())
    body, dropped = write(asked(turn, **members))
    assert set(body) == {"model", "input", "store", "stream", "prompt_cache_key"}
    assert body["prompt_cache_key"] != "s", "another vendor's session is no business of this one"
    assert dropped == ("cache_control", "messages.name", "metadata.user_id", "context_management")
    body, dropped = write(asked(turn, **{**members, "dialect": "openai_chat"}))
    assert (body["user"], body["prompt_cache_key"]) == ("u", "s")
    assert "context_management" in dropped


def test_t047_members_of_the_dialect_come_back_where_they_stood() -> None:
    members: dict[str, Any] = {
        "text": {"format": {"type": "json_object"}, "verbosity": "low"},
        "reasoning": {"effort": "low", "context": "all_turns"},
        "truncation": "auto",
        "metadata": {"a": "b"},
        "client_metadata": {"x": 1},
        "prompt_cache_key": "k",
        "max_tool_calls": 3,
    }
    body, dropped = write(read(None, **members))
    assert {name: body[name] for name in members} == members
    assert dropped == ()
    verbose = write(read(text={"verbosity": "high"}, reasoning={"mode": "pro"}))[0]
    assert (verbose["text"], verbose["reasoning"]) == ({"verbosity": "high"}, {"mode": "pro"})


BODIES = requests() | requests(dialect="openai_chat") | requests(dialect=OWN)


@given(BODIES, st.sampled_from([MODEL, THINKER]))
def test_t147_the_same_request_gives_the_same_bytes(request: Request, model: Model) -> None:
    assert OPENAI_RESPONSES.encode_request(request, model) == OPENAI_RESPONSES.encode_request(request, model)


@given(BODIES, st.sampled_from([MODEL, Model(id="gpt-5", thinking=("effort",), efforts=("low",), sampling=False)]))
def test_bodies_are_what_the_vendor_takes(request: Request, model: Model) -> None:
    """The simulated upstream is the judge: it refuses what the vendor refuses."""
    if request.dialect == OWN:
        request = msgspec.structs.replace(request, max_tokens=None)
    body, _ = write(request, model)
    question = responses_read.read(body, Simulation("seed", lambda: 0.0))
    assert question.model == model.id


@given(requests(dialect=OWN))
def test_t148_a_request_comes_back_as_it_went_out(request: Request) -> None:
    """For what Responses can hold: an error mark is a word in the text, text documents are text, there are no stops."""
    back = OPENAI_RESPONSES.decode_request(OPENAI_RESPONSES.encode_request(request, Model(id=request.model)).body, {})
    for name in ("model", "reasoning", "max_tokens", "sampling", "output", "stream", "user", "tools", "system"):
        assert getattr(back, name) == getattr(request, name), name
    if request.tools:
        assert (back.tool_choice, back.parallel_tools) == (request.tool_choice, request.parallel_tools)
    assert [turn.role for turn in back.turns] == [turn.role for turn in split(request.turns)]
    assert [held(block) for turn in back.turns for block in turn.blocks] == [
        held(block) for turn in split(request.turns) for block in turn.blocks
    ]


def split(turns: tuple[Turn, ...]) -> list[Turn]:
    """Results are a turn of their own; the user's words are another."""
    out: list[Turn] = []
    for turn in turns:
        results = tuple(block for block in turn.blocks if isinstance(block, ToolResult))
        others = tuple(block for block in turn.blocks if not isinstance(block, ToolResult))
        out += [Turn(turn.role, blocks) for blocks in (results, others) if blocks]
    return out


def held(block: Block) -> object:
    """What of a block Responses can hold."""
    if isinstance(block, ToolResult):
        text = "".join(each.text for each in block.content if isinstance(each, Text))
        return block.call_id, f"Error: {text}" if block.is_error else text
    if isinstance(block, Document) and isinstance(block.source, Plain):
        title = f' title="{block.title}"' if block.title else ""
        return f"<document{title}>\n{block.source.text}\n</document>"
    if isinstance(block, Image):
        return block.source
    return block.text if isinstance(block, Text) else block


ODD = st.sampled_from([None, 5, "x", True, [], {}, [5], {"a": 1}, "", ["x"]])
random_parts = st.fixed_dictionaries(
    {"type": st.sampled_from(["input_text", "input_image", "input_file", "input_audio", "output_text", "other"])},
    optional={
        "text": st.just("x") | ODD,
        "image_url": st.just(f"data:image/png;base64,{PIXEL}") | ODD,
        "file_data": st.just("data:application/pdf;base64,JVBERi0=") | ODD,
        "file_url": st.just("https://x.example/a.pdf") | ODD,
        "file_id": st.just("f") | ODD,
        "input_audio": st.just({"data": "AAAA", "format": "wav"}) | ODD,
    },
)
KINDS = [*READERS, *NATIVE, "web_search_call", "compaction", "item_reference"]
random_items = st.fixed_dictionaries(
    {"type": st.sampled_from(KINDS)},
    optional={
        "role": st.sampled_from(["user", "assistant", "developer", "tool", 5]),
        "content": st.just("x") | st.lists(random_parts, max_size=2) | ODD,
        "output": st.just("x") | st.lists(random_parts, max_size=2) | ODD,
        "call_id": st.sampled_from(["c", "d", "", 5]),
        "id": st.sampled_from(["rs_1", "msg_1", None]),
        "name": st.sampled_from(["f", "g h", ""]),
        "namespace": st.sampled_from(["ns", None]),
        "arguments": st.sampled_from(["{}", "{", {"a": 1}, 5]),
        "input": st.sampled_from(["x", 5]),
        "summary": st.sampled_from([[], [{"text": "s"}], 5]),
        "encrypted_content": st.sampled_from(["e", None, 5]),
        "action": st.sampled_from([{}, {"max_output_length": "x"}, 5]),
        "operation": st.sampled_from([{}, 5]),
        "status": st.sampled_from(["completed", "failed", "x"]),
        "tools": ODD,
    },
)
random_tools = st.fixed_dictionaries(
    {"type": st.sampled_from(["function", "custom", "namespace", "web_search", "mcp"])},
    optional={
        "name": st.sampled_from(["f", "g h", "", 5]),
        "parameters": st.sampled_from([{}, {"type": "object"}, 5, None]),
        "format": st.sampled_from([{}, {"type": "grammar", "grammar": 5}, 5]),
        "tools": st.sampled_from([[], [{"type": "function", "name": "h"}], [{"type": "web_search"}], 5]),
        "server_label": st.sampled_from(["w", 5]),
    },
)
random_bodies = st.fixed_dictionaries(
    {"model": st.just("m"), "input": st.just("hi") | st.lists(random_items, max_size=4)},
    optional={
        "tools": st.lists(random_tools, max_size=3) | ODD,
        "tool_choice": st.sampled_from(["auto", {"type": "function", "name": "h"}, {"type": "mcp"}])
        | st.builds(lambda tools: {"type": "allowed_tools", "mode": "auto", "tools": tools}, st.lists(random_tools))
        | ODD,
        **dict.fromkeys(("instructions", "reasoning", "text", "metadata", "include", "namespaces", "truncation"), ODD),
    },
)


@given(random_bodies, st.sampled_from([MODEL, THINKER]))
def test_random_requests_are_refused_by_name_or_go_all_the_way(body: dict[str, Any], model: Model) -> None:
    """Fuzz: a client's mistake is never an error of ours, neither towards an upstream nor in what we repeat to it."""
    kind: str
    try:
        request = OPENAI_RESPONSES.decode_request(json.dumps(body).encode(), {})
    except GatewayError as error:
        kind = error.kind
    else:
        check(encode([Start(), Finish("end")], answer(request)))
        kind = attempt(request, model)
    assert kind in ("", "bad_request")


def attempt(request: Request, model: Model) -> str:
    for each in (request, repair(request), msgspec.structs.replace(request, dialect="openai_chat")):
        try:
            OPENAI_RESPONSES.encode_request(each, model)
        except GatewayError as error:
            return error.kind
    return ""


def test_the_schema_of_the_samples_survives() -> None:
    body, _ = write(asked(tools=(Tool("f", schema=SCHEMA),)))
    assert body["tools"][0]["parameters"] == json.loads(SCHEMA)
