"""`login` (B6): the flows through the command line, what is kept, what is shown, and how it ends."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path

import msgspec
import pytest

from aiclient2api.cli import login
from aiclient2api.simulator import Simulation, Step, make_handler
from tests.cli.homes import names_in
from tests.cli.invoking import Home, home, mode
from tests.credentials.login.world import DENIED, PENDING, answers
from tests.credentials.samples import read
from tests.e2e.process import Ended, environment, work_folder
from tests.gateway.rig import serving, simulated
from tests.http1.proxies import Relay

CLIENT = {"GEMINI_OAUTH_CLIENT_ID": "our-client", "GEMINI_OAUTH_CLIENT_SECRET": "our-client-secret"}


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    async def soon(seconds: float) -> None:
        await asyncio.sleep(seconds / 100)

    monkeypatch.setattr(login, "_sleep", soon)
    return home(tmp_path, monkeypatch, login.command)


def service(base: str) -> dict[str, str]:
    return {"KIRO_REFRESH_IDC_URL": f"{base}/token", "KIRO_REFRESH_URL": f"{base}/refreshToken"}


def no_secret_in(ended: Ended, *documents: dict[str, object]) -> None:
    for document in documents:
        for name in ("accessToken", "refreshToken", "clientSecret", "clientId"):
            assert str(document.get(name, "absent")) not in ended.stdout + ended.stderr
    assert "simulated-" not in ended.stdout + ended.stderr


async def test_builder_id(at: Home) -> None:
    simulation = simulated()
    async with serving(make_handler(simulation)) as base:
        ended = await at.run("kiro", **service(base))
    assert ended.code == 0, ended
    path = at.data / "kiro-auth-token.json"
    document = read(path)
    assert document["authMethod"] == "IdC"
    assert document["provider"] == "BuilderId"
    assert simulation.holder(str(document["refreshToken"])) is not None
    assert ended.stdout == f"Logged in. The login is kept in {path} and refreshes itself.\n"
    assert f"{base}/device?user_code=" in ended.stderr
    assert "waiting" not in ended.stderr  # no progress in a pipe
    assert "\x1b" not in ended.stderr
    no_secret_in(ended, document)
    if sys.platform != "win32":
        assert {mode(each) for each in at.data.rglob("*") if each.is_file()} == {0o600}


async def test_identity_center_by_name_as_json(at: Home) -> None:
    simulation = simulated()
    async with serving(make_handler(simulation)) as base:
        flags = ("--start-url", "https://d-1.awsapps.com/start/#/", "--region", "eu-central-1", "--name", "work")
        ended = await at.run("kiro", *flags, "--json", **service(base))
        again = await at.run("kiro", *flags, **service(base))
    path = at.data / "credentials" / "accounts" / "work.json"
    result = json.loads(ended.stdout)
    assert result["path"] == str(path)
    assert result["pool_entry"] == {"claude-kiro-oauth": [{"KIRO_OAUTH_CREDS_FILE_PATH": str(path)}]}
    assert (result["name"], result["method"], result["region"]) == ("work", "idc", "eu-central-1")
    assert result["expires_at"].endswith("Z")
    assert read(path)["provider"] == "Enterprise"
    assert f"There is a login in {path}; the new one will take its place." in again.stderr
    assert "It serves beside the other accounts of claude-kiro-oauth" in again.stderr
    assert simulation.counts["register"] == 1
    assert not (at.data / "kiro-auth-token.json").exists()


@pytest.mark.parametrize("flag", ["--google", "--github"])
async def test_social(at: Home, flag: str) -> None:
    async with serving(make_handler(simulated())) as base:
        ended = await at.run("kiro", flag, **service(base))
    assert ended.code == 0, ended
    assert "experimental" in ended.stderr
    document = read(at.data / "kiro-auth-token.json")
    assert document["authMethod"] == "social"
    assert document["provider"] == flag.removeprefix("--").capitalize()
    no_secret_in(ended, document)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["kiro", "--builder-id", "--google"], "Choose one of"),
        (["kiro", "--start-url", "https://x/start", "--github"], "Choose one of"),
        (["kiro", "--region", "eu-central-1"], "--region goes with --start-url"),
        (["kiro", "--start-url", "x/start"], "is no start URL"),
        (["kiro", "--start-url", "https://x/start", "--region", "evil.example/"], "is no region"),
        (["kiro", "--name", "../x"], "is no name"),
        (["kiro", "--name", "kiro"], "without a name"),
        (["gemini"], "GEMINI_OAUTH_CLIENT_ID and GEMINI_OAUTH_CLIENT_SECRET are not set"),
        (["other"], "No such command"),
    ],
)
async def test_wrong_usage(at: Home, arguments: list[str], words: str) -> None:
    ended = await at.run(*arguments)
    assert ended.code == 2
    assert words in " ".join(ended.stderr.replace("│", " ").split())
    assert not at.data.exists()


async def test_refused(at: Home) -> None:
    async with serving(make_handler(simulated(answers("/token", DENIED)))) as base:
        ended = await at.run("kiro", **service(base))
    assert ended.code == 1
    assert "Error: The login was refused on the page" in ended.stderr
    assert ended.stdout == ""
    assert "kiro-auth-token.json" not in names_in(at.data)


async def test_wrong_region(at: Home) -> None:
    error = ("invalid_request", "InvalidRequestRegionException")
    elsewhere = answers("/device_authorization", error, region="eu-west-1")
    async with serving(make_handler(simulated(elsewhere))) as base:
        ended = await at.run("kiro", "--start-url", "https://d-1.awsapps.com/start", **service(base))
    assert ended.code == 1
    assert "Run the login again with --region eu-west-1." in ended.stderr


async def test_unreachable(at: Home) -> None:
    ended = await at.run("kiro", **service("http://127.0.0.1:9"))
    assert ended.code == 1
    assert "127.0.0.1:9 could not be reached" in ended.stderr


async def test_the_proxy_of_the_settings(at: Home) -> None:
    """E12."""
    async with serving(make_handler(simulated())) as base, Relay("http") as relay:
        others = {"PROXY_URL": relay.url(), "PROXY_ENABLED_PROVIDERS": '["openai-custom"]'}
        assert (await at.run("kiro", **service(base), **others)).code == 0
        assert relay.asked == []
        assert (await at.run("kiro", "--google", PROXY_URL=relay.url(), **service(base))).code == 0
        assert relay.asked


async def test_a_setting_that_wins_is_told(at: Home) -> None:
    async with serving(make_handler(simulated())) as base:
        ended = await at.run("kiro", KIRO_OAUTH_CREDS_FILE_PATH="/elsewhere.json", **service(base))
    assert "warning: KIRO_OAUTH_CREDS_FILE_PATH is set and wins over this login." in ended.stderr


async def test_a_store_that_cannot_be_written_is_told_before_the_login(at: Home) -> None:
    at.data.write_text("in the way")
    simulation = simulated()
    async with serving(make_handler(simulation)) as base:
        ended = await at.run("kiro", "--name", "work", **service(base))
    assert ended.code == 1
    assert "cannot be written" in ended.stderr
    assert simulation.counts["register"] == 0


# --- as a process of its own: a terminal, a browser, Ctrl-C


def settings(base: str) -> dict[str, str]:
    google = {"GEMINI_OAUTH_AUTH_URL": f"{base}/o/oauth2/v2/auth", "GEMINI_OAUTH_TOKEN_URL": f"{base}/token"}
    return service(base) | CLIENT | google


def program(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-c", "from aiclient2api.cli.login import command; command()", *arguments)


async def on_a_terminal(folder: Path, *arguments: str, **env: str) -> tuple[int, str, str]:
    """Exit code, standard output, and what stood on the terminal. The browser is a program that opens the page."""
    import pty

    browser = folder / "browser.py"
    browser.write_text("import sys, urllib.request; urllib.request.urlopen(sys.argv[1]).read()")
    master, slave = pty.openpty()
    try:
        process = await asyncio.create_subprocess_exec(
            *program(*arguments),
            cwd=work_folder(folder),
            env=environment(folder, BROWSER=f"{sys.executable} {browser} %s", **env),
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=slave,
        )
        async with asyncio.timeout(20):
            out, _ = await process.communicate()
        shown = os.read(master, 65536).decode()
    finally:
        os.close(slave)
        os.close(master)
    assert process.returncode is not None
    return process.returncode, out.decode(), shown


@pytest.mark.e2e
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pty")
async def test_kiro_on_a_terminal(tmp_path: Path) -> None:
    """Progress, a QR code where segno is installed (here: one that says what it was given), and the browser."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "segno.py").write_text(
        "class Code:\n"
        "    def __init__(self, text): self.text = text\n"
        "    def terminal(self, out, compact): out.write(f'QR of {self.text} {compact}\\n')\n"
        "def make(text, micro): return Code(text)\n"
    )
    simulation = simulated()
    async with serving(make_handler(simulation)) as base:
        env = settings(base) | {"PYTHONPATH": f"{environment(tmp_path)['PYTHONPATH']}{os.pathsep}{site}"}
        code, out, shown = await on_a_terminal(tmp_path, "kiro", **env)
    assert code == 0, shown
    assert "Logged in." in out
    assert "waiting for you, 9:59 left" in shown.replace("10:00", "9:59")
    assert f"QR of {base}/device?user_code=" in shown
    assert simulation.counts["device_poll"] == 1  # the page was opened, so the first poll brought the token


@pytest.mark.e2e
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pty")
async def test_gemini_through_a_browser(tmp_path: Path) -> None:
    simulation = simulated()
    async with serving(make_handler(simulation)) as base:
        code, out, shown = await on_a_terminal(tmp_path, "gemini", DATA_DIR=str(tmp_path / "data"), **settings(base))
    path = tmp_path / "data" / "gemini-oauth-creds.json"
    assert code == 0, shown
    assert f"kept in {path}" in out
    document = read(path)
    assert mode(path) == 0o600
    assert document["token_type"] == "Bearer"
    assert simulation.holder(str(document["refresh_token"])) is not None
    assert "our-client-secret" not in out + shown
    assert str(document["access_token"]) not in out + shown


@pytest.mark.e2e
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
async def test_cancelled_by_the_user(tmp_path: Path) -> None:
    simulation = simulated(answers("/token", PENDING, times=None))
    async with serving(make_handler(simulation)) as base:
        process = await asyncio.create_subprocess_exec(
            *program("kiro", "--name", "work"),
            cwd=work_folder(tmp_path),
            env=environment(tmp_path, DATA_DIR=str(tmp_path / "data"), **settings(base)),
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
        )
        assert process.stderr is not None
        async with asyncio.timeout(10):
            while b"  code: " not in await process.stderr.readline():
                pass
            process.send_signal(signal.SIGINT)
            out, errors = await process.communicate()
    assert process.returncode == 1
    assert out == b""
    assert errors.decode().strip() == "Error: The login was cancelled; nothing was written."
    assert "work.json" not in names_in(tmp_path)


async def test_the_page_of_a_service_gone_wrong_is_not_shown(at: Home) -> None:
    body = {"deviceCode": "d", "userCode": "AB-CD", "verificationUri": "file:///etc/passwd"}
    wrong = Step(path="/device_authorization", status=200, body=msgspec.Raw(json.dumps(body).encode()))
    simulation: Simulation = simulated(wrong)
    async with serving(make_handler(simulation)) as base:
        ended = await at.run("kiro", **service(base))
    assert ended.code == 1
    assert "passwd" not in ended.stderr
