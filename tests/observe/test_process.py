"""What the system says about this process (E2)."""

import os
import sys
import time
from pathlib import Path

import pytest

from aiclient2api.observe import process
from aiclient2api.observe.exposition import Family

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")


def numbers(found: list[Family]) -> dict[str, float]:
    out = {}
    for family in found:
        ((labels, number),) = family.samples
        assert labels == ()
        assert isinstance(number, int | float)
        out[family.name] = number
    return out


@LINUX
def test_linux_tells_all() -> None:
    found = numbers(process.families())
    assert 1e6 < found["process_resident_memory_bytes"] < found["process_virtual_memory_bytes"]
    assert found["process_open_fds"] == pytest.approx(len(os.listdir("/proc/self/fd")), abs=2)
    assert found["process_open_fds"] < found["process_max_fds"]
    assert time.time() - 3600 * 24 < found["process_start_time_seconds"] <= time.time() + 1
    assert found["process_cpu_seconds"] == pytest.approx(time.process_time(), abs=1)


def test_without_proc_there_is_what_needs_none(tmp_path: Path) -> None:
    assert set(numbers(process.families(tmp_path))) <= {"process_cpu_seconds", "process_max_fds"}
    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "statm").write_text("nonsense", "ascii")
    assert "process_cpu_seconds" in numbers(process.families(tmp_path))
