"""What the system says about this process, under the names that every Prometheus dashboard knows.

Enters: nothing. Leaves: families; where the system has no /proc (all but Linux) only those that need none.
"""

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from aiclient2api.observe.exposition import Family
from aiclient2api.observe.metrics import counter, gauge

_PROC = Path("/proc")


def families(proc: Path = _PROC) -> list[Family]:
    """`proc` is where Linux tells about processes."""
    found = [counter("process_cpu_seconds", "CPU time of this process.", (), time.process_time())]
    with contextlib.suppress(OSError, ValueError, IndexError):
        found += _of_linux(proc)
    return found + list(_limits())


def _of_linux(proc: Path) -> Iterator[Family]:
    own = proc / "self"
    size, resident, *_ = (own / "statm").read_text("ascii").split()
    page = os.sysconf("SC_PAGE_SIZE")
    yield gauge("process_resident_memory_bytes", "Memory that this process holds.", (), int(resident) * page)
    yield gauge("process_virtual_memory_bytes", "Addresses that this process has taken.", (), int(size) * page)
    yield gauge("process_open_fds", "Open descriptors: connections, files.", (), len(os.listdir(own / "fd")))
    fields = (own / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()  # the name may have spaces
    system = (proc / "stat").read_text("ascii").split()
    began = int(system[system.index("btime") + 1]) + int(fields[19]) / os.sysconf("SC_CLK_TCK")
    yield gauge("process_start_time_seconds", "When this process was started, in epoch seconds.", (), began)


def _limits() -> Iterator[Family]:
    if sys.platform == "win32":
        return
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY:
        yield gauge("process_max_fds", "How many descriptors this process may have open.", (), soft)
