"""Request bodies that a client has compressed: gzip, deflate, zstd, bounded by what comes out of them.

Enters: a body and its Content-Encoding. Leaves: the plain body. Refuses: other codings (415), broken data (400), and
what grows beyond the limit (413).
"""

import io

from aiclient2api.canonical.errors import GatewayError, bad_request
from aiclient2api.http1.inflate import decoder
from aiclient2api.http1.messages import HttpError

_PIECE = 256 * 1024


def unpacked(body: bytes, coding: str, limit: int) -> bytes:
    """`limit` counts bytes of the plain body. Raises GatewayError."""
    coding = coding.strip().lower()
    if coding in ("", "identity"):
        return body
    if coding == "zstd":
        return _zstd(body, limit)
    inflater = decoder(coding)
    if inflater is None:
        message = f"Content-Encoding {coding[:40]!r} is not understood here. Send gzip, deflate, zstd, or none."
        raise GatewayError("bad_request", message, status=415)
    out = bytearray()
    try:
        inflater.feed(body)
        while piece := inflater.take():
            out += piece
            _check(len(out), limit)
        inflater.end()
    except HttpError:
        raise bad_request(f"The request body is not valid {coding}.") from None
    return bytes(out)


def _zstd(body: bytes, limit: int) -> bytes:
    import zstandard  # only Codex with a ChatGPT login sends it: the others need not pay for the import

    out = bytearray()
    try:
        with zstandard.ZstdDecompressor(max_window_size=2**27).stream_reader(io.BytesIO(body)) as reader:
            while piece := reader.read(_PIECE):
                out += piece
                _check(len(out), limit)
    except zstandard.ZstdError:
        raise bad_request("The request body is not valid zstd.") from None
    return bytes(out)


def _check(size: int, limit: int) -> None:
    if size > limit:
        raise GatewayError("too_large", f"The unpacked request body is larger than {limit} bytes (MAX_BODY_BYTES).")
