"""Which database the ledger lives in: PostgreSQL where DATABASE_URL names one, otherwise a file in the data folder."""

from pathlib import Path

from aiclient2api.state import ledger_postgres, ledger_sqlite
from aiclient2api.state.ledger import Backend, LedgerError
from aiclient2api.state.report import Reader


def writer(database_url: str | None, data_dir: Path) -> Backend:
    """Opens nothing yet. Raises LedgerError for a URL that cannot be served here."""
    if database_url is None:
        return ledger_sqlite.SqliteLedger(data_dir / ledger_sqlite.FILE_NAME)
    return ledger_postgres.PostgresLedger(_checked(database_url))


def reader(database_url: str | None, data_dir: Path) -> Reader:
    """Raises LedgerError as `writer` does."""
    if database_url is None:
        return ledger_sqlite.SqliteReader(data_dir / ledger_sqlite.FILE_NAME)
    return ledger_postgres.PostgresReader(_checked(database_url))


def _checked(url: str) -> str:
    if not url.startswith(("postgres://", "postgresql://")):
        raise LedgerError("DATABASE_URL must begin with postgresql://. Leave it out for a file in the data folder.")
    return url
