"""`accounts`: what is listed, refreshed, told by the service (B6), and kept in our own store."""

import base64
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from aiclient2api.cli import accounts
from aiclient2api.credentials.login import own
from aiclient2api.simulator import Simulation, Step, make_handler
from tests.cli.homes import app_login, kiro_settings, names_in
from tests.cli.invoking import Home, home, mode
from tests.credentials.samples import read, write
from tests.e2e.process import Ended
from tests.gateway.rig import SECRETS, serving, simulated


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    return home(tmp_path, monkeypatch, accounts.command)


def account(at: Home, simulation: Simulation, name: str, kind: Any = "social", **changes: object) -> Path:
    """An account of our own store, as `login kiro --name` leaves it."""
    return write(own.account_path(at.data, "kiro", name), simulation.credential(kind) | changes)


def rows(ended: Ended) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in json.loads(ended.stdout)}


def silent_about(ended: Ended, *documents: Mapping[str, object]) -> None:
    for document in documents:
        for value in (document.get(name) for name in ("accessToken", "refreshToken", "access_token", "refresh_token")):
            assert value is None or str(value) not in ended.stdout + ended.stderr
    for secret in SECRETS.values():
        assert secret not in ended.stdout + ended.stderr


# --- list


async def test_list_of_what_is_configured(at: Home) -> None:
    """Nothing goes to the network, and nobody's address is shown."""
    simulation = simulated()
    path = app_login(at.folder, simulation, email="me@example.org", userId="u-1")
    whole = await at.run("list", "--json", KIRO_BASE_URL="http://127.0.0.1:9", **SECRETS)
    plain = await at.run("list", KIRO_BASE_URL="http://127.0.0.1:9", **SECRETS)
    found = json.loads(whole.stdout)
    providers = ("claude-kiro-oauth", "claude-custom", "openai-custom", "openaiResponses-custom")
    assert tuple(row["provider"] for row in found) == providers
    kiro = found[0]
    assert kiro == {
        "id": kiro["id"],
        "name": kiro["id"],
        "provider": "claude-kiro-oauth",
        "method": "social",
        "state": "ready",
        "why": "",
        "source": str(path),
        "own": False,
        "expires_at": kiro["expires_at"],
        "quota": None,
    }
    assert kiro["expires_at"].endswith("Z")
    assert found[1]["method"] == "api_key"
    assert found[1]["source"] == "CLAUDE_API_KEY"
    assert plain.stdout.splitlines()[0].split() == [
        "account",
        "provider",
        "method",
        "state",
        "token",
        "until",
        "source",
    ]
    assert len(plain.stdout.splitlines()) == 1 + len(found)
    for ended in (whole, plain):
        assert ended.code == 0
        assert "example.org" not in ended.stdout
        silent_about(ended, read(path))


async def test_states(at: Home) -> None:
    simulation = simulated()
    account(at, simulation, "over", expiresAt="2020-01-01T00:00:00Z")
    account(at, simulation, "off", isDisabled=True)
    account(at, simulation, "good", "idc")
    write(own.account_path(at.data, "kiro", "broken"), {"accessToken": ""})
    write(own.account_path(at.data, "kiro", "google"), simulation.google_credential())
    found = rows(await at.run("list", "--json"))
    assert {name: row["state"] for name, row in found.items() if row["own"]} == {
        "broken": "unusable",
        "good": "ready",
        "google": "ready",
        "off": "disabled",
        "over": "expired",
    }
    assert "neither accessToken nor refreshToken" in found["broken"]["why"]
    assert found["google"]["provider"] == "gemini-cli-oauth"
    plain = await at.run("list")
    assert "\n    [Kiro Auth] " in plain.stdout


async def test_each_account_is_listed_once(at: Home) -> None:
    """One that the configuration uses is not listed again as one of the store."""
    simulation = simulated()
    path = account(at, simulation, "work")
    found = json.loads((await at.run("list", "--json", KIRO_OAUTH_CREDS_FILE_PATH=str(path))).stdout)
    assert [(row["name"], row["own"]) for row in found] == [("work", True)]
    write(own.account_path(at.data, "kiro", "broken"), {})
    found = json.loads((await at.run("list", "--json")).stdout)
    assert [(row["name"], row["own"]) for row in found] == [("broken", True), ("work", True)]
    write(own.account_path(at.data, "kiro", ""), simulation.credential())
    found = json.loads((await at.run("list", "--json")).stdout)
    assert [row["name"] for row in found] == ["kiro", "broken", "work"]


async def test_accounts_of_the_store_in_a_pool(at: Home) -> None:
    """D6: what `login --name` prints is a pool's account."""
    simulation = simulated()
    paths = [account(at, simulation, name, "idc") for name in ("one", "two", "three")]
    entries = [{"KIRO_OAUTH_CREDS_FILE_PATH": str(path)} for path in paths[:2]]
    pools = write(at.folder / "pools.json", {"claude-kiro-oauth": entries})
    async with serving(make_handler(simulation)) as base:
        settings = kiro_settings(base) | {"KIRO_REFRESH_IDC_URL": f"{base}/token"}
        settings["PROVIDER_POOLS_FILE_PATH"] = str(pools)
        listed = json.loads((await at.run("list", "--json", **settings)).stdout)
        refreshed = json.loads((await at.run("refresh", "--json", **settings)).stdout)
        usage = await at.run("usage", "two", "--json", **settings)
    assert [(row["name"], row["state"]) for row in listed] == [("one", "ready"), ("two", "ready"), ("three", "ready")]
    assert [(row["name"], row["error"]) for row in refreshed] == [("one", None), ("two", None), ("three", None)]
    assert simulation.counts["refresh"] == 3
    assert json.loads(usage.stdout)[0]["limit"] == 1000


async def test_list_of_nothing(at: Home) -> None:
    found = json.loads((await at.run("list", "--json")).stdout)
    assert [row["provider"] for row in found] == ["simulator"]
    missing = json.loads((await at.run("list", "--json", MODEL_PROVIDER="claude-custom,claude-kiro-oauth")).stdout)
    assert [row["state"] for row in missing] == ["unusable", "unusable"]
    assert "CLAUDE_API_KEY is not set" in missing[0]["why"]
    assert "No Kiro login found" in missing[1]["why"]


async def test_wrong_configuration(at: Home) -> None:
    ended = await at.run("list", MODEL_PROVIDER="nobody")
    assert ended.code == 2
    assert "nobody" in ended.stderr


# --- refresh


async def test_refresh(at: Home) -> None:
    simulation = simulated()
    simulation.rotate = True
    app, work = account(at, simulation, ""), account(at, simulation, "work", "idc")
    account(at, simulation, "off", isDisabled=True)
    async with serving(make_handler(simulation)) as base:
        settings = kiro_settings(base) | {"KIRO_REFRESH_IDC_URL": f"{base}/token"} | SECRETS
        before = {path: read(path)["refreshToken"] for path in (app, work)}
        every = await at.run("refresh", "--json", **settings)
        assert simulation.counts["refresh"] == 2
        one = await at.run("refresh", "work", **settings)
        assert simulation.counts["refresh"] == 3
        key = await at.run("refresh", "claude-custom", **settings)
        unknown = await at.run("refresh", "nobody", **settings)
    answers = json.loads(every.stdout)
    assert [(row["provider"], row["error"]) for row in answers] == [("claude-kiro-oauth", None)] * 2
    assert all(row["expires_at"].endswith("Z") for row in answers)
    assert all(read(path)["refreshToken"] != token for path, token in before.items())
    assert one.stdout.startswith("work (claude-kiro-oauth): refreshed, valid until ")
    assert "nothing to offer" in key.stdout
    assert (every.code, one.code, key.code, unknown.code) == (0, 0, 0, 2)
    assert "There is no account 'nobody'. There are: kiro, off, work, " in unknown.stderr
    silent_about(every, read(app), read(work))
    silent_about(one, read(app), read(work))


async def test_refresh_that_fails(at: Home) -> None:
    simulation = simulated()
    path = account(at, simulation, "work")
    simulation.revoke(str(read(path)["refreshToken"]))
    account(at, simulation, "good")
    async with serving(make_handler(simulation)) as base:
        plain = await at.run("refresh", **kiro_settings(base))
        as_json = await at.run("refresh", "work", "--json", **kiro_settings(base))
    assert plain.code == as_json.code == 1
    assert "good (claude-kiro-oauth): refreshed" in plain.stdout
    (line,) = plain.stderr.splitlines()  # said once
    assert line.startswith(f"work (claude-kiro-oauth): [Kiro Auth] The login in {path} has ended")
    assert "Log in again" in json.loads(as_json.stdout)[0]["error"]


# --- usage


async def test_usage(at: Home) -> None:
    """B6, and at a bounded rate: also from one command to the next."""
    simulation = simulated()
    simulation.counts["GenerateAssistantResponse"] = 12
    app_login(at.folder, simulation)
    async with serving(make_handler(simulation)) as base:
        settings = kiro_settings(base) | SECRETS
        plain = await at.run("usage", **settings)
        as_json = await at.run("usage", "claude-kiro-oauth", "--json", **settings)
        key = await at.run("usage", "claude-custom", "--json", **settings)
        listed = json.loads((await at.run("list", "--json", **settings)).stdout)
        table = await at.run("list", **settings)
    assert simulation.counts["GetUsageLimits"] == 1
    assert "KIRO FREE (simulated), 12 of 1,000 Credits used, resets 20" in plain.stdout
    (answer,) = json.loads(as_json.stdout)
    assert (answer["plan"], answer["used"], answer["limit"]) == ("KIRO FREE (simulated)", 12, 1000)
    assert (answer["unit"], answer["overage"], answer["error"]) == ("Credits", False, None)
    assert answer["resets_at"].endswith("Z")
    assert json.loads(key.stdout)[0]["note"]
    assert listed[0]["quota"]["used"] == 12
    assert "12 of 1,000 Credits" in table.stdout
    assert plain.code == as_json.code == key.code == 0
    assert mode(at.data / "quotas.json") == 0o600 or sys.platform == "win32"


async def test_usage_that_the_service_will_not_tell(at: Home) -> None:
    body = msgspec.Raw(b'{"message":"no","__type":"AccessDeniedException"}')
    refused = Step(target="*.GetUsageLimits", times=None, status=403, body=body)
    simulation = simulated(refused)
    app_login(at.folder, simulation)
    async with serving(make_handler(simulation)) as base:
        ended = await at.run("usage", **kiro_settings(base))
    assert ended.code == 1
    assert "(claude-kiro-oauth): " in ended.stderr
    assert ended.stdout == ""


async def test_nobody_to_ask(at: Home) -> None:
    ended = await at.run("usage", **SECRETS)
    assert ended.code == 0
    assert "There is no account that this could be asked of." in ended.stderr


# --- our own store


async def test_import_a_file(at: Home) -> None:
    simulation = simulated()
    original = write(at.folder / "somewhere.json", simulation.credential("idc") | {"email": "me@example.org"})
    ended = await at.run("import", str(original), "--name", "work")
    path = own.account_path(at.data, "kiro", "work")
    assert ended.code == 0, ended
    assert ended.stdout == f"work (claude-kiro-oauth): kept in {path}\n"
    assert "use only one of them" in ended.stderr
    assert mode(path) == 0o600 or sys.platform == "win32"
    assert read(path)["refreshToken"] == read(original)["refreshToken"]
    assert "example.org" not in path.read_text()
    silent_about(ended, read(original))
    async with serving(make_handler(simulation)) as base:
        settings = kiro_settings(base) | {"KIRO_REFRESH_IDC_URL": f"{base}/token"}
        assert (await at.run("refresh", "work", **settings)).code == 0
        used = await at.run("usage", "claude-kiro-oauth", KIRO_OAUTH_CREDS_FILE_PATH=str(path), **settings)
    assert used.stdout.startswith("work (claude-kiro-oauth): KIRO FREE")


@pytest.mark.parametrize("kind", ["social", "google"])
async def test_import_from_standard_input_and_folders(at: Home, kind: str) -> None:
    simulation = simulated()
    document = json.dumps(simulation.google_credential() if kind == "google" else simulation.credential())
    coded = base64.encodebytes(document.encode()).decode()
    folder = at.folder / "folder"
    write(folder / "creds.json", json.loads(document))
    file = at.folder / "creds.b64"
    write(file, "")
    with file.open("w") as out:
        out.write(coded)
    ways = [
        await at.run("import", "-", "--json", stdin=document),
        await at.run("import", "-", "--base64", "--replace", "--json", stdin=coded),
        await at.run("import", str(file), "--base64", "--replace", "--json"),
        await at.run("import", str(folder), "--replace", "--json"),
    ]
    results = [json.loads(each.stdout) for each in ways]
    assert results[0] == results[1] == results[2] == results[3]  # the same tokens get the same name
    assert results[0]["provider"] == ("gemini-cli-oauth" if kind == "google" else "claude-kiro-oauth")
    assert results[0]["warning"] is None
    assert Path(results[0]["path"]).name == f"{results[0]['name']}.json"
    kept = read(Path(results[0]["path"]))
    assert {"access_token", "expiry_date"} <= kept.keys() if kind == "google" else "accessToken" in kept


async def test_import_that_is_refused(at: Home) -> None:
    simulation = simulated()
    good = write(at.folder / "good.json", simulation.credential())
    over = simulation.credential("idc") | {"expiresAt": "2020-01-01T00:00:00Z", "clientSecret": ""}
    nothing = at.folder / "nowhere.json"
    cases = [
        (await at.run("import", str(nothing)), f"Credential file not found: {nothing}"),
        (await at.run("import", str(write(at.folder / "empty.json", {}))), "neither accessToken nor refreshToken"),
        (await at.run("import", "-", stdin="nonsense"), "For base64, give --base64."),
        (await at.run("import", "-", stdin=json.dumps(over)), "cannot be refreshed"),
    ]
    assert (await at.run("import", str(good), "--name", "work")).code == 0
    cases.append((await at.run("import", str(good), "--name", "work"), "There is an account 'work' already"))
    for ended, words in cases:
        assert ended.code == 1
        assert words in ended.stderr
        assert ended.stdout == ""
        silent_about(ended, over)
    assert (await at.run("import", str(good), "--name", "a/b")).code == 2
    assert [each.name for each in own.own_accounts(at.data)] == ["work"]


async def test_import_of_what_will_not_last(at: Home) -> None:
    simulation = simulated()
    document = {name: text for name, text in simulation.credential().items() if name != "refreshToken"}
    ended = await at.run("import", "-", "--json", stdin=json.dumps(document))
    assert ended.code == 0
    assert "no refreshToken" in json.loads(ended.stdout)["warning"]
    assert "warning: [Kiro Auth] " in ended.stderr


async def test_disable_enable_remove(at: Home) -> None:
    simulation = simulated()
    path = account(at, simulation, "work")
    tokens = read(path)
    off = await at.run("disable", "work")
    assert (off.code, off.stdout) == (0, "work: disabled\n")
    assert read(path) == tokens | {"isDisabled": True}
    listed = rows(await at.run("list", "--json"))
    assert listed["work"]["state"] == "disabled"
    on = await at.run("enable", listed["work"]["id"], "--json")
    assert json.loads(on.stdout) == {"name": "work", "path": str(path), "done": "enabled"}
    assert read(path) == tokens
    gone = await at.run("remove", "work")
    assert (gone.code, gone.stdout) == (0, "work: removed\n")
    assert names_in(at.data) == {"credentials", "accounts"}
    again = await at.run("remove", "work")
    assert again.code == 2
    assert "holds no account 'work'. It is empty." in again.stderr


async def test_the_login_without_a_name(at: Home) -> None:
    """It is removed by the name of its kind; it cannot be disabled, since whatever else is found takes its place."""
    path = write(own.account_path(at.data, "kiro", ""), simulated().credential())
    off = await at.run("disable", "kiro")
    assert off.code == 1
    assert "Remove it, or keep it under a name" in off.stderr
    assert (await at.run("remove", "kiro", "--yes")).code == 0
    assert not path.exists()


async def test_other_peoples_logins_are_left_alone(at: Home) -> None:
    path = app_login(at.folder, simulated())
    id = json.loads((await at.run("list", "--json")).stdout)[0]["id"]
    for verb in ("remove", "disable", "enable"):
        ended = await at.run(verb, id)
        assert ended.code == 2
        assert f"Our own store holds no account '{id}'" in ended.stderr
    assert path.exists()
