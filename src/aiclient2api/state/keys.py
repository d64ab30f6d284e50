"""Client keys: who may come in, to which models and providers, how often and until when.

A key is 256 random bits, shown once; the file keeps its SHA-256 digest and its first characters. Enters: the digest of
what a client sent, names of providers and models. Leaves: a ClientKey, or GatewayError: "authentication" for a key that
is revoked or has expired, "permission" for what it may not do.
"""

import hashlib
import hmac
import logging
import time
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.state.limits import Limits

FILE_NAME = "keys.json"
_LOOK_AGAIN_SECONDS = 1.0
_log = logging.getLogger(__name__)

Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class Grants(msgspec.Struct, frozen=True, kw_only=True):
    """What a key may do. `models` and `providers` are names or globs, none for all; `expires` is epoch seconds."""

    models: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    limits: Limits = Limits()
    expires: int | None = None


class ClientKey(msgspec.Struct, frozen=True, kw_only=True):
    """One key. `prefix` is the start of the key, to recognise it by; times are epoch seconds. The id outlives a
    rotation, so usage and limits go on."""

    id: str
    name: str
    digest: Digest
    prefix: str
    created: int
    grants: Grants
    rotated: int | None = None
    revoked: int | None = None

    def state(self, now: float) -> Literal["active", "expired", "revoked"]:
        if self.revoked is not None:
            return "revoked"
        expires = self.grants.expires
        return "expired" if expires is not None and expires <= now else "active"


class KeyFile(msgspec.Struct, frozen=True, kw_only=True):
    """The file as it is written."""

    version: int = 1
    keys: tuple[ClientKey, ...] = ()


class KeysError(Exception):
    """The file of keys cannot be read or written, or there is no such key; the message is for the user."""


def digest_of(key: str) -> str:
    """The form in which a key is kept and looked up."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def read_keys(path: Path) -> tuple[ClientKey, ...]:
    """The keys of the file, none if there is no file. Raises KeysError."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise KeysError(f"The keys in {path} cannot be read: {error.strerror}.") from None
    try:
        file = msgspec.json.decode(data, type=KeyFile)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise KeysError(f"{path} is not a file of keys: {error}.") from None
    if file.version != KeyFile().version:
        raise KeysError(f"{path} was written by a newer version of this program.")
    return file.keys


class KeyRing:
    """The keys of a file, which is looked at again at most once a second: what another process creates or revokes
    holds here a second later. `clock` is monotonic. Raises KeysError if the file is broken now; one that breaks later
    is complained about, and the keys known before stay in force."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._looked = clock()
        self._seen = self._signature()
        self._keys = _by_digest(read_keys(path))

    def find(self, digest: str) -> ClientKey | None:
        """The key with this digest, whatever its state. Looked up by digest, of which a caller cannot choose the
        beginning, and compared in constant time on one path for known and unknown keys."""
        self._look_again()
        found = self._keys.get(digest, _NOBODY)
        return found if hmac.compare_digest(found.digest, digest) else None

    def keys(self) -> tuple[ClientKey, ...]:
        self._look_again()
        return tuple(self._keys.values())

    def _look_again(self) -> None:
        now = self._clock()
        if now - self._looked < _LOOK_AGAIN_SECONDS:
            return
        self._looked = now
        signature = self._signature()
        if signature == self._seen:
            return
        self._seen = signature
        try:
            self._keys = _by_digest(read_keys(self._path))
        except KeysError as error:
            _log.warning("%s The keys known before stay in force.", error)

    def _signature(self) -> tuple[int, int, int] | str:
        """Changes whenever the file does: it is only ever replaced."""
        try:
            stat = self._path.stat()
        except OSError as error:
            return type(error).__name__
        return stat.st_ino, stat.st_mtime_ns, stat.st_size


_NOBODY = ClientKey(id="", name="", digest="-" * 64, prefix="", created=0, grants=Grants(), revoked=0)
"""Stands in for unknown keys: it has the length of a digest and can be none."""


def _by_digest(keys: Iterable[ClientKey]) -> dict[str, ClientKey]:
    return {key.digest: key for key in keys}


def check_usable(key: ClientKey, now: float) -> None:
    """Raises GatewayError("authentication") for a key that is revoked or has expired."""
    state = key.state(now)
    if state != "active":
        words = {"revoked": "has been revoked", "expired": "has expired"}[state]
        raise GatewayError("authentication", f"The API key {key.name!r} {words}.", reason=f"key_{state}")


def check_allowed(key: ClientKey, provider: str, models: Iterable[str]) -> None:
    """`models` are the name the client asked for and the name the provider knows. Raises GatewayError("permission")."""
    if not _matches(provider, key.grants.providers):
        raise GatewayError(
            "permission", f"This API key may not use the provider {provider}.", reason="key_provider_not_allowed"
        )
    names = tuple(models)
    if not any(_matches(name, key.grants.models) for name in names):
        asked = names[0][:80] if names else ""
        raise GatewayError(
            "permission",
            f"This API key may not use the model {asked!r}.",
            param="model",
            reason="key_model_not_allowed",
        )


def allows(key: ClientKey, provider: str, models: Iterable[str]) -> bool:
    """Whether `check_allowed` would pass, for lists of models."""
    grants = key.grants
    return _matches(provider, grants.providers) and any(_matches(name, grants.models) for name in models)


def _matches(name: str, globs: tuple[str, ...]) -> bool:
    return not globs or any(fnmatchcase(name.lower(), glob.lower()) for glob in globs)
