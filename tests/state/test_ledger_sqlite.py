"""The file: private, whole, readable while it is written, and writable again after whatever went wrong."""

import os
import re
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from aiclient2api.state import ledger_sqlite
from aiclient2api.state.ledger import Ledger, LedgerError
from aiclient2api.state.ledger_sqlite import SqliteLedger, SqliteReader
from aiclient2api.state.migrations import MIGRATIONS, TABLE
from aiclient2api.state.rows import COLUMNS, Row, row_of
from tests.state.entries import entry, no_price, soon

ROOT = Path(__file__).parents[2]
ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT)))}
ALL = f"SELECT {', '.join(COLUMNS)} FROM {TABLE} ORDER BY time_ms"


class Writer(SqliteLedger):
    """Closed by the test that forgets it."""

    def __del__(self) -> None:
        self.close()


def row(number: int = 0) -> Row:
    return row_of(entry(number), 0.5)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "usage.sqlite3"


def everything(path: Path) -> list[Row]:
    return SqliteReader(path).fetch(ALL, ())


def test_rows_come_back_as_they_were_written(path: Path) -> None:
    subject = Writer(path)
    rows = [row(0), row_of(entry(1, usage=None, model_asked=None, error_kind="timeout", status=504), None)]
    subject.write(rows)
    assert everything(path) == rows
    subject.close()
    assert everything(path) == rows


def test_a_row_that_is_there_already_stays(path: Path) -> None:
    """A batch may be written twice if nobody could tell whether the first time worked."""
    subject = Writer(path)
    subject.write([row(0), row(1)])
    subject.write([row(1), row(2)])
    assert everything(path) == [row(0), row(1), row(2)]
    subject.close()


def test_nothing_is_made_before_the_first_entry(path: Path) -> None:
    assert not Writer(path).prune(0)
    assert everything(path) == []
    assert not path.parent.exists()


@pytest.mark.skipif(os.name == "nt", reason="modes are POSIX")
def test_modes_whatever_the_umask(path: Path) -> None:
    """S11: SQLite's own files beside it, too."""
    before = os.umask(0)
    try:
        subject = Writer(path)
        subject.write([row()])
        modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert modes == {"usage.sqlite3": 0o600, "usage.sqlite3-wal": 0o600, "usage.sqlite3-shm": 0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    subject.close()


def test_settings_of_the_file(path: Path) -> None:
    subject = Writer(path)
    subject.write([row()])
    assert subject._database is not None
    assert subject._database.execute("PRAGMA synchronous").fetchone() == (1,)  # NORMAL
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert other.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
        assert [each[1] for each in other.execute(f"PRAGMA table_info({TABLE})")] == list(COLUMNS)
    subject.close()


def test_readers_and_the_writer_do_not_wait_for_each_other(path: Path) -> None:
    subject = Writer(path)
    subject.write([row(0)])
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as slow:
        cursor = slow.execute(ALL)
        assert cursor.fetchone() == row(0)
        subject.write([row(1)])
        assert everything(path) == [row(0), row(1)]
    subject.close()


def test_the_reader_cannot_write(path: Path) -> None:
    Writer(path).write([row()])
    with pytest.raises(LedgerError, match="readonly"):
        SqliteReader(path).fetch(f"DELETE FROM {TABLE}", ())
    assert everything(path) == [row()]


@pytest.mark.parametrize("name", ["a b", "a?b", "a#b", "a%20b", "用量"])
def test_folders_of_any_name(tmp_path: Path, name: str) -> None:
    subject = Writer(tmp_path / name / "usage.sqlite3")
    subject.write([row()])
    assert everything(tmp_path / name / "usage.sqlite3") == [row()]
    subject.close()


def test_old_rows_go_in_portions(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_sqlite, "PRUNE_ROWS", 4)
    monkeypatch.setattr(ledger_sqlite, "_PRUNE", re.sub(r"LIMIT \d+", "LIMIT 4", ledger_sqlite._PRUNE))
    subject = Writer(path)
    subject.write([row(number) for number in range(10)])
    before = int(str(row(9)[0]))
    assert subject.prune(before)
    assert [each[1] for each in everything(path)] == [f"req_{number}" for number in range(4, 10)]
    assert subject.prune(before)
    assert not subject.prune(before)
    assert everything(path) == [row(9)]
    subject.close()


# --- schema


def test_migrations_go_forward(path: Path) -> None:
    subject = Writer(path)
    subject.write([row(0)])
    subject.close()
    later = (*MIGRATIONS, (f"ALTER TABLE {TABLE} ADD COLUMN region TEXT", f"UPDATE {TABLE} SET region = 'x'"))
    newer = Writer(path, later)
    newer.write([row(1)])
    newer.close()
    assert SqliteReader(path).fetch(f"SELECT request_id, region FROM {TABLE}", ()) == [("req_0", "x"), ("req_1", None)]
    older = Writer(path)
    with pytest.raises(LedgerError, match="newer version"):
        older.write([row(2)])
    assert len(everything(path)) == 2


def test_a_migration_that_fails_changes_nothing(path: Path) -> None:
    Writer(path).write([row(0)])
    broken = (*MIGRATIONS, (f"ALTER TABLE {TABLE} ADD COLUMN region TEXT", "NOT SQL"))
    with pytest.raises(LedgerError, match="syntax error"):
        Writer(path, broken).write([row(1)])
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
        assert len(other.execute(f"PRAGMA table_info({TABLE})").fetchall()) == len(COLUMNS)
    Writer(path).write([row(1)])
    assert len(everything(path)) == 2


# --- trouble


def test_a_file_that_is_deleted_is_made_anew(path: Path) -> None:
    subject = Writer(path)
    subject.write([row(0)])
    path.unlink()
    subject.write([row(1)])
    assert everything(path) == [row(1)]
    subject.close()


def test_a_folder_that_cannot_be_written_and_then_can(path: Path) -> None:
    path.parent.write_text("a file in the place of the folder", "utf-8")
    subject = Writer(path)
    for _ in range(2):
        with pytest.raises(LedgerError, match=re.escape(str(path))):
            subject.write([row()])
    path.parent.unlink()
    subject.write([row()])
    assert everything(path) == [row()]
    subject.close()


def test_a_file_that_is_no_database_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("somebody's notes " * 100, "utf-8")
    before = path.read_bytes()
    with pytest.raises(LedgerError, match="not a database"):
        Writer(path).write([row()])
    with pytest.raises(LedgerError, match="not a database"):
        everything(path)
    assert path.read_bytes() == before


def test_a_lock_that_lasts(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_sqlite, "BUSY_SECONDS", 0.1)
    subject = Writer(path)
    subject.write([row(0)])
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerError, match="locked") as caught:
            subject.write([row(1)])
        assert not caught.value.rejected
    subject.write([row(1)])
    assert len(everything(path)) == 2
    subject.close()


def test_rows_that_no_database_takes_are_refused(path: Path) -> None:
    subject = Writer(path)
    with pytest.raises(LedgerError) as caught:
        subject.write([row(0), (None, *row(1)[1:])])
    assert caught.value.rejected
    assert everything(path) == []
    subject.close()


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from aiclient2api.state import ledger
from aiclient2api.state.ledger import Ledger
from aiclient2api.state.ledger_sqlite import SqliteLedger, SqliteReader
from aiclient2api.state.report import total
from tests.state.entries import entry, no_price, soon
ledger.FIRST_PAUSE = ledger.MAX_PAUSE = 0.02
ledger.FLUSH_SECONDS = 0.01
ledger.MAX_WAITING = 3000
path = Path(sys.argv[1])
subject = Ledger(SqliteLedger(path), no_price)
subject.start()
subject.offer(entry(0))
soon(lambda: subject.stats().written == 1)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
for number in range(1, 10_001):
    subject.offer(entry(number))
soon(lambda: subject.stats().problem is not None)
full = subject.stats()
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
subject.offer(entry(20_000))
soon(lambda: subject.stats().problem is None and subject.stats().waiting == 0)
subject.close()
end = subject.stats()
print(full.dropped, end.written, end.dropped, total(SqliteReader(path), 0, 2e9).requests)
print(full.problem)
"""


@pytest.mark.skipif(os.name == "nt", reason="limits of file sizes are POSIX")
def test_a_full_disk_loses_only_what_does_not_fit_into_the_queue(path: Path) -> None:
    """P4, with a real limit of the system on the size of files; when there is room again, all that waits is written."""
    command = (sys.executable, "-c", FULL_DISK, str(path))
    ended = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=30)
    assert ended.returncode == 0, ended.stderr
    numbers, problem = ended.stdout.splitlines()
    dropped, all_written, all_dropped, kept = map(int, numbers.split())
    assert "full" in problem or "I/O" in problem
    assert 0 < dropped <= all_dropped <= dropped + 1  # the entry that comes when there is room again may find none
    assert kept == all_written >= 3000
    assert all_written + all_dropped == 10_002
    assert everything_is_well(path)
    assert ended.stderr.count("usage ledger") <= 2  # one warning a minute, and the last word


def everything_is_well(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as database:
        return bool(database.execute("PRAGMA integrity_check").fetchone() == ("ok",))


def test_two_processes_write_one_file(path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tests.state.entries import entry, no_price;"
        "from aiclient2api.state.ledger import Ledger; from aiclient2api.state.ledger_sqlite import SqliteLedger;"
        "subject = Ledger(SqliteLedger(Path(sys.argv[1])), no_price); subject.start();"
        "[subject.offer(entry(n, request_id=f'{sys.argv[2]}-{n}')) for n in range(5000)];"
        "subject.close(); print(subject.stats().written)"
    )
    writers = [
        subprocess.Popen((sys.executable, "-c", code, str(path), name), env=ENVIRONMENT, stdout=subprocess.PIPE)
        for name in ("a", "b")
    ]
    assert [each.communicate(timeout=30)[0].strip() for each in writers] == [b"5000", b"5000"]
    assert len(everything(path)) == 10_000
    assert everything_is_well(path)


def test_no_text_of_anybody_is_in_the_file(path: Path) -> None:
    """E7: whatever a client puts where a model's name belongs."""
    canary = "my secret prompt 秘密 canary"
    subject = Ledger(Writer(path), no_price)
    subject.start()
    for number in range(50):
        subject.offer(entry(number, model_asked=canary, model_served=f"{canary} {number}"))
    soon(lambda: subject.stats().written == 50)
    subject.close()
    data = b"".join(each.read_bytes() for each in path.parent.iterdir())
    assert b"claude-1a2b3c" in data
    for word in canary.split():
        assert word.encode() not in data
