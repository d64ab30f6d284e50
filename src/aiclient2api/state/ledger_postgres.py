"""The ledger in PostgreSQL, for gateways on several machines, through asyncpg (the extra `postgres`).

Called from one thread like the SQLite one; that thread has an event loop of its own for asyncpg.
"""

import asyncio
import contextlib
import importlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from types import ModuleType
from typing import Any, Protocol, TypeVar

from aiclient2api.state.ledger import LedgerError
from aiclient2api.state.migrations import MIGRATIONS, TABLE
from aiclient2api.state.rows import COLUMNS, Row, Value

CONNECT_SECONDS = 5.0
COMMAND_SECONDS = 15.0
PRUNE_ROWS = 2000
VERSIONS = "aiclient2api_schema"

_LOCK = 0x61_69_63_32
"""The advisory lock under which one gateway at a time changes the schema ("aic2")."""

_INSERT = (
    f"INSERT INTO {TABLE} ({', '.join(COLUMNS)}) VALUES ({', '.join(f'${n}' for n in range(1, len(COLUMNS) + 1))})"
    " ON CONFLICT (time_ms, request_id) DO NOTHING"
)
_PRUNE = (
    f"DELETE FROM {TABLE} WHERE (time_ms, request_id) IN"
    f" (SELECT time_ms, request_id FROM {TABLE} WHERE time_ms < $1 ORDER BY time_ms LIMIT {PRUNE_ROWS})"
)

T = TypeVar("T")


class Connection(Protocol):
    """What is used of asyncpg's connection."""

    async def execute(self, query: str, *values: Value) -> str: ...
    async def executemany(self, command: str, args: Iterable[Sequence[Value]]) -> None: ...
    async def fetch(self, query: str, *values: Value) -> list[Any]: ...
    async def fetchval(self, query: str, *values: Value) -> Any: ...
    def transaction(self) -> contextlib.AbstractAsyncContextManager[object]: ...
    async def close(self, *, timeout: float) -> None: ...
    def terminate(self) -> None: ...


class PostgresLedger:
    """The writer. Raises LedgerError at once if asyncpg is not installed."""

    def __init__(self, url: str, migrations: Sequence[Sequence[str]] = MIGRATIONS) -> None:
        self._driver = _driver()
        self._url = url
        self._migrations = migrations
        self._runner: asyncio.Runner | None = None
        self._connection: Connection | None = None

    def write(self, rows: Sequence[Row]) -> None:
        self._run(lambda connection: connection.executemany(_INSERT, rows))  # one transaction of its own

    def prune(self, before_ms: int) -> bool:
        done = self._run(lambda connection: connection.execute(_PRUNE, before_ms))
        return done == f"DELETE {PRUNE_ROWS}"

    def close(self) -> None:
        runner, self._runner = self._runner, None
        connection, self._connection = self._connection, None
        if runner is None:
            return
        if connection is not None:
            with contextlib.suppress(*_errors(self._driver)):
                runner.run(connection.close(timeout=CONNECT_SECONDS))
        runner.close()

    def _run(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Do `work` on a connection; whatever goes wrong becomes a LedgerError and ends the connection."""
        if self._runner is None:
            self._runner = asyncio.Runner()
        try:
            return self._runner.run(self._with_connection(work))
        except _errors(self._driver) as error:
            self._end()
            raise LedgerError(_words(error), rejected=isinstance(error, _will_never_do(self._driver))) from error
        except LedgerError:
            self._end()
            raise

    async def _with_connection(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        if self._connection is None:
            self._connection = await _connect(self._driver, self._url)
            await _migrate(self._connection, self._migrations)
        return await work(self._connection)

    def _end(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None and self._runner is not None:
            self._runner.run(_hang_up(connection))


class PostgresReader:
    """Reads with a connection for each query. Raises LedgerError."""

    def __init__(self, url: str) -> None:
        self._driver = _driver()
        self._url = url

    def fetch(self, query: str, values: Sequence[Value]) -> list[Row]:
        """The rows of a query with `?` for values, none if there is no ledger yet. Not for a thread with a loop."""
        try:
            return asyncio.run(self._fetch(_numbered(query), values))
        except _errors(self._driver) as error:
            raise LedgerError(_words(error)) from error

    async def _fetch(self, query: str, values: Sequence[Value]) -> list[Row]:
        connection = await _connect(self._driver, self._url)
        try:
            if await connection.fetchval("SELECT to_regclass($1) IS NULL", TABLE):
                return []
            return [tuple(row) for row in await connection.fetch(query, *values)]
        finally:
            await connection.close(timeout=CONNECT_SECONDS)


def _driver() -> ModuleType:
    """asyncpg, imported only where it is used."""
    try:
        return importlib.import_module("asyncpg")
    except ImportError:
        raise LedgerError(
            "DATABASE_URL names a PostgreSQL database, and its driver is not installed:"
            " pip install 'aiclient2api[postgres]'."
        ) from None


async def _connect(driver: ModuleType, url: str) -> Connection:
    """No cache of prepared statements: a pooler in between may give each transaction another server process."""
    connection: Connection = await driver.connect(
        url, timeout=CONNECT_SECONDS, command_timeout=COMMAND_SECONDS, statement_cache_size=0
    )
    return connection


async def _hang_up(connection: Connection) -> None:
    connection.terminate()
    await asyncio.sleep(0)  # the loop's turn to close the socket


async def _migrate(connection: Connection, migrations: Sequence[Sequence[str]]) -> None:
    async with connection.transaction():
        await connection.execute(f"SELECT pg_advisory_xact_lock({_LOCK})")
        if await connection.fetchval("SELECT to_regclass($1) IS NULL", VERSIONS):
            await connection.execute(f"CREATE TABLE {VERSIONS} (version INTEGER NOT NULL)")
        version = await connection.fetchval(f"SELECT coalesce(max(version), 0) FROM {VERSIONS}")
        if version > len(migrations):
            raise LedgerError("the tables in the database were made by a newer version of this program")
        for step in migrations[version:]:
            for statement in step:
                await connection.execute(statement)
        if version < len(migrations):
            await connection.execute(f"INSERT INTO {VERSIONS} VALUES ($1)", len(migrations))


def _errors(driver: ModuleType) -> tuple[type[Exception], ...]:
    """All that asyncpg raises; ValueError is its word for a URL that is none."""
    return driver.PostgresError, driver.InterfaceError, driver.InternalClientError, OSError, TimeoutError, ValueError


def _will_never_do(driver: ModuleType) -> tuple[type[Exception], ...]:
    """ValueError: asyncpg cannot encode a value."""
    return driver.DataError, driver.IntegrityConstraintViolationError, ValueError


def _words(error: Exception) -> str:
    """The server's words, in one line, without the URL that may hold a password."""
    return f"PostgreSQL: {' '.join(str(error).split()) or type(error).__name__}"


def _numbered(query: str) -> str:
    first, *rest = query.split("?")
    return first + "".join(f"${number}{part}" for number, part in enumerate(rest, 1))
