"""The last touches to an answer that an upstream gave in a known dialect.

Tools get the names and forms that the client declared, and stop sequences are cut where the upstream knows none.

Enters and leaves: events, or a decoder of them.
"""

from collections.abc import Mapping, Sequence

import msgspec

from aiclient2api.canonical.events import BlockStart, Event
from aiclient2api.canonical.request import Request, Tool
from aiclient2api.canonical.stopcut import StopCutter
from aiclient2api.dialects.as_function import flat_name
from aiclient2api.dialects.base import StreamDecoder
from aiclient2api.dialects.names import NameMap
from aiclient2api.providers.restore import restoring


class Finishing(msgspec.Struct, frozen=True):
    """What is to be done to one answer. `declared` are the request's tools by flat name; `stop` is empty where the
    upstream cuts by itself."""

    names: NameMap
    declared: Mapping[str, Tool] = {}
    stop: tuple[str, ...] = ()

    def decoder(self, inner: StreamDecoder) -> StreamDecoder:
        """`inner`, or a decoder around it if there is anything to do."""
        finished = _Finished(inner, self) if self.names.changed or self.stop else inner
        return restoring(finished, self.declared)

    def events(self, events: Sequence[Event]) -> list[Event]:
        """The events of a whole answer."""
        decoder = self.decoder(_Whole(events))
        return [*decoder.feed(b""), *decoder.close()]


def finishing(names: NameMap, request: Request, *, knows_stop: bool) -> Finishing:
    """What is to be done to the answer of this request."""
    return Finishing(names, {flat_name(tool): tool for tool in request.tools}, () if knows_stop else request.stop)


class _Whole:
    """Events that have all come, as a decoder."""

    def __init__(self, events: Sequence[Event]) -> None:
        self._events = list(events)

    def feed(self, data: bytes) -> list[Event]:
        return self._events

    def close(self) -> list[Event]:
        return []


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
