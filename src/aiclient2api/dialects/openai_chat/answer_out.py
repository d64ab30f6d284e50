"""A whole answer as one chat.completion object.

Beside what OpenAI has, a message carries `reasoning_content` (thinking as text) and, where thinking has a signature,
`thinking_blocks`: a client that gives these back lets the conversation go on with its thinking intact.
"""

import msgspec

from aiclient2api.canonical.events import BlockStart
from aiclient2api.canonical.request import Refusal, Text, Thinking, ToolCall
from aiclient2api.canonical.response import Response
from aiclient2api.dialects.base import Answer
from aiclient2api.dialects.openai_chat.usage import UsageShape, encode_usage
from aiclient2api.dialects.openai_chat.wire_out import (
    Annotation,
    CallOut,
    ThinkingBlock,
    annotation,
    call_id,
    call_out,
    extra_content,
    finish_reason,
    thinking_block,
)
from aiclient2api.wire import jsonio


class _Message(msgspec.Struct):
    content: str | None
    refusal: str | None
    role: str = "assistant"
    reasoning_content: str | msgspec.UnsetType = msgspec.UNSET
    thinking_blocks: list[ThinkingBlock] | msgspec.UnsetType = msgspec.UNSET
    annotations: list[Annotation] | msgspec.UnsetType = msgspec.UNSET
    tool_calls: list[CallOut] | msgspec.UnsetType = msgspec.UNSET


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str
    index: int = 0
    logprobs: None = None


class _Completion(msgspec.Struct):
    id: str
    created: int
    model: str
    choices: list[_Choice]
    usage: UsageShape
    object: str = "chat.completion"


def encode_response(response: Response, answer: Answer) -> bytes:
    """The JSON body; content is null only where calls or a refusal stand in its place."""
    texts = [block.text for block in response.blocks if isinstance(block, Text)]
    refusals = [block.text for block in response.blocks if isinstance(block, Refusal)]
    calls = _calls(response, answer.seed)
    content = "".join(texts) or (None if calls or refusals else "")
    message = _Message(content, "".join(refusals) if refusals else None)
    if calls:
        message.tool_calls = calls
    if annotations := _annotations(response):
        message.annotations = annotations
    if answer.thinking:
        _add_thinking(message, [block for block in response.blocks if isinstance(block, Thinking)])
    reason = finish_reason(response.finish, calls=bool(calls), refused=bool(refusals))
    choice = _Choice(message, reason)
    usage = encode_usage(response.usage)
    return jsonio.encode(_Completion(f"chatcmpl-{answer.seed}", answer.created, answer.model, [choice], usage))


def _calls(response: Response, seed: str) -> list[CallOut]:
    out: list[CallOut] = []
    for block in response.blocks:
        if isinstance(block, ToolCall):
            start = BlockStart(0, "tool_call", name=block.name, tool_kind=block.kind, namespace=block.namespace)
            text = block.arguments or ("" if block.kind == "custom" else "{}")
            call = call_out(start, call_id(block.id, seed, len(out)), text)
            call.extra_content = extra_content(block.opaque)
            out.append(call)
    return out


def _annotations(response: Response) -> list[Annotation]:
    """Sources with their place in the whole message: a block's own offsets, moved by the texts before it."""
    places: dict[int, tuple[int, int]] = {}
    length = 0
    for index, block in enumerate(response.blocks):
        if isinstance(block, Text):
            places[index] = (length, length + len(block.text))
            length += len(block.text)
    out: list[Annotation] = []
    for citation in response.citations:
        base, whole_end = places.get(citation.index, (0, length))
        end = whole_end if citation.end is None else base + citation.end
        shown = annotation(citation, base + (citation.start or 0), end)
        if shown is not None:
            out.append(shown)
    return out


def _add_thinking(message: _Message, thinking: list[Thinking]) -> None:
    if text := "".join(block.text for block in thinking):
        message.reasoning_content = text
    if any(block.opaque for block in thinking):  # all of them: who gives these back does not give back the text above
        message.thinking_blocks = [thinking_block(block) for block in thinking]
