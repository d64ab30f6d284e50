"""The accounts behind one provider name: who takes a request, the short queue of those that must wait, the reports.

The order and the rests are routing.pool's, which knows no time and no waiting. A login that is alone, outside of any
pool, is always asked: there is nobody to spare it for.
"""

import asyncio
import random
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.gateway.upstream import Account
from aiclient2api.routing.pool import Choice, Outcome, Pool, Quota

QUEUE_SECONDS = 10.0
QUEUE_LENGTH = 100
"""Requests that may wait for a place at an account, and how long; more are told to come back."""


class Want(NamedTuple):
    """What a request looks for: an account for `model`, if possible that of the session."""

    model: str
    session: str = ""


class Place(NamedTuple):
    """An account for the time of one request. `reason` says why this one; `others`: whether it has any beside it."""

    account: Account
    id: str
    reason: str = ""
    others: bool = False
    choice: Choice | None = None


class Homes(Protocol):
    """The accounts that sessions stay with, as other gateways know it."""

    async def find(self, session: str) -> str | None: ...
    def stays(self, session: str, account: str) -> None: ...


@dataclass
class AccountPool:
    """`accounts` by id, at least one; `pool` knows the same ids. `homes` is asked about sessions that are unknown
    here. `clock` gives seconds of any origin."""

    accounts: Mapping[str, Account]
    pool: Pool | None = None
    clock: Callable[[], float] = time.time
    jitter: Callable[[], float] = random.random
    homes: Homes | None = None
    _freed: asyncio.Event = field(default_factory=asyncio.Event)
    _waiting: int = 0

    @property
    def lead(self) -> Account:
        """The account for calls beside the answers: the first whose login can be used."""
        usable = (account for account in self.accounts.values() if account.login.status().usable)
        return next(usable, next(iter(self.accounts.values())))

    async def take(self, want: Want, tried: Collection[str] = frozenset()) -> Place:
        """An account that was not `tried`; waits a little where all are busy. Raises GatewayError if there is none."""
        if self.pool is None:
            ((id, account),) = self.accounts.items()
            return Place(account, account.login.id or id)
        end = time.monotonic() + QUEUE_SECONDS
        if self.homes is not None and want.session:
            await self._look_for_home(self.pool, self.homes, want.session)
        while True:
            chosen = self.pool.choose(self.clock(), want.model, want.session, tried)
            if isinstance(chosen, Choice):
                if self.homes is not None and want.session:
                    self.homes.stays(want.session, self.pool.home(want.session, self.clock()) or chosen.id)
                return Place(self.accounts[chosen.id], chosen.id, chosen.reason, len(self.accounts) > 1, chosen)
            if chosen.kind != "full" or not await self._until_freed(end - time.monotonic()):
                raise chosen.error()

    def answering(self, place: Place) -> None:
        """Content has come."""
        if self.pool is not None and place.choice is not None:
            self.pool.answering(place.choice, self.clock())

    def report(self, place: Place, outcome: Outcome) -> None:
        """The request has ended; once for each place."""
        if self.pool is not None and place.choice is not None:
            self.pool.report(place.choice, outcome, self.clock(), self.jitter())
            if self._waiting:
                self._freed.set()
                self._freed = asyncio.Event()

    def learn(self, id: str, quota: Quota) -> None:
        """What the service says that an account has left; its reset is on the pool's clock."""
        if self.pool is not None:
            self.pool.learn(id, quota, self.clock())

    async def _look_for_home(self, pool: Pool, homes: Homes, session: str) -> None:
        """A session that is unknown here may have an account elsewhere."""
        if pool.home(session, self.clock()) is None:
            home = await homes.find(session)
            if home is not None and home in self.accounts:
                pool.bind(session, home, self.clock())

    async def _until_freed(self, seconds: float) -> bool:
        """Waits for a report; False if none came in time, or the queue is full."""
        if seconds <= 0 or self._waiting >= QUEUE_LENGTH:
            return False
        self._waiting += 1
        try:
            async with asyncio.timeout(seconds):
                await self._freed.wait()
        except TimeoutError:
            return False
        finally:
            self._waiting -= 1
        return True


def lone(account: Account) -> AccountPool:
    """A login that is no member of a pool."""
    return AccountPool({account.login.id: account})


def is_final(error: GatewayError) -> bool:
    """Whether no other account can do better: the request itself is at fault, or we are."""
    return error.blame not in ("credential", "provider")
