"""What every place of a login offers. Calls block: use them in a worker thread."""

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from aiclient2api.credentials.credential import Credential

Stamp = tuple[tuple[int, int, int] | None, ...]
"""(modified, size, file number) of the files that a place consists of; None for one that is not there."""


def stamp_of(paths: Iterable[Path]) -> Stamp:
    """Asked for every second. Of a list, since a tuple that grows out of a generator comes anew from the memory each
    time and goes into Python's stock of free tuples, until that has 2,000 of its length."""
    return tuple([_stat(path) for path in paths])


def _stat(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


class SourceChanged(Exception):
    """The place holds other tokens than those that were replaced: another program got there first, and it wins."""


class Source(Protocol):
    """`key` names the place in our own state: stable, and tells nothing secret."""

    @property
    def key(self) -> str: ...

    def load(self) -> Credential:
        """Raises GatewayError("login_required") whose `reason` is credential_missing, credential_unreadable or
        credential_corrupt."""
        ...

    def save(self, old: Credential, new: Credential) -> None:
        """Replace `old`, as this source loaded it, by `new`. Raises SourceChanged if `old` is no longer there, OSError
        (UnsupportedOperation for a place that is never written) if it cannot be written."""
        ...

    def stamp(self) -> Stamp:
        """Is another one when something has been written there since; cheap."""
        ...

    def describe(self) -> str:
        """Where it is, for people: a path, or "environment variable NAME"."""
        ...
