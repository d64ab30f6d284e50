"""Rows: numbers and names only, in the ranges that databases keep, None for what nobody knows."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiclient2api.canonical.usage import Usage
from aiclient2api.state.rows import COLUMNS, Entry, Value, row_of
from tests.state.entries import entry
from tests.strategies import texts


def as_dict(given_entry: Entry, cost: float | None = None) -> dict[str, Value]:
    return dict(zip(COLUMNS, row_of(given_entry, cost), strict=True))


def test_a_whole_entry() -> None:
    assert as_dict(entry(1), 0.5) == {
        "time_ms": 1_795_644_871_000,
        "request_id": "req_1",
        "key_id": "key_1a2b3c4d",
        "provider": "claude-custom",
        "account": "claude-1a2b3c",
        "model_asked": "fast",
        "model_served": "claude-sonnet-4-5",
        "dialect": "anthropic",
        "stream": 1,
        "status": 200,
        "error_kind": None,
        "input_tokens": 100,
        "cache_read_tokens": 20,
        "cache_write_tokens": 7,
        "output_tokens": 50,
        "reasoning_tokens": 10,
        "estimated": 0,
        "credits": 0.25,
        "cost_usd": 0.5,
        "attempts": 1,
        "first_ms": 500,
        "total_ms": 3250,
        "cached": 0,
        "story": None,
    }


def test_what_is_not_known_is_none_and_not_zero() -> None:
    row = as_dict(
        Entry(
            time=1.0, request_id="r", key_id="k", dialect="gemini", status=503, total_seconds=0.0, error_kind="connect"
        )
    )
    known = {"time_ms", "request_id", "key_id", "dialect", "stream", "status", "error_kind", "attempts", "total_ms"}
    known.add("cached")
    assert {name for name, value in row.items() if value is not None} == known


def test_an_estimate_is_marked() -> None:
    assert as_dict(entry(usage=Usage(fresh=1, output=2, estimated=True)))["estimated"] == 1


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("claude-sonnet-4-5-20250929", True),
        ("openai-custom:gpt-5.1", True),
        ("anthropic/claude-opus-5@20261001[1m]", True),
        ("~latest", True),
        ("x" * 128, True),
        ("x" * 129, False),
        ("tell me a secret", False),
        ("密码是什么", False),
        ("a\nb", False),
        ("", False),
        ("=1+1", False),
    ],
)
def test_a_models_name_is_kept_only_if_it_looks_like_one(name: str, kept: bool) -> None:
    """The client may send any text as the model's name."""
    row = as_dict(entry(model_asked=name))
    assert row["model_asked"] == (name if kept else None)


numbers = st.integers(-(10**30), 10**30)
seconds = st.floats(-1e12, 1e12) | st.floats(0, 10)


@given(
    entry=st.builds(
        Entry,
        time=seconds,
        request_id=texts,
        key_id=texts,
        dialect=texts,
        status=st.integers(100, 599),
        total_seconds=seconds,
        first_seconds=st.none() | seconds,
        provider=st.none() | texts,
        account=st.none() | st.text(max_size=300),
        model_asked=st.none() | texts,
        error_kind=st.none() | texts,
        usage=st.none() | st.builds(Usage, fresh=numbers, cache_read=numbers, output=numbers, reasoning=numbers),
    )
)
def test_every_database_takes_it_at_random(entry: Entry) -> None:
    row = as_dict(entry)
    for value in row.values():
        if isinstance(value, str):
            assert len(value) <= 128
            assert value.isprintable()
            assert value.encode("utf-8").decode() == value
        elif isinstance(value, int):
            assert 0 <= value < 2**63
        else:
            assert value is None or math.isfinite(value)
    assert isinstance(row["total_ms"], int)
