"""Processes under measurement: where they run, what CPU time and memory they used (Linux's /proc; elsewhere NaN)."""

import contextlib
import math
import os
import resource
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

STOP_SECONDS = 5.0
RSS_SECONDS = 0.1
SETTLE_SECONDS, SETTLED = 0.05, 0.2
"""A process has settled if it used at most this share of a core for so long."""
OPEN_FILES = 16_384


class Cores(NamedTuple):
    """Who runs where: the measured process alone on one core, load and upstream on others. None: anywhere."""

    measured: frozenset[int] | None = None
    upstream: frozenset[int] | None = None
    load: frozenset[int] | None = None

    def __str__(self) -> str:
        if self.measured is None:
            return "nothing is pinned to a core"
        named = {"gateway, nginx": self.measured, "upstream": self.upstream, "load": self.load}
        return ", ".join(f"{who} on core {min(cores)}" for who, cores in named.items() if cores)


def share_cores() -> Cores:
    """With one core, or where a process cannot be pinned, nothing is."""
    if not hasattr(os, "sched_setaffinity"):
        return Cores()
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        return Cores()
    last = cores[2] if len(cores) > 2 else cores[1]
    return Cores(frozenset({cores[0]}), frozenset({last}), frozenset({cores[1]}))


def allow_open_files() -> None:
    """A thousand streams are two thousand sockets of the gateway."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def prioritise(nice: int) -> None:
    """The niceness of this process and of all that it starts; negative ones need privileges. Raises OSError.

    With sched_autogroup a process's niceness counts within its session only, and the session has one of its own.
    """
    os.setpriority(os.PRIO_PROCESS, 0, nice)
    group = Path("/proc/self/autogroup")
    if group.exists():
        group.write_text(str(nice))


def start(
    command: Sequence[str],
    cores: frozenset[int] | None,
    folder: Path,
    environ: Mapping[str, str] | None = None,
    log: str = "",
    heard: bool = True,
) -> subprocess.Popen[str]:
    """A process with its standard output as a pipe and its error output in the file `log` of `folder`; both go there if
    its output is not `heard`, since a pipe that nobody reads fills up."""
    with _on(cores), (folder / log if log else Path(os.devnull)).open("ab") as errors:
        output = subprocess.PIPE if heard else errors
        return subprocess.Popen(
            command, cwd=folder, env=environ, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, text=True
        )


@contextlib.contextmanager
def _on(cores: frozenset[int] | None) -> Iterator[None]:
    """A child inherits its parent's cores from its first moment."""
    if cores is None:
        yield
        return
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, own)


def stop(process: "subprocess.Popen[str] | None") -> None:
    """Ask it to end, wait, and end it."""
    if process is None:
        return
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.stdout is not None:
        process.stdout.close()


def cpu_seconds(pid: int) -> float:
    """CPU time of the process's living threads, user and system."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return sum(_nanoseconds(task) for task in tasks) / 1e9
    except OSError:
        return math.nan


def _nanoseconds(task: Path) -> int:
    try:
        return int((task / "schedstat").read_text().split()[0])
    except FileNotFoundError:  # a kernel without it, or a thread that has ended
        fields = (task / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def settle(pid: int, patience: float) -> None:
    """Wait, so many seconds at most, until a process has nothing more to do: what it still does takes from the next."""
    until = time.monotonic() + patience
    before = cpu_seconds(pid)
    while time.monotonic() < until:
        time.sleep(SETTLE_SECONDS)
        after = cpu_seconds(pid)
        if settled(after - before, SETTLE_SECONDS):
            return
        before = after


def settled(used: float, seconds: float) -> bool:
    """By the CPU time that it used in so many seconds. NaN: nothing is known, so nothing is waited for."""
    return not used > SETTLED * seconds


def resident_mb(pid: int) -> float:
    """Resident memory, shared pages included."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return math.nan
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def busy_seconds() -> float:
    """CPU time that all cores together have spent on work since the machine started."""
    try:
        numbers = [int(each) for each in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    except OSError:
        return math.nan
    idle = numbers[3] + numbers[4]
    return (sum(numbers[:8]) - idle) / os.sysconf("SC_CLK_TCK")


class PeakMemory:
    """The largest resident memory that a process has had inside the `with` block, seen ten times a second."""

    def __init__(self, pid: int) -> None:
        self.megabytes = math.nan
        self._pid = pid
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "PeakMemory":
        self._look()
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(RSS_SECONDS):
            self._look()

    def _look(self) -> None:
        found = resident_mb(self._pid)
        if math.isnan(self.megabytes) or found > self.megabytes:
            self.megabytes = found
