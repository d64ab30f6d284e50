"""The last touches to an answer that an upstream gave in a known dialect.

Tools get the names that the client declared, and stop sequences are cut where the upstream knows none.

Enters and leaves: events, or a decoder of them.
"""

from collections.abc import Sequence

import msgspec

from aiclient2api.canonical.events import BlockStart, Event
from aiclient2api.canonical.stopcut import StopCutter
from aiclient2api.dialects.base import StreamDecoder
from aiclient2api.dialects.names import NameMap


class Finishing(msgspec.Struct, frozen=True):
    """What is to be done to one answer. `stop` is empty where the upstream cuts by itself."""

    names: NameMap
    stop: tuple[str, ...] = ()

    def decoder(self, inner: StreamDecoder) -> StreamDecoder:
        """`inner`, or a decoder around it if there is anything to do."""
        return _Finished(inner, self) if self.names.changed or self.stop else inner

    def events(self, events: Sequence[Event]) -> list[Event]:
        """The events of a whole answer."""
        renamed = restore_names(events, self.names)
        return StopCutter(self.stop).feed(renamed) if self.stop else renamed


class _Finished:
    def __init__(self, inner: StreamDecoder, finishing: Finishing) -> None:
        self._inner = inner
        self._names = finishing.names
        self._cutter = StopCutter(finishing.stop)

    def feed(self, data: bytes) -> list[Event]:
        return [] if self._cutter.done else self._cutter.feed(restore_names(self._inner.feed(data), self._names))

    def close(self) -> list[Event]:
        return [] if self._cutter.done else self._cutter.feed(restore_names(self._inner.close(), self._names))


def restore_names(events: Sequence[Event], names: NameMap) -> list[Event]:
    """The events with every tool call under the name that the client declared."""
    return [
        msgspec.structs.replace(event, name=names.to_client(event.name))
        if isinstance(event, BlockStart) and event.kind == "tool_call"
        else event
        for event in events
    ]
