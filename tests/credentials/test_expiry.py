import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiclient2api.credentials.expiry import format_expiry, parse_expiry

T = 1_790_847_000.0


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-10-01T09:30:00Z", T),
        ("2026-10-01T09:30:00.000Z", T),
        ("2026-10-01T09:30:00.5Z", T + 0.5),
        ("2026-10-01T09:30:00.123456789Z", T + 0.123456789),
        ("2026-10-01T09:30:00.Z", T),
        ("2026-10-01T09:30:00+00:00", T),
        ("2026-10-01T11:30:00+02:00", T),
        ("2026-10-01T04:30:00.25-0500", T + 0.25),
        ("2026-10-01 09:30:00", T),
        (" 2026-10-01t09:30:00z ", T),
        (int(T), T),
        (T, T),
        (int(T) * 1000, T),
        (str(int(T)), T),
        (str(int(T) * 1000), T),
        ("2026-12-31T23:59:60Z", 1_798_761_600.0),
    ],
)
def test_forms(value: object, expected: float) -> None:
    """B1, the guide's expiresAt and what other gateways write."""
    assert parse_expiry(value) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "soon",
        "NaN",
        True,
        [],
        {},
        -5,
        1e300,
        float("inf"),
        float("nan"),
        "2026-13-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "2026-10-01",
        "2026-10-01T09:30:00.1234567890Z",
        "2026-10-01T09:30:00+99:00",
        "0000-10-01T09:30:00Z",
        "9" * 400,
    ],
)
def test_what_is_no_time_is_unknown_and_so_expired(value: object) -> None:
    assert parse_expiry(value) is None


@given(st.one_of(st.text(max_size=40), st.integers(), st.floats()))
def test_nothing_makes_it_fail(value: object) -> None:
    parsed = parse_expiry(value)
    assert parsed is None or parsed == parsed


@given(
    st.integers(min_value=1_500_000_000, max_value=4_000_000_000), st.sampled_from([None, "x", 1, 1_790_847_000_000])
)
def test_written_and_read_again(moment: int, like: object) -> None:
    written = format_expiry(moment, like)
    assert parse_expiry(written) == moment
    assert isinstance(written, int) is isinstance(like, int)
