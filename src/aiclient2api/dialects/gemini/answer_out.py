"""A whole answer as one GenerateContentResponse, made of the same parts as a streamed one."""

import msgspec

from aiclient2api.canonical.request import Block, ToolCall
from aiclient2api.canonical.response import Response, unfold
from aiclient2api.dialects.as_function import json_object
from aiclient2api.dialects.base import Answer
from aiclient2api.dialects.gemini.stream_out import PartWriter
from aiclient2api.dialects.gemini.wire_out import Frame


def encode_response(response: Response, answer: Answer) -> bytes:
    """The JSON body."""
    if response.finish.reason == "length":
        blocks = tuple(block for block in response.blocks if not _cut(block))
        response = msgspec.structs.replace(response, blocks=blocks) if blocks != response.blocks else response
    writer = PartWriter(answer)
    parts = b",".join(part for event in unfold(response) for part in writer.feed(event))
    return Frame(answer).last(parts, response.finish, writer.usage, writer.grounding())


def _cut(block: Block) -> bool:
    """A call whose arguments the length limit cut off is none (dialects.md, 2.12)."""
    return isinstance(block, ToolCall) and block.kind == "function" and json_object(block.arguments or "{}") is None
