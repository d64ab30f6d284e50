"""Content of a message in any of the shapes that clients send: Anthropic blocks, Chat parts, Responses parts.

Enters: the raw `content` member (a string, null, or a list of parts) and its path in the body. Leaves: canonical
blocks in the same order. Refuses: malformed parts, with bad_request naming the member; unknown types are carried raw.
"""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from aiclient2api.canonical.errors import GatewayError, bad_request
from aiclient2api.canonical.request import Block, Foreign, Plain, SearchResult, Text, ToolResult
from aiclient2api.dialects import part_shapes as shapes
from aiclient2api.dialects import plain
from aiclient2api.dialects.part_shapes import Place, arguments_text
from aiclient2api.dialects.reading import ABSENT, Marked, given, read
from aiclient2api.wire import jsonio

__all__ = ["arguments_text", "decode_content", "decode_part"]

MAX_NESTING = 3
"""Results may hold documents that hold text; nothing sound goes deeper."""


class _Head(Marked):
    type: str | None = None
    text: msgspec.Raw = ABSENT


def decode_content(raw: msgspec.Raw | bytes | None, *, native: str, path: str, depth: int = 0) -> tuple[Block, ...]:
    """Blocks of a `content` member. `native` is the client's dialect family ("anthropic", "openai"), whose own opaque
    values come without an envelope. Raises GatewayError("bad_request")."""
    body = b"" if raw is None else bytes(raw).strip()
    if body in (b"", b"null"):
        return ()
    if body[:1] == b'"':
        text = read(body, str, path)
        return (Text(text),) if text else ()
    if body[:1] != b"[":
        raise bad_request(f"{path} must be a string or a list of parts.", path)
    found = plain_content(body, native, depth)
    return each_part(body, native, path, depth) if found is None else found


def plain_content(body: bytes, native: str, depth: int) -> tuple[Block, ...] | None:
    """None if one of the parts is not plain."""
    content = jsonio.fitting(body, plain.Parts) if depth < MAX_NESTING else None
    try:
        return None if content is None else plain.blocks(content, native, depth)
    except GatewayError:
        return None


def each_part(body: bytes, native: str, path: str, depth: int) -> tuple[Block, ...]:
    out: list[Block] = []
    for index, part in enumerate(read(body, list[msgspec.Raw], path)):
        out += decode_part(part, native=native, path=f"{path}[{index}]", depth=depth)
    return tuple(out)


def decode_part(raw: msgspec.Raw | bytes, *, native: str, path: str, depth: int = 0) -> tuple[Block, ...]:
    """Blocks of one part; more than one only where a part holds others."""
    body = bytes(raw).strip()
    if body[:1] == b'"':
        return (Text(read(body, str, path)),)
    if depth > MAX_NESTING:
        raise bad_request(f"{path} is nested too deeply.", path)
    head = read(body, _Head, path)
    place = Place(native, path, depth, head.cache)
    kind = head.type or ("text" if given(head.text) else None)
    if kind is None:
        raise bad_request(f"{path}.type is missing.", place.at("type"))
    decoder = _PARTS.get(kind)
    if decoder is not None:
        return decoder(body, place)
    dialect = "anthropic" if kind in _ANTHROPIC_TYPES else native
    return (Foreign(dialect, kind, body),)


def _document(body: bytes, place: Place) -> tuple[Block, ...]:
    part = read(body, shapes.DocumentPart, place.path)
    if part.source.type != "content":
        return (shapes.document(part, place),)
    text, rest = _document_content(part.source, place)
    return (shapes.document(part, place._replace(cache=None) if rest else place, text), *rest)


def _document_content(shape: shapes.SourceShape, place: Place) -> tuple[Plain, tuple[Block, ...]]:
    """A document made of blocks: its text, and the pictures in it, which follow it as blocks of their own."""
    blocks = decode_content(shape.content, native=place.native, path=place.at("source.content"), depth=place.depth + 1)
    text = "\n\n".join(block.text for block in blocks if isinstance(block, Text))
    return Plain(text), tuple(block for block in blocks if not isinstance(block, Text))


class _SearchPart(msgspec.Struct):
    source: str = ""
    title: str = ""
    content: msgspec.Raw = ABSENT


def _search_result(body: bytes, place: Place) -> tuple[Block, ...]:
    part = read(body, _SearchPart, place.path)
    blocks = decode_content(part.content, native=place.native, path=place.at("content"), depth=place.depth + 1)
    texts = tuple(block for block in blocks if isinstance(block, Text))
    return (SearchResult(part.source, part.title, texts, place.cache),)


class _ResultPart(msgspec.Struct):
    tool_use_id: str
    content: msgspec.Raw = ABSENT
    is_error: bool | None = None


def _tool_result(body: bytes, place: Place) -> tuple[Block, ...]:
    part = read(body, _ResultPart, place.path)
    call_id = shapes.needed(part.tool_use_id, place.path, "tool_use_id")
    blocks = decode_content(part.content, native=place.native, path=place.at("content"), depth=place.depth + 1)
    return (ToolResult(call_id, blocks, is_error=bool(part.is_error), cache=place.cache),)


S = TypeVar("S")
_Reader = Callable[[bytes, Place], tuple[Block, ...]]


def _leaf(shape: type[S], make: Callable[[S, Place], Block]) -> _Reader:
    """The reader of a part that holds no other parts."""
    return lambda body, place: (make(read(body, shape, place.path), place),)


_TEXT = _leaf(shapes.TextPart, shapes.text)
_IMAGE_URL = _leaf(shapes.ImageUrlPart, shapes.image_url)

_PARTS: dict[str, _Reader] = {
    "text": _TEXT,
    "input_text": _TEXT,
    "output_text": _TEXT,
    "image": _leaf(shapes.ImagePart, shapes.image),
    "document": _document,
    "search_result": _search_result,
    "thinking": _leaf(shapes.ThinkingPart, shapes.thinking),
    "redacted_thinking": _leaf(shapes.ThinkingPart, shapes.redacted),
    "tool_use": _leaf(shapes.CallPart, shapes.tool_use),
    "tool_result": _tool_result,
    "image_url": _IMAGE_URL,
    "input_image": _IMAGE_URL,
    "input_audio": _leaf(shapes.AudioPart, shapes.input_audio),
    "file": _leaf(shapes.FilePart, shapes.file),
    "input_file": _leaf(shapes.InputFilePart, shapes.input_file),
    "refusal": _leaf(shapes.RefusalPart, shapes.refusal),
}

_ANTHROPIC_TYPES = frozenset(
    {
        "server_tool_use",
        "web_search_tool_result",
        "web_fetch_tool_result",
        "code_execution_tool_result",
        "bash_code_execution_tool_result",
        "text_editor_code_execution_tool_result",
        "tool_search_tool_result",
        "tool_reference",
        "browser_state",
        "container_upload",
        "mcp_tool_use",
        "mcp_tool_result",
        "mcp_tool_listing",
        "compaction",
        "fallback",
        "tool_addition",
        "tool_removal",
    }
)
"""Types that only Anthropic has, whatever dialect the message around them is in."""
