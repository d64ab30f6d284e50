"""Envelopes for opaque state (thinking signatures, encrypted reasoning, thought signatures).

A client of any dialect gives back what it was given. So a value that does not belong to the client's own dialect
travels in an envelope that names its origin, and finds its way home when the conversation goes on: unwrapped for the
provider that made it, dropped for every other. Standard base64 throughout, because google-genai validates it.
"""

import base64

import msgspec

from aiclient2api.canonical.request import Opaque

_MAGIC = b"\x00\xa2\x01"
PREFIX = base64.b64encode(_MAGIC).decode()


def wrap(opaque: Opaque, native: str) -> str:
    """The text that a client of the dialect family `native` gets: the bare value of that family, else an envelope."""
    if opaque.origin == native:
        return opaque.value
    record = msgspec.json.encode([opaque.origin, opaque.kind, opaque.value, opaque.model])
    return base64.b64encode(_MAGIC + record).decode()


def unwrap(text: str, native: str, kind: str) -> Opaque:
    """What a client of the dialect family `native` gave back: our envelope's content, or a native value of `kind`."""
    if text.startswith(PREFIX):
        try:
            record = base64.b64decode(text, validate=True)[len(_MAGIC) :]
            return Opaque(*msgspec.json.decode(record, type=tuple[str, str, str, str]))
        except (ValueError, msgspec.DecodeError):  # no base64, not ASCII, not UTF-8, no JSON
            pass
    return Opaque(native, kind, text)
