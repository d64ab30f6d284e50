"""The gateway's own key when none is configured: made at the first start, kept in a private file."""

import errno
import secrets
from pathlib import Path
from typing import NamedTuple

from aiclient2api import files

FILE_NAME = "api-key"


class OwnKey(NamedTuple):
    """`made`: it is new, and this is the one time to show it."""

    key: str
    path: Path
    made: bool


def own_key(data_dir: Path) -> OwnKey:
    """The key of this data folder, made if there is none: of two gateways that start at once, one makes it. Raises
    OSError."""
    path = data_dir / FILE_NAME
    if kept := _kept(path):
        return OwnKey(kept, path, made=False)
    try:
        with files.process_lock(path.with_suffix(".lock")):
            if kept := _kept(path):
                return OwnKey(kept, path, made=False)
            key = "sk-" + secrets.token_urlsafe(32)
            files.write_atomic(path, key.encode() + b"\n")
    except files.LockTimeout as error:
        raise OSError(errno.EBUSY, "another process holds its lock", str(error)) from None
    return OwnKey(key, path, made=True)


def _kept(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except FileNotFoundError:
        return ""
