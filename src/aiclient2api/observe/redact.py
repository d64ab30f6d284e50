"""Secrets out of text: what this process knows to be secret, and what looks like it, becomes ***.

Enters: any text that is about to leave (a log line, a prompt log entry). Leaves: the same with its secrets replaced.
It is the last line of defence, not the first: nothing secret should be logged to begin with.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote

MASK = "***"
_MIN_KNOWN = 6
"""A shorter secret would make holes into ordinary words."""

_NAME = (
    r"authorization|api[-_]?key|token|secret(?:[-_]?(?:access[-_]?)?key)?|password|passwd|passphrase"
    r"|creds[-_]base64|code[-_]?verifier|device[-_]?code"
)
_WORD = re.compile(f"{_NAME}|cookie|bearer")
"""What a secret stands behind, in lower case."""
_IN_WORDS = ("authoriz", "key", "token", "secret", "pass", "creds", "verifier", "device", "cookie", "bearer")
"""Every word has one of these: most lines have none, which is quickly seen."""

_FLAG = re.compile(r"--(?:\w+-)?$")
_BEHIND = r"(?:\\*[\"'])?\s*(?:=>|[:=]|%3[ad])\s*"
_NEXT_ITEM = r"\\*[\"']\s*,\s*"
_SCHEMES = "(?:bearer|basic|digest|token|negotiate)"
_SCHEME = rf"(?:{_SCHEMES}\s+)?"
_QUOTED = rf"b?(?P<quote>\\*[\"'])(?P<value>{_SCHEME}(?:\\.|[^\\\n]){{0,8192}}?)(?P=quote)"
_NO_SECRET = rf"(?:null|none|true|false)\b|{_SCHEMES}\s"
_BARE = rf"(?:b?\\*[\"'])?(?P<value>{_SCHEME}(?!{_NO_SECRET})[^\s\"',;&<>)}}\]\\]{{4,}})"
_VALUES: Mapping[str, tuple[re.Pattern[str], ...]] = {
    "name": (re.compile(rf"(?i)(?:{_BEHIND}|{_NEXT_ITEM}){_QUOTED}"), re.compile(rf"(?i){_BEHIND}{_BARE}")),
    "flag": (re.compile(rf"(?i)(?:=|\s)\s*{_BARE}"),),
    "cookie": (re.compile(r"\\*[\"']?\s*[:=,]\s*b?\\*[\"']?(?P<value>[^\n\"']{4,})"),),
    "bearer": (re.compile(r"(?:\s|%20)+(?P<value>[^\s\"',;&\\]{6,})"),),
}
"""Where the value stands, as headers, JSON, forms, Python literals and command lines spell it."""

_FORMS = (
    re.compile(r"(?i)[?&](?:key|code|sig|signature|x-amz-signature)=(?P<value>[^\s\"'&#\\]+)"),
    re.compile(r"://(?P<value>[^\s/@:\"'\\]{0,256}:[^\s/\"'\\]{0,512})@"),
)
"""What gives itself away: a query's key, a URL's user and password."""

_MAKE = r"sk-|ksk_|aoa|aor|eyJ|AIza|ya29\.|1//|AKIA|ASIA|gh[opsu]_|github_pat_"
_MADE_BY = re.compile(_MAKE)
_MADE = re.compile(rf"(?<![A-Za-z0-9])(?P<value>(?:{_MAKE})[\w\-.=/+]{{12,}})")
"""Keys and tokens of a known make. The first is only the quicker way to tell that there are none."""

_SECRET_NAME = re.compile(rf"(?i)(?:{_NAME}|cookie)$")


class Redactor:
    """`known` are literal values that must never appear."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        spellings = {each for secret in known if len(secret) >= _MIN_KNOWN for each in _spellings(secret)}
        self._known = sorted(spellings, key=len, reverse=True)

    def clean(self, text: str) -> str:
        for secret in self._known:
            if secret in text:
                text = text.replace(secret, MASK)
        lower = text.lower()
        for part in _IN_WORDS:
            if part in lower:
                text = _masked(text, _named(text))
                break
        if "=" in text or "@" in text:
            for form in _FORMS:
                text = _masked(text, form.finditer(text))
        return _masked(text, _MADE.finditer(text)) if _MADE_BY.search(text) else text

    def clean_value(self, value: object) -> object:
        """A JSON value with its texts cleaned, and members with a secret's name masked whole."""
        if isinstance(value, str):
            return self.clean(value)
        if isinstance(value, Mapping):
            return {
                self.clean(str(name)): MASK if _SECRET_NAME.search(str(name)) else self.clean_value(inner)
                for name, inner in value.items()
            }
        if isinstance(value, list | tuple | set | frozenset):
            return [self.clean_value(each) for each in value]
        return value if value is None or isinstance(value, bool | int | float) else self.clean(str(value))


def _named(text: str) -> Iterator[re.Match[str]]:
    """Values behind words that announce a secret."""
    lower = text.lower()
    if len(lower) != len(text):  # a few letters of Turkish and others become longer
        lower = "".join(char.lower() if char.isascii() else char for char in text)
    end = 0
    for word in _WORD.finditer(lower):
        if word.start() < end:
            continue
        kind = word[0] if word[0] in _VALUES else "name"
        if kind == "name" and _FLAG.search(lower, max(0, word.start() - 20), word.start()):
            kind = "flag"
        for pattern in _VALUES[kind]:
            value = pattern.match(text, word.end())
            if value is not None:
                end = value.end("value")
                yield value
                break


def _masked(text: str, found: Iterable[re.Match[str]]) -> str:
    out: list[str] = []
    at = 0
    for match in found:
        out += (text[at : match.start("value")], MASK)
        at = match.end("value")
    return "".join((*out, text[at:])) if out else text


def _spellings(secret: str) -> set[str]:
    """As it is, and as JSON, Python and URLs write it."""
    return {
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
        quote(secret, safe="", errors="replace"),
    }
