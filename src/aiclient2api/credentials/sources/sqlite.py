"""The SQLite stores of the Kiro CLI and the Amazon Q CLI: table auth_kv(key, value), values JSON in snake_case.

Keys are read in the CLI's own order: external identity provider, Builder ID and Identity Center, social. Writing back
reads, merges and writes in one transaction, because the CLI adds members over time and refreshes the same row.
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import msgspec

from aiclient2api.credentials import fields, troubles
from aiclient2api.credentials.credential import AuthMethod, Credential
from aiclient2api.credentials.sources.base import SourceChanged, Stamp, stamp_of
from aiclient2api.credentials.sources.identity import place_key

_BUSY_SECONDS = 5.0
_PROFILE = "api.codewhisperer.profile"


class Row(NamedTuple):
    """`key` is spelled as the CLI spells it ("odic"); `registration` holds the client that its refresh needs."""

    key: str
    method: AuthMethod
    registration: str | None = None


ROWS = (
    Row("kirocli:external-idp:token", "external_idp"),
    Row("kirocli:odic:token", "idc", "kirocli:odic:device-registration"),
    Row("kirocli:social:token", "social"),
    Row("codewhisperer:odic:token", "idc", "codewhisperer:odic:device-registration"),
)


class SqliteSource:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._row: Row | None = None

    @property
    def key(self) -> str:
        return place_key("sqlite", str(self._path.absolute()))

    def describe(self) -> str:
        return str(self._path)

    def stamp(self) -> Stamp:
        return stamp_of((self._path, self._path.with_name(f"{self._path.name}-wal")))

    def load(self) -> Credential:
        if not self._path.exists():
            raise troubles.missing_file(self._path)
        try:
            with self._reading() as database:
                return self._find(database)
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                raise self._no_login() from None
            raise troubles.unreadable(str(self._path), error) from error
        except sqlite3.DatabaseError:
            raise troubles.corrupt(str(self._path), "it is not an SQLite database") from None

    def save(self, old: Credential, new: Credential) -> None:
        row = self._row
        if row is None:
            raise OSError(f"nothing has been read from {self._path}")
        try:
            with self._open("mode=rw") as database:
                self._replace(database, row, old, new)
        except sqlite3.Error as error:
            raise OSError(f"{self._path}: {error}") from error

    def _find(self, database: sqlite3.Connection) -> Credential:
        for row in ROWS:
            value = _value(database, "auth_kv", row.key)
            if value is None:
                continue
            registration = _value(database, "auth_kv", row.registration) if row.registration else None
            try:
                credential = _read(row, value, registration)
            except ValueError as error:
                raise troubles.corrupt(f"{self._path}, {row.key},", str(error)) from None
            self._row = row
            return _with_profile(credential, database)
        raise self._no_login()

    def _replace(self, database: sqlite3.Connection, row: Row, old: Credential, new: Credential) -> None:
        database.execute("BEGIN IMMEDIATE")
        value = _value(database, "auth_kv", row.key)
        try:
            if value is None or _read(row, value, None).fingerprint != old.fingerprint:
                raise SourceChanged
            merged = fields.merge(value, old, new, snake=True)
        except ValueError:
            raise SourceChanged from None
        database.execute("UPDATE auth_kv SET value = ? WHERE key = ?", (merged.decode(), row.key))
        database.execute("COMMIT")

    def _no_login(self) -> Exception:
        return troubles.missing(f"[Kiro Auth] {self._path} holds no login. {troubles.KIRO.again}")

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """A database in WAL mode on a read-only mount opens only as immutable."""
        with contextlib.ExitStack() as stack:
            database = stack.enter_context(self._open("mode=ro"))
            try:
                database.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
            except sqlite3.OperationalError:
                database = stack.enter_context(self._open("mode=ro&immutable=1"))
            yield database

    @contextlib.contextmanager
    def _open(self, options: str) -> Iterator[sqlite3.Connection]:
        address = f"file:{quote(self._path.absolute().as_posix())}?{options}"
        database = sqlite3.connect(address, uri=True, timeout=_BUSY_SECONDS, isolation_level=None)
        try:
            yield database
        finally:
            database.close()  # rolls back what was not committed


def _value(database: sqlite3.Connection, table: str, key: str) -> bytes | None:
    query = {"auth_kv": "SELECT value FROM auth_kv WHERE key = ?", "state": "SELECT value FROM state WHERE key = ?"}
    found = database.execute(query[table], (key,)).fetchone()
    if found is None or found[0] is None:
        return None
    return found[0] if isinstance(found[0], bytes) else str(found[0]).encode()


def _read(row: Row, value: bytes, registration: bytes | None) -> Credential:
    client = None if registration is None else fields.members(registration)
    credential = fields.read_credential(fields.members(value), client)
    return msgspec.structs.replace(credential, auth_method=row.method)


def _with_profile(credential: Credential, database: sqlite3.Connection) -> Credential:
    """The profile that the CLI remembers in its table `state`, unless the token brings its own."""
    if credential.profile_arn:
        return credential
    try:
        state = fields.members(_value(database, "state", _PROFILE) or b"{}")
    except (sqlite3.Error, ValueError):
        return credential
    arn = state.get("arn")
    return msgspec.structs.replace(credential, profile_arn=arn) if isinstance(arn, str) else credential
