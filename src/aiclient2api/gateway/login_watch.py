"""Keeps pools in step with what lies on the disk: our own store and the places of all logins, looked at every second.

An account that was added, removed, disabled or enabled counts from then on; one whose login was renewed, by whatever
program, does not wait for the end of its rest. Looking costs one worker thread's few stat calls, reading only what has
changed.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence

from aiclient2api import tasks
from aiclient2api.credentials.keeper import Keeper
from aiclient2api.credentials.login.own import OwnAccount, own_accounts, store_stamp
from aiclient2api.credentials.sources.base import Stamp
from aiclient2api.gateway.account_pool import AccountPool
from aiclient2api.gateway.accounts import PoolMaker
from aiclient2api.gateway.upstream import Account
from aiclient2api.settings.pools import PoolAccount

SECONDS = 1.0

_log = logging.getLogger(__name__)


class Upkeep:
    """The background work of accounts: runs from the time that an account serves until it does not."""

    def __init__(self) -> None:
        self._tasks: dict[int, asyncio.Task[None]] = {}

    def start(self, account: Account, name: str) -> None:
        work: Callable[[], Coroutine[object, object, None]] | None = account.upkeep
        if work is not None:
            self._tasks[id(account)] = tasks.spawn(work(), f"upkeep of {name}")

    async def end(self, account: Account) -> None:
        await tasks.stop(self._tasks.pop(id(account), None))

    async def stop(self) -> None:
        await tasks.stop(*self._tasks.values())


class LoginWatch:
    """`pools` are changed as the accounts of our own store change; `maker` has made them."""

    def __init__(self, pools: Mapping[str, AccountPool], maker: PoolMaker, upkeep: Upkeep) -> None:
        self._pools = pools
        self._maker = maker
        self._upkeep = upkeep
        self._store: Stamp | None = None
        self._stamps: dict[int, Stamp | None] = {}

    async def run(self, seconds: float = SECONDS) -> None:
        """For ever. The caller owns the task."""
        while True:
            await self.look()
            await asyncio.sleep(seconds)

    async def look(self) -> None:
        """One round."""
        ours = await asyncio.to_thread(self._changed_store)
        if ours is not None:
            for name, wanted in self._maker.wanted(ours).items():
                await self._fill(name, wanted)
        await self._look_at_logins()

    def _changed_store(self) -> Sequence[OwnAccount] | None:
        """All of our own accounts if some may have changed since the last round."""
        stamp = store_stamp(self._maker.data_dir)
        if stamp == self._store:
            return None
        self._store = stamp
        return own_accounts(self._maker.data_dir)

    async def _fill(self, name: str, wanted: Sequence[PoolAccount]) -> None:
        pool = self._pools[name]
        before = pool.accounts
        self._maker.fill(name, pool, wanted)
        _log.info("%s: %d accounts, %d of them disabled", name, len(pool.accounts), len(pool.disabled))
        kept = {id(account) for account in pool.accounts.values()}
        known = {id(account) for account in before.values()}
        for account in before.values():
            if id(account) not in kept:
                self._stamps.pop(id(account), None)
                await self._upkeep.end(account)
                await account.login.close()
        for account in pool.accounts.values():
            if id(account) not in known:
                self._upkeep.start(account, name)

    async def _look_at_logins(self) -> None:
        found = [
            (pool, name, account, account.login)
            for pool in self._pools.values()
            for name, account in pool.accounts.items()
            if isinstance(account.login, Keeper)
        ]
        stamps = await asyncio.to_thread(lambda: [keeper.stamp() for *_, keeper in found])
        for (pool, name, account, keeper), stamp in zip(found, stamps, strict=True):
            changed = stamp is None or self._stamps.get(id(account)) != stamp
            self._stamps[id(account)] = stamp
            if await keeper.look(changed):
                pool.restore(name)
