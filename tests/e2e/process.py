"""The command `aiclient2api` as a process of its own, in a home and a working folder that hold nothing else."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
COMMAND = (sys.executable, "-c", "from aiclient2api.cli import main; main()")
LISTENING = "listening on "


@dataclass
class Served:
    """A gateway that listens; `base` is its address."""

    process: Process
    base: str
    errors: Path

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def ended(self, seconds: float = 10.0) -> int:
        """Its exit code; fails if it does not end."""
        async with asyncio.timeout(seconds):
            return await self.process.wait()

    @property
    def stderr(self) -> str:
        return self.errors.read_text("utf-8")

    async def rest_of_stdout(self) -> str:
        """What came after the line that says where it listens; call it when the process has ended."""
        assert self.process.stdout is not None
        return (await self.process.stdout.read()).decode()


def environment(folder: Path, **settings: str) -> dict[str, str]:
    """Of the machine's own only what Python needs; home is `folder`."""
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "TEMP") if name in os.environ}
    return kept | {"HOME": str(folder), "USERPROFILE": str(folder), "PYTHONPATH": str(ROOT / "src")} | settings


def work_folder(folder: Path) -> Path:
    work = folder / "work"
    work.mkdir(exist_ok=True)
    return work


@asynccontextmanager
async def serving(folder: Path, *arguments: str, **settings: str) -> AsyncIterator[Served]:
    """`aiclient2api ARGUMENTS` when it has said that it listens; killed in the end if it still runs."""
    errors = folder / "stderr.txt"
    with errors.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *COMMAND,
            *arguments,
            cwd=work_folder(folder),
            env=environment(folder, **settings),
            stdout=PIPE,
            stderr=log,
        )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(20):
            line = (await process.stdout.readline()).decode()
        assert line.startswith(LISTENING), line + errors.read_text("utf-8")
        yield Served(process, line.removeprefix(LISTENING).strip(), errors)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@dataclass
class Ended:
    """A command that has ended."""

    code: int
    stdout: str
    stderr: str


async def command(folder: Path, *arguments: str, stdin: str = "", **settings: str) -> Ended:
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *arguments,
        cwd=work_folder(folder),
        env=environment(folder, **settings),
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
    )
    try:
        async with asyncio.timeout(20):
            out, errors = await process.communicate(stdin.encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return Ended(process.returncode, out.decode(), errors.decode())
