"""Trails: bounded, without a word of anybody, and the same after the ledger."""

from hypothesis import given
from hypothesis import strategies as some

from aiclient2api.state.trail import MAX_DROPPED, MAX_STEPS, Step, Story, decoded, encoded, names, plain
from tests.strategies import texts


def test_moments_count_from_the_beginning() -> None:
    steps = (Step(do="chosen", at=100.5, provider="p", account="a"), Step(do="pause", at=101.25, seconds=1.0))
    found = decoded(encoded(Story(steps=steps, began=100.0, hint="p")))
    assert [step.at for step in found.steps] == [0.5, 1.25]
    assert (found.began, found.hint, found.steps[0].account) == (0.0, "p", "a")


def test_words_from_outside_are_kept_only_if_they_are_names() -> None:
    assert [plain(mark) for mark in ("MONTHLY_REQUEST_COUNT", "he said: no", "\x1b[0m", "", None)] == [
        "MONTHLY_REQUEST_COUNT",
        *[""] * 4,
    ]
    assert names(("tools[0].strict", "my secret")) == ("tools[0].strict", "?")


@given(some.lists(texts, max_size=3), some.integers(0, 300), texts)
def test_whatever_happens_it_is_bounded(words: list[str], count: int, mark: str) -> None:
    steps = tuple(Step(do="failed", at=float(number), mark=plain(mark)) for number in range(count))
    text = encoded(Story(steps=steps, dropped=names(words * 100), mark=plain(mark)))
    found = decoded(text)
    assert len(found.steps) <= MAX_STEPS
    assert len(found.dropped) <= MAX_DROPPED
    if count:
        assert (found.steps[0].at, found.steps[-1].at) == (0.0, count - 1.0)
    assert len(text) < 60_000
