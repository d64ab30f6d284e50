"""What each fault does: to which scope, for how long, and whether the account may be tried all the same."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiclient2api.canonical.errors import KINDS, GatewayError, Kind
from aiclient2api.routing.cooldown import (
    ACCOUNT,
    FAULTS,
    WORDS,
    Cause,
    PoolPolicy,
    Rest,
    in_words,
    rest_after,
    scope_of,
    told,
)

POLICY = PoolPolicy(account_wide=frozenset({"USER_LIMIT"}))
CAUSES: list[Cause] = ["rate_limit", "quota", "login", "suspended", "faults"]
NOW = 1000.0


def rest(kind: Kind, before: Rest | None = None, retry_after: float | None = None, jitter: float = 0.0) -> Rest:
    error = GatewayError(kind, "what the upstream said", retry_after=retry_after)
    return rest_after(error, FAULTS[kind].cause, before, POLICY, NOW, jitter)


def test_every_fault_of_credential_or_provider_has_a_row_and_no_other() -> None:
    assert {kind for kind, row in KINDS.items() if row.blame in ("credential", "provider")} == set(FAULTS)
    assert {fault.cause for fault in FAULTS.values()} == set(CAUSES) == set(WORDS)


@pytest.mark.parametrize(
    ("kind", "reason", "scope"),
    [
        ("rate_limit", None, "m"),
        ("rate_limit", "SOMETHING", "m"),
        ("rate_limit", "USER_LIMIT", ACCOUNT),
        ("quota", None, ACCOUNT),
        ("login_required", None, ACCOUNT),
        ("login_expired", None, ACCOUNT),
        ("account_suspended", None, ACCOUNT),
        ("overloaded", None, "m"),
        ("overloaded", "USER_LIMIT", ACCOUNT),
        ("upstream", None, "m"),
        ("timeout", None, "m"),
        ("truncated", None, "m"),
        ("connect", None, ACCOUNT),
    ],
)
def test_scope(kind: Kind, reason: str | None, scope: str) -> None:
    assert scope_of(GatewayError(kind, "x", reason=reason), FAULTS[kind], "m", POLICY) == scope


@pytest.mark.parametrize(
    ("kind", "first", "cap"),
    [
        ("rate_limit", 2, 300),
        ("quota", 900, 21600),
        ("login_expired", 60, 3600),
        ("account_suspended", 3600, 86400),
        ("overloaded", 5, 300),
    ],
)
def test_our_own_guesses_double_up_to_a_cap(kind: Kind, first: float, cap: float) -> None:
    waits, before = [], None
    for _ in range(40):
        before = rest(kind, before)
        waits.append(before.until - NOW)
    assert waits[0] == first
    assert waits[-1] == cap
    assert all(later == min(2 * earlier, cap) for earlier, later in itertools.pairwise(waits))


@pytest.mark.parametrize(("jitter", "wait"), [(0.0, 2.0), (0.5, 1.5), (0.9, 1.1)])
def test_jitter_takes_up_to_a_half_off_a_guess(jitter: float, wait: float) -> None:
    assert rest("rate_limit", jitter=jitter).until == pytest.approx(NOW + wait)


def test_thousands_in_a_row_are_only_numbers() -> None:
    long_ago = Rest(cause="faults", since=0, until=0, last_resort=0, steps=10**6)
    assert rest("overloaded", long_ago).until == NOW + 300


@pytest.mark.parametrize("kind", FAULTS)
def test_what_the_upstream_asks_for_is_kept_to_the_second(kind: Kind) -> None:
    for jitter in (0.0, 0.5, 0.999):
        asked = rest(kind, retry_after=7.0, jitter=jitter)
        assert (asked.until, asked.last_resort, asked.told) == (NOW + 7, NOW + 7, True)


@pytest.mark.parametrize(
    ("kind", "most"), [("rate_limit", 86400), ("quota", 40 * 86400), ("overloaded", 600), ("login_expired", 86400)]
)
@pytest.mark.parametrize("asked", [1e9, math.inf])
def test_nobody_is_sent_away_for_ever(kind: Kind, most: float, asked: float) -> None:
    assert rest(kind, retry_after=asked).until == NOW + most


@pytest.mark.parametrize("asked", [None, 0.0, -5.0, math.nan, -math.inf])
def test_a_wait_that_is_none_is_a_guess_of_ours(asked: float | None) -> None:
    assert told(GatewayError("rate_limit", "x", retry_after=asked)) is None
    guess = rest("rate_limit", retry_after=asked)
    assert (guess.until, guess.told) == (NOW + 2, False)


@pytest.mark.parametrize(
    ("kind", "pause"), [("overloaded", 0), ("connect", 0), ("rate_limit", 2), ("quota", 3600), ("login_expired", 240)]
)
def test_as_a_last_resort_a_guess_counts_for_less(kind: Kind, pause: float) -> None:
    third = rest(kind, rest(kind, rest(kind)))
    assert third.last_resort == NOW + pause
    assert third.until == NOW + 4 * POLICY.steps(FAULTS[kind].cause).first


@given(
    st.sampled_from(sorted(FAULTS)),
    st.none() | st.floats(),
    st.integers(1, 60),
    st.floats(0, 1, exclude_max=True),
    st.floats(0, 1e9),
)
def test_random_rests_keep_their_bounds(kind: Kind, asked: float | None, steps: int, jitter: float, now: float) -> None:
    cause = FAULTS[kind].cause
    rule = POLICY.steps(cause)
    before = Rest(cause=cause, since=0, until=now, last_resort=now, steps=steps)
    error = GatewayError(kind, "x", retry_after=asked)
    found = rest_after(error, cause, before, POLICY, now, jitter)
    assert now <= found.last_resort <= found.until
    assert found.steps == steps + 1
    slack = 1e-6
    if found.told:
        assert asked is not None
        assert found.until == pytest.approx(now + min(asked, rule.most))
    else:
        assert now + rule.first / 2 - slack <= found.until <= now + rule.cap + slack


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (None, "rate limit"),
        ("", "rate limit"),
        ("USER_REQUEST_RATE_EXCEEDED", "rate limit (USER_REQUEST_RATE_EXCEEDED)"),
        ("a\r\nset-cookie: b\u2028限", "rate limit (aset-cookie:b)"),
        ("x" * 1000, f"rate limit ({'x' * 64})"),
    ],
)
def test_words_are_fit_for_a_header(reason: str | None, words: str) -> None:
    assert in_words("rate_limit", reason) == words


def test_the_upstreams_message_is_kept_short() -> None:
    long = rest_after(GatewayError("quota", "x" * 5000), "quota", None, POLICY, NOW, 0.0)
    assert len(long.detail) == 300
