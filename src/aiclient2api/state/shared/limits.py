"""The counts of client keys in Redis: exact for all gateways together, by the server's own clock.

What this process takes it also counts itself. While Redis is away it goes by that count, and what it admits meanwhile
is brought to Redis when it is back; if Redis has lost its data, so is all that this process has taken and that still
counts.
"""

import asyncio
import contextlib
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from aiclient2api.state import limits as windows
from aiclient2api.state.limit_store import LocalLimits
from aiclient2api.state.limits import RULES, Counts, Demand, Level, Limits, Refusal, Reservation, Rule, Spent, Take
from aiclient2api.state.shared.line import Away, Command, Reply, Word
from aiclient2api.state.shared.link import PREFIX, Link, call
from aiclient2api.state.shared.scripts import CORRECT, LEVELS, RESERVE, RESTORE

_LARGEST = 2**53 - 1
_RULES: tuple[Word, ...] = (len(RULES), *(word for rule in RULES for word in (rule.name, rule.step, rule.keep)))


class RedisLimits:
    """A KeyLimits. `own_clock`: the times that are passed in count instead of the server's (for tests)."""

    def __init__(self, link: Link, clock: Callable[[], float] = time.time, own_clock: bool = False) -> None:
        self._link = link
        self._clock = clock
        self._own_clock = own_clock
        self._local = LocalLimits()
        self._taken: dict[str, Counts] = {}
        self._owed: dict[str, list[Take]] = {}
        link.when_up.append(self._restore)

    async def reserve(self, key: str, limits: Limits, demand: Demand, now: float) -> Reservation | Refusal:
        rules = _in_force(limits)
        words: list[Word] = [min(demand.sure, _LARGEST), min(demand.likely, _LARGEST)]
        for rule, limit in rules:
            words += [rule.name, rule.unit, limit]
        try:
            found = await self._reserve(key, rules, call(RESERVE, _name(key), *self._head(now), *words))
        except Away:
            found = await self._local.reserve(key, limits, demand, now)
            if isinstance(found, Reservation):
                self._owe(key, found.takes)
        else:
            if isinstance(found, Reservation):
                self._local.note(key, found.takes, now)
        if isinstance(found, Reservation):
            windows.note(self._taken.setdefault(key, {}), found.takes, now)
        return found

    async def _reserve(self, key: str, rules: Sequence[tuple[Rule, int]], command: Command) -> Reservation | Refusal:
        """Who leaves while the answer is under way must not keep what it brings."""
        await self._link.ready()
        reply = self._link.send(*command)
        try:
            return _reservation(rules, _numbers(await asyncio.shield(reply)))
        except asyncio.CancelledError:
            reply.add_done_callback(lambda done: self._give_back(key, rules, done))
            raise

    def _give_back(self, key: str, rules: Sequence[tuple[Rule, int]], done: "asyncio.Future[Reply]") -> None:
        with contextlib.suppress(Away):
            found = _reservation(rules, _numbers(done.result()))
            if isinstance(found, Reservation):
                back = windows.corrections(found.takes, Spent(0, 0))
                self._link.send(*call(CORRECT, _name(key), *self._head(self._clock()), *_words(back)))

    async def settle(self, key: str, takes: Iterable[Take], spent: Spent, now: float) -> None:
        takes = tuple(takes)
        changes = windows.corrections(takes, spent)
        if not changes:
            return
        await self._local.settle(key, takes, spent, now)
        windows.correct(self._taken.setdefault(key, {}), changes, now)
        try:
            await self._link.run(CORRECT, _name(key), *self._head(now), *_words(changes))
        except Away:
            self._owe(key, changes)

    async def levels(self, key: str, limits: Limits, now: float) -> tuple[Level, ...]:
        rules = _in_force(limits)
        words = [word for rule, limit in rules for word in (rule.name, limit)]
        try:
            numbers = _numbers(await self._link.run(LEVELS, _name(key), *self._head(now), *words))
            return tuple(_levels(rules, numbers, 2))
        except Away:
            return await self._local.levels(key, limits, now)

    def remember(self, spent: Iterable[tuple[str, int, int]], now: float) -> None:
        """Redis remembers by itself, unless it is new."""
        known = list(spent)
        self._local.remember(known, now)
        for key, requests, tokens in known:
            counts: Counts = {}
            windows.count(counts, Spent(requests, tokens), now)
            self._bring(key, "seed", _takes(counts), now)

    # --- after Redis was away

    def _owe(self, key: str, takes: Iterable[Take]) -> None:
        """What Redis is to be told. Amounts of one bucket are added up, and old ones forgotten, so that there is an
        end to it."""
        sums: dict[tuple[str, int], int] = {}
        for take in (*self._owed.get(key, ()), *takes):
            if windows.counts_still(take, self._clock()):
                sums[take.rule, take.bucket] = sums.get((take.rule, take.bucket), 0) + take.amount
        self._owed[key] = [Take(rule, bucket, amount) for (rule, bucket), amount in sums.items()]

    def _restore(self, emptied: bool) -> None:
        now, owed = self._clock(), self._owed
        self._owed = {}
        if emptied:
            owed = {key: list(_takes(counts)) for key, counts in self._taken.items()}
        for key, takes in owed.items():
            self._bring(key, "add", takes, now)

    def _bring(self, key: str, how: str, takes: Iterable[Take], now: float) -> None:
        """Without waiting. What did not arrive is owed again."""
        brought = tuple(takes)
        if not brought:
            return
        try:
            reply = self._link.send(*call(RESTORE, _name(key), *self._head(now), how, *_words(brought)))
        except Away:
            failed = True
        else:
            failed = False
            reply.add_done_callback(lambda done: self._owe(key, brought) if how == "add" and _failed(done) else None)
        if failed and how == "add":
            self._owe(key, brought)

    def _head(self, now: float) -> tuple[Word, ...]:
        return (repr(now) if self._own_clock else "", *_RULES)


def _name(key: str) -> str:
    return f"{PREFIX}limits:{key}"


def _in_force(limits: Limits) -> list[tuple[Rule, int]]:
    return [(rule, min(limit, _LARGEST)) for rule, limit in windows.in_force(limits)]


def _words(takes: Iterable[Take]) -> list[Word]:
    return [word for take in takes for word in take]


def _takes(counts: Counts) -> Iterator[Take]:
    for rule, buckets in counts.items():
        for bucket, amount in buckets.items():
            if amount:
                yield Take(rule, bucket, amount)


def _numbers(reply: Reply) -> list[float]:
    """None for a reply that no script of ours gives."""
    words = reply if isinstance(reply, list) else []
    try:
        numbers = [float(word) for word in words if isinstance(word, bytes | int)]
    except ValueError:
        numbers = []
    return numbers if all(map(math.isfinite, numbers)) else []


def _failed(done: "asyncio.Future[Reply]") -> bool:
    return done.cancelled() or done.exception() is not None


def _reservation(rules: Sequence[tuple[Rule, int]], numbers: list[float]) -> Reservation | Refusal:
    match numbers:
        case [0.0, which, needed, wait] if 0 <= which < len(rules):
            rule, limit = rules[int(which)]
            return Refusal(rule, limit, int(needed), None if wait < 0 else wait)
        case [1.0, *parts] if len(parts) == 4 * len(rules):
            takes = [Take(rule.name, int(parts[4 * at]), int(parts[4 * at + 1])) for at, (rule, _) in enumerate(rules)]
            return Reservation(tuple(takes), tuple(_levels(rules, [*parts[2:], 0.0, 0.0], 4)))
    raise Away("it answers in words of its own")


def _levels(rules: Sequence[tuple[Rule, int]], numbers: list[float], stride: int) -> Iterator[Level]:
    if len(numbers) != stride * len(rules):
        raise Away("it answers in words of its own")
    for at, (rule, limit) in enumerate(rules):
        yield Level(rule, limit, int(numbers[stride * at]), numbers[stride * at + 1])
