"""A token document as base64 in KIRO_OAUTH_CREDS_BASE64 (or a pool account's member of that name).

It cannot be written back; refreshed tokens live in our own state. The document may hold clientId and clientSecret.
"""

import base64
import binascii
import io
import re

from aiclient2api.credentials import fields, troubles
from aiclient2api.credentials.credential import Credential
from aiclient2api.credentials.secret import Secret
from aiclient2api.credentials.sources.base import Stamp
from aiclient2api.credentials.sources.identity import place_key
from aiclient2api.credentials.troubles import Words


class Base64Source:
    """`setting` is where the text stands, `words` are for messages about it."""

    def __init__(self, text: Secret, setting: str = "KIRO_OAUTH_CREDS_BASE64", words: Words = troubles.KIRO) -> None:
        self._text = text
        self._place = f"environment variable {setting}"
        self._words = words

    @property
    def key(self) -> str:
        return place_key("base64", self._text.reveal())

    def describe(self) -> str:
        return self._place

    def stamp(self) -> Stamp:
        return ()

    def load(self) -> Credential:
        try:
            return fields.read_credential(fields.members(_decoded(self._text.reveal())))
        except ValueError as error:
            raise troubles.corrupt(self._place, str(error), self._words) from None

    def save(self, old: Credential, new: Credential) -> None:
        raise io.UnsupportedOperation(f"{self._place} cannot be written")


def _decoded(text: str) -> bytes:
    """Either alphabet, with or without padding, with line breaks (`base64` wraps its lines)."""
    plain = re.sub(r"\s+", "", text).replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("it is not base64") from None
