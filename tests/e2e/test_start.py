"""Start and idle size (A8): measured, held against the bounds, and printed."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.e2e.process import serving
from tests.gateway.answers import CHAT, asks, read
from tests.gateway.client import ask
from tests.gateway.rig import KEY

pytestmark = pytest.mark.e2e

MOST_SECONDS = 1.0
MOST_MEGABYTES = 90.0


class Measured(NamedTuple):
    """`wall` seconds from the start of the process to the answer, `cpu` those it has used, `size` in MB."""

    wall: float
    cpu: float
    size: float


async def measure(folder: Path) -> Measured:
    began = time.perf_counter()
    async with serving(folder, "--port", "0", REQUIRED_API_KEY=KEY) as served:
        read(CHAT, await ask(served.base, "POST", CHAT, {"x-api-key": KEY}, asks(CHAT, "who are you")))
        wall = time.perf_counter() - began
        return Measured(wall, *used(served.process.pid))


def used(process: int) -> tuple[float, float]:
    """CPU seconds and resident MB; 0 where the system does not tell."""
    if not sys.platform.startswith("linux"):
        return 0.0, 0.0
    status = Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()
    ticks = int(status[11]) + int(status[12])
    return ticks / os.sysconf("SC_CLK_TCK"), int(status[21]) * os.sysconf("SC_PAGE_SIZE") / 1024 / 1024


async def test_start_to_the_first_served_request_and_idle_memory(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """The best of three. What the process itself uses is bounded strictly; the wall clock, which others on a busy
    machine stretch, by as much more as there are processes waiting for each core."""
    runs = [await measure(tmp_path) for _ in range(3)]
    best = min(runs)
    figures = f"start to first answer {best.wall:.2f} s ({best.cpu:.2f} s of CPU), idle {best.size:.0f} MB"
    record_property("start", figures)
    sys.stdout.write(figures + "\n")
    crowd = max(1.0, 2 * os.getloadavg()[0] / (os.cpu_count() or 1)) if hasattr(os, "getloadavg") else 1.0
    assert best.cpu < MOST_SECONDS
    assert best.wall < MOST_SECONDS * crowd
    assert best.size < MOST_MEGABYTES
