"""The account pool under load and faults, in virtual time: `python -m tools.simulate_pool [--write] [NAME …]`. With
`--write` the table of all scenarios is put into docs/pools.md; all but its times comes out alike on every machine.

Clients, a gateway's way of using the pool (attempts, fail-over, retry budget, short queue) and upstreams are processes
on one clock that jumps from event to event; the pool, the budget and the errors are the real ones. What is counted is
counted beside the pool, not by it: calls per account, calls begun before a Retry-After was over, requests under way.
"""

import heapq
import itertools
import math
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.routing.cooldown import FAULTS
from aiclient2api.routing.fallback import falls_over
from aiclient2api.routing.pool import Choice, Member, Outcome, Pool, PoolPolicy, Refusal
from aiclient2api.routing.retry_budget import RetryBudget
from tools.bench.tables import number, table

PAGE = Path(__file__).parent.parent / "docs" / "pools.md"
Process = Generator[float | None, None, None]
"""Yields the seconds to sleep, or None to wait in the queue until a place may be free or patience is over."""


@dataclass(frozen=True)
class Reply:
    """What an upstream does with a call: content (if any) after `first` seconds, the end after `whole`."""

    outcome: Outcome
    first: float
    whole: float


Upstream = Callable[[int, float, random.Random], Reply]
"""(number of the account, time, chance) -> Reply"""


@dataclass(frozen=True)
class Scenario:
    """`clients` of 0: requests come by themselves, `rate` a second; else so many clients ask again `think` seconds
    after an answer, whatever it was. `base_delay` is the pause before the same account is asked again."""

    name: str
    upstream: Upstream
    accounts: int
    requests: int
    clients: int = 0
    rate: float = 100.0
    think: float = 0.5
    limit: int | None = None
    sessions: int = 100
    models: int = 1
    retries: int = 3
    base_delay: float = 1.0
    queue: int = 1000
    patience: float = 10.0
    policy: PoolPolicy = field(default_factory=PoolPolicy)


@dataclass
class Figures:
    """What was counted. `early`: calls before their time; `over`: calls over an account's limit; `kept` of `again`:
    requests of a session that the account of its last answer served; `ends`: (good, all) requests by the second in
    which they ended; `retry_after`: what refused clients were told."""

    requests: int = 0
    calls: Counter[str] = field(default_factory=Counter)
    early: int = 0
    over: int = 0
    kept: int = 0
    again: int = 0
    most_waiting: int = 0
    ends: dict[int, tuple[int, int]] = field(default_factory=dict)
    retry_after: list[float] = field(default_factory=list)
    virtual: float = 0.0
    cpu: float = 0.0
    choosing: list[float] = field(default_factory=list)

    @property
    def amplification(self) -> float:
        """Calls per request."""
        return self.calls.total() / max(1, self.requests)

    @property
    def stickiness(self) -> float:
        return self.kept / self.again if self.again else 1.0

    def success(self, start: float = 0.0, end: float = math.inf) -> float:
        """The share of good ends among the requests that ended in these seconds."""
        rows = [row for second, row in self.ends.items() if start <= second < end]
        return sum(good for good, _ in rows) / max(1, sum(ended for _, ended in rows))


class World:
    """One run of a scenario. `pool` may be looked into, and changed at a time with `at`."""

    def __init__(self, scenario: Scenario, seed: int = 1) -> None:
        members = [Member(id=f"account-{number}", limit=scenario.limit) for number in range(scenario.accounts)]
        self.scenario = scenario
        self.figures = Figures()
        self.now = 0.0
        self.pool = Pool(members, scenario.policy)
        self.budget = RetryBudget()
        self._numbers = {member.id: number for number, member in enumerate(members)}
        self._chance = random.Random(seed)
        self._order = itertools.count()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._waiting: dict[Process, int] = {}
        self._told: dict[tuple[str, str], float] = {}
        self._under_way: Counter[str] = Counter()
        self._last: dict[str, str] = {}

    def run(self, until: float = math.inf) -> Figures:
        """Run to the end, or to a time."""
        started = time.process_time()
        if self.scenario.clients:
            for client in range(self.scenario.clients):
                self.start(self._client(f"session-{client}"), self._chance.random() * self.scenario.think)
        else:
            self.start(self._arrivals(), 0.0)
        while self._events and self._events[0][0] <= until:
            self.now, _, event = heapq.heappop(self._events)
            event()
        self.figures.virtual = self.now
        self.figures.cpu = time.process_time() - started
        return self.figures

    def at(self, moment: float, event: Callable[[], None]) -> None:
        """Something that happens at this time."""
        heapq.heappush(self._events, (moment, next(self._order), event))

    def start(self, process: Process, after: float) -> None:
        self.at(self.now + after, lambda: self._step(process))

    def request(self, session: str, model: str) -> Process:
        """One request of a client, as the gateway serves it."""
        figures, ended = self.figures, Counter[str]()
        figures.requests += 1
        self.budget.begin()
        yield from self._attempts(session, model, ended)
        self.budget.end()
        good, whole = figures.ends.get(int(self.now), (0, 0))
        figures.ends[int(self.now)] = (good + ended["good"], whole + 1)

    # --- processes

    def _arrivals(self) -> Process:
        scenario, chance = self.scenario, self._chance
        for _ in range(scenario.requests):
            session = chance.randrange(scenario.sessions)
            self.start(self.request(f"session-{session}", f"model-{session % scenario.models}"), 0.0)
            yield chance.expovariate(scenario.rate)

    def _client(self, session: str) -> Process:
        while self.figures.requests < self.scenario.requests:
            yield from self.request(session, "model-0")
            yield self.scenario.think

    def _attempts(self, session: str, model: str, ended: Counter[str]) -> Process:
        scenario, tried, repeats = self.scenario, set[str](), 0
        deadline = self.now + scenario.patience
        while True:
            choice = self._choose(session, model, tried)
            if isinstance(choice, Refusal):
                if choice.kind == "full" and self.now < deadline and len(self._waiting) < scenario.queue:
                    yield None
                    continue
                if choice.kind == "tried" and self.now < deadline:  # the same account again, after a pause
                    tried.clear()
                    yield scenario.base_delay * 2.0 ** (repeats - 1) * (1 - self._chance.random() / 2)
                    continue
                self.figures.retry_after.append(choice.error().retry_after or 0.0)
                break
            outcome = yield from self._call(choice, first=not repeats, session=session)
            if repeats:
                self.budget.give()
            if outcome == "success":
                ended["good"] += 1
                self._last[session] = choice.id
                return
            tried.add(choice.id)
            over = isinstance(outcome, GatewayError) and falls_over(outcome)
            if not over or repeats >= scenario.retries or not self.budget.take():
                return
            repeats += 1
        if repeats:
            self.budget.give()

    def _call(self, choice: Choice, first: bool, session: str) -> Generator[float, None, Outcome]:
        figures, id = self.figures, choice.id
        figures.calls[id] += 1
        figures.early += self.now < max(self._told.get((id, ""), 0.0), self._told.get((id, choice.model), 0.0))
        self._under_way[id] += 1
        figures.over += self.scenario.limit is not None and self._under_way[id] > self.scenario.limit
        if first and session in self._last:
            figures.again += 1
            figures.kept += self._last[session] == id
        reply = self.scenario.upstream(self._numbers[id], self.now, self._chance)
        yield reply.first
        if reply.whole > reply.first:
            self.pool.answering(choice, self.now)
            yield reply.whole - reply.first
        self._under_way[id] -= 1
        self._hear(choice, reply.outcome)
        self.pool.report(choice, reply.outcome, self.now, self._chance.random())
        if self._waiting:
            waiting = next(iter(self._waiting))
            del self._waiting[waiting]
            self.start(waiting, 0.0)
        return reply.outcome

    def _choose(self, session: str, model: str, tried: set[str]) -> Choice | Refusal:
        started = time.perf_counter()
        choice = self.pool.choose(self.now, model, session, tried)
        self.figures.choosing.append(time.perf_counter() - started)
        return choice

    def _hear(self, choice: Choice, outcome: Outcome) -> None:
        """Remember what an upstream asked for, to find calls that come before."""
        if isinstance(outcome, GatewayError) and outcome.retry_after is not None and outcome.retry_after > 0:
            fault = FAULTS.get(outcome.kind)
            if fault is not None:
                key = (choice.id, "" if fault.whole else choice.model)
                wait = min(outcome.retry_after, self.scenario.policy.steps(fault.cause).most)
                self._told[key] = max(self._told.get(key, 0.0), self.now + wait)

    def _step(self, process: Process) -> None:
        try:
            wish = next(process)
        except StopIteration:
            return
        if wish is not None:
            self.start(process, wish)
            return
        token = next(self._order)
        self._waiting[process] = token
        self.figures.most_waiting = max(self.figures.most_waiting, len(self._waiting))
        self.at(self.now + 1.0, lambda: self._impatient(process, token))

    def _impatient(self, process: Process, token: int) -> None:
        """Whoever waits looks for himself once a second: an account may have rested enough."""
        if self._waiting.get(process) == token:
            del self._waiting[process]
            self._step(process)


# --- upstreams


def answer(chance: random.Random, mean: float = 2.0) -> Reply:
    whole = chance.expovariate(1 / mean)
    return Reply("success", min(0.4, whole), whole)


def fails(error: GatewayError, after: float = 0.05) -> Reply:
    return Reply(error, after, after)


def limited(retry_after: float | None = None) -> GatewayError:
    return GatewayError("rate_limit", "Too many requests.", retry_after=retry_after)


def mixed(number: int, now: float, chance: random.Random) -> Reply:
    """A large fleet's weather: rate limits with and without Retry-After, failures, cut streams, dead logins, plans that
    are used up after a minute, and from 90 s to 100 s nobody answers at all."""
    if number % 100 == 7:
        return fails(GatewayError("login_expired", "The login has expired."))
    if number % 50 == 3 and now > 60:
        return fails(GatewayError("quota", "The plan is used up.", retry_after=86400.0))
    if 90 <= now < 100:
        return fails(GatewayError("connect", "Nobody answers."), 0.2)
    dice = chance.random()
    if dice < 0.01:
        return fails(limited(chance.uniform(1, 60)))
    if dice < 0.015:
        return fails(limited())
    if dice < 0.025:
        return fails(GatewayError("overloaded", "The service is overloaded."), 0.3)
    if dice < 0.03:
        return Reply(GatewayError("truncated", "The answer broke off."), 0.4, 1.5)
    if dice < 0.035:
        return fails(GatewayError("bad_request", "That is no request."))
    return answer(chance)


def storm(retry_after: float | None, share: float = 0.9, end: float = 60.0) -> Upstream:
    """So many calls get a 429 until the storm ends."""

    def upstream(number: int, now: float, chance: random.Random) -> Reply:
        return fails(limited(retry_after)) if now < end and chance.random() < share else answer(chance, 1.0)

    return upstream


SCENARIOS = (
    Scenario("fleet", mixed, accounts=1000, requests=100_000, rate=500.0, limit=8, sessions=5000, models=4),
    Scenario("small pool", mixed, accounts=10, requests=20_000, rate=5.0, limit=4, sessions=50, models=2),
    Scenario("storm", storm(None), accounts=10, requests=30_000, clients=200),
    Scenario("storm, told to wait", storm(2.0), accounts=10, requests=30_000, clients=200),
    Scenario("storm, one account", storm(None), accounts=1, requests=30_000, clients=200),
)


HEADS = ("scenario", "accounts / requests", "good", "calls per request", "session kept", "early / over limit")
TIMES = ("choose p50 µs", "p99", "virtual s / CPU s")


def row(scenario: Scenario) -> list[str]:
    """What was counted in one run, a cell for each of HEADS and TIMES."""
    found = World(scenario).run()
    choosing = sorted(found.choosing)
    return [
        scenario.name,
        f"{scenario.accounts:,} / {found.requests:,}",
        f"{found.success():.1%}",
        f"{found.amplification:.3f}",
        f"{found.stickiness:.1%}",
        f"{found.early} / {found.over}",
        number(choosing[len(choosing) // 2] * 1e6),
        number(choosing[len(choosing) * 99 // 100] * 1e6),
        f"{found.virtual:,.0f} / {found.cpu:.1f}",
    ]


def with_table(text: str, new: str) -> str:
    """The page with another table of scenarios."""
    start = text.index(f"| {HEADS[0]} ")
    return text[:start] + new + text[text.index("\n\n", start) + 1 :]


def main(arguments: list[str]) -> int:
    """Run the scenarios of these names, or all, and print what was counted."""
    names = [each for each in arguments if each != "--write"]
    rows = [row(each) for each in SCENARIOS if not names or each.name in names]
    found = table([*HEADS, *TIMES], rows)
    print(found, end="")
    if "--write" in arguments and not names:
        PAGE.write_text(with_table(PAGE.read_text("utf-8"), found), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
