"""Token counts where nobody else has counted: rough, quick, never zero for something.

Rule of thumb, in tokens: one per four characters of Latin text and JSON, one per 1.5 characters of Chinese, Japanese
and Korean, plus a few per message and tool for the frame around them. Images by size class, documents by their bytes.
A number made here is always marked as an estimate.
"""

from collections.abc import Iterable

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
PER_IMAGE = 1300
PER_DOCUMENT_BYTE = 0.05


def estimate_text(text: str) -> int:
    """Tokens of a text; at least 1 if it is not empty."""
    if not text:
        return 0
    if text.isascii():
        return max(1, (len(text) + 3) // 4)
    wide = sum(1 for char in text if char > "\u2e7f")
    return max(1, round(wide / 1.5 + (len(text) - wide) / 4))


def estimate_request(request: Request) -> int:
    """Input tokens of a request over all kinds of blocks; at least 1."""
    count = sum(estimate_text(block.text) for block in request.system)
    count += sum(PER_TURN + estimate_blocks(turn.blocks) for turn in request.turns)
    count += sum(_tool(tool) for tool in request.tools)
    return max(1, count)


def estimate_blocks(blocks: Iterable[Block]) -> int:
    return sum(_block(block) for block in blocks)


def _tool(tool: Tool) -> int:
    text = tool.name + tool.description
    size = len(tool.schema or b"") + len(tool.grammar or b"") + (len(tool.raw or b"") if not tool.schema else 0)
    return PER_TOOL + estimate_text(text) + size // 4


def _block(block: Block) -> int:
    if isinstance(block, Text | Refusal | Thinking):
        return estimate_text(block.text)
    if isinstance(block, ToolCall):
        return 8 + estimate_text(block.name) + estimate_text(block.arguments)
    if isinstance(block, ToolResult):
        return 8 + estimate_blocks(block.content)
    if isinstance(block, Image):
        return PER_IMAGE
    if isinstance(block, Document):
        return _document(block)
    if isinstance(block, SearchResult):
        return estimate_text(block.title) + estimate_blocks(block.content)
    if isinstance(block, Audio):
        return PER_IMAGE
    return len(block.raw) // 4 if isinstance(block, Foreign) else 0


def _document(block: Document) -> int:
    if isinstance(block.source, Plain):
        return estimate_text(block.source.text)
    if isinstance(block.source, Base64):
        return max(1, round(len(block.source.data) * 0.75 * PER_DOCUMENT_BYTE))
    return PER_IMAGE
