"""A gateway that is killed at any moment loses at most the entries that were not yet written, and harms nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT)))}


@pytest.mark.slow
def test_killed_sixty_times(tmp_path: Path) -> None:
    command = (sys.executable, "-m", "tests.state.killed_ledgers", str(tmp_path), "60")
    ended = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=50)
    assert ended.returncode == 0, ended.stderr
    kills, entries = map(int, ended.stdout.split())
    assert kills == 60
    assert entries > 500
