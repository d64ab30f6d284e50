"""Stop sequences for providers that know none: the text is cut where the first of them begins.

Enters: events of one answer in sound order. Leaves: the same events up to the cut, then the ends of the open blocks,
a usage if the owner can tell one, and Finish("stop_sequence"); nothing after that. Text that may be the beginning of
a stop sequence is held back until more is known. While a tool call is open nothing is cut: half a call can be neither
completed nor taken back.
"""

import re
from collections.abc import Callable, Iterable

from aiclient2api.canonical.events import (
    ArgumentsDelta,
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
        self._stop = tuple(dict.fromkeys(each for each in stop if each))
        self._pattern = re.compile("|".join(re.escape(each) for each in self._stop)) if self._stop else None
        self._hold = max((len(each) for each in self._stop), default=1) - 1
        self._usage = usage
        self._open: dict[int, BlockStart] = {}
        self._held: dict[int, str] = {}
        self.done = False

    def feed(self, events: Iterable[Event]) -> list[Event]:
        """What may be shown of the answer after these events."""
        out: list[Event] = []
        for event in events:
            if self.done:
                break
            if isinstance(event, TextDelta) and self._may_cut(event.index):
                self._text(event, out)
                continue
            self._follow(event, out)
            out.append(event)
        return out

    def _may_cut(self, index: int) -> bool:
        start = self._open.get(index)
        return start is not None and start.kind == "text" and self._pattern is not None

    def _follow(self, event: Event, out: list[Event]) -> None:
        """Keep the list of open blocks, and let held text go before what makes it final."""
        if isinstance(event, BlockStart):
            self._open[event.index] = event
        elif isinstance(event, BlockEnd):
            self._release(event.index, out)
            self._open.pop(event.index, None)
        elif isinstance(event, Finish | Failed):
            for index in list(self._held):
                self._release(index, out)
        elif isinstance(event, ArgumentsDelta | UsageUpdate):
            return

    def _release(self, index: int, out: list[Event]) -> None:
        text = self._held.pop(index, "")
        if text:
            out.append(TextDelta(index, text))

    def _text(self, event: TextDelta, out: list[Event]) -> None:
        text = self._held.pop(event.index, "") + event.text
        found = self._pattern.search(text) if self._pattern is not None else None
        if found is not None and not any(start.kind == "tool_call" for start in self._open.values()):
            self._cut(event.index, text, found, out)
            return
        kept = self._possible_start(text)
        if kept:
            self._held[event.index] = text[-kept:]
            text = text[:-kept]
        if text:
            out.append(TextDelta(event.index, text))

    def _possible_start(self, text: str) -> int:
        """How many characters at the end of `text` may be the beginning of a stop sequence."""
        for size in range(min(self._hold, len(text)), 0, -1):
            if any(each.startswith(text[-size:]) for each in self._stop):
                return size
        return 0

    def _cut(self, index: int, text: str, found: re.Match[str], out: list[Event]) -> None:
        if found.start():
            out.append(TextDelta(index, text[: found.start()]))
        for other in sorted(self._open):
            self._release(other, out)
            out.append(BlockEnd(other))
        if self._usage is not None:
            out.append(UsageUpdate(self._usage()))
        out.append(Finish("stop_sequence", found[0]))
        self.done = True
