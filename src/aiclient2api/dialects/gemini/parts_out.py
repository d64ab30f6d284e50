"""Blocks of a turn as Gemini parts.

Enters: canonical blocks that are neither calls nor results nor thinking. Leaves: parts; what cannot be carried is named
in `dropped`. Refuses, with bad_request: pictures for a model that sees none, files stored at another vendor, links that
the model does not follow.
"""

import re
from typing import NamedTuple

import msgspec

from aiclient2api.canonical.errors import bad_request
from aiclient2api.canonical.model import Model
from aiclient2api.canonical.request import (
    Audio,
    Base64,
    Block,
    Document,
    FileId,
    Foreign,
    Image,
    Plain,
    Refusal,
    SearchResult,
    Source,
    Text,
    Url,
)
from aiclient2api.dialects.as_function import one_line
from aiclient2api.dialects.as_text import document_text, search_text
from aiclient2api.dialects.media import media_type_by_name
from aiclient2api.dialects.names import NameMap
from aiclient2api.dialects.reading import refused
from aiclient2api.dialects.schema import GEMINI_JSON_SCHEMA, GEMINI_SUBSET, levelled
from aiclient2api.wire import jsonio

FAMILY = "gemini"

Member = dict[str, object]
"""A JSON object that is being built; msgspec.Raw may stand among its values."""


class Writing(NamedTuple):
    """What one request is written with. `client` is the dialect it came in; `dropped` collects, in order, the names
    of what is left out; `subset` asks for the older schema form instead of JSON Schema."""

    model: Model
    client: str
    names: NameMap
    dropped: dict[str, None]
    subset: bool = False

    @property
    def native(self) -> bool:
        return self.client == FAMILY

    @property
    def modern(self) -> bool:
        """Whether the model is of the third generation or later: those are asked for a level of thinking, and take
        pictures in results and a form of the answer beside tools."""
        return "effort" in self.model.thinking

    def drop(self, name: str) -> None:
        self.dropped[name] = None


def part_of(block: Block, writing: Writing) -> Member | msgspec.Raw | None:
    """The part, or None for what has none. Raises GatewayError("bad_request")."""
    if isinstance(block, Text):
        if block.citations:
            writing.drop("citations")
        return {"text": block.text} if block.text else None
    if isinstance(block, Refusal):
        return {"text": block.text} if block.text else None
    if isinstance(block, SearchResult):
        return {"text": search_text(block)}
    if isinstance(block, Image):
        return _image(block, writing)
    if isinstance(block, Document):
        return _document(block, writing)
    if isinstance(block, Audio):
        return _data(block.source, None, writing)
    if isinstance(block, Foreign) and block.dialect == FAMILY:
        return msgspec.Raw(one_line(block.raw))
    writing.drop(f"messages.content.{block.type if isinstance(block, Foreign) else type(block).__name__.lower()}")
    return None


_LEVELS = {"low": "MEDIA_RESOLUTION_LOW", "auto": "MEDIA_RESOLUTION_MEDIUM", "high": "MEDIA_RESOLUTION_HIGH"}


def _image(block: Image, writing: Writing) -> Member:
    if not writing.model.images:
        raise bad_request(f"The model {writing.model.id} takes no pictures.", "messages")
    part = _data(block.source, None, writing)
    if writing.native and block.detail in _LEVELS:
        part["mediaResolution"] = {"level": _LEVELS[block.detail]}
    elif block.detail not in (None, "auto"):
        writing.drop("detail")
    return part


def _document(block: Document, writing: Writing) -> Member:
    if block.citations:
        writing.drop("citations")
    if isinstance(block.source, Plain):
        return {"text": document_text(block, block.source)}
    return _data(block.source, block.filename or block.title, writing)


def _data(source: Source, name: str | None, writing: Writing) -> Member:
    """Bytes in the request, or where they are."""
    if isinstance(source, Base64):
        return {"inlineData": {"mimeType": source.media_type, "data": source.data}}
    if isinstance(source, Plain):
        return {"text": source.text}
    if isinstance(source, FileId):
        if not writing.native:
            raise bad_request(
                "A file id belongs to the provider that stores the file; send its bytes as base64.", "messages"
            )
        return {"fileData": {"fileUri": source.id}}
    if not _takes_link(source, writing.client, writing.model):
        raise bad_request("This link cannot be sent to this model; send the bytes as base64.", "messages")
    media_type = source.media_type or media_type_by_name(name) or media_type_by_name(source.url.partition("?")[0])
    found: Member = {"mimeType": media_type} if media_type else {}
    return {"fileData": found | {"fileUri": source.url}}


def takes_url(block: Image | Document, client: str, model: Model) -> bool:
    """See _takes_link."""
    return isinstance(block.source, Url) and _takes_link(block.source, client, model)


def _takes_link(source: Url, client: str, model: Model) -> bool:
    """A client of this dialect knows what the model reads; of others' links it reads the public https ones."""
    return client == FAMILY or (source.url.startswith("https://") and _follows_links(model))


_OLD = re.compile(r"gemini-(?:1|2\.0)")


def _follows_links(model: Model) -> bool:
    """Public https links are read by all generations after 2.0 (vercel/ai#16757)."""
    return _OLD.search(model.id) is None


def schema_out(schema: bytes, writing: Writing, param: str, *, object_root: bool = False) -> msgspec.Raw:
    """A schema as the upstream takes it. Raises bad_request for one that cannot be read."""
    try:
        found = levelled(schema, GEMINI_SUBSET if writing.subset else GEMINI_JSON_SCHEMA, object_root=object_root)
    except jsonio.JsonError as error:
        raise refused(error, param) from None
    return msgspec.Raw(one_line(found))
