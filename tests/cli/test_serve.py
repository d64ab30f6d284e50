"""`serve` in a home of its own (A2-A5, B2, D7): what it starts with, what it says, and what stops it."""

import asyncio
import base64
import json
import re
import stat
import sys
from pathlib import Path

import pytest

from aiclient2api.simulator import make_handler
from tests.cli.homes import app_login, cli_login, files_with, kiro_settings
from tests.e2e.process import Served, command, serving
from tests.gateway.answers import CHAT, FRONTS, MESSAGES, asks, error_of, read
from tests.gateway.client import Reply, ask
from tests.gateway.rig import KEY, simulated
from tests.gateway.rig import serving as listening

pytestmark = pytest.mark.e2e

START = ("serve", "--port", "0")


async def question(served: Served, key: str, route: str = CHAT, model: str = "claude-sonnet-4-5") -> Reply:
    return await ask(served.base, "POST", route, {"authorization": f"Bearer {key}"}, asks(route, model=model))


async def test_an_empty_home(tmp_path: Path) -> None:
    """A4, A5 and the contract's simulator rule: it starts, says that it is simulated, and makes a key."""
    async with serving(tmp_path, *START) as served:
        first = served.stderr
        assert "SIMULATED ANSWERS" in first
        (key,) = set(re.findall(r"\bsk-[\w-]{20,}", first))
        assert f"curl {served.base}/v1/chat/completions" in first
        assert (await ask(served.base, "GET", "/")).json["simulated"]
        health = (await ask(served.base, "GET", "/health")).json
        assert (health["status"], health["provider"]) == ("healthy", "simulator")
        assert health["version"]
        answer = await question(served, key)
        assert read(CHAT, answer).text.startswith("[simulated]")
        assert answer.headers["x-aiclient-provider"] == "simulator"
        assert (await question(served, key + "x")).status == 401
    (kept,) = (path for path in files_with(tmp_path, key) if path.name != "stderr.txt")
    if sys.platform != "win32":
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    async with serving(tmp_path, *START) as served:
        assert key not in served.stderr
        assert str(kept) in served.stderr
        assert (await question(served, key)).status == 200


@pytest.mark.parametrize("place", ["app", "cli", "key"])
async def test_a_kiro_login_is_found_by_itself(tmp_path: Path, place: str) -> None:
    """A2: the app's token file, the CLI's store, the environment."""
    simulation = simulated()
    settings: dict[str, str] = {}
    if place == "app":
        app_login(tmp_path, simulation)
    elif place == "cli":
        cli_login(tmp_path, simulation)
    else:
        settings["KIRO_API_KEY"] = simulation.api_key()
    async with (
        listening(make_handler(simulation)) as upstream,
        serving(tmp_path, *START, REQUIRED_API_KEY=KEY, **kiro_settings(upstream), **settings) as served,
    ):
        assert "SIMULATED" not in served.stderr
        assert "claude-kiro-oauth" in served.stderr
        assert (await ask(served.base, "GET", "/health")).json["provider"] == "claude-kiro-oauth"
        answer = await question(served, KEY)
        assert read(CHAT, answer).text
        assert answer.headers["x-aiclient-provider"] == "claude-kiro-oauth"
    assert simulation.counts["GenerateAssistantResponse"] == 1


async def test_base64_wins_over_files(tmp_path: Path) -> None:
    """B2."""
    simulation = simulated()
    text = base64.b64encode(json.dumps(simulation.credential()).encode()).decode()
    settings = {"KIRO_OAUTH_CREDS_BASE64": text, "KIRO_OAUTH_CREDS_FILE_PATH": str(tmp_path / "nowhere.json")}
    async with (
        listening(make_handler(simulation)) as upstream,
        serving(tmp_path, *START, REQUIRED_API_KEY=KEY, **kiro_settings(upstream), **settings) as served,
    ):
        assert "not found" not in served.stderr
        assert read(CHAT, await question(served, KEY)).text


async def test_a_found_login_that_is_broken_gives_503_never_a_simulated_answer(tmp_path: Path) -> None:
    path = app_login(tmp_path, simulated())
    path.write_text("{ this is no JSON", "utf-8")
    async with serving(tmp_path, *START, REQUIRED_API_KEY=KEY) as served:
        assert "[Kiro Auth]" in served.stderr
        for route in FRONTS:
            answer = await question(served, KEY, route)
            assert answer.status == 503
            assert str(path) in error_of(route, answer)["message"]
        assert (await ask(served.base, "GET", "/readyz")).status == 503
        assert (await ask(served.base, "GET", "/livez")).status == 200


async def test_the_messages_of_missing_credentials(tmp_path: Path) -> None:
    """B2, word for word: at start, and in the 503; the server stays up."""
    missing = tmp_path / "nowhere" / "token.json"
    folder = tmp_path / "no-folder"
    for setting, path, words in (
        ("KIRO_OAUTH_CREDS_FILE_PATH", missing, f"[Kiro Auth] Credential file not found: {missing}"),
        ("KIRO_OAUTH_CREDS_DIR_PATH", folder, "[Kiro Auth] Could not read credential directory"),
    ):
        async with serving(tmp_path, *START, REQUIRED_API_KEY=KEY, **{setting: str(path)}) as served:
            assert words in served.stderr
            for route in FRONTS:
                answer = await question(served, KEY, route)
                assert answer.status == 503
                assert words in error_of(route, answer)["message"]
            assert (await ask(served.base, "GET", "/health")).status == 200


async def test_the_guides_minimal_config(tmp_path: Path) -> None:
    """A3: its four keys."""
    simulation = simulated()
    app_login(tmp_path, simulation)
    (tmp_path / "work" / "configs").mkdir(parents=True)
    config = {
        "REQUIRED_API_KEY": "123456",
        "SERVER_PORT": 0,
        "HOST": "localhost",
        "MODEL_PROVIDER": "claude-kiro-oauth",
    }
    (tmp_path / "work" / "configs" / "config.json").write_text(json.dumps(config), "utf-8")
    async with (
        listening(make_handler(simulation)) as upstream,
        serving(tmp_path, **kiro_settings(upstream)) as served,
    ):
        assert "REQUIRED_API_KEY is weak" in served.stderr  # A4: on loopback a warning
        assert read(MESSAGES, await question(served, "123456", MESSAGES)).text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{\n  "SERVER_PORT": 3000,\n  "HOST" "localhost"\n}', ["config.json", "line 3", "not valid JSON"]),
        ('{\n  "HOST": "localhost",\n  "SERVER_PORT": "many"\n}', ["config.json", "line 3", "SERVER_PORT"]),
        ('{\n  "SYSTEM_PROMPT_MODE": "prepend"\n}', ["line 2", "SYSTEM_PROMPT_MODE", "prepend"]),
        ('{"MODEL_PROVIDER": "no-such-provider"}', ["MODEL_PROVIDER", "no-such-provider", "claude-kiro-oauth"]),
        ('{"REQUIRED_API_KEY": 12345678901234567890}', ["REQUIRED_API_KEY", "line 1"]),
        ("[]", ["config.json", "one JSON object"]),
        ("", ["config.json", "line 1"]),
    ],
)
async def test_a_broken_file_stops_the_start(tmp_path: Path, text: str, words: list[str]) -> None:
    """A3: with line and key, exit code 2, never defaults in silence."""
    file = tmp_path / "config.json"
    file.write_text(text, "utf-8")
    ended = await command(tmp_path, "serve", "--port", "0", "--config", str(file))
    assert ended.code == 2
    assert ended.stdout == ""
    assert all(word in ended.stderr for word in words), ended.stderr
    assert "12345678901234567890" not in ended.stderr
    assert "Traceback" not in ended.stderr


async def test_what_else_stops_the_start(tmp_path: Path) -> None:
    async def check(arguments: tuple[str, ...], settings: dict[str, str], code: int, words: str) -> None:
        ended = await command(tmp_path, *arguments, **settings)
        assert ended.code == code, (arguments, ended)
        assert words in ended.stderr
        assert "Traceback" not in ended.stderr

    rows: list[tuple[tuple[str, ...], dict[str, str], int, str]] = [
        (("serve", "--config", "nowhere.json"), {}, 2, "nowhere.json"),
        (("serve", "--port", "many"), {}, 2, "--port"),
        (("serve", "--no-such-flag"), {}, 2, "--no-such-flag"),
        (("serve", "--api-key", "123456", "--host", "0.0.0.0", "--port", "0"), {}, 2, "weak"),
        (("serve", "--host", "0.0.0.0"), {"REQUIRED_API_KEY": "only-15-letters"}, 2, "weak"),
        (("serve",), {"SERVER_PORT": "-5"}, 2, "SERVER_PORT"),
        (("serve", "--host", "host.invalid", "--port", "0"), {}, 1, "Cannot listen"),
        (("nothing-of-the-kind",), {}, 2, "nothing-of-the-kind"),
    ]
    await asyncio.gather(*(check(*row) for row in rows))


def listed(pid: int) -> list[list[str]]:
    """The arguments of a process and of its children, as others see them."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text("utf-8").split()
    return [Path(f"/proc/{each}/cmdline").read_text("utf-8").split("\0") for each in (pid, *children)]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc is Linux")
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("flag", [("--api-key", KEY), (f"--api-key={KEY}",)])
async def test_s1_a_key_on_the_command_line_is_not_in_the_list_of_processes(
    tmp_path: Path, flag: tuple[str, ...], workers: int
) -> None:
    """S1: it goes on working, and who gives it so is told once of the better ways."""
    async with serving(tmp_path, *START, *flag, "--workers", str(workers)) as served:
        shown = listed(served.process.pid)
        assert len(shown) == (1 + workers if workers > 1 else 1)
        assert all("serve" in arguments for arguments in shown)
        assert not any(KEY in argument for arguments in shown for argument in arguments)
        assert sum("x" * len(KEY) in argument for argument in shown[0]) == 1
        models = await ask(served.base, "GET", "/v1/models", {"authorization": f"Bearer {KEY}"})
        assert models.status == 200
        assert served.stderr.count("can read --api-key in the list of processes for a moment") == 1
        assert "Set REQUIRED_API_KEY" in served.stderr
        assert KEY not in served.stderr


async def test_a_port_that_is_taken(tmp_path: Path) -> None:
    async with serving(tmp_path, *START, REQUIRED_API_KEY=KEY) as served:
        port = served.base.rpartition(":")[2]
        ended = await command(tmp_path, "serve", "--port", port, REQUIRED_API_KEY=KEY)
        assert ended.code == 1
        assert port in ended.stderr
        assert "--port" in ended.stderr


async def test_unknown_settings_are_warned_about(tmp_path: Path) -> None:
    """A3: with the nearest known name."""
    config = {"SERVER_PROT": 3000, "required_api_key": "x", "nothing like it": 1, "REQUIRED_API_KEY": KEY}
    (tmp_path / "config.json").write_text(json.dumps(config), "utf-8")
    async with serving(tmp_path, *START, "--config", str(tmp_path / "config.json")) as served:
        assert "SERVER_PROT" in served.stderr
        assert "Did you mean SERVER_PORT?" in served.stderr
        assert "Did you mean REQUIRED_API_KEY?" in served.stderr
        assert "nothing like it" in served.stderr
