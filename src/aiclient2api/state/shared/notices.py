"""Hears the notes of all gateways, over a connection of its own, and reads those that it may have missed."""

import asyncio
import contextlib
from typing import NamedTuple

from aiclient2api import tasks
from aiclient2api.state.shared.base import MAX_NOTE, Heard, Names, Topic
from aiclient2api.state.shared.line import Away, Dialer, Line, Reply
from aiclient2api.state.shared.link import OPENING, PREFIX, Link, within

SILENCE = 5.0
"""Seconds without a word after which the server is asked for one."""
PAUSE = 0.5
_SUBSCRIBED, _MESSAGE = b"subscribe", b"message"


class _Follower(NamedTuple):
    topic: Topic
    heard: Heard
    names: Names


class Notices:
    def __init__(self, dialer: Dialer, link: Link) -> None:
        self._dialer = dialer
        self._link = link
        self._followers: dict[str, list[_Follower]] = {}
        self._task: asyncio.Task[None] | None = None

    def channel(self, topic: Topic) -> str:
        """Channels belong to no database, so its number stands in their name."""
        return f"{PREFIX}{self._dialer.database}:{topic}"

    def follow(self, topic: Topic, heard: Heard, names: Names) -> None:
        """Before `start`."""
        self._followers.setdefault(self.channel(topic), []).append(_Follower(topic, heard, names))

    def start(self) -> None:
        if self._followers and self._task is None:
            self._task = tasks.spawn(self._run(), "Redis, notes")

    async def close(self) -> None:
        await tasks.stop(self._task)

    async def _run(self) -> None:
        while True:
            if self._link.up:
                line = self._dialer.dial()
                with contextlib.suppress(Away):  # the link tells of it
                    try:
                        await self._listen(line)
                    finally:
                        await line.close()
            await asyncio.sleep(PAUSE)

    async def _listen(self, line: Line) -> None:
        await within(line.say([("SUBSCRIBE", *self._followers)]), OPENING)
        quiet, subscribed = False, 0
        while True:
            heard = await line.hear(SILENCE)
            if heard is None:
                if quiet:
                    raise Away("it is silent")
                await within(line.say([("PING",)]), OPENING)
            quiet = heard is None
            match heard:
                case [kind, _, int()] if kind == _SUBSCRIBED:
                    subscribed += 1
                    if subscribed == len(self._followers):
                        await self._read()
                case [kind, bytes(channel), bytes(message)] if kind == _MESSAGE:
                    self._hear(channel, message)

    async def _read(self) -> None:
        """The notes there are, now that none can be missed."""
        for each in (follower for followers in self._followers.values() for follower in followers):
            names = tuple(each.names())
            asked = [self._link.send("GETRANGE", f"{PREFIX}{each.topic}:{n}", 0, MAX_NOTE + 64) for n in names]
            for name, reply in zip(names, asked, strict=True):
                value = note(await reply)
                if value is not None:
                    each.heard(name, value)

    def _hear(self, channel: bytes, message: bytes) -> None:
        name, _, value = message.partition(b" ")
        if 0 < len(value) <= MAX_NOTE:
            for each in self._followers.get(channel.decode("utf-8", "replace"), ()):
                each.heard(name.decode("utf-8", "replace"), value)


def note(reply: Reply) -> bytes | None:
    """The value of a note as it is kept, behind its time."""
    value = reply.partition(b" ")[2] if isinstance(reply, bytes) else b""
    return value if 0 < len(value) <= MAX_NOTE else None
