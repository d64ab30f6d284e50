"""How much one key may do: requests and tokens, per minute and per day. Pure: the time is passed in.

Enters: what is counted so far (`Counts`), the key's Limits, what a request will take at least and perhaps. Leaves: a
Reservation, or a Refusal with the seconds to wait; later the real numbers settle the reservation.

A minute slides in steps of a second; a day is a calendar day in UTC. What is admitted never exceeds a limit in any
such window. `reserve`, `settle` and `levels` are each one step that reads and writes nothing but the counts of one
key, so that a store shared by machines can run each as one script.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta

from aiclient2api.canonical.errors import GatewayError

Unit = Literal["requests", "tokens"]
Amount = Annotated[int, Meta(ge=1)] | None


class Window(dict[int, int]):
    """Bucket (the number of a step since the epoch) to what was taken in it; `total` is the sum as of the step `at`.
    `ahead`: there are buckets of a time that is still to come, because the clock was set back."""

    __slots__ = ("ahead", "at", "total")

    def __init__(self) -> None:
        super().__init__()
        self.at = -1
        self.total = 0
        self.ahead = False


Counts = dict[str, Window]
"""By the name of the rule."""


class Limits(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """None is no limit."""

    requests_per_minute: Amount = None
    requests_per_day: Amount = None
    tokens_per_minute: Amount = None
    tokens_per_day: Amount = None

    @property
    def any(self) -> bool:
        return self.of_tokens or self.requests_per_minute is not None or self.requests_per_day is not None

    @property
    def of_tokens(self) -> bool:
        """Whether tokens are limited."""
        return self.tokens_per_minute is not None or self.tokens_per_day is not None


class Rule(NamedTuple):
    """One window: what is taken counts for `keep` steps of `step` seconds, the one it was taken in included. `name` is
    the attribute of Limits, and says the reason of a refusal."""

    name: str
    unit: Unit
    step: int
    keep: int
    words: str


RULES = (
    Rule("requests_per_minute", "requests", 1, 61, "requests per minute"),
    Rule("requests_per_day", "requests", 86_400, 1, "requests per day"),
    Rule("tokens_per_minute", "tokens", 1, 61, "tokens per minute"),
    Rule("tokens_per_day", "tokens", 86_400, 1, "tokens per day"),
)
"""61 steps and not 60: something taken at the end of a second must still count a whole minute later."""


class Demand(NamedTuple):
    """Tokens of a request before it is sent. `sure` (its input) must fit; of `likely` (the longest answer) as much is
    reserved as there is room for, so that a cautious client with a large maximum is not shut out."""

    sure: int
    likely: int = 0


class Take(NamedTuple):
    """What was taken under one rule."""

    rule: str
    bucket: int
    amount: int


class Level(NamedTuple):
    """How full one window is; `reset` is the seconds until it is empty if nothing more happens."""

    rule: Rule
    limit: int
    remaining: int
    reset: float


class Reservation(NamedTuple):
    """What a request holds until it is settled, and the levels after it was taken."""

    takes: tuple[Take, ...]
    levels: tuple[Level, ...]


class Refusal(NamedTuple):
    """The rule that takes longest to have room again; `wait` is None if the request would never fit."""

    rule: Rule
    limit: int
    needed: int
    wait: float | None


class Spent(NamedTuple):
    """What a request really took."""

    requests: int
    tokens: int


def reserve(counts: Counts, limits: Limits, demand: Demand, now: float) -> Reservation | Refusal:
    """Take from every window, or from none."""
    rooms: list[tuple[Rule, int, Window, int, int]] = []
    refusals: list[Refusal] = []
    sure = max(1, demand.sure)
    for rule, limit in in_force(limits):
        window = _window(counts, rule, now)
        needed = 1 if rule.unit == "requests" else sure
        room = limit - window.total - needed
        if room < 0:
            wait = _wait(rule, window, -room, now) if needed <= limit else None
            refusals.append(Refusal(rule, limit, needed, wait))
        rooms.append((rule, limit, window, needed, room))
    if refusals:
        return max(refusals, key=lambda refusal: float("inf") if refusal.wait is None else refusal.wait)
    takes, found = [], []
    for rule, limit, window, needed, room in rooms:
        at, amount = window.at, needed
        if rule.unit == "tokens" and demand.likely > 0:
            amount += min(demand.likely, room)
        window[at] = window.get(at, 0) + amount
        window.total += amount
        takes.append(Take(rule.name, at, amount))
        if window.ahead:
            found.append(_level(rule, limit, window, now))
        else:
            found.append(Level(rule, limit, room + needed - amount, (at + rule.keep) * rule.step - now))
    return Reservation(tuple(takes), tuple(found))


def settle(counts: Counts, takes: Iterable[Take], spent: Spent, now: float) -> None:
    """Put the real numbers in the place of what was reserved. What is given back goes to the window it came from;
    what was taken beyond the reservation counts there too, or now if that window has passed."""
    correct(counts, corrections(takes, spent), now)


def corrections(takes: Iterable[Take], spent: Spent) -> tuple[Take, ...]:
    """What is to be added to each bucket to settle these takes; less than nothing is given back."""
    out = []
    for name, bucket, amount in takes:
        more = max(0, spent.requests if _BY_NAME[name].unit == "requests" else spent.tokens) - amount
        if more:
            out.append(Take(name, bucket, more))
    return tuple(out)


def correct(counts: Counts, changes: Iterable[Take], now: float) -> None:
    """Add corrections to the buckets they belong to."""
    for name, bucket, more in changes:
        window = _window(counts, _BY_NAME[name], now)
        if bucket in window:
            _add(window, bucket, more)
        elif more > 0:
            _add(window, window.at, more)


def note(counts: Counts, takes: Iterable[Take], now: float) -> None:
    """Add what was taken elsewhere, as it is."""
    for name, bucket, amount in takes:
        rule = _BY_NAME[name]
        window = _window(counts, rule, now)
        if abs(bucket - window.at) < rule.keep:
            _add(window, bucket, amount)
            window.ahead = window.ahead or bucket > window.at


def counts_still(take: Take, now: float) -> bool:
    """Whether the window that it was taken from has not passed."""
    rule = _BY_NAME[take.rule]
    return abs(take.bucket - int(now // rule.step)) < rule.keep


def count(counts: Counts, spent: Spent, now: float) -> None:
    """Add what was taken earlier today, as a ledger remembers it after a restart."""
    for rule in RULES:
        if rule.step == _DAY:
            window = _window(counts, rule, now)
            _add(window, window.at, spent.requests if rule.unit == "requests" else spent.tokens)


def levels(counts: Counts, limits: Limits, now: float) -> tuple[Level, ...]:
    """How full each window of these limits is."""
    return tuple(_level(rule, limit, _window(counts, rule, now), now) for rule, limit in in_force(limits))


def tightest(found: Iterable[Level]) -> dict[Unit, Level]:
    """For rate-limit headers: of each unit the level with the least left."""
    out: dict[Unit, Level] = {}
    for level in found:
        known = out.get(level.rule.unit)
        if known is None or level.remaining < known.remaining:
            out[level.rule.unit] = level
    return out


def refused(refusal: Refusal) -> GatewayError:
    """The error for the client: 429 with the seconds to wait; 413 for what would not fit into an empty window."""
    rule, reason = refusal.rule, f"key_{refusal.rule.name}"
    if refusal.wait is None:
        message = f"This request has about {refusal.needed:,} tokens; this key allows {refusal.limit:,} {rule.words}."
        return GatewayError("too_large", message, reason=reason)
    message = f"This key's limit of {refusal.limit:,} {rule.words} is reached. Try again in {_words(refusal.wait)}."
    return GatewayError("rate_limit", message, retry_after=refusal.wait, reason=reason)


_DAY = 86_400
_BY_NAME: Mapping[str, Rule] = {rule.name: rule for rule in RULES}


@lru_cache(maxsize=1024)
def in_force(limits: Limits) -> tuple[tuple[Rule, int], ...]:
    """The rules that these limits have, with the limit of each."""
    pairs = ((rule, getattr(limits, rule.name)) for rule in RULES)
    return tuple((rule, limit) for rule, limit in pairs if limit is not None)


def _window(counts: Counts, rule: Rule, now: float) -> Window:
    """The window of a rule without what has left it by now. Within a step nothing leaves, so it is looked through once
    in each; a bucket from the future is of a clock that was set back: it counts for one window."""
    window = counts.get(rule.name)
    if window is None:
        window = counts[rule.name] = Window()
    at = int(now // rule.step)
    if window.at != at:
        for bucket in [bucket for bucket in window if abs(bucket - at) >= rule.keep]:
            del window[bucket]
        window.at, window.total = at, sum(window.values())
        window.ahead = any(bucket > at for bucket in window)
    return window


def _add(window: Window, bucket: int, amount: int) -> None:
    before = window.get(bucket, 0)
    window[bucket] = after = max(0, before + amount)
    window.total += after - before


def _level(rule: Rule, limit: int, window: Window, now: float) -> Level:
    newest: int | None = window.at
    if window.ahead or not window.get(window.at):
        newest = max((bucket for bucket, amount in window.items() if amount), default=None)
    reset = 0.0 if newest is None else _end(rule, newest) - now
    return Level(rule, limit, max(0, limit - window.total), reset)


def _end(rule: Rule, bucket: int) -> float:
    return float((bucket + rule.keep) * rule.step)


def _wait(rule: Rule, buckets: Mapping[int, int], excess: int, now: float) -> float:
    """Seconds until the oldest buckets that hold `excess` together have left the window."""
    for bucket in sorted(buckets):
        excess -= buckets[bucket]
        if excess <= 0:
            return max(0.0, _end(rule, bucket) - now)
    return float(rule.step * rule.keep)


def _words(seconds: float) -> str:
    whole = max(1, round(seconds))
    if whole < 120:
        return f"{whole} s"
    return f"{round(whole / 60)} min" if whole < 7200 else f"{round(whole / 3600)} h"
