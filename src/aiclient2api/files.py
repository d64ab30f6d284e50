"""The only place that opens files for writing: private modes, whole-or-nothing replacement, locks between processes."""

import contextlib
import os
import secrets
import stat
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
    """Open a file for appending, unbuffered; one that others could read becomes private. Raises OSError."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), PRIVATE_FILE)
    _make_private(handle)
    return os.fdopen(handle, "ab", buffering=0)


def _make_private(handle: int) -> None:
    """Only a regular file: a log may as well be a terminal or /dev/null."""
    mode = os.fstat(handle).st_mode
    if sys.platform != "win32" and stat.S_ISREG(mode) and mode & 0o077:
        with contextlib.suppress(OSError):  # somebody else's file
            os.fchmod(handle, PRIVATE_FILE)


class LockTimeout(Exception):
    """Another process kept the lock longer than we were willing to wait."""


@contextlib.contextmanager
def process_lock(path: Path, patience: float = 30.0) -> Iterator[None]:
    """Hold an exclusive lock between processes; waits up to `patience` seconds, then raises LockTimeout.

    Blocks its thread: call it in a worker thread. The operating system frees it when the process dies. Raises OSError
    where no lock can be made.
    """
    make_private_folder(path.parent)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
    try:
        give_up = time.monotonic() + patience
        while not _try_lock(handle):
            if time.monotonic() > give_up:
                raise LockTimeout(str(path))
            time.sleep(0.02)
        try:
            yield
        finally:
            _unlock(handle)
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

    def _unlock(handle: int) -> None:
        with contextlib.suppress(OSError):
            msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)
else:
    import fcntl

    def _try_lock(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):  # both mean that another process has it
            return False
        return True

    def _unlock(handle: int) -> None:
        """Closing would do, but for a child process that was forked meanwhile and has the file open too."""
        fcntl.flock(handle, fcntl.LOCK_UN)
