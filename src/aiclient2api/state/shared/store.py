"""The shared state of several gateways in Redis or Valkey: values and notes with an expiry, turns, limits.

All keys begin with `aiclient2api:`. Whatever comes from Redis is bounded in size here, and read as untrusted by
whoever asked.
"""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

from aiclient2api import files, tasks
from aiclient2api.state.limit_store import KeyLimits
from aiclient2api.state.shared.base import MAX_NOTE, MAX_VALUE, Area, Heard, Names, Standing, Topic
from aiclient2api.state.shared.limits import RedisLimits
from aiclient2api.state.shared.line import Away, Dialer
from aiclient2api.state.shared.link import PREFIX, Link, call
from aiclient2api.state.shared.notices import Notices, note
from aiclient2api.state.shared.scripts import PROLONG, RELEASE, TELL

TURN_SECONDS = 10.0
"""A turn whose owner has died is free again after this; a living one prolongs it."""
TURN_POLL = 0.1


class RedisShared:
    """A Shared. Raises SharedError for a URL that is none, or without the driver."""

    alone = False

    def __init__(self, url: str) -> None:
        dialer = Dialer(url)
        self._where = dialer.where
        self._link = Link(dialer)
        self._limits = RedisLimits(self._link)
        self._notices = Notices(dialer, self._link)

    @property
    def limits(self) -> KeyLimits:
        return self._limits

    async def start(self) -> None:
        await self._link.ready()
        self._notices.start()

    async def close(self) -> None:
        await self._notices.close()
        await self._link.close()

    def when_back(self, call: Callable[[], None]) -> None:
        self._link.when_up.append(lambda _: call())

    async def trouble(self) -> str:
        try:
            await self._link.ready()
            await self._link.check()
        except Away as error:
            return f"Redis at {self._where} cannot be used: {error}"
        return ""

    def standing(self) -> Standing:
        return Standing(self._link.up, self._link.unanswered, self._link.outages)

    # --- values

    async def get(self, area: Area, name: str) -> bytes | None:
        try:
            value = await self._link.ask("GETRANGE", f"{PREFIX}{area}:{name}", 0, MAX_VALUE)
        except Away:
            return None
        return value if isinstance(value, bytes) and 0 < len(value) <= MAX_VALUE else None

    def keep(self, area: Area, name: str, value: bytes, seconds: float) -> None:
        if 0 < len(value) <= MAX_VALUE and seconds > 0:
            with contextlib.suppress(Away):
                self._link.send("SET", f"{PREFIX}{area}:{name}", value, "PX", _milliseconds(seconds))

    # --- turns

    def turn(self, name: str, patience: float) -> AbstractAsyncContextManager[None]:
        return self._turn(f"{PREFIX}turn:{name}", patience)

    @contextlib.asynccontextmanager
    async def _turn(self, key: str, patience: float) -> AsyncIterator[None]:
        owner = secrets.token_hex(16)
        holding: asyncio.Task[None] | None = None
        try:
            if await self._wait_for(key, owner, patience):
                holding = tasks.spawn(self._hold(key, owner), "a turn")
            yield
        finally:  # also for a turn that came when nobody waited for it any more
            with contextlib.suppress(Away):
                self._link.send(*call(RELEASE, key, owner))
            await tasks.stop(holding)

    async def _wait_for(self, key: str, owner: str, patience: float) -> bool:
        """Whether it is ours; False if nobody can tell."""
        clock = asyncio.get_running_loop().time
        give_up = clock() + patience
        while True:
            try:
                taken = await self._link.ask("SET", key, owner, "NX", "PX", _milliseconds(TURN_SECONDS))
            except Away:
                return False
            if taken is not None:
                return True
            if clock() > give_up:
                raise files.LockTimeout(key)
            await asyncio.sleep(TURN_POLL)

    async def _hold(self, key: str, owner: str) -> None:
        while True:
            await asyncio.sleep(TURN_SECONDS / 3)
            with contextlib.suppress(Away):
                self._link.send(*call(PROLONG, key, owner, _milliseconds(TURN_SECONDS)))

    # --- notes

    def tell(self, topic: Topic, name: str, value: bytes, seconds: float, changed: float | None = None) -> None:
        if not 0 < len(value) <= MAX_NOTE or seconds <= 0:
            return
        moment = "" if changed is None else f"{changed:.6f}"
        with contextlib.suppress(Away):
            channel = self._notices.channel(topic)
            key = f"{PREFIX}{topic}:{name}"
            self._link.send(*call(TELL, key, moment, value, _milliseconds(seconds), channel, name))

    async def told(self, topic: Topic, name: str) -> bytes | None:
        with contextlib.suppress(Away):
            return note(await self._link.ask("GETRANGE", f"{PREFIX}{topic}:{name}", 0, MAX_NOTE + 64))
        return None

    def follow(self, topic: Topic, heard: Heard, names: Names = tuple) -> None:
        self._notices.follow(topic, heard, names)


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))
