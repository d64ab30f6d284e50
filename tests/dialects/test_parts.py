"""Content parts and tool entries in every shape that clients send."""

import base64

import msgspec
import pytest

from aiclient2api.canonical.errors import GatewayError
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
    Plain,
    Refusal,
    SearchResult,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    Url,
)
from aiclient2api.dialects import opaque
from aiclient2api.dialects.parts import decode_content
from aiclient2api.dialects.tool_shapes import decode_tool

PNG = "iVBORw0KGgo="
PDF = "JVBERi0xLjc="
HELLO = base64.b64encode(b"hello").decode()


def decoded(content: object, native: str = "anthropic") -> tuple[Block, ...]:
    return decode_content(msgspec.json.encode(content), native=native, path="messages[0].content")


@pytest.mark.parametrize(
    ("part", "block"),
    [
        ({"type": "text", "text": "a"}, Text("a")),
        ({"text": "no type"}, Text("no type")),
        ("bare", Text("bare")),
        ({"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}, Text("a", Cache())),
        ({"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}}, Text("a", Cache("1h"))),
        (
            {"type": "text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "30m"}},
            Text("a", Cache("30m")),
        ),
        ({"type": "text", "text": "a", "cache_control": None}, Text("a")),
        ({"type": "text", "text": "a", "citations": [{"b": 1}]}, Text("a", citations=(b'{"b":1}',))),
        (
            {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": PNG}},
            Image(Base64("image/jpeg", PNG)),
        ),
        ({"type": "image", "source": {"type": "base64", "data": PNG}}, Image(Base64("image/png", PNG))),
        ({"type": "image", "source": {"type": "url", "url": "https://e.test/a"}}, Image(Url("https://e.test/a"))),
        ({"type": "image", "source": {"type": "file", "file_id": "file_1"}}, Image(FileId("file_1"))),
        (
            {
                "type": "document",
                "title": "T",
                "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
            },
            Document(Base64("application/pdf", PDF), title="T"),
        ),
        (
            {"type": "document", "context": "C", "source": {"type": "text", "media_type": "text/plain", "data": "hi"}},
            Document(Plain("hi"), context="C"),
        ),
        (
            {"type": "document", "citations": {"enabled": True}, "source": {"type": "content", "content": "hi"}},
            Document(Plain("hi"), citations=True),
        ),
        (
            {"type": "document", "source": {"type": "base64", "media_type": "text/plain", "data": HELLO}},
            Document(Plain("hello")),
        ),
        (
            {"type": "search_result", "source": "s", "title": "t", "content": [{"type": "text", "text": "x"}]},
            SearchResult("s", "t", (Text("x"),)),
        ),
        (
            {"type": "thinking", "thinking": "hm", "signature": "sig"},
            Thinking("hm", (Opaque("anthropic", "signature", "sig"),)),
        ),
        ({"type": "thinking", "thinking": "hm"}, Thinking("hm")),
        ({"type": "redacted_thinking", "data": "d"}, Thinking("", (Opaque("anthropic", "redacted", "d"),))),
        ({"type": "tool_use", "id": "c", "name": "n", "input": {"é": 1}}, ToolCall("c", "n", '{"é":1}')),
        ({"type": "tool_use", "id": "c", "name": "n"}, ToolCall("c", "n", "{}")),
        ({"type": "tool_use", "id": "c", "name": "n", "input": '{"a":1}'}, ToolCall("c", "n", '{"a":1}')),
        ({"type": "tool_result", "tool_use_id": "c", "content": "ok"}, ToolResult("c", (Text("ok"),))),
        ({"type": "tool_result", "tool_use_id": "c"}, ToolResult("c", ())),
        (
            {"type": "tool_result", "tool_use_id": "c", "is_error": True, "content": [{"type": "text", "text": "no"}]},
            ToolResult("c", (Text("no"),), is_error=True),
        ),
        (
            {"type": "server_tool_use", "id": "s"},
            Foreign("anthropic", "server_tool_use", b'{"type":"server_tool_use","id":"s"}'),
        ),
        ({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}, Image(Base64("image/png", PNG))),
        (
            {"type": "image_url", "image_url": {"url": "https://e.test/a", "detail": "low"}},
            Image(Url("https://e.test/a"), "low"),
        ),
        ({"type": "image_url", "image_url": "https://e.test/a"}, Image(Url("https://e.test/a"))),
        (
            {"type": "input_image", "image_url": "https://e.test/a", "detail": "high"},
            Image(Url("https://e.test/a"), "high"),
        ),
        ({"type": "input_image", "file_id": "f"}, Image(FileId("f"))),
        ({"type": "input_audio", "input_audio": {"data": HELLO, "format": "wav"}}, Audio(Base64("audio/wav", HELLO))),
        (
            {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}},
            Document(Base64("application/pdf", PDF), filename="a.pdf"),
        ),
        (
            {"type": "file", "file": {"filename": "a.md", "file_data": HELLO}},
            Document(Plain("hello", "text/markdown"), filename="a.md"),
        ),
        ({"type": "file", "file": {"file_id": "f"}}, Document(FileId("f"))),
        ({"type": "file", "file": {"file_data": f"data:image/png;base64,{PNG}"}}, Image(Base64("image/png", PNG))),
        ({"type": "input_file", "file_url": "https://e.test/a"}, Document(Url("https://e.test/a"))),
        ({"type": "input_text", "text": "a"}, Text("a")),
        ({"type": "output_text", "text": "a", "annotations": []}, Text("a")),
        ({"type": "refusal", "refusal": "no"}, Refusal("no")),
    ],
)
def test_part(part: object, block: Block) -> None:
    """C4: no part is lost, whatever dialect it is written in."""
    assert decoded([part]) == (block,)


@pytest.mark.parametrize(
    ("content", "blocks"),
    [
        (None, ()),
        ("", ()),
        ("hi", (Text("hi"),)),
        ([], ()),
        (["a", {"type": "text", "text": ""}], (Text("a"), Text(""))),
    ],
)
def test_content(content: object, blocks: tuple[Block, ...]) -> None:
    assert decoded(content) == blocks
    assert decode_content(None, native="openai", path="x") == ()


def test_document_of_blocks_keeps_its_pictures() -> None:
    inner = [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": "https://e.test/a"}, {"text": "b"}]
    found = decoded([{"type": "document", "source": {"type": "content", "content": inner}}])
    assert found == (Document(Plain("a\n\nb")), Image(Url("https://e.test/a")))


def test_opaque_values_find_their_way_home() -> None:
    """An envelope of another family is opened; an envelope of nothing is nothing."""
    kiro = Opaque("kiro", "signature", "xyz", "claude")
    part = {"type": "thinking", "thinking": "t", "signature": opaque.wrap(kiro, "anthropic")}
    assert decoded([part]) == (Thinking("t", (kiro,)),)
    part["signature"] = opaque.wrap(Opaque("", "signature", ""), "anthropic")
    assert decoded([part]) == (Thinking("t"),)


def test_unknown_types_belong_to_the_client_s_family_unless_anthropic_names_them() -> None:
    assert decoded([{"type": "novel"}], "openai") == (Foreign("openai", "novel", b'{"type":"novel"}'),)
    assert decoded([{"type": "compaction"}], "openai") == (
        Foreign("anthropic", "compaction", b'{"type":"compaction"}'),
    )


@pytest.mark.parametrize(
    "data",
    [f"data:image/png;base64,{PNG}", f" {PNG[:4]}\r\n{PNG[4:]}\n", PNG.rstrip("=")],
)
def test_base64_is_tidied(data: str) -> None:
    part = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}
    assert decoded([part]) == (Image(Base64("image/png", PNG)),)


def test_numbers_and_order_of_tool_input_survive() -> None:
    raw = (
        b'[{"type":"tool_use","id":"c","name":"n","input":{"z":1.0,"a":123456789012345678901234567890,"u":"\\u00e9"}}]'
    )
    (call,) = decode_content(raw, native="anthropic", path="x")
    assert isinstance(call, ToolCall)
    assert call.arguments == '{"z":1.0,"a":123456789012345678901234567890,"u":"\\u00e9"}'


AT = "messages[0].content"


@pytest.mark.parametrize(
    ("content", "param"),
    [
        (5, AT),
        ({"type": "text"}, AT),
        ([5], f"{AT}[0]"),
        ([{}], f"{AT}[0].type"),
        ([{"type": 5}], f"{AT}[0].type"),
        ([{"type": "text"}], f"{AT}[0]"),
        (["a", {"type": "text", "text": 5}], f"{AT}[1].text"),
        ([{"type": "text", "text": "a", "cache_control": 5}], f"{AT}[0].cache_control"),
        ([{"type": "image", "source": {"type": "base64", "data": "#"}}], f"{AT}[0].source.data"),
        ([{"type": "image", "source": {"type": "base64", "data": ""}}], f"{AT}[0].source.data"),
        ([{"type": "image", "source": {"type": "base64", "data": "aGk="}}], f"{AT}[0].source.data"),
        ([{"type": "image", "source": {"type": "bogus"}}], f"{AT}[0].source.type"),
        ([{"type": "image", "source": {"type": "url", "url": "file:///x"}}], f"{AT}[0].source.url"),
        ([{"type": "image_url", "image_url": {"url": "data:image/png;base64"}}], f"{AT}[0].image_url.url"),
        ([{"type": "image_url", "image_url": {"url": "data:image/png;base64,é"}}], f"{AT}[0].image_url.url"),
        ([{"type": "input_audio", "input_audio": {"data": "*", "format": "wav"}}], f"{AT}[0].input_audio.data"),
        ([{"type": "file", "file": {}}], f"{AT}[0].file.file_data"),
        ([{"type": "tool_use", "id": "c", "name": "", "input": {}}], f"{AT}[0].name"),
        ([{"type": "tool_use", "id": "c", "name": "n", "input": [1]}], f"{AT}[0].input"),
        ([{"type": "tool_result", "tool_use_id": "", "content": "a"}], f"{AT}[0].tool_use_id"),
        (
            [{"type": "tool_result", "tool_use_id": "c", "content": [{"type": "image", "source": {"type": "url"}}]}],
            f"{AT}[0].content[0].source.url",
        ),
    ],
)
def test_refusals_name_the_member(content: object, param: str) -> None:
    with pytest.raises(GatewayError) as caught:
        decoded(content)
    assert (caught.value.kind, caught.value.param) == ("bad_request", param)
    assert param in caught.value.message


def test_deep_nesting_is_refused() -> None:
    part: dict[str, object] = {"type": "text", "text": "a"}
    for _ in range(200):
        part = {"type": "tool_result", "tool_use_id": "c", "content": [part]}
    with pytest.raises(GatewayError, match="deep"):
        decoded([part])


SCHEMA = {"type": "object", "properties": {}}
RAW = msgspec.json.encode(SCHEMA)


@pytest.mark.parametrize(
    ("entry", "tool"),
    [
        (
            {"type": "function", "function": {"name": "f", "description": "d", "parameters": SCHEMA}},
            Tool("f", "d", RAW),
        ),
        ({"function": {"name": "f", "strict": True}}, Tool("f", strict=True)),
        ({"type": "function", "name": "f", "parameters": SCHEMA, "strict": None}, Tool("f", schema=RAW)),
        ({"type": "function", "name": "f", "parameters": None}, Tool("f")),
        ({"name": "f", "input_schema": SCHEMA, "defer_loading": True}, Tool("f", schema=RAW)),
        ({"type": None, "name": "f", "input_schema": SCHEMA}, Tool("f", schema=RAW)),
        ({"type": "custom", "name": "f", "input_schema": SCHEMA}, Tool("f", schema=RAW)),
        ({"name": "f", "parameters": SCHEMA}, Tool("f", schema=RAW)),
        ({"type": "function", "name": "f", "input_schema": SCHEMA}, Tool("f", schema=RAW)),
        (
            {"name": "f", "input_schema": SCHEMA, "cache_control": {"type": "ephemeral", "ttl": "1h"}},
            Tool("f", schema=RAW, cache=Cache("1h")),
        ),
        (
            {"type": "custom", "custom": {"name": "c", "description": "d", "format": {"type": "text"}}},
            Tool("c", "d", kind="custom", grammar=b'{"type":"text"}'),
        ),
        (
            {"type": "custom", "name": "c", "format": {"type": "text"}},
            Tool("c", kind="custom", grammar=b'{"type":"text"}'),
        ),
        (
            {"type": "web_search_20250305", "name": "web_search"},
            Tool(
                "web_search",
                kind="server",
                type="web_search_20250305",
                raw=b'{"type":"web_search_20250305","name":"web_search"}',
            ),
        ),
        (
            {"type": "googleSearch"},
            Tool("googleSearch", kind="server", type="googleSearch", raw=b'{"type":"googleSearch"}'),
        ),
    ],
)
def test_tool(entry: object, tool: Tool) -> None:
    """Real clients mix these shapes: no plain function is refused, no server tool is lost."""
    assert decode_tool(msgspec.json.encode(entry), "tools[0]") == tool


@pytest.mark.parametrize(
    ("entry", "param"),
    [
        (5, "tools[0]"),
        ({"type": "function", "function": {}}, "tools[0].function.name"),
        ({"input_schema": {}}, "tools[0].name"),
        ({"name": "f", "input_schema": []}, "tools[0].input_schema"),
        ({"type": "function", "function": {"name": "f", "parameters": "x"}}, "tools[0].function.parameters"),
        ({"type": "custom", "custom": {"name": "c", "format": 1}}, "tools[0].custom.format"),
        ({"name": 5}, "tools[0].name"),
    ],
)
def test_tool_refusals(entry: object, param: str) -> None:
    with pytest.raises(GatewayError) as caught:
        decode_tool(msgspec.json.encode(entry), "tools[0]")
    assert caught.value.param == param
