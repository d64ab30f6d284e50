"""Pictures as Kiro takes them: png, jpeg, gif or webp by their bytes, at most 3.75 MiB and 8000 px a side.

Enters: Image blocks. Leaves: ImageBlocks; other formats that Pillow reads become PNG. Refuses: what is too large,
unreadable, or not in the request itself. The declared type is not trusted: the service compares it with the bytes
(IMAGE_MIME_MISMATCH).
"""

import base64
import binascii
import io
import struct
from typing import TYPE_CHECKING

from aiclient2api.canonical.errors import GatewayError, bad_request
from aiclient2api.canonical.request import Base64, FileId, Plain, Source
from aiclient2api.providers.kiro.body import Bytes, ImageBlock

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

MAX_BYTES = 3_932_160
"""3.75 MiB (the limit of the official language server)."""
MAX_SIDE = 8000
MAX_CONVERTED_PIXELS = 40_000_000
"""A picture that has to be decoded takes four bytes a pixel."""

_CONVERTED = ("BMP", "TIFF", "ICO", "AVIF", "JPEG2000", "PPM", "TGA")

_BROKEN = (
    OSError,
    EOFError,
    ValueError,
    SyntaxError,
    LookupError,
    TypeError,
    ArithmeticError,
    MemoryError,
    struct.error,
)
"""What Pillow's readers raise over damaged files."""


def image_block(source: Source, where: str) -> ImageBlock:
    """A picture for the wire. `where` names the client's member. Raises GatewayError("bad_request")."""
    data, text = embedded(source, "image", where)
    kind = sniff(data)
    if kind is None:
        data, kind = _as_png(data, where), "png"
        text = base64.b64encode(data).decode()
    else:
        _check_sides(_opened(data, (kind.upper(),), where), where)
    if len(data) > MAX_BYTES:
        raise bad_request(f"An image in {where} has {len(data)} bytes; Kiro takes at most {MAX_BYTES}.", where)
    return ImageBlock(kind, Bytes(text))


def embedded(source: Source, what: str, where: str) -> tuple[bytes, str]:
    """(bytes, base64 text) of data that stands in the request. Raises GatewayError("bad_request")."""
    if isinstance(source, Base64):
        return decode_base64(source.data, what, where)
    if isinstance(source, Plain):
        data = source.text.encode()
        return data, base64.b64encode(data).decode()
    if isinstance(source, FileId):
        problem = f"The {what} in {where} is a file id, which means nothing to Kiro"
    else:
        problem = f"The {what} in {where} is a URL, which Kiro cannot fetch"
    raise bad_request(f"{problem}. Send the data itself, as base64.", where)


def decode_base64(text: str, what: str, where: str) -> tuple[bytes, str]:
    """(bytes, standard base64). The URL-safe alphabet and missing padding are put right."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        bare = text.translate(_URL_SAFE).rstrip("=")
        try:
            data = base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
        except (binascii.Error, ValueError):
            raise bad_request(f"The {what} in {where} is not valid base64.", where) from None
        text = base64.b64encode(data).decode()
    if not data:
        raise bad_request(f"The {what} in {where} is empty.", where)
    return data, text


_URL_SAFE = str.maketrans("-_", "+/")


def sniff(data: bytes) -> str | None:
    """The format by the first bytes, in the service's words; None for any other."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    return None


def png_bytes(picture: "Picture") -> bytes:
    """The picture as a PNG file."""
    out = io.BytesIO()
    picture.save(out, format="PNG", optimize=False)
    return out.getvalue()


def _as_png(data: bytes, where: str) -> bytes:
    picture = _opened(data, _CONVERTED, where)
    _check_sides(picture, where)
    if picture.width * picture.height > MAX_CONVERTED_PIXELS:
        raise bad_request(f"An image in {where} is too large to be converted to PNG. Send it as PNG or JPEG.", where)
    try:
        return png_bytes(picture.convert("RGBA" if picture.has_transparency_data else "RGB"))
    except _BROKEN:
        raise _unreadable(where) from None


def _opened(data: bytes, formats: tuple[str, ...], where: str) -> "Picture":
    """The picture with its head read and no pixel decoded."""
    from PIL import Image

    try:
        return Image.open(io.BytesIO(data), formats=formats)
    except (*_BROKEN, Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _unreadable(where) from None


def _unreadable(where: str) -> GatewayError:
    return bad_request(
        f"An image in {where} cannot be read. Kiro takes PNG, JPEG, GIF and WebP; BMP and TIFF are converted.", where
    )


def _check_sides(picture: "Picture", where: str) -> None:
    if max(picture.size) > MAX_SIDE:
        width, height = picture.size
        raise bad_request(
            f"An image in {where} measures {width} x {height} pixels; Kiro takes at most {MAX_SIDE} a side.", where
        )
