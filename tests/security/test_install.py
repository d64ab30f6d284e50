"""S6, S11, S13: what a gateway that has just been installed opens, writes, calls and serves."""

import asyncio
import contextlib
import itertools
import json
import os
import signal
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aiclient2api.gateway.door import WEAK_KEYS
from aiclient2api.simulator import make_handler
from tests.cli.homes import files_with, kiro_settings, names_in
from tests.e2e.process import ROOT, Served, command, serving, work_folder
from tests.faults.rig import gate
from tests.faults.stage import Stage
from tests.gateway.answers import CHAT, asks
from tests.gateway.client import ask
from tests.gateway.rig import KEY, simulated
from tests.gateway.rig import serving as listening
from tests.http1.serving import judge

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="modes are POSIX, /proc is Linux"),
]

# --- S6

UP = (
    "..",
    "%2e%2e",
    "%2E.",
    ".%2e",
    "..%2f..",
    "..%5c..",
    "..\\..",
    "%252e%252e",
    "..%c0%af..",
    "%c0%ae%c0%ae",
    "....//",
    "..;",
    "..%00",
    "%uff0e%uff0e",
    "..%ef%bc%8f..",
    "%f0%80%80%ae.",
)
BEHIND = (
    "secret.txt",
    "work/secret.txt",
    "work/config.json",
    "etc/passwd",
    "link",
    "secret.txt%00.png",
    "C:%5csecret.txt",
    "secret.txt::$DATA",
    "NUL",
    "con.txt",
    "~/secret.txt",
    "%2e/secret.txt",
    "secret.txt.",
    "SECRET~1.TXT",
)
BEFORE = ("", "static/", "v1/", "v1/models/", "v1beta/models/", "admin/", "assets/", "openai/v1/", "claude-custom/")


def paths() -> Iterator[str]:
    for before, up, depth, behind in itertools.product(BEFORE, UP, (1, 6), BEHIND):
        yield "/" + before + "/".join([up] * depth) + "/" + behind
    for before, behind in itertools.product(BEFORE, BEHIND):
        yield f"/{before}{behind}"
        yield f"/{before}/{behind}"
        yield f"//{before}{behind}"


async def test_s6_no_path_leads_to_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """S6: nothing is served from a disk; more than 2,000 paths give 404 (or 400 for what is no path) and 0 bytes of a
    file, with the right key."""
    for folder in (tmp_path, work_folder(tmp_path), tmp_path / "data"):
        folder.mkdir(exist_ok=True)
        (folder / "secret.txt").write_text("CANARY-OF-A-FILE", "utf-8")
    (tmp_path / "link").symlink_to("/etc/passwd")
    monkeypatch.chdir(work_folder(tmp_path))
    games = list(dict.fromkeys(paths()))
    assert len(games) >= 2000
    async with Stage(lambda _: ()) as stage, gate(tmp_path, stage.url) as running:
        port = int(running.base.rpartition(":")[2])
        for at in range(0, len(games), 20):
            part = games[at : at + 20]
            for path, (status, body) in zip(
                part, await asyncio.gather(*(get(port, path) for path in part)), strict=True
            ):
                assert status in (400, 404), (path, status)
                assert b"CANARY-OF-A-FILE" not in body, path
                assert b"root:" not in body, path


async def get(port: int, path: str) -> tuple[int, bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"GET {path} HTTP/1.1\r\nhost: localhost\r\nx-api-key: {KEY}\r\nconnection: close\r\n\r\n"
    writer.write(head.encode("latin-1"))
    answer = judge(await reader.read(-1), ["GET"])[0]
    writer.close()
    return answer.status, answer.body


# --- S11


def own_key(data: Path) -> str:
    return (data / "api-key").read_text("utf-8").strip()


@contextlib.contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def open_to_others(folder: Path) -> dict[str, str]:
    """Everything made since that others could read or write, but for what the tests' own hands have made."""
    ours = {"work", "stderr.txt", "login.json", "config.json"}
    return {
        str(path.relative_to(folder)): oct(stat.S_IMODE(path.stat().st_mode))
        for path in folder.rglob("*")
        if path.name not in ours and path.stat().st_mode & 0o077
    }


def folder_modes(folder: Path) -> set[int]:
    return {stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.rglob("*")) if path.is_dir()}


async def test_s11_modes_whatever_the_umask(tmp_path: Path) -> None:
    """S11: with umask 000 every file that a gateway makes (key, client keys, ledger, logs, prompt log, adopted logins,
    locks, quotas) is 0600, and every folder 0700."""
    simulation = simulated()
    login = tmp_path / "login.json"
    login.write_text(json.dumps(simulation.credential() | {"expiresAt": "2020-01-01T00:00:00Z"}), "utf-8")
    login.chmod(0o600)
    with umask(0):
        async with listening(make_handler(simulation)) as upstream:
            settings = kiro_settings(upstream) | {"KIRO_OAUTH_CREDS_FILE_PATH": str(login), "PROMPT_LOG_MODE": "full"}
            data = str(tmp_path / "made" / "data")
            async with serving(tmp_path, "--port", "0", "--data-dir", data, LOG_LEVEL="debug", **settings) as served:
                key = own_key(Path(data))
                for stream in (False, True):
                    reply = await ask(served.base, "POST", CHAT, {"x-api-key": key}, asks(CHAT, stream=stream))
                    assert reply.status == 200
                served.send(signal.SIGTERM)
                assert await served.ended() == 0
            made = await command(tmp_path, "keys", "create", "laptop", "--data-dir", data)
            assert made.code == 0
    names = names_in(tmp_path)
    assert {"api-key", "keys.json", "app.log", "credentials"} <= names
    assert any(name.startswith("prompt_log") for name in names)
    assert any(name.startswith("usage") or name.endswith((".db", ".sqlite", ".sqlite3")) for name in names), names
    assert open_to_others(tmp_path) == {}
    assert stat.S_IMODE(login.stat().st_mode) == 0o600
    assert folder_modes(tmp_path / "made") == {0o700}


async def test_s11_keys_are_shown_once(tmp_path: Path) -> None:
    """S11: our own key at the first start, a client key when it is made; afterwards nothing that we print or keep for
    client keys holds it."""
    async with serving(tmp_path, "--port", "0") as served:
        (own,) = {line.strip() for line in served.stderr.splitlines() if line.strip().startswith("sk-")}
    async with serving(tmp_path, "--port", "0") as served:
        assert own not in served.stderr
    made = await command(tmp_path, "keys", "create", "laptop")
    secret = made.stdout.strip()
    shown = [
        await command(tmp_path, *words)
        for words in (("keys", "list"), ("keys", "list", "--json"), ("config", "show"), ("config", "show", "--json"))
    ]
    text = "".join(each.stdout + each.stderr for each in shown)
    assert secret.startswith("sk-")
    assert secret not in text
    assert own not in text
    assert files_with(tmp_path, secret) == []


# --- S13

WATCH = """
import os, sys
SEEN = os.open(os.environ["SEEN"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
CALLS = {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "subprocess.Popen",
         "os.system", "os.exec", "os.posix_spawn"}
def look(event, given):
    writes = event == "open" and not isinstance(given[0], int) and (given[2] or 0) & (os.O_WRONLY | os.O_RDWR)
    if event in CALLS or writes:
        what = given[1] if event in ("socket.connect", "socket.sendto") else given[0]
        os.write(SEEN, f"{event} {what}\\n".encode())
sys.addaudithook(look)
"""
NO_UVLOOP = "import asyncio\nrun = asyncio.run\n"
"""Python's own loop, whose connections the interpreter's audit sees; uvloop makes its own in C."""


def listeners(pid: int) -> set[tuple[str, int]]:
    """Address and port of every socket of the process, listening or not, bound or connected; TCP and UDP."""
    owned = set()
    for name in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            owned.add(os.readlink(f"/proc/{pid}/fd/{name}"))
    found = set()
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text("ascii").splitlines()[1:]:
            fields = line.split()
            if f"socket:[{fields[9]}]" in owned:
                address, _, port = fields[1].partition(":")
                found.add((address, int(port, 16)))
    return found


LOOPBACK = {"0100007F", "00000000000000000000000001000000"}


async def test_s13_a_fresh_install(tmp_path: Path) -> None:
    """S13: with nothing configured: one port, on loopback only; 0 connections, names looked up or programs started in
    two seconds of waiting and in answers; nothing written outside the data and log folders, and nothing that others can
    read; no key that anybody might know opens it."""
    watch = tmp_path / "watch"
    watch.mkdir()
    (watch / "sitecustomize.py").write_text(WATCH, "utf-8")
    (watch / "uvloop.py").write_text(NO_UVLOOP, "utf-8")
    home = tmp_path / "home"
    home.mkdir()
    seen = tmp_path / "seen.txt"
    watched = {
        "PYTHONPATH": f"{watch}:{ROOT / 'src'}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "SEEN": str(seen),
        "SERVER_PORT": "0",
    }
    with umask(0o022):
        async with serving(home, **watched) as served:
            port = int(served.base.rpartition(":")[2])
            await asyncio.sleep(2)
            opened = listeners(served.process.pid)
            assert {place for _, place in opened} == {port}
            assert {address for address, _ in opened} <= LOOPBACK
            await known_keys(served)
            (key,) = {line.strip() for line in served.stderr.splitlines() if line.strip().startswith("sk-")}
            assert (await ask(served.base, "POST", CHAT, {"x-api-key": key}, asks(CHAT))).status == 200
            served.send(signal.SIGTERM)
            assert await served.ended() == 0
    events = [line.partition(" ")[::2] for line in seen.read_text("utf-8").splitlines()]
    assert {what for event, what in events if event == "socket.getaddrinfo"} <= {"localhost", "b'localhost'"}
    assert {event for event, _ in events} <= {"open", "socket.getaddrinfo"}, events
    written = {what for event, what in events if event == "open"}
    allowed = (str(home / ".local" / "share" / "aiclient2api"), str(home / "work" / "logs"), os.devnull)
    assert not [path for path in written if not path.startswith(allowed)], written
    assert any(path.startswith(allowed[0]) for path in written), written
    assert open_to_others(home) == {}


async def known_keys(served: Served) -> None:
    for key in (*WEAK_KEYS, "", "sk-1234", "sk-123456", "aiclient2api", "123456789", "null", "undefined", "None", KEY):
        reply = await ask(
            served.base, "GET", "/v1/models", {"x-api-key": key, "authorization": f"Bearer {key}".strip()}
        )
        assert reply.status in (401, 429)


async def test_s13_a_weak_key_and_an_open_door_do_not_go_together(tmp_path: Path) -> None:
    """S13: elsewhere than on loopback a weak key stops the start (exit code 2)."""
    for host, key in (("0.0.0.0", "123456"), ("::", "short"), ("127.evil.example", "changeme")):
        ended = await command(tmp_path, "--port", "0", "--host", host, REQUIRED_API_KEY=key)
        assert (ended.code, "weak" in ended.stderr) == (2, True), (host, ended)
