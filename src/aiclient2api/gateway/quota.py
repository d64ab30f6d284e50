"""What accounts have used of their plans, as the services tell it, asked at a bounded rate.

Enters: accounts. Leaves: Readings, kept in memory and, if there is a place for it, in a file, so that the bound holds
over restarts and between processes. At most one question per account under way, a few in all; a reading is good for
some minutes, and after a failure an account is left alone for a while (as long as the service asks for).
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

import msgspec

from aiclient2api import files
from aiclient2api.canonical.errors import GatewayError, detached
from aiclient2api.credentials.troubles import Trouble, trouble_of
from aiclient2api.gateway.upstream import Account, Upstream
from aiclient2api.http1.messages import Deadlines
from aiclient2api.providers.base import Call, Grant
from aiclient2api.providers.kiro.account import Allowance, parse_usage_limits
from aiclient2api.wire import jsonio

GOOD_FOR = 300.0
"""Seconds that a reading is used instead of a question."""
_AFTER_FAILURE = 60.0
_AT_ONCE = 2
_REMEMBERED = 1000
_DEADLINES = Deadlines(connect=5.0, head=10.0, idle=10.0, total=15.0)


@runtime_checkable
class TellsUsage(Protocol):
    """A provider whose service tells what an account has used; READERS has who reads the answer."""

    @property
    def family(self) -> str: ...

    def usage_limits(self, grant: Grant, refused: GatewayError | None = None) -> Call | None:
        """`refused`: how the first question ended; another way to put it then, or None."""
        ...


READERS: Mapping[str, Callable[[bytes], Allowance]] = {"kiro": parse_usage_limits}
"""By the provider's family; each raises GatewayError("upstream") for an answer that is none."""


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """`used` of `limit` in `unit`, until `resets_at`; as of `read_at` (both epoch seconds)."""

    plan: str
    used: float
    limit: float
    unit: str
    resets_at: float | None
    overage: bool
    read_at: float

    @property
    def left(self) -> float:
        """As a share, 0 to 1; 1 where the service names no limit."""
        return min(1.0, max(0.0, 1.0 - self.used / self.limit)) if self.limit > 0 else 1.0


class Quotas:
    """Shared by all callers of one event loop. `clock` gives epoch seconds; `place` is a file in our data folder."""

    def __init__(self, upstream: Upstream, place: Path | None = None, clock: Callable[[], float] = time.time) -> None:
        self._upstream = upstream
        self._place = place
        self._clock = clock
        self._readings = {} if place is None else _load(place)
        self._failures: dict[str, tuple[float, Trouble]] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._at_once = asyncio.Semaphore(_AT_ONCE)

    def known(self, account_id: str) -> Reading | None:
        """The last reading, however old, without asking."""
        return self._readings.get(account_id)

    async def read(self, account: Account, good_for: float = GOOD_FOR) -> Reading | None:
        """A reading at most `good_for` seconds old; None if the provider tells none. Raises GatewayError, also for a
        failure that is too recent to ask again."""
        provider = account.provider
        if not isinstance(provider, TellsUsage) or provider.family not in READERS:
            return None
        id = account.login.id
        async with self._locks.setdefault(id, asyncio.Lock()):
            recent = self._recent(id, good_for)
            if recent is not None:
                return recent
            async with self._at_once:
                return await self._ask(account, provider)

    def _recent(self, id: str, good_for: float) -> Reading | None:
        """What need not be asked for; a clock that was set back makes nothing young. Raises GatewayError."""
        now, reading = self._clock(), self._readings.get(id)
        if reading is not None and 0 <= now - reading.read_at < good_for:
            return reading
        until, trouble = self._failures.get(id, (0.0, None))
        if trouble is not None and now < until:
            raise trouble.error()
        return None

    async def _answer(self, account: Account, provider: TellsUsage) -> tuple[Mapping[str, str], bytes] | None:
        try:
            return await self._upstream.fetch(account, provider.usage_limits, _DEADLINES)
        except GatewayError as error:
            refused = detached(error)
        answer = await self._upstream.fetch(account, lambda grant: provider.usage_limits(grant, refused), _DEADLINES)
        if answer is None:
            raise refused
        return answer

    async def _ask(self, account: Account, provider: TellsUsage) -> Reading | None:
        id = account.login.id
        try:
            answer = await self._answer(account, provider)
            allowance = None if answer is None else READERS[provider.family](answer[1])
        except GatewayError as error:
            wait = max(_AFTER_FAILURE, error.retry_after or 0.0)
            self._failures[id] = (self._clock() + wait, trouble_of(error))
            raise
        if allowance is None:
            return None
        self._failures.pop(id, None)
        reading = _reading(allowance, self._clock())
        self._readings[id] = reading
        if self._place is not None:
            await asyncio.to_thread(_save, self._place, id, reading)
        return reading


def _reading(allowance: Allowance, now: float) -> Reading:
    return Reading(
        plan=allowance.plan,
        used=allowance.used,
        limit=allowance.limit,
        unit=allowance.unit,
        resets_at=allowance.resets_at,
        overage=allowance.overage,
        read_at=now,
    )


def _load(place: Path) -> dict[str, Reading]:
    try:
        return jsonio.decode(place.read_bytes(), dict[str, Reading])
    except (OSError, jsonio.JsonError):
        return {}


def _save(place: Path, id: str, reading: Reading) -> None:
    """Together with what other processes have read. What cannot be written is only known for now."""
    try:
        files.make_private_folder(place.parent)
        with files.process_lock(place.with_suffix(".lock"), patience=2.0):
            known = _load(place) | {id: reading}
            newest = sorted(known.items(), key=lambda each: each[1].read_at)[-_REMEMBERED:]
            files.write_atomic(place, jsonio.encode(dict(newest)))
    except (OSError, files.LockTimeout):
        return
