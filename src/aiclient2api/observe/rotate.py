"""A log file that only its owner can read, rotated by size.

Enters: whole lines. Leaves: `path`, and older ones as `path`.1 (the newest), `path`.2, … Anything that is not a
regular file (a pipe, /dev/stdout) is written to and never rotated.
"""

import contextlib
import os
import stat
from pathlib import Path
from typing import IO

from aiclient2api.files import open_append


class RotatingFile:
    """At most `max_bytes` per file (0: no bound), at most `max_files` older ones (0: the file begins anew).

    A file that somebody else moved away or removed is made again. Opening and writing raise OSError.
    """

    def __init__(self, path: Path, max_bytes: int, max_files: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._max_files = max_files
        self._file: IO[bytes] | None = open_append(path)

    def write(self, line: bytes) -> None:
        file = self._current()
        if self._max_bytes and 0 < self._size(file) > self._max_bytes - len(line):
            file = self._rotate(file)
        file.write(line)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _current(self) -> IO[bytes]:
        if self._file is not None:
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(self._file.fileno()), os.stat(self._path)):
                    return self._file
        self.close()
        self._file = open_append(self._path)
        return self._file

    @staticmethod
    def _size(file: IO[bytes]) -> int:
        found = os.fstat(file.fileno())
        return found.st_size if stat.S_ISREG(found.st_mode) else 0

    def _rotate(self, file: IO[bytes]) -> IO[bytes]:
        if not self._max_files:
            file.truncate(0)
            return file
        self.close()
        for number in range(self._max_files - 1, -1, -1):
            with contextlib.suppress(OSError):  # there are not so many yet; or it must grow on where it is
                os.replace(self._older(number), self._older(number + 1))
        return self._current()

    def _older(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}") if number else self._path
