"""B4: no refreshed token is lost, and none of ours is put over another program's."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from aiclient2api import files
from aiclient2api.credentials.credential import Credential
from aiclient2api.credentials.secret import Secret
from aiclient2api.credentials.sources.base64_text import Base64Source
from aiclient2api.credentials.sources.json_file import JsonFileSource
from aiclient2api.credentials.store import CredentialStore
from tests.credentials.samples import NOW, read, social, write

Opener = Callable[[], CredentialStore]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "cache" / "token.json", social(0))


@pytest.fixture
def open_store(tmp_path: Path, path: Path) -> Opener:
    """Each call is a new process, as far as the store can tell."""
    return lambda: CredentialStore(JsonFileSource(path), tmp_path / "state")


def generation(number: int) -> Credential:
    return Credential(
        access_token=Secret(f"AT-{number}"), refresh_token=Secret(f"RT-{number}"), expires_at=NOW + 3600 * number
    )


def token(store: CredentialStore) -> str:
    return store.load().access_token.reveal()


def refuse_writing(monkeypatch: pytest.MonkeyPatch, *folders: Path) -> None:
    real = files.write_atomic

    def write_atomic(path: Path, data: bytes, mode: int = files.PRIVATE_FILE) -> None:
        if path.parent in folders:
            raise OSError(30, "Read-only file system", str(path))
        real(path, data, mode)

    monkeypatch.setattr(files, "write_atomic", write_atomic)


def test_a_refreshed_token_is_in_the_source_and_a_copy_in_our_folder(open_store: Opener, path: Path) -> None:
    store = open_store()
    old = store.load()
    store.save(old, generation(1))
    assert read(path)["accessToken"] == "AT-1"
    copy = store.lock_path.with_suffix(".json")
    assert (read(copy)["accessToken"], copy.stat().st_mode & 0o077) == ("AT-1", 0)
    assert token(open_store()) == "AT-1"


def test_read_only_folder(
    open_store: Opener, path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    refuse_writing(monkeypatch, path.parent)
    for number in (1, 2):
        store = open_store()
        old = store.load()
        store.save(old, generation(number))
        assert token(open_store()) == f"AT-{number}"
    assert read(path)["accessToken"] == "AT-0"
    assert "Read-only file system" in caplog.text


def test_the_source_wins_once_another_program_has_rotated_it(
    open_store: Opener, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_writing(monkeypatch, path.parent)
    store = open_store()
    old = store.load()
    store.save(old, generation(1))
    write(path, social(7))
    assert token(store) == token(open_store()) == "AT-7"


def test_nothing_can_be_written(
    open_store: Opener,
    tmp_path: Path,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """P4: kept in memory, said once, written with the next refresh that can be."""
    refuse_writing(monkeypatch, path.parent, tmp_path / "state")
    store = open_store()
    for number in (1, 2):
        old = store.load()
        store.save(old, generation(number))
    assert token(store) == "AT-2"
    assert caplog.text.count("cannot be written") == 1
    monkeypatch.undo()
    old = store.load()
    store.save(old, generation(3))
    assert read(path)["accessToken"] == token(open_store()) == "AT-3"


def test_killed_between_the_two_writes(open_store: Opener, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """P3: the refresh token was rotated by the service, and the process died before the source was written."""
    store = open_store()
    old = store.load()

    def killed(self: JsonFileSource, old: Credential, new: Credential) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(JsonFileSource, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        store.save(old, generation(1))
    assert read(path)["refreshToken"] == "RT-0"
    assert open_store().load().refresh_token.reveal() == "RT-1"


def test_changed_during_the_refresh(open_store: Opener, path: Path) -> None:
    store = open_store()
    old = store.load()
    write(path, social(5))
    store.save(old, generation(1))
    assert read(path)["accessToken"] == token(store) == token(open_store()) == "AT-5"


def test_corrupt_during_the_refresh(open_store: Opener, path: Path) -> None:
    """Demand 4: a corrupt file is never overwritten; the fresh tokens are in our copy."""
    store = open_store()
    old = store.load()
    path.write_text("{")
    store.save(old, generation(1))
    assert path.read_text() == "{"
    assert read(store.lock_path.with_suffix(".json"))["refreshToken"] == "RT-1"


def test_two_processes_on_a_place_that_is_never_written(tmp_path: Path) -> None:
    """One refreshes, the other finds its tokens, and back again."""
    text = Secret("eyJhY2Nlc3NUb2tlbiI6IkFULTAiLCJyZWZyZXNoVG9rZW4iOiJSVC0wIn0=")
    one, two = (CredentialStore(Base64Source(text), tmp_path / "state") for _ in range(2))
    for number, (writer, reader) in enumerate([(one, two), (two, one), (one, two)], 1):
        writer.save(writer.load(), generation(number))
        assert token(reader) == token(writer) == f"AT-{number}"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"accessToken":"AT-9"}', '{"basis":5,"accessToken":"AT-9"}'])
def test_a_broken_copy_is_read_over(open_store: Opener, tmp_path: Path, text: str) -> None:
    record = open_store().lock_path.with_suffix(".json")
    files.make_private_folder(tmp_path / "state")
    record.write_text(text)
    assert token(open_store()) == "AT-0"


def test_a_profile_is_remembered_for_its_account_for_a_day(open_store: Opener) -> None:
    """B5"""
    open_store().remember_profile("arn:x", "account", NOW)
    assert open_store().profile("account", NOW + 3600) == "arn:x"
    assert open_store().profile("other", NOW) == ""
    assert open_store().profile("account", NOW + 90_000) == ""
    assert open_store().profile("account", NOW - 3600) == ""


def test_only_the_tokens_come_from_our_copy(open_store: Opener, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_writing(monkeypatch, path.parent)
    store = open_store()
    store.save(store.load(), msgspec.structs.replace(generation(1), region="eu-north-1"))
    loaded = open_store().load()
    assert (loaded.access_token.reveal(), loaded.region) == ("AT-1", "")


def test_seen_to_be_changed_during_the_refresh(open_store: Opener, path: Path) -> None:
    """Somebody looked (doctor, the dashboard) between the refresh and its saving."""
    store = open_store()
    old = store.load()
    write(path, social(5))
    store.load()
    store.save(old, generation(1))
    assert read(path)["accessToken"] == token(store) == token(open_store()) == "AT-5"
