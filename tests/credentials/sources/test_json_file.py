import os
from pathlib import Path

import msgspec
import pytest

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.credentials.credential import Credential
from aiclient2api.credentials.secret import Secret
from aiclient2api.credentials.sources.base import SourceChanged
from aiclient2api.credentials.sources.json_file import JsonFileSource
from tests.credentials.samples import read, social, write

HASH = "0123456789abcdef0123456789abcdef01234567"


def renewed(old: Credential) -> Credential:
    return msgspec.structs.replace(old, access_token=Secret("NEW-A"), refresh_token=Secret("NEW-R"), expires_at=2e9)


def failure(path: Path) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        JsonFileSource(path).load()
    assert caught.value.kind == "login_required"
    return caught.value


def test_three_states_are_told_apart(tmp_path: Path) -> None:
    """B2, and demand 4"""
    missing = tmp_path / "none.json"
    assert failure(missing).message == f"[Kiro Auth] Credential file not found: {missing}"
    assert failure(missing).reason == "credential_missing"
    assert failure(tmp_path).reason == "credential_unreadable"
    for text in ("", "{", "[]", '{"clientId":"x"}'):
        (tmp_path / "broken.json").write_text(text)
        assert failure(tmp_path / "broken.json").reason == "credential_corrupt"
        assert str(tmp_path / "broken.json") in failure(tmp_path / "broken.json").message


def test_a_registration_lies_beside_the_token(tmp_path: Path) -> None:
    token = {"accessToken": "A", "refreshToken": "R", "authMethod": "IdC", "clientIdHash": HASH}
    path = write(tmp_path / "kiro-auth-token.json", token)
    assert not JsonFileSource(path).load().client_secret
    write(tmp_path / f"{HASH}.json", {"clientId": "C", "clientSecret": "S", "expiresAt": "2026-12-01T00:00:00Z"})
    write(tmp_path / f"{'f' * 40}.json", {"clientId": "OTHER", "clientSecret": "OTHER"})
    write(tmp_path / "account2.json", social(2))
    credential = JsonFileSource(path).load()
    assert (credential.access_token.reveal(), credential.client_id, credential.client_secret.reveal()) == (
        "A",
        "C",
        "S",
    )


def test_saving_keeps_unknown_members_and_is_private(tmp_path: Path) -> None:
    """B4"""
    path = write(tmp_path / "t.json", social(future={"a": [1, 2]}))
    path.chmod(0o644)
    source = JsonFileSource(path)
    old = source.load()
    source.save(old, renewed(old))
    assert read(path)["future"] == {"a": [1, 2]}
    assert source.load().fingerprint == renewed(old).fingerprint
    assert os.name == "nt" or path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["t.json"]


@pytest.mark.parametrize("text", ["{", "", '{"accessToken":"OTHER"}'])
def test_what_is_not_what_we_read_is_never_overwritten(tmp_path: Path, text: str) -> None:
    path = write(tmp_path / "t.json", social())
    source = JsonFileSource(path)
    old = source.load()
    path.write_text(text)
    with pytest.raises(SourceChanged):
        source.save(old, renewed(old))
    assert path.read_text() == text


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    target = write(tmp_path / "data" / "t.json", social())
    link = tmp_path / "link.json"
    link.symlink_to(target)
    source = JsonFileSource(link)
    old = source.load()
    source.save(old, renewed(old))
    assert link.is_symlink()
    assert read(target)["accessToken"] == "NEW-A"


def test_left_over_temporary_files_go(tmp_path: Path) -> None:
    path = write(tmp_path / "t.json", social())
    stale, young, foreign = (
        tmp_path / name for name in (".t.json.0123456789ab.tmp", ".t.json.ba9876543210.tmp", "a.tmp")
    )
    for each in (stale, young, foreign):
        each.write_text("x")
    for each in (stale, foreign):
        os.utime(each, (1, 1))
    source = JsonFileSource(path)
    old = source.load()
    source.save(old, renewed(old))
    assert [stale.exists(), young.exists(), foreign.exists()] == [False, True, True]


def test_the_users_file_stays_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A container's root must not lock the Kiro app out of its own file."""
    path = write(tmp_path / "t.json", social())
    source = JsonFileSource(path)
    old = source.load()
    seen: list[tuple[int, int]] = []
    real = Path.stat

    def stat(self: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        found = real(self, follow_symlinks=follow_symlinks)
        parts = list(found)
        parts[4], parts[5] = 1234, 4321
        return os.stat_result(parts) if self == path else found

    monkeypatch.setattr(Path, "stat", stat)
    monkeypatch.setattr(os, "geteuid", lambda: 0, raising=False)
    monkeypatch.setattr(os, "chown", lambda _, uid, gid: seen.append((uid, gid)), raising=False)
    source.save(old, renewed(old))
    assert seen == ([] if os.name == "nt" else [(1234, 4321)])
