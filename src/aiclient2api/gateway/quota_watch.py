"""Keeps pools in the know of what their accounts have left, where the services tell.

An account with little left is chosen after the others; one with nothing left rests until its reset, and comes back by
itself. Services are asked at the bounded rate of gateway.quota; one that does not answer changes nothing.
"""

import asyncio
import contextlib
from collections.abc import Collection
from typing import Protocol

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.gateway.account_pool import AccountPool
from aiclient2api.gateway.quota import GOOD_FOR, Reading
from aiclient2api.gateway.upstream import Account
from aiclient2api.routing.pool import Quota


class Reads(Protocol):
    async def read(self, account: Account) -> Reading | None:
        """Raises GatewayError."""
        ...


async def watch_quotas(pools: Collection[AccountPool], quotas: Reads, seconds: float = GOOD_FOR) -> None:
    """Runs as long as the gateway. A login that is alone has nobody to make way for, and is not asked about."""
    while True:
        for pool in pools:
            if len(pool.accounts) > 1:
                await learn_quotas(pool, quotas)
        await asyncio.sleep(seconds)


async def learn_quotas(pool: AccountPool, quotas: Reads) -> None:
    for id, account in pool.accounts.items():
        with contextlib.suppress(GatewayError):
            reading = await quotas.read(account)
            if reading is not None:
                left = 1.0 if reading.overage else reading.left  # who may go over the plan is not held back by it
                pool.learn(id, Quota(left, reading.resets_at))
