"""What the pools of this gateway have in common with those of others: rests, and the account that a session stays with.

Only changes are told, so a pool that is well costs nothing. What is heard is checked like anything from outside: what
is not of the right form, or from a time to come, is not taken.
"""

import asyncio
import math
import operator
import re
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from aiclient2api.gateway.account_pool import AccountPool
from aiclient2api.gateway.upstream import Account
from aiclient2api.routing.cooldown import PoolPolicy, Rest
from aiclient2api.routing.pool import AccountState
from aiclient2api.routing.slot import MAX_SCOPES
from aiclient2api.state.shared.base import Shared, digest
from aiclient2api.wire import jsonio

LOOK_SECONDS = 0.1
"""How often the pools are looked at for changes."""
WRONG_CLOCK = 10.0
"""What is newer than this many seconds from now comes from a machine whose clock is wrong."""
LEAST_SECONDS, MOST_SECONDS = 3600.0, 41 * 86_400.0
SESSION_SECONDS = PoolPolicy().session_ttl
TELL_AGAIN = SESSION_SECONDS / 8
SESSIONS = PoolPolicy().sessions
_NOT_PLAIN = re.compile(r"[^ -~]")


def share_pools(shared: Shared, pools: Mapping[str, AccountPool]) -> "Health":
    """Let pools take part, also those that have one account now and may have more of them later."""
    for name, each in pools.items():
        if not shared.alone:
            each.homes = SharedHomes(shared, name, each)
    return Health(shared, pools)


class Health:
    """The rests of all accounts in pools, which may get others at any time. `run` belongs to the gateway."""

    def __init__(self, shared: Shared, pools: Mapping[str, AccountPool]) -> None:
        self._shared = shared
        self._pools = dict(pools)
        self._known: tuple[Mapping[str, Account], ...] = ()
        self._by_digest: dict[str, tuple[AccountPool, str]] = {}
        if not shared.alone:
            shared.follow("account", self.heard, self._accounts)
            shared.when_back(self.tell_all)

    async def run(self) -> None:
        known = set(self._accounts())
        while not self._shared.alone:
            self.tell_changes()
            new, known = set(self._accounts()) - known, set(self._accounts())
            for name in new:
                value = await self._shared.told("account", name)
                if value is not None:
                    self.heard(name, value)
            await asyncio.sleep(LOOK_SECONDS)

    def tell_changes(self) -> None:
        for name, each in self._pools.items():
            if each.pool is not None:
                for state in each.pool.changes():
                    self._tell(name, state, each.clock())

    def tell_all(self) -> None:
        """What has been found out while nobody could be told; what others know better is not told again."""
        for name, each in self._pools.items():
            for id in each.accounts:
                state = None if each.pool is None else each.pool.export(id)
                if state is not None and state.changed > 0:
                    self._tell(name, state, each.clock())

    def heard(self, name: str, value: bytes) -> None:
        each, id = self._accounts().get(name, (None, ""))
        if each is not None and each.pool is not None:
            state = read_state(value, id, each.clock())
            if state is not None:
                each.pool.adopt(state)

    def _accounts(self) -> dict[str, tuple[AccountPool, str]]:
        """The accounts that there are now, by the name that others know them by. A pool that changes gets a new map of
        its accounts."""
        now = tuple(each.accounts for each in self._pools.values())
        if len(now) != len(self._known) or any(map(operator.is_not, now, self._known)):
            self._known = now
            pools = self._pools.items()
            self._by_digest = {digest(name, id): (each, id) for name, each in pools for id in each.accounts}
        return self._by_digest

    def _tell(self, name: str, state: AccountState, now: float) -> None:
        last = max((rest.until for rests in state.rests.values() for rest in rests.values()), default=now)
        seconds = min(max(last - now + WRONG_CLOCK, LEAST_SECONDS), MOST_SECONDS)
        self._shared.tell("account", digest(name, state.id), jsonio.encode(_public(state)), seconds, state.changed)


def _public(state: AccountState) -> AccountState:
    """Without what an upstream said, which may be anything."""
    rests = {
        scope: {cause: msgspec.structs.replace(rest, detail="") for cause, rest in here.items()}
        for scope, here in state.rests.items()
    }
    return msgspec.structs.replace(state, rests=rests)


def read_state(value: bytes, id: str, now: float) -> AccountState | None:
    """A state that a pool may adopt, else None."""
    try:
        state = jsonio.decode(value, AccountState)
    except jsonio.JsonError:
        return None
    rests = [rest for here in state.rests.values() for rest in here.values()]
    quota = [] if state.quota is None else [state.quota.left, state.quota.resets_at or 0.0]
    times = [state.changed, *quota, *(time for rest in rests for time in (rest.since, rest.until, rest.last_resort))]
    if state.id != id or not all(map(math.isfinite, times)) or state.changed > now + WRONG_CLOCK:
        return None
    if len(state.rests) > MAX_SCOPES or len(state.failures) > MAX_SCOPES or not all(state.rests.values()):
        return None
    clean = {
        scope: {cause: _clean(msgspec.structs.replace(rest, cause=cause), now) for cause, rest in here.items()}
        for scope, here in state.rests.items()
    }
    return msgspec.structs.replace(state, rests=clean)


def _clean(rest: Rest, now: float) -> Rest:
    """A reason stands in headers and logs, and no rest is for ever."""
    latest = now + MOST_SECONDS
    return msgspec.structs.replace(
        rest,
        until=min(rest.until, latest),
        last_resort=min(rest.last_resort, latest),
        steps=min(max(rest.steps, 1), 1000),
        reason=_NOT_PLAIN.sub("", rest.reason)[:120],
        detail="",
    )


class _Home(NamedTuple):
    session: str
    account: str
    told: float


class SharedHomes:
    """A Homes. The session is told as a hash of a hash; nothing of a prompt is in it."""

    def __init__(self, shared: Shared, name: str, accounts: AccountPool) -> None:
        self._shared = shared
        self._name = name
        self._accounts = accounts
        self._clock = accounts.clock
        self._known: dict[str, _Home] = {}
        shared.follow("session", self.heard)

    async def find(self, session: str) -> str | None:
        name = digest(self._name, session)
        account = _account(await self._shared.told("session", name))
        if account is not None:
            self._know(name, _Home(session, account, self._clock()))
        return account

    def stays(self, session: str, account: str) -> None:
        """Told if it is news, or so long ago that it may be forgotten."""
        name, now = digest(self._name, session), self._clock()
        known = self._known.get(name)
        if known is None or known.account != account or now - known.told > TELL_AGAIN:
            self._know(name, _Home(session, account, now))
            self._shared.tell("session", name, account.encode(), SESSION_SECONDS)

    def heard(self, name: str, value: bytes) -> None:
        """The last word counts, which all hear in the same order."""
        known, account = self._known.get(name), _account(value)
        if known is not None and account is not None:
            self._know(name, _Home(known.session, account, self._clock()))
            pool = self._accounts.pool
            if pool is not None and account in self._accounts.accounts:
                pool.bind(known.session, account, self._clock())

    def _know(self, name: str, home: _Home) -> None:
        self._known.pop(name, None)
        self._known[name] = home
        if len(self._known) > SESSIONS:
            del self._known[next(iter(self._known))]


def _account(value: bytes | None) -> str | None:
    try:
        return value.decode() if value is not None and len(value) <= 200 else None
    except UnicodeDecodeError:
        return None
