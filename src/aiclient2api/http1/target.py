"""Request targets: origin-form, absolute-form and `*` (RFC 9112, 3.2) to a path and a query.

Refuses authority-form, user info, fragments, and a path that decodes to NUL, CR or LF.
"""

import re
from functools import lru_cache
from urllib.parse import unquote_to_bytes

_ESCAPES = re.compile(r"(?:%[0-9a-fA-F]{2})+")
_NOT_UTF8 = re.compile("[\udc80-\udcff]")
_ABSOLUTE = re.compile(r"https?://([^/?#]*)([^#]*)", re.IGNORECASE)
# reg-name, IPv4 or bracketed IPv6, and a port (RFC 3986, 3.2.2); no user info, no path, no list.
_AUTHORITY = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()*+;=%]*|\[[0-9A-Fa-f:.%A-Za-z]+\])(?::[0-9]{0,5})?")


class BadTarget(ValueError):
    """The target is not one we serve."""


def parse(target: str, method: str) -> tuple[str, str, str | None]:
    """Path, query as it came (without the question mark), and the authority if the target is absolute.

    Raises BadTarget."""
    authority = None
    rest = target
    if not target.startswith("/"):
        if target == "*" and method == "OPTIONS":
            return "*", "", None
        absolute = _ABSOLUTE.fullmatch(target)
        if absolute is None or not absolute[1] or not is_authority(absolute[1]):
            raise BadTarget("the request target is neither a path nor an http address")
        authority, rest = absolute[1], absolute[2]
    if "#" in target:
        raise BadTarget("the request target has a fragment")
    path, _, query = rest.partition("?")
    if "%" in path:
        path = unescape(path)
        if "\0" in path or "\r" in path or "\n" in path:
            raise BadTarget("the path contains control characters")
    return path or "/", query, authority


@lru_cache(maxsize=256)
def is_authority(text: str) -> bool:
    """Whether `text` can stand in a Host field."""
    return _AUTHORITY.fullmatch(text) is not None


def unescape(text: str) -> str:
    """Percent-decoding as UTF-8; escapes that are not UTF-8 stay as they are."""
    return _ESCAPES.sub(_decode_run, text)


def _decode_run(match: re.Match[str]) -> str:
    text = unquote_to_bytes(match[0]).decode(errors="surrogateescape")
    return _NOT_UTF8.sub(lambda each: f"%{ord(each[0]) - 0xDC00:02X}", text)


def parse_query(query: str) -> dict[str, str]:
    """Names to values; of a repeated name the first value counts. `+` is a space."""
    out: dict[str, str] = {}
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        if pair:
            out.setdefault(unescape(name.replace("+", " ")), unescape(value.replace("+", " ")))
    return out
