"""The file of keys: no key in it, private, whole at any moment, changed by one process at a time."""

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from aiclient2api.files import process_lock
from aiclient2api.state import key_file
from aiclient2api.state.keys import Grants, KeysError, digest_of, read_keys
from aiclient2api.state.limits import Limits

ROOT = Path(__file__).parents[2]
NOW = 1_795_644_870.9
ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT)))}

WRITER = """
import sys, time
from pathlib import Path
from aiclient2api.state import key_file
from aiclient2api.state.keys import Grants
for number in range(int(sys.argv[3])):
    key_file.create(Path(sys.argv[1]), f"{sys.argv[2]}-{number}", Grants(), time.time())
    print(number, flush=True)
"""


def writer(path: Path, name: str, count: int) -> "subprocess.Popen[bytes]":
    command = (sys.executable, "-c", WRITER, str(path), name, str(count))
    return subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE)


def test_a_key_has_256_random_bits_and_is_not_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "data" / "keys.json"
    made = [key_file.create(path, f"k{number}", Grants(), NOW) for number in range(20)]
    text = path.read_text("utf-8")
    assert len({secret for _, secret in made}) == len({key.id for key, _ in made}) == 20
    for key, secret in made:
        assert re.fullmatch(r"sk-[A-Za-z0-9_-]{43}", secret)
        assert secret not in text
        assert secret[len(key.prefix) :] not in text
        assert key.prefix == secret[:8]
        assert key.digest == digest_of(secret)
    assert read_keys(path) == tuple(key for key, _ in made)


@pytest.mark.skipif(os.name == "nt", reason="modes are POSIX")
def test_modes_whatever_the_umask(tmp_path: Path) -> None:
    """S11."""
    before = os.umask(0)
    try:
        key_file.create(tmp_path / "data" / "keys.json", "laptop", Grants(), NOW)
    finally:
        os.umask(before)
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in tmp_path.rglob("*")}
    assert modes == {"data": 0o700, "keys.json": 0o600, "keys.lock": 0o600}


def test_grants_come_back_as_they_were_given(tmp_path: Path) -> None:
    grants = Grants(models=("a*", "ü"), providers=("p",), limits=Limits(tokens_per_day=5), expires=9)
    made, _ = key_file.create(tmp_path / "keys.json", "läptop 🙂", grants, NOW)
    assert (made.name, made.created, made.rotated, made.revoked) == ("läptop 🙂", int(NOW), None, None)
    assert read_keys(tmp_path / "keys.json")[0].grants == grants


def test_rotate_keeps_all_but_the_key(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    made, old = key_file.create(path, "laptop", Grants(models=("a",)), NOW)
    other, _ = key_file.create(path, "tablet", Grants(), NOW)
    renewed, new = key_file.rotate(path, "laptop", NOW + 60)
    assert new != old
    assert (renewed.id, renewed.name, renewed.grants, renewed.created) == (
        made.id,
        made.name,
        made.grants,
        made.created,
    )
    assert (renewed.digest, renewed.rotated) == (digest_of(new), int(NOW) + 60)
    assert read_keys(path) == (renewed, other)


def test_revoke_is_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    made, _ = key_file.create(path, "laptop", Grants(), NOW)
    ended = key_file.revoke(path, made.id, NOW)
    assert read_keys(path) == (ended,)
    assert ended.revoked == int(NOW)
    for change in (key_file.revoke, key_file.rotate):
        with pytest.raises(KeysError, match="revoked already"):
            change(path, "laptop", NOW)
    again, _ = key_file.create(path, "laptop", Grants(), NOW)
    assert again.id != made.id
    assert key_file.revoke(path, "laptop", NOW).id == again.id


def test_refusals(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    made, _ = key_file.create(path, "laptop", Grants(), NOW)
    with pytest.raises(KeysError, match=f"a key of the name 'laptop' already \\({made.id}\\)"):
        key_file.create(path, "laptop", Grants(), NOW)
    with pytest.raises(KeysError, match="There is no key 'tablet'"):
        key_file.revoke(path, "tablet", NOW)
    for name in ("", "  ", "x" * 65, "a\nb", "a\x1b[31m"):
        with pytest.raises(KeysError, match="1 to 64 printable"):
            key_file.create(path, name, Grants(), NOW)
    assert read_keys(path) == (made,)


def test_a_broken_file_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text("{half", "utf-8")
    with pytest.raises(KeysError, match="is not a file of keys"):
        key_file.create(path, "laptop", Grants(), NOW)
    assert path.read_text("utf-8") == "{half"


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file", "utf-8")
    with pytest.raises(KeysError, match="cannot be"):
        key_file.create(tmp_path / "data" / "keys.json", "laptop", Grants(), NOW)


def test_a_lock_that_is_never_freed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_file, "_PATIENCE_SECONDS", 0.1)
    with process_lock(tmp_path / "keys.lock"), pytest.raises(KeysError, match="Another process"):
        key_file.create(tmp_path / "keys.json", "laptop", Grants(), NOW)


def test_two_processes_lose_no_key_and_a_killed_one_breaks_nothing(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    writers = [writer(path, name, 15) for name in ("a", "b")]
    for each in writers:
        each.communicate(timeout=20)
        assert each.returncode == 0
    assert {key.name for key in read_keys(path)} == {f"{name}-{number}" for name in "ab" for number in range(15)}
    for round_ in range(3):
        doomed = writer(path, f"c{round_}", 100_000)
        assert doomed.stdout is not None
        told = [int(doomed.stdout.readline()) for _ in range(round_ * 3 + 1)][-1]
        doomed.kill()
        doomed.communicate()
        names = {key.name for key in read_keys(path)}
        assert {f"c{round_}-{number}" for number in range(told + 1)} <= names
    key_file.create(path, "after", Grants(), NOW)
