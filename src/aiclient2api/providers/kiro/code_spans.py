"""Where Markdown text is code: fenced blocks and inline code (CommonMark 0.31, 4.5, 6.1), as far as a stream can tell.

Enters: text piece by piece. Leaves: whether the next character stands in code, and at the start of a line. An inline
span counts as open until its closing run or the end of its paragraph.
"""

import re

_SPACES = re.compile(r"[ \t]*")
_RUN = re.compile(r"`+|~+")
_NEXT = re.compile(r"[\n`]")
_RUN_CHARS = ("`", "~")


class CodeSpans:
    """`paragraph` counts blank lines, so that two places can be told to be of one paragraph."""

    def __init__(self) -> None:
        self.paragraph = 0
        self._indent = 0  # columns before the first character of this line; -1: there has been one
        self._run = ""  # back-ticks or tildes just passed, whose end has not been seen
        self._run_begins_line = False
        self._fence = ""
        self._in_info = False
        self._may_close = False
        self._inline = 0

    @property
    def in_fence(self) -> bool:
        self._settle()
        return bool(self._fence)

    @property
    def in_inline(self) -> bool:
        self._settle()
        return self._inline > 0

    @property
    def in_code(self) -> bool:
        return self.in_fence or self._inline > 0

    @property
    def line_begins(self) -> bool:
        """Whether nothing but up to three spaces stands before the next character (four would be code)."""
        return 0 <= self._indent < 4 and not self._run

    def pass_over(self, text: str, start: int = 0, end: int | None = None) -> None:
        at, end = start, len(text) if end is None else end
        while at < end:
            if self._run and text[at] != self._run[0]:
                self._settle()
            if self._run or (self._indent >= 0 and text[at] in " \t~`\n"):
                at = self._line_start(text, at, end)
                continue
            self._indent = -1
            found = _NEXT.search(text, at, end)
            until = found.start() if found else end
            if self._may_close and text[at:until].strip():
                self._may_close = False
            at = until
            if found is not None:
                at = self._newline(at) if found[0] == "\n" else self._take_run(text, at, end)

    def interrupt(self) -> None:
        """Something that is no text stands in this line."""
        self._settle()
        self._indent = -1

    def _line_start(self, text: str, at: int, end: int) -> int:
        """One step at the start of a line, or in a run that may go on; where the next step begins."""
        if text[at] == "\n":
            return self._newline(at)
        if text[at] in _RUN_CHARS:
            return self._take_run(text, at, end)
        found = _SPACES.match(text, at, end)
        assert found is not None
        self._indent += sum(4 if char == "\t" else 1 for char in found[0])
        return found.end()

    def _take_run(self, text: str, at: int, end: int) -> int:
        found = _RUN.match(text, at, end)
        assert found is not None
        if not self._run:
            self._run_begins_line = 0 <= self._indent < 4
            self._indent = -1
        self._run += found[0]
        return found.end()

    def _newline(self, at: int) -> int:
        self._settle()
        if self._indent >= 0:
            self.paragraph += 1
            self._inline = 0
        if self._may_close:
            self._fence = ""
        self._in_info = self._may_close = False
        self._indent = 0
        return at + 1

    def _settle(self) -> None:
        """Decide what a run of back-ticks or tildes was, now that its end has been seen."""
        if not self._run:
            return
        run, self._run = self._run, ""
        if self._fence and self._in_info and run[0] == self._fence[0] == "`":
            self._inline, self._fence, self._in_info = len(self._fence), "", False  # no fence, but inline code
        if self._fence:
            self._may_close = self._run_begins_line and run.startswith(self._fence) and not self._in_info
        elif self._run_begins_line and len(run) >= 3:
            self._fence, self._in_info, self._inline = run, True, 0
        elif self._inline == len(run):
            self._inline = 0 if run[0] == "`" else self._inline
        elif not self._inline and run[0] == "`":
            self._inline = len(run)
