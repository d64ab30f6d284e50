"""What a gateway's own process uses: size and its peak, descriptors, CPU. Zeros where the system does not tell."""

import contextlib
import os
import sys
from collections import Counter
from pathlib import Path

LINUX = sys.platform.startswith("linux")


def size_and_peak(process: int) -> tuple[float, float]:
    """Resident MiB now, and the most since the peak was last forgotten."""
    if not LINUX:
        return 0.0, 0.0
    lines = Path(f"/proc/{process}/status").read_text("utf-8").splitlines()
    found = {name: value for name, _, value in (line.partition(":") for line in lines)}
    return _mib(found["VmRSS"]), _mib(found["VmHWM"])


def _mib(value: str) -> float:
    return int(value.split()[0]) / 1024


def forget_peak(process: int) -> None:
    if LINUX:
        Path(f"/proc/{process}/clear_refs").write_text("5", "utf-8")


def descriptors(process: int | str = "self") -> int:
    """How many are open."""
    folder = f"/proc/{process}/fd"
    return len(os.listdir(folder)) if os.path.isdir(folder) else 0


def opened(process: int) -> Counter[str]:
    """What they are: "socket", "pipe", or a file's path."""
    found: Counter[str] = Counter()
    folder = f"/proc/{process}/fd"
    for name in os.listdir(folder) if os.path.isdir(folder) else ():
        with contextlib.suppress(OSError):
            found[os.readlink(f"{folder}/{name}").partition(":")[0].removesuffix(" (deleted)")] += 1
    return found


def cpu_seconds(process: int) -> float:
    if not LINUX:
        return 0.0
    status = Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(status[11]) + int(status[12])) / os.sysconf("SC_CLK_TCK")
