"""Token files of other programs, to be copied into our own store: found, read and looked at before they are kept.

Enters: a file (JSON, base64 of it, or a CLI's SQLite store), a folder, or bytes. Leaves: a Credential, and a warning if
it will not last. Refuses what holds no token, and what has expired and cannot be refreshed. Of the document only what a
login needs is taken: no names, no addresses.
"""

import base64
import binascii
import re
from pathlib import Path

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.credentials import fields
from aiclient2api.credentials.credential import Credential
from aiclient2api.credentials.login.talk import LoginFailed
from aiclient2api.credentials.scheme import Scheme
from aiclient2api.credentials.sources.folder import FolderSource
from aiclient2api.credentials.sources.json_file import JsonFileSource, read_file
from aiclient2api.credentials.sources.sqlite import SqliteSource

_SQLITE = b"SQLite format 3\0"


def from_place(path: Path, as_base64: bool) -> Credential:
    """The login in a file or folder, with its client registration. Raises GatewayError, LoginFailed."""
    if path.is_dir():
        return FolderSource(path).load()
    data = read_file(path)
    if data.startswith(_SQLITE):
        return SqliteSource(path).load()
    return from_bytes(data, as_base64, str(path)) if as_base64 else JsonFileSource(path).load()


def from_bytes(data: bytes, as_base64: bool, place: str) -> Credential:
    """The login in a document. Raises LoginFailed("unreadable")."""
    try:
        return fields.read_credential(fields.members(_decoded(data) if as_base64 else data))
    except ValueError as error:
        hint = "" if as_base64 else " For base64, give --base64."
        raise LoginFailed("unreadable", f"{place} holds no login: {error}.{hint}") from None


def _decoded(data: bytes) -> bytes:
    """Either alphabet, with or without padding and line breaks. Raises ValueError."""
    plain = re.sub(rb"\s+", b"", data).replace(b"-", b"+").replace(b"_", b"/").rstrip(b"=")
    try:
        return base64.b64decode(plain + b"=" * (-len(plain) % 4), validate=True)
    except binascii.Error:
        raise ValueError("it is not base64") from None


def warning(credential: Credential, scheme: Scheme, now: float) -> str:
    """What is noteworthy before it is kept, "" if nothing is. Raises LoginFailed("refused") if it is of no use."""
    try:
        scheme.refresh_request(credential, now)
    except GatewayError as error:
        if not credential.lasts(now):
            raise LoginFailed("refused", error.message) from None
        return f"{error.message} It works until the access token expires."
    return ""
