"""On which line of a JSON text a value stands, for messages. The text must be sound JSON."""

import json
import re
from collections.abc import Iterator, Sequence

_SPACE = re.compile(r"[ \t\r\n]*")
_BETWEEN = re.compile(r"[ \t\r\n,:]*")

Path = Sequence[str | int]
"""Names of members and numbers of elements, from the outside in."""


def line_of(text: str, path: Path) -> int:
    """The line of the member or element at `path`; of members of one name the last counts, as for the reader."""
    at = _after(_SPACE, text, 0)
    named = at
    for step in path:
        for name, start, value in _parts(text, at):
            if name == step:
                named, found = start, value
        at = found
    return text.count("\n", 0, named) + 1


def member_names(text: str) -> list[str | int]:
    """Of the object that the text is, as often as they stand there."""
    return [name for name, _, _ in _parts(text, _after(_SPACE, text, 0))]


def _parts(text: str, at: int) -> Iterator[tuple[str | int, int, int]]:
    """(name or number, where it starts, where its value starts) of what the object or array at `at` holds."""
    decoder = json.JSONDecoder()
    is_object = text[at] == "{"
    at = _after(_BETWEEN, text, at + 1)
    number = 0
    while text[at] not in "]}":
        start, name = at, number
        if is_object:
            name, at = decoder.raw_decode(text, at)
            at = _after(_BETWEEN, text, at)
        yield name, start, at
        number += 1
        at = _after(_BETWEEN, text, decoder.raw_decode(text, at)[1])


def _after(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return at if found is None else found.end()
