"""Reasoning that a model without a reasoning event writes as <thinking>…</thinking> at the very start of its text.

Enters: text piece by piece. Leaves: pieces of reasoning and of text. Tags may be cut anywhere; the newlines behind the
closing tag are dropped. A closing tag within code or quotes is reasoning about tags (kiro.rs), an opening tag that is
not the first thing in the text is text.
"""

from typing import NamedTuple

from aiclient2api.providers.kiro.code_spans import CodeSpans

_OPEN = "<thinking>"
_CLOSE = "</thinking>"
_QUOTES = {'"': '"', "'": "'", "`": "`", "“": "”", "‘": "’", "«": "»", "「": "」"}
MAX_BLANK = 1024
"""Longest white space that is held back in front of a tag."""


class Piece(NamedTuple):
    thinking: bool
    text: str


class ThinkingTags:
    """`done`: whatever follows is text, and need not come through here. `found`: there was reasoning."""

    def __init__(self) -> None:
        self.done = False
        self.found = False
        self._closed = False
        self._held = ""
        self._last = ""
        self._spans = CodeSpans()

    @property
    def holding(self) -> bool:
        return bool(self._held)

    def feed(self, text: str) -> list[Piece]:
        return self._read(self._held + text, at_end=False)

    def close(self) -> list[Piece]:
        """The text has ended; what was held back is what it looks like."""
        pieces = self._read(self._held, at_end=True)
        self.done = True
        return pieces

    def _read(self, text: str, at_end: bool) -> list[Piece]:
        self._held = ""
        out: list[Piece] = []
        if not self.found and not self.done:
            text = self._before(text, at_end, out)
        if self.found and not self._closed:
            text = self._within(text, at_end, out)
        if self._closed and not self.done:
            text = text.lstrip("\r\n")
            self.done = bool(text)
        if self.done and text:
            out.append(Piece(False, text))
        return [piece for piece in out if piece.text]

    def _before(self, text: str, at_end: bool, out: list[Piece]) -> str:
        """What follows the opening tag; all of the text if there is none."""
        begun = text.lstrip()
        if begun.startswith(_OPEN):
            self.found = True
            return begun[len(_OPEN) :]
        if _OPEN.startswith(begun) and len(text) - len(begun) <= MAX_BLANK and not at_end:
            self._held = text
            return ""
        self.done = True
        return text

    def _within(self, text: str, at_end: bool, out: list[Piece]) -> str:
        """What follows the closing tag, if it is there; the reasoning before it goes to `out`."""
        at, seen = text.find("<"), 0
        while at >= 0:
            self._spans.pass_over(text, seen, at)
            seen = at
            if text.startswith(_CLOSE, at):
                verdict = self._ends_here(text, at, at_end)
            else:
                begun = _CLOSE.startswith(text[at : at + len(_CLOSE)])  # not all that follows: there may be much of it
                verdict = None if begun and not at_end else False
            if verdict is None:
                self._held = text[at:]
                break
            if verdict:
                self._closed = True
                out.append(Piece(True, text[:at]))
                return text[at + len(_CLOSE) :]
            at = text.find("<", at + 1)
        end = len(text) - len(self._held)
        self._spans.pass_over(text, seen, end)
        self._last = text[end - 1] if end else self._last
        out.append(Piece(True, text[:end]))
        return ""

    def _ends_here(self, text: str, at: int, at_end: bool) -> bool | None:
        """Whether the closing tag at this place is meant; None: the next character will tell."""
        if self._spans.in_fence:
            return False
        quote = _QUOTES.get(text[at - 1] if at else self._last)
        if quote is None and not self._spans.in_inline:
            return True
        end = at + len(_CLOSE)
        following = text[end : end + 1]
        if not following:
            return True if at_end else None
        if self._spans.in_inline:  # a span that is open at the end of a line was never meant as one
            return following in "\r\n"
        return following != quote
