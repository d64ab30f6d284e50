"""The pool under faults, in virtual time: the figures of the acceptance list (F8, F9, F16), stickiness, a large fleet.

Rig and scripted upstreams are those of tools/simulate_pool. Numbers here are limits; docs/pools.md has measured ones.
"""

import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from tools.simulate_pool import SCENARIOS, Reply, Scenario, World, answer, fails, limited, main, storm

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.routing.pool import Refusal

CALM = Scenario("calm", lambda number, now, chance: answer(chance), accounts=50, requests=4000, sessions=200, rate=50.0)


# --- F8: every account is limited

RetryAfter = Callable[[int], float | None]

RETRY_AFTERS: dict[str, tuple[RetryAfter, float, float]] = {
    "seconds, or a date that became seconds": (lambda number: 5.0 + 5.0 * number, 4.0, 5.0),
    "absent": (lambda number: None, 0.0, 2.0),
    "negative": (lambda number: -3.0, 0.0, 2.0),
    "1e9": (lambda number: 1e9, 86399.0, 86400.0),
    "mixed": (lambda number: [30.0, None, -1.0, 1e9][number % 4], 0.0, 2.0),
}


@pytest.mark.parametrize(("retry_after", "least", "most"), RETRY_AFTERS.values(), ids=RETRY_AFTERS)
def test_all_ten_accounts_are_limited(retry_after: RetryAfter, least: float, most: float) -> None:
    """Each account is asked once; then the client hears at once how long to wait, and nothing is asked before."""
    scenario = Scenario(
        "F8",
        lambda number, now, chance: fails(limited(retry_after(number))),
        accounts=10,
        requests=40,
        clients=1,
        think=0.01,
    )
    world = World(scenario)
    figures = world.run(until=1.0)
    assert figures.calls == {f"account-{number}": 1 for number in range(10)}
    assert figures.early == 0
    refusal = world.pool.choose(world.now, "model-0")
    assert isinstance(refusal, Refusal)
    assert refusal.wait is not None
    assert least < refusal.wait <= most
    error = refusal.error()
    assert (error.status, error.retry_after) == (429, refusal.wait)


def test_nothing_is_asked_in_a_loop_while_all_are_limited() -> None:
    scenario = Scenario("F8", lambda number, now, chance: fails(limited(60.0)), accounts=10, requests=3000, clients=1)
    figures = World(replace(scenario, think=0.01)).run(until=29.0)
    assert figures.calls.total() == 10
    assert figures.requests > 2500


# --- F9: a storm of 429s


@pytest.mark.parametrize("retry_after", [None, 5.0], ids=["no Retry-After", "5 s"])
@pytest.mark.parametrize("accounts", [1, 10, 50])
def test_a_storm_is_not_made_worse_and_forgotten_soon(accounts: int, retry_after: float | None) -> None:
    scenario = Scenario("F9", storm(retry_after), accounts=accounts, requests=1_000_000, clients=200)
    world = World(scenario)
    figures = world.run(until=75.0)
    assert figures.amplification <= 1.2
    assert figures.early == 0
    assert figures.success(65.0, 75.0) >= 0.95
    assert len(world.pool.changes()) <= accounts


def test_a_storm_of_failures() -> None:
    """Here calls may be repeated at once, so it is the budget that keeps them few."""

    def upstream(number: int, now: float, chance: random.Random) -> Reply:
        broken = now < 60 and chance.random() < 0.5
        return fails(GatewayError("upstream", "x"), 0.3) if broken else answer(chance, 1.0)

    figures = World(Scenario("5xx", upstream, accounts=10, requests=1_000_000, clients=200)).run(until=75.0)
    assert figures.amplification <= 1.2
    assert figures.success(65.0, 75.0) >= 0.95


# --- F16: all gone, all back


def test_all_accounts_gone_and_all_back() -> None:
    world = World(replace(CALM, accounts=5))
    ids = [f"account-{number}" for number in range(5)]
    usable: dict[float, bool] = {}

    def gone() -> None:
        for id in ids:
            world.pool.exclude(id, "The file is gone.", world.now)

    def back() -> None:
        for id in ids:
            world.pool.restore(id, world.now)

    def look() -> None:
        usable[world.now] = world.pool.usable(world.now)

    world.at(10.0, gone)
    world.at(40.0, back)
    for moment in (9.9, 10.1, 39.9, 40.1):
        world.at(moment, look)
    figures = world.run(until=60.0)
    assert usable == {9.9: True, 10.1: False, 39.9: False, 40.1: True}
    assert figures.success(20.0, 40.0) <= 0.05  # what was under way at 10 s
    assert figures.success(41.0, 60.0) >= 0.99
    assert all(29.0 < wait <= 60.0 for wait in figures.retry_after)


# --- stickiness


def test_without_faults_every_request_of_a_session_goes_to_one_account() -> None:
    figures = World(CALM).run()
    assert figures.again > 3000
    assert figures.stickiness == 1.0


def test_with_faults_most_of_them_still_do() -> None:
    """2 % of calls are rate-limited or fail: each such rest moves the sessions of one account, and only those."""

    def upstream(number: int, now: float, chance: random.Random) -> Reply:
        dice = chance.random()
        if dice < 0.01:
            return fails(limited(20.0))
        return fails(GatewayError("overloaded", "x")) if dice < 0.02 else answer(chance)

    figures = World(replace(CALM, upstream=upstream)).run()
    assert figures.stickiness >= 0.9


def test_at_its_limit_an_account_lends_its_sessions_and_keeps_them() -> None:
    figures = World(replace(CALM, limit=2, rate=10.0)).run()
    assert figures.over == 0
    assert 0.7 <= figures.stickiness < 1.0
    assert figures.success() == 1.0


# --- a large fleet


def test_a_thousand_accounts_with_everything_that_goes_wrong() -> None:
    fleet = replace(SCENARIOS[0], requests=15_000)
    world = World(fleet)
    figures = world.run()
    assert (fleet.name, fleet.accounts) == ("fleet", 1000)
    assert (figures.early, figures.over) == (0, 0)
    assert figures.amplification <= 1.2
    assert figures.success() >= 0.97
    assert len(figures.calls) >= 990, "nearly everybody has had work"
    assert figures.cpu < 15, "seconds, for 15,000 requests"
    standings = world.pool.standings(world.now)
    assert sum(each.in_flight for each in standings) == 0


def test_a_crowd_waits_in_the_queue_and_is_served() -> None:
    scenario = Scenario(
        "crowd",
        lambda number, now, chance: Reply("success", 0.1, 0.5),
        accounts=4,
        requests=200,
        rate=100.0,
        limit=5,
        patience=30.0,
    )
    figures = World(scenario).run()
    assert (figures.over, figures.success()) == (0, 1.0)
    assert figures.most_waiting > 50


def test_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["small pool"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("\n") == 3
    assert "0 / 0" in printed


def test_the_same_events_have_the_same_consequences() -> None:
    """No clock and no chance inside."""
    first, second = (World(replace(SCENARIOS[1], requests=2000), seed=7).run() for _ in range(2))
    assert (first.calls, first.ends, first.kept) == (second.calls, second.ends, second.kept)
