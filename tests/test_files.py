"""Files that are whole or not there, private from their first moment, and locks between processes."""

import fcntl
import os
import random
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from aiclient2api.files import LockTimeout, make_private_folder, open_append, process_lock, write_atomic


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@contextmanager
def umask(value: int) -> Iterator[None]:
    before = os.umask(value)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def child(code: str, *arguments: object) -> Iterator["subprocess.Popen[bytes]"]:
    """Another process of ours that runs this code; it is killed in the end."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as process:
        try:
            yield process
        finally:
            process.kill()


def first_line(process: "subprocess.Popen[bytes]") -> bytes:
    assert process.stdout is not None
    return process.stdout.readline()


# --- folders


def test_new_folders_are_private_under_any_umask(tmp_path: Path) -> None:
    with umask(0):
        make_private_folder(tmp_path / "a" / "b" / "c")
    assert {mode(tmp_path / each) for each in ("a", "a/b", "a/b/c")} == {0o700}


def test_folders_that_were_there_stay_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a").chmod(0o755)
    make_private_folder(tmp_path / "a" / "b")
    make_private_folder(tmp_path / "a" / "b")
    assert (mode(tmp_path / "a"), mode(tmp_path / "a" / "b")) == (0o755, 0o700)


# --- whole or not at all


@pytest.mark.parametrize("data", [b"", b"x", b"\0\xff\r\n", b"x" * 3_000_000])
def test_what_is_written_is_there_and_nothing_else(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "file"
    for _ in range(2):
        write_atomic(path, data)
        assert path.read_bytes() == data
    assert list(tmp_path.iterdir()) == [path]


def test_modes_under_any_umask(tmp_path: Path) -> None:
    with umask(0):
        write_atomic(tmp_path / "private", b"")
        write_atomic(tmp_path / "public", b"", 0o644)
    assert (mode(tmp_path / "private"), mode(tmp_path / "public")) == (0o600, 0o644)


def test_a_file_that_others_could_read_is_replaced_by_a_private_one(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o666)
    write_atomic(path, b"new")
    assert mode(path) == 0o600


@pytest.mark.parametrize("step", ["fdopen", "fsync", "replace"])
def test_a_failing_step_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = tmp_path / "file"
    write_atomic(path, b"old")

    def failing(*arguments: object, **others: object) -> None:
        if step == "fdopen":
            os.close(arguments[0])  # type: ignore[arg-type]
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, step, failing)
    with pytest.raises(OSError, match="Input/output error"):
        write_atomic(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_flushed_is_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some network file systems refuse it."""
    real = os.fsync

    def fsync(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(22, "Invalid argument")
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    write_atomic(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path / "missing" / "x", tmp_path / "file" / "x"):
        with pytest.raises(OSError, match=r"No such|Not a directory"):
            write_atomic(path, b"")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_atomic(tmp_path / "folder", b"")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "folder"]


FULL = """
import resource, sys
from pathlib import Path
from aiclient2api.files import write_atomic
path = Path(sys.argv[1])
write_atomic(path, b"old")
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_atomic(path, b"x" * 100_000)
except OSError as error:
    print(error.strerror)
"""


@pytest.mark.e2e
def test_a_full_disk_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FULL, str(tmp_path / "file")], capture_output=True, check=True)
    assert done.stdout == b"File too large\n"
    assert (tmp_path / "file").read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


KILLED_AT = """
import os, signal, sys
from pathlib import Path
from aiclient2api import files

path, step, number, after = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4] == "after"
real, calls = getattr(os, step), []

def killing(*arguments, **others):
    calls.append(step)
    if len(calls) == number and not after:
        os.kill(os.getpid(), signal.SIGKILL)
    result = real(*arguments, **others)
    if len(calls) == number:
        os.kill(os.getpid(), signal.SIGKILL)
    return result

setattr(os, step, killing)
os.umask(0)
files.write_atomic(path, b"new" * 100_000)
"""

STEPS = [
    ("open", 1, "before", b"old"),
    ("open", 1, "after", b"old"),
    ("fsync", 1, "before", b"old"),
    ("fsync", 1, "after", b"old"),
    ("replace", 1, "before", b"old"),
    ("replace", 1, "after", b"new" * 100_000),
    ("fsync", 2, "before", b"new" * 100_000),
    ("fsync", 2, "after", b"new" * 100_000),
]


@pytest.mark.e2e
@pytest.mark.parametrize(("step", "number", "when", "expected"), STEPS)
def test_killed_at_each_step(tmp_path: Path, step: str, number: int, when: str, expected: bytes) -> None:
    path = tmp_path / "file"
    write_atomic(path, b"old")
    done = subprocess.run([sys.executable, "-c", KILLED_AT, str(path), step, str(number), when], check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_bytes() == expected
    assert {mode(each) for each in tmp_path.iterdir()} == {0o600}


WRITES = """
import itertools, os, sys
from pathlib import Path
from aiclient2api.files import write_atomic

os.umask(0)
for number in itertools.count(int(sys.argv[2])):
    write_atomic(Path(sys.argv[1]), b"%d:" % number + b"x" * (number % 7 * 30_000) + b":%d" % number)
    print(number, flush=True)
"""


@pytest.mark.e2e
@pytest.mark.slow
def test_killed_at_random_moments_the_file_is_always_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    number = 0
    for _ in range(40):
        with child(WRITES, path, number) as process:
            told = int(first_line(process))
            time.sleep(random.uniform(0, 0.02))
            process.kill()
            rest, _ = process.communicate()
        told = max([told, *(int(line) for line in rest.splitlines(keepends=True) if line.endswith(b"\n"))])
        found = path.read_bytes()
        number = int(found.partition(b":")[0])
        assert found == b"%d:" % number + b"x" * (number % 7 * 30_000) + b":%d" % number
        assert told <= number <= told + 1, "what was told to be written is there"
        assert {mode(each) for each in tmp_path.iterdir()} == {0o600}


# --- appending


def test_appending_to_a_private_file(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with umask(0):
        for data in (b"a", b"b"):
            with open_append(path) as file:
                file.write(data)
                assert path.read_bytes().endswith(data), "nothing is buffered"
    assert path.read_bytes() == b"ab"
    assert mode(path) == 0o600


def test_appending_makes_a_file_private(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"a")
    path.chmod(0o664)
    open_append(path).close()
    assert mode(path) == 0o600


def test_appending_to_what_is_no_regular_file_leaves_its_mode_alone() -> None:
    before = mode(Path(os.devnull))
    open_append(Path(os.devnull)).close()
    assert mode(Path(os.devnull)) == before


# --- locks

HOLDS = """
import sys
from pathlib import Path
from aiclient2api.files import process_lock

with process_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
print("free", flush=True)
"""


def test_a_lock_is_taken_and_given_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "lock"
    for _ in range(3):
        with process_lock(path, 0):
            assert (mode(path), mode(path.parent)) == (0o600, 0o700)
            with pytest.raises(LockTimeout), process_lock(path, 0):
                pytest.fail("held twice")


def test_a_lock_is_given_back_when_its_holder_fails(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with pytest.raises(KeyError), process_lock(path, 0):
        raise KeyError
    with process_lock(path, 0):
        pass


@pytest.mark.e2e
def test_another_process_waits_its_patience(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with child(HOLDS, path) as process:
        assert first_line(process) == b"held\n"
        begun = time.monotonic()
        with pytest.raises(LockTimeout, match="lock"), process_lock(path, 0.2):
            pytest.fail("held twice")
        assert 0.2 <= time.monotonic() - begun < 5
        assert process.stdin is not None
        process.stdin.close()
        with process_lock(path, 10):
            assert first_line(process) == b"free\n"


@pytest.mark.e2e
def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    with child(HOLDS, tmp_path / "lock") as process:
        assert first_line(process) == b"held\n"
        process.kill()
        assert process.wait() == -signal.SIGKILL
    with process_lock(tmp_path / "lock", 0):
        pass


COUNTS = """
import sys
from pathlib import Path
from aiclient2api.files import process_lock, write_atomic

folder = Path(sys.argv[1])
for _ in range(int(sys.argv[2])):
    with process_lock(folder / "lock"):
        count = int((folder / "count").read_bytes())
        write_atomic(folder / "count", b"%d" % (count + 1))
"""


@pytest.mark.e2e
def test_only_one_process_at_a_time(tmp_path: Path) -> None:
    (tmp_path / "count").write_bytes(b"0")
    with ExitStack() as running:
        processes = [running.enter_context(child(COUNTS, tmp_path, 20)) for _ in range(3)]
        assert [process.wait(timeout=40) for process in processes] == [0, 0, 0]
    assert (tmp_path / "count").read_bytes() == b"60"


FORKS = """
import os, signal, sys
from pathlib import Path
from aiclient2api.files import process_lock

with process_lock(Path(sys.argv[1])):
    pid = os.fork()
    if pid == 0:
        signal.pause()
with process_lock(Path(sys.argv[1]), 0):
    print("free")
os.kill(pid, signal.SIGKILL)
os.waitpid(pid, 0)
"""


@pytest.mark.e2e
def test_a_forked_child_does_not_keep_the_lock(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORKS, str(tmp_path / "lock")], capture_output=True, check=False, timeout=20
    )
    assert done.stdout == b"free\n", done.stderr


def test_where_no_lock_can_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match="Not a directory"), process_lock(tmp_path / "file" / "lock"):
        pytest.fail("held")

    def flock(handle: int, operation: int) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(OSError, match="No locks available"), process_lock(tmp_path / "lock"):
        pytest.fail("held")
