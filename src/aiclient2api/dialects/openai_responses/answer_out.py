"""A whole answer for a client of the Responses API: the object with which its stream would end."""

from collections.abc import Iterator

import msgspec

from aiclient2api.canonical.events import ArgumentsDelta, BlockEnd, BlockStart, Event, OpaqueDelta
from aiclient2api.canonical.request import ToolCall
from aiclient2api.canonical.response import Response, unfold
from aiclient2api.dialects.base import Answer
from aiclient2api.dialects.openai_responses.stream_out import ResponsesStreamEncoder
from aiclient2api.wire import jsonio


def encode_response(response: Response, answer: Answer) -> bytes:
    """The JSON body."""
    encoder = ResponsesStreamEncoder(answer)
    encoder.encode(_events(response))
    return encoder.result


def _events(response: Response) -> Iterator[Event]:
    """The answer's events with the state of calls in front of their arguments, and calls that were cut left open."""
    cut = _cut_calls(response)
    arguments: list[Event] = []
    for event in unfold(response):
        if isinstance(event, ArgumentsDelta):
            arguments.append(event)
            continue
        if not isinstance(event, OpaqueDelta | BlockStart):
            yield from arguments
            arguments = []
        if not (isinstance(event, BlockEnd) and event.index in cut):
            yield event


def _cut_calls(response: Response) -> frozenset[int]:
    """Blocks that are calls which the length limit cut off: arguments that are not whole, or a last custom call."""
    if response.finish.reason != "length":
        return frozenset()
    last = len(response.blocks) - 1
    return frozenset(
        index
        for index, block in enumerate(response.blocks)
        if isinstance(block, ToolCall) and (not _whole(block.arguments) if block.kind == "function" else index == last)
    )


def _whole(arguments: str) -> bool:
    try:
        jsonio.decode(arguments, dict[str, msgspec.Raw])
    except jsonio.JsonError:
        return False
    return True
