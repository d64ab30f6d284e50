"""JSON that keeps its promises: bounded, typed, and byte-exact where nothing needs to change.

`decode` never raises anything but JsonError; neither deep nesting nor bad UTF-8 nor lone surrogates get through into
a value (what it skips or leaves raw is only checked to be JSON).
`patch` replaces, adds or removes top-level members of an object without touching a byte of the others.
"""

import json
import re
from collections.abc import Callable, Hashable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar, cast

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


def decode(data: bytes | str | msgspec.Raw, type_: type[T]) -> T:
    """Parse and validate. Lone surrogates become U+FFFD; a byte-order mark is read over. Raises JsonError."""
    try:
        return _decoder(type_).decode(data)  # type: ignore[arg-type, no-any-return]
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return _decode_again(bytes(data) if isinstance(data, msgspec.Raw) else data, type_)


def reader(type_: type[T]) -> Callable[[bytes | msgspec.Raw], T]:
    """decode for one type, for data that comes often and in small pieces."""
    read: Callable[[bytes | msgspec.Raw], T] = _decoder(cast(Hashable, type_)).decode

    def decoded(data: bytes | msgspec.Raw) -> T:
        try:
            return read(data)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return _decode_again(bytes(data), type_)

    return decoded


def fitting(data: bytes | msgspec.Raw, type_: type[T]) -> T | None:
    """What decode gives, or None where it raises or has to repair: for a first try with narrow types."""
    try:
        return _decoder(type_).decode(data)  # type: ignore[arg-type, no-any-return]
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _decode_again(data: bytes | str, type_: type[T]) -> T:
    """What decode does with data that is not as it should be."""
    try:
        return _decode(data, type_)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        repaired = _repaired(data)
        if repaired is None:
            raise JsonError(_plain(str(error))) from None
    try:
        return _decode(repaired, type_)
    except msgspec.DecodeError as error:
        raise JsonError(_plain(str(error))) from None


def _decode(data: bytes | str, type_: type[T]) -> T:
    """Raises JsonError, and for what a repair may help DecodeError or UnicodeEncodeError."""
    try:
        return cast(T, _decoder(cast(Hashable, type_)).decode(data))
    except msgspec.ValidationError as error:
        raise _validation_error(error) from None
    except RecursionError:
        raise JsonError("the JSON is nested too deeply") from None
    except UnicodeDecodeError:
        raise JsonError("the JSON is not valid UTF-8") from None


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
_BOM = b"\xef\xbb\xbf"


def _repaired(data: bytes | str) -> bytes | None:
    """The data without what a strict parser stumbles over though its meaning is plain; None if there is nothing."""
    if isinstance(data, str):
        received = data.encode("utf-8", "surrogatepass")
        fixed = data.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()
    else:
        received = fixed = data
    fixed = fixed.removeprefix(_BOM)
    if b"\\ud" in fixed or b"\\uD" in fixed:
        fixed = _ESCAPE.sub(lambda m: b"\\ufffd" if m["lone"] else m[0], fixed)
    return None if fixed == received else fixed


def members(data: bytes) -> dict[str, msgspec.Raw]:
    """The top-level members of an object as raw JSON; of doubled names the last. Raises JsonError.

    Raw text is checked to be UTF-8 here, because msgspec does not look into what it leaves raw.
    """
    check_utf8(data)
    return decode(data, _MEMBERS)


_MEMBERS = dict[str, msgspec.Raw]


def check_utf8(data: bytes) -> None:
    """Raises JsonError."""
    if not is_utf8(data):
        raise JsonError("the JSON is not valid UTF-8")


def is_utf8(data: bytes) -> bool:
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def patch(data: bytes, changes: Mapping[str, bytes | None]) -> bytes:
    """`data`, a JSON object, with top-level members set to raw JSON values (None removes a member).

    All other bytes stay as they are, order and white space included, but for the comma before or behind a member that
    goes; new members go to the end. A name that stands twice is changed at each place. Raises JsonError if `data` is
    not an object.
    """
    spans = _member_spans(data)
    close = data.rindex(b"}")
    first, last = (spans[0].start, spans[-1].end) if spans else (close, close)
    out = [data[:first]]
    before = first
    for name, start, value_start, end in spans:
        value = changes.get(name, data[value_start:end])
        if value is not None:
            if len(out) > 1:
                out.append(data[before:start])
            out += (data[start:value_start], value)
        before = end
    present = {span.name for span in spans}
    for name, value in changes.items():
        if value is not None and name not in present:
            out += (b"," if len(out) > 1 else b"", encode(name), b":", value)
    out.append(data[last:])
    return b"".join(out)


def added(data: bytes, name: str, value: bytes) -> bytes:
    """`data`, a sound JSON object that has members but none of this name, with one more at its end."""
    close = data.rindex(b"}")
    return b"%b,%b:%b%b" % (data[:close].rstrip(), encode(name), value, data[close:])


class _Span(NamedTuple):
    """Where a member stands: from the quote that begins its name to the end of its value."""

    name: str
    start: int
    value_start: int
    end: int


_NAME = re.compile(rb'[ \t\r\n,]*("[^"\\]*+(?:\\.[^"\\]*+)*+")[ \t\r\n]*:[ \t\r\n]*', re.DOTALL)
_VALUE_IS_OVER = re.compile(rb"[ \t\r\n]*[,}]")


def _member_spans(data: bytes) -> list[_Span]:
    """Each top-level member in order, doubled names too. Raises JsonError."""
    ends = _Ends(data)
    out: list[_Span] = []
    at = data.index(b"{") + 1
    while (found := _NAME.match(data, at)) is not None:
        quoted = found[1]
        name = decode(quoted, str) if b"\\" in quoted else quoted[1:-1].decode()
        at = ends.of(name, found.end())
        out.append(_Span(name, found.start(1), found.end(), at))
    return out


class _Ends:
    """Tells where the values of a sound object end.

    msgspec has parsed the object and knows the last value of each name; where that stands, it ends with its length.
    Only values of doubled names, and those that were repaired, are parsed once more.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._last = members(data)
        self._text: str | None = None

    def of(self, name: str, at: int) -> int:
        """The end of the value that begins at `at`. Raises JsonError."""
        raw = bytes(self._last[name])
        end = at + len(raw)
        if self._data.startswith(raw, at) and _VALUE_IS_OVER.match(self._data, end):
            return end
        if self._text is None:
            self._text = self._data.decode("latin-1")  # one character a byte; the syntax of JSON is ASCII
        try:
            return _PARSER.raw_decode(self._text, at)[1]
        except RecursionError:
            raise JsonError("the JSON is nested too deeply") from None


_PARSER = json.JSONDecoder(parse_int=str, parse_float=str)
