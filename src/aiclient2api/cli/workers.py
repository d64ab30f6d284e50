"""`serve --workers N`: N processes that share one port, and the parent that starts, watches and stops them.

The parent holds the port without listening on it, says what a single gateway says once all workers accept, starts a
worker again that died, and passes SIGTERM on. Each worker is a whole gateway. A socket pair connects the two, on the
worker's side as standard input: down goes the Job, up comes the banner when the worker accepts, then both carry what
workers ask each other (siblings.py); its end tells the worker that the parent is gone. Refuses systems without
SO_REUSEPORT.
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from asyncio.subprocess import Process
from collections import deque
from collections.abc import Coroutine, Iterator

import click
import msgspec

from aiclient2api import tasks
from aiclient2api.cli.options import WrongConfiguration, places, run, say
from aiclient2api.cli.serve import WORKER, address, banner, cannot_listen, settle, show_key
from aiclient2api.cli.siblings import MAX_LINE, Exchange, Line
from aiclient2api.gateway.assembly import Gateway, known_secrets
from aiclient2api.gateway.keys import OwnKey
from aiclient2api.http1 import listening
from aiclient2api.observe import log
from aiclient2api.settings.load import SettingsError
from aiclient2api.settings.schema import Settings

START_SECONDS = 60.0
RESTARTS = 5
"""A worker that dies more often than this within RESTART_SECONDS is given up, and the gateway with it."""
RESTART_SECONDS = 60.0
FIRST_PAUSE = 0.05
# After the streams: last words, the ledger's last entries, connections to upstreams.
AFTER_DRAIN_SECONDS = 15.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM)

_log = logging.getLogger(__name__)


class Job(msgspec.Struct, frozen=True):
    """What a worker needs to know. It does not read the settings by itself: a later one must not differ."""

    number: int
    port: int
    settings: Settings
    keys: tuple[str, ...]


# --- The parent.


async def supervise(settings: Settings, keys: tuple[str, ...], own: OwnKey | None) -> None:
    """Serve with `settings.workers` processes until told to stop. Raises ClickException or WrongConfiguration before
    the first starts, and Exit if one cannot be kept running."""
    held = await _hold_port(settings)
    told = _Told()
    crew = Crew(Job(0, held[0].getsockname()[1], settings, keys))
    stopping = tasks.spawn(told.once.wait(), "the signal to stop")
    try:
        await _serve(crew, stopping, own)
        if stopping.done():
            say("stopping: running answers may end, new requests are refused (press again to stop at once)")
        await drain(crew, told.twice)
    finally:
        await tasks.stop(stopping)
        await crew.end()
        for sock in held:
            sock.close()
    if told.twice.is_set():
        signal.signal(told.last, signal.SIG_DFL)
        os.kill(os.getpid(), told.last)
    if crew.code:
        raise click.exceptions.Exit(crew.code)


async def _hold_port(settings: Settings) -> list[socket.socket]:
    """Bound sockets that do not listen: the port stays ours while workers come and go, and connections go to them.

    With SO_REUSEPORT a port in use by another gateway of the same user would seem free, so it is first taken without.
    """
    if not hasattr(socket, "SO_REUSEPORT"):
        raise WrongConfiguration("This system cannot share a port between processes. Leave WORKERS (--workers) at 1.")
    held: list[socket.socket] = []
    try:
        taken = await listening.bind(settings.host, settings.server_port, reuse_port=False)
        names = [(sock.family, sock.getsockname()) for sock in taken]
        for sock in taken:
            sock.close()
        for family, name in names:
            held.append(socket.socket(family, socket.SOCK_STREAM))
            if family == socket.AF_INET6:
                held[-1].setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            held[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            held[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            held[-1].bind(name)
    except OSError as error:
        for sock in held:
            sock.close()
        raise cannot_listen(settings, error) from None
    return held


async def _serve(crew: "Crew", stopping: "asyncio.Task[bool]", own: OwnKey | None) -> None:
    """Returns when it is told to stop or a worker was given up."""
    full = tasks.spawn(crew.start(), "the workers' start")
    over = tasks.spawn(crew.given_up.wait(), "a worker that cannot be kept")
    try:
        await asyncio.wait((full, over, stopping), return_when=asyncio.FIRST_COMPLETED)
        if full.done() and not over.done():
            _announce(crew, own)
            await asyncio.wait((over, stopping), return_when=asyncio.FIRST_COMPLETED)
    finally:
        await tasks.stop(full, over)


def _announce(crew: "Crew", own: OwnKey | None) -> None:
    settings = crew.job.settings
    here = address(settings.host, crew.job.port)
    if own is not None:
        show_key(own, here)
    for line in crew.banner:
        say(line)
    say(_shared_by(settings))
    click.echo(f"listening on http://{here}")
    sys.stdout.flush()


def _shared_by(settings: Settings) -> str:
    """What the workers have in common, and what not."""
    begin = f"{settings.workers} workers share logins, client keys and the usage ledger"
    if settings.redis_url:
        return (
            f"{begin}, and through Redis limits of client keys, cool-downs, sessions of account pools and stored"
            " Responses (docs/workers.md)."
        )
    return (
        f"{begin}. Each counts by itself: limits of client keys, cool-downs and sessions of account pools, stored"
        " Responses. Set REDIS_URL to share these too (docs/workers.md)."
    )


async def drain(crew: "Crew", twice: asyncio.Event) -> None:
    """Let the workers end, each within its own TIMEOUT_DRAIN; at the second signal do not wait for them."""
    ended = tasks.spawn(crew.drain(), "the workers' end")
    at_once = tasks.spawn(twice.wait(), "the second signal")
    limit = crew.job.settings.timeout_drain / 1000 + AFTER_DRAIN_SECONDS
    try:
        await asyncio.wait((ended, at_once), timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        if not ended.done() and not at_once.done():
            _log.error("workers that did not stop within %.0f s are killed", limit)
            crew.code = 1
    finally:
        await tasks.stop(ended, at_once)


class _Told:
    """`once` is set at the first SIGINT or SIGTERM, `twice` at the second, which was `last`."""

    def __init__(self) -> None:
        self.once = asyncio.Event()
        self.twice = asyncio.Event()
        self.last = signal.SIGTERM
        for number in _SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, self._hear, number)

    def _hear(self, number: signal.Signals) -> None:
        self.last = number
        (self.twice if self.once.is_set() else self.once).set()


class Crew:
    """The workers. `code` is the exit code that they leave the parent with; `banner` is the first one's."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.banner: list[str] = []
        self.code = 0
        self.given_up = asyncio.Event()
        self._stopping = asyncio.Event()
        self._running: dict[int, Process] = {}
        self._ready = [asyncio.Event() for _ in range(job.settings.workers)]
        self._places: list[asyncio.Task[None]] = []
        self._exchange = Exchange(job.settings.workers)

    async def start(self) -> None:
        """Returns when all accept. One goes first: what is made at a first start is made once, and a fault that all
        would have is told once."""
        for number, ready in enumerate(self._ready, 1):
            self._places.append(tasks.spawn(self._fill(number), f"worker {number}"))
            if number == 1:
                await ready.wait()
        for ready in self._ready:
            await ready.wait()

    async def drain(self) -> None:
        """Tell all to stop; returns when they have."""
        self._stopping.set()
        for process in self._running.values():
            _send(process, signal.SIGTERM)
        await self._all_empty()

    async def end(self) -> None:
        """Kill those that still run."""
        self._stopping.set()
        for process in self._running.values():
            _send(process, signal.SIGKILL)
        await self._all_empty()

    async def _all_empty(self) -> None:
        if self._places:
            await asyncio.wait(self._places)

    async def _fill(self, number: int) -> None:
        """Keep a worker running in this place until all stop, or until it cannot be kept."""
        pauses = _pauses()
        while True:
            code = await self._live(number)
            if self._stopping.is_set():
                return
            pause = next(pauses) if self._ready[number - 1].is_set() else None
            if pause is None:
                self.code = code if code > 0 else 1
                _log.error("worker %d %s; giving up", number, _how(code))
                self.given_up.set()
                return
            _log.error("worker %d %s; it is started again", number, _how(code))
            try:
                async with asyncio.timeout(pause):
                    await self._stopping.wait()
                return
            except TimeoutError:
                pass

    async def _live(self, number: int) -> int:
        """One worker from start to end; its exit code."""
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_unix_connection(sock=ours, limit=MAX_LINE)
        try:
            with theirs:
                process = await asyncio.create_subprocess_exec(
                    *_command(), stdin=theirs.fileno(), env=os.environ | {WORKER: "1"}
                )
            self._running[number] = process
            _log.debug("worker %d starts as process %d", number, process.pid)
            if self._stopping.is_set():
                _send(process, signal.SIGTERM)
            writer.write(msgspec.json.encode(msgspec.structs.replace(self.job, number=number)) + b"\n")
            await self._welcome(number, reader, process)
            talk = tasks.spawn(self._exchange.serve(number, reader, writer), f"worker {number}, what it asks")
            try:
                return await process.wait()
            finally:
                await tasks.stop(talk)
        except OSError as error:
            _log.error("worker %d cannot be started: %s", number, error)
            return 1
        finally:
            self._running.pop(number, None)
            writer.close()

    async def _welcome(self, number: int, reader: asyncio.StreamReader, process: Process) -> None:
        """Until the worker accepts, or has ended, or has taken so long that it is killed."""
        try:
            async with asyncio.timeout(START_SECONDS):
                line = await reader.readline()
        except TimeoutError:
            _log.error("worker %d did not start within %.0f s", number, START_SECONDS)
            _send(process, signal.SIGKILL)
            return
        except OSError:  # it ended before it read its job
            return
        if line:
            self.banner = self.banner or msgspec.json.decode(line, type=list[str])
            _log.info("worker %d accepts requests, process %d", number, process.pid)
            self._ready[number - 1].set()


def _pauses() -> Iterator[float | None]:
    """Seconds to wait before each start after a worker's death; None when it died too often."""
    clock = asyncio.get_running_loop().time
    deaths: deque[float] = deque()
    while True:
        deaths.append(clock())
        while deaths[0] < deaths[-1] - RESTART_SECONDS:
            deaths.popleft()
        yield FIRST_PAUSE * 2 ** (len(deaths) - 1) if len(deaths) <= RESTARTS else None


def _send(process: Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):  # it has ended by itself, and nobody has looked yet
        process.send_signal(number)


def _how(code: int) -> str:
    return f"ended with exit code {code}" if code >= 0 else f"was ended by signal {-code}"


def _command() -> tuple[str, ...]:
    """Unless the parent itself was started by `python -m`, modules are not looked for in the working folder: whatever
    lies there must not run."""
    safe = ("-P",) if sys.modules["__main__"].__spec__ is None else ()
    return (sys.executable, *safe, "-m", "aiclient2api", "serve")


# --- The worker.


def work() -> None:
    """A worker's life. It stops at SIGTERM, at SIGINT, and when the parent is gone."""
    try:
        line = socket.socket(fileno=os.dup(0))
        with line.makefile("rb") as received:
            job = msgspec.json.decode(received.readline(), type=Job)
    except (OSError, msgspec.DecodeError):
        raise WrongConfiguration(f"{WORKER} is set, but this is no worker of a gateway. Unset it.") from None
    settings = job.settings
    logs = log.start(
        places(settings).here / settings.log_dir / f"worker-{job.number}",
        settings.log_level,
        settings.log_format,
        settings.log_max_file_size,
        settings.log_max_files,
        known_secrets(settings, job.keys),
    )
    try:
        run(lambda: _work(job, line))
    finally:
        logs.stop()


async def _work(job: Job, line: socket.socket) -> None:
    settings, told = job.settings, asyncio.Event()
    siblings = Line(job.number, settings.workers)
    for number in _SIGNALS:  # more than one may come: from the parent, and from a terminal or a service manager to all
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    try:
        gateway = Gateway(settings, places(settings), os.environ, job.keys, siblings=siblings)
    except SettingsError as error:
        raise WrongConfiguration(str(error)) from None
    try:
        await gateway.start(settings.host, job.port, reuse_port=True)
    except OSError as error:
        raise cannot_listen(settings, error) from None
    reader, writer = await asyncio.open_unix_connection(sock=line, limit=MAX_LINE)
    lines = await banner(gateway, settings)
    settle()
    writer.write(msgspec.json.encode(lines) + b"\n")
    talk = siblings.listen(reader, writer, gateway.measures.families)
    parent = tasks.spawn(_until_alone(talk, told), "the parent's end")
    await told.wait()
    await gateway.stop(settings.timeout_drain / 1000)
    await siblings.close()
    await tasks.stop(parent)
    writer.close()


async def _until_alone(talk: Coroutine[object, object, None], told: asyncio.Event) -> None:
    await talk
    if not told.is_set():
        _log.error("the parent process is gone; stopping")
        told.set()
