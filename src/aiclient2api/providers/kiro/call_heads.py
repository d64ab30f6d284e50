"""The beginnings of calls written as text, read while they may still be cut anywhere.

Enters: what stands there so far. Leaves: REJECTED, UNDECIDED, or the place where the JSON object of the call begins.
"""

import re
from collections.abc import Callable, Mapping

from aiclient2api.providers.kiro.call_shapes import ARGUMENTS, LIST, MEMBERS, TYPES, WRAPPERS

REJECTED = -1
UNDECIDED = -2
MAX_HEAD = 512
"""A beginning that is longer than this is none."""

Head = Callable[[str, Mapping[str, str]], int]


def gradual(*atoms: str) -> re.Pattern[str]:
    """A pattern that matches the atoms in a row, and any beginning of them."""
    pattern = ""
    for atom in reversed(atoms):
        pattern = f"(?:{atom}{pattern})?"
    return re.compile(pattern, re.IGNORECASE)


_BRACKET = gradual(
    r"\[", *"Called", r"\s+", r"(?P<name>[^\s\[\]{}]+)", r"\s+", *"with", r"\s+", *"args:", r"\s*", r"(?P<object>\{)"
)
_TAG = gradual(*"<tool_call>", r"\s*", r"(?P<object>\{)")


def bracket_head(text: str, names: Mapping[str, str]) -> int:
    """`[Called NAME with args: {`"""
    found = _BRACKET.match(text)
    assert found is not None
    name = found["name"]
    if name is not None and not _fits("name", name, names, whole=found.end("name") < len(text)):
        return REJECTED
    return _gradually(found, text)


def bracket_name(text: str) -> str:
    """The name in a beginning that was accepted."""
    found = _BRACKET.match(text)
    assert found is not None
    return found["name"] or ""


def tag_head(text: str, names: Mapping[str, str]) -> int:
    """`<tool_call>{`"""
    found = _TAG.match(text)
    assert found is not None
    return _gradually(found, text)


def _gradually(found: re.Match[str], text: str) -> int:
    if found["object"] is not None:
        return found.start("object")
    return UNDECIDED if found.end() == len(text) and len(text) <= MAX_HEAD else REJECTED


_MEMBER = re.compile(r'\s*"(\w+)"\s*:\s*"((?:[^"\\]|\\.)*)"\s*([,}])', re.DOTALL)
_VALUES = dict.fromkeys(ARGUMENTS, '{"') | dict.fromkeys(WRAPPERS, "{") | {LIST: "["}
"""Members that hold the arguments, and how their values begin."""
_WORDS: dict[str, frozenset[str]] = {
    "type": TYPES,
    "role": frozenset({"assistant"}),
    "content": frozenset({""}),
}


def object_head(text: str, names: Mapping[str, str]) -> int:
    """`{` with members that a call begins with, until one that holds its arguments: the object begins at 0.

    Most answers in JSON are told from calls by their first member.
    """
    at = 1
    while (found := _MEMBER.match(text, at)) is not None and found[1] not in _VALUES:
        if found[3] == "}" or not _fits(found[1], found[2], names, whole=True):
            return REJECTED
        at = found.end()
    verdict = _unfinished_member(text[at:].lstrip(), names)
    return REJECTED if verdict == UNDECIDED and len(text) > MAX_HEAD else verdict


def _unfinished_member(text: str, names: Mapping[str, str]) -> int:
    key, quote, rest = text[1:].partition('"')
    if not text or (text[0] == '"' and not quote and any(each.startswith(key) for each in MEMBERS)):
        return UNDECIDED
    if text[0] != '"' or not quote or key not in MEMBERS:
        return REJECTED
    rest = rest.lstrip()
    value = rest[1:].lstrip()
    if rest[:1] not in ("", ":"):
        return REJECTED
    if not value:
        return UNDECIDED
    if key in _VALUES:
        return 0 if value[0] in _VALUES[key] else REJECTED
    if value[0] != '"':  # "content": null, "index": 0
        return 0 if key != "name" else REJECTED
    return UNDECIDED if _fits(key, value[1:].partition('"')[0], names, whole='"' in value[1:]) else REJECTED


def _fits(key: str, value: str, names: Mapping[str, str], whole: bool) -> bool:
    """Whether a string member can be a call's; `whole`: its closing quote has been seen."""
    known = names if key == "name" else _WORDS.get(key)
    if known is None or "\\" in value:
        return key in MEMBERS
    return value in known if whole else any(each.startswith(value) for each in known)
