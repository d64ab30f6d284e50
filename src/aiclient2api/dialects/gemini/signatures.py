"""Thought signatures, which may stand beside any part of a model's turn (dialects.md, 1.4.4).

They are bytes, so whatever stands in their place is base64: Gemini's own values bare, those of other vendors in an
envelope. Clients may write them back in the URL-safe alphabet (google-genai does).
"""

import binascii

from aiclient2api.canonical.request import Opaque
from aiclient2api.dialects import opaque

FAMILY = "gemini"
KIND = "thought_signature"

DUMMY = "skip_thought_signature_validator"
"""Google's documented stand-in for a call that some other model made."""

NOTHING = Opaque("nobody", KIND, "")
"""Goes, in an envelope, on the first call of an answer that bears no state: by that a conversation which comes back
shows that some other model made the call, and the stand-in is put there."""

_STANDARD = str.maketrans("-_", "+/")
_DUMMIES = frozenset(each.translate(_STANDARD) for each in (DUMMY, "context_engineering_is_the_way_to_go"))


def read_signature(text: str | None) -> tuple[Opaque, ...]:
    """The state that a part bears; nothing for a stand-in, which is put back where it is needed."""
    if not text:
        return ()
    clean = "".join(text.split()).translate(_STANDARD)
    if clean in _DUMMIES:
        return ()
    found = opaque.unwrap(clean, FAMILY, KIND)
    return (found,) if found.value else ()


def write_signature(found: Opaque) -> str:
    """What a client of this dialect gets: always base64, because google-genai refuses a part with anything else."""
    bare = found.origin == FAMILY and found.kind == KIND and _is_base64(found.value)
    return found.value if bare else opaque.wrap(found, "")


def own_signature(state: tuple[Opaque, ...]) -> str:
    """The value that Gemini itself gave; empty if there is none."""
    return next((each.value for each in state if each.origin == FAMILY and each.kind == KIND), "")


def _is_base64(text: str) -> bool:
    try:
        return bool(binascii.a2b_base64(text, strict_mode=True))
    except ValueError:  # binascii.Error, or a character that is not ASCII
        return False
