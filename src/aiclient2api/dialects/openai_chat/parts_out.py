"""Blocks of a user turn as Chat content parts, and as plain text where only text may stand.

Refuses, with bad_request, what the dialect cannot carry: pictures for a model that sees none, files stored at another
vendor, documents that are only a link, sound other than wav and mp3.
"""

from collections.abc import Sequence
from typing import NamedTuple, NoReturn

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
    Text,
    Url,
)
from aiclient2api.dialects.as_text import document_text, search_text
from aiclient2api.dialects.names import NameMap

Member = dict[str, object]
"""A JSON object that is being built; msgspec.Raw may stand among its values."""


class Writing(NamedTuple):
    """What one request is written with. `client` is the dialect it came in; `dropped` collects, in order, the names
    of what is left out."""

    model: Model
    client: str
    names: NameMap
    dropped: dict[str, None]

    @property
    def openai(self) -> bool:
        """Whether the client speaks a dialect of OpenAI, so that its file ids and raw parts mean something here."""
        return self.client.startswith("openai")

    def drop(self, name: str) -> None:
        self.dropped[name] = None


def text_part(text: str) -> Member:
    return {"type": "text", "text": text}


def parts_of(blocks: Sequence[Block], writing: Writing) -> list[Member | msgspec.Raw]:
    """Content parts in the blocks' order; what cannot stand in a user message is left out and named."""
    out: list[Member | msgspec.Raw] = []
    for block in blocks:
        part = _part(block, writing)
        if part is not None:
            out.append(part)
        if getattr(block, "cache", None) is not None:
            writing.drop("cache_control")
    return out


def _part(block: Block, writing: Writing) -> Member | msgspec.Raw | None:
    if type(block) is Text or type(block) is Refusal:
        return text_part(block.text) if block.text else None
    if isinstance(block, Image):
        return _image(block, writing)
    if isinstance(block, Document):
        return _document(block, writing)
    if isinstance(block, Audio):
        return _audio(block)
    if isinstance(block, SearchResult):
        return text_part(search_text(block))
    if isinstance(block, Foreign) and block.dialect == "openai" and writing.openai:
        return msgspec.Raw(block.raw)
    writing.drop(f"messages.content.{block.type if isinstance(block, Foreign) else type(block).__name__.lower()}")
    return None


def _image(block: Image, writing: Writing) -> Member:
    if not writing.model.images:
        raise bad_request(f"The model {writing.model.id} takes no pictures.", "messages")
    if isinstance(block.source, FileId | Plain):
        _foreign_file()
    url = block.source.url if isinstance(block.source, Url) else data_url(block.source)
    shown: Member = {"url": url}
    if block.detail is not None:
        shown["detail"] = block.detail
    return {"type": "image_url", "image_url": shown}


def takes_url(block: Image | Document, client: str, model: Model) -> bool:
    """Pictures may be links, documents may not."""
    return isinstance(block, Image)


def data_url(source: Base64) -> str:
    return f"data:{source.media_type};base64,{source.data}"


_NAMES = {"application/pdf": "file.pdf", "text/plain": "file.txt", "text/csv": "file.csv", "text/html": "file.html"}
"""For files that came without a name; OpenAI insists on one."""


def _document(block: Document, writing: Writing) -> Member:
    source = block.source
    if block.citations:
        writing.drop("citations")
    if isinstance(source, Plain):
        return text_part(document_text(block, source))
    if isinstance(source, Url):  # takes_url
        raise bad_request(
            "A document that is only a link cannot be sent to this provider; send its bytes as base64.", "messages"
        )
    if isinstance(source, FileId):
        if not writing.openai:
            _foreign_file()
        return {"type": "file", "file": {"file_id": source.id}}
    name = block.filename or block.title or _NAMES.get(source.media_type, "file")
    return {"type": "file", "file": {"filename": name, "file_data": data_url(source)}}


_AUDIO = {"audio/wav": "wav", "audio/x-wav": "wav", "audio/wave": "wav", "audio/mpeg": "mp3", "audio/mp3": "mp3"}


def _audio(block: Audio) -> Member:
    source = block.source
    if not isinstance(source, Base64) or source.media_type not in _AUDIO:
        raise bad_request("Sound can be sent to this provider as base64 wav or mp3 only.", "messages")
    return {"type": "input_audio", "input_audio": {"data": source.data, "format": _AUDIO[source.media_type]}}


def _foreign_file() -> NoReturn:
    raise bad_request("A file id belongs to the provider that stores the file; send its bytes as base64.", "messages")
