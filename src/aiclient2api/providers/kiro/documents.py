"""Documents as Kiro takes them: as they are where the model takes documents, else as text and pictures of pages.

Enters: Document blocks. Leaves: a DocumentBlock, or text in a <document> frame with the pages that hold no text as
PNG images. Refuses: office files and unknown formats without native support, broken and locked PDFs, too many pages.
"""

import base64
import html
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from aiclient2api.canonical.errors import bad_request
from aiclient2api.canonical.model import Model
from aiclient2api.canonical.request import Base64, Document, Plain
from aiclient2api.providers.kiro.body import MAX_IMAGES, Bytes, DocumentBlock, ImageBlock
from aiclient2api.providers.kiro.media import MAX_BYTES, embedded, png_bytes

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument, PdfPage

MAX_PAGES = 1000
PAGE_SIDES = (1568, 1100, 768)
"""Longest side of a page picture in pixels, tried in turn until the file is small enough."""

_BY_TYPE: dict[str, str] = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "text/html": "html",
    "text/markdown": "md",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
}
_BY_EXTENSION: dict[str, str] = {"htm": "html", "markdown": "md", "text": "txt", "log": "txt"} | {
    each: each for each in ("pdf", "txt", "md", "csv", "html", "doc", "docx", "xls", "xlsx")
}
_TEXT_TYPES = re.compile(r"text/.+|application/(?:.+\+)?(?:json|xml|yaml|x-yaml|toml|javascript)")
_TEXTS = frozenset({"txt", "md", "csv", "html"})


class Carried(msgspec.Struct, frozen=True):
    """A document on its way: `text` for the message's content, and what goes beside it."""

    text: str
    images: tuple[ImageBlock, ...] = ()
    native: DocumentBlock | None = None


def carry(document: Document, model: Model, taken_names: set[str], where: str) -> Carried:
    """The document in the best form the model takes. `taken_names` are the native names in use; it grows.

    Raises GatewayError("bad_request") that names `where`.
    """
    if isinstance(document.source, Plain):
        return Carried(framed(document, document.source.text))
    data, text = embedded(document.source, "document", where)
    kind = _format(document, data)
    if kind in model.documents:
        name = _unique(native_name(document), taken_names)
        note = f"[About the document {name}: {document.context}]" if document.context else ""
        return Carried(note, native=DocumentBlock(name, kind, Bytes(text)))
    if kind == "pdf":
        body, images = pdf_text(data, where)
        return Carried(framed(document, body), images)
    if kind in _TEXTS:
        return Carried(framed(document, _decoded(data, where)))
    label = kind or "unknown"
    raise bad_request(
        f"The document in {where} has the format {label}, which {model.id} does not take. Send PDF or text.", where
    )


def framed(document: Document, text: str) -> str:
    """The text in a frame that shows where the document begins, ends, and what it is called."""
    return element("document", {"title": document.title or document.filename, "context": document.context}, text)


def element(name: str, attributes: Mapping[str, str | None], text: str) -> str:
    """Text in a frame of tags; attributes without value are left out."""
    given = "".join(f' {key}="{html.escape(value)}"' for key, value in attributes.items() if value)
    return f"<{name}{given}>\n{text}\n</{name}>"


def native_name(document: Document) -> str:
    """A name the service takes: 1-200 ASCII letters, digits, space and -_()[], no extension, no doubled space."""
    title = document.title or document.filename or ""
    stem, dot, extension = title.rpartition(".")
    name = stem if dot and extension.lower() in _BY_EXTENSION else title
    name = re.sub(r"[^A-Za-z0-9 \-_()\[\]]+", " ", name)
    return re.sub(r" {2,}", " ", name)[:180].strip() or "document"


def _unique(name: str, taken: set[str]) -> str:
    number, unique = 1, name
    while unique.lower() in taken:
        number += 1
        unique = f"{name} ({number})"
    taken.add(unique.lower())
    return unique


def _format(document: Document, data: bytes) -> str:
    """The service's word for the format, by the bytes for PDF, else by type and extension; "" if unknown."""
    if b"%PDF-" in data[:1024]:
        return "pdf"
    media_type = document.source.media_type if isinstance(document.source, Base64) else ""
    media_type = media_type.partition(";")[0].strip().lower()
    if media_type in _BY_TYPE:
        return _BY_TYPE[media_type]
    name = document.filename or document.title or ""
    by_name = _BY_EXTENSION.get(name.rpartition(".")[2].lower(), "") if "." in name else ""
    return by_name or ("txt" if _TEXT_TYPES.fullmatch(media_type) else "")


def _decoded(data: bytes, where: str) -> str:
    encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        raise bad_request(f"The document in {where} is declared as text but is not UTF-8.", where) from None


def pdf_text(data: bytes, where: str) -> tuple[str, tuple[ImageBlock, ...]]:
    """(text of all pages under page marks, pictures of the pages that hold no text).

    Raises GatewayError("bad_request") for a PDF that is locked, broken, or has more pages than can be carried.
    """
    import pypdfium2

    try:
        pdf = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        locked = "password" in str(error).lower()
        problem = "is protected by a password" if locked else "cannot be read: it is not a sound PDF"
        raise bad_request(f"The PDF in {where} {problem}.", where) from None
    try:
        return _pages(pdf, where)
    except pypdfium2.PdfiumError:
        raise bad_request(f"The PDF in {where} has a page that cannot be read.", where) from None
    finally:
        pdf.close()


def _pages(pdf: "PdfDocument", where: str) -> tuple[str, tuple[ImageBlock, ...]]:
    if len(pdf) > MAX_PAGES:
        raise bad_request(f"The PDF in {where} has {len(pdf)} pages; at most {MAX_PAGES} can be read.", where)
    parts: list[str] = []
    images: list[ImageBlock] = []
    for number in range(1, len(pdf) + 1):
        page = pdf[number - 1]
        text = page.get_textpage().get_text_bounded().replace("\r\n", "\n").strip()
        if not text and next(iter(page.get_objects(max_depth=1)), None) is not None:
            images.append(_picture(page, number, where))
            text = "[this page holds no text; it is attached as an image]"
        if len(images) > MAX_IMAGES:
            raise bad_request(
                f"The PDF in {where} has more than {MAX_IMAGES} pages without text (scans), and Kiro takes at most"
                f" {MAX_IMAGES} images in a message. Send fewer pages, or a PDF with text.",
                where,
            )
        parts.append(f"--- page {number} ---\n{text or '[empty page]'}")
        page.close()
    return "\n\n".join(parts), tuple(images)


def _picture(page: "PdfPage", number: int, where: str) -> ImageBlock:
    longest = max(page.get_width(), page.get_height(), 1.0)
    for side in PAGE_SIDES:
        data = png_bytes(page.render(scale=side / longest).to_pil())
        if len(data) <= MAX_BYTES:
            return ImageBlock("png", Bytes(base64.b64encode(data).decode()))
    raise bad_request(f"Page {number} of the PDF in {where} is too large as a picture.", where)
