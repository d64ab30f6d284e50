"""The gateway's own key when none is configured: made at the first start, kept in a private file."""

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
    """The key of this data folder, made if there is none. Raises OSError."""
    path = data_dir / FILE_NAME
    try:
        kept = path.read_text("utf-8").strip()
    except FileNotFoundError:
        kept = ""
    if kept:
        return OwnKey(kept, path, made=False)
    key = "sk-" + secrets.token_urlsafe(32)
    files.make_private_folder(data_dir)
    files.write_atomic(path, key.encode() + b"\n")
    return OwnKey(key, path, made=True)
