"""A whole answer for a client of the Messages API.

Enters: a canonical Response. Leaves: the JSON body of POST /v1/messages. Left out, as in a stream: calls without a
name, blocks of other dialects, thinking if the client is not to see it.
"""

import msgspec

from aiclient2api.canonical.events import Citation
from aiclient2api.canonical.request import Block, Foreign, Refusal, Text, Thinking, ToolCall
from aiclient2api.canonical.response import Response
from aiclient2api.dialects.anthropic import wire_out
from aiclient2api.dialects.base import Answer
from aiclient2api.wire import jsonio


def encode_response(response: Response, answer: Answer) -> bytes:
    """The answer's JSON body."""
    content = [
        shown
        for index, block in enumerate(response.blocks)
        for shown in _block(index, block, response.citations, answer)
    ]
    calls = any(isinstance(block, ToolCall) and block.name for block in response.blocks)
    body: dict[str, object] = {
        "id": wire_out.message_id(answer),
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": content,
        **wire_out.stop_members(response.finish, calls),
        "usage": wire_out.usage_members(wire_out.counted(response.usage, answer)),
    }
    return jsonio.encode(body)


def _block(index: int, block: Block, citations: tuple[Citation, ...], answer: Answer) -> list[object]:
    if isinstance(block, Text):
        shown: dict[str, object] = {"type": "text", "text": block.text}
        if cited := [wire_out.citation(each) for each in citations if each.index == index]:
            shown["citations"] = cited
        return [shown]
    if isinstance(block, Refusal):
        return [{"type": "text", "text": block.text}]
    if isinstance(block, Thinking):
        return [_thinking(block)] if answer.thinking else []
    if isinstance(block, ToolCall):
        return _call(index, block, answer) if block.name else []
    if isinstance(block, Foreign) and block.dialect == wire_out.FAMILY:
        return [msgspec.Raw(block.raw)]
    return []


def _thinking(block: Thinking) -> dict[str, object]:
    found = block.opaque[-1] if block.opaque else None
    if found is not None and wire_out.redacted(found) and not block.text:
        return {"type": "redacted_thinking", "data": found.value}
    return {"type": "thinking", "thinking": block.text, "signature": wire_out.signature(found)}


def _call(index: int, call: ToolCall, answer: Answer) -> list[object]:
    """State of a call travels in empty thinking in front of it."""
    carriers = [_thinking(Thinking("", (each,))) for each in call.opaque] if answer.thinking else []
    use: dict[str, object] = {
        "type": "tool_use",
        "id": wire_out.call_id(call.id, answer, index),
        "name": call.name,
        "input": wire_out.tool_input(call.arguments, call.kind),
    }
    return [*carriers, use]
