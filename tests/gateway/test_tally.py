"""What is counted of a request (E2): tables of endings, and bounds whatever comes."""

import timeit
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiclient2api.canonical.errors import KINDS
from aiclient2api.canonical.usage import Usage
from aiclient2api.gateway.tally import MAX_MODELS, Tally
from aiclient2api.observe.exposition import Spread, exposition
from aiclient2api.state.rows import Entry
from aiclient2api.state.trail import Do, Step, Story
from tests.observe.reading import Found, labelled, read, total, values_of


def entry(**more: Any) -> Entry:
    members: dict[str, Any] = {
        "time": 1.0, "request_id": "req_1", "key_id": "key_1", "dialect": "anthropic", "status": 200,
        "total_seconds": 2.0, "provider": "one", "model_served": "m", "attempts": 1,
        "story": Story(steps=(chosen("one"),)),
    }  # fmt: skip
    return Entry(**members | more)


def chosen(provider: str) -> Step:
    return Step(do="chosen", at=1.0, provider=provider, account="a")


def failed(kind: str, mark: str = "") -> Step:
    return Step(do="failed", at=1.0, kind=kind, mark=mark)


def story(*steps: Step | Do, mark: str = "") -> Story:
    return Story(steps=tuple(each if isinstance(each, Step) else Step(do=each, at=1.0) for each in steps), mark=mark)


def counted(*entries: Entry, known: tuple[str, ...] = ("m",)) -> Found:
    tally = Tally(lambda provider, model: model in known)
    for each in entries:
        tally.add(each)
    return read(exposition(tally.families(), False))[1]


@pytest.mark.parametrize(
    ("ended", "attempts", "faults"),
    [
        (entry(), {"one": 1}, {}),
        (entry(attempts=0, cached=True, story=story()), {}, {}),
        (
            entry(attempts=2, story=story(chosen("one"), failed("overloaded"), "pause")),
            {"one": 2},
            {("one", "overloaded"): 1},
        ),
        (
            entry(attempts=1, status=502, error_kind="upstream", story=story(chosen("one"), failed("upstream"))),
            {"one": 1},
            {("one", "upstream"): 1},
        ),
        (
            entry(attempts=2, story=story(chosen("one"), failed("rate_limit"), "rests", chosen("one"))),
            {"one": 2},
            {("one", "rate_limit"): 1},
        ),
        (
            entry(provider="two", story=story(chosen("one"), failed("timeout"), failed("timeout"), chosen("two"))),
            {"one": 2, "two": 1},
            {("one", "timeout"): 2},
        ),
        (
            entry(attempts=0, status=429, error_kind="rate_limit", story=story(failed("rate_limit", "pool_resting"))),
            {},
            {},
        ),
        (entry(attempts=0, status=400, error_kind="bad_request", story=story()), {}, {}),
        (entry(status=499), {"one": 1}, {}),
    ],
    ids=["well", "cached", "repeated", "failed", "another", "chain", "nobody", "refused", "left"],
)
def test_attempts_and_faults(ended: Entry, attempts: dict[str, int], faults: dict[tuple[str, str], int]) -> None:
    found = counted(ended)
    assert found.get("aiclient2api_upstream_attempts_total", {}) == {
        labelled(provider=provider): count for provider, count in attempts.items()
    }
    assert found.get("aiclient2api_upstream_faults_total", {}) == {
        labelled(provider=provider, kind=kind): count for (provider, kind), count in faults.items()
    }


@pytest.mark.parametrize("why", ["unserved", "full", "tried", "resting", "disabled"])
def test_why_no_account_could_be_asked(why: str) -> None:
    mark = "accounts_disabled" if why == "disabled" else f"pool_{why}"
    ended = entry(attempts=0, status=503, error_kind="overloaded", story=story(failed("overloaded", mark)))
    assert counted(ended)["aiclient2api_unplaced_total"] == {labelled(reason=why): 1}


def test_a_providers_own_mark_is_none_of_ours() -> None:
    ended = entry(status=502, error_kind="upstream", story=story(chosen("one"), failed("upstream", "pool_of_water")))
    found = counted(ended)
    assert "aiclient2api_unplaced_total" not in found
    assert total(found["aiclient2api_upstream_faults_total"]) == 1


def test_the_budget_of_repeats() -> None:
    ended = entry(status=503, error_kind="overloaded", story=story(chosen("one"), failed("overloaded"), "stopped"))
    assert counted(ended, ended)["aiclient2api_retry_budget_exhausted_total"] == {(): 2}


def test_tokens_are_disjoint_and_what_is_no_count_is_none() -> None:
    """C7; an upstream may report anything, and a counter must not fall."""
    good = Usage(fresh=10, cache_read=200, cache_write=3, cache_write_1h=4, output=50, reasoning=20, credits=0.5)
    bad = Usage(fresh=-5, cache_read=2**60, cache_write=-1, output=-1, reasoning=-1, credits=float("nan"))
    found = counted(entry(usage=good), entry(usage=bad), entry(usage=Usage(fresh=1, estimated=True)))
    tokens = found["aiclient2api_tokens_total"]
    kinds = ("input", "cache_read", "cache_write", "output")
    assert [total(tokens, type=kind) for kind in kinds] == [11, 200, 7, 50]
    assert total(tokens) == good.total + 1
    assert total(found["aiclient2api_reasoning_tokens_total"]) == 20
    assert total(found["aiclient2api_credits_total"]) == 0.5
    assert total(found["aiclient2api_estimated_usage_total"]) == 1


def test_times_are_of_answers() -> None:
    found = counted(
        entry(total_seconds=0.3, first_seconds=0.2),
        entry(total_seconds=9.0, first_seconds=0.7, status=499),
        entry(total_seconds=120.0, status=504, error_kind="timeout"),
    )
    assert total(found["aiclient2api_request_seconds_count"]) == 1
    assert total(found["aiclient2api_request_seconds_bucket"], le="0.5") == 1
    assert total(found["aiclient2api_first_content_seconds_sum"]) == pytest.approx(0.9)


def test_a_model_that_becomes_known_gets_its_name() -> None:
    names: set[str] = set()
    tally = Tally(lambda provider, model: model in names)
    tally.add(entry())
    names.add("m")
    for _ in range(2):
        tally.add(entry())
        found = read(exposition(tally.families(), False))[1]
    assert total(found["aiclient2api_requests_total"], model="other") == 2, "one of them before the next scrape"
    assert total(found["aiclient2api_requests_total"], model="m") == 1


def test_what_was_none_for_a_model() -> None:
    tally = Tally(lambda provider, model: True)
    for status, kind in [(200, None), (404, "not_found"), (499, None), (429, "rate_limit")]:
        tally.other(status, kind)
    found = read(exposition(tally.families(), False))[1]
    assert found["aiclient2api_other_requests_total"] == {
        labelled(status="2xx"): 1, labelled(status="4xx"): 2, labelled(status="499"): 1,
    }  # fmt: skip
    assert total(found["aiclient2api_request_errors_total"], dialect="none") == 2


NAMES = st.text(max_size=6) | st.none()


@given(st.lists(st.tuples(NAMES, st.sampled_from(sorted(KINDS)), st.integers(100, 599)), max_size=200), st.booleans())
def test_every_request_counts_once_and_series_are_bounded(
    asked: list[tuple[str | None, str, int]], is_known: bool
) -> None:
    tally = Tally(lambda provider, model: is_known)
    for number, (model, kind, status) in enumerate(asked):
        tally.add(entry(model_served=model, status=status, error_kind=kind, provider=f"provider-{number % 3}"))
    found = read(exposition(tally.families(), False))[1].get("aiclient2api_requests_total", {})
    assert total(found) == len(asked)
    pairs = {(dict(labels)["provider"], dict(labels)["model"]) for labels in found}
    assert len(pairs) <= MAX_MODELS + 2 * 3
    if not is_known:
        assert values_of(found, "model") <= {"none", "other"}


def test_many_models_have_an_end() -> None:
    found = counted(*(entry(model_served=f"m{n}") for n in range(3000)), known=tuple(f"m{n}" for n in range(3000)))
    requests = found["aiclient2api_requests_total"]
    assert (len(requests), total(requests)) == (MAX_MODELS + 1, 3000)
    assert total(requests, model="other") == 3000 - MAX_MODELS


def test_families_travel_as_json_of_numbers() -> None:
    tally = Tally(lambda provider, model: True)
    tally.add(entry(usage=Usage(fresh=1, credits=0.1), first_seconds=0.1))
    samples = [what for family in tally.families() for _, what in family.samples]
    assert all(isinstance(what, int | float | Spread) for what in samples)


def test_p1_a_request_pays_little_for_being_counted() -> None:
    """2 µs at most where it is measured alone; five times that here, where other tests run beside."""
    tally = Tally(lambda provider, model: True)
    usage = Usage(fresh=100, cache_read=2000, output=30)
    entries = [entry(model_served=f"m{n}", usage=usage, first_seconds=0.4) for n in range(20)]

    def add() -> None:
        for each in entries:
            tally.add(each)

    seconds = min(timeit.repeat(add, number=100, repeat=10)) / 100 / len(entries)
    assert seconds < 10e-6, f"{seconds * 1e6:.2f} µs"
