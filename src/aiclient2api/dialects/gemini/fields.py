"""Members of a Gemini body in either spelling: lowerCamelCase and snake_case mean the same, even mixed in one object.

Enters: raw JSON and its path. Leaves: members by their camelCase names, or typed shapes. What is free form (arguments,
schemas, results, labels) is never renamed. Refuses: other types and numbers out of range, with bad_request.
"""

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from aiclient2api.canonical.errors import bad_request
from aiclient2api.dialects.reading import given, read
from aiclient2api.wire import jsonio

T = TypeVar("T")

Members = Mapping[str, msgspec.Raw]

MAX_INTEGER = 2**53
"""Beyond it JSON numbers are not exact everywhere; nothing sound is that large."""


def camel(name: str) -> str:
    """`max_output_tokens` as `maxOutputTokens`."""
    first, *rest = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)


def members(raw: bytes | msgspec.Raw, path: str) -> dict[str, msgspec.Raw]:
    """The members that are there and not null, by their camelCase names. Raises bad_request for what is no object."""
    found = read(raw, dict[str, msgspec.Raw], path)
    return {camel(name) if "_" in name else name: value for name, value in found.items() if given(value)}


def shape(raw: bytes | msgspec.Raw, type_: type[T], path: str) -> T:
    """The object as a `type_` whose members have camelCase names; nested objects are not renamed."""
    body = bytes(raw)
    if b"_" in body:
        found = read(body, dict[str, msgspec.Raw], path)
        if any("_" in name for name in found):
            body = jsonio.encode({camel(name): value for name, value in found.items()})
    return read(body, type_, path)


def listed(raw: msgspec.Raw | None, path: str) -> list[tuple[str, msgspec.Raw]]:
    """The elements of a list with their paths; one that is no list stands for a list of itself."""
    if raw is None:
        return []
    if not bytes(raw).lstrip().startswith(b"["):
        return [(path, raw)]
    return [(f"{path}[{index}]", each) for index, each in enumerate(read(raw, list[msgspec.Raw], path))]


def take(found: Members, name: str, type_: type[T], path: str) -> T | None:
    """The member as a `type_`, or None if it is not there."""
    return read(found[name], type_, f"{path}.{name}") if name in found else None


def integer(found: Members, name: str, path: str, low: int, high: int = MAX_INTEGER) -> int | None:
    """A whole number from `low` to `high`; 12, 12.0 and "12" alike, as the protocol's JSON form allows."""
    if name not in found:
        return None
    place = f"{path}.{name}"
    raw = bytes(found[name]).strip(b'"')
    try:
        number = jsonio.decode(raw, float)
        whole = int(raw) if raw.lstrip(b"-").isdigit() else int(number)
    except (jsonio.JsonError, ValueError, OverflowError):
        raise bad_request(f"{place} must be a whole number.", place) from None
    if number != whole or not low <= whole <= high:
        raise bad_request(f"{place} must be a whole number from {low} to {high}.", place)
    return whole
