"""Creates, revokes and rotates client keys: one change at a time among all processes, whole or not at all.

Enters: the path of the file, names, grants, the present as epoch seconds. Leaves: the key, and its secret where it is
new: the only time that it is to be had. Refuses with KeysError.
"""

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from aiclient2api import files
from aiclient2api.state.keys import ClientKey, Grants, KeyFile, KeysError, digest_of, read_keys

MAX_NAME = 64
_SHOWN = 8
_PATIENCE_SECONDS = 10.0

Keys = tuple[ClientKey, ...]
T = TypeVar("T")


def create(path: Path, name: str, grants: Grants, now: float) -> tuple[ClientKey, str]:
    """A new key and its secret. Two keys that can be used never have one name."""
    if not name.strip() or len(name) > MAX_NAME or not name.isprintable():
        raise KeysError(f"A key's name has 1 to {MAX_NAME} printable characters.")

    def add(keys: Keys) -> tuple[Keys, tuple[ClientKey, str]]:
        same = next((key for key in keys if key.name == name and key.revoked is None), None)
        if same is not None:
            raise KeysError(f"There is a key of the name {name!r} already ({same.id}).")
        secret = _new_secret()
        key = ClientKey(
            id=_new_id({key.id for key in keys}),
            name=name,
            digest=digest_of(secret),
            prefix=secret[:_SHOWN],
            created=int(now),
            grants=grants,
        )
        return (*keys, key), (key, secret)

    return _change(path, add)


def revoke(path: Path, which: str, now: float) -> ClientKey:
    """End a key, named by its id or name, for ever; its name stays for the usage that it had."""

    def end(keys: Keys) -> tuple[Keys, ClientKey]:
        ended = msgspec.structs.replace(_find(keys, which), revoked=int(now))
        return _with(keys, ended), ended

    return _change(path, end)


def rotate(path: Path, which: str, now: float) -> tuple[ClientKey, str]:
    """A new secret for a key; the old one ends at once. All else stays."""

    def renew(keys: Keys) -> tuple[Keys, tuple[ClientKey, str]]:
        secret = _new_secret()
        renewed = msgspec.structs.replace(
            _find(keys, which), digest=digest_of(secret), prefix=secret[:_SHOWN], rotated=int(now)
        )
        return _with(keys, renewed), (renewed, secret)

    return _change(path, renew)


def _change(path: Path, change: Callable[[Keys], tuple[Keys, T]]) -> T:
    """Read, change and write under a lock between processes."""
    try:
        with files.process_lock(path.with_suffix(".lock"), _PATIENCE_SECONDS):
            keys, result = change(read_keys(path))
            data = msgspec.json.format(msgspec.json.encode(KeyFile(keys=keys)), indent=2)
            files.write_atomic(path, data + b"\n")
    except files.LockTimeout:
        raise KeysError(f"Another process has been changing {path} for too long.") from None
    except OSError as error:
        raise KeysError(f"The keys in {path} cannot be written: {error.strerror}.") from None
    return result


def _find(keys: Keys, which: str) -> ClientKey:
    living = [key for key in keys if key.revoked is None]
    found = next((key for key in living if key.id == which), None)
    found = found or next((key for key in living if key.name == which), None)
    if found is None:
        ended = any(which in (key.id, key.name) for key in keys)
        raise KeysError(f"The key {which!r} is revoked already." if ended else f"There is no key {which!r}.")
    return found


def _with(keys: Keys, changed: ClientKey) -> Keys:
    return tuple(changed if key.id == changed.id else key for key in keys)


def _new_secret() -> str:
    return "sk-" + secrets.token_urlsafe(32)


def _new_id(taken: set[str]) -> str:
    while (new := f"key_{secrets.token_hex(4)}") in taken:
        pass
    return new
