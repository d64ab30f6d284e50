"""Seals: open with the same secret only, whole only, different each time."""

from hypothesis import given
from hypothesis import strategies as st

from aiclient2api.credentials.sealed import seal, unseal

SECRET = "a refresh token of some length"


@given(st.binary(max_size=300), st.text(min_size=1))
def test_what_was_sealed_comes_back_at_random(plain: bytes, secret: str) -> None:
    sealed = seal(secret, plain)
    assert unseal(secret, sealed) == plain
    assert unseal(secret + "x", sealed) is None


@given(st.binary(max_size=100))
def test_what_was_not_sealed_is_nothing_at_random(data: bytes) -> None:
    assert unseal(SECRET, data) is None


def test_any_change_is_found() -> None:
    sealed = seal(SECRET, b"the plain text")
    for at in range(len(sealed)):
        for bit in (1, 128):
            changed = bytearray(sealed)
            changed[at] ^= bit
            assert unseal(SECRET, bytes(changed)) is None
    assert all(unseal(SECRET, sealed[:end]) is None for end in range(len(sealed)))
    assert unseal(SECRET, sealed + b"x") is None


def test_it_tells_nothing_and_is_never_the_same() -> None:
    plain = b"A" * 200
    one, two = seal(SECRET, plain), seal(SECRET, plain)
    assert one != two
    assert b"AAAA" not in one
    assert len(set(one[17:-32])) > 50, "no pattern"
