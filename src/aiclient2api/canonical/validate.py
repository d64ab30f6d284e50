"""The order of events, checked: what leaves a decoder enters an encoder only if it keeps these rules.

- Start once and first (a Failed may come instead of it);
- BlockStart counts up from 0; deltas and citations belong to an open block of the right kind; BlockEnd closes it;
- usage after Start; one Finish or one Failed at the end and nothing after it;
- at Finish every block is closed, but for calls that Finish("length") cut off. Before Failed blocks may stay open.

Enters: events. Leaves: the same events. Refuses: a broken rule, with GatewayError("internal") that names it.
"""

from collections.abc import Sequence
from typing import NoReturn

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.events import (
    ArgumentsDelta,
    BlockEnd,
    BlockKind,
    BlockStart,
    Citation,
    Event,
    Failed,
    Finish,
    OpaqueDelta,
    Start,
    TextDelta,
    ThinkingDelta,
    UsageUpdate,
    Verbatim,
)

_KINDS: dict[type, frozenset[BlockKind | None]] = {
    TextDelta: frozenset({"text", "refusal"}),
    ThinkingDelta: frozenset({"thinking"}),
    ArgumentsDelta: frozenset({"tool_call"}),
    OpaqueDelta: frozenset({"text", "thinking", "tool_call"}),
    Citation: frozenset({"text"}),
    BlockEnd: frozenset({"text", "thinking", "tool_call", "refusal", "foreign"}),
}
"""Which kinds of open block an event may point at."""


# A tuple made once, the commonest first: a union in place is built anew at each call, and each class that does not fit
# costs a tenth of a microsecond.
_POINTING = (TextDelta, ThinkingDelta, ArgumentsDelta, OpaqueDelta, Citation, BlockEnd)


_TEXTS = _KINDS[TextDelta]


class EventValidator:
    """One per answer."""

    def __init__(self) -> None:
        self._open: dict[int, BlockKind] = {}
        self._next = 0
        self._started = False
        self._ended = False

    def feed(self, events: Sequence[Event]) -> list[Event]:
        """The events, all of them checked. Raises GatewayError("internal")."""
        for event in events:
            if type(event) is not TextDelta or self._open.get(event.index) not in _TEXTS:
                self.check(event)
        return events if type(events) is list else list(events)

    def check(self, event: Event) -> None:
        """Raises GatewayError("internal") if `event` may not come now."""
        if type(event) is Verbatim and not self._ended:
            return  # the upstream's own order, which is not ours to judge
        if isinstance(event, _POINTING):
            if self._open.get(event.index) not in _KINDS[type(event)]:
                self._misplaced(event.index, event)
            if isinstance(event, BlockEnd):
                del self._open[event.index]
        elif self._ended:
            _broken(event, "comes after the end of the answer")
        elif isinstance(event, Failed):
            self._end()
        elif isinstance(event, Verbatim):
            return  # the upstream's own order, which is not ours to judge
        elif isinstance(event, Start):
            if self._started:
                _broken(event, "comes twice")
            self._started = True
        elif not self._started:
            _broken(event, "comes before Start")
        else:
            self._structural(event)

    def _structural(self, event: BlockStart | UsageUpdate | Finish) -> None:
        if isinstance(event, BlockStart):
            if event.index != self._next:
                _broken(event, f"has index {event.index} where {self._next} is due")
            self._open[event.index] = event.kind
            self._next += 1
        elif isinstance(event, Finish):
            cut = event.reason == "length" and set(self._open.values()) == {"tool_call"}
            if self._open and not cut:
                _broken(event, f"comes while block {min(self._open)} is open")
            self._end()

    def _end(self) -> None:
        self._ended = True
        self._open.clear()

    def _misplaced(self, index: int, event: Event) -> NoReturn:
        if self._ended:
            _broken(event, "comes after the end of the answer")
        if index not in self._open:
            _broken(event, f"belongs to block {index}, which is not open")
        _broken(event, f"belongs to block {index}, which is a {self._open[index]} block")


def _broken(event: Event, rule: str) -> NoReturn:
    raise GatewayError("internal", f"Events out of order: {type(event).__name__} {rule}.")
