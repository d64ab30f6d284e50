"""Windows: exact under any order of reserving and settling, never below nothing, never above the limit."""

import math
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiclient2api.dialects.registry import DIALECTS
from aiclient2api.state import limits
from aiclient2api.state.limits import (
    RULES,
    Counts,
    Demand,
    Limits,
    Refusal,
    Reservation,
    Rule,
    Spent,
    levels,
    refused,
    reserve,
    settle,
    tightest,
)

DAY = 86_400
MIDNIGHT = 20_000 * DAY
MINUTES = {rule.name for rule in RULES if rule.step == 1}


def taken(found: Reservation | Refusal) -> Reservation:
    assert isinstance(found, Reservation), found
    return found


def turned_away(found: Reservation | Refusal) -> Refusal:
    assert isinstance(found, Refusal), found
    return found


# --- a second account, kept as simply as possible: every amount with its moment


@dataclass
class Account:
    """All amounts ever taken under one rule: [moment, amount], changed when they are settled."""

    rule: Rule
    limit: int
    amounts: list[list[float]] = field(default_factory=list)

    def counted(self, now: float) -> int:
        return sum(int(amount) for moment, amount in self.amounts if self._counts(moment, now))

    def _counts(self, moment: float, now: float) -> bool:
        if self.rule.name in MINUTES:
            return int(now) - int(moment) <= 60
        return now // DAY == moment // DAY

    def settle(self, number: int, spent: int, now: float) -> None:
        moment, amount = self.amounts[number]
        if self._counts(moment, now):
            self.amounts[number][1] = spent
        elif spent > amount:
            self.amounts.append([now, spent - amount])

    def most(self) -> int:
        """The most in any minute, whenever it begins, or in any day."""
        if self.rule.name in MINUTES:
            return max(
                sum(int(amount) for moment, amount in self.amounts if start <= moment < start + 60)
                for start, _ in self.amounts
            )
        days: dict[float, int] = {}
        for moment, amount in self.amounts:
            days[moment // DAY] = days.get(moment // DAY, 0) + int(amount)
        return max(days.values())


amounts = st.none() | st.integers(1, 40)
all_limits = st.builds(
    Limits,
    requests_per_minute=st.none() | st.integers(1, 6),
    requests_per_day=st.none() | st.integers(1, 12),
    tokens_per_minute=amounts,
    tokens_per_day=amounts,
)
waits = st.sampled_from([0.0, 0.01, 0.4, 1.0, 7.3, 30.0, 59.9, 60.0, 61.0, 20_000.0, 86_400.0])
steps = st.lists(
    st.tuples(
        st.sampled_from(["reserve", "reserve", "settle", "give back"]),
        waits,
        st.integers(0, 30),  # tokens at least, or the number of the request that is settled
        st.integers(0, 30),  # tokens perhaps, or tokens really
    ),
    max_size=40,
)


@given(all_limits, steps, st.booleans())
def test_any_order_of_steps_at_random(
    given_limits: Limits, story: list[tuple[str, float, int, int]], excess: bool
) -> None:
    """Every decision and every remaining number is that of the simple account. Without `excess` no request takes more
    than it reserved, and then no window of any kind ever holds more than its limit."""
    counts: Counts = {}
    accounts = {
        rule.name: Account(rule, getattr(given_limits, rule.name))
        for rule in RULES
        if getattr(given_limits, rule.name) is not None
    }
    open_: list[tuple[Reservation, dict[str, int]]] = []
    now = float(MIDNIGHT) + 86_000
    for kind, wait, first, second in story:
        now += wait
        if kind == "reserve":
            needs = {name: 1 if each.rule.unit == "requests" else max(1, first) for name, each in accounts.items()}
            fits = all(each.counted(now) + needs[name] <= each.limit for name, each in accounts.items())
            found = reserve(counts, given_limits, Demand(first, second), now)
            assert isinstance(found, Reservation) == fits
            if isinstance(found, Reservation):
                for take in found.takes:
                    assert take.amount >= needs[take.rule]
                    accounts[take.rule].amounts.append([now, take.amount])
                open_.append((found, {take.rule: len(accounts[take.rule].amounts) - 1 for take in found.takes}))
        elif open_:
            reservation, numbers = open_.pop(first % len(open_))
            tokens = 0 if kind == "give back" else second
            held = min((take.amount for take in reservation.takes if take.rule.startswith("tokens")), default=tokens)
            spent = Spent(int(kind == "settle"), tokens if excess else min(tokens, held))
            settle(counts, reservation.takes, spent, now)
            for name, number in numbers.items():
                unit = accounts[name].rule.unit
                accounts[name].settle(number, spent.requests if unit == "requests" else spent.tokens, now)
        assert all(amount >= 0 for buckets in counts.values() for amount in buckets.values())
        for level in levels(counts, given_limits, now):
            each = accounts[level.rule.name]
            assert level.remaining == max(0, each.limit - each.counted(now))
            if not excess:
                assert each.limit - level.remaining == each.counted(now)
    if not excess:
        assert all(each.most() <= each.limit for each in accounts.values() if each.amounts)


@given(all_limits, st.lists(st.tuples(waits, st.integers(0, 30)), max_size=30))
def test_waiting_as_long_as_told_is_enough_at_random(given_limits: Limits, story: list[tuple[float, int]]) -> None:
    """And not a step less."""
    counts: Counts = {}
    now = float(MIDNIGHT) + 86_000
    for wait, tokens in story:
        now += wait
        found = reserve(counts, given_limits, Demand(tokens), now)
        if isinstance(found, Refusal) and found.wait is not None:
            early = now + found.wait - found.rule.step
            if early > now:
                assert isinstance(reserve(counts, given_limits, Demand(tokens), early), Refusal)
            now = math.ceil(now + found.wait)
            taken(reserve(counts, given_limits, Demand(tokens), now))


# --- by hand


def test_a_refused_request_takes_nothing() -> None:
    counts: Counts = {}
    both = Limits(requests_per_minute=5, tokens_per_day=10)
    taken(reserve(counts, both, Demand(10), MIDNIGHT))
    before = {name: dict(buckets) for name, buckets in counts.items()}
    assert turned_away(reserve(counts, both, Demand(1), MIDNIGHT + 1)).rule.name == "tokens_per_day"
    assert counts == before


def test_the_longest_wait_is_told() -> None:
    counts: Counts = {}
    both = Limits(requests_per_minute=1, requests_per_day=1)
    taken(reserve(counts, both, Demand(0), MIDNIGHT + 100))
    refusal = turned_away(reserve(counts, both, Demand(0), MIDNIGHT + 110))
    assert (refusal.rule.name, refusal.wait) == ("requests_per_day", DAY - 110)


def test_of_the_answer_as_much_is_reserved_as_there_is_room_for() -> None:
    counts: Counts = {}
    tight = Limits(tokens_per_minute=100)
    first = taken(reserve(counts, tight, Demand(60, 1000), MIDNIGHT))
    assert [take.amount for take in first.takes] == [100]
    turned_away(reserve(counts, tight, Demand(1), MIDNIGHT))
    settle(counts, first.takes, Spent(1, 65), MIDNIGHT + 5)
    assert [level.remaining for level in levels(counts, tight, MIDNIGHT + 5)] == [35]
    second = taken(reserve(counts, tight, Demand(30, 2), MIDNIGHT + 5))
    assert [take.amount for take in second.takes] == [32]


def test_what_would_never_fit_is_not_told_to_wait() -> None:
    refusal = turned_away(reserve({}, Limits(tokens_per_minute=100), Demand(101), MIDNIGHT))
    assert refusal.wait is None
    error = refused(refusal)
    assert (error.kind, error.status, error.retry_after, error.retryable) == ("too_large", 413, None, False)
    assert "about 101 tokens" in error.message


def test_more_than_was_reserved_counts_even_when_its_window_has_passed() -> None:
    counts: Counts = {}
    tight = Limits(tokens_per_minute=100)
    held = taken(reserve(counts, tight, Demand(50), MIDNIGHT))
    settle(counts, held.takes, Spent(1, 90), MIDNIGHT + 300)
    assert [level.remaining for level in levels(counts, tight, MIDNIGHT + 300)] == [60]


def test_a_day_ends_at_midnight_utc() -> None:
    counts: Counts = {}
    daily = Limits(requests_per_day=1)
    taken(reserve(counts, daily, Demand(0), MIDNIGHT + DAY - 1))
    assert turned_away(reserve(counts, daily, Demand(0), MIDNIGHT + DAY - 0.25)).wait == 0.25
    taken(reserve(counts, daily, Demand(0), MIDNIGHT + DAY))


def test_a_clock_that_is_set_back_opens_no_window_twice() -> None:
    counts: Counts = {}
    slow = Limits(requests_per_minute=1)
    taken(reserve(counts, slow, Demand(0), MIDNIGHT + 30))
    turned_away(reserve(counts, slow, Demand(0), MIDNIGHT))
    taken(reserve(counts, slow, Demand(0), MIDNIGHT - 3600))


def test_old_numbers_are_forgotten() -> None:
    counts: Counts = {}
    for second in range(0, 10_000, 10):
        taken(reserve(counts, Limits(requests_per_minute=100, requests_per_day=100_000), Demand(0), MIDNIGHT + second))
    assert {name: len(buckets) for name, buckets in counts.items()} == {"requests_per_minute": 7, "requests_per_day": 1}


def test_remembered_from_before_a_restart() -> None:
    counts: Counts = {}
    limits.count(counts, Spent(3, 40), MIDNIGHT)
    daily = Limits(requests_per_day=4, tokens_per_day=50, requests_per_minute=9)
    assert [level.remaining for level in levels(counts, daily, MIDNIGHT)] == [9, 1, 10]


def test_the_tightest_level_of_each_unit() -> None:
    counts: Counts = {}
    four = Limits(requests_per_minute=9, requests_per_day=5, tokens_per_minute=100, tokens_per_day=1000)
    held = taken(reserve(counts, four, Demand(40), MIDNIGHT + 0.5))
    found = tightest(held.levels)
    assert {unit: (level.rule.name, level.remaining) for unit, level in found.items()} == {
        "requests": ("requests_per_day", 4),
        "tokens": ("tokens_per_minute", 60),
    }
    assert found["tokens"].reset == 60.5
    later = taken(reserve(counts, four, Demand(1), MIDNIGHT + 20.5))
    assert tightest(later.levels)["tokens"].reset == 60.5  # until the youngest has left, not the oldest
    assert tightest(levels(counts, Limits(), MIDNIGHT)) == {}


def test_no_limits() -> None:
    assert not Limits().any
    assert Limits(tokens_per_day=1).any
    assert taken(reserve({}, Limits(), Demand(10**9, 10**9), MIDNIGHT)).takes == ()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
@pytest.mark.parametrize("front", DIALECTS.values(), ids=DIALECTS.keys())
def test_every_dialect_says_it_as_429_with_the_time_to_wait(rule: Rule, front: object) -> None:
    error = refused(Refusal(rule, 5, 1, 42.2))
    assert (error.kind, error.status, error.retry_after) == ("rate_limit", 429, 42.2)
    assert error.reason == f"key_{rule.name}"
    assert error.message == f"This key's limit of 5 {rule.words} is reached. Try again in 42 s."
    answer = DIALECTS[getattr(front, "name", "")].encode_error(error, "req_1")
    assert answer.status == 429
    assert rule.words.encode() in answer.body
    assert int(dict(answer.headers)["retry-after"]) >= 42.2


@pytest.mark.parametrize(("seconds", "words"), [(0.2, "1 s"), (119, "119 s"), (600, "10 min"), (40_000, "11 h")])
def test_waits_in_words(seconds: float, words: str) -> None:
    assert refused(Refusal(RULES[0], 5, 1, seconds)).message.endswith(f"Try again in {words}.")
