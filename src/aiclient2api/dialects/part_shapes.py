"""The parts that hold no other parts: what each looks like in JSON, and the block it is.

Enters: a part's typed members and its place. Leaves: one block. Refuses: members that are missing or cannot be meant,
with bad_request naming the member.
"""

from typing import NamedTuple

import msgspec

from aiclient2api.canonical.errors import bad_request
from aiclient2api.canonical.request import (
    Audio,
    Base64,
    Cache,
    Document,
    FileId,
    Image,
    Opaque,
    Plain,
    Refusal,
    Source,
    Text,
    Thinking,
    ToolCall,
    Url,
)
from aiclient2api.dialects import media, opaque
from aiclient2api.dialects.reading import ABSENT, Marked, json_text, read


class Place(NamedTuple):
    """Where a part stands: the dialect family of the client, the path in the body, and how deep in other parts."""

    native: str
    path: str
    depth: int = 0
    cache: Cache | None = None

    def at(self, member: str) -> str:
        return f"{self.path}.{member}"


def needed(value: str | None, path: str, member: str) -> str:
    """The value, which must not be missing or empty."""
    if not value:
        raise bad_request(f"{path}.{member} is missing.", f"{path}.{member}")
    return value


class TextPart(Marked, kw_only=True):
    text: str
    citations: list[msgspec.Raw] | None = None


def text(part: TextPart, place: Place) -> Text:
    return Text(part.text, place.cache, tuple(bytes(each) for each in part.citations or ()))


class SourceShape(msgspec.Struct):
    """Anthropic's `source`; which members count depends on its type."""

    type: str
    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    file_id: str | None = None
    content: msgspec.Raw = ABSENT


class ImagePart(Marked, kw_only=True):
    source: SourceShape


def image(part: ImagePart, place: Place) -> Image:
    return Image(_source(part.source, place), cache=place.cache)


def _source(shape: SourceShape, place: Place) -> Base64 | Url | FileId:
    """The sources that images and documents share."""
    path = place.at("source")
    if shape.type == "base64":
        return media.base64_source(needed(shape.data, path, "data"), shape.media_type, f"{path}.data")
    if shape.type == "url":
        return media.url_source(needed(shape.url, path, "url"), f"{path}.url")
    if shape.type == "file":
        return FileId(needed(shape.file_id, path, "file_id"))
    raise bad_request(f"{path}.type {shape.type!r} is not known here.", f"{path}.type")


class Enabled(msgspec.Struct):
    enabled: bool = False


class DocumentPart(Marked, kw_only=True):
    source: SourceShape
    title: str | None = None
    context: str | None = None
    citations: Enabled | None = None


def document(part: DocumentPart, place: Place, content: Plain | None = None) -> Document:
    """`content` is the text of a document that is made of blocks."""
    source: Source
    if content is not None:
        source = content
    elif part.source.type == "text":
        source = Plain(part.source.data or "", part.source.media_type or "text/plain")
    else:
        source = _source(part.source, place)
        if isinstance(source, Base64):
            source = media.readable(source)
    cited = part.citations is not None and part.citations.enabled
    return Document(source, part.title, part.context, citations=cited, cache=place.cache)


class ThinkingPart(Marked, kw_only=True):
    thinking: str = ""
    signature: str | None = None
    data: str | None = None


def thinking(part: ThinkingPart, place: Place) -> Thinking:
    return Thinking(part.thinking, _opaque(part.signature, place.native, "signature"))


def redacted(part: ThinkingPart, place: Place) -> Thinking:
    return Thinking("", _opaque(part.data, place.native, "redacted"))


def _opaque(value: str | None, native: str, kind: str) -> tuple[Opaque, ...]:
    """None for an envelope of nothing: that is what unsigned thinking gets, for clients that insist on a signature."""
    found = opaque.unwrap(value, native, kind) if value else None
    return (found,) if found is not None and found.value else ()


class CallPart(Marked, kw_only=True):
    id: str
    name: str
    input: msgspec.Raw = ABSENT


def tool_use(part: CallPart, place: Place) -> ToolCall:
    call_id, name = needed(part.id, place.path, "id"), needed(part.name, place.path, "name")
    return ToolCall(call_id, name, arguments_text(part.input, place.at("input")), cache=place.cache)


def arguments_text(raw: msgspec.Raw | str | None, path: str) -> str:
    """The JSON text of a call's arguments, as received; a string that holds the JSON is accepted too, read or raw."""
    if not isinstance(raw, msgspec.Raw):
        return raw.strip() or "{}" if raw else "{}"
    said = json_text(raw, path).strip()
    if said.startswith("{"):
        return said
    if said in ("", "null"):
        return "{}"
    if said.startswith('"'):
        return read(raw, str, path).strip() or "{}"
    raise bad_request(f"{path} must be an object.", path)


class _ImageUrl(msgspec.Struct):
    url: str
    detail: str | None = None


class ImageUrlPart(Marked, kw_only=True):
    """Chat nests url and detail; Responses, and some Chat clients, write a bare string."""

    image_url: _ImageUrl | str | None = None
    detail: str | None = None
    file_id: str | None = None


def image_url(part: ImageUrlPart, place: Place) -> Image:
    source: Source
    detail = part.detail
    if part.image_url is None:
        source = FileId(needed(part.file_id, place.path, "image_url"))
    elif isinstance(part.image_url, str):
        source = media.url_source(part.image_url, place.at("image_url"))
    else:
        source = media.url_source(part.image_url.url, place.at("image_url.url"))
        detail = part.image_url.detail or detail
    return Image(source, detail, place.cache)


class _AudioData(msgspec.Struct):
    data: str
    format: str = "wav"


class AudioPart(Marked, kw_only=True):
    input_audio: _AudioData


def input_audio(part: AudioPart, place: Place) -> Audio:
    sound = part.input_audio
    media_type = "audio/" + ("mpeg" if sound.format == "mp3" else sound.format)
    return Audio(media.base64_source(sound.data, media_type, place.at("input_audio.data")))


class FileShape(msgspec.Struct):
    file_data: str | None = None
    file_id: str | None = None
    file_url: str | None = None
    filename: str | None = None


class FilePart(Marked, kw_only=True):
    """Chat nests the members under `file`, Responses does not."""

    file: FileShape


class InputFilePart(FileShape):
    cache_control: Cache | None = None
    prompt_cache_breakpoint: Cache | None = None

    @property
    def cache(self) -> Cache | None:
        return self.cache_control or self.prompt_cache_breakpoint


def file(part: FilePart, place: Place) -> Image | Document:
    return _file_block(part.file, place, place.at("file"))


def input_file(part: InputFilePart, place: Place) -> Image | Document:
    return _file_block(part, place, place.path)


def _file_block(shape: FileShape, place: Place, path: str) -> Image | Document:
    if shape.file_data:
        named = None if shape.file_data.startswith("data:") else media.media_type_by_name(shape.filename)
        source = media.base64_source(shape.file_data, named, f"{path}.file_data")
        block: Image | Document = media.file_block(source, filename=shape.filename)
    elif shape.file_url:
        found = media.url_source(shape.file_url, f"{path}.file_url")
        block = Document(found, filename=shape.filename)
    else:
        block = Document(FileId(needed(shape.file_id, path, "file_data")), filename=shape.filename)
    return msgspec.structs.replace(block, cache=place.cache)


class RefusalPart(Marked, kw_only=True):
    refusal: str


def refusal(part: RefusalPart, place: Place) -> Refusal:
    return Refusal(part.refusal)
