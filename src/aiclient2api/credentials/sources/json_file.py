"""A token file of the Kiro app (~/.aws/sso/cache/kiro-auth-token.json) or one like it.

The client registration lies beside it as {clientIdHash}.json. Only these two files belong together: a folder may hold
several accounts, and their tokens are never mixed. Missing, unreadable and corrupt are told apart; a corrupt file is
never written to.
"""

import contextlib
import os
import re
import time
from pathlib import Path

from aiclient2api import files
from aiclient2api.credentials import fields, troubles
from aiclient2api.credentials.credential import Credential
from aiclient2api.credentials.sources.base import SourceChanged, Stamp, stamp_of
from aiclient2api.credentials.sources.identity import place_key
from aiclient2api.credentials.troubles import Words

MAX_BYTES = 256 * 1024
_HALF_WRITTEN = 0.05
"""Seconds until a second look at a file that made no sense: other programs do not all write atomically."""
_STALE_TEMPORARY = 3600.0


class JsonFileSource:
    """`words` are for messages about the file."""

    def __init__(self, path: Path, words: Words = troubles.KIRO) -> None:
        self._path = path
        self._words = words

    @property
    def key(self) -> str:
        return place_key("file", str(self._path.absolute()))

    def describe(self) -> str:
        return str(self._path)

    @property
    def path(self) -> Path:
        return self._path

    def stamp(self) -> Stamp:
        return stamp_of((self._path,))

    def load(self) -> Credential:
        try:
            return self._parse(read_file(self._path, self._words))
        except ValueError:
            time.sleep(_HALF_WRITTEN)
        try:
            return self._parse(read_file(self._path, self._words))
        except ValueError as error:
            raise troubles.corrupt(str(self._path), str(error), self._words) from None

    def save(self, old: Credential, new: Credential) -> None:
        target = self._path.resolve()
        data = target.read_bytes()
        try:
            if self._parse(data).fingerprint != old.fingerprint:
                raise SourceChanged
            merged = fields.merge(data, old, new)
        except ValueError:
            raise SourceChanged from None
        before = target.stat()
        files.write_atomic(target, merged)
        _keep_owner(target, before)
        _sweep(target)

    def _parse(self, data: bytes) -> Credential:
        document = fields.members(data)
        name = fields.registration_name(document)
        registration = None if name is None else _read_registration(self._path.resolve().parent / name)
        return fields.read_credential(document, registration)


def read_file(path: Path, words: Words = troubles.KIRO) -> bytes:
    """A small file's bytes. Raises GatewayError: missing or unreadable."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES)
    except FileNotFoundError:
        raise troubles.missing_file(path, words) from None
    except OSError as error:
        raise troubles.unreadable(str(path), error, words) from error


def _read_registration(path: Path) -> fields.Members | None:
    """None if it cannot be had: the access token works without it, and the refresh says what is missing."""
    try:
        return fields.members(path.read_bytes()[:MAX_BYTES])
    except (OSError, ValueError):
        return None


def _keep_owner(path: Path, before: os.stat_result) -> None:
    """A gateway running as root (in a container) must not take the user's own file away from the Kiro app."""
    if os.name == "posix" and os.geteuid() == 0 and before.st_uid != 0:
        with contextlib.suppress(OSError):
            os.chown(path, before.st_uid, before.st_gid)


def _sweep(path: Path) -> None:
    """Remove temporary files that a killed process left behind (the names are files.write_atomic's)."""
    pattern = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{12}}\.tmp")
    with contextlib.suppress(OSError):
        for each in path.parent.iterdir():
            if pattern.fullmatch(each.name) and time.time() - each.stat().st_mtime > _STALE_TEMPORARY:
                each.unlink()
