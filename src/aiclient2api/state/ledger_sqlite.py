"""The ledger in an SQLite file: the writer's side, and a reader that never disturbs it.

WAL, so that readers and writers do not wait for each other, and synchronous NORMAL: a killed process loses nothing
that was committed, a power cut the last moments at most, and neither harms the file (sqlite.org/wal.html).
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from aiclient2api import files
from aiclient2api.state.ledger import LedgerError
from aiclient2api.state.migrations import MIGRATIONS, TABLE
from aiclient2api.state.rows import COLUMNS, Row, Value

FILE_NAME = "usage.sqlite3"
BUSY_SECONDS = 5.0
PRUNE_ROWS = 2000

CHUNK = 32
"""Rows of one statement: Python's global lock is let go and waited for at each, which would cost the event loop more
than the writing. An old SQLite takes no more than 999 values. What is left over goes by halves, so that there are few
statements: SQLite keeps each, and they are large."""

_PRUNE = (
    f"DELETE FROM {TABLE} WHERE rowid IN"
    f" (SELECT rowid FROM {TABLE} WHERE time_ms < ? ORDER BY time_ms LIMIT {PRUNE_ROWS})"
)
_WILL_NEVER_DO = (sqlite3.DataError, sqlite3.IntegrityError, sqlite3.InterfaceError, sqlite3.ProgrammingError)


class SqliteLedger:
    """The writer. After any trouble, and when the file was replaced or deleted, it opens anew."""

    def __init__(self, path: Path, migrations: Sequence[Sequence[str]] = MIGRATIONS) -> None:
        self._path = path
        self._migrations = migrations
        self._database: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None

    def write(self, rows: Sequence[Row]) -> None:
        with self._transaction() as database:
            at, size = 0, CHUNK
            while at < len(rows):
                while size > len(rows) - at:
                    size //= 2
                database.execute(_insert(size), [value for row in rows[at : at + size] for value in row])
                at += size

    def prune(self, before_ms: int) -> bool:
        if not self._path.exists():  # the first entry makes the file
            return False
        with self._transaction() as database:
            return database.execute(_PRUNE, (before_ms,)).rowcount == PRUNE_ROWS

    def close(self) -> None:
        database, self._database = self._database, None
        if database is not None:
            with contextlib.suppress(sqlite3.Error):
                database.close()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing; whatever goes wrong becomes a LedgerError and closes the connection."""
        try:
            database = self._open()
            database.execute("BEGIN IMMEDIATE")
            yield database
            database.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise LedgerError(f"{self._path}: {error}", rejected=isinstance(error, _WILL_NEVER_DO)) from error
        except LedgerError:
            self.close()
            raise

    def _open(self) -> sqlite3.Connection:
        if self._database is not None and self._file != _identity(self._path):
            self.close()
        if self._database is None:
            files.make_private_folder(self._path.parent)
            files.open_append(self._path).close()  # private from its first moment; SQLite's other files copy its mode
            self._file = _identity(self._path)
            self._database = sqlite3.connect(self._path, timeout=BUSY_SECONDS, isolation_level=None)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=NORMAL")
            self._database.execute("PRAGMA journal_size_limit=67108864")
            # Rows come in the order of time: the last pages are all that is needed, and 2 MB, which SQLite would take
            # otherwise, are slower.
            self._database.execute("PRAGMA cache_size=-256")
            self._migrate(self._database)
        return self._database

    def _migrate(self, database: sqlite3.Connection) -> None:
        if _version(database) == len(self._migrations):
            return
        database.execute("BEGIN IMMEDIATE")  # another process may be at it, too
        version = _version(database)
        if version > len(self._migrations):
            raise LedgerError(f"{self._path} was written by a newer version of this program")
        for step in self._migrations[version:]:
            for statement in step:
                database.execute(statement)
        database.execute(f"PRAGMA user_version={len(self._migrations)}")
        database.execute("COMMIT")


@lru_cache(maxsize=CHUNK)
def _insert(rows: int) -> str:
    row = f"({', '.join('?' * len(COLUMNS))})"
    return (
        f"INSERT INTO {TABLE} ({', '.join(COLUMNS)}) VALUES {', '.join([row] * rows)}"
        " ON CONFLICT (time_ms, request_id) DO NOTHING"
    )


def _version(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA user_version").fetchone()[0])


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file lies there."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


class SqliteReader:
    """Reads beside a running writer. Raises LedgerError."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def fetch(self, query: str, values: Sequence[Value]) -> list[Row]:
        """The rows of a query, none if there is no ledger yet."""
        if not self._path.exists():
            return []
        try:
            with contextlib.closing(self._connect()) as database:
                if _version(database) == 0:
                    return []
                return database.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise LedgerError(f"{self._path}: {error}") from error

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS)
