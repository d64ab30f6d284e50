"""Small pictures and PDFs, made on the spot."""

import base64
import io

from PIL import Image as Pillow

from aiclient2api.canonical.request import Base64, Document, Image


def picture(kind: str = "PNG", size: tuple[int, int] = (4, 3), color: str = "red") -> bytes:
    out = io.BytesIO()
    Pillow.new("RGB", size, color).save(out, format=kind)
    return out.getvalue()


def noise(size: tuple[int, int]) -> bytes:
    """A PNG that cannot be compressed."""
    out = io.BytesIO()
    Pillow.effect_noise(size, 100).convert("RGB").save(out, format="PNG")
    return out.getvalue()


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def image(data: bytes, media_type: str = "image/png") -> Image:
    return Image(Base64(media_type, encoded(data)))


def document(data: bytes, media_type: str = "application/pdf", filename: str | None = None) -> Document:
    return Document(Base64(media_type, encoded(data)), filename=filename)


def scan(pages: int, blank: int = 0) -> bytes:
    """A PDF of pages that hold a picture and no text, and of pages that hold nothing."""
    import pypdfium2

    pdf = pypdfium2.PdfDocument.new()
    for number in range(pages + blank):
        page = pdf.new_page(200, 100)
        if number < pages:
            drawn = pypdfium2.PdfImage.new(pdf)
            drawn.load_jpeg(io.BytesIO(picture("JPEG", (20, 10))))
            drawn.set_matrix(pypdfium2.PdfMatrix().scale(200, 100))
            page.insert_obj(drawn)
        page.gen_content()
    out = io.BytesIO()
    pdf.save(out)
    pdf.close()
    return out.getvalue()


def locked() -> bytes:
    """The head of a PDF that wants a password: encrypted with the standard handler, by an owner unknown to us."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [] /Count 0 >>",
        b"<< /Filter /Standard /V 1 /R 2 /P -44 /O <" + b"11" * 32 + b"> /U <" + b"22" * 32 + b"> >>",
    ]
    out, offsets = b"%PDF-1.4\n", list[int]()
    for number, each in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    start = len(out)
    out += b"xref\n0 4\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    trailer = b"<< /Size 4 /Root 1 0 R /Encrypt 3 0 R /ID [<" + b"33" * 16 + b"> <" + b"33" * 16 + b">] >>"
    return out + b"trailer\n" + trailer + b"\nstartxref\n%d\n%%%%EOF\n" % start
