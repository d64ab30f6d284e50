"""Who may come in: the client's key, told in any of the usual ways, compared in constant time.

Enters: headers and query. Leaves: nothing, or GatewayError("authentication"). Comes before any parsing of the body.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping

from aiclient2api.canonical.errors import GatewayError

WEAK_KEYS = frozenset({"123456", "your-api-key", "sk-your-key", "changeme", "password", "test", "admin123"})
MIN_KEY_LENGTH = 16
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def is_weak(key: str) -> bool:
    """Whether a key is too short or one that guides print."""
    return len(key) < MIN_KEY_LENGTH or key.lower() in WEAK_KEYS


def is_loopback(host: str) -> bool:
    return host in LOOPBACK or host.startswith("127.")


class Door:
    """Keeps digests, not keys."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._digests = tuple(_digest(key) for key in keys)

    def check(self, headers: Mapping[str, str], query: Mapping[str, str], key_in_query: bool) -> str:
        """The name of the key that opened the door, which is the start of its digest. Raises
        GatewayError("authentication") unless one of the ways carries a right key."""
        given = presented_key(headers, query if key_in_query else {})
        if given is None:
            raise GatewayError(
                "authentication",
                "No API key was sent. Send the gateway's key as 'Authorization: Bearer KEY' or 'x-api-key: KEY'.",
                reason="missing_api_key",
            )
        digest = _digest(given)
        matches = [hmac.compare_digest(digest, known) for known in self._digests]
        if not any(matches):
            raise GatewayError(
                "authentication",
                "The API key is not this gateway's key. It is REQUIRED_API_KEY, or was printed at the first start.",
                reason="invalid_api_key",
            )
        return digest.hex()[:12]


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


def presented_key(headers: Mapping[str, str], query: Mapping[str, str]) -> str | None:
    """The key a client sent: Authorization (any case of Bearer), x-api-key, x-goog-api-key, or ?key=."""
    scheme, _, token = headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return headers.get("x-api-key") or headers.get("x-goog-api-key") or query.get("key") or None
