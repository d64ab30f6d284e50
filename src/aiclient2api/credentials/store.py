"""A source and our own record of it: no refreshed token is ever lost, whatever happens to the place it came from.

After a refresh the new tokens are written to our record first and to the source second. The record names the tokens
that the source held at that time. At the next load it is used only if the source still holds those very tokens: then
the source could not be written (a read-only mount, a full disk, a crash). If the source holds others, another program
has rotated them or the user has logged in anew, and the source wins. The record is a whole token document, so it is
also the last good copy.
"""

import io
import logging
import threading
from collections.abc import Mapping
from pathlib import Path

import msgspec

from aiclient2api import files
from aiclient2api.credentials import fields
from aiclient2api.credentials.credential import Credential
from aiclient2api.credentials.sources.base import Source, SourceChanged, Stamp, stamp_of
from aiclient2api.wire import jsonio

_log = logging.getLogger(__name__)

_PROFILE_LIFETIME = 86400.0


class Record(msgspec.Struct, frozen=True):
    """Fresh tokens, and the fingerprint of those in the source that they replace."""

    basis: str
    credential: Credential


class _Profile(msgspec.Struct, frozen=True):
    arn: str
    account: str
    found: float


class CredentialStore:
    """Blocks, like the source: use it in a worker thread. `folder` is in our data directory, private."""

    def __init__(self, source: Source, folder: Path) -> None:
        self.key = source.key
        self._source = source
        self._folder = folder
        self._record_path = folder / f"{self.key}.json"
        self._profile_path = folder / f"{self.key}.profile.json"
        self._memory: Record | None = None
        self._held: Credential | None = None
        self._given: Credential | None = None
        self._warned = False
        self._lock = threading.Lock()

    @property
    def lock_path(self) -> Path:
        """Who holds this file's lock may refresh."""
        return self._folder / f"{self.key}.lock"

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """Of the tokens of the last load: what was given, and what the source itself held."""
        return tuple(each.fingerprint for each in (self._given, self._held) if each)

    def describe(self) -> str:
        return self._source.describe()

    def stamp(self) -> Stamp:
        """Is another one when the source or our record of it has been written since."""
        return (*self._source.stamp(), *stamp_of((self._record_path,)))

    def load(self) -> Credential:
        """The newest tokens of this login. Raises GatewayError like the source."""
        with self._lock:
            self._held = self._source.load()
            self._given = self._newest(self._held)
            return self._given

    def _newest(self, held: Credential) -> Credential:
        ours = [each for each in (self._memory, self._read_record()) if each and each.basis == held.fingerprint]
        if not ours:
            return held
        newest = max(ours, key=lambda each: each.credential.expires_at or 0.0).credential
        return msgspec.structs.replace(
            held,
            access_token=newest.access_token,
            refresh_token=newest.refresh_token,
            expires_at=newest.expires_at,
            profile_arn=held.profile_arn or newest.profile_arn,
        )

    def save(self, old: Credential, new: Credential) -> None:
        """Keep `new`, refreshed from `old`, which load() gave. If a later load gave other tokens, another program has
        changed the source, and `new` is dropped. Never fails: what cannot be written anywhere stays in memory, with a
        warning."""
        with self._lock:
            held, given = self._held, self._given
            if held is None or given is None or given.fingerprint != old.fingerprint:
                _log.info("%s was changed by another program during a refresh; its tokens are used", self.describe())
                return
            self._memory = Record(held.fingerprint, new)
            kept = self._write(self._record_path, fields.write_document(new) | {"basis": held.fingerprint})
            self._write_source(held, new, kept)

    def profile(self, account: str, now: float) -> str:
        """The profile ARN found for this account within the last day, or ""."""
        try:
            known = jsonio.decode(self._profile_path.read_bytes(), _Profile)
        except (OSError, jsonio.JsonError):
            return ""
        return known.arn if known.account == account and 0 <= now - known.found < _PROFILE_LIFETIME else ""

    def remember_profile(self, arn: str, account: str, now: float) -> None:
        self._write(self._profile_path, {"arn": arn, "account": account, "found": now})

    def _write_source(self, old: Credential, new: Credential, kept: bool) -> None:
        try:
            self._source.save(old, new)
        except SourceChanged:
            _log.info("%s was changed by another program during a refresh; its tokens are used", self.describe())
        except io.UnsupportedOperation:
            if not kept:
                self._warn("and neither can our own folder: the refreshed token is kept in memory only")
        except OSError as error:
            why = error.strerror or type(error).__name__
            where = "in our own folder" if kept else "in memory only"
            self._warn(f"({why}); the refreshed token is kept {where}")
        else:
            self._warned = False

    def _warn(self, what: str) -> None:
        if not self._warned:
            _log.warning("%s cannot be written %s", self.describe(), what)
        self._warned = True

    def _write(self, path: Path, document: Mapping[str, str | float]) -> bool:
        try:
            files.make_private_folder(path.parent)
            files.write_atomic(path, jsonio.encode(document))
        except OSError as error:
            _log.debug("%s cannot be written: %s", path, error.strerror or type(error).__name__)
            return False
        return True

    def _read_record(self) -> Record | None:
        try:
            document = fields.members(self._record_path.read_bytes())
            basis = document.get("basis")
            return Record(basis, fields.read_credential(document)) if isinstance(basis, str) else None
        except (OSError, ValueError):
            return None
