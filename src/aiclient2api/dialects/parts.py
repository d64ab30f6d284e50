"""Content of a message in any of the shapes that clients send: Anthropic blocks, Chat parts, Responses parts.

Enters: the raw `content` member (a string, null, or a list of parts) and its path in the body. Leaves: canonical
blocks in the same order. Refuses: malformed parts, with bad_request naming the member; unknown types are carried raw.
"""

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from aiclient2api.canonical.errors import bad_request
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
    Source,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Url,
)
from aiclient2api.dialects import media, opaque
from aiclient2api.dialects.reading import ABSENT, CacheMark, cache_of, given, json_text, read
from aiclient2api.dialects.tool_shapes import decode_tool

__all__ = ["arguments_text", "decode_content", "decode_part", "decode_tool"]

MAX_NESTING = 3
"""Results may hold documents that hold text; nothing sound goes deeper."""


class _Place(NamedTuple):
    """Where a part stands: the dialect family of the client, the path in the body, and how deep in other parts."""

    native: str
    path: str
    depth: int = 0
    cache: Cache | None = None

    def at(self, member: str) -> str:
        return f"{self.path}.{member}"


class _Head(msgspec.Struct):
    type: str | None = None
    text: msgspec.Raw = ABSENT
    cache_control: CacheMark | None = None
    prompt_cache_breakpoint: CacheMark | None = None


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
    place = _Place(native, path, depth, cache_of(head.cache_control, head.prompt_cache_breakpoint))
    kind = head.type or ("text" if given(head.text) else None)
    if kind is None:
        raise bad_request(f"{path}.type is missing.", place.at("type"))
    decoder = _PARTS.get(kind)
    if decoder is not None:
        return decoder(body, place)
    dialect = "anthropic" if kind in _ANTHROPIC_TYPES else native
    return (Foreign(dialect, kind, body),)


class _TextPart(msgspec.Struct):
    text: str
    citations: list[msgspec.Raw] | None = None


def _text(body: bytes, place: _Place) -> tuple[Block, ...]:
    part = read(body, _TextPart, place.path)
    return (Text(part.text, place.cache, tuple(bytes(each) for each in part.citations or ())),)


class _SourceShape(msgspec.Struct):
    """Anthropic's `source`; which members count depends on its type."""

    type: str
    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    file_id: str | None = None
    content: msgspec.Raw = ABSENT


class _ImagePart(msgspec.Struct):
    source: _SourceShape


def _image(body: bytes, place: _Place) -> tuple[Block, ...]:
    shape = read(body, _ImagePart, place.path).source
    return (Image(_source(shape, place), cache=place.cache),)


def _source(shape: _SourceShape, place: _Place) -> Base64 | Url | FileId:
    """The sources that images and documents share."""
    path = place.at("source")
    if shape.type == "base64":
        return media.base64_source(_needed(shape.data, path, "data"), shape.media_type, f"{path}.data")
    if shape.type == "url":
        return media.url_source(_needed(shape.url, path, "url"), f"{path}.url")
    if shape.type == "file":
        return FileId(_needed(shape.file_id, path, "file_id"))
    raise bad_request(f"{path}.type {shape.type!r} is not known here.", f"{path}.type")


def _needed(value: str | None, path: str, member: str) -> str:
    if not value:
        raise bad_request(f"{path}.{member} is missing.", f"{path}.{member}")
    return value


class _Enabled(msgspec.Struct):
    enabled: bool = False


class _DocumentPart(msgspec.Struct):
    source: _SourceShape
    title: str | None = None
    context: str | None = None
    citations: _Enabled | None = None


def _document(body: bytes, place: _Place) -> tuple[Block, ...]:
    part = read(body, _DocumentPart, place.path)
    rest: tuple[Block, ...] = ()
    source: Source
    if part.source.type == "text":
        source = Plain(part.source.data or "", part.source.media_type or "text/plain")
    elif part.source.type == "content":
        source, rest = _document_content(part.source, place)
    else:
        source = _source(part.source, place)
        if isinstance(source, Base64):
            source = media.readable(source)
    cited = part.citations is not None and part.citations.enabled
    block = Document(source, part.title, part.context, citations=cited, cache=None if rest else place.cache)
    return (block, *rest)


def _document_content(shape: _SourceShape, place: _Place) -> tuple[Plain, tuple[Block, ...]]:
    """A document made of blocks: its text, and the pictures in it, which follow it as blocks of their own."""
    blocks = decode_content(shape.content, native=place.native, path=place.at("source.content"), depth=place.depth + 1)
    text = "\n\n".join(block.text for block in blocks if isinstance(block, Text))
    return Plain(text), tuple(block for block in blocks if not isinstance(block, Text))


class _SearchPart(msgspec.Struct):
    source: str = ""
    title: str = ""
    content: msgspec.Raw = ABSENT


def _search_result(body: bytes, place: _Place) -> tuple[Block, ...]:
    part = read(body, _SearchPart, place.path)
    blocks = decode_content(part.content, native=place.native, path=place.at("content"), depth=place.depth + 1)
    texts = tuple(block for block in blocks if isinstance(block, Text))
    return (SearchResult(part.source, part.title, texts, place.cache),)


class _ThinkingPart(msgspec.Struct):
    thinking: str = ""
    signature: str | None = None
    data: str | None = None


def _thinking(body: bytes, place: _Place) -> tuple[Block, ...]:
    part = read(body, _ThinkingPart, place.path)
    return (Thinking(part.thinking, _opaque(part.signature, place.native, "signature")),)


def _redacted(body: bytes, place: _Place) -> tuple[Block, ...]:
    part = read(body, _ThinkingPart, place.path)
    return (Thinking("", _opaque(part.data, place.native, "redacted")),)


def _opaque(value: str | None, native: str, kind: str) -> tuple[Opaque, ...]:
    """None for an envelope of nothing: that is what unsigned thinking gets, for clients that insist on a signature."""
    found = opaque.unwrap(value, native, kind) if value else None
    return (found,) if found is not None and found.value else ()


class _CallPart(msgspec.Struct):
    id: str
    name: str
    input: msgspec.Raw = ABSENT


def _tool_use(body: bytes, place: _Place) -> tuple[Block, ...]:
    part = read(body, _CallPart, place.path)
    call_id, name = _needed(part.id, place.path, "id"), _needed(part.name, place.path, "name")
    return (ToolCall(call_id, name, arguments_text(part.input, place.at("input")), cache=place.cache),)


def arguments_text(raw: msgspec.Raw, path: str) -> str:
    """The JSON text of a call's arguments, as received; a string that holds the JSON is accepted too."""
    if not given(raw):
        return "{}"
    text = json_text(raw, path).strip()
    if text.startswith('"'):
        return read(raw, str, path).strip() or "{}"
    if not text.startswith("{"):
        raise bad_request(f"{path} must be an object.", path)
    return text


class _ResultPart(msgspec.Struct):
    tool_use_id: str
    content: msgspec.Raw = ABSENT
    is_error: bool | None = None


def _tool_result(body: bytes, place: _Place) -> tuple[Block, ...]:
    part = read(body, _ResultPart, place.path)
    call_id = _needed(part.tool_use_id, place.path, "tool_use_id")
    blocks = decode_content(part.content, native=place.native, path=place.at("content"), depth=place.depth + 1)
    return (ToolResult(call_id, blocks, is_error=bool(part.is_error), cache=place.cache),)


class _ImageUrl(msgspec.Struct):
    url: str
    detail: str | None = None


class _ImageUrlPart(msgspec.Struct):
    """Chat nests url and detail; Responses, and some Chat clients, write a bare string."""

    image_url: _ImageUrl | str | None = None
    detail: str | None = None
    file_id: str | None = None


def _image_url(body: bytes, place: _Place) -> tuple[Block, ...]:
    part = read(body, _ImageUrlPart, place.path)
    source: Source
    detail = part.detail
    if part.image_url is None:
        source = FileId(_needed(part.file_id, place.path, "image_url"))
    elif isinstance(part.image_url, str):
        source = media.url_source(part.image_url, place.at("image_url"))
    else:
        source = media.url_source(part.image_url.url, place.at("image_url.url"))
        detail = part.image_url.detail or detail
    return (Image(source, detail, place.cache),)


class _AudioData(msgspec.Struct):
    data: str
    format: str = "wav"


class _AudioPart(msgspec.Struct):
    input_audio: _AudioData


def _input_audio(body: bytes, place: _Place) -> tuple[Block, ...]:
    sound = read(body, _AudioPart, place.path).input_audio
    media_type = "audio/" + ("mpeg" if sound.format == "mp3" else sound.format)
    return (Audio(media.base64_source(sound.data, media_type, place.at("input_audio.data"))),)


class _FileShape(msgspec.Struct):
    file_data: str | None = None
    file_id: str | None = None
    file_url: str | None = None
    filename: str | None = None


class _FilePart(msgspec.Struct):
    """Chat nests the members under `file`, Responses does not."""

    file: _FileShape


def _file(body: bytes, place: _Place) -> tuple[Block, ...]:
    return _file_block(read(body, _FilePart, place.path).file, place, place.at("file"))


def _input_file(body: bytes, place: _Place) -> tuple[Block, ...]:
    return _file_block(read(body, _FileShape, place.path), place, place.path)


def _file_block(shape: _FileShape, place: _Place, path: str) -> tuple[Block, ...]:
    if shape.file_data:
        named = None if shape.file_data.startswith("data:") else media.media_type_by_name(shape.filename)
        source = media.base64_source(shape.file_data, named, f"{path}.file_data")
        block: Image | Document = media.file_block(source, filename=shape.filename)
    elif shape.file_url:
        found = media.url_source(shape.file_url, f"{path}.file_url")
        block = Document(found, filename=shape.filename)
    else:
        block = Document(FileId(_needed(shape.file_id, path, "file_data")), filename=shape.filename)
    return (msgspec.structs.replace(block, cache=place.cache),)


class _RefusalPart(msgspec.Struct):
    refusal: str


def _refusal(body: bytes, place: _Place) -> tuple[Block, ...]:
    return (Refusal(read(body, _RefusalPart, place.path).refusal),)


_PARTS: dict[str, Callable[[bytes, _Place], tuple[Block, ...]]] = {
    "text": _text,
    "input_text": _text,
    "output_text": _text,
    "image": _image,
    "document": _document,
    "search_result": _search_result,
    "thinking": _thinking,
    "redacted_thinking": _redacted,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
    "image_url": _image_url,
    "input_image": _image_url,
    "input_audio": _input_audio,
    "file": _file,
    "input_file": _input_file,
    "refusal": _refusal,
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
