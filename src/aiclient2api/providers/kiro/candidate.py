"""A piece of text that may be a tool call: its head, a JSON object, and what closes it.

Enters: text from its opening character on. Leaves: UNDECIDED as long as more is needed, REJECTED, or the place where
the call ends.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from aiclient2api.providers.kiro.call_heads import (
    MAX_HEAD,
    REJECTED,
    UNDECIDED,
    Head,
    bracket_head,
    bracket_name,
    gradual,
    object_head,
    tag_head,
)
from aiclient2api.providers.kiro.call_shapes import WrittenCall, calls_in, sound
from aiclient2api.providers.kiro.json_end import JsonEnd
from aiclient2api.wire import jsonio

__all__ = ["REJECTED", "UNDECIDED", "Candidate"]

MAX_CALL = 1024 * 1024
"""Characters of a call; a longer one stays text."""
MAX_TAIL = 64


class _Form(NamedTuple):
    """`tail` matches what closes the call, and any beginning of it."""

    head: Head
    tail: re.Pattern[str]


_FORMS: dict[str, _Form] = {
    "[": _Form(bracket_head, gradual(r"\s*", r"(?P<end>\])")),
    "<": _Form(tag_head, gradual(r"\s*", *"</tool_call", r"(?P<end>>)")),
    "{": _Form(object_head, gradual(r"[ \t\r]*", r"(?P<end>(?=\n))")),
}


class Candidate:
    """`size` is how much of it was held as an object, `calls` what it means once its end is known."""

    def __init__(self, opener: str, names: Mapping[str, str]) -> None:
        self.opener = opener
        self.size = 0
        self.calls: tuple[WrittenCall, ...] = ()
        self._names = names
        self._form = _FORMS[opener]
        self._pieces: list[str] = []
        self._head = ""
        self._object: list[str] = []
        self._end: JsonEnd | None = None
        self._tail: str | None = None

    def feed(self, text: str, start: int) -> int:
        """UNDECIDED, REJECTED, or where in `text` the call ends. `start` is where the candidate goes on in it."""
        verdict = self._feed(text, start)
        if verdict == UNDECIDED:
            self._pieces.append(text[start:])
        self.size = min(self.size, MAX_CALL)
        return verdict

    @property
    def carried(self) -> str:
        """Its text in the pieces that left it undecided."""
        return "".join(self._pieces)

    def at_end(self) -> tuple[WrittenCall, ...]:
        """Its calls if the text may end here."""
        return self._meaning() if self.opener == "{" and self._tail is not None else ()

    def _feed(self, text: str, at: int) -> int:
        if self._end is None:
            at = self._feed_head(text, at)
            if at < 0:
                return at
        if self._tail is None:
            at = self._feed_object(text, at)
            if at < 0:
                return at
        return self._feed_tail(text, at)

    def _feed_head(self, text: str, at: int) -> int:
        before = len(self._head)
        self._head += text[at : at + MAX_HEAD + 1 - before]
        place = self._form.head(self._head, self._names)
        if place < 0:
            return place
        self._end = JsonEnd()
        if place >= before:
            return at + place - before
        self._end.find(self._head[place:before])
        self._object.append(self._head[place:before])
        return at

    def _feed_object(self, text: str, at: int) -> int:
        assert self._end is not None
        end = self._end.find(text, at)
        self._object.append(text[at:] if end < 0 else text[at:end])
        self.size += len(self._object[-1])
        if self.size > MAX_CALL:
            return REJECTED
        if end < 0:
            return UNDECIDED
        self._tail = ""
        return end

    def _feed_tail(self, text: str, at: int) -> int:
        assert self._tail is not None
        before = len(self._tail)
        self._tail += text[at : at + MAX_TAIL - before]
        found = self._form.tail.match(self._tail)
        assert found is not None
        if found["end"] is not None:
            self.calls = self._meaning()
            return at + found.end() - before if self.calls else REJECTED
        return UNDECIDED if found.end() == len(self._tail) and len(self._tail) < MAX_TAIL else REJECTED

    def _meaning(self) -> tuple[WrittenCall, ...]:
        text = "".join(self._object)
        if self.opener != "[":
            return tuple(calls_in(text, self._names))
        try:
            return (WrittenCall(self._names[bracket_name(self._head)], sound(text)),)
        except jsonio.JsonError:
            return ()
