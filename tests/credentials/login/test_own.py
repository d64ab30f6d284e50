"""Our own store: private whole files, marked and removed without losing a token."""

import json
import os
import stat
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiclient2api import files
from aiclient2api.canonical.errors import GatewayError
from aiclient2api.credentials import fields
from aiclient2api.credentials.credential import Credential
from aiclient2api.credentials.discover import find_kiro
from aiclient2api.credentials.google import GoogleLogin, find_google
from aiclient2api.credentials.kiro_login import KiroLogin
from aiclient2api.credentials.login import own
from aiclient2api.credentials.secret import Secret
from aiclient2api.credentials.sources.json_file import JsonFileSource
from aiclient2api.credentials.store import CredentialStore
from tests.cli.homes import names_in
from tests.credentials.samples import NOW, read, write

KIRO = Credential(
    access_token=Secret("AT-0"),
    refresh_token=Secret("RT-0"),
    expires_at=NOW + 3600,
    auth_method="idc",
    provider="BuilderId",
    region="us-east-1",
    client_id="C",
    client_secret=Secret("S"),
    client_secret_expires_at=NOW + 7_776_000,
)
GOOGLE = msgspec.structs.replace(KIRO, auth_method="google", provider="", region="", client_secret_expires_at=None)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("name", ["", "work"])
def test_kiro_logins_are_found_whole(tmp_path: Path, name: str) -> None:
    data = tmp_path / "data"
    path = own.keep(data, KIRO, name)
    login = KiroLogin(file_path=str(path), discover=False) if name else KiroLogin()
    store = find_kiro(login, tmp_path / "home", data, {})
    assert store.describe() == str(path)
    assert store.load() == KIRO
    if sys.platform != "win32":
        assert {mode(each) for each in data.rglob("*.json")} == {0o600}
        assert {mode(each) for each in (data, *data.rglob("*")) if each.is_dir()} == {0o700}


@pytest.mark.parametrize("name", ["", "work"])
def test_google_logins_are_found_whole(tmp_path: Path, name: str) -> None:
    path = own.keep(tmp_path, GOOGLE, name)
    assert path == (tmp_path / "credentials" / "accounts" / "work.json" if name else tmp_path / own.GEMINI_FILE)
    found = find_google(GoogleLogin(file_path=str(path)), tmp_path, tmp_path).load()
    assert (found.fingerprint, found.client_id, found.auth_method) == (GOOGLE.fingerprint, "C", "google")
    assert found.expires_at == GOOGLE.expires_at
    assert mode(path) == 0o600 or sys.platform == "win32"


def test_the_list(tmp_path: Path) -> None:
    assert own.own_accounts(tmp_path / "nowhere") == []
    own.keep(tmp_path, KIRO, "work")
    own.keep(tmp_path, GOOGLE, "home")
    own.keep(tmp_path, KIRO)
    write(tmp_path / "credentials" / "accounts" / "broken.json", [])
    write(tmp_path / "credentials" / "accounts" / "-x.json", {"accessToken": "A"})
    (tmp_path / "credentials" / "accounts" / "notes.txt").write_text("")
    found = own.own_accounts(tmp_path)
    assert [(each.called, each.kind, bool(each.problem)) for each in found] == [
        ("kiro", "kiro", False),
        ("broken", "kiro", True),
        ("home", "gemini", False),
        ("work", "kiro", False),
    ]
    assert "is not a usable Kiro login: it is not a JSON object" in found[1].problem
    if os.name == "posix" and os.geteuid() != 0:
        found[3].path.chmod(0)
        assert "Could not read" in own.own_accounts(tmp_path)[3].problem


def test_a_name_is_taken_or_replaced(tmp_path: Path) -> None:
    own.keep(tmp_path, KIRO, "work")
    other = msgspec.structs.replace(KIRO, refresh_token=Secret("RT-9"))
    with pytest.raises(own.NameTaken):
        own.keep(tmp_path, other, "work", replace=False)
    path = own.keep(tmp_path, other, "work")
    assert read(path)["refreshToken"] == "RT-9"


def test_the_mark_changes_nothing_else(tmp_path: Path) -> None:
    path = own.keep(tmp_path, KIRO, "work")
    document = read(path) | {"future": [1, 2.50]}
    write(path, document)
    (account,) = own.own_accounts(tmp_path)
    own.set_disabled(tmp_path, account, True)
    assert read(path) == document | {"isDisabled": True}
    (marked,) = own.own_accounts(tmp_path)
    assert marked.disabled
    # the mark stays through a refresh, which writes the file anew
    source = JsonFileSource(path)
    held = source.load()
    source.save(held, msgspec.structs.replace(held, access_token=Secret("AT-1")))
    assert own.own_accounts(tmp_path)[0].disabled
    own.set_disabled(tmp_path, marked, False)
    assert read(path) == document | {"accessToken": "AT-1"}
    assert mode(path) == 0o600 or sys.platform == "win32"


def test_marks_wait_for_a_refresh_under_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own, "_LOCK_PATIENCE", 0.05)
    path = own.keep(tmp_path, KIRO, "work")
    (account,) = own.own_accounts(tmp_path)
    lock = CredentialStore(JsonFileSource(path), tmp_path / "credentials").lock_path
    with files.process_lock(lock):
        for change in (
            lambda: own.set_disabled(tmp_path, account, True),
            lambda: own.remove(tmp_path, account),
            lambda: own.keep(tmp_path, KIRO, "work"),
        ):
            with pytest.raises(files.LockTimeout):
                change()
    assert own.own_accounts(tmp_path) == [account]


def test_marks_on_what_cannot_be_read(tmp_path: Path) -> None:
    path = own.keep(tmp_path, KIRO, "work")
    (account,) = own.own_accounts(tmp_path)
    path.write_text("[]")
    with pytest.raises(GatewayError, match="not a JSON object"):
        own.set_disabled(tmp_path, account, True)
    assert path.read_text() == "[]"


def test_remove_leaves_nothing(tmp_path: Path) -> None:
    for name in ("", "work", "other"):
        path = own.keep(tmp_path, KIRO, name)
        store = CredentialStore(JsonFileSource(path), tmp_path / "credentials")
        held = store.load()
        store.save(held, msgspec.structs.replace(held, access_token=Secret("AT-1")))
        store.remember_profile("arn", "account", NOW)
    for account in own.own_accounts(tmp_path):
        if account.name != "other":
            own.remove(tmp_path, account)
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(left) == 4  # the login, its record, its profile, its lock
    assert [each.called for each in own.own_accounts(tmp_path)] == ["other"]
    (last,) = own.own_accounts(tmp_path)
    own.remove(tmp_path, last)
    own.remove(tmp_path, last)
    assert names_in(tmp_path) <= {"credentials", "accounts"}


@pytest.mark.parametrize("name", ["a", "work", "A-1_b.c", "x" * 64])
def test_names(name: str) -> None:
    assert own.check_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", "kiro", "gemini", "..", ".x", "x.", "a/b", "a\\b", "-x", "x y", "ü", "con", "NUL.x", "com1", "x" * 65, "x\n"],
)
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(ValueError, match=r"name|called"):
        own.check_name(name)


@given(st.text(max_size=70) | st.text("./\\a-:", max_size=5))
def test_a_name_leads_nowhere_else(name: str) -> None:
    try:
        own.check_name(name)
    except ValueError:
        return
    path = own.account_path(Path("data"), "kiro", name)
    assert path.parent == Path("data/credentials/accounts")
    assert path.stem == name


def test_documents_hold_no_more_than_a_login(tmp_path: Path) -> None:
    path = own.keep(tmp_path, fields.read_credential({"accessToken": "A", "email": "me@example.org"}), "work")
    assert json.loads(path.read_text()).keys() == {"accessToken", "authMethod"}
