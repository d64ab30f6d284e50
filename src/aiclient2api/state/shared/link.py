"""The way to Redis: commands of all requests in batches over one connection, each batch with a deadline.

After a failure every command fails at once (Away), and the way is tried again every second until it is open. One
warning when it is lost, one line when it is back. A batch is not blamed for time in which this process was itself too
busy to look at the reply.
"""

import asyncio
import contextlib
import logging
import secrets
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Literal, NamedTuple, TypeVar

from aiclient2api import tasks
from aiclient2api.state.shared.line import Away, Command, Dialer, Line, Refused, Reply, Word
from aiclient2api.state.shared.scripts import HELLO, SCRIPTS, Script

T = TypeVar("T")
_log = logging.getLogger(__name__)

PREFIX = "aiclient2api:"
DEADLINE = 0.25
OPENING = 2.0
"""Seconds for a connection with its handshakes. No request waits for it, but for the first."""
FIRST_PATIENCE = 1.0
PAUSE = 1.0
FIRST_PAUSE = 0.1
LOOK_AGAIN = 30.0
EPOCH_SECONDS = 7 * 86_400
MAX_BATCH = 128
MAX_BATCH_BYTES = 256 * 1024
MAX_WAITING = 10_000
MAX_WAITING_BYTES = 32 * 1024 * 1024


class _Asked(NamedTuple):
    command: Command
    size: int
    reply: "asyncio.Future[Reply]"


class Link:
    """Belongs to the running loop, from its first use to `close`. `unanswered` counts the commands that got Away,
    `outages` how often the way was lost. `when_up` is told whether the data are others than before: Redis was emptied,
    or started without what it had."""

    def __init__(self, dialer: Dialer) -> None:
        self._dialer = dialer
        self._state: Literal["new", "up", "lost", "closed"] = "new"
        self._waiting: deque[_Asked] = deque()
        self._bytes = 0
        self._line: Line | None = None
        self._epoch = ""
        self._why = "it has not been asked yet"
        self._first: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._wake = asyncio.Event()
        self._lost = asyncio.Event()
        self.when_up: list[Callable[[bool], None]] = []
        self.unanswered = self.outages = 0

    # --- what others use

    @property
    def up(self) -> bool:
        return self._state == "up"

    def send(self, *command: Word) -> "asyncio.Future[Reply]":
        """The reply to come. Raises Away at once if there is no way now; nobody need wait for the reply."""
        size = sum(len(word) for word in command if not isinstance(word, int))
        if self._state != "up":
            self.unanswered += 1
            raise Away(self._why)
        if len(self._waiting) >= MAX_WAITING or self._bytes + size > MAX_WAITING_BYTES:
            self.unanswered += 1
            raise Away("too much is waiting for it")
        reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        reply.add_done_callback(_seen)
        self._waiting.append(_Asked(command, size, reply))
        self._bytes += size
        self._wake.set()
        return reply

    async def ask(self, *command: Word) -> Reply:
        """Raises Away. The first one waits for the connection."""
        await self.ready()
        return await self.send(*command)

    async def run(self, script: Script, key: str, *arguments: Word) -> Reply:
        """Likewise for a script."""
        return await self.ask(*call(script, key, *arguments))

    async def ready(self) -> None:
        """Open the way, or begin to try, if that has not been done; waits a moment at most."""
        if self._state != "new":
            return
        if self._first is None:
            self._first = tasks.spawn(self._look(), "Redis, first look")
        await asyncio.wait({self._first}, timeout=FIRST_PATIENCE)
        if self._state == "new" and not self._first.done():
            self._fail(Away("no answer in time"))

    async def close(self) -> None:
        """What was sent is still written, if that is quick."""
        if self._state == "up" and self._waiting:
            await asyncio.wait({each.reply for each in self._waiting}, timeout=DEADLINE)
        self._state = "closed"
        await tasks.stop(self._first, *self._tasks)
        self._refuse_all(Away("the gateway is shutting down"))
        if self._line is not None:
            await self._line.close()

    # --- the state

    async def _look(self) -> None:
        """Try to open a connection; with it the way is open."""
        line = self._dialer.dial()
        load: list[Command] = [("SCRIPT", "LOAD", script.text) for script in SCRIPTS]
        try:
            *_, epoch = await within(line.ask([*load, self._hello()]), OPENING)
        except Away as error:
            await line.close()
            self._fail(error)
            return
        except BaseException:
            await line.close()
            raise
        if self._line is not None or self._state == "closed":  # another look was quicker
            await line.close()
            return
        before, self._line = self._state, line
        self._state = "up"
        self._lost.clear()
        self._begin()
        if before == "lost":
            _log.info("Redis at %s is back: state is shared again", self._dialer.where)
        self._tell_up(epoch)

    def _tell_up(self, epoch: Reply) -> None:
        known, self._epoch = self._epoch, str(epoch)
        for call in self.when_up:
            call(known not in ("", self._epoch))

    def _hello(self) -> Command:
        return call(HELLO, f"{PREFIX}epoch", secrets.token_hex(8), EPOCH_SECONDS)

    def _begin(self) -> None:
        if not self._tasks:
            self._tasks = [tasks.spawn(self._pump(), "Redis"), tasks.spawn(self._watch(), "Redis, watch")]

    def _fail(self, error: Away) -> None:
        """The way is lost, whoever finds out first."""
        self._why = str(error)
        if self._state in ("new", "up"):
            words = "Redis at %s cannot be used (%s): this gateway goes by its own state until it can"
            _log.warning(words, self._dialer.where, error)
            self._state = "lost"
            self.outages += 1
            self._begin()
        self._lost.set()
        self._refuse_all(error)

    def _refuse_all(self, error: Away) -> None:
        waiting, self._waiting, self._bytes = self._waiting, deque(), 0
        self.unanswered += len(waiting)
        for each in waiting:
            if not each.reply.done():
                each.reply.set_exception(Away(*error.args))

    async def _watch(self) -> None:
        """Reopens what was lost; while all is well, looks now and then whether the data are still the same."""
        while True:
            try:
                async with asyncio.timeout(LOOK_AGAIN):
                    await self._lost.wait()
            except TimeoutError:
                with contextlib.suppress(Away):
                    await self.check()
                continue
            pause = FIRST_PAUSE  # it may only have been restarted, or slow for a moment
            while self._state == "lost":
                await asyncio.sleep(pause)
                pause = PAUSE
                await self._look()

    async def check(self) -> None:
        """Look whether it is there, with the same data. Raises Away."""
        epoch = await self.send(*self._hello())
        if str(epoch) != self._epoch:
            self._tell_up(epoch)

    # --- the pump

    async def _pump(self) -> None:
        try:
            await self._pump_batches()
        finally:  # nobody must wait for a pump that has ended
            self._state = "closed"
            self._refuse_all(Away("it is not asked any more"))

    async def _pump_batches(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting and self._line is not None:
                if await self._line.ended():
                    await self._reopen()
                    continue
                batch = self._take()
                try:
                    replies = await within(self._line.ask([each.command for each in batch]), DEADLINE)
                except Away as error:
                    line, self._line = self._line, None
                    self._waiting.extendleft(reversed(batch))
                    self._fail(error)
                    await line.close()
                    break
                _answer(batch, replies)

    async def _reopen(self) -> None:
        """Another connection for one that has ended between two commands. What brings Redis up to date goes first."""
        old, self._line = self._line, None
        if old is not None:
            await old.close()
        held, self._waiting = self._waiting, deque()
        try:
            await within(self._look(), DEADLINE)
        except Away as error:
            self._fail(error)
        self._waiting.extend(held)
        if self._line is None:
            self._refuse_all(Away(self._why))

    def _take(self) -> list[_Asked]:
        """The oldest that wait, not too many at once."""
        batch: list[_Asked] = []
        size = 0
        while self._waiting and len(batch) < MAX_BATCH and size < MAX_BATCH_BYTES:
            batch.append(self._waiting.popleft())
            size += batch[-1].size
        self._bytes -= size
        return batch


def call(script: Script, key: str, *arguments: Word) -> Command:
    """The command that runs a script, which every connection has loaded."""
    return ("EVALSHA", script.sha, 1, key, *arguments)


async def within(work: Coroutine[object, object, T], seconds: float) -> T:
    """The result of `work`, or Away after `seconds` in which this process was free to see it."""
    task = tasks.spawn(work, "Redis, commands")
    clock = asyncio.get_running_loop().time
    try:
        for _ in range(3):
            began = clock()
            await asyncio.wait({task}, timeout=seconds)
            if task.done():
                return task.result()
            if clock() - began < 1.5 * seconds:
                break
        raise Away(f"no answer within {seconds * 1000:.0f} ms")
    finally:
        await tasks.stop(task)


def _answer(batch: Sequence[_Asked], replies: Sequence[Reply]) -> None:
    for asked, reply in zip(batch, replies, strict=True):
        if not asked.reply.done():  # who asked may have left
            asked.reply.set_result(None if isinstance(reply, Refused) else reply)


def _seen(reply: "asyncio.Future[Reply]") -> None:
    """Nobody need look at a failure."""
    if not reply.cancelled():
        reply.exception()
