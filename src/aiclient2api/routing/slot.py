"""One account as the pool sees it: what it may do (Member), and how it is doing (Slot)."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

import msgspec

from aiclient2api.routing.cooldown import ACCOUNT, Cause, Rest, Scope

MAX_SCOPES = 64
"""Models of one account whose failures are remembered; names come from clients, so there must be an end."""

READY, BUSY, RESTING = range(3)
State = int
"""READY: may be chosen. BUSY: at its limit, or its trial is under way. RESTING: not before a time."""

Key = tuple[bool, float, float, int, int]

Rests = dict[Scope, dict[Cause, Rest]]
"""Each cause rests by itself: a login that is mended says nothing about a plan that is used up."""


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """An account of the pool. `id` is stable and safe to show; `limit` is how many requests may be under way at once
    (None: any number); `allowed` (empty: all) and `forbidden` are names of models, `*` and `?` as in file names."""

    id: str
    name: str = ""
    weight: float = 1.0
    limit: int | None = None
    allowed: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()
    disabled: bool = False

    def __post_init__(self) -> None:
        if not (self.id and 0 < self.weight < math.inf):
            raise ValueError(f"account {self.id!r}: an id and a weight over 0 are needed")
        if self.limit is not None and self.limit < 1:
            raise ValueError(f"account {self.id!r}: a limit of {self.limit} requests serves nobody")

    def serves(self, model: str) -> bool:
        """Whether the user lets the account serve this model."""
        return (
            not self.disabled
            and (not self.allowed or any(fnmatchcase(model, each) for each in self.allowed))
            and not any(fnmatchcase(model, each) for each in self.forbidden)
        )


class Quota(msgspec.Struct, frozen=True):
    """What the service says an account has left: `left` as a share (0 … 1), `resets_at` on the pool's clock."""

    left: float
    resets_at: float | None = None


@dataclass(slots=True, eq=False)
class Slot:
    """A member's state. `finish` is its place in the order of turns (see pool), `turn` the number of its last one;
    `trials` says which request tries out a scope that is half open; `marked` are the scopes of its rests as the pool
    last saw them; `changed` is when its health last changed."""

    member: Member
    index: int
    in_flight: int = 0
    finish: float = 0.0
    turn: int = 0
    used_at: float | None = None
    rests: Rests = field(default_factory=dict)
    failures: dict[Scope, int] = field(default_factory=dict)
    trials: dict[Scope, int] = field(default_factory=dict)
    marked: frozenset[Scope] = frozenset()
    quota: Quota | None = None
    changed: float = 0.0

    @property
    def full(self) -> bool:
        return self.member.limit is not None and self.in_flight >= self.member.limit

    def state(self, model: str, now: float) -> State:
        busy = self.full
        for scope in self.scopes(model) if self.rests else ():
            if scope in self.trials:
                busy = True
            elif any(rest.until > now for rest in self.rests[scope].values()):
                return RESTING
        return BUSY if busy else READY

    def key(self, little: float, now: float) -> Key:
        """The less, the sooner chosen: with quota left before nearly without, least loaded for its weight, first in
        the order of turns, least recently used."""
        nearly_out = self.quota is not None and self.nearly_out(little, now)
        return (nearly_out, self.in_flight / self.member.weight, self.finish, self.turn, self.index)

    def nearly_out(self, little: float, now: float) -> bool:
        quota = self.quota
        return quota is not None and quota.left < little and (quota.resets_at is None or quota.resets_at > now)

    def scopes(self, model: str) -> list[Scope]:
        """Which of the account and this model there are rests of, over or not."""
        return [scope for scope in ((ACCOUNT, model) if model else (ACCOUNT,)) if scope in self.rests]

    def here(self, model: str) -> Iterator[Rest]:
        """The rests that concern this model, over or not."""
        for scope in self.scopes(model):
            yield from self.rests[scope].values()

    def until(self, model: str) -> float:
        """When the rests that concern this model are over. There must be one."""
        return max(rest.until for rest in self.here(model))

    def last_resort(self, model: str) -> Rest:
        """The rest that decides when the account may be tried if no other can serve. There must be one."""
        return max(self.here(model), key=lambda rest: rest.last_resort)
