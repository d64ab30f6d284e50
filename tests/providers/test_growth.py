"""C4 of the fault list, without sockets: what a decoder keeps does not grow with the text that it has passed on."""

import json
import tracemalloc

import pytest
from tools.bench import codecs

TEXT = "as much text as a client can read in a while, " * 200
PIECES = 300
KEPT = 64 * 1024


@pytest.mark.parametrize("back", codecs.PROVIDERS)
def test_what_a_decoder_keeps(back: str) -> None:
    """Three megabytes go through."""
    before, pieces = _pieces(back, TEXT)
    decoder = codecs.decoders_of(back)()
    for write in (*before, *pieces[:20]):
        decoder.feed(write)
    tracemalloc.start()
    try:
        for _ in range(PIECES // 10):
            for write in pieces[:10]:
                assert decoder.feed(write)
        assert tracemalloc.get_traced_memory()[0] < KEPT
    finally:
        tracemalloc.stop()


def test_gemini_keeps_a_bit_for_each_byte_that_is_not_ascii() -> None:
    before, pieces = _pieces("gemini", "\u4e2d" * 5000)
    decoder = codecs.decoders_of("gemini")()
    for write in (*before, *pieces[:20]):
        decoder.feed(write)
    tracemalloc.start()
    try:
        for write in pieces[20:]:
            decoder.feed(write)
        said = (len(pieces) - 20) * 15_000
        assert tracemalloc.get_traced_memory()[0] < said / 7 + KEPT
    finally:
        tracemalloc.stop()


def _pieces(back: str, text: str) -> tuple[list[bytes], list[bytes]]:
    """A stream's writes up to its texts, and the texts."""
    writes = codecs.frames(back, PIECES, text)
    first = next(at for at, write in enumerate(writes) if _says(write, text))
    texts = [write for write in writes if _says(write, text)]
    return writes[:first], texts[:PIECES]


def _says(write: bytes, text: str) -> bool:
    return text.encode() in write or json.dumps(text).encode() in write
