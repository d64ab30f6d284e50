"""Blocks as Responses content parts: what a user said, what the assistant said, what a tool gave.

Refuses, with bad_request, what must not be lost and cannot be carried: pictures for a model that sees none, files
stored at another vendor. What may be lost is left out and named.
"""

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
    Plain,
    Refusal,
    SearchResult,
    Text,
    Url,
)
from aiclient2api.dialects.as_text import document_text, search_text
from aiclient2api.dialects.openai_chat.parts_out import Member, Writing, data_url
from aiclient2api.dialects.openai_responses.items_in import DIALECT

Part = Member | msgspec.Raw


def input_text(text: str) -> Member:
    return {"type": "input_text", "text": text}


def input_parts(blocks: tuple[Block, ...], writing: Writing) -> list[Part]:
    """Parts of a message or of a tool's output, in the blocks' order."""
    return [part for block in blocks if (part := _part(block, writing)) is not None]


def output_part(block: Text | Refusal) -> Member:
    """A part of what the assistant said."""
    if isinstance(block, Refusal):
        return {"type": "refusal", "refusal": block.text}
    return {"type": "output_text", "text": block.text}


def _part(block: Block, writing: Writing) -> Part | None:
    if isinstance(block, Text | Refusal):
        part: Part | None = input_text(block.text) if block.text else None
    elif isinstance(block, Image):
        part = _image(block, writing)
    elif isinstance(block, Document):
        part = _document(block, writing)
    elif isinstance(block, Audio):
        part = _audio(block, writing)
    elif isinstance(block, SearchResult):
        part = input_text(search_text(block))
    elif isinstance(block, Foreign) and block.dialect == "openai" and writing.client == DIALECT:
        part = msgspec.Raw(block.raw)
    else:
        name = block.type if isinstance(block, Foreign) else type(block).__name__.lower()
        writing.drop(f"input.content.{name}" if writing.client == DIALECT else f"messages.content.{name}")
        part = None
    return _marked(part, getattr(block, "cache", None), writing)


def _marked(part: Part | None, cache: Cache | None, writing: Writing) -> Part | None:
    """With its cache mark, which only newer models take and whose lifetimes are not other vendors'."""
    if cache is None or not isinstance(part, dict):
        return part
    if writing.client != DIALECT:
        writing.drop("cache_control")
        return part
    mark: Member = {"mode": "explicit"}
    if cache.ttl is not None:
        mark["ttl"] = cache.ttl
    part["prompt_cache_breakpoint"] = mark
    return part


def _image(block: Image, writing: Writing) -> Member:
    """`detail` is required by type, also where the client had none (litellm#37175)."""
    if not writing.model.images:
        raise bad_request(f"The model {writing.model.id} takes no pictures.", place(writing))
    source = block.source
    part: Member = {"type": "input_image"}
    if isinstance(source, FileId):
        part["file_id"] = _own_file(source, writing)
    elif isinstance(source, Url):
        part["image_url"] = source.url
    elif isinstance(source, Base64):
        part["image_url"] = data_url(source)
    else:
        raise bad_request("A picture cannot be given as text.", place(writing))
    part["detail"] = block.detail or "auto"
    return part


_NAMES = {"application/pdf": "file.pdf", "text/csv": "file.csv", "text/html": "file.html"}
"""For files that came without a name; the API insists on one."""


def _document(block: Document, writing: Writing) -> Member:
    source = block.source
    if block.citations:
        writing.drop("citations")
    if isinstance(source, Plain):
        return input_text(document_text(block, source))
    name = block.filename or block.title
    if isinstance(source, Base64):
        name = name or _NAMES.get(source.media_type, "file")
        return {"type": "input_file", "filename": name, "file_data": data_url(source)}
    part: Member = {"type": "input_file"}
    if isinstance(source, FileId):
        part["file_id"] = _own_file(source, writing)
    else:
        part["file_url"] = source.url
    if name is not None and isinstance(source, Url):
        part["filename"] = name
    return part


_AUDIO = {"audio/wav": "wav", "audio/x-wav": "wav", "audio/wave": "wav", "audio/mpeg": "mp3", "audio/mp3": "mp3"}


def _audio(block: Audio, writing: Writing) -> Member:
    source = block.source
    if not isinstance(source, Base64) or source.media_type not in _AUDIO:
        raise bad_request("Sound can be sent to this provider as base64 wav or mp3 only.", place(writing))
    return {"type": "input_audio", "input_audio": {"data": source.data, "format": _AUDIO[source.media_type]}}


def _own_file(source: FileId, writing: Writing) -> str:
    if not writing.openai:
        raise bad_request(
            "A file id belongs to the provider that stores the file; send its bytes as base64.", place(writing)
        )
    return source.id


def place(writing: Writing) -> str:
    """The member of the client's body that holds the conversation."""
    return "input" if writing.client == DIALECT else "messages"
