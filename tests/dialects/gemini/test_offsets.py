"""Places in a text that is not kept, against the text itself."""

from hypothesis import given
from hypothesis import strategies as st

from aiclient2api.dialects.gemini.offsets import Offsets
from tests.strategies import texts

_pieces = st.lists(texts | st.integers(1, 9000).map(lambda length: "a" * length) | st.just("\u4e2d" * 5000), max_size=6)


@given(_pieces, st.lists(st.integers(-3, 60_000), max_size=8))
def test_places(pieces: list[str], places: list[int]) -> None:
    text, offsets = "".join(pieces), Offsets()
    raw = text.encode()
    for piece in pieces:
        offsets.add(piece)
    assert offsets.bytes == len(raw)
    for at in [*places, 0, len(raw) - 1, len(raw), len(text)]:
        assert offsets.point_of(at) == len(raw[: max(0, at)].decode("utf-8", "ignore"))
        assert offsets.byte_of(max(0, at)) == len(text[: max(0, at)].encode())


def test_what_is_kept_of_a_long_text() -> None:
    """C4 of the fault list: nothing of ASCII, an eighth of the bytes of any other text."""
    ascii_only, wide = Offsets(), Offsets()
    for _ in range(200):
        ascii_only.add("a" * 5000)
        wide.add("\u4e2d" * 5000)
    assert len(ascii_only._bits) == 1
    assert sum(bits.bit_length() // 8 for bits in wide._bits if bits) <= wide.bytes / 8
