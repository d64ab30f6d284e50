"""PostgreSQL, a real server: rows, schema, cut connections, a server that is away, gateways side by side."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from aiclient2api.state import ledger
from aiclient2api.state.ledger import Ledger, LedgerError
from aiclient2api.state.ledger_postgres import VERSIONS, PostgresLedger, PostgresReader
from aiclient2api.state.migrations import MIGRATIONS, TABLE
from aiclient2api.state.rows import COLUMNS, Row, row_of
from tests.state.conftest import run_sql
from tests.state.entries import entry, no_price, soon

ROOT = Path(__file__).parents[2]
ALL = f"SELECT {', '.join(COLUMNS)} FROM {TABLE} ORDER BY time_ms, request_id"


def row(number: int = 0) -> Row:
    return row_of(entry(number), 0.5)


def everything(url: str) -> list[Row]:
    return PostgresReader(url).fetch(ALL, ())


@pytest.fixture
def subject(postgres_url: str) -> Iterator[PostgresLedger]:
    made = PostgresLedger(postgres_url)
    yield made
    made.close()


def cut_connections(url: str) -> int:
    """End every other connection to the database, as a server that restarts does."""
    query = (
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    return int(run_sql(url, lambda connection: connection.fetchval(query)))


def test_rows_come_back_as_they_were_written(postgres_url: str, subject: PostgresLedger) -> None:
    assert everything(postgres_url) == []
    rows = [row(0), row_of(entry(1, usage=None, model_asked=None, error_kind="timeout", status=504), None)]
    subject.write(rows)
    subject.write([row(1), row(2)])
    assert everything(postgres_url) == [*rows, row(2)]


def test_text_that_postgres_does_not_take_is_cleaned(postgres_url: str, subject: PostgresLedger) -> None:
    subject.write([row_of(entry(0, account="a\x00b\udcffc", key_id="k" * 500), None)])
    assert PostgresReader(postgres_url).fetch(f"SELECT account, length(key_id) FROM {TABLE}", ()) == [("a?b?c", 128)]


def test_old_rows_are_deleted(postgres_url: str, subject: PostgresLedger) -> None:
    subject.write([row(number) for number in range(10)])
    assert not subject.prune(int(str(row(9)[0])))
    assert everything(postgres_url) == [row(9)]


def test_a_connection_that_was_cut(postgres_url: str, subject: PostgresLedger) -> None:
    subject.write([row(0)])
    assert cut_connections(postgres_url) == 1
    with pytest.raises(LedgerError, match="PostgreSQL: "):
        subject.write([row(1)])
    subject.write([row(1)])
    assert everything(postgres_url) == [row(0), row(1)]


def test_through_the_queue_with_cuts(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is lost and nothing is there twice."""
    monkeypatch.setattr(ledger, "FLUSH_SECONDS", 0.01)
    monkeypatch.setattr(ledger, "FIRST_PAUSE", 0.01)
    queue = Ledger(PostgresLedger(postgres_url), no_price)
    queue.start()
    cut = 0
    for first in range(0, 3000, 500):
        for number in range(first, first + 500):
            queue.offer(entry(number))
        soon(lambda: queue.stats().written > first)  # noqa: B023
        cut += cut_connections(postgres_url)
    soon(lambda: queue.stats().waiting == 0)
    queue.close()
    assert cut >= 5
    assert queue.stats() == (3000, 0, 0, None)
    assert [each[1] for each in everything(postgres_url)] == [f"req_{number}" for number in range(3000)]


def test_a_server_that_is_away_holds_up_nobody(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "FLUSH_SECONDS", 0.01)
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    away = urlsplit(postgres_url)._replace(netloc=f"user:s3cret-canary@127.0.0.1:{port}").geturl()
    queue = Ledger(PostgresLedger(away), no_price)
    queue.start()
    queue.offer(entry(0))
    soon(lambda: queue.stats().problem is not None)
    problem = queue.stats().problem or ""
    assert "refused" in problem.lower() or "connect" in problem.lower()
    assert "s3cret-canary" not in problem
    queue.close()
    assert queue.stats().dropped == 1
    with pytest.raises(LedgerError) as caught:
        everything(away)
    assert "s3cret-canary" not in str(caught.value)


def test_rows_that_no_database_takes_are_refused(postgres_url: str, subject: PostgresLedger) -> None:
    for wrong in (None, 2**70, "text"):
        with pytest.raises(LedgerError) as caught:
            subject.write([row(0), (wrong, *row(1)[1:])])
        assert caught.value.rejected
    subject.write([row(2)])
    assert everything(postgres_url) == [row(2)]


def test_migrations_go_forward(postgres_url: str, subject: PostgresLedger) -> None:
    subject.write([row(0)])
    later = (*MIGRATIONS, (f"ALTER TABLE {TABLE} ADD COLUMN region TEXT", f"UPDATE {TABLE} SET region = 'x'"))
    newer = PostgresLedger(postgres_url, later)
    newer.write([row(1)])
    newer.close()
    query = f"SELECT request_id, region FROM {TABLE} ORDER BY time_ms"
    assert PostgresReader(postgres_url).fetch(query, ()) == [("req_0", "x"), ("req_1", None)]
    older = PostgresLedger(postgres_url)
    with pytest.raises(LedgerError, match="newer version"):
        older.write([row(2)])
    older.close()


def test_a_migration_that_fails_changes_nothing(postgres_url: str, subject: PostgresLedger) -> None:
    subject.write([row(0)])
    broken = PostgresLedger(postgres_url, (*MIGRATIONS, (f"ALTER TABLE {TABLE} ADD COLUMN region TEXT", "NOT SQL")))
    with pytest.raises(LedgerError, match="syntax error"):
        broken.write([row(1)])
    broken.close()
    assert PostgresReader(postgres_url).fetch(f"SELECT max(version) FROM {VERSIONS}", ()) == [(len(MIGRATIONS),)]
    assert everything(postgres_url) == [row(0)]


def test_gateways_that_start_together(postgres_url: str) -> None:
    """Each makes the tables if they are not there; one of them does."""
    subjects = [PostgresLedger(postgres_url) for _ in range(4)]
    problems: list[Exception] = []

    def work(number: int) -> None:
        try:
            subjects[number].write([row(10 * number + each) for each in range(10)])
        except LedgerError as error:
            problems.append(error)
        finally:
            subjects[number].close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(20)
    assert problems == []
    assert everything(postgres_url) == [row(number) for number in range(40)]


def test_a_user_who_may_not_make_tables_once_they_are_there(postgres_url: str, subject: PostgresLedger) -> None:
    subject.write([row(0)])

    async def add_user(connection: Any) -> None:
        await connection.execute("DROP ROLE IF EXISTS writer")
        await connection.execute("CREATE ROLE writer LOGIN")
        await connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        await connection.execute(f"GRANT SELECT, INSERT, DELETE ON {TABLE}, {VERSIONS} TO writer")

    run_sql(postgres_url, add_user)
    address = urlsplit(postgres_url)
    limited = PostgresLedger(address._replace(netloc=f"writer@{address.hostname}:{address.port}").geturl())
    limited.write([row(1)])
    limited.close()
    assert everything(postgres_url) == [row(0), row(1)]


def test_without_the_driver_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    for kind in (PostgresLedger, PostgresReader):
        with pytest.raises(LedgerError, match=r"pip install 'aiclient2api\[postgres\]'"):
            kind("postgresql://127.0.0.1/x")


def test_the_driver_is_imported_only_where_it_is_used() -> None:
    """Nor is anything else that a gateway without PostgreSQL does not need."""
    code = (
        "import sys; import aiclient2api.state.databases, aiclient2api.state.prices, aiclient2api.state.limit_store;"
        "print([name for name in ('asyncpg', 'genai_prices', 'pydantic') if name in sys.modules])"
    )
    ended = subprocess.run((sys.executable, "-c", code), cwd=ROOT / "src", capture_output=True, text=True, timeout=20)
    assert ended.stdout == "[]\n", ended.stderr
