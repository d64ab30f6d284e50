"""The accounts behind one provider name: who takes a request, the short queue of those that must wait, the reports.

The order and the rests are routing.pool's, which knows no time and no waiting. A login that is alone, outside of any
pool, is always asked: there is nobody to spare it for.
"""

import asyncio
import math
import random
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.credentials.base import Login, LoginStatus
from aiclient2api.gateway.upstream import Account
from aiclient2api.routing.pool import Choice, Member, Outcome, Pool, PoolPolicy, Quota
from aiclient2api.state.trail import Step

LOOK_SECONDS = 0.5
QUEUE_SECONDS = 10.0
QUEUE_LENGTH = 100
"""Requests that may wait for a place at an account, and how long; more are told to come back."""


class Want(NamedTuple):
    """What a request looks for: an account for `model`, if possible that of the session."""

    model: str
    session: str = ""


class Place(NamedTuple):
    """An account for the time of one request. `reason` says why this one; `others`: whether it has any beside it;
    `pool` has made the choice, and is told how it went. `waited` are seconds until an account was free."""

    account: Account
    id: str
    reason: str = ""
    others: bool = False
    choice: Choice | None = None
    pool: Pool | None = None
    waited: float = 0.0


class Homes(Protocol):
    """The accounts that sessions stay with, as other gateways know it."""

    async def find(self, session: str) -> str | None: ...
    def stays(self, session: str, account: str) -> None: ...


@dataclass
class AccountPool:
    """`accounts` by id, at least one; `pool` knows the same ids, and `disabled` are those of them that are not to be
    used. `homes` is asked about sessions that are unknown here. `clock` gives seconds of any origin."""

    accounts: Mapping[str, Account]
    pool: Pool | None = None
    clock: Callable[[], float] = time.time
    jitter: Callable[[], float] = random.random
    homes: Homes | None = None
    disabled: frozenset[str] = frozenset()
    _freed: asyncio.Event = field(default_factory=asyncio.Event)
    _waiting: int = 0
    _looked: float = -math.inf

    @property
    def lead(self) -> Account:
        """The account for calls beside the answers: the first whose login can be used."""
        wanted = [account for id, account in self.accounts.items() if id not in self.disabled]
        usable = (account for account in wanted if account.login.status().usable)
        return next(usable, next(iter(wanted or self.accounts.values())))

    @property
    def waiting(self) -> int:
        """Requests that wait until an account is free."""
        return self._waiting

    def change(self, accounts: Mapping[str, Account], members: Sequence[Member], policy: PoolPolicy) -> None:
        """Other accounts from now on; without members, one that is in no pool. Those that stay keep their health, and
        requests that are under way end where they began."""
        self.accounts = accounts
        self.disabled = frozenset(member.id for member in members if member.disabled)
        if not members:
            self.pool = None
        elif self.pool is None:
            self.pool = Pool(members, policy)
        else:
            self.pool.update(members)
        self._wake()

    def restore(self, id: str) -> None:
        """The account's login has changed: what was wrong with it may be over."""
        if self.pool is not None:
            self.pool.restore(id, self.clock())
            self._wake()

    async def look(self) -> LoginStatus:
        """How the provider stands. Logins are read again, without the network, if that is LOOK_SECONDS ago; the pool
        learns which of them have gone and which are back."""
        if time.monotonic() - self._looked >= LOOK_SECONDS:
            self._looked = time.monotonic()
            for id, account in tuple(self.accounts.items()):
                await self._look_at(id, account.login)
        status = self.lead.login.status()
        if self.pool is None or not status.usable or self.pool.usable(self.clock()):
            return status
        reasons = {standing.reason for standing in self.pool.standings(self.clock()) if standing.reason}
        said = f"No account can be used now: {', '.join(sorted(reasons))}."
        return LoginStatus(usable=False, problem="resting", reason=said)

    async def _look_at(self, id: str, login: Login) -> None:
        before, now = login.status().usable, await login.check()
        if self.pool is None or before == now.usable:
            return
        if now.usable:
            self.restore(id)
        elif id in self.accounts:
            self.pool.exclude(id, now.reason, self.clock())

    async def take(self, want: Want, tried: Collection[str] = frozenset()) -> Place:
        """An account that was not `tried`; waits a little where all are busy. Raises GatewayError if there is none."""
        end, waited = time.monotonic() + QUEUE_SECONDS, 0.0
        if self.homes is not None and self.pool is not None and want.session:
            await self._look_for_home(self.pool, self.homes, want.session)
        while True:
            pool = self.pool  # which may be another after each wait
            if pool is None:
                ((id, account),) = self.accounts.items()
                return Place(account, account.login.id or id)
            chosen = pool.choose(self.clock(), want.model, want.session, tried)
            if isinstance(chosen, Choice):
                if self.homes is not None and want.session:
                    self.homes.stays(want.session, pool.home(want.session, self.clock()) or chosen.id)
                others = len(self.accounts) - len(self.disabled) > 1
                return Place(self.accounts[chosen.id], chosen.id, chosen.reason, others, chosen, pool, waited)
            if chosen.kind == "unserved" and len(self.disabled) == len(self.accounts):
                raise _all_disabled(len(self.accounts))
            if chosen.kind != "full" or not await self._until_freed(end - time.monotonic()):
                raise chosen.error()
            waited = QUEUE_SECONDS - (end - time.monotonic())

    def answering(self, place: Place) -> None:
        """Content has come."""
        if place.pool is not None and place.choice is not None:
            place.pool.answering(place.choice, self.clock())

    def report(self, place: Place, outcome: Outcome) -> None:
        """The request has ended; once for each place."""
        if place.pool is not None and place.choice is not None:
            place.pool.report(place.choice, outcome, self.clock(), self.jitter())
            self._wake()

    def rests(self, place: Place, at: float) -> list[Step]:
        """What the account of a place rests for now, as steps of a trail at the moment `at`."""
        state = place.pool.export(place.id) if place.pool is not None and place.choice is not None else None
        if state is None or place.choice is None:
            return []
        now, model = self.clock(), place.choice.model
        return [
            Step(do="rests", at=at, account=place.id, why=rest.reason, seconds=round(rest.until - now, 3), model=scope)
            for scope in dict.fromkeys(("", model))
            for rest in state.rests.get(scope, {}).values()
            if rest.until > now
        ]

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

    def _wake(self) -> None:
        """Whoever waits looks again."""
        if self._waiting:
            self._freed.set()
            self._freed = asyncio.Event()

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


def _all_disabled(count: int) -> GatewayError:
    who = "The only account is" if count == 1 else f"All {count} accounts are"
    what = "`aiclient2api accounts enable ID` lets one be used again; so does isDisabled: false in the pool file."
    return GatewayError("login_required", f"{who} disabled. {what}", reason="accounts_disabled")


def lone(account: Account) -> AccountPool:
    """A login that is no member of a pool."""
    return AccountPool({account.login.id: account})


def is_final(error: GatewayError) -> bool:
    """Whether no other account can do better: the request itself is at fault, or we are."""
    return error.blame not in ("credential", "provider")
