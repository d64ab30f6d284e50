"""Token counts where nobody else has counted: rough, quick, never zero for something.

Rule of thumb, in tokens: one per four characters of Latin text and JSON, one per 1.5 characters of Chinese, Japanese
and Korean, plus a few per message and tool for the frame around them. Pictures and clips count alike whatever their
size, documents by their bytes. A number made here is always marked as an estimate.
"""

import functools
import math
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar, cast

from aiclient2api.canonical.request import (
    Audio,
    Base64,
    Block,
    Document,
    Foreign,
    Image,
    Plain,
    Refusal,
    Request,
    SearchResult,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
)

PER_TURN = 4
PER_TOOL = 12
PER_CALL = 8
PER_IMAGE = 1300
PER_DOCUMENT_BYTE = 0.05

_NOT_WIDE = bytes(byte for byte in range(256) if not 0xE3 <= byte <= 0xF4)
"""Every byte but those that begin a character from U+3000 on in UTF-8."""


class Tally:
    """Tokens of a text that comes in pieces, which need not be kept."""

    def __init__(self) -> None:
        self._wide = 0
        self._narrow = 0

    def add(self, text: str) -> None:
        if text.isascii():
            self._narrow += len(text)
            return
        wide = len(text.encode("utf-8", "surrogatepass").translate(None, _NOT_WIDE))
        self._wide += wide
        self._narrow += len(text) - wide

    def add_narrow(self, characters: int) -> None:
        """So many characters of a text that is all ASCII."""
        self._narrow += characters

    @property
    def tokens(self) -> int:
        """At least 1 if there was any text."""
        return math.ceil(self._wide / 1.5 + self._narrow / 4)


def estimate_text(text: str) -> int:
    """Tokens of a text; at least 1 if it is not empty."""
    if text.isascii():
        return -(-len(text) // 4)
    tally = Tally()
    tally.add(text)
    return tally.tokens


Estimate = Callable[[], int]
"""Tokens of a request's input, worked out when somebody asks: most services count themselves."""


def unknown() -> int:
    """The estimate of nothing."""
    return 0


def estimate_of(request: Request) -> Estimate:
    """Works it out once."""

    @functools.cache
    def estimate() -> int:
        return estimate_request(request)

    return estimate


def estimate_request(request: Request) -> int:
    """Input tokens of a request over all kinds of blocks; at least 1."""
    count = sum(estimate_text(block.text) for block in request.system)
    count += sum(PER_TURN + estimate_blocks(turn.blocks) for turn in request.turns)
    count += sum(_tool(tool) for tool in request.tools)
    if request.output is not None:
        count += _json(len(request.output.schema or b""))
    return max(1, count)


def estimate_blocks(blocks: Iterable[Block]) -> int:
    return sum(map(_block, blocks))


def _tool(tool: Tool) -> int:
    text = tool.name + tool.description
    size = len(tool.schema or b"") + len(tool.grammar or b"") + (len(tool.raw or b"") if not tool.schema else 0)
    return PER_TOOL + estimate_text(text) + _json(size)


def _json(size: int) -> int:
    return math.ceil(size / 4)


def _block(block: Block) -> int:
    return _TOKENS[type(block)](block)


def _text(block: Text) -> int:
    count = estimate_text(block.text)
    return count + sum(_json(len(each)) for each in block.citations) if block.citations else count


def _thinking(block: Thinking) -> int:
    return estimate_text(block.text) + (0 if block.text else sum(_json(len(each.value)) for each in block.opaque))


def _document(block: Document) -> int:
    frame = sum(estimate_text(text or "") for text in (block.title, block.filename, block.context))
    if isinstance(block.source, Plain):
        return frame + estimate_text(block.source.text)
    if isinstance(block.source, Base64):
        return frame + math.ceil(len(block.source.data) * 0.75 * PER_DOCUMENT_BYTE)
    return frame + PER_IMAGE


B = TypeVar("B", bound=Block)
_Count = Callable[[Block], int]


def _of(kind: type[B], count: Callable[[B], int]) -> dict[type, _Count]:
    return {kind: cast(_Count, count)}


_TOKENS: Mapping[type, _Count] = {
    **_of(Text, _text),
    **_of(Refusal, lambda block: estimate_text(block.text)),
    **_of(Thinking, _thinking),
    **_of(ToolCall, lambda block: 8 + estimate_text(block.name) + estimate_text(block.arguments)),
    **_of(ToolResult, lambda block: 8 + estimate_blocks(block.content)),
    **_of(Image, lambda block: PER_IMAGE),
    **_of(Audio, lambda block: PER_IMAGE),
    **_of(Document, _document),
    **_of(
        SearchResult,
        lambda block: estimate_text(block.source) + estimate_text(block.title) + estimate_blocks(block.content),
    ),
    **_of(Foreign, lambda block: _json(len(block.raw))),
}
