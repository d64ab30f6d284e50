"""The plan of attempts as a conversation: it says what to do, and hears how that went."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiclient2api.canonical.errors import KINDS, GatewayError, Kind
from aiclient2api.routing.attempts import Remedy, RetryPolicy, Try, Wait, attempts

BUSY = GatewayError("overloaded", "busy")
BAD = GatewayError("bad_request", "bad")
EXPIRED = GatewayError("login_expired", "expired")
NONE: frozenset[str] = frozenset()


def no_remedy(error: GatewayError, applied: frozenset[str]) -> str | None:
    return None


def refresh_then_strip(error: GatewayError, applied: frozenset[str]) -> str | None:
    """For an expired login a refresh; for a bad request first to leave out one member, then another."""
    if error.kind == "login_expired":
        return "refresh"
    if error.kind == "bad_request":
        return "strip" if "strip" not in applied else "strip_more"
    return None


def steps(
    *faults: GatewayError,
    policy: RetryPolicy | None = None,
    remedy: Remedy = no_remedy,
    jitter: float = 0.0,
    start: frozenset[str] = NONE,
) -> tuple[list[Try | Wait], GatewayError | None]:
    """Every step while these faults are met in turn, and the error raised; None if a Try was left to succeed."""
    plan = attempts(policy or RetryPolicy(), remedy, lambda: jitter, start)
    out: list[Try | Wait] = [next(plan)]
    for fault in faults:
        try:
            while isinstance(out[-1], Wait):
                out.append(next(plan))
            out.append(plan.send(fault))
        except GatewayError as error:
            return out, error
    while isinstance(out[-1], Wait):
        out.append(next(plan))
    return out, None


def waits(taken: list[Try | Wait]) -> list[float]:
    return [step.seconds for step in taken if isinstance(step, Wait)]


def test_the_first_attempt_comes_at_once() -> None:
    assert steps() == ([Try(NONE)], None)


def test_remedies_known_to_be_needed_go_with_it() -> None:
    assert steps(start=frozenset({"rest"})) == ([Try(frozenset({"rest"}))], None)


@pytest.mark.parametrize("kind", [kind for kind, row in KINDS.items() if not row.retryable])
def test_what_a_repeat_cannot_help_is_raised_at_once(kind: Kind) -> None:
    error = GatewayError(kind, "m")
    assert steps(error) == ([Try(NONE)], error)


@pytest.mark.parametrize("kind", [kind for kind, row in KINDS.items() if row.retryable])
def test_what_may_pass_is_repeated_after_a_delay(kind: Kind) -> None:
    assert steps(GatewayError(kind, "m")) == ([Try(NONE), Wait(0.5), Try(NONE)], None)


def test_the_error_itself_has_the_last_word_on_that() -> None:
    stubborn = GatewayError("overloaded", "m", retryable=False)
    assert steps(stubborn) == ([Try(NONE)], stubborn)
    willing = GatewayError("bad_request", "m", retryable=True)
    assert steps(willing) == ([Try(NONE), Wait(0.5), Try(NONE)], None)


def test_delays_double_and_the_last_error_is_raised() -> None:
    last = GatewayError("upstream", "the last")
    taken, error = steps(BUSY, BUSY, BUSY, last)
    assert taken == [Try(NONE), Wait(0.5), Try(NONE), Wait(1.0), Try(NONE), Wait(2.0), Try(NONE)]
    assert error is last


def test_no_retries() -> None:
    assert steps(BUSY, policy=RetryPolicy(max_retries=0)) == ([Try(NONE)], BUSY)


def test_no_retries_still_allow_a_remedy() -> None:
    taken, error = steps(EXPIRED, EXPIRED, policy=RetryPolicy(max_retries=0), remedy=refresh_then_strip)
    assert taken == [Try(NONE), Try(frozenset({"refresh"}))]
    assert error is EXPIRED


@pytest.mark.parametrize(("jitter", "delay"), [(0.0, 0.5), (0.5, 0.75), (0.999999, 0.9999995)])
def test_jitter_takes_up_to_a_half(jitter: float, delay: float) -> None:
    assert waits(steps(BUSY, jitter=jitter)[0]) == [pytest.approx(delay)]


@given(
    st.integers(0, 12),
    st.floats(0, 10),
    st.floats(0, 30),
    st.lists(st.floats(0, 1, exclude_max=True), min_size=12, max_size=12),
    st.lists(st.none() | st.floats(-5, 30), max_size=14),
)
def test_random_delays_keep_their_bounds(
    retries: int, base: float, longest: float, jitters: list[float], asked: list[float | None]
) -> None:
    policy = RetryPolicy(max_retries=retries, base_delay=base, max_wait=longest)
    source = iter(jitters)
    plan = attempts(policy, no_remedy, lambda: next(source))
    assert next(plan) == Try(NONE)
    for waited, retry_after in enumerate(asked):
        error = GatewayError("overloaded", "m", retry_after=retry_after)
        if waited == retries or (retry_after is not None and retry_after > longest):
            with pytest.raises(GatewayError) as caught:
                plan.send(error)
            assert caught.value is error
            return
        step = plan.send(error)
        assert isinstance(step, Wait)
        assert 0 <= step.seconds <= longest
        full = base * 2**waited
        assert step.seconds >= min(longest, full / 2)
        assert step.seconds <= max(full, retry_after or 0)
        assert step.seconds >= (retry_after or 0)
        assert next(plan) == Try(NONE)


def busy(retry_after: float) -> GatewayError:
    return GatewayError("rate_limit", "m", retry_after=retry_after)


@pytest.mark.parametrize(
    ("retry_after", "delay"), [(0.0, 0.5), (-3.0, 0.5), (0.2, 0.5), (7.0, 7.0), (20.0, 20.0), (float("nan"), 0.5)]
)
def test_never_before_the_upstream_said(retry_after: float, delay: float) -> None:
    assert waits(steps(busy(retry_after))[0]) == [delay]


@pytest.mark.parametrize("retry_after", [20.01, 3600.0, 1e9, float("inf")])
def test_a_longer_wait_is_the_clients(retry_after: float) -> None:
    error = busy(retry_after)
    assert steps(error) == ([Try(NONE)], error)


def test_no_delay_is_longer_than_the_longest() -> None:
    taken, _ = steps(*[BUSY] * 8, policy=RetryPolicy(max_retries=8, base_delay=1.0, max_wait=5.0))
    assert waits(taken) == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0, 5.0, 5.0]


@pytest.mark.parametrize("base", [0.0, 1.0])
def test_thousands_of_retries_are_only_numbers(base: float) -> None:
    taken, error = steps(*[BUSY] * 3001, policy=RetryPolicy(max_retries=3000, base_delay=base))
    assert len(waits(taken)) == 3000
    assert waits(taken)[-1] == (20.0 if base else 0.0)
    assert error is BUSY


def test_a_remedy_is_applied_at_once_and_kept() -> None:
    taken, error = steps(EXPIRED, BUSY, BAD, BAD, remedy=refresh_then_strip, start=frozenset({"rest"}))
    assert error is None
    assert taken == [
        Try(frozenset({"rest"})),
        Try(frozenset({"rest", "refresh"})),
        Wait(0.5),
        Try(frozenset({"rest", "refresh"})),
        Try(frozenset({"rest", "refresh", "strip"})),
        Try(frozenset({"rest", "refresh", "strip", "strip_more"})),
    ]


def test_each_remedy_once() -> None:
    taken, error = steps(BAD, BAD, BAD, remedy=refresh_then_strip)
    assert taken == [Try(NONE), Try(frozenset({"strip"})), Try(frozenset({"strip", "strip_more"}))]
    assert error is BAD


def test_a_remedy_that_did_not_help_leaves_the_retries() -> None:
    taken, error = steps(BUSY, BUSY, BUSY, policy=RetryPolicy(max_retries=1), remedy=lambda error, applied: "rest")
    other = Try(frozenset({"rest"}))
    assert taken == [Try(NONE), other, Wait(0.5), other]
    assert error is BUSY


def test_a_login_refused_after_its_refresh_is_not_asked_again() -> None:
    again = GatewayError("login_expired", "still")
    taken, error = steps(EXPIRED, again, remedy=refresh_then_strip)
    assert taken == [Try(NONE), Try(frozenset({"refresh"}))]
    assert error is again
    taken, error = steps(EXPIRED, BUSY, EXPIRED, remedy=refresh_then_strip)
    assert len(waits(taken)) == 1
    assert error is EXPIRED


def test_a_remedy_known_from_the_start_is_not_applied_again() -> None:
    taken, error = steps(BAD, BAD, remedy=lambda error, applied: "rest", start=frozenset({"rest"}))
    assert taken == [Try(frozenset({"rest"}))]
    assert error is BAD


def test_the_remedy_hears_what_is_applied() -> None:
    heard: list[tuple[GatewayError, frozenset[str]]] = []

    def remedy(error: GatewayError, applied: frozenset[str]) -> str | None:
        heard.append((error, applied))
        return refresh_then_strip(error, applied)

    steps(EXPIRED, BUSY, remedy=remedy)
    assert heard == [(EXPIRED, NONE), (BUSY, frozenset({"refresh"}))]


def test_a_try_must_be_answered() -> None:
    plan = attempts(RetryPolicy(), no_remedy, lambda: 0.0)
    assert next(plan) == Try(NONE)
    with pytest.raises(TypeError):
        next(plan)
