"""`keys`: shown once, never again; exit codes; a terminal and a machine both get what they need."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from aiclient2api.cli.keys import command
from aiclient2api.state.keys import KeyRing, digest_of

SECRET = re.compile(r"sk-[A-Za-z0-9_-]{43}")


class Keys:
    """The command in a home of its own."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "data" / "keys.json"
        self._home = {"HOME": str(folder), "DATA_DIR": str(folder / "data")}

    def __call__(self, *arguments: str) -> Result:
        result = CliRunner().invoke(command, arguments, env=self._home, prog_name="aiclient2api keys")
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    def json(self, *arguments: str) -> Any:
        result = self(*arguments, "--json")
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keys:
    monkeypatch.chdir(tmp_path)
    return Keys(tmp_path)


def test_a_key_is_shown_once(keys: Keys) -> None:
    made = keys("create", "laptop")
    assert made.exit_code == 0
    assert SECRET.fullmatch(made.stdout.strip())
    assert "It is shown only now" in made.stderr
    secret = made.stdout.strip()
    for later in (keys("list"), keys("list", "--json"), keys("revoke", "laptop")):
        assert later.exit_code == 0
        assert secret not in later.output
        assert digest_of(secret) not in later.output
    assert secret not in keys.file.read_text("utf-8")


def test_everything_that_a_key_may_have(keys: Keys) -> None:
    flags = "--models claude-*,gpt-5* --providers claude-custom,openai-* --rpm 10 --rpd 200 --tpm 5000 --tpd 90000"
    made = keys.json("create", "laptop", *flags.split(), "--expires", "2099-01-01")
    assert SECRET.fullmatch(made.pop("key"))
    created = made.pop("created")
    assert re.fullmatch(r"key_[0-9a-f]{8}", made.pop("id"))
    assert made == {
        "name": "laptop",
        "prefix": made["prefix"],
        "state": "active",
        "models": ["claude-*", "gpt-5*"],
        "providers": ["claude-custom", "openai-*"],
        "requests_per_minute": 10,
        "requests_per_day": 200,
        "tokens_per_minute": 5000,
        "tokens_per_day": 90000,
        "expires": "2099-01-01T00:00:00.000Z",
        "rotated": None,
        "revoked": None,
    }
    (listed,) = keys.json("list")
    assert (listed.pop("id"), listed.pop("created")) != (None, None)
    assert listed == made
    assert created.startswith("20")
    line = keys("list").stdout
    for words in (
        "active",
        "laptop",
        "models claude-*, gpt-5*",
        "10 requests per minute",
        "until 2099-01-01 00:00 UTC",
    ):
        assert words in line


def test_the_gateway_knows_the_key_that_was_printed(keys: Keys) -> None:
    secret = keys("create", "laptop").stdout.strip()
    found = KeyRing(keys.file).find(digest_of(secret))
    assert found is not None
    assert found.name == "laptop"


def test_rotate_and_revoke(keys: Keys) -> None:
    first = keys.json("create", "laptop", "--rpm", "3")
    second = keys.json("rotate", first["id"])
    assert second["key"] != first["key"]
    assert (second["id"], second["requests_per_minute"]) == (first["id"], 3)
    ring = KeyRing(keys.file)
    assert ring.find(digest_of(first["key"])) is None
    assert ring.find(digest_of(second["key"])) is not None
    ended = keys("revoke", first["id"])
    assert ended.exit_code == 0
    assert f"The key 'laptop' ({first['id']}) is revoked." in ended.stderr
    assert [each["state"] for each in keys.json("list")] == ["revoked"]


def test_no_keys_yet(keys: Keys) -> None:
    result = keys("list")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "keys create NAME" in result.stderr
    assert keys.json("list") == []
    assert not keys.file.parent.exists()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("create",), 2, "Missing argument 'NAME'"),
        (("create", "laptop"), 1, "There is a key of the name 'laptop' already"),
        (("create", "a\nb"), 1, "1 to 64 printable characters"),
        (("create", "x", "--rpm", "0"), 2, "--rpm"),
        (("create", "x", "--tpd", "many"), 2, "--tpd"),
        (("create", "x", "--providers", "claude"), 2, "There is no provider 'claude'. Providers: claude-kiro-oauth"),
        (("create", "x", "--expires", "soon"), 2, "Write a span such as 30d"),
        (("create", "x", "--expires", "2020-01-01"), 2, "is in the past"),
        (("revoke", "nobody"), 1, "There is no key 'nobody'."),
        (("rotate", "nobody"), 1, "There is no key 'nobody'."),
        (("list", "--config", "nowhere.json"), 2, "nowhere.json"),
        (("explode",), 2, "No such command"),
    ],
)
def test_what_goes_wrong(keys: Keys, arguments: tuple[str, ...], code: int, words: str) -> None:
    assert keys("create", "laptop").exit_code == 0
    before = keys.file.read_bytes()
    result = keys(*arguments)
    assert result.exit_code == code
    assert words in result.stderr
    assert result.stdout == ""
    assert keys.file.read_bytes() == before


def test_a_folder_that_cannot_be_used(keys: Keys) -> None:
    keys.file.parent.write_text("a file", "utf-8")
    for arguments in (("create", "laptop"), ("list",)):
        result = keys(*arguments)
        assert result.exit_code == 1
        assert result.stderr.startswith("Error: The keys in ")


def test_the_folder_by_flag(keys: Keys, tmp_path: Path) -> None:
    assert keys("create", "laptop", "--data-dir", str(tmp_path / "other")).exit_code == 0
    assert (tmp_path / "other" / "keys.json").exists()
    assert not keys.file.exists()


def test_help(keys: Keys) -> None:
    for arguments in (
        ("--help",),
        ("create", "--help"),
        ("list", "--help"),
        ("revoke", "--help"),
        ("rotate", "--help"),
    ):
        assert keys(*arguments).exit_code == 0
    assert "Requests per minute." in keys("create", "--help").stdout
