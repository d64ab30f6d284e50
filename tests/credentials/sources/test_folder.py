import os
from pathlib import Path

import msgspec
import pytest

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.credentials.secret import Secret
from aiclient2api.credentials.sources.folder import FolderSource
from tests.credentials.samples import read, social, write


def token(folder: Path) -> str:
    return FolderSource(folder).load().access_token.reveal()


def age(path: Path, seconds: float) -> None:
    os.utime(path, (1_700_000_000 - seconds,) * 2)


def test_the_named_file_comes_first_then_the_newest_token(tmp_path: Path) -> None:
    age(write(tmp_path / "a.json", social(1)), 10)
    age(write(tmp_path / "b.json", social(2)), 5)
    age(write(tmp_path / "notes.json", {"hello": 1}), 1)
    age(write(tmp_path / "broken.json", None), 0)
    age(write(tmp_path / "reg.json", {"clientId": "C", "clientSecret": "S"}), 0)
    age(write(tmp_path / f"{'a' * 40}.json", {"accessToken": "AWS CLI", "refreshToken": "x"}), 0)
    assert token(tmp_path) == "AT-2"
    age(write(tmp_path / "kiro-auth-token.json", social(3)), 99)
    assert token(tmp_path) == "AT-3"


def test_saving_goes_to_the_file_that_was_read(tmp_path: Path) -> None:
    """Tokens are never mixed between files (the Node program saved account 2's tokens into account 1's file)."""
    first, second = write(tmp_path / "a.json", social(1)), write(tmp_path / "b.json", social(2))
    age(second, 10)
    source = FolderSource(tmp_path)
    old = source.load()
    os.utime(second)
    source.save(old, msgspec.structs.replace(old, access_token=Secret("NEW")))
    assert (read(first)["accessToken"], read(second)["accessToken"]) == ("NEW", "AT-2")
    assert source.describe() == str(first)


@pytest.mark.parametrize("name", ["missing", "file.json"])
def test_a_folder_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    """B2"""
    write(tmp_path / "file.json", {})
    with pytest.raises(GatewayError) as caught:
        token(tmp_path / name)
    assert caught.value.message == "[Kiro Auth] Could not read credential directory"


def test_a_folder_without_a_token(tmp_path: Path) -> None:
    with pytest.raises(GatewayError) as caught:
        token(tmp_path)
    assert caught.value.message == f"[Kiro Auth] Credential file not found: {tmp_path / 'kiro-auth-token.json'}"
