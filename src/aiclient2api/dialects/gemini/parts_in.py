"""Parts of a client's contents as canonical blocks.

Enters: one raw part, its path, and the calls of the conversation so far. Leaves: blocks in order; a signature beside
text becomes thinking without words behind it. Refuses: calls and results without a name, broken base64, links that are
none, with bad_request naming the member. Parts without a word of ours are carried raw.
"""

from typing import NamedTuple

import msgspec

from aiclient2api.canonical.errors import bad_request
from aiclient2api.canonical.request import (
    Audio,
    Base64,
    Block,
    Document,
    FileId,
    Foreign,
    Image,
    Opaque,
    Source,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Url,
)
from aiclient2api.dialects import media
from aiclient2api.dialects.gemini.calls import Calls
from aiclient2api.dialects.gemini.fields import listed, shape
from aiclient2api.dialects.gemini.signatures import read_signature
from aiclient2api.dialects.parts import arguments_text
from aiclient2api.dialects.reading import ABSENT, given, json_text, read

FAMILY = "gemini"
_BESIDE = frozenset({"thought", "thoughtSignature", "mediaResolution", "videoMetadata", "partMetadata"})
"""Members that stand beside the one that says what a part is."""


class _Part(msgspec.Struct, rename="camel"):
    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    function_call: msgspec.Raw = ABSENT
    function_response: msgspec.Raw = ABSENT
    inline_data: msgspec.Raw = ABSENT
    file_data: msgspec.Raw = ABSENT
    media_resolution: msgspec.Raw = ABSENT
    video_metadata: msgspec.Raw = ABSENT


class _Call(msgspec.Struct, rename="camel"):
    name: str | None = None
    id: str | None = None
    args: msgspec.Raw = ABSENT


class _Result(msgspec.Struct, rename="camel"):
    name: str | None = None
    id: str | None = None
    response: msgspec.Raw = ABSENT
    parts: msgspec.Raw = ABSENT


class _PlainCall(_Call, gc=False, forbid_unknown_fields=True): ...


class _PlainResult(_Result, gc=False, forbid_unknown_fields=True): ...


class PlainPart(msgspec.Struct, rename="camel", gc=False, forbid_unknown_fields=True):
    """A part as nearly all clients write it, read with all that is in it. A name in snake_case is an unknown one."""

    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    function_call: _PlainCall | None = None
    function_response: _PlainResult | None = None
    inline_data: msgspec.Raw = ABSENT


class Piece(NamedTuple):
    """The blocks of one part; `thought` marks what may go on a thought of the part before."""

    blocks: tuple[Block, ...]
    thought: bool = False
    dropped: tuple[str, ...] = ()


def decode_part(raw: msgspec.Raw, path: str, calls: Calls) -> Piece:
    """Raises GatewayError("bad_request") naming the member at fault."""
    if bytes(raw).startswith(b'"'):
        return Piece((Text(read(raw, str, path)),))
    part = shape(raw, _Part, path)
    state = read_signature(part.thought_signature)
    if given(part.function_call):
        return Piece((_call(part.function_call, f"{path}.functionCall", calls, state),))
    if given(part.function_response):
        return Piece((_result(part.function_response, f"{path}.functionResponse", calls),))
    dropped = ("parts.videoMetadata",) if given(part.video_metadata) else ()
    if given(part.inline_data):
        return Piece((_inline(part.inline_data, f"{path}.inlineData", _detail(part, path)),), dropped=dropped)
    if given(part.file_data):
        return Piece((_file(part.file_data, f"{path}.fileData", _detail(part, path)),), dropped=dropped)
    if part.text is None and (kind := _foreign_kind(raw, path)) is not None:
        return Piece((Foreign(FAMILY, kind, bytes(raw)),))
    return _text_piece(part.text, bool(part.thought), state)


def plain_part(part: PlainPart, path: str, calls: Calls) -> Piece | None:
    """As decode_part makes it; None, or bad_request, where that must decide."""
    state = read_signature(part.thought_signature)
    if part.function_call is not None:
        return Piece((_called(part.function_call, f"{path}.functionCall", calls, state),))
    if part.function_response is not None:
        return Piece((_answered(part.function_response, f"{path}.functionResponse", calls),))
    if given(part.inline_data):
        return Piece((_inline(part.inline_data, f"{path}.inlineData", None),))
    return None if part.text is None else _text_piece(part.text, bool(part.thought), state)


def _text_piece(text: str | None, thought: bool, state: tuple[Opaque, ...]) -> Piece:
    if text and thought:
        return Piece((Thinking(text, state),), thought=True)
    said: tuple[Block, ...] = (Text(text),) if text else ()
    return Piece((*said, Thinking("", state)) if state else said, thought=thought)


def _foreign_kind(raw: msgspec.Raw, path: str) -> str | None:
    return next((name for name in read(raw, dict[str, msgspec.Raw], path) if name not in _BESIDE), None)


def _call(raw: msgspec.Raw, path: str, calls: Calls, state: tuple[Opaque, ...]) -> ToolCall:
    return _called(shape(raw, _Call, path), path, calls, state)


def _called(call: _Call, path: str, calls: Calls, state: tuple[Opaque, ...]) -> ToolCall:
    if not call.name:
        raise bad_request(f"{path}.name is missing.", f"{path}.name")
    arguments = arguments_text(call.args, f"{path}.args")
    return ToolCall(calls.called(call.name, call.id or "", path), call.name, arguments, opaque=state)


def _result(raw: msgspec.Raw, path: str, calls: Calls) -> ToolResult:
    return _answered(shape(raw, _Result, path), path, calls)


def _answered(result: _Result, path: str, calls: Calls) -> ToolResult:
    if not result.name and not result.id:
        raise bad_request(f"{path}.name is missing.", f"{path}.name")
    call_id, name = calls.answered(result.name or "", result.id or "", path)
    content, is_error = _response(result.response, f"{path}.response")
    attached = [
        block
        for place, part in listed(result.parts if given(result.parts) else None, f"{path}.parts")
        for block in decode_part(part, place, calls).blocks
    ]
    return ToolResult(call_id, (*content, *attached), is_error, name)


def _response(raw: msgspec.Raw, path: str) -> tuple[tuple[Block, ...], bool]:
    """What the tool said: the one member `output` or `error` (then it failed), or the whole object as JSON."""
    if not given(raw):
        return (), False
    text = json_text(raw, path).strip()
    is_error = False
    if text.startswith("{"):
        found = read(raw, dict[str, msgspec.Raw], path)
        only = next(iter(found)) if len(found) == 1 else ""
        if only in ("output", "error"):
            text, is_error = json_text(found[only], f"{path}.{only}").strip(), only == "error"
    if text.startswith('"'):
        text = read(text.encode(), str, path)
    elif text == "null":
        text = ""
    return ((Text(text),) if text else ()), is_error


class _Resolution(msgspec.Struct):
    level: str = ""


_DETAILS = {
    "MEDIA_RESOLUTION_LOW": "low",
    "MEDIA_RESOLUTION_MEDIUM": "auto",
    "MEDIA_RESOLUTION_HIGH": "high",
    "MEDIA_RESOLUTION_ULTRA_HIGH": "high",
}


def _detail(part: _Part, path: str) -> str | None:
    if not given(part.media_resolution):
        return None
    return _DETAILS.get(read(part.media_resolution, _Resolution, f"{path}.mediaResolution").level)


class _Blob(msgspec.Struct, rename="camel"):
    data: str | None = None
    mime_type: str | None = None
    display_name: str | None = None


def _inline(raw: msgspec.Raw, path: str, detail: str | None) -> Block:
    blob = shape(raw, _Blob, path)
    source = media.base64_source(blob.data or "", blob.mime_type or None, f"{path}.data")
    return _attachment(source, source.media_type, blob.display_name, detail)


class _File(msgspec.Struct, rename="camel"):
    file_uri: str | None = None
    mime_type: str | None = None
    display_name: str | None = None


def _file(raw: msgspec.Raw, path: str, detail: str | None) -> Block:
    found = shape(raw, _File, path)
    if not found.file_uri:
        raise bad_request(f"{path}.fileUri is missing.", f"{path}.fileUri")
    media_type = found.mime_type or media.media_type_by_name(found.file_uri)
    source: Source = FileId(found.file_uri)
    if not stored_at_google(found.file_uri):
        linked = media.url_source(found.file_uri, f"{path}.fileUri")
        source = Url(linked.url, media_type) if isinstance(linked, Url) else linked
    return _attachment(source, media_type or "", found.display_name, detail)


def stored_at_google(uri: str) -> bool:
    """Files of the Files API and of Cloud Storage, which only this account at this vendor can read."""
    return uri.startswith(("gs://", "files/")) or "generativelanguage.googleapis.com/" in uri


def _attachment(source: Source, media_type: str, name: str | None, detail: str | None) -> Block:
    if media_type.startswith("image/"):
        return Image(source, detail)
    if media_type.startswith("audio/"):
        return Audio(source)
    return Document(media.readable(source) if isinstance(source, Base64) else source, filename=name)
