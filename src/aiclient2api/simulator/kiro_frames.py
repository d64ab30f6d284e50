"""A Reply as the frames of a Kiro event stream, in the order in which the service sends them.

[initial-response] messageMetadataEvent, reasoning, text, tool uses, metadataEvent, contextUsageEvent, meteringEvent.
"""

from collections.abc import Iterator

import msgspec

from aiclient2api.simulator import limits, pieces
from aiclient2api.simulator.models import KiroModel
from aiclient2api.simulator.scene import Reply, ToolCall
from aiclient2api.simulator.script import Failure
from aiclient2api.simulator.simulation import Simulation
from aiclient2api.wire import eventstream

_STOPS = {"end": "END_TURN", "tools": "TOOL_USE", "length": "MAX_TOKENS", "stop_sequence": "END_TURN"}


class Manner(msgspec.Struct, frozen=True):
    """How a request wants its answer: `json_form` the JSON-1.0 form, `tags` reasoning within the text, `omitted`
    reasoning without its words."""

    conversation: str
    json_form: bool = False
    tags: bool = False
    omitted: bool = False


def frames(
    reply: Reply, model: KiroModel, input_tokens: int, manner: Manner, simulation: Simulation
) -> Iterator[bytes]:
    """The answer, one frame at a time."""
    if manner.json_form:
        yield event("initial-response", {"conversationId": manner.conversation})
    utterance = simulation.made("simulated-utterance-")
    yield event("messageMetadataEvent", {"conversationId": manner.conversation, "utteranceId": utterance})
    if reply.thinking and manner.tags:
        reply = msgspec.structs.replace(reply, text=f"<thinking>{reply.thinking}</thinking>\n\n{reply.text}")
    elif reply.thinking:
        yield from _reasoning(reply.thinking, manner.omitted, simulation)
    for piece in pieces.of_text(reply.text):
        yield event("assistantResponseEvent", {"content": piece, "modelId": model.id})
    for call in reply.calls:
        yield from _tool_use(call, simulation.made("tooluse_"))
    yield from _end(reply, model, input_tokens)


def _reasoning(text: str, omitted: bool, simulation: Simulation) -> Iterator[bytes]:
    for piece in [""] if omitted else pieces.of_text(text):
        yield event("reasoningContentEvent", {"text": piece})
    yield event("reasoningContentEvent", {"signature": simulation.sign(text)})


def _tool_use(call: ToolCall, use_id: str) -> Iterator[bytes]:
    head: dict[str, object] = {"name": call.name, "toolUseId": use_id}
    yield event("toolUseEvent", head)
    if call.arguments:
        for fragment in pieces.of_json(msgspec.json.encode(call.arguments).decode()):
            yield event("toolUseEvent", head | {"input": fragment})
    yield event("toolUseEvent", head | {"stop": True})


def _end(reply: Reply, model: KiroModel, input_tokens: int) -> Iterator[bytes]:
    output = limits.output_tokens(reply)
    usage = {"uncachedInputTokens": input_tokens, "outputTokens": output, "totalTokens": input_tokens + output}
    yield event("metadataEvent", {"tokenUsage": usage, "stopReason": _STOPS[reply.stop]})
    share = round(100 * (input_tokens + output) / model.input, 4)
    yield event("contextUsageEvent", {"contextUsagePercentage": share})
    credits = round(model.rate * (input_tokens + 5 * output) / 100_000, 6)
    yield event("meteringEvent", {"usage": credits, "unit": "credit", "unitPlural": "credits"})


def event(kind: str, payload: dict[str, object]) -> bytes:
    """One event frame."""
    headers = {":message-type": "event", ":event-type": kind, ":content-type": "application/json"}
    return eventstream.encode(headers, msgspec.json.encode(payload))


def failure(wanted: Failure) -> bytes:
    """An exception frame in mid-stream."""
    headers = {":message-type": "exception", ":exception-type": wanted.type, ":content-type": "application/json"}
    body = {"message": wanted.message} | ({"reason": wanted.reason} if wanted.reason else {})
    return eventstream.encode(headers, msgspec.json.encode(body))
