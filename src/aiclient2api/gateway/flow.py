"""One answer of an upstream as batches of events: bytes in, decoded and checked, in the order they come.

Holds events back until one of them is content: a failure before that is raised, so that the request may be repeated.
Afterwards a failure is an event like others, or raised where the connection breaks.
"""

from collections.abc import Callable, Sequence

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.events import Event, Failed, TextDelta, Verbatim, is_content
from aiclient2api.canonical.validate import EventValidator
from aiclient2api.gateway.quoted import unquoted, without_key
from aiclient2api.http1.messages import HttpError, Inbound
from aiclient2api.providers.base import Prepared

MAX_WHOLE_BODY = 64 * 1024 * 1024
MAX_HELD = 1024 * 1024
MAX_HELD_EVENTS = 10_000

Raw = Callable[[str, bytes], None]


class Flow:
    """Owns `inbound`: call `close` at the end. `raw` sees the bytes."""

    __slots__ = ("_chunks", "_decoder", "_inbound", "_over", "_prepared", "_raw", "_validator")

    def __init__(self, inbound: Inbound, prepared: Prepared, raw: Raw | None) -> None:
        self._inbound = inbound
        self._prepared = prepared
        self._raw = raw
        self._validator = EventValidator()
        self._decoder = prepared.decoder() if prepared.decoder is not None else None
        self._chunks = inbound.chunks()
        self._over = False

    async def begin(self) -> Sequence[Event]:
        """The events up to the first content; none for an answer without any. Raises GatewayError, HttpError."""
        if self._decoder is None:
            return await self._whole()
        held: list[Event] = []
        while (batch := await self.next()) is not None:
            for event in batch:
                if type(event) is Failed:
                    raise event.error
            held += batch
            _bounded(held)
            if any(is_content(event) for event in batch):
                break
        self._inbound.begun()
        return held

    async def next(self) -> Sequence[Event] | None:
        """The next events; None at the end. Raises GatewayError, HttpError."""
        decoder = self._decoder
        if decoder is None:
            return None
        while not self._over:
            try:
                chunk = await self._chunks.__anext__()
            except StopAsyncIteration:
                return self._end(None)
            except HttpError as cut:
                return self._end(cut)
            if self._raw is not None:
                self._raw("answer", without_key(chunk, self._prepared.call))
            events = decoder.feed(chunk)
            if events:
                return unquoted(self._validator.feed(events), self._prepared.call)
        return None

    async def hand_over(self, take: Callable[[Sequence[Event]], bool]) -> bool:
        """Call `take` with the events of each piece in the moment it comes in. True at the end; False if `take` said
        so. Raises GatewayError, HttpError."""
        decoder, call = self._decoder, self._prepared.call
        if decoder is None or self._over:
            return True

        feed, validated = decoder.feed, self._validator.feed

        def pour(chunk: bytes) -> bool:
            if self._raw is not None:
                self._raw("answer", without_key(chunk, call))
            events: Sequence[Event] = feed(chunk)
            if not events:
                return True
            events = validated(events)
            return take(events if type(events[-1]) is TextDelta else unquoted(events, call))

        try:
            if not await self._inbound.hand_over(pour):
                return False
        except HttpError as cut:
            events = self._end(cut)
        else:
            events = self._end(None)
        if events:
            take(events)
        return True

    def close(self) -> None:
        """Lets go of the connection: back to its pool if the answer is whole, else closed."""
        self._over = True
        self._inbound.leave()

    async def _whole(self) -> Sequence[Event]:
        assert self._prepared.decode is not None
        body = await self._inbound.read(MAX_WHOLE_BODY)
        self._over = True
        if self._raw is not None:
            self._raw("answer", without_key(body, self._prepared.call))
        events = unquoted(self._validator.feed(self._prepared.decode(body)), self._prepared.call)
        for event in events:
            if type(event) is Failed:
                raise event.error
        return events

    def _end(self, cut: HttpError | None) -> Sequence[Event]:
        self._over = True
        assert self._decoder is not None
        events = self._decoder.close()
        if cut is not None and any(type(event) is Failed for event in events):
            raise cut  # a connection that breaks behind the whole answer takes nothing from it
        return unquoted(self._validator.feed(events), self._prepared.call)


def _bounded(held: Sequence[Event]) -> None:
    """What comes before any content is held; comments and empty pieces without end are no answer."""
    if sum(len(event.data) for event in held if isinstance(event, Verbatim)) > MAX_HELD or len(held) > MAX_HELD_EVENTS:
        raise GatewayError("upstream", f"The provider sent {MAX_HELD} bytes and no word of an answer.")
