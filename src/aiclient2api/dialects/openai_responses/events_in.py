"""What each event of an upstream's stream says of an output item; events that are not in the table say nothing new."""

from collections.abc import Callable

from aiclient2api.dialects.openai_responses.frames_in import EventIn, PartIn
from aiclient2api.dialects.openai_responses.growing import (
    GrowingCall,
    GrowingMessage,
    GrowingReasoning,
    Out,
    ProseKind,
    ThoughtKind,
)
from aiclient2api.dialects.openai_responses.output_in import OutputReader
from aiclient2api.dialects.reading import given

Reader = Callable[[OutputReader, EventIn, Out], None]


def _text_delta(kind: ProseKind) -> Reader:
    def read(output: OutputReader, event: EventIn, out: Out) -> None:
        message = output.growing(event, "message", out)
        if isinstance(message, GrowingMessage):
            message.delta(event.content_index or 0, kind, event.delta or "", out)

    return read


def _part(output: OutputReader, event: EventIn, part: PartIn, out: Out) -> None:
    """A part of a message, or of the content of reasoning, as it is in the end."""
    if part.type == "reasoning_text":
        reasoning = output.growing(event, "reasoning", out)
        if isinstance(reasoning, GrowingReasoning):
            reasoning.whole("content", event.content_index or 0, part.text or "", out)
        return
    message = output.growing(event, "message", out)
    if isinstance(message, GrowingMessage):
        message.whole(event.content_index or 0, part, out)


def _text_done(output: OutputReader, event: EventIn, out: Out) -> None:
    _part(output, event, PartIn("output_text", event.text), out)


def _refusal_done(output: OutputReader, event: EventIn, out: Out) -> None:
    _part(output, event, PartIn("refusal", refusal=event.refusal), out)


def _reasoning_text_done(output: OutputReader, event: EventIn, out: Out) -> None:
    _part(output, event, PartIn("reasoning_text", event.text), out)


def _part_done(output: OutputReader, event: EventIn, out: Out) -> None:
    if event.part is not None:
        _part(output, event, event.part, out)


def _annotation(output: OutputReader, event: EventIn, out: Out) -> None:
    message = output.growing(event, "message", out)
    if isinstance(message, GrowingMessage) and given(event.annotation):
        message.cite(event.content_index or 0, bytes(event.annotation), out)


def _thought_delta(kind: ThoughtKind) -> Reader:
    def read(output: OutputReader, event: EventIn, out: Out) -> None:
        part = event.summary_index if kind == "summary" else event.content_index
        reasoning = output.growing(event, "reasoning", out)
        if isinstance(reasoning, GrowingReasoning):
            reasoning.delta(kind, part or 0, event.delta or "", out)

    return read


def _summary_done(output: OutputReader, event: EventIn, out: Out) -> None:
    text = event.text or (event.part.text if event.part is not None else None)
    reasoning = output.growing(event, "reasoning", out)
    if isinstance(reasoning, GrowingReasoning):
        reasoning.whole("summary", event.summary_index or 0, text or "", out)


def _call_delta(item_type: str) -> Reader:
    def read(output: OutputReader, event: EventIn, out: Out) -> None:
        call = output.growing(event, item_type, out)
        if isinstance(call, GrowingCall):
            call.delta(event.delta or "", out)

    return read


def _call_done(item_type: str) -> Reader:
    def read(output: OutputReader, event: EventIn, out: Out) -> None:
        call = output.growing(event, item_type, out)
        text = event.input if item_type == "custom_tool_call" else event.arguments
        if isinstance(call, GrowingCall) and text is not None:
            call.whole(text, out)

    return read


READERS: dict[str, Reader] = {
    "output_item.added": OutputReader.added,
    "output_item.done": OutputReader.done,
    "output_text.delta": _text_delta("text"),
    "output_text.done": _text_done,
    "output_text.annotation.added": _annotation,
    "refusal.delta": _text_delta("refusal"),
    "refusal.done": _refusal_done,
    "content_part.done": _part_done,
    "reasoning_summary_text.delta": _thought_delta("summary"),
    "reasoning_summary_text.done": _summary_done,
    "reasoning_summary_part.done": _summary_done,
    "reasoning_text.delta": _thought_delta("content"),
    "reasoning_text.done": _reasoning_text_done,
    "function_call_arguments.delta": _call_delta("function_call"),
    "function_call_arguments.done": _call_done("function_call"),
    "custom_tool_call_input.delta": _call_delta("custom_tool_call"),
    "custom_tool_call_input.done": _call_done("custom_tool_call"),
}
"""Types without their `response.`."""
