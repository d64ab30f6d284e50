import base64
import contextlib
import json
import sqlite3
import sys
from pathlib import Path

import pytest

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.credentials import discover
from aiclient2api.credentials.discover import find_kiro
from aiclient2api.credentials.kiro_login import KiroLogin
from aiclient2api.credentials.secret import Secret
from aiclient2api.credentials.sources.json_file import JsonFileSource
from tests.credentials.samples import social, write

ENCODED = Secret(base64.b64encode(json.dumps(social(64)).encode()).decode())


class World:
    """A home, a state folder and an environment, filled step by step."""

    def __init__(self, folder: Path) -> None:
        self.home, self.state = folder / "home", folder / "state"
        self.environ: dict[str, str] = {}

    def app(self, generation: int = 1) -> Path:
        return write(discover.app_login_path(self.home), social(generation))

    def cli(self, name: str, generation: int) -> Path:
        names = {path.parent.name: path for path in discover.store_paths(self.home, self.environ)}
        names[name].parent.mkdir(parents=True)
        token = {"access_token": f"AT-{generation}", "refresh_token": f"RT-{generation}"}
        with contextlib.closing(sqlite3.connect(names[name])) as database, database:
            database.execute("CREATE TABLE auth_kv(key TEXT PRIMARY KEY, value TEXT)")
            row = ("kirocli:social:token" if name == "kiro-cli" else "codewhisperer:odic:token", json.dumps(token))
            database.execute("INSERT INTO auth_kv VALUES (?, ?)", row)
        return names[name]

    def find(self, login: KiroLogin | None = None, dead: tuple[str, ...] = ()) -> str:
        store = find_kiro(login or KiroLogin(), self.home, self.state, self.environ, dead)
        return store.load().access_token.reveal()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_nothing_found_says_what_was_looked_for_and_what_to_do(world: World) -> None:
    """A2, A7"""
    with pytest.raises(GatewayError) as caught:
        world.find()
    error = caught.value
    assert (error.kind, error.reason, error.status) == ("login_required", "credential_missing", 503)
    told = (
        str(discover.app_login_path(world.home)),
        *(str(path) for path in discover.store_paths(world.home, {})),
        "KIRO_API_KEY",
        "aiclient2api login kiro",
        "KIRO_OAUTH_CREDS_FILE_PATH",
    )
    assert all(each in error.message for each in told)


def test_order_without_configuration(world: World) -> None:
    """A2: the app's file, the CLI stores, the key; each newly appearing place wins over those behind it."""
    world.environ["KIRO_API_KEY"] = "ksk_SAMPLE"
    assert world.find() == "ksk_SAMPLE"
    world.cli("amazon-q", 3)
    assert world.find() == "AT-3"
    world.cli("kiro-cli", 2)
    assert world.find() == "AT-2"
    world.app(1)
    assert world.find() == "AT-1"
    discover.write_own_login(world.state, JsonFileSource(world.app(9)).load())
    world.app(1)
    assert world.find() == "AT-9"


def test_the_key_of_the_settings_is_found_too(world: World) -> None:
    assert world.find(KiroLogin(api_key=Secret("ksk_SET"), region="eu-central-1")) == "ksk_SET"


def test_a_broken_login_is_not_passed_over(world: World) -> None:
    world.cli("kiro-cli", 2)
    world.app().write_text("{")
    with pytest.raises(GatewayError) as caught:
        world.find()
    assert caught.value.reason == "credential_corrupt"


def test_a_dead_login_gives_way_to_another(world: World) -> None:
    """The Kiro CLI stopped writing the JSON file in 2.16: an old one may lie before its store."""
    dead = (JsonFileSource(world.app(1)).load().fingerprint,)
    assert world.find(dead=dead) == "AT-1"
    world.cli("kiro-cli", 2)
    assert world.find(dead=dead) == "AT-2"


def test_base64_wins_over_files_and_files_over_folders(world: World, tmp_path: Path) -> None:
    """B2"""
    world.app(1)
    file = write(tmp_path / "f.json", social(5))
    folder = write(tmp_path / "d" / "x.json", social(6)).parent
    login = KiroLogin(base64=ENCODED, file_path=str(file), dir_path=str(folder), api_key=Secret("k"))
    assert world.find(login) == "AT-64"
    assert world.find(KiroLogin(file_path=str(file), dir_path=str(folder), api_key=Secret("k"))) == "AT-5"
    assert world.find(KiroLogin(dir_path=str(folder), api_key=Secret("k"))) == "AT-6"


def test_messages_of_the_guide(world: World, tmp_path: Path) -> None:
    """B2"""
    world.app(1)
    with pytest.raises(GatewayError) as file:
        world.find(KiroLogin(file_path="~/none.json"))
    assert file.value.message == f"[Kiro Auth] Credential file not found: {world.home / 'none.json'}"
    with pytest.raises(GatewayError) as folder:
        world.find(KiroLogin(dir_path=str(tmp_path / "none")))
    assert folder.value.message == "[Kiro Auth] Could not read credential directory"


def test_a_pool_account_uses_only_what_it_names(world: World) -> None:
    world.app(1)
    assert world.find(KiroLogin(api_key=Secret("ksk_POOL"), discover=False)) == "ksk_POOL"
    with pytest.raises(GatewayError, match="names no credential"):
        world.find(KiroLogin(discover=False))


@pytest.mark.parametrize(
    ("platform", "expected"),
    [
        ("linux", ".local/share/kiro-cli/data.sqlite3"),
        ("darwin", "Library/Application Support/kiro-cli/data.sqlite3"),
        ("win32", "AppData/Local/kiro-cli/data.sqlite3"),
    ],
)
def test_places_of_the_systems(platform: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A8"""
    monkeypatch.setattr(sys, "platform", platform)
    assert discover.store_paths(Path("home"), {})[0] == Path("home") / expected


def test_ids_are_stable_masked_and_apart() -> None:
    logins = [
        KiroLogin(),
        KiroLogin(file_path="/a"),
        KiroLogin(file_path="/b"),
        KiroLogin(dir_path="/a"),
        KiroLogin(base64=ENCODED),
        KiroLogin(api_key=Secret("ksk_1"), discover=False),
        KiroLogin(api_key=Secret("ksk_2"), discover=False),
    ]
    ids = [login.id for login in logins]
    assert len(set(ids)) == len(ids)
    assert all(len(each) == 11 and each.startswith("kiro-") for each in ids)
    assert KiroLogin(api_key=Secret("ksk_1")).id == KiroLogin().id
    assert "ksk_" not in repr(logins)
