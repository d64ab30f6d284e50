"""The store of our own logins: made by `login`, or brought in by `accounts import`.

    DATA_DIR/kiro-auth-token.json, DATA_DIR/gemini-oauth-creds.json    the login without a name, one of each kind
    DATA_DIR/credentials/accounts/NAME.json                            any number of logins with names

Files are private and hold whole token documents, in the forms that every source reads: a pool entry may name them by
KIRO_OAUTH_CREDS_FILE_PATH or GEMINI_OAUTH_CREDS_FILE_PATH. `isDisabled` in a file is the user's own mark. Changes are
made under the lock under which logins are refreshed, so that no rotated token is lost. Blocks.
"""

import contextlib
import errno
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from aiclient2api import files
from aiclient2api.canonical.errors import GatewayError
from aiclient2api.credentials import fields, google, troubles
from aiclient2api.credentials.credential import Credential
from aiclient2api.credentials.discover import own_login_path, write_own_login
from aiclient2api.credentials.sources.base import Stamp, stamp_of
from aiclient2api.credentials.sources.json_file import JsonFileSource, read_file
from aiclient2api.credentials.store import CredentialStore
from aiclient2api.wire import jsonio

Kind = Literal["kiro", "gemini"]


class Use(NamedTuple):
    """The provider that a kind of login is for, and the setting that names its file."""

    provider: str
    setting: str


USES: Mapping[Kind, Use] = {
    "kiro": Use("claude-kiro-oauth", "KIRO_OAUTH_CREDS_FILE_PATH"),
    "gemini": Use("gemini-cli-oauth", "GEMINI_OAUTH_CREDS_FILE_PATH"),
}
GEMINI_FILE = google.OWN_FILE
DISABLED = "isDisabled"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}[A-Za-z0-9]|[A-Za-z0-9]", re.ASCII)
_DEVICES = re.compile(r"(?i)(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?")
"""File names that Windows takes for devices."""
_LOCK_PATIENCE = 60.0


class OwnAccount(msgspec.Struct, frozen=True, kw_only=True):
    """`name` is "" for the login without one; `problem` says why the file cannot be used."""

    name: str
    kind: Kind
    path: Path
    disabled: bool = False
    problem: str = ""

    @property
    def called(self) -> str:
        """What people call it by."""
        return self.name or self.kind


class NameTaken(Exception):
    """There is a login of this name already."""


def check_name(name: str) -> str:
    """The name, if a login may have it. Raises ValueError."""
    if name in ("kiro", "gemini"):
        raise ValueError(f"{name!r} is what the login without a name is called.")
    if not _NAME.fullmatch(name) or _DEVICES.fullmatch(name):
        raise ValueError(f"{name!r} is no name: letters, digits, dots, dashes and underscores, 64 at most.")
    return name


def account_path(data_dir: Path, kind: Kind, name: str) -> Path:
    """Where a login of ours is kept; without a name, the one of its kind."""
    if name:
        return _folder(data_dir) / f"{name}.json"
    return own_login_path(data_dir) if kind == "kiro" else data_dir / GEMINI_FILE


def _folder(data_dir: Path) -> Path:
    return data_dir / "credentials" / "accounts"


def own_accounts(data_dir: Path) -> list[OwnAccount]:
    """All of them, those without a name first."""
    unnamed: tuple[Kind, ...] = ("kiro", "gemini")
    found = [_read(account_path(data_dir, kind, ""), "", kind) for kind in unnamed]
    try:
        paths = sorted(path for path in _folder(data_dir).iterdir() if path.suffix == ".json")
    except OSError:
        paths = []
    found += [_read(path, path.stem, "kiro") for path in paths if _NAME.fullmatch(path.stem)]
    return [account for account in found if account is not None]


def store_stamp(data_dir: Path) -> Stamp:
    """Is another one when an account has been added, removed or written since."""
    unnamed = (account_path(data_dir, "kiro", ""), account_path(data_dir, "gemini", ""))
    try:
        named = sorted(path for path in _folder(data_dir).iterdir() if path.suffix == ".json")
    except OSError:
        named = []
    return stamp_of((*unnamed, _folder(data_dir), *named))


def _read(path: Path, name: str, kind: Kind) -> OwnAccount | None:
    """None if there is no such file. `kind` is what it is taken for if it cannot be read."""
    try:
        document = fields.members(read_file(path))
        credential = fields.read_credential(document)
    except GatewayError as error:
        gone = error.reason == "credential_missing"
        return None if gone else OwnAccount(name=name, kind=kind, path=path, problem=error.message)
    except ValueError as error:
        return OwnAccount(name=name, kind=kind, path=path, problem=troubles.corrupt(str(path), str(error)).message)
    disabled = document.get(DISABLED) is True
    return OwnAccount(name=name, kind=kind_of(credential), path=path, disabled=disabled)


def kind_of(credential: Credential) -> Kind:
    return "gemini" if credential.auth_method == "google" else "kiro"


def prepare(path: Path) -> None:
    """Make sure that a login can be kept there, before anybody takes the trouble to log in. Raises OSError."""
    files.make_private_folder(path.parent)
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path.parent))


def keep(data_dir: Path, credential: Credential, name: str = "", replace: bool = True) -> Path:
    """Keep a login, privately. Raises NameTaken (unless it may replace), OSError, files.LockTimeout."""
    kind = kind_of(credential)
    path = account_path(data_dir, kind, name)
    with _locked(data_dir, path):
        if not replace and path.exists():
            raise NameTaken(name)
        if kind == "kiro" and not name:
            return write_own_login(data_dir, credential)
        whole = google.write_google_document(credential) if kind == "gemini" else fields.write_document(credential)
        files.make_private_folder(path.parent)
        files.write_atomic(path, jsonio.encode(whole))
    return path


def set_disabled(data_dir: Path, account: OwnAccount, disabled: bool) -> None:
    """Mark a login; everything else in its file stays as it is. Raises GatewayError for a file that cannot be read,
    OSError, files.LockTimeout."""
    with _locked(data_dir, account.path):
        try:
            members = jsonio.members(read_file(account.path))
        except jsonio.JsonError:
            raise troubles.corrupt(str(account.path), "it is not a JSON object") from None
        members.pop(DISABLED, None)
        marked = {**members, DISABLED: jsonio.Raw(b"true")} if disabled else members
        files.write_atomic(account.path, jsonio.encode(marked))


def remove(data_dir: Path, account: OwnAccount) -> None:
    """Remove a login, and what was kept beside it. Raises OSError, files.LockTimeout."""
    store = _store(data_dir, account.path)
    with _locked(data_dir, account.path):
        account.path.unlink(missing_ok=True)
        for ending in (".json", ".profile.json", ".lock"):
            with contextlib.suppress(OSError):  # an open lock file cannot be removed everywhere
                (data_dir / "credentials" / f"{store.key}{ending}").unlink()


@contextlib.contextmanager
def _locked(data_dir: Path, path: Path) -> Iterator[None]:
    with files.process_lock(_store(data_dir, path).lock_path, _LOCK_PATIENCE):
        yield


def _store(data_dir: Path, path: Path) -> CredentialStore:
    return CredentialStore(JsonFileSource(path), data_dir / "credentials")
