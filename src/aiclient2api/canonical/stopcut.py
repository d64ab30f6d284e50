"""Stop sequences for providers that know none: the text is cut where the first to be complete begins.

Enters: events of one answer in sound order. Leaves: the same events up to the cut, then the ends of the open blocks,
a usage if the owner can tell one, and Finish("stop_sequence"); nothing after that. Of sequences that are complete at
the same character the longest counts. Text that may be the beginning of a stop sequence is held back until more is
known. While a tool call is open nothing is cut: half a call can be neither completed nor taken back.
"""

from collections.abc import Callable, Iterable

from aiclient2api.canonical.events import (
    BlockEnd,
    BlockStart,
    Event,
    Failed,
    Finish,
    TextDelta,
    UsageUpdate,
)
from aiclient2api.canonical.usage import Usage


class StopCutter:
    """`stop` holds the stop sequences (empty ones are ignored), `usage` tells the usage so far when a cut is made.

    `done` is true after a cut: the upstream need not be read on.
    """

    def __init__(self, stop: tuple[str, ...], usage: Callable[[], Usage] | None = None) -> None:
        self._stop = {each: _borders(each) for each in stop if each}
        self._usage = usage
        self._open: dict[int, BlockStart] = {}
        self._texts: dict[int, _Text] = {}
        self.done = False

    def feed(self, events: Iterable[Event]) -> list[Event]:
        """What may be shown of the answer after these events."""
        out: list[Event] = []
        for event in events:
            if self.done:
                break
            if isinstance(event, TextDelta) and event.index in self._texts:
                self._text(event, out)
                continue
            self._follow(event, out)
            out.append(event)
        return out

    def _follow(self, event: Event, out: list[Event]) -> None:
        """Keep the list of open blocks, and let held text go before what makes it final."""
        if isinstance(event, BlockStart):
            self._open[event.index] = event
            if event.kind == "text" and self._stop:
                self._texts[event.index] = _Text([_Search(word, borders) for word, borders in self._stop.items()])
        elif isinstance(event, BlockEnd):
            self._release(event.index, out)
            self._open.pop(event.index, None)
        elif isinstance(event, Finish | Failed):
            for index in list(self._texts):
                self._release(index, out)

    def _release(self, index: int, out: list[Event]) -> None:
        text = self._texts.pop(index, None)
        if text is not None and text.held:
            out.append(TextDelta(index, text.held))

    def _text(self, event: TextDelta, out: list[Event]) -> None:
        text = self._texts[event.index]
        cutting = all(start.kind != "tool_call" for start in self._open.values())
        found = text.add(event.text, cutting)
        if found is not None:
            self._cut(event.index, out, *found)
        elif shown := text.take():
            out.append(TextDelta(event.index, shown))

    def _cut(self, index: int, out: list[Event], before: str, word: str) -> None:
        del self._texts[index]
        if before:
            out.append(TextDelta(index, before))
        for other in sorted(self._open):
            self._release(other, out)
            out.append(BlockEnd(other))
        if self._usage is not None:
            out.append(UsageUpdate(self._usage()))
        out.append(Finish("stop_sequence", word))
        self.done = True


class _Text:
    """The text of a block that was not shown yet, and how much of each stop sequence its end is."""

    def __init__(self, searches: "list[_Search]") -> None:
        self.held = ""
        self._searches = searches

    def add(self, text: str, cutting: bool) -> tuple[str, str] | None:
        """If this completes a stop sequence and `cutting` is on: the text not shown before it, and the sequence."""
        before = len(self.held)
        self.held += text
        ends = [(end, -len(each.word), each.word) for each in self._searches if (end := each.read(text, cutting))]
        if not ends:
            return None
        end, _, word = min(ends)
        return self.held[: before + end - len(word)], word

    def take(self) -> str:
        """The held text that belongs to no possible stop sequence; it is not held any more."""
        size = len(self.held) - max(each.matched for each in self._searches)
        shown, self.held = self.held[:size], self.held[size:]
        return shown


class _Search:
    """Knuth, Morris and Pratt: looks for a word in text that comes in pieces, and looks at each character once.

    `matched` characters of the word are at the end of the text read so far.
    """

    def __init__(self, word: str, borders: list[int]) -> None:
        self.word = word
        self.matched = 0
        self._borders = borders

    def read(self, text: str, cutting: bool) -> int:
        """How far in `text` the word is complete for the first time, if `cutting` is on; otherwise 0."""
        at = 0
        while at < len(text):
            if self.matched == 0 and (at := text.find(self.word[0], at)) < 0:
                return 0
            self.matched = _extended(self.word, self._borders, self.matched, text[at])
            at += 1
            if self.matched == len(self.word):
                self.matched = self._borders[-1]
                if cutting:
                    return at
        return 0


def _extended(word: str, borders: list[int], matched: int, char: str) -> int:
    """How much of the word is at the end after one more character."""
    while matched and word[matched] != char:
        matched = borders[matched - 1]
    return matched + (word[matched] == char)


def _borders(word: str) -> list[int]:
    """For each beginning of the word: the length of the longest shorter beginning that it ends with."""
    out = [0]
    for char in word[1:]:
        out.append(_extended(word, out, out[-1], char))
    return out
