"""`simulate`: the upstreams alone, with a login file that they accept and scripted faults."""

import json
import re
import stat
import sys
from pathlib import Path

import pytest

from tests.e2e.process import command, serving, work_folder
from tests.gateway.client import ask

pytestmark = pytest.mark.e2e


async def test_a_login_for_a_gateway(tmp_path: Path) -> None:
    """What it prints is all that a gateway needs to be pointed at it."""
    login = tmp_path / "login.json"
    async with serving(tmp_path, "simulate", "--port", "0", "--pace", "0", "--kiro-login", str(login)) as simulator:
        if sys.platform != "win32":
            assert stat.S_IMODE(login.stat().st_mode) == 0o600
        settings = dict(re.findall(r"((?:KIRO|CLAUDE|OPENAI)_\w+)=(\S+)", simulator.stderr))
        assert settings["KIRO_OAUTH_CREDS_FILE_PATH"] == str(login)
        settings |= {"CLAUDE_API_KEY": "any-key", "OPENAI_API_KEY": "any-key"}
        for provider in ("claude-kiro-oauth", "claude-custom", "openai-custom"):
            name = "gpt-5.1" if provider == "openai-custom" else "claude-sonnet-4-5"
            ended = await command(tmp_path, "chat", "who are you", "--model", f"{provider}:{name}", **settings)
            assert ended.code == 0, ended.stderr
            assert "[simulated]" in ended.stdout


async def test_scripted_faults(tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    step = {"path": "/v1/messages", "times": 1, "status": 429, "retry_after": "7", "body": {"scripted": True}}
    script.write_text(json.dumps([step]), "utf-8")
    async with serving(tmp_path, "simulate", "--port", "0", "--script", str(script)) as simulator:
        headers = {"x-api-key": "k", "anthropic-version": "2023-06-01"}
        body = {"model": "claude-sonnet-5", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
        first = await ask(simulator.base, "POST", "/v1/messages", headers, body)
        assert (first.status, first.headers["retry-after"], first.json) == (429, "7", {"scripted": True})
        assert (await ask(simulator.base, "POST", "/v1/messages", headers, body)).status == 200


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{}", "not a list of steps"),
        ('[{"delay": "long"}]', "delay"),
        ('[{"no_such": 1}]', "no_such"),
        (None, "cannot be read"),
    ],
)
async def test_a_broken_script(tmp_path: Path, text: str | None, words: str) -> None:
    script = work_folder(tmp_path) / "script.json"
    if text is not None:
        script.write_text(text, "utf-8")
    ended = await command(tmp_path, "simulate", "--port", "0", "--script", str(script))
    assert ended.code == 2
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr
