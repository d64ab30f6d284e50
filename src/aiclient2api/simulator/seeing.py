"""What pictures and documents show: format, size and main colour; pages, code words and first lines.

Pillow and pypdfium2 are imported only when there is something to look at. Damaged bytes give None, never an error.
"""

import io
import re

import msgspec

from aiclient2api.simulator import words
from aiclient2api.simulator.scene import Paper

MAX_PIXELS = 40_000_000
"""Pictures with more are measured but not decoded."""


class Look(msgspec.Struct, frozen=True):
    """A picture: `format` in lower case ("png", "jpeg"); `colour` is an English word, "" if it was too large."""

    format: str
    width: int
    height: int
    colour: str


_COLOURS: dict[str, tuple[int, int, int]] = {
    "black": (0, 0, 0),
    "white": (255, 255, 255),
    "grey": (128, 128, 128),
    "red": (220, 20, 20),
    "green": (20, 160, 40),
    "blue": (20, 40, 220),
    "yellow": (245, 225, 40),
    "orange": (245, 140, 20),
    "purple": (128, 20, 150),
    "pink": (250, 170, 190),
    "brown": (120, 70, 30),
    "cyan": (20, 210, 220),
}


def in_chinese(colour: str) -> str:
    """The Chinese word for one of the colours above."""
    return dict(zip(_COLOURS, words.CHINESE_COLOURS, strict=True)).get(colour, colour)


_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"GIF8", "gif"),
)


def sniffed(data: bytes) -> str:
    """The format that the bytes themselves show; ""."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    return next((name for start, name in _SIGNATURES if data.startswith(start)), "")


def look(data: bytes) -> Look | None:
    """What a picture shows; None if the bytes are no picture."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as picture:
            width, height = picture.size
            colour = _dominant(picture) if width * height <= MAX_PIXELS else ""
            return Look((picture.format or "").lower(), width, height, colour)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        return None


def measure(data: bytes) -> Look | None:
    """Format and size from the head of the file, without decoding it; None if the bytes are no picture."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as picture:
            return Look((picture.format or "").lower(), picture.width, picture.height, "")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        return None


def _dominant(picture: "object") -> str:
    from PIL import Image

    assert isinstance(picture, Image.Image)
    small = picture.convert("RGBA").resize((24, 24), Image.Resampling.BOX)
    counts: dict[str, int] = {}
    data = small.tobytes()
    for at in range(0, len(data), 4):
        if data[at + 3] > 127:
            name = _nearest(data[at], data[at + 1], data[at + 2])
            counts[name] = counts.get(name, 0) + 1
    return max(counts, key=lambda name: counts[name]) if counts else "transparent"


def _nearest(red: int, green: int, blue: int) -> str:
    def distance(name: str) -> int:
        r, g, b = _COLOURS[name]
        return (red - r) ** 2 + (green - g) ** 2 + (blue - b) ** 2

    return min(_COLOURS, key=distance)


class Contents(msgspec.Struct, frozen=True):
    """`pages` is None where nobody can know."""

    text: str
    pages: int | None


_PAGE_MARK = re.compile(r"^-{2,} ?page (\d+) ?-{2,}$", re.MULTILINE | re.IGNORECASE)
_CODE_WORD = re.compile(r"(?:code ?word|暗号|代码词|口令)\s*[:：]\s*([^\s，。,;]+)", re.IGNORECASE)
_FRAME = re.compile(r"<document(?:\s[^<>]*)?>\n?(.*?)\n?</document>", re.DOTALL)


def read(paper: Paper) -> Contents | None:
    """The text of a document; None if its bytes cannot be read."""
    if paper.text:
        return Contents(paper.text, len(_PAGE_MARK.findall(paper.text)) or None)
    if paper.format == "pdf" or paper.data.startswith(b"%PDF"):
        return _pdf(paper.data)
    try:
        return Contents(paper.data.decode(), None)
    except UnicodeDecodeError:
        return None


def _pdf(data: bytes) -> Contents | None:
    import pypdfium2

    try:
        pdf = pypdfium2.PdfDocument(data)
        try:
            texts = [pdf[number].get_textpage().get_text_bounded() for number in range(min(len(pdf), 100))]
            return Contents("\n".join(texts).replace("\r\n", "\n"), len(pdf))
        finally:
            pdf.close()
    except pypdfium2.PdfiumError:
        return None


def framed_papers(text: str) -> tuple[Paper, ...]:
    """Documents that came as text in <document> frames."""
    return tuple(Paper(text=found.strip()) for found in _FRAME.findall(text) if found.strip())


def code_words(text: str) -> list[str]:
    """The words after "Code word:"."""
    return list(dict.fromkeys(_CODE_WORD.findall(text)))


def first_lines(text: str, count: int = 3) -> list[str]:
    """The first lines that say something, page marks left out."""
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not _PAGE_MARK.match(line)][:count]
