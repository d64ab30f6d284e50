"""A private file that is rotated by size, whoever else moves it."""

import os
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aiclient2api.observe.rotate import RotatingFile

Opener = Callable[..., RotatingFile]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opener]:
    """Opens tmp_path/app.log, and closes it in the end."""
    files: list[RotatingFile] = []

    def opener(max_bytes: int = 0, max_files: int = 0) -> RotatingFile:
        files.append(RotatingFile(tmp_path / "app.log", max_bytes, max_files))
        return files[-1]

    yield opener
    for file in files:
        file.close()


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_lines_are_appended(opened: Opener, tmp_path: Path) -> None:
    (tmp_path / "app.log").write_bytes(b"old\n")
    file = opened()
    for line in (b"a\n", b"b\n"):
        file.write(line)
    assert content(tmp_path) == {"app.log": b"old\na\nb\n"}


def test_the_newest_older_file_is_1(opened: Opener, tmp_path: Path) -> None:
    file = opened(4, 2)
    for line in (b"1\n", b"2\n", b"3\n", b"4\n", b"5\n", b"6\n", b"7\n"):
        file.write(line)
    assert content(tmp_path) == {"app.log": b"7\n", "app.log.1": b"5\n6\n", "app.log.2": b"3\n4\n"}


def test_a_file_is_rotated_before_it_is_too_large(opened: Opener, tmp_path: Path) -> None:
    file = opened(10, 1)
    file.write(b"12345678\n")
    file.write(b"\n")
    assert content(tmp_path) == {"app.log": b"12345678\n\n"}
    file.write(b"\n")
    assert content(tmp_path) == {"app.log": b"\n", "app.log.1": b"12345678\n\n"}


def test_a_line_over_the_bound_stands_alone(opened: Opener, tmp_path: Path) -> None:
    file = opened(4, 3)
    for line in (b"123456789\n", b"a\n", b"123456789\n"):
        file.write(line)
    assert content(tmp_path) == {"app.log": b"123456789\n", "app.log.1": b"a\n", "app.log.2": b"123456789\n"}


def test_bytes_count_not_characters(opened: Opener, tmp_path: Path) -> None:
    file = opened(9, 1)
    file.write("中文\n".encode())
    file.write("中文\n".encode())
    assert content(tmp_path) == {"app.log": "中文\n".encode(), "app.log.1": "中文\n".encode()}


def test_no_bound(opened: Opener, tmp_path: Path) -> None:
    file = opened(0, 5)
    for _ in range(100):
        file.write(b"x" * 1000)
    assert len(content(tmp_path)["app.log"]) == 100_000
    assert len(content(tmp_path)) == 1


def test_no_older_files(opened: Opener, tmp_path: Path) -> None:
    file = opened(4, 0)
    for line in (b"1\n", b"2\n", b"3\n"):
        file.write(line)
    assert content(tmp_path) == {"app.log": b"3\n"}


def test_all_files_are_private_under_any_umask(opened: Opener, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        file = opened(2, 2)
        for _ in range(4):
            file.write(b"x\n")
    finally:
        os.umask(before)
    assert {mode(path) for path in tmp_path.iterdir()} == {0o600}
    assert len(content(tmp_path)) == 3


def test_a_file_that_others_could_read_becomes_private(opened: Opener, tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    path.write_bytes(b"")
    path.chmod(0o644)
    opened()
    assert mode(path) == 0o600


@pytest.mark.parametrize("how", ["moved", "removed", "replaced"])
def test_a_file_that_somebody_took_away_is_made_again(opened: Opener, tmp_path: Path, how: str) -> None:
    path = tmp_path / "app.log"
    file = opened()
    file.write(b"a\n")
    if how == "removed":
        path.unlink()
    else:
        path.rename(tmp_path / "moved.log")
    if how == "replaced":
        path.write_bytes(b"other\n")
    file.write(b"b\n")
    assert path.read_bytes() == (b"other\nb\n" if how == "replaced" else b"b\n")
    assert mode(path) == 0o600


def test_two_writers_share_the_rotation(opened: Opener, tmp_path: Path) -> None:
    one, two = opened(4, 3), opened(4, 3)
    for file, line in ((one, b"1\n"), (two, b"2\n"), (one, b"3\n"), (two, b"4\n"), (two, b"5\n"), (one, b"6\n")):
        file.write(line)
    assert content(tmp_path) == {"app.log": b"5\n6\n", "app.log.1": b"3\n4\n", "app.log.2": b"1\n2\n"}


def test_what_cannot_be_rotated_grows_on(opened: Opener, tmp_path: Path) -> None:
    (tmp_path / "app.log.1").mkdir()
    file = opened(4, 1)
    for line in (b"1\n", b"2\n", b"3\n"):
        file.write(line)
    assert (tmp_path / "app.log").read_bytes() == b"1\n2\n3\n"


def test_a_pipe_is_written_to_and_never_rotated(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    os.mkfifo(path)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(path.read_bytes()))
    reader.start()
    file = RotatingFile(path, 4, 2)
    for line in (b"1\n", b"2\n", b"3\n"):
        file.write(line)
    file.close()
    reader.join()
    assert got == [b"1\n2\n3\n"]
    assert [each.name for each in tmp_path.iterdir()] == ["app.log"]


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    (tmp_path / "app.log").symlink_to("/dev/full")
    file = RotatingFile(tmp_path / "app.log", 4, 2)
    with pytest.raises(OSError, match="No space left"):
        file.write(b"1\n")
    file.close()
    file.close()
