"""Blocks one after the other, for dialects that cannot show two at a time.

Enters: canonical events, blocks possibly interleaved. Leaves: the same events, those of a block held back until the
blocks before it have ended. At Finish what is still held is let go, in order; after Failed it is not shown any more.
"""

from aiclient2api.canonical.events import (
    ArgumentsDelta,
    BlockEnd,
    BlockStart,
    Citation,
    Event,
    Failed,
    Finish,
    OpaqueDelta,
    TextDelta,
    ThinkingDelta,
)

BlockEvent = BlockStart | TextDelta | ThinkingDelta | ArgumentsDelta | OpaqueDelta | Citation | BlockEnd


class Sequence:
    """One per answer."""

    def __init__(self) -> None:
        self._open: int | None = None
        self._held: dict[int, list[Event]] = {}

    @property
    def open(self) -> int | None:
        """The block whose events may be shown as they come."""
        return self._open

    def feed(self, event: Event) -> list[Event]:
        """What may be shown now."""
        if not isinstance(event, BlockEvent):
            held = self._drain() if isinstance(event, Finish) else []
            if isinstance(event, Failed):
                self._held.clear()
            return [*held, event]
        if self._open is None:
            self._open = event.index
        if event.index != self._open:
            self._held.setdefault(event.index, []).append(event)
            return []
        out: list[Event] = [event]
        if isinstance(event, BlockEnd):
            self._open = None
            self._release(out)
        return out

    def _release(self, out: list[Event]) -> None:
        """What was held of the next blocks, up to one that is still growing."""
        while self._held:
            self._open = min(self._held)
            held = self._held.pop(self._open)
            out += held
            if not isinstance(held[-1], BlockEnd):
                return
            self._open = None

    def _drain(self) -> list[Event]:
        out = [event for index in sorted(self._held) for event in self._held[index]]
        self._held.clear()
        return out
