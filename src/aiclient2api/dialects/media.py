"""Pictures, documents and sound inside a request: base64, data URLs, and where else the bytes may be.

Enters: what a client wrote. Leaves: canonical sources with clean base64, and blocks of the right kind for a media
type. Refuses: broken base64, a media type that is missing and cannot be seen from the bytes.
"""

import base64
from urllib.parse import unquote_to_bytes

from aiclient2api.canonical.errors import bad_request
from aiclient2api.canonical.request import Base64, Document, Image, Plain, Source, Url

_BY_SUFFIX = {
    "pdf": "application/pdf",
    "txt": "text/plain",
    "md": "text/markdown",
    "csv": "text/csv",
    "html": "text/html",
    "json": "application/json",
    "xml": "application/xml",
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}

_MAGIC = (
    ("iVBORw0KGgo", "image/png"),
    ("/9j/", "image/jpeg"),
    ("R0lGOD", "image/gif"),
    ("UklGR", "image/webp"),
    ("JVBERi", "application/pdf"),
)
"""How the base64 of well-known file forms begins."""

_TEXT_TYPES = frozenset({"application/json", "application/xml", "application/yaml", "application/x-yaml"})


def base64_source(data: str, media_type: str | None, path: str) -> Base64:
    """`data` is base64 or a data: URL; its own media type counts where none is given. Raises bad_request at `path`."""
    if data.startswith("data:"):
        inner = _data_url(data, path)
        return Base64(media_type or inner.media_type or _sniffed(inner.data, path), inner.data)
    clean = clean_base64(data, path)
    return Base64(media_type or _sniffed(clean, path), clean)


def url_source(url: str, path: str) -> Base64 | Url:
    """A data: URL becomes its bytes; any other must be http or https. Raises bad_request at `path`."""
    url = url.strip()
    if url.startswith("data:"):
        return base64_source(url, None, path)
    if not url.startswith(("http://", "https://")):
        raise bad_request(f"{path} must be an http, https or data URL.", path)
    return Url(url)


def clean_base64(data: str, path: str) -> str:
    """`data` in the standard alphabet, without white space and with its padding (google-genai writes the URL-safe
    alphabet). Raises bad_request at `path` for anything but base64."""
    for shape in (str, _tidied):
        candidate = shape(data)
        if _is_base64(candidate):
            return candidate
    raise bad_request(f"{path} is not valid base64." if data.strip() else f"{path} is empty.", path)


def file_block(source: Base64, *, filename: str | None = None) -> Image | Document:
    """The block for a file by its media type: pictures, readable text, anything else a document."""
    if source.media_type.startswith("image/"):
        return Image(source)
    return Document(readable(source), filename=filename)


def readable(source: Base64) -> Source:
    """Text files as text, so that a provider without documents can still show them to the model."""
    kind = source.media_type.partition(";")[0].strip().lower()
    if not kind.startswith("text/") and kind not in _TEXT_TYPES:
        return source
    try:
        return Plain(base64.b64decode(source.data).decode("utf-8"), kind)
    except UnicodeDecodeError:
        return source


def media_type_by_name(filename: str | None) -> str | None:
    """The media type that a file name's ending stands for."""
    if not filename or "." not in filename:
        return None
    return _BY_SUFFIX.get(filename.rpartition(".")[2].lower())


_PIECE = 65_536
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def _is_base64(text: str) -> bool:
    """What a strict decoder says, in a sixth of its time (pictures have megabytes). Pieces that fit into the cache of a
    processor need half the time of the whole at once."""
    size = len(text.rstrip("="))
    if not size or len(text) - size > 2 or len(text) % 4 or not text.isascii():
        return False
    pieces = (text[at : min(at + _PIECE, size)] for at in range(0, size, _PIECE))
    return not any(piece.encode().translate(None, _ALPHABET) for piece in pieces)


_STANDARD = str.maketrans("-_", "+/")


def _tidied(data: str) -> str:
    text = "".join(data.split()).translate(_STANDARD)
    return text + "=" * (-len(text) % 4) if len(text) % 4 != 1 else text


def _sniffed(data: str, path: str) -> str:
    for start, media_type in _MAGIC:
        if data.startswith(start):
            return media_type
    raise bad_request(f"{path} has no media type, and the bytes do not show one.", path)


def _data_url(url: str, path: str) -> Base64:
    """RFC 2397: data:[media type][;parameters][;base64],data"""
    head, comma, data = url[5:].partition(",")
    if not comma:
        raise bad_request(f"{path} is not a whole data URL: the comma before the data is missing.", path)
    media_type = head.partition(";")[0].strip().lower()
    if head.lower().endswith(";base64"):
        return Base64(media_type, clean_base64(data, path))
    return Base64(media_type or "text/plain", base64.b64encode(unquote_to_bytes(data)).decode())
