"""Texts in the pieces in which a model would write them."""

import re

_PIECE = re.compile(r"\s*(?:[\u2e80-\uffff]{1,4}|[^\s\u2e80-\uffff]{1,12})|\s+|.", re.DOTALL)
_FRAGMENT = 10


def of_text(text: str) -> list[str]:
    """Words or a few signs each; joined they are the text."""
    return _PIECE.findall(text)


def of_json(text: str) -> list[str]:
    """Fragments of a few characters, cut anywhere; joined they are the text."""
    return [text[at : at + _FRAGMENT] for at in range(0, len(text), _FRAGMENT)]
