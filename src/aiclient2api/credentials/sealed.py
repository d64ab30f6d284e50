"""Seals a text with a secret that both sides have and the place in between has not.

HMAC-SHA256 in counter mode, then HMAC-SHA256 over all of it, with keys of their own for each seal. Enters: the secret
and the plain bytes. Leaves: sealed bytes; or the plain ones again, None if they were sealed with another secret or
changed on the way. The secret must be long and random, like a refresh token.
"""

import hmac
import secrets

_VERSION = b"1"
_NONCE = 16
_TAG = 32


def seal(secret: str, plain: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE)
    hiding, proving = _keys(secret, nonce)
    body = _VERSION + nonce + _hidden(hiding, plain)
    return body + hmac.digest(proving, body, "sha256")


def unseal(secret: str, sealed: bytes) -> bytes | None:
    body, tag = sealed[:-_TAG], sealed[-_TAG:]
    if len(body) < 1 + _NONCE or body[:1] != _VERSION:
        return None
    hiding, proving = _keys(secret, body[1 : 1 + _NONCE])
    if not hmac.compare_digest(hmac.digest(proving, body, "sha256"), tag):
        return None
    return _hidden(hiding, body[1 + _NONCE :])


def _keys(secret: str, nonce: bytes) -> tuple[bytes, bytes]:
    master = hmac.digest(secret.encode("utf-8", "surrogatepass"), b"aiclient2api login" + nonce, "sha256")
    return hmac.digest(master, b"hide", "sha256"), hmac.digest(master, b"prove", "sha256")


def _hidden(key: bytes, text: bytes) -> bytes:
    """Twice is not at all."""
    stream = b"".join(hmac.digest(key, n.to_bytes(8, "big"), "sha256") for n in range(-(-len(text) // 32)))
    return bytes(a ^ b for a, b in zip(text, stream, strict=False))
