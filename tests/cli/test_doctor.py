"""`doctor` (A7): what is wrong, in plain words with the next step; exit code 1 if the gateway cannot serve."""

import asyncio
import json
import re
import socket
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from aiclient2api.simulator import Step, make_handler
from tests.cli.homes import app_login, kiro_settings, names_in, upstream_settings
from tests.e2e.process import Ended, command, work_folder
from tests.gateway.rig import SECRETS, serving, simulated
from tests.redis_server import RedisServer

pytestmark = pytest.mark.e2e

KIRO = "claude-kiro-oauth"


class Finding(NamedTuple):
    about: str
    mark: str
    text: str


def findings(ended: Ended) -> list[Finding]:
    """What --json prints; its verdict and the exit code agree with the marks."""
    printed = json.loads(ended.stdout)
    found = [Finding(**each) for each in printed["findings"]]
    assert printed["healthy"] == (not any(each.mark == "problem" for each in found)) == (ended.code == 0)
    assert ended.code in (0, 1)
    return found


def problems(ended: Ended) -> list[Finding]:
    return [each for each in findings(ended) if each.mark == "problem"]


async def doctor(folder: Path, *arguments: str, **settings: str) -> Ended:
    settings.setdefault("SERVER_PORT", "0")
    return await command(folder, "doctor", "--json", *arguments, **settings)


async def test_nothing_configured(tmp_path: Path) -> None:
    ended = await doctor(tmp_path)
    assert ended.code == 0
    assert any(each.about == "providers" and "simulated" in each.text for each in findings(ended))
    assert names_in(tmp_path) <= {"work"}  # it changes nothing


async def test_all_is_well(tmp_path: Path) -> None:
    simulation = simulated()
    app_login(tmp_path, simulation)
    async with serving(make_handler(simulation)) as base:
        settings = upstream_settings(base) | SECRETS
        found = findings(await doctor(tmp_path, **settings))
        plain = await command(tmp_path, "doctor", SERVER_PORT="0", **settings)
    assert not [each for each in found if each.mark == "problem"]
    for name in (KIRO, "claude-custom", "openai-custom"):
        assert any(each.about == name and re.search(r"lists \d+ models", each.text) for each in found), name
    assert plain.code == 0
    assert "Nothing stands in the way." in plain.stdout
    assert len(plain.stdout.splitlines()) == len(found) + 1


@pytest.mark.parametrize(
    ("settings", "about", "words"),
    [
        ({"KIRO_OAUTH_CREDS_FILE_PATH": "/no/such/file"}, KIRO, "Credential file not found: /no/such/file"),
        ({"KIRO_OAUTH_CREDS_DIR_PATH": "/no/such/folder"}, KIRO, "Could not read credential directory"),
        ({"KIRO_OAUTH_CREDS_BASE64": "bm90IEpTT04="}, KIRO, "KIRO_OAUTH_CREDS_BASE64"),
        ({"MODEL_PROVIDER": KIRO}, KIRO, "No Kiro login found"),
        ({"MODEL_PROVIDER": "claude-custom"}, "claude-custom", "CLAUDE_API_KEY is not set"),
        ({"MODEL_PROVIDER": "openai-custom"}, "openai-custom", "OPENAI_API_KEY is not set"),
        ({"CLAUDE_API_KEY": "k", "CLAUDE_BASE_URL": "http://127.0.0.1:1"}, "claude-custom", "could not be reached"),
        ({"REQUIRED_API_KEY": "123456", "HOST": "0.0.0.0"}, "API key", "too weak"),
        ({"SYSTEM_PROMPT_FILE_PATH": "/no/such/prompt"}, "SYSTEM_PROMPT_FILE_PATH", "cannot be read"),
        ({"DATA_DIR": "/dev/null/folder"}, "data folder", "cannot be written"),
        ({"HOST": "host.invalid"}, "port", "cannot be used"),
    ],
)
async def test_problems(tmp_path: Path, settings: dict[str, str], about: str, words: str) -> None:
    ended = await doctor(tmp_path, **settings)
    found = problems(ended)
    assert ended.code == 1
    assert any(each.about == about and words in each.text for each in found), found


async def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        (found,) = problems(await doctor(tmp_path, HOST="127.0.0.1", SERVER_PORT=port))
    assert found.about == "port"
    assert port in found.text
    assert "--port" in found.text


async def test_logins_that_the_service_refuses(tmp_path: Path) -> None:
    """Unreadable, expired beyond refresh, refused, and a service that is down: each has its own words."""
    simulation = simulated()
    path = app_login(tmp_path, simulation, expiresAt="2020-01-01T00:00:00.000Z", refreshToken="never-issued-by-anyone")
    async with serving(make_handler(simulation)) as base:
        (dead,) = problems(await doctor(tmp_path, **kiro_settings(base)))
        assert "Log in again" in dead.text
        assert "never-issued" not in dead.text
        path.write_text('{"accessToken": ', "utf-8")
        (broken,) = problems(await doctor(tmp_path, **kiro_settings(base)))
        assert str(path) in broken.text
        path.write_text(json.dumps(simulation.credential()), "utf-8")
        down = simulated(Step(target="*.ListAvailableModels", times=None, status=500, body=msgspec.Raw(b'"down"')))
    async with serving(make_handler(down)) as base:
        path.write_text(json.dumps(down.credential()), "utf-8")
        (found,) = problems(await doctor(tmp_path, **kiro_settings(base)))
        assert "down" in found.text
    (gone,) = problems(await doctor(tmp_path, **kiro_settings(base)))
    assert "could not be reached" in gone.text


async def test_an_expired_token_is_refreshed_and_said_so(tmp_path: Path) -> None:
    simulation = simulated()
    app_login(tmp_path, simulation, expiresAt="2020-01-01T00:00:00.000Z")
    async with serving(make_handler(simulation)) as base:
        ended = await doctor(tmp_path, **kiro_settings(base))
    assert ended.code == 0
    assert any("expired, will be refreshed" in each.text for each in findings(ended))
    assert simulation.counts["refresh"] == 1


async def test_a_wrong_clock(tmp_path: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = b'{"data": [], "models": []}'
        head = f"HTTP/1.1 200 OK\r\ndate: Fri, 01 Jan 2021 00:00:00 GMT\r\ncontent-length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        (found,) = problems(await doctor(tmp_path, CLAUDE_API_KEY="some-key", CLAUDE_BASE_URL=base))
    assert "clock" in found.text
    assert "set the time" in found.text


async def test_a_broken_config_file(tmp_path: Path) -> None:
    (work_folder(tmp_path) / "config.json").write_text("{", "utf-8")
    ended = await doctor(tmp_path)
    assert ended.code == 2
    assert "line 1" in ended.stderr


async def test_a_redis_that_is_not_there_is_no_outage(tmp_path: Path, redis_server: RedisServer) -> None:
    found = findings(await doctor(tmp_path, REDIS_URL=redis_server.url))
    assert Finding("REDIS_URL", "ok", "it answers") in found
    redis_server.stop()
    ended = await doctor(tmp_path, REDIS_URL=redis_server.url.replace("//", "//:canary-password@"))
    (about,) = [each for each in findings(ended) if each.about == "REDIS_URL"]
    assert (ended.code, about.mark) == (0, "warning")
    assert "goes by its own state" in about.text
    assert "canary" not in ended.stdout + ended.stderr
    wrong = await doctor(tmp_path, REDIS_URL="localhost:6379")
    assert (wrong.code, "REDIS_URL must begin with redis://" in wrong.stderr) == (2, True)
