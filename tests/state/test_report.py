"""Sums and single requests: the same from both databases, equal to sums made by hand."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aiclient2api.canonical.usage import Usage
from aiclient2api.state import databases, report
from aiclient2api.state.ledger import Backend, LedgerError
from aiclient2api.state.report import GROUPS, Reader, Sums, requests, sums, taken_since, total
from aiclient2api.state.rows import EXPORTED, Entry, row_of
from aiclient2api.state.times import DAY
from tests.state.entries import NOW, entry

MIDNIGHT = NOW - NOW % DAY
Place = tuple[Backend, Reader]


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else None
    writer = databases.writer(url, tmp_path)
    yield writer, databases.reader(url, tmp_path)
    writer.close()


STORY: list[tuple[Entry, float | None]] = [
    (entry(0, time=MIDNIGHT - 1, key_id="key_a"), 0.25),
    (entry(1, time=MIDNIGHT, key_id="key_a", usage=Usage(fresh=5, output=7, estimated=True)), None),
    (entry(2, time=MIDNIGHT + 10, key_id="key_b", status=502, error_kind="connect", usage=None, attempts=3), None),
    (entry(3, time=MIDNIGHT + 20, key_id="key_b", status=499, usage=Usage(fresh=1, output=1)), 0.5),
    (entry(4, time=MIDNIGHT + 30, key_id="key_b", error_kind="truncated", model_served="gpt-5", provider="p"), 1.0),
    (
        Entry(
            time=MIDNIGHT + 40, request_id="req_5", key_id="key_b", dialect="gemini", status=401, total_seconds=0.002,
            error_kind="authentication",
        ),
        None,
    ),
]  # fmt: skip


def fill(place: Place) -> Reader:
    writer, reader = place
    writer.write([row_of(each, cost) for each, cost in STORY])
    return reader


def by_group(found: list[Sums]) -> dict[str, Sums]:
    return {each.group: each for each in found}


def test_nothing_yet(place: Place) -> None:
    _, reader = place
    assert total(reader, 0, 2e9) is None
    assert list(requests(reader, 0, 2e9)) == []
    assert taken_since(reader, 0) == []
    assert all(sums(reader, by, 0, 2e9) == [] for by in GROUPS)


def test_the_total(place: Place) -> None:
    reader = fill(place)
    assert total(reader, 0, 2e9) == Sums(
        cached=0,
        group="total",
        requests=6,
        failed=3,
        estimated=1,
        input_tokens=206,
        cache_read_tokens=40,
        cache_write_tokens=14,
        output_tokens=108,
        reasoning_tokens=20,
        cost_usd=1.75,
        unpriced=1,
        credits=0.5,
        first_ms=500.0,
        total_ms=round((5 * 3250 + 2) / 6, 6),
    )


def test_days_begin_and_end_at_midnight_utc(place: Place) -> None:
    found = sums(fill(place), "day", 0, 2e9)
    assert [(each.group, each.requests) for each in found] == [("2026-11-24", 1), ("2026-11-25", 5)]


def test_what_nobody_knows_stays_unknown(place: Place) -> None:
    found = by_group(sums(fill(place), "provider", MIDNIGHT + 35, 2e9))
    assert set(found) == {""}
    nobody = found[""]
    assert (nobody.input_tokens, nobody.output_tokens, nobody.cost_usd, nobody.credits) == (None, None, None, None)
    assert (nobody.first_ms, nobody.unpriced, nobody.estimated) == (None, 0, 0)


@pytest.mark.parametrize(
    ("by", "groups"),
    [
        ("model", [("claude-sonnet-4-5", 4), ("gpt-5", 1), ("", 1)]),
        ("provider", [("claude-custom", 4), ("p", 1), ("", 1)]),
        ("key", [("key_a", 2), ("key_b", 4)]),
        ("account", [("claude-1a2b3c", 5), ("", 1)]),
    ],
)
def test_groups_by_most_tokens(place: Place, by: report.By, groups: list[tuple[str, int]]) -> None:
    assert [(each.group, each.requests) for each in sums(fill(place), by, 0, 2e9)] == groups


def test_the_parts_make_the_whole(place: Place) -> None:
    reader = fill(place)
    whole = total(reader, 0, 2e9)
    assert whole is not None
    for by in GROUPS:
        parts = sums(reader, by, 0, 2e9)
        assert sum(part.requests for part in parts) == whole.requests
        assert sum(part.failed for part in parts) == whole.failed
        assert sum(part.output_tokens or 0 for part in parts) == whole.output_tokens
        assert sum(part.cost_usd or 0 for part in parts) == whole.cost_usd


def test_a_period_takes_its_beginning_and_not_its_end(place: Place) -> None:
    reader = fill(place)
    assert [each["request_id"] for each in requests(reader, MIDNIGHT, MIDNIGHT + 20)] == ["req_1", "req_2"]


def test_single_requests_page_by_page(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "PAGE", 7)
    writer, reader = place
    writer.write([row_of(entry(number, time=NOW + number // 10), None) for number in range(50)])
    found = list(requests(reader, 0, 2e9))
    assert sorted(str(each["request_id"]) for each in found) == sorted(f"req_{number}" for number in range(50))
    assert [each["time"] for each in found] == sorted(str(each["time"]) for each in found)
    assert list(found[0]) == ["time", *EXPORTED[1:]]
    assert found[0]["time"] == "2026-11-25T22:14:30.000Z"
    assert (found[0]["stream"], found[0]["estimated"]) == (True, False)


def test_what_counts_for_limits_after_a_restart(place: Place) -> None:
    """Requests that were sent to a provider; not those that were turned away."""
    assert sorted(taken_since(fill(place), MIDNIGHT)) == [("key_a", 1, 12), ("key_b", 3, 2 + 177)]


@pytest.mark.parametrize("url", ["mysql://u:s3cret@h/d", "sqlite:///x", "nonsense", ""])
@pytest.mark.parametrize("make", [databases.writer, databases.reader])
def test_other_databases_are_refused(tmp_path: Path, url: str, make: Callable[[str, Path], object]) -> None:
    with pytest.raises(LedgerError, match="must begin with postgresql://") as caught:
        make(url, tmp_path)
    assert "s3cret" not in str(caught.value)
