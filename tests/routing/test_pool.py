"""The pool as a conversation: who is chosen, what is reported, who is chosen then."""

from collections import Counter
from collections.abc import Callable, Sequence

import msgspec
import pytest

from aiclient2api.canonical.errors import KINDS, GatewayError, Kind
from aiclient2api.routing.cooldown import ACCOUNT, FAULTS
from aiclient2api.routing.pool import (
    AccountState,
    Choice,
    Member,
    Outcome,
    Pool,
    PoolPolicy,
    Quota,
    Refusal,
)
from aiclient2api.routing.slot import MAX_SCOPES
from aiclient2api.routing.words import duration


class Talk:
    """A pool and a clock. `ask` chooses, `serve` chooses and reports at once."""

    def __init__(self, *members: Member | str, policy: PoolPolicy | None = None) -> None:
        self.pool = Pool([Member(id=each) if isinstance(each, str) else each for each in members], policy)
        self.now = 100.0

    def ask(self, model: str = "m", session: str = "", tried: Sequence[str] = ()) -> Choice:
        choice = self.pool.choose(self.now, model, session, tried)
        assert isinstance(choice, Choice), choice
        return choice

    def refused(self, model: str = "m", tried: Sequence[str] = ()) -> Refusal:
        refusal = self.pool.choose(self.now, model, "", tried)
        assert isinstance(refusal, Refusal), refusal
        return refusal

    def end(self, choice: Choice, outcome: Outcome = "success", jitter: float = 0.0) -> None:
        self.pool.report(choice, outcome, self.now, jitter)

    def serve(
        self, outcome: Outcome = "success", model: str = "m", session: str = "", tried: Sequence[str] = ()
    ) -> str:
        choice = self.ask(model, session, tried)
        self.end(choice, outcome)
        return choice.id

    def served(self, times: int, model: str = "m") -> Counter[str]:
        return Counter(self.serve(model=model) for _ in range(times))

    def state(self, id: str, model: str = ACCOUNT) -> str:
        return next(each.state for each in self.pool.standings(self.now, model) if each.id == id)

    def why(self, id: str, model: str = ACCOUNT) -> str:
        return next(each.reason for each in self.pool.standings(self.now, model) if each.id == id)


def limited(retry_after: float | None = None, reason: str | None = None) -> GatewayError:
    return GatewayError("rate_limit", "Slow down.", retry_after=retry_after, reason=reason)


BUSY = GatewayError("overloaded", "The service is overloaded.")
CONNECT = GatewayError("connect", "Nobody answers.")
EXPIRED = GatewayError("login_expired", "The login has expired. Log in again.")
BAD = GatewayError("bad_request", "That is no request.")


# --- the order


def test_equal_accounts_take_turns() -> None:
    talk = Talk("a", "b", "c")
    assert [talk.serve() for _ in range(7)] == ["a", "b", "c", "a", "b", "c", "a"]


def test_the_least_loaded_comes_first() -> None:
    talk = Talk("a", "b", "c")
    held = [talk.ask() for _ in range(5)]
    assert [each.id for each in held] == ["a", "b", "c", "a", "b"]
    talk.end(held[0])
    talk.end(held[3])
    assert [talk.ask().id for _ in range(3)] == ["a", "c", "a"]


def test_load_counts_by_weight() -> None:
    talk = Talk(Member(id="heavy", weight=3), Member(id="light"))
    assert Counter(talk.ask().id for _ in range(40)) == {"heavy": 30, "light": 10}


def test_turns_count_by_weight_too() -> None:
    """One request after another: nobody is ever loaded, and still the heavy one is meant to do more."""
    talk = Talk(Member(id="heavy", weight=3), Member(id="light"), Member(id="half", weight=0.5))
    assert talk.served(450) == {"heavy": 300, "light": 100, "half": 50}


def test_who_was_away_gets_one_turn_and_not_all_that_were_missed() -> None:
    talk = Talk("a", "b", "c")
    assert talk.serve(limited(60)) == "a"
    assert talk.served(100) == {"b": 50, "c": 50}
    talk.now += 60
    assert talk.served(9) == {"a": 3, "b": 3, "c": 3}


def test_who_was_tried_is_not_chosen() -> None:
    talk = Talk("a", "b", "c")
    assert talk.serve(tried=["a"]) == "b"
    assert talk.serve(tried=["a", "b"]) == "c"
    refusal = talk.refused(tried=["a", "b", "c"])
    assert (refusal.kind, refusal.wait) == ("tried", None)
    assert refusal.reason == "No account can serve m now: 3 tried"
    assert talk.served(3) == {"a": 1, "b": 1, "c": 1}


def test_no_account_goes_beyond_its_limit() -> None:
    talk = Talk(Member(id="a", limit=1), Member(id="b", limit=2))
    held = [talk.ask() for _ in range(3)]
    assert sorted(each.id for each in held) == ["a", "b", "b"]
    refusal = talk.refused()
    assert (refusal.kind, refusal.reason) == ("full", "No account can serve m now: 2 busy")
    error = refusal.error()
    assert (error.kind, error.status, error.retry_after) == ("overloaded", 503, 1.0)
    talk.end(held[0])
    assert talk.ask().id == "a"


def test_models_that_an_account_may_serve() -> None:
    talk = Talk(
        Member(id="opus", allowed=("claude-opus-*",)),
        Member(id="no-opus", forbidden=("*opus*",)),
        Member(id="exact", allowed=("gpt-5",), forbidden=("gpt-5-mini",)),
    )
    assert talk.served(4, "claude-opus-5") == {"opus": 4}
    assert talk.served(4, "claude-haiku-5") == {"no-opus": 4}
    assert talk.served(4, "gpt-5") == {"no-opus": 2, "exact": 2}
    assert talk.served(4, "gpt-5-mini") == {"no-opus": 4}


def test_a_model_that_nobody_may_serve() -> None:
    talk = Talk(Member(id="a", allowed=("x",)), Member(id="b", disabled=True))
    refusal = talk.refused("m")
    assert (refusal.kind, refusal.reason) == ("unserved", "None of 2 accounts may serve m")
    assert (refusal.error().kind, refusal.error().param) == ("model_not_found", "model")
    assert (talk.state("a", "m"), talk.state("b", "m")) == ("not allowed", "disabled")


def test_who_has_little_left_is_chosen_later() -> None:
    talk = Talk(Member(id="a"), Member(id="b", limit=1), "c")
    talk.pool.learn("a", Quota(0.05, resets_at=500.0), talk.now)
    talk.pool.learn("c", Quota(0.5, resets_at=500.0), talk.now)
    held = [talk.ask() for _ in range(3)]
    assert [each.id for each in held] == ["b", "c", "c"]
    talk.pool.learn("c", Quota(0.09), talk.now)
    assert talk.ask().id == "a"  # both have little left: the least loaded of them
    talk.now = 500.0
    assert [talk.ask().id for _ in range(2)] == ["a", "a"]  # its quota is whole again, the other's is not
    talk.end(held[0])
    assert talk.ask().id == "b"


def test_at_the_reset_an_idle_account_comes_before_a_busy_one_again() -> None:
    talk = Talk("a", "b")
    talk.pool.learn("a", Quota(0.05, resets_at=500.0), talk.now)
    assert [talk.ask().id for _ in range(2)] == ["b", "b"]
    talk.now = 500.0
    assert talk.ask().id == "a"


@pytest.mark.parametrize(
    "make",
    [
        lambda: Member(id=""),
        lambda: Member(id="a", weight=0),
        lambda: Member(id="a", weight=-1),
        lambda: Member(id="a", weight=float("nan")),
        lambda: Member(id="a", weight=float("inf")),
        lambda: Member(id="a", limit=0),
        lambda: Pool([Member(id="a"), Member(id="a")]),
    ],
)
def test_members_that_make_no_sense(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match="account"):
        make()


# --- sessions


def test_a_session_stays_with_its_account() -> None:
    talk = Talk("a", "b", "c")
    first = talk.ask(session="s")
    busy = [talk.ask() for _ in range(4)]
    again = talk.ask(session="s")
    assert (first.id, again.id, again.kept, again.reason) == ("a", "a", True, "the session's account")
    assert not first.kept
    assert {each.id for each in busy} == {"a", "b", "c"}


def test_an_account_that_is_full_or_was_tried_keeps_its_sessions() -> None:
    talk = Talk(Member(id="a", limit=1), "b")
    held = talk.ask(session="s")
    other = talk.ask(session="s")
    assert (other.id, other.kept) == ("b", False)
    assert other.reason == "least loaded of 1; 1 busy; the session's own was passed over"
    talk.end(held)
    assert talk.serve(session="s", tried=["a"]) == "b"
    assert talk.serve(session="s") == "a"


def test_an_account_that_rests_loses_its_sessions() -> None:
    talk = Talk("a", "b")
    assert talk.serve(limited(5), session="s") == "a"
    assert talk.serve(session="s") == "b"
    talk.now += 60
    assert [talk.serve(session="s") for _ in range(3)] == ["b", "b", "b"]


def test_a_session_has_another_account_for_models_that_its_own_may_not_serve() -> None:
    talk = Talk(*[Member(id=f"{model}{n}", allowed=(model,)) for n in range(3) for model in "xy"])
    pairs = [(talk.serve(model="x", session="s"), talk.serve(model="y", session="s")) for _ in range(5)]
    assert set(pairs) == {("x0", "y0")}


def test_a_silent_session_begins_anew() -> None:
    talk = Talk("a", "b", policy=PoolPolicy(session_ttl=60))
    assert talk.serve(session="s") == "a"
    talk.now += 61
    assert talk.serve(session="s") == "b"


# --- rate limits


def test_a_rate_limit_concerns_the_model_and_ends_when_it_was_said_to() -> None:
    talk = Talk("a", "b")
    assert talk.serve(limited(30, "tokens")) == "a"
    assert talk.served(4) == {"b": 4}
    assert talk.served(4, "other") == {"a": 2, "b": 2}
    assert (talk.state("a", "m"), talk.why("a", "m")) == ("resting", "rate limit (tokens), 30 s")
    assert talk.state("a") == "ready"
    assert talk.ask().reason == "least loaded of 1; 1 resting, next in 30 s"
    talk.now += 29.9
    assert talk.served(4) == {"b": 4}
    talk.now += 0.1
    assert "a" in talk.served(2)


def test_a_rest_ends_with_one_trial_at_a_time() -> None:
    talk = Talk("a", "b")
    talk.serve(limited(30))
    talk.serve()
    talk.now += 30
    trial = talk.ask()
    assert (trial.id, trial.trial) == ("a", True)
    assert trial.reason == "least loaded of 2; trial after rate limit"
    assert talk.state("a", "m") == "busy"
    assert [talk.ask().id for _ in range(3)] == ["b", "b", "b"]
    talk.end(trial)
    plain = talk.ask()
    assert (plain.id, plain.trial) == ("a", False)


def test_content_ends_a_trial_before_the_stream_does() -> None:
    talk = Talk("a")
    talk.serve(limited(30))
    talk.now += 30
    trial = talk.ask()
    assert talk.refused().kind == "full"
    talk.pool.answering(trial, talk.now)
    assert [talk.ask().trial for _ in range(2)] == [False, False]
    talk.end(trial, BUSY)
    assert talk.state("a", "m") == "ready"


def test_a_trial_that_says_nothing_leaves_the_account_half_open() -> None:
    talk = Talk("a")
    talk.serve(limited(30))
    talk.now += 30
    outcomes: list[Outcome] = ["left", BAD, GatewayError("internal", "Our own mistake.")]
    for outcome in outcomes:
        trial = talk.ask()
        assert trial.trial
        talk.end(trial, outcome)
    assert talk.ask().trial


def test_a_trial_that_fails_doubles_the_guess() -> None:
    talk = Talk("a", "b")
    talk.serve(limited())
    waits = []
    for _ in range(5):
        waits.append(int(talk.why("a", "m").split()[-2]))
        talk.now += waits[-1]
        assert talk.serve(limited(), tried=["b"]) == "a"
    assert waits == [2, 4, 8, 16, 32]


def test_a_success_ends_the_doubling() -> None:
    talk = Talk("a", "b")
    talk.serve(limited())
    talk.now += 2
    talk.serve(tried=["b"])
    talk.serve(limited(), tried=["b"])
    assert talk.why("a", "m") == "rate limit, 2 s"


def test_reasons_by_which_a_limit_concerns_the_whole_account() -> None:
    talk = Talk("a", "b", policy=PoolPolicy(account_wide=frozenset({"USER_LIMIT"})))
    talk.serve(limited(30, "USER_LIMIT"))
    assert talk.served(4, "other") == {"b": 4}
    assert talk.state("a") == "resting"


def test_all_limited_the_client_hears_the_smallest_wait() -> None:
    talk = Talk("a", "b", "c")
    for wait in (50.0, 20.0, 30.0):
        talk.serve(limited(wait))
    refusal = talk.refused()
    assert (refusal.kind, refusal.wait, refusal.cause) == ("resting", 20.0, "rate_limit")
    assert refusal.reason == "No account can serve m now: 3 resting, next in 20 s (rate limit)"
    error = refusal.error()
    assert (error.kind, error.status, error.retry_after) == ("rate_limit", 429, 20.0)
    assert error.message == f"{refusal.reason}. Slow down."
    talk.now += 20
    assert talk.ask().id == "b"


def test_the_last_account_waits_only_a_moment_for_a_guess() -> None:
    """Nobody said how long: with every account limited, each may be tried again after the first step."""
    talk = Talk("a", "b")
    for _ in range(6):
        for _ in range(2):
            talk.serve(limited())
        refusal = talk.refused()
        assert refusal.wait == 2.0
        talk.now += 2.0
    trial = talk.ask()
    assert trial.reason.startswith("last resort; 2 resting, next in ")
    talk.end(trial)
    assert talk.served(4) == {trial.id: 4}


# --- failures in a row


@pytest.mark.parametrize("kind", [kind for kind, fault in FAULTS.items() if fault.cause == "faults"])
def test_five_failures_in_a_row_and_an_account_rests(kind: Kind) -> None:
    talk = Talk("a", "b")
    for count in range(5):
        assert talk.state("a", "m") == "ready", count
        assert talk.serve(GatewayError(kind, "x"), tried=["b"]) == "a"
    assert talk.state("a", "m") == "resting"
    assert talk.served(4) == {"b": 4}
    assert (talk.state("a") == "resting") is FAULTS[kind].whole
    talk.now += 5
    trial = talk.ask()
    assert (trial.id, trial.trial) == ("a", True)
    talk.end(trial, GatewayError(kind, "x"))
    assert talk.why("a", "m") == "failures in a row, 10 s"


def test_a_success_between_begins_the_count_anew() -> None:
    talk = Talk("a", "b")
    for _ in range(10):
        for _ in range(4):
            talk.serve(BUSY, tried=["b"])
        talk.serve(tried=["b"])
    assert talk.state("a", "m") == "ready"


def test_many_at_once_that_fail_together_count_as_one_rest() -> None:
    talk = Talk("a")
    held = [talk.ask() for _ in range(100)]
    for choice in held:
        talk.end(choice, BUSY)
    assert talk.why("a", "m") == "failures in a row, 5 s"


def test_two_models_that_fail_make_the_account_rest() -> None:
    talk = Talk("a", "b")
    for model in ("x", "y"):
        for _ in range(5):
            talk.serve(BUSY, model=model, tried=["b"])
    assert talk.state("a") == "resting"
    assert talk.served(4, "z") == {"b": 4}
    talk.now += 5
    assert talk.serve(model="z", tried=["b"]) == "a"
    assert (talk.state("a"), talk.state("a", "x")) == ("ready", "ready")
    assert talk.ask("x", tried=["b"]).trial


def test_a_failure_with_a_retry_after_is_a_rest_at_once() -> None:
    talk = Talk("a")
    talk.serve(GatewayError("overloaded", "x", retry_after=15))
    assert talk.refused().wait == 15.0
    assert talk.refused().error().kind == "overloaded"


def test_the_last_account_is_never_ejected_by_failures() -> None:
    talk = Talk("a")
    for _ in range(100):
        talk.serve(BUSY)
    trial = talk.ask()
    assert trial.trial
    assert trial.reason == "last resort; 1 resting, next in 5 min; trial after failures in a row"
    refusal = talk.refused()
    assert (refusal.kind, refusal.reason) == ("full", "No account can serve m now: 1 busy")
    talk.end(trial)
    assert [talk.ask().trial for _ in range(3)] == [False] * 3


def test_who_rests_is_no_last_resort_while_another_only_was_tried() -> None:
    talk = Talk("a", "b")
    for _ in range(5):
        talk.serve(BUSY, tried=["b"])
    assert talk.serve(BUSY) == "b"
    refusal = talk.refused(tried=["b"])
    assert (refusal.kind, refusal.reason) == (
        "tried",
        "No account can serve m now: 1 tried; 1 resting, next in 5 s",
    )


def test_of_many_that_fail_each_is_a_last_resort_in_turn() -> None:
    talk = Talk("a", "b", "c")
    for _ in range(60):
        talk.serve(CONNECT)
    assert {talk.state(id) for id in "abc"} == {"resting"}
    assert {talk.ask().id for _ in range(3)} == {"a", "b", "c"}
    assert talk.refused().kind == "full"


def test_those_who_are_told_to_wait_are_no_last_resort() -> None:
    talk = Talk("a", "b")
    for _ in range(5):
        talk.serve(BUSY, tried=["b"])
    talk.serve(limited(60))
    assert [talk.serve(BUSY) for _ in range(5)] == ["a"] * 5
    talk.now += 60
    assert "b" in {talk.ask().id, talk.ask().id}


def test_a_last_resort_that_was_tried_or_is_full() -> None:
    talk = Talk(Member(id="a", limit=2))
    held = [talk.ask(), talk.ask("other")]
    for _ in range(5):
        talk.end(held[0], BUSY)
        held[0] = talk.ask()
    assert talk.refused().kind == "full"
    talk.end(held[0], BUSY)
    assert talk.refused(tried=["a"]).kind == "tried"
    assert talk.refused(tried=["a"]).error().kind == "overloaded"
    held += [talk.ask("another")]
    assert talk.refused().kind == "full"
    talk.end(held[1])
    assert talk.ask().trial


# --- what harms nobody


@pytest.mark.parametrize("kind", [kind for kind, row in KINDS.items() if row.blame in ("client", "gateway")])
def test_a_clients_mistake_never_harms_an_account(kind: Kind) -> None:
    talk = Talk("a")
    talk.serve(BUSY)
    before = talk.pool.export("a")
    talk.pool.changes()
    for _ in range(50):
        talk.serve(GatewayError(kind, "x", retry_after=60))
    talk.end(talk.ask(), "left")
    assert talk.pool.export("a") == before
    assert talk.pool.changes() == ()


def test_what_began_before_a_rest_does_not_end_it() -> None:
    talk = Talk("a", "b")
    old = [talk.ask(tried=["b"]) for _ in range(3)]
    talk.serve(limited(30), tried=["b"])
    talk.end(old[0])
    talk.end(old[1], limited(10))
    assert talk.why("a", "m") == "rate limit, 30 s"
    talk.end(old[2], BUSY)
    assert talk.why("a", "m") == "rate limit, 30 s"


def test_what_began_before_a_rest_may_know_of_a_longer_one() -> None:
    talk = Talk("a", "b")
    old = [talk.ask(tried=["b"]) for _ in range(3)]
    talk.serve(limited(), tried=["b"])
    for choice, wait in zip(old, (None, 90.0, 40.0), strict=True):
        talk.end(choice, limited(wait))
    assert talk.why("a", "m") == "rate limit, 90 s"
    state = talk.pool.export("a")
    assert state is not None
    assert state.rests["m"]["rate_limit"].steps == 1


def test_each_cause_rests_by_itself() -> None:
    talk = Talk("a", "b")
    old = talk.ask(tried=["b"])
    for _ in range(5):
        talk.serve(CONNECT, tried=["b"])
    talk.end(old, GatewayError("quota", "Used up.", retry_after=40))
    talk.pool.exclude("a", "broken", talk.now)
    assert talk.why("a") == "login needed, 60 s"
    talk.pool.restore("a", talk.now)
    assert talk.why("a") == "quota used up, 40 s"
    talk.now += 40
    trial = talk.ask(tried=["b"])
    assert trial.reason == "least loaded of 2; trial after failures in a row, quota used up, login needed"
    talk.end(trial)
    assert not talk.ask(tried=["b"]).trial


# --- logins and quotas


@pytest.mark.parametrize(
    ("kind", "words", "seconds"),
    [
        ("login_required", "login needed, 60 s", 60),
        ("login_expired", "login needed, 60 s", 60),
        ("account_suspended", "account suspended, 60 min", 3600),
        ("quota", "quota used up, 15 min", 900),
    ],
)
def test_out_until_something_changes_or_a_rare_trial(kind: Kind, words: str, seconds: float) -> None:
    talk = Talk("a")
    talk.serve(GatewayError(kind, "Do this or that."))
    assert (talk.state("a"), talk.why("a")) == ("resting", words)
    assert not talk.pool.usable(talk.now)
    refusal = talk.refused()
    assert refusal.wait == seconds
    error = refusal.error()
    assert error.message.endswith("Do this or that.")
    assert error.kind == ("login_required" if kind == "login_expired" else kind)
    talk.now += seconds
    assert talk.pool.usable(talk.now)
    assert talk.ask().trial


def test_a_login_that_has_changed_is_tried_at_once() -> None:
    talk = Talk("a")
    talk.serve(EXPIRED)
    talk.pool.restore("a", talk.now)
    trial = talk.ask()
    assert trial.trial
    talk.end(trial)
    assert talk.state("a") == "ready"


def test_a_changed_login_does_not_end_what_an_upstream_asked_for() -> None:
    talk = Talk("a")
    talk.serve(GatewayError("quota", "x", retry_after=9000))
    talk.pool.restore("a", talk.now)
    assert talk.refused().wait == 9000.0
    talk.pool.restore("a", talk.now, everything=True)
    assert talk.ask().trial


def test_a_login_that_says_that_it_is_unusable() -> None:
    talk = Talk("a", "b")
    talk.pool.exclude("a", "The file is gone.", talk.now)
    assert talk.served(4) == {"b": 4}
    assert [each.detail for each in talk.pool.standings(talk.now)] == ["The file is gone.", ""]
    talk.now += 30
    talk.pool.exclude("a", "The file is gone.", talk.now)  # said again every round: that does not put the trial off
    assert talk.why("a") == "login needed, 30 s"
    talk.now += 30
    talk.pool.exclude("a", "The file is gone.", talk.now)
    assert talk.why("a") == "login needed, 2 min"
    talk.pool.restore("a", talk.now)
    assert "a" in talk.served(2)


def test_nothing_left_rests_until_the_reset() -> None:
    talk = Talk("a", "b")
    talk.pool.learn("a", Quota(0.0, resets_at=talk.now + 3600), talk.now)
    assert talk.served(4) == {"b": 4}
    assert talk.why("a") == "quota used up, 60 min"
    talk.now += 3600
    assert "a" in talk.served(2)


def test_nothing_left_without_a_reset_and_then_something() -> None:
    talk = Talk("a")
    talk.pool.learn("a", Quota(0.0), talk.now)
    assert talk.refused().wait == 900.0
    talk.now += 100
    talk.pool.learn("a", Quota(0.0), talk.now)
    assert talk.refused().wait == 800.0
    talk.pool.learn("a", Quota(0.0, resets_at=talk.now + 50), talk.now)
    assert talk.refused().wait == 50.0
    talk.pool.learn("a", Quota(0.4), talk.now)
    assert talk.ask().trial


def test_numbers_of_yesterday_and_of_strangers() -> None:
    talk = Talk("a")
    talk.pool.learn("a", Quota(0.0, resets_at=talk.now - 1), talk.now)
    talk.pool.learn("nobody", Quota(0.0), talk.now)
    talk.pool.exclude("nobody", "x", talk.now)
    talk.pool.restore("nobody", talk.now)
    assert talk.ask().id == "a"


def test_the_same_numbers_again_are_no_news() -> None:
    talk = Talk("a")
    for quota in (Quota(0.5, 900.0), Quota(0.0, 900.0)):
        talk.pool.learn("a", quota, talk.now)
        assert len(talk.pool.changes()) == 1
        talk.pool.learn("a", quota, talk.now)
        assert talk.pool.changes() == ()


# --- another configuration


def test_accounts_that_stay_keep_their_state() -> None:
    talk = Talk("a", "b", Member(id="c", limit=1))
    assert talk.serve(limited(60)) == "a"
    held = talk.ask(tried=["b"])
    talk.pool.update([Member(id="d"), Member(id="c", limit=1), Member(id="a", weight=2)])
    assert (talk.state("a", "m"), talk.state("c")) == ("resting", "busy")
    assert talk.served(3) == {"d": 3}
    talk.end(held)
    assert "c" in talk.served(2)


def test_other_models_that_an_account_may_serve() -> None:
    talk = Talk(Member(id="a", allowed=("x",)))
    assert talk.serve(model="x") == "a"
    talk.pool.update([Member(id="a", allowed=("y",))])
    assert talk.refused("x").kind == "unserved"
    assert talk.serve(model="y") == "a"


def test_a_request_of_an_account_that_is_no_more() -> None:
    talk = Talk("a", "b")
    held, session = talk.ask(), talk.ask(session="s")
    talk.pool.update([Member(id="b"), Member(id="c")])
    talk.end(held, EXPIRED)
    talk.pool.update([Member(id="a"), Member(id="c")])
    talk.end(session, EXPIRED)
    assert talk.pool.changes() == ()
    assert [each.in_flight for each in talk.pool.standings(talk.now)] == [0, 0]
    assert talk.serve(session="s") in "ac"


def test_a_pool_without_accounts() -> None:
    talk = Talk()
    assert talk.refused().kind == "unserved"
    assert not talk.pool.usable(talk.now)
    assert talk.pool.standings(talk.now) == ()


# --- what others know


def test_what_one_pool_finds_out_another_can_take_over() -> None:
    here, there = Talk("a", "b"), Talk("a", "b")
    here.serve(limited(60))
    here.serve(BUSY)
    here.pool.learn("b", Quota(0.01, 5000.0), here.now)
    told = [msgspec.json.decode(msgspec.json.encode(each), type=AccountState) for each in here.pool.changes()]
    assert {each.id for each in told} == {"a", "b"}
    assert [there.pool.adopt(each) for each in told] == [True, True]
    assert there.pool.changes() == ()
    assert there.pool.standings(100.0, "m")[0].state == "resting"
    assert [there.pool.export(id) for id in "ab"] == [here.pool.export(id) for id in "ab"]
    assert [there.pool.adopt(each) for each in told] == [False, False]


def test_a_recovery_is_taken_over_and_what_is_older_is_not() -> None:
    here, there = Talk("a"), Talk("a")
    here.serve(limited(60))
    [limit] = here.pool.changes()
    there.pool.adopt(limit)
    here.now = there.now = 160.0
    trial = there.ask()
    here.serve()
    [well] = here.pool.changes()
    assert there.pool.adopt(well)
    assert not there.pool.adopt(limit)
    assert [there.ask().trial for _ in range(2)] == [False, False]
    there.end(trial, limited(30))
    assert there.state("a", "m") == "resting"
    assert not there.pool.adopt(AccountState(id="nobody", changed=1e9))
    assert there.pool.export("nobody") is None


def test_where_a_session_stays_can_be_told_and_heard() -> None:
    here, there = Talk("a", "b"), Talk("a", "b")
    here.serve()
    assert here.serve(session="s") == here.pool.home("s", here.now) == "b"
    assert there.pool.home("s", there.now) is None
    there.pool.bind("s", "b", there.now)
    assert [there.serve(session="s") for _ in range(3)] == ["b"] * 3
    there.pool.bind("t", "nobody", there.now)
    assert there.serve(session="t") == there.pool.home("t", there.now) == "a"


def test_the_health_of_an_account_without_a_history_travels_too() -> None:
    state = Talk("a").pool.export("a")
    assert msgspec.json.decode(msgspec.json.encode(state), type=AccountState) == state


# --- time, words, bounds


def test_time_does_not_run_backwards() -> None:
    talk = Talk("a")
    talk.serve(limited(60))
    talk.now = -1e6
    assert talk.refused().wait == 60.0
    talk.now = 160.0
    assert talk.ask().trial


def test_a_choice_is_reported_once() -> None:
    talk = Talk("a")
    choice = talk.ask()
    talk.end(choice)
    with pytest.raises(ValueError, match="not open"):
        talk.end(choice)
    talk.pool.answering(choice, talk.now)


def test_standings_in_words() -> None:
    talk = Talk(Member(id="a", name="work", limit=2), "b", Member(id="c", disabled=True))
    talk.serve(limited(60))
    talk.serve(CONNECT)
    talk.ask("other")
    talk.pool.learn("b", Quota(0.25), talk.now)
    first, second, third = talk.pool.standings(talk.now)
    assert str(first) == "work: ready, 1 of 2 under way"
    assert first.models == {"m": "rate limit, 60 s"}
    assert (str(second), second.quota_left, second.used_at) == ("b: ready, 0 under way", 0.25, 100.0)
    assert (str(third), third.used_at) == ("c: disabled, 0 under way", None)
    limited_one = talk.pool.standings(talk.now, "m")[0]
    assert str(limited_one) == "work: resting (rate limit, 60 s), 1 of 2 under way"
    assert (limited_one.until, limited_one.detail) == (160.0, "Slow down.")
    talk.now += 60
    assert talk.pool.standings(talk.now, "m")[0].reason == "trial after rate limit"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (-3, "0 s"),
        (0.2, "1 s"),
        (119, "119 s"),
        (120, "2 min"),
        (3601, "61 min"),
        (7200, "2 h"),
        (47 * 3600, "47 h"),
        (172801, "3 days"),
        (1e9, "11575 days"),
    ],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_names_of_models_do_not_pile_up() -> None:
    """Clients name models, so every table that is kept by model has an end."""
    talk = Talk(Member(id="a", allowed=("x*",)))
    for number in range(1000):
        for _ in range(4):
            talk.serve(BUSY, model=f"x{number}")
        talk.serve(limited(), model=f"x{number}-")
    state = talk.pool.export("a")
    assert state is not None
    assert len(state.rests) <= MAX_SCOPES
    assert len(state.failures) <= MAX_SCOPES
    assert talk.ask("x999").id == "a"
