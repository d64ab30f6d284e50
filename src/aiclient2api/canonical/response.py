"""A whole answer, and its two directions: fold(events) -> Response, unfold(Response) -> events.

Non-streaming is always a fold of the same events that a stream would show; there is no second translation.
"""

from collections.abc import Iterable, Iterator

import msgspec

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.events import (
    ArgumentsDelta,
    BlockEnd,
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
)
from aiclient2api.canonical.request import Block, Foreign, Opaque, Refusal, Text, Thinking, ToolCall
from aiclient2api.canonical.usage import Usage


class Response(msgspec.Struct, frozen=True):
    """`citations` belong to text blocks by index, and stand in that order; `id` and `model` are the upstream's own."""

    id: str
    model: str
    blocks: tuple[Block, ...]
    finish: Finish
    usage: Usage
    citations: tuple[Citation, ...] = ()


class _Open:
    """A block while its pieces come in."""

    __slots__ = ("opaque", "start", "text")

    def __init__(self, start: BlockStart) -> None:
        self.start = start
        self.text: list[str] = []
        self.opaque: list[Opaque] = []

    def close(self) -> Block:
        start, text, opaque = self.start, "".join(self.text), tuple(self.opaque)
        if start.kind == "thinking":
            return Thinking(text, opaque)
        if start.kind == "tool_call":
            return ToolCall(start.id, start.name, text, start.tool_kind, start.namespace, opaque)
        if start.kind == "refusal":
            return Refusal(text)
        if start.kind == "foreign":
            return Foreign(start.dialect, start.name, start.raw)
        return Text(text)


_PIECES = (TextDelta, ThinkingDelta, ArgumentsDelta)


class Folder:
    """Takes events one by one; `response()` when the stream has ended well."""

    def __init__(self) -> None:
        self._start = Start()
        self._open: dict[int, _Open] = {}
        self._usage = Usage()
        self._finish: Finish | None = None
        self._citations: list[Citation] = []

    def add(self, event: Event) -> None:
        """Raises the GatewayError of a Failed event."""
        if isinstance(event, _PIECES):
            self._open[event.index].text.append(event.text)
        elif isinstance(event, BlockStart):
            self._open[event.index] = _Open(event)
        elif isinstance(event, OpaqueDelta):
            self._open[event.index].opaque.append(event.opaque)
        elif isinstance(event, Citation):
            self._citations.append(event)
        elif isinstance(event, UsageUpdate):
            self._usage = event.usage
        elif isinstance(event, Start):
            self._start = event
            self._usage = event.usage or self._usage
        elif isinstance(event, Finish):
            self._finish = event
        elif isinstance(event, Failed):
            raise event.error

    def response(self) -> Response:
        """The whole answer. Raises GatewayError("truncated") if no Finish came."""
        if self._finish is None:
            raise GatewayError("truncated", "The upstream's answer ended before it was complete.")
        blocks = tuple(self._open[index].close() for index in sorted(self._open))
        citations = tuple(sorted(self._citations, key=lambda each: each.index))
        return Response(self._start.id, self._start.model, blocks, self._finish, self._usage, citations)


def fold(events: Iterable[Event]) -> Response:
    """The whole answer that the events make. Raises the GatewayError of a Failed event."""
    folder = Folder()
    for event in events:
        folder.add(event)
    return folder.response()


def unfold(response: Response) -> Iterator[Event]:
    """Events that fold to this very answer."""
    yield Start(response.id, response.model, response.usage)
    for index, block in enumerate(response.blocks):
        yield from _unfold_block(index, block)
        yield from (each for each in response.citations if each.index == index)
        yield BlockEnd(index)
    yield UsageUpdate(response.usage)
    yield response.finish


def _unfold_block(index: int, block: Block) -> Iterator[Event]:
    if isinstance(block, Text | Refusal):
        yield BlockStart(index, "text" if isinstance(block, Text) else "refusal")
        if block.text:
            yield TextDelta(index, block.text)
    elif isinstance(block, Thinking):
        yield BlockStart(index, "thinking")
        if block.text:
            yield ThinkingDelta(index, block.text)
        for opaque in block.opaque:
            yield OpaqueDelta(index, opaque)
    elif isinstance(block, ToolCall):
        yield BlockStart(index, "tool_call", block.id, block.name, tool_kind=block.kind, namespace=block.namespace)
        if block.arguments:
            yield ArgumentsDelta(index, block.arguments)
        for opaque in block.opaque:
            yield OpaqueDelta(index, opaque)
    elif isinstance(block, Foreign):
        yield BlockStart(index, "foreign", name=block.type, dialect=block.dialect, raw=block.raw)
    else:
        raise TypeError(f"a {type(block).__name__} block cannot stand in an answer")
