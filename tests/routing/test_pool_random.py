"""Random lives of a pool, against a book that the test keeps for itself: what is under way, who was told to wait."""

import copy
from collections import Counter
from collections.abc import Collection

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from aiclient2api.canonical.errors import KINDS, GatewayError, Kind
from aiclient2api.routing.cooldown import FAULTS, PoolPolicy
from aiclient2api.routing.pool import Choice, Member, Outcome, Pool, Quota, Refusal, Standing

MODELS = ("m", "n")
DAY = 86400.0
LONGEST = 40 * DAY
"""No rest is longer, whatever an upstream asks for."""

members = st.builds(
    Member,
    id=st.just("x"),
    weight=st.sampled_from([1.0, 1.0, 2.0, 0.5]),
    limit=st.sampled_from([None, None, 1, 2]),
    allowed=st.sampled_from([(), (), (), ("m",)]),
    disabled=st.sampled_from([False, False, False, True]),
)
retry_afters = st.sampled_from([None, None, 0.0, -5.0, 1.0, 30.0, 1e9, float("nan")])
models = st.sampled_from(MODELS)
sessions = st.sampled_from(["", "", "s1", "s2", "s3"])
faults = st.sampled_from(sorted(FAULTS))
harmless = st.sampled_from([kind for kind, row in KINDS.items() if row.blame in ("client", "gateway")])
numbers = st.integers(0, 7)


class Life(RuleBasedStateMachine):
    """`told`: until when an account is to be left alone, for a model or ("") as a whole, and for which cause."""

    def __init__(self) -> None:
        super().__init__()
        self.policy = PoolPolicy(sessions=2, lanes=2, account_wide=frozenset({"WHOLE"}))
        self.pool = Pool([])
        self.members: dict[str, Member] = {}
        self.now = 1000.0
        self.open: list[Choice] = []
        self.under_way: Counter[str] = Counter()
        self.trials: set[tuple[str, str]] = set()
        self.told: dict[tuple[str, str, str], float] = {}
        self.homes: dict[str, set[str]] = {}

    @initialize(found=st.lists(members, min_size=1, max_size=6))
    def begin(self, found: list[Member]) -> None:
        self.members = {f"a{n}": msgspec.structs.replace(each, id=f"a{n}") for n, each in enumerate(found)}
        self.pool = Pool(self.members.values(), self.policy)

    # --- what happens

    @rule(seconds=st.sampled_from([0.0, 0.1, 1.0, 2.0, 5.0, 30.0, 600.0, 5000.0]))
    def time_goes_on(self, seconds: float) -> None:
        self.now += seconds

    @rule(model=models, session=sessions, tried=st.frozensets(st.sampled_from(["a0", "a1", "a2"]), max_size=2))
    def choose(self, model: str, session: str, tried: frozenset[str]) -> None:
        before = {each.id: each for each in self.pool.standings(self.now, model)}
        choice = self.pool.choose(self.now, model, session, tried)
        if isinstance(choice, Refusal):
            self.refused(choice, before, model, tried)
        else:
            self.chosen(choice, before, session, tried)

    @rule(model=models, earlier=st.sampled_from([0.5, 1e6]))
    def choose_with_a_clock_that_jumps_back(self, model: str, earlier: float) -> None:
        before = {each.id: each for each in self.pool.standings(self.now, model)}
        choice = self.pool.choose(self.now - earlier, model)
        if isinstance(choice, Choice):
            self.chosen(choice, before, "", frozenset())

    @precondition(lambda self: self.open)
    @rule(which=numbers, outcome=st.sampled_from(["success", "left"]))
    def ends(self, which: int, outcome: Outcome) -> None:
        choice = self.take(which)
        health = self.pool.export(choice.id)
        self.pool.report(choice, outcome, self.now)
        if outcome == "left":
            assert self.pool.export(choice.id) == health

    @precondition(lambda self: self.open)
    @rule(which=numbers, kind=harmless, retry_after=retry_afters)
    def ends_by_the_clients_mistake(self, which: int, kind: Kind, retry_after: float | None) -> None:
        choice = self.take(which)
        health = self.pool.export(choice.id)
        self.pool.changes()
        self.pool.report(choice, GatewayError(kind, "x", retry_after=retry_after), self.now)
        assert self.pool.export(choice.id) == health
        assert self.pool.changes() == ()

    @precondition(lambda self: self.open)
    @rule(
        which=numbers,
        kind=faults,
        retry_after=retry_afters,
        whole=st.booleans(),
        jitter=st.sampled_from([0.0, 0.5, 0.99]),
        times=st.integers(1, 6),
    )
    def fails(self, which: int, kind: Kind, retry_after: float | None, whole: bool, jitter: float, times: int) -> None:
        """The same fault several times: the account again, if it lets itself be chosen."""
        error = GatewayError(kind, "x", retry_after=retry_after, reason="WHOLE" if whole else None)
        choice = self.take(which)
        for _ in range(times):
            self.pool.report(choice, error, self.now, jitter)
            self.forget_trials(choice.id)
            if retry_after is not None and retry_after > 0:
                cause = FAULTS[kind].cause
                wait = min(retry_after, self.policy.steps(cause).most)
                key = (choice.id, "" if whole or FAULTS[kind].whole else choice.model, cause)
                self.told[key] = max(self.told.get(key, 0.0), self.now + wait)
            again = self.pool.choose(self.now, choice.model, tried=[id for id in self.members if id != choice.id])
            if isinstance(again, Refusal):
                return
            choice = again
        self.pool.report(choice, "left", self.now)

    @precondition(lambda self: self.open)
    @rule(which=numbers)
    def content_comes(self, which: int) -> None:
        choice = self.open[which % len(self.open)]
        self.pool.answering(choice, self.now)
        if choice.trial:
            self.forget_trial(choice)

    @precondition(lambda self: self.members)
    @rule(which=numbers, everything=st.booleans())
    def login_changes(self, which: int, everything: bool) -> None:
        id = self.some(which)
        self.pool.restore(id, self.now, everything)
        self.drop(id, ("login", "suspended") if not everything else ())

    @precondition(lambda self: self.members)
    @rule(which=numbers)
    def login_breaks(self, which: int) -> None:
        id = self.some(which)
        self.pool.exclude(id, "broken", self.now)
        self.forget_trials(id)

    @precondition(lambda self: self.members)
    @rule(which=numbers, left=st.sampled_from([0.0, 0.05, 0.5]), resets=st.sampled_from([None, -5.0, 20.0, 1e9]))
    def numbers_come(self, which: int, left: float, resets: float | None) -> None:
        id = self.some(which)
        self.pool.learn(id, Quota(left, None if resets is None else self.now + resets), self.now)
        if left > 0 or resets is not None:
            self.drop(id, ("quota",))
        if left == 0 and resets is not None and resets > 0:
            self.told[id, "", "quota"] = self.now + min(resets, LONGEST)
        self.forget_trials(id)

    @precondition(lambda self: len(self.members) > 1)
    @rule(which=numbers)
    def an_account_goes(self, which: int) -> None:
        id = self.some(which)
        del self.members[id]
        self.pool.update(self.members.values())
        self.drop(id)
        self.under_way[id] = 0
        self.forget_trials(id)

    @rule()
    def state_travels(self) -> None:
        """Another pool takes over what this one has found out, and knows the same."""
        other = Pool(self.members.values(), self.policy)
        for state in self.pool.changes():
            other.adopt(state)
            assert other.export(state.id) == state

    # --- what must hold

    def chosen(self, choice: Choice, before: dict[str, Standing], session: str, tried: frozenset[str]) -> None:
        id, model, member = choice.id, choice.model, self.members[choice.id]
        assert id not in tried
        assert member.serves(model)
        self.under_way[id] += 1
        assert member.limit is None or self.under_way[id] <= member.limit
        early = [key for key, until in self.told.items() if key[0] == id and key[1] in ("", model) and until > self.now]
        assert not early
        assert (id, model) not in self.trials, "while its trial is under way"
        ready = [each for each in before.values() if each.state == "ready" and each.id not in tried]
        if choice.kept:
            assert id in self.homes.get(session, set())
        elif ready:
            assert before[id] in ready
            equals = [each for each in ready if self.nearly_out(each) == self.nearly_out(before[id])]
            assert self.load(before[id]) == min(map(self.load, equals))
            assert self.nearly_out(before[id]) == min(map(self.nearly_out, ready))
        else:
            assert choice.trial
            assert choice.reason.startswith("last resort")
        if choice.trial:
            self.trials.add((id, model))
        self.homes.setdefault(session, set()).add(id)
        self.open.append(choice)

    def refused(self, refusal: Refusal, before: dict[str, Standing], model: str, tried: frozenset[str]) -> None:
        states = {each.state for each in before.values()}
        assert not [each for each in before.values() if each.state == "ready" and each.id not in tried]
        if refusal.kind == "unserved":
            assert states <= {"disabled", "not allowed"}
        elif refusal.kind == "full":
            assert "ready" not in states
            assert any(self.under_way[id] for id in before)
        elif refusal.kind == "tried":
            assert tried & set(before)
        else:
            assert "ready" not in states
            assert refusal.wait is not None
            assert 0 < refusal.wait <= LONGEST
            later = copy.deepcopy(self.pool).choose(self.now + refusal.wait, model)
            told_true = isinstance(later, Choice) or later.kind == "full"  # its place or its trial may be taken by then
            assert told_true
        error = refusal.error()
        assert error.status in (404, 429, 503)
        assert error.retry_after is None or error.retry_after > 0

    @invariant()
    def what_is_under_way_is_known(self) -> None:
        for each in self.pool.standings(self.now):
            assert each.in_flight == self.under_way[each.id]

    @invariant()
    def every_account_comes_back(self) -> None:
        """With everything under way ended and every rest over, each account is chosen within a few turns."""
        pool = copy.deepcopy(self.pool)
        now = self.now + LONGEST
        for choice in self.open:
            pool.report(choice, "left", now)
        for model in MODELS:
            able = {id for id, member in self.members.items() if member.serves(model)}
            seen = set()
            for _ in range(4 * len(able) + 4):
                found = pool.choose(now, model)
                if able:
                    assert isinstance(found, Choice)
                    seen.add(found.id)
                    pool.report(found, "success", now)
            starving = {id for id in able - seen if not self.has_little(pool, id, now)}
            assert not starving

    # --- the book

    def take(self, which: int) -> Choice:
        """One of the open choices, no longer open."""
        choice = self.open.pop(which % len(self.open))
        if choice.id in self.members:
            self.under_way[choice.id] -= 1
        self.forget_trial(choice)
        return choice

    def forget_trial(self, choice: Choice) -> None:
        if choice.trial:
            self.trials.discard((choice.id, choice.model))

    def forget_trials(self, id: str) -> None:
        """The account has a new rest, whose trial is still to come."""
        self.trials = {each for each in self.trials if each[0] != id}

    def drop(self, id: str, causes: Collection[str] = ()) -> None:
        """Forget what the account was told, by these causes or by all."""
        self.told = {
            key: until for key, until in self.told.items() if key[0] != id or (causes and key[2] not in causes)
        }

    def some(self, which: int) -> str:
        return sorted(self.members)[which % len(self.members)]

    def load(self, standing: Standing) -> float:
        return standing.in_flight / self.members[standing.id].weight

    def nearly_out(self, standing: Standing) -> bool:
        return self.has_little(self.pool, standing.id, self.now)

    @staticmethod
    def has_little(pool: Pool, id: str, now: float) -> bool:
        state = pool.export(id)
        assert state is not None
        quota = state.quota
        return quota is not None and quota.left < 0.1 and (quota.resets_at is None or quota.resets_at > now)


Life.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestRandomLives = Life.TestCase
