import contextlib
import json
import sqlite3
from pathlib import Path

import msgspec
import pytest

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.credentials.credential import Credential
from aiclient2api.credentials.secret import Secret
from aiclient2api.credentials.sources.base import SourceChanged
from aiclient2api.credentials.sources.sqlite import SqliteSource

ARN = "arn:aws:codewhisperer:eu-central-1:123456789012:profile/SAMPLE"
REGISTRATION = {"client_id": "C", "client_secret": "S", "client_secret_expires_at": "2026-12-01T00:00:00.0Z"}


def token(name: str, **more: object) -> dict[str, object]:
    expires = "2026-10-01T09:30:00.123456789Z"
    return {"access_token": f"A-{name}", "refresh_token": f"R-{name}", "expires_at": expires, **more}


ODIC = token(
    "odic", region="eu-west-1", start_url="https://view.awsapps.com/start", oauth_flow="DeviceCode", scopes=["a"]
)


def store(path: Path, rows: dict[str, object], state: dict[str, object] | None = None) -> SqliteSource:
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE IF NOT EXISTS auth_kv(key TEXT PRIMARY KEY, value TEXT)")
        database.executemany("REPLACE INTO auth_kv VALUES (?, ?)", [(k, json.dumps(v)) for k, v in rows.items()])
        if state is not None:
            database.execute("CREATE TABLE IF NOT EXISTS state(key TEXT PRIMARY KEY, value BLOB)")
            encoded = [(k, json.dumps(v).encode()) for k, v in state.items()]
            database.executemany("REPLACE INTO state VALUES (?, ?)", encoded)
    return SqliteSource(path)


def value(path: Path, key: str) -> dict[str, object]:
    with contextlib.closing(sqlite3.connect(path)) as database:
        found = json.loads(database.execute("SELECT value FROM auth_kv WHERE key = ?", (key,)).fetchone()[0])
    assert isinstance(found, dict)
    return found


SOCIAL = token("social", profile_arn=ARN, provider="google")
IDP = token("idp", token_endpoint="https://idp.example/token", issuer_url="https://idp.example", client_id="X")


@pytest.mark.parametrize(
    ("rows", "method", "access"),
    [
        ({"kirocli:social:token": SOCIAL}, "social", "A-social"),
        ({"kirocli:social:token": SOCIAL, "kirocli:odic:token": ODIC}, "idc", "A-odic"),
        ({"kirocli:odic:token": ODIC, "kirocli:external-idp:token": IDP}, "external_idp", "A-idp"),
        ({"codewhisperer:odic:token": ODIC}, "idc", "A-odic"),
    ],
)
def test_order_of_keys(tmp_path: Path, rows: dict[str, object], method: str, access: str) -> None:
    """A2"""
    credential = store(tmp_path / "data.sqlite3", rows).load()
    assert (credential.auth_method, credential.access_token.reveal()) == (method, access)


def test_the_registration_and_the_profile_belong_to_the_token(tmp_path: Path) -> None:
    """B1, B5"""
    rows: dict[str, object] = {
        "kirocli:odic:token": ODIC,
        "kirocli:odic:device-registration": REGISTRATION,
        "codewhisperer:odic:device-registration": {"client_id": "OTHER", "client_secret": "OTHER"},
    }
    source = store(tmp_path / "d", rows, {"api.codewhisperer.profile": {"arn": ARN, "profile_name": "x"}})
    credential = source.load()
    assert (credential.client_id, credential.client_secret.reveal(), credential.provider) == ("C", "S", "BuilderId")
    assert (credential.profile_arn, credential.region, credential.api_region) == (ARN, "eu-west-1", "eu-central-1")
    assert credential.client_secret_expires_at is not None


def renewed(old: Credential) -> Credential:
    return msgspec.structs.replace(old, access_token=Secret("NEW"), refresh_token=Secret("NEW-R"), expires_at=2e9)


def test_saving_merges_in_place(tmp_path: Path) -> None:
    """B4"""
    rows: dict[str, object] = {"kirocli:odic:token": ODIC | {"future": [1]}, "kirocli:social:token": SOCIAL}
    source = store(tmp_path / "d", rows)
    old = source.load()
    source.save(old, renewed(old))
    after = value(tmp_path / "d", "kirocli:odic:token")
    assert after == ODIC | {
        "future": [1],
        "access_token": "NEW",
        "refresh_token": "NEW-R",
        "expires_at": "2033-05-18T03:33:20.000Z",
    }
    assert value(tmp_path / "d", "kirocli:social:token") == SOCIAL


@pytest.mark.parametrize("now", [token("other"), [], {}])
def test_what_is_not_what_we_read_is_never_overwritten(tmp_path: Path, now: object) -> None:
    source = store(tmp_path / "d", {"kirocli:odic:token": ODIC})
    old = source.load()
    store(tmp_path / "d", {"kirocli:odic:token": now})
    with pytest.raises(SourceChanged):
        source.save(old, renewed(old))
    with contextlib.closing(sqlite3.connect(tmp_path / "d")) as database:
        assert json.loads(database.execute("SELECT value FROM auth_kv").fetchone()[0]) == now


def test_states_of_a_store(tmp_path: Path) -> None:
    def reason(path: Path) -> str | None:
        with pytest.raises(GatewayError) as caught:
            SqliteSource(path).load()
        return caught.value.reason

    (tmp_path / "text").write_text("this is not a database, it is a long enough text" * 10)
    (tmp_path / "empty").write_text("")
    store(tmp_path / "logged-out", {})
    store(tmp_path / "broken", {"kirocli:odic:token": {"access_token": 5}})
    assert reason(tmp_path / "none") == "credential_missing"
    assert reason(tmp_path / "empty") == "credential_missing"
    assert reason(tmp_path / "logged-out") == "credential_missing"
    assert reason(tmp_path / "text") == "credential_corrupt"
    assert reason(tmp_path / "broken") == "credential_corrupt"
    assert reason(tmp_path) == "credential_unreadable"


def test_a_store_that_cannot_be_written(tmp_path: Path) -> None:
    source = store(tmp_path / "d", {"kirocli:odic:token": ODIC})
    old = source.load()
    (tmp_path / "d").unlink()
    with pytest.raises(OSError, match="unable to open"):
        source.save(old, renewed(old))
