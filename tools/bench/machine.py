"""The machine, and what else it did meanwhile."""

import math
import os
import platform
import resource
import time
from collections.abc import Iterable
from pathlib import Path

from tools.bench.processes import busy_seconds, cpu_seconds


def described() -> str:
    """Processor, cores, kernel, Python."""
    cores = os.cpu_count() or 1
    return (
        f"{_processor()}, {cores} cores, {platform.system()} {platform.release()}, Python {platform.python_version()}"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


class OtherWork:
    """How many cores were busy with what is none of ours, from the start to `cores()`."""

    def __init__(self) -> None:
        self._from = time.monotonic()
        self._busy = busy_seconds()
        self._ours = _own_seconds()

    def cores(self, living: Iterable[int]) -> float:
        """`living` are our processes that have not ended, started after this object was made. NaN if unknown."""
        ours = _own_seconds() - self._ours + sum(cpu_seconds(pid) for pid in living)
        others = busy_seconds() - self._busy - ours
        return max(others / (time.monotonic() - self._from), 0.0) if not math.isnan(others) else math.nan


def _own_seconds() -> float:
    """CPU time of this process and of its children that have ended."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)
