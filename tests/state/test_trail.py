"""Trails: bounded, without a word of anybody, and the same after the ledger."""

from hypothesis import given
from hypothesis import strategies as some

from aiclient2api.state.trail import MAX_DROPPED, MAX_STEPS, Step, Story, decoded, encoded
from tests.strategies import texts


def test_moments_count_from_the_beginning() -> None:
    steps = (Step(do="chosen", at=100.5, provider="p", account="a"), Step(do="pause", at=101.25, seconds=1.0))
    found = decoded(encoded(Story(steps=steps, began=100.0, hint="p")))
    assert [step.at for step in found.steps] == [0.5, 1.25]
    assert (found.began, found.hint, found.steps[0].account) == (0.0, "p", "a")


def test_words_from_outside_are_kept_only_if_they_are_names() -> None:
    steps = (Step(do="failed", at=0, mark="MONTHLY_REQUEST_COUNT"), Step(do="failed", at=0, mark="he said: no"))
    found = decoded(encoded(Story(steps=steps, dropped=("tools[0].strict", "my secret"), mark="\x1b[0m")))
    assert [step.mark for step in found.steps] == ["MONTHLY_REQUEST_COUNT", ""]
    assert (found.dropped, found.mark) == (("tools[0].strict", "?"), "")


@given(some.lists(texts, max_size=3), some.integers(0, 300), texts)
def test_whatever_happens_it_is_bounded(words: list[str], count: int, mark: str) -> None:
    steps = tuple(Step(do="failed", at=float(number), mark=mark) for number in range(count))
    text = encoded(Story(steps=steps, dropped=tuple(words * 100), mark=mark, hint=mark))
    found = decoded(text)
    assert len(found.steps) <= MAX_STEPS
    assert len(found.dropped) <= MAX_DROPPED
    if count:
        assert (found.steps[0].at, found.steps[-1].at) == (0.0, count - 1.0)
    assert len(text) < 60_000
