"""The parts of the pool by themselves: orders, sessions, retry budget, fall-back."""

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiclient2api.canonical.errors import KINDS, GatewayError, Kind
from aiclient2api.routing.fallback import MAX_TARGETS, Target, falls_over, order
from aiclient2api.routing.order import Order
from aiclient2api.routing.retry_budget import RetryBudget
from aiclient2api.routing.stickiness import Sessions

# --- orders

CHANGES = st.lists(st.tuples(st.integers(0, 4), st.none() | st.integers(0, 9).map(float)), max_size=600)


@given(CHANGES)
def test_an_order_is_what_sorting_would_give(changes: list[tuple[int, float | None]]) -> None:
    found: Order[float] = Order(5)
    keys: dict[int, float] = {}
    for number, key in changes:
        found.set(number, key)
        keys.pop(number, None)
        if key is not None:
            keys[number] = key
        assert found.key(number) == key
        assert found.first() == min(((key, number) for number, key in keys.items()), default=None)
        assert len(found) <= 4 * 5 + 64


def test_an_order_does_not_grow_with_what_has_been_passed_over() -> None:
    found: Order[float] = Order(2)
    for key in range(10_000):
        found.set(key % 2, -float(key))
        assert len(found) <= 4 * 2 + 64
    assert found.first() == (-9999.0, 1)


def test_moved_popped_and_pushed_back() -> None:
    found: Order[float] = Order(3)
    for number in range(3):
        found.set(number, float(number))
    assert found.first() == (0.0, 0)
    found.move_first(1.5)
    assert found.first() == (1.0, 1)
    popped = [found.pop()]
    assert found.first() == (1.5, 0)
    found.push(popped)
    assert found.first() == (1.0, 1)


# --- sessions


def test_a_session_is_remembered_until_it_is_silent() -> None:
    sessions = Sessions(most=10, ttl=60)
    assert sessions.account("s", 0) is None
    sessions.keep("s", "a", 0)
    assert sessions.account("s", 60) == "a"
    sessions.keep("s", "b", 60)
    assert sessions.account("s", 120) == "b"
    assert sessions.account("s", 120.1) is None
    assert len(sessions) == 0


def test_the_longest_silent_go_first() -> None:
    sessions = Sessions(most=3, ttl=60)
    for moment, session in enumerate("abcad"):
        sessions.keep(session, session.upper(), moment)
    assert [sessions.account(session, 5) for session in "abcd"] == ["A", None, "C", "D"]


@given(st.lists(st.integers(0, 50)))
def test_sessions_never_outgrow_their_bound(asked: list[int]) -> None:
    sessions = Sessions(most=7, ttl=10)
    for moment, session in enumerate(asked):
        sessions.keep(str(session), "a", moment)
        assert len(sessions) <= 7
        assert sessions.account(str(session), moment) == "a"


# --- retry budget


def test_a_lone_request_may_always_repeat() -> None:
    budget = RetryBudget()
    for _ in range(50):
        budget.begin()
        for _ in range(3):
            assert budget.take()
            budget.give()
        budget.end()


def test_at_once_a_share_but_always_three() -> None:
    budget = RetryBudget()
    for _ in range(10):
        budget.begin()
    assert [budget.take() for _ in range(5)] == [True, True, True, False, False]
    for _ in range(190):
        budget.begin()
    granted = 0
    while budget.take():
        granted += 1
    assert budget.repeating == 3 + granted == 40


def test_what_is_given_back_can_be_taken_again() -> None:
    budget = RetryBudget()
    budget.begin()
    assert [budget.take() for _ in range(4)] == [True, True, True, False]
    budget.give()
    assert [budget.take() for _ in range(2)] == [True, False]


def test_quick_failures_under_load_do_not_add_up() -> None:
    """Repeats that end at once would never be many at a time; the share over time holds them."""
    budget = RetryBudget()
    repeats = requests = 0
    for _ in range(100):
        budget.begin()
    for _ in range(20_000):
        budget.end()
        budget.begin()
        requests += 1
        taken = 0
        while taken < 10 and budget.take():
            taken += 1
        repeats += max(0, taken - 3)  # three at once are always allowed
        for _ in range(taken):
            budget.give()
    assert repeats <= 0.2 * requests


def quick_repeats(budget: RetryBudget, most: int) -> int:
    """How many repeats are granted one after another beside the three that always are, while those are under way."""
    for _ in range(3):
        assert budget.take()
    granted = 0
    while granted < most and budget.take():
        budget.give()
        granted += 1
    for _ in range(3):
        budget.give()
    return granted


def test_a_long_calm_is_not_saved_up() -> None:
    budget = RetryBudget()
    for _ in range(10_000):
        budget.begin()
        budget.end()
    for _ in range(100):
        budget.begin()
    assert 10 <= quick_repeats(budget, 100) <= 20


def test_repeats_that_are_always_allowed_are_counted_too() -> None:
    budget = RetryBudget()
    for _ in range(100):
        budget.begin()
    for _ in range(1000):
        assert budget.take()
        budget.give()
    for _ in range(100):
        budget.end()
        budget.begin()
    assert quick_repeats(budget, 100) == 0


def test_when_requests_have_ended_fewer_repeats_are_under_way() -> None:
    budget = RetryBudget()
    for _ in range(200):
        budget.begin()
    for _ in range(150):
        budget.end()
    granted = 0
    while budget.take():
        granted += 1
    assert granted == 10


@given(st.lists(st.sampled_from(["begin", "end", "take", "give"]), max_size=300))
def test_random_budgets_keep_their_bounds(steps: list[str]) -> None:
    budget = RetryBudget()
    begun = ended = taken = given_back = 0
    for step in steps:
        if step == "begin":
            budget.begin()
            begun += 1
        elif step == "end" and ended < begun:
            budget.end()
            ended += 1
        elif step == "take":
            before = budget.repeating
            if budget.take():
                taken += 1
                assert before < max(3, 0.2 * (begun - ended))
            else:
                assert before >= 3
        elif step == "give" and given_back < taken:
            budget.give()
            given_back += 1
        assert (budget.active, budget.repeating) == (begun - ended, taken - given_back)


# --- fall-back


def tried(
    first: str,
    chains: Mapping[str, Sequence[str]] | None = None,
    mapping: Mapping[str, str] | None = None,
    without: frozenset[str] = frozenset(),
) -> list[str]:
    """Targets as "provider:model", the first and the mapped ones written so, too."""
    steps = order(
        target(first),
        chains or {},
        {model: target(to) for model, to in (mapping or {}).items()},
        lambda each: f"{each.provider}:{each.model}" not in without,
    )
    return [f"{step.target.provider}:{step.target.model}" for step in steps]


def target(text: str) -> Target:
    provider, _, model = text.partition(":")
    return Target(provider, model)


@pytest.mark.parametrize(
    ("chains", "mapping", "expected"),
    [
        ({}, {}, ["a:m"]),
        ({"a": ["b", "c"]}, {}, ["a:m", "b:m", "c:m"]),
        ({"a": ["a", "b", "b"]}, {}, ["a:m", "b:m"]),
        ({"a": ["b"], "b": ["c"]}, {}, ["a:m", "b:m", "c:m"]),
        ({"a": ["b", "c"], "b": ["d"]}, {}, ["a:m", "b:m", "c:m", "d:m"]),
        ({"a": ["b"], "b": ["a"]}, {}, ["a:m", "b:m"]),
        ({}, {"m": "b:n"}, ["a:m", "b:n"]),
        ({"a": ["c"]}, {"m": "b:n"}, ["a:m", "c:m", "b:n"]),
        ({"a": ["c"], "b": ["d"]}, {"m": "b:n"}, ["a:m", "c:m", "b:n", "d:n"]),
        ({"a": ["b"]}, {"m": "b:m"}, ["a:m", "b:m"]),
        ({}, {"m": "b:n", "n": "c:o"}, ["a:m", "b:n", "c:o"]),
        ({}, {"m": "b:n", "n": "a:m"}, ["a:m", "b:n"]),
        ({"b": ["c"]}, {"other": "b:n"}, ["a:m"]),
    ],
)
def test_order(chains: Mapping[str, Sequence[str]], mapping: Mapping[str, str], expected: list[str]) -> None:
    assert tried("a:m", chains, mapping) == expected


def test_a_provider_of_a_chain_without_the_model_is_passed_over_and_a_mapping_is_not() -> None:
    chains, mapping = {"a": ["b", "c"]}, {"m": "d:n"}
    assert tried("a:m", chains, mapping, frozenset({"b:m", "d:n"})) == ["a:m", "c:m", "d:n"]


def test_each_step_says_why() -> None:
    steps = order(target("a:m"), {"a": ["b"]}, {"m": target("c:n")}, lambda each: True)
    assert [step.reason for step in steps] == ["asked for", "providerFallbackChain of a", "modelFallbackMapping of m"]


NAMES = st.sampled_from("abcdefgh")


@given(
    st.dictionaries(NAMES, st.lists(NAMES, max_size=8)),
    st.dictionaries(NAMES, st.tuples(NAMES, NAMES)),
    st.frozensets(st.tuples(NAMES, NAMES)),
)
def test_random_chains_end_and_try_nothing_twice(
    chains: dict[str, list[str]], mapping: dict[str, tuple[str, str]], absent: frozenset[tuple[str, str]]
) -> None:
    targets = {model: Target(*to) for model, to in mapping.items()}
    steps = order(Target("a", "b"), chains, targets, lambda each: (each.provider, each.model) not in absent)
    found = [step.target for step in steps]
    assert found[0] == Target("a", "b")
    assert len(set(found)) == len(found) <= MAX_TARGETS
    for step in steps[1:]:
        offered = (step.target.provider, step.target.model) not in absent
        assert offered if step.reason.startswith("provider") else step.target in targets.values()


@pytest.mark.parametrize("kind", KINDS)
def test_only_others_faults_fall_over(kind: Kind) -> None:
    expected = KINDS[kind].blame in ("credential", "provider")
    assert falls_over(GatewayError(kind, "x")) is expected
