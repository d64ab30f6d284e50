"""The only place that opens files for writing: private modes, whole-or-nothing replacement, locks between processes."""

import contextlib
import os
import secrets
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700


def make_private_folder(path: Path) -> None:
    """Create `path` and its parents; a folder that this call makes is readable by its owner only."""
    missing = []
    folder = path
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for each in reversed(missing):
        with contextlib.suppress(FileExistsError):
            each.mkdir(mode=PRIVATE_FOLDER)


def write_atomic(path: Path, data: bytes, mode: int = PRIVATE_FILE) -> None:
    """Replace `path` by `data`: after a crash at any moment it holds the old or the new bytes, whole.

    Temporary file in the same folder, written, flushed to disk, renamed, folder flushed. Raises OSError.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    if sys.platform == "win32":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError:  # some network file systems cannot; the rename itself has happened
        pass
    finally:
        os.close(handle)


def open_append(path: Path) -> IO[bytes]:
    """Open a private file for appending, unbuffered."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), PRIVATE_FILE)
    return os.fdopen(handle, "ab", buffering=0)


class LockTimeout(Exception):
    """Another process kept the lock longer than we were willing to wait."""


@contextlib.contextmanager
def process_lock(path: Path, patience: float = 30.0) -> Iterator[None]:
    """Hold an exclusive lock between processes; waits up to `patience` seconds, then raises LockTimeout.

    Blocks its thread: call it in a worker thread. The operating system frees it when the process dies.
    """
    make_private_folder(path.parent)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
    try:
        give_up = time.monotonic() + patience
        while not _try_lock(handle):
            if time.monotonic() > give_up:
                raise LockTimeout(str(path))
            time.sleep(0.02)
        yield
    finally:
        os.close(handle)


if sys.platform == "win32":
    import msvcrt

    def _try_lock(handle: int) -> bool:
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _try_lock(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
