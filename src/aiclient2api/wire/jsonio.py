"""JSON that keeps its promises: bounded, typed, and byte-exact where nothing needs to change.

`decode` never raises anything but JsonError: neither deep nesting nor bad UTF-8 nor lone surrogates get through.
`patch` replaces, adds or removes top-level members of an object without touching a byte of the others.
"""

import re
from collections.abc import Hashable, Mapping
from functools import lru_cache
from typing import Any, TypeVar, cast

import msgspec

T = TypeVar("T")

Raw = msgspec.Raw
encode = msgspec.json.encode


class JsonError(Exception):
    """`path` is where ("messages[0].content"), as far as it is known."""

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(message)
        self.path = path


@lru_cache(maxsize=512)
def _decoder(type_: Hashable) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(type_)


def decode(data: bytes | str, type_: type[T]) -> T:
    """Parse and validate. Lone surrogate escapes become U+FFFD; a byte-order mark is read over. Raises JsonError."""
    try:
        return cast(T, _decoder(type_).decode(data))
    except msgspec.ValidationError as error:
        raise _validation_error(error) from None
    except RecursionError:
        raise JsonError("the JSON is nested too deeply") from None
    except UnicodeDecodeError:
        raise JsonError("the JSON is not valid UTF-8") from None
    except msgspec.DecodeError as error:
        repaired = _repaired(data)
        if repaired is not None:
            return decode(repaired, type_)
        raise JsonError(_plain(str(error))) from None


def parse(data: bytes | str) -> Any:
    """Parse without a type; numbers keep int and float apart. Raises JsonError."""
    return decode(data, cast(type[Any], Any))


_PATH = re.compile(r" - at `\$?(?P<path>[^`]*)`$")


def _validation_error(error: msgspec.ValidationError) -> JsonError:
    text = str(error)
    found = _PATH.search(text)
    if found is None:
        return JsonError(_plain(text))
    path = found["path"].removeprefix(".").replace("[...]", "[]")
    return JsonError(_plain(text[: found.start()]), path)


def _plain(text: str) -> str:
    return text.replace("`", "'")


_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<lone>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)


def _repaired(data: bytes | str) -> bytes | None:
    """The data without what a strict parser stumbles over though its meaning is plain; None if there is nothing."""
    raw = data.encode("utf-8", "replace") if isinstance(data, str) else bytes(data)
    fixed = raw.removeprefix(b"\xef\xbb\xbf")
    if b"\\ud" in fixed or b"\\uD" in fixed:
        fixed = _ESCAPE.sub(lambda m: b"\\ufffd" if m["lone"] else m[0], fixed)
    return fixed if fixed != raw else None


_SPACE = re.compile(rb"[ \t\r\n]*")


def members(data: bytes) -> dict[str, msgspec.Raw]:
    """The top-level members of an object as raw JSON; of doubled names the last. Raises JsonError."""
    return decode(data, dict[str, msgspec.Raw])


def patch(data: bytes, changes: Mapping[str, bytes | None]) -> bytes:
    """`data`, a JSON object, with top-level members set to raw JSON values (None removes a member).

    All other bytes stay as they are, order and white space included; new members go to the end. A name that stands
    twice is changed at each place. Raises JsonError if `data` is not an object.
    """
    spans = _member_spans(data)
    out: list[bytes] = []
    kept_until = 0
    seen: set[str] = set()
    for index, (name, start, value_start, end) in enumerate(spans):
        if name not in changes:
            continue
        seen.add(name)
        value = changes[name]
        if value is not None:
            out += (data[kept_until:value_start], value)
            kept_until = end
        elif index + 1 < len(spans):
            out.append(data[kept_until:start])
            kept_until = spans[index + 1][1]
        else:
            cut = spans[index - 1][3] if index else start
            out.append(data[kept_until : max(cut, kept_until)])
            kept_until = end
    out.append(data[kept_until:])
    patched = b"".join(out)
    added = [(name, value) for name, value in changes.items() if name not in seen and value is not None]
    if not added:
        return patched
    close = patched.rindex(b"}")
    empty = not _member_spans(patched)
    body = b",".join(encode(name) + b":" + value for name, value in added)
    return patched[:close] + (b"" if empty else b",") + body + patched[close:]


def _member_spans(data: bytes) -> list[tuple[str, int, int, int]]:
    """(name, start of the name, start of the value, end of the value) of each top-level member, in order.

    The values are delimited by msgspec: their raw text is known, so its place is where it stands after the colon.
    """
    pairs = _ordered_members(data)
    out: list[tuple[str, int, int, int]] = []
    at = data.index(b"{") + 1
    for name, value in pairs:
        start = data.index(b'"', at)
        value_start = data.index(value, _after_colon(data, start))
        at = value_start + len(value)
        out.append((name, start, value_start, at))
    return out


_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)


def _after_colon(data: bytes, name_start: int) -> int:
    name = _STRING.match(data, name_start)
    if name is None:
        raise JsonError("a member's name is not a string")
    return data.index(b":", name.end()) + 1


def _ordered_members(data: bytes) -> list[tuple[str, bytes]]:
    raws = members(data)
    return [(name, bytes(value)) for name, value in raws.items()]
