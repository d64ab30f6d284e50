"""Where a JSON object ends in text that comes piece by piece, without parsing it."""

import re

_MARK = re.compile(r'["{}\[\]]')
_IN_STRING = re.compile(r'["\\]')


class JsonEnd:
    """Counts brackets outside strings."""

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = False
        self._escaped = False

    def find(self, text: str, start: int = 0) -> int:
        """Where in `text`, the next piece, the value that began with a bracket is closed (behind the bracket); -1 if
        it goes on."""
        at = start
        if self._escaped and at < len(text):
            self._escaped = False
            at += 1
        while True:
            found = (_IN_STRING if self._in_string else _MARK).search(text, at)
            if found is None:
                return -1
            at = found.end()
            mark = found[0]
            if mark == '"':
                self._in_string = not self._in_string
            elif mark == "\\":
                if at == len(text):
                    self._escaped = True
                    return -1
                at += 1
            elif mark in "{[":
                self._depth += 1
            else:
                self._depth -= 1
                if self._depth <= 0:
                    return at

    def cut(self, text: str) -> bool:
        """Whether `text`, as a whole, opens something that it does not close."""
        at = self.find(text)
        return at < 0 and (self._depth > 0 or self._in_string)
