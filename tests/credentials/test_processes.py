"""Real processes: two gateways on one login (P5), and processes killed while they refresh and write (P3)."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import pytest

from tests.credentials.loopback import SignIn, running
from tests.credentials.samples import read, social, write

ROOT = Path(__file__).parents[2]
ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT)))}
ROUNDS = 1000


async def start(module: str, *arguments: str) -> Process:
    command = (sys.executable, "-m", f"tests.credentials.{module}", *arguments)
    return await asyncio.create_subprocess_exec(*command, env=ENVIRONMENT, cwd=ROOT, stdin=PIPE, stdout=PIPE)


async def ask(process: Process) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"go\n")
    return (await asyncio.wait_for(process.stdout.readline(), 20)).decode().strip()


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_p5_two_processes_one_refresh_each_time(tmp_path: Path) -> None:
    """P5: 0 double refreshes in 1,000 rounds, and both processes have the same token after each."""
    write(tmp_path / "token.json", social(0))

    async def story() -> SignIn:
        async with running(SignIn()) as service:
            workers = [await start("two_workers", str(tmp_path), service.url) for _ in range(2)]
            for number in range(1, ROUNDS + 1):
                assert await asyncio.gather(*map(ask, workers)) == [f"AT-{number}"] * 2
            for worker in workers:
                await worker.communicate(b"")
                assert worker.returncode == 0
            return service

    assert len(asyncio.run(story()).bodies) == ROUNDS
    assert read(tmp_path / "token.json")["refreshToken"] == f"RT-{ROUNDS}"


@pytest.mark.slow
def test_killed_a_hundred_times(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("a", "b")]

    async def story() -> list[bytes]:
        killers = [await start("killed_writers", str(folder), "50") for folder in folders]
        return [(await asyncio.wait_for(killer.communicate(), 50))[0] for killer in killers]

    results = [line.decode().split() for line in asyncio.run(story())]
    assert [result[0] for result in results] == ["50", "50"]
    assert all(int(result[1]) > 10 for result in results)
