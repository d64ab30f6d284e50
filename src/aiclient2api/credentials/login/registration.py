"""Client registrations, kept until they expire: a login needs the one that it was made with for every refresh.

One file per service and set of scopes, private, in the form of AWS's own tools. A registration that ends soon is not
used for a new login, because the login could not be refreshed after that.
"""

import contextlib
import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from aiclient2api import files
from aiclient2api.credentials import fields
from aiclient2api.credentials.expiry import format_expiry
from aiclient2api.credentials.secret import Secret
from aiclient2api.wire import jsonio

_MAX_BYTES = 64 * 1024
ENDS_SOON = 7 * 86400.0
"""Seconds. Registrations last about 90 days."""


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """`expires_at` is epoch seconds, None for unknown."""

    client_id: str
    client_secret: Secret
    expires_at: float | None = None


class Registrations:
    """`folder` is in our data directory. Blocks: use it in a worker thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, service: str, scopes: Sequence[str], now: float) -> Registration | None:
        """The one that is kept for this service, if it still lasts."""
        try:
            document = fields.members(self._path(service, scopes).read_bytes()[:_MAX_BYTES])
        except (OSError, ValueError):
            return None
        found = read_registration(document)
        lasts = found is not None and (found.expires_at is None or found.expires_at - now > ENDS_SOON)
        return found if lasts else None

    def save(self, service: str, scopes: Sequence[str], registration: Registration) -> None:
        """Where it cannot be kept, the next login makes another."""
        document: dict[str, str | int] = {
            "clientId": registration.client_id,
            "clientSecret": registration.client_secret.reveal(),
        }
        if registration.expires_at is not None:
            document["expiresAt"] = format_expiry(registration.expires_at)
        with contextlib.suppress(OSError):
            files.make_private_folder(self._folder)
            files.write_atomic(self._path(service, scopes), jsonio.encode(document))

    def forget(self, service: str, scopes: Sequence[str]) -> None:
        """The service does not know it any more."""
        with contextlib.suppress(OSError):
            self._path(service, scopes).unlink()

    def _path(self, service: str, scopes: Sequence[str]) -> Path:
        named = hashlib.sha256("\0".join((service, *scopes)).encode()).hexdigest()
        return self._folder / f"{named[:24]}.json"


def read_registration(document: fields.Members) -> Registration | None:
    """From our own file, or from the service's answer. None if it is none."""
    client_id, secret = fields.text(document, "client_id"), fields.text(document, "client_secret")
    if not client_id or not secret:
        return None
    until = fields.moment(document, "client_secret_expires_at") or fields.moment(document, "expires_at")
    return Registration(client_id=client_id, client_secret=Secret(secret), expires_at=until)
