"""Where a Kiro login may be found, in order.

Configured: base64 text, file, folder, API key. Else: the login made by `aiclient2api login kiro`, the Kiro app's token
file, the SQLite stores of the Kiro CLI and the Amazon Q CLI, KIRO_API_KEY. A place that holds a broken login ends the
search with its error; a place that holds none is passed over.
"""

import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from aiclient2api import files
from aiclient2api.canonical.errors import GatewayError
from aiclient2api.credentials import fields, troubles
from aiclient2api.credentials.credential import Credential
from aiclient2api.credentials.kiro_login import KiroLogin
from aiclient2api.credentials.secret import Secret
from aiclient2api.credentials.sources.api_key import ApiKeySource
from aiclient2api.credentials.sources.base import Source
from aiclient2api.credentials.sources.base64_text import Base64Source
from aiclient2api.credentials.sources.folder import FILE_NAME, FolderSource
from aiclient2api.credentials.sources.json_file import JsonFileSource
from aiclient2api.credentials.sources.sqlite import SqliteSource
from aiclient2api.credentials.store import CredentialStore
from aiclient2api.wire import jsonio

_STORES = ("kiro-cli", "amazon-q")


def find_kiro(
    login: KiroLogin, home: Path, state_dir: Path, environ: Mapping[str, str], dead: Collection[str] = ()
) -> CredentialStore:
    """The login to use. `dead` holds fingerprints of logins that the service has ended: a search (not a configured
    place) prefers others. Raises GatewayError("login_required") with what was looked for."""
    folder = state_dir / "credentials"
    named = _named(login, home)
    if named is not None:
        return CredentialStore(named, folder)
    if not login.discover:
        raise troubles.missing("[Kiro Auth] The account names no credential: set KIRO_OAUTH_CREDS_FILE_PATH.")
    first = None
    for source in _places(login, home, state_dir, environ):
        credential = _held(source)
        if credential is None:
            continue
        first = first or source
        if credential.fingerprint not in dead:
            return CredentialStore(source, folder)
    if first is None:
        raise _nothing_found(home, environ)
    return CredentialStore(first, folder)


def _named(login: KiroLogin, home: Path) -> Source | None:
    """The configured place. Raises GatewayError if it cannot be right."""
    if login.base64:
        return Base64Source(login.base64)
    if login.file_path:
        path = expand(login.file_path, home)
        if not path.exists():
            raise troubles.missing_file(path)
        return JsonFileSource(path)
    if login.dir_path:
        folder = FolderSource(expand(login.dir_path, home))
        folder.load()
        return folder
    if login.api_key and not login.discover:
        return ApiKeySource(login.api_key, login.region)
    return None


def expand(path: str, home: Path) -> Path:
    """`~` as the given home, without asking the operating system."""
    if path == "~" or path.startswith(("~/", "~\\")):
        return home / path[2:]
    return Path(path)


def _places(login: KiroLogin, home: Path, state_dir: Path, environ: Mapping[str, str]) -> Iterator[Source]:
    yield JsonFileSource(own_login_path(state_dir))
    yield JsonFileSource(app_login_path(home))
    for path in store_paths(home, environ):
        yield SqliteSource(path)
    key = login.api_key or Secret(environ.get("KIRO_API_KEY", ""))
    if key:
        yield ApiKeySource(key, login.region)


def _held(source: Source) -> Credential | None:
    """What a place holds, None for nothing. A login that is there but broken raises: it must not be passed over."""
    try:
        return source.load()
    except GatewayError as error:
        if error.reason == "credential_missing":
            return None
        raise


def app_login_path(home: Path) -> Path:
    """Where the Kiro app keeps its token."""
    return home / ".aws" / "sso" / "cache" / FILE_NAME


def own_login_path(state_dir: Path) -> Path:
    """Where a login made by ourselves is kept."""
    return state_dir / FILE_NAME


def write_own_login(state_dir: Path, credential: Credential) -> Path:
    """Keep a login made by ourselves, privately. Raises OSError."""
    path = own_login_path(state_dir)
    files.make_private_folder(state_dir)
    files.write_atomic(path, jsonio.encode(fields.write_document(credential)))
    return path


def store_paths(home: Path, environ: Mapping[str, str]) -> list[Path]:
    """Where the Kiro CLI and the Amazon Q CLI keep their stores on this system."""
    if sys.platform == "darwin":
        base = home / "Library" / "Application Support"
    elif sys.platform == "win32":
        base = Path(environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    else:
        base = Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    return [base / name / "data.sqlite3" for name in _STORES]


def _nothing_found(home: Path, environ: Mapping[str, str]) -> GatewayError:
    places = ", ".join(str(path) for path in (app_login_path(home), *store_paths(home, environ)))
    return troubles.missing(
        f"[Kiro Auth] No Kiro login found. Looked for {places} and KIRO_API_KEY. "
        "Log in with the Kiro app, run `aiclient2api login kiro`, or set KIRO_OAUTH_CREDS_FILE_PATH."
    )
