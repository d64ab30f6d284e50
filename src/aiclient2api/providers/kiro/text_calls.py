"""Tool calls that a model writes as text (REQUIREMENTS C5), told from text that only looks like them.

    [Called NAME with args: {…}]       anywhere in the text
    <tool_call>{…}</tool_call>         anywhere in the text
    {…}                                on lines of its own, in a shape of call_shapes

Only declared names count, and nothing within code or quotes does. Enters: text piece by piece. Leaves: the text as it
came, and calls. What may be the beginning of a call is held back until that is decided; what turns out to be none is
given as it was, byte for byte. White space beside a call is left out where there is no other text.
"""

import re
from collections.abc import Mapping

from aiclient2api.providers.kiro.call_shapes import WrittenCall
from aiclient2api.providers.kiro.candidate import REJECTED, UNDECIDED, Candidate
from aiclient2api.providers.kiro.code_spans import CodeSpans

MAX_WASTE = 4 * 1024 * 1024
"""Characters that may be held for nothing in one answer; after that all is text."""
MAX_BLANK = 1024
"""Longest white space that waits for other text."""

_OPENERS = re.compile(r"\[(?=[Cc]|\Z)|<(?=[Tt]|\Z)|\{")
_QUOTES = frozenset("\"'“‘«「")

Piece = str | WrittenCall


class TextCalls:
    """`names` maps the declared names, and those on the wire, to the client's."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self._wasted = 0
        self._candidate: Candidate | None = None
        self._begin_anew()

    @property
    def holding(self) -> bool:
        return self._candidate is not None or bool(self._blank)

    def feed(self, text: str) -> list[Piece]:
        """Text and calls that are certain now."""
        out: list[Piece] = []
        self._scan(text, 0, out)
        return out

    def flush(self, whole: bool) -> list[Piece]:
        """What is left when the text ends, or something else comes between. `whole`: it was not cut off, so that JSON
        which stands at its end may be a call."""
        out: list[Piece] = []
        while self._candidate is not None:
            candidate, self._candidate = self._candidate, None
            calls = candidate.at_end() if whole else ()
            if calls:
                self._accept(calls, out)
            elif whole:
                self._reject(candidate)
                self._scan(candidate.carried, 1, out)
            else:
                self._emit(candidate.carried, out)
        if self._blank and not self._after_call:
            out.append(self._blank)
        self._begin_anew()
        return out

    def _begin_anew(self) -> None:
        self._spans = CodeSpans()
        self._last = ""
        self._blocked_paragraph = -1
        self._blank: str | None = ""  # white space without other text so far; None: there has been other text
        self._after_call = False

    def _scan(self, text: str, search: int, out: list[Piece]) -> None:
        """All of `text`, in which calls may begin from `search` on."""
        begin = 0
        while True:
            if self._candidate is None:
                at = self._opening(text, begin, search)
                self._emit(text[begin:at], out)
                if at == len(text):
                    return
                self._candidate = Candidate(text[at], self._names)
            else:
                at = 0
            candidate = self._candidate
            end = candidate.feed(text, at)
            if end == UNDECIDED:
                return
            self._candidate = None
            if end == REJECTED:
                self._reject(candidate)
                carried = candidate.carried
                text, begin = (carried + text, 0) if carried else (text, at)
                search = begin + 1
            else:
                self._accept(candidate.calls, out)
                begin = search = end

    def _opening(self, text: str, begin: int, search: int) -> int:
        """Where a call may begin; the text before that is passed over."""
        if self._wasted <= MAX_WASTE:
            for found in _OPENERS.finditer(text, search):
                at = found.start()
                self._spans.pass_over(text, begin, at)
                begin = at
                if self._may_begin(found[0], text[at - 1] if at else self._last):
                    return at
            self._spans.pass_over(text, begin)
        return len(text)

    def _may_begin(self, opener: str, before: str) -> bool:
        if self._spans.in_code:
            return False
        if opener == "{":
            return self._spans.line_begins and self._spans.paragraph != self._blocked_paragraph
        return before not in _QUOTES

    def _reject(self, candidate: Candidate) -> None:
        self._wasted += candidate.size
        if candidate.opener == "{":  # other objects in this paragraph are parts of this one
            self._blocked_paragraph = self._spans.paragraph

    def _accept(self, calls: tuple[WrittenCall, ...], out: list[Piece]) -> None:
        out += calls
        self._spans.interrupt()
        self._last = ""
        self._blank, self._after_call = "", True

    def _emit(self, text: str, out: list[Piece]) -> None:
        if not text:
            return
        self._last = text[-1]
        if self._blank is not None:
            text = self._blank + text
            if not text.strip() and len(text) <= MAX_BLANK:
                self._blank = text
                return
            self._blank = None
        out.append(text)
