"""What an answer took: as the service told, and an estimate, marked as one, of what it did not tell.

Enters: the events of one answer in batches, and how to estimate the request. Leaves: the same events, with a usage
before the end where the service gave none or one with zeros (REQUIREMENTS C7); and the usage of whatever has passed,
also of an answer that broke off or that nobody waited for.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

import msgspec

from aiclient2api.canonical.estimate import PER_CALL, Tally
from aiclient2api.canonical.events import (
    ArgumentsDelta,
    BlockStart,
    Event,
    Finish,
    Start,
    TextDelta,
    ThinkingDelta,
    UsageUpdate,
    Verbatim,
)
from aiclient2api.canonical.usage import Usage
from aiclient2api.dialects.base import Dialect

SAMPLE = 4096
"""Of a stream that passes through so many bytes are kept, to see how many tokens there are in one."""


class Metered(Protocol):
    """Tells what an answer took."""

    def usage(self) -> Usage: ...


class Fixed(NamedTuple):
    """What is known at once."""

    found: Usage

    def usage(self) -> Usage:
        return self.found


class Meter:
    """One per answer of the dialect `front`; `input_tokens` estimates the request, if that is needed."""

    def __init__(self, front: Dialect, stream: bool, input_tokens: Callable[[], int]) -> None:
        self._front = front
        self._stream = stream
        self._input_tokens = input_tokens
        self._tally = Tally()
        self._told: Usage | None = None
        self._ended = False
        self._sample: list[bytes] = []
        self._sampled = 0
        self._passed = 0
        self._estimate: Usage | None = None

    def see(self, events: Sequence[Event]) -> Sequence[Event]:
        """The events, perhaps with a usage among them."""
        self._estimate = None
        narrow = 0
        for event in events:
            kind = type(event)
            if kind is TextDelta or kind is ThinkingDelta or kind is ArgumentsDelta:
                text: str = event.text  # type: ignore[union-attr]
                if text.isascii():
                    narrow += len(text)
                else:
                    self._tally.add(text)
            elif kind is Verbatim:
                self._see_bytes(event)  # type: ignore[arg-type]
            else:
                self._see_other(event)
        self._tally.add_narrow(narrow)
        if self._ended and events and type(events[-1]) is Finish and not self._complete():
            return [*events[:-1], UsageUpdate(self.usage()), events[-1]]
        return events

    def usage(self) -> Usage:
        """Of what has passed so far."""
        told = self._told
        if told is not None and self._ended and self._complete():
            return told
        if self._estimate is None:
            told = told or Usage()
            output = max(told.output, self._tokens())
            fresh = told.fresh if told.input else self._input_tokens()
            self._estimate = msgspec.structs.replace(told, fresh=fresh, output=output, estimated=True)
        return self._estimate

    def _complete(self) -> bool:
        """Whether the service has counted what there is to count."""
        told = self._told
        return told is not None and told.input > 0 and (told.output > 0 or not self._tokens())

    def _see_bytes(self, event: Verbatim) -> None:
        if event.usage is not None:
            self._told = event.usage
        if event.finish is not None:
            self._ended = True
        self._passed += len(event.data)
        if self._sampled < SAMPLE or not self._stream:
            self._sample.append(event.data[:SAMPLE] if self._stream else event.data)
            self._sampled += len(self._sample[-1])

    def _see_other(self, event: Event) -> None:
        if isinstance(event, UsageUpdate):
            self._told = event.usage
        elif isinstance(event, Start):
            self._told = event.usage or self._told
        elif isinstance(event, Finish):
            self._ended = True
        elif isinstance(event, BlockStart) and event.kind == "tool_call":
            self._tally.add(event.name)
            self._tally.add_narrow(4 * PER_CALL)

    def _tokens(self) -> int:
        if not self._sample:
            return self._tally.tokens
        data = b"".join(self._sample)
        tally = _tallied(self._front.decoder().feed(data) if self._stream else self._front.decode_response(data))
        return math.ceil(tally.tokens * self._passed / max(1, self._sampled))


def _tallied(events: Iterable[Event]) -> Tally:
    tally = Tally()
    for event in events:
        if isinstance(event, TextDelta | ThinkingDelta | ArgumentsDelta):
            tally.add(event.text)
    return tally
