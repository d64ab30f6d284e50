"""Who may come in: the client's key, told in any of the usual ways, compared in constant time.

Enters: headers and query. Leaves: nothing, or GatewayError("authentication"). Comes before any parsing of the body.
A page of another site needs a key that cannot be guessed: on loopback weak ones are taken, and any page can try those.
"""

import hmac
import time
from collections.abc import Callable, Mapping, Sequence

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.gateway.damping import Damper
from aiclient2api.gateway.visitors import is_foreign
from aiclient2api.state.keys import ClientKey, KeyRing, check_usable, digest_of

WEAK_KEYS = frozenset({"123456", "your-api-key", "sk-your-key", "changeme", "password", "test", "admin123"})
MIN_KEY_LENGTH = 16
TOO_MANY_KEYS = "too_many_wrong_keys"
FOREIGN_PAGE = "foreign_page"
_KEY_HEADERS = ("x-api-key", "x-goog-api-key")


def is_weak(key: str) -> bool:
    """Whether a key is too short or one that guides print."""
    return len(key) < MIN_KEY_LENGTH or key.lower() in WEAK_KEYS


class Door:
    """Keeps digests, not keys; `ring` has the client keys. `clock` is monotonic, in seconds."""

    def __init__(
        self, keys: Sequence[str], ring: KeyRing | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._digests = tuple(digest_of(key) for key in keys)
        self._weak = frozenset(digest_of(key) for key in keys if is_weak(key))
        self._ring = ring
        self._damper = Damper()
        self._clock = clock

    def check(
        self, headers: Mapping[str, str], query: Mapping[str, str], key_in_query: bool, peer: str = ""
    ) -> tuple[str, ClientKey | None]:
        """The name of the key that opened the door, which is a client key's id or the start of a digest, and the client
        key. Raises GatewayError("authentication") unless one of the ways carries a right key; ("rate_limit") for a
        caller who has tried too many; ("permission") for a page of another site without a strong one."""
        given = presented_keys(headers, query if key_in_query else {})
        foreign = is_foreign(headers)
        if not given:
            if foreign:
                raise _foreign_page()
            raise GatewayError(
                "authentication",
                "No API key was sent. Send the gateway's key as 'Authorization: Bearer KEY' or 'x-api-key: KEY'.",
                reason="missing_api_key",
            )
        digests = [digest_of(key) for key in given]
        match = ""
        for digest in digests:
            for known in self._digests:
                if hmac.compare_digest(digest, known) and not (foreign and digest in self._weak):
                    match = match or digest
        if match:
            return match[:12], None
        for client in map(self._ring.find, digests) if self._ring is not None else ():
            if client is not None:
                check_usable(client, time.time())
                return client.id, client
        flood = not self._damper.wrong_key(peer, self._clock())
        if foreign:
            raise _foreign_page(TOO_MANY_KEYS if flood else FOREIGN_PAGE)
        if flood:
            raise GatewayError(
                "rate_limit", "Too many wrong API keys from this address.", retry_after=1.0, reason=TOO_MANY_KEYS
            )
        raise GatewayError(
            "authentication",
            "The API key is not this gateway's key. It is REQUIRED_API_KEY, or was printed at the first start.",
            reason="invalid_api_key",
        )


def _foreign_page(reason: str = FOREIGN_PAGE) -> GatewayError:
    """The same for a wrong key and a weak one: it must not tell which keys are right."""
    return GatewayError(
        "permission",
        "A page of another site needs this gateway's key, and one of 16 characters or more that no guide prints.",
        reason=reason,
    )


def presented_keys(headers: Mapping[str, str], query: Mapping[str, str]) -> list[str]:
    """The keys a client sent: Authorization (any case of Bearer), x-api-key, x-goog-api-key, ?key=. Some send several,
    of which one may belong to a proxy in between."""
    found = []
    if "authorization" in headers:
        scheme, _, token = headers["authorization"].strip().partition(" ")
        if scheme.lower() == "bearer":
            found.append(token.strip())
    found += [headers[name] for name in _KEY_HEADERS if name in headers]
    if "key" in query:
        found.append(query["key"])
    return list(dict.fromkeys(filter(None, found))) if len(found) != 1 or not found[0] else found
