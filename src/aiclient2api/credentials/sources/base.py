"""What every place of a login offers. Calls block: use them in a worker thread."""

from typing import Protocol

from aiclient2api.credentials.credential import Credential


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

    def describe(self) -> str:
        """Where it is, for people: a path, or "environment variable NAME"."""
        ...
