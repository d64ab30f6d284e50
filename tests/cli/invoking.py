"""Commands in this process, in a thread beside the test's services, with a home and a working folder of their own."""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from aiclient2api.settings.schema import KEYS
from tests.e2e.process import Ended

CODES_TOO = ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "BROWSER", "GEMINI_OAUTH_AUTH_URL")


@dataclass(frozen=True)
class Home:
    """A user's home, and how to run a command in it."""

    folder: Path
    command: click.Command

    @property
    def data(self) -> Path:
        return self.folder / "data"

    async def run(self, *arguments: str, stdin: str | bytes = "", **settings: str) -> Ended:
        """Settings are environment variables; those of the machine do not count."""
        cleared = dict.fromkeys((*KEYS, *CODES_TOO))
        env = {**cleared, "HOME": str(self.folder), "USERPROFILE": str(self.folder), "DATA_DIR": str(self.data)}
        runner = CliRunner(env={**env, **settings})
        result = await asyncio.to_thread(runner.invoke, self.command, arguments, input=stdin)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ended(result.exit_code, result.stdout, result.stderr)


def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: click.Command) -> Home:
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return Home(tmp_path, command)


def mode(path: Path) -> int:
    return os.stat(path).st_mode & 0o777
