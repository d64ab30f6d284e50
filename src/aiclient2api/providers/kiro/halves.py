"""Surrogate pairs that were cut between two events.

A character beyond U+FFFF may be written as two JSON escapes, and the service may put each into an event of its own.
Enters: text with halves. Leaves: text without; a high half at the end waits for its partner, and any other lone half
becomes U+FFFD.
"""


class Halves:
    """`channel` keeps streams of text apart."""

    def __init__(self) -> None:
        self._waiting: dict[str, str] = {}

    def join(self, channel: str, text: str) -> str:
        text = self._waiting.pop(channel, "") + text
        if text and "\ud800" <= text[-1] <= "\udbff":
            self._waiting[channel] = text[-1]
            text = text[:-1]
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

    def rest(self, channel: str) -> str:
        """What stands for a half whose partner never came."""
        return "\ufffd" if self._waiting.pop(channel, "") else ""
