"""Kiro's side of the wire, made from canonical events: what the service would send for this very answer."""

import json
from collections.abc import Iterable

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
from aiclient2api.canonical.request import Opaque
from aiclient2api.canonical.usage import Usage
from aiclient2api.wire import eventstream
from tests.pairs.world import Json

STOPS = {
    "end": "END_TURN",
    "length": "MAX_TOKENS",
    "context_window": "",
    "stop_sequence": "END_TURN",
    "tools": "TOOL_USE",
    "refusal": "CONTENT_FILTERED",
    "pause": "END_TURN",
    "malformed_call": "END_TURN",
}


def event(kind: str, payload: Json) -> bytes:
    headers = {":message-type": "event", ":event-type": kind, ":content-type": "application/json"}
    return eventstream.encode(headers, json.dumps(payload).encode())


def exception(name: str, message: str) -> bytes:
    headers = {":message-type": "exception", ":exception-type": name, ":content-type": "application/json"}
    return eventstream.encode(headers, json.dumps({"message": message}).encode())


class KiroEncoder:
    """One per answer, with the interface of a dialect's encoder."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._calls: dict[int, Json] = {}
        self._usage = Usage()

    def encode(self, events: Iterable[Event]) -> bytes:
        return b"".join(self._frame(each) for each in events)

    def _frame(self, each: Event) -> bytes:
        if isinstance(each, TextDelta):
            return event("assistantResponseEvent", {"content": each.text, "modelId": self._model})
        if isinstance(each, ThinkingDelta):
            return event("reasoningContentEvent", {"text": each.text})
        if isinstance(each, OpaqueDelta):
            return _state(each.opaque)
        if isinstance(each, Citation):
            target = {"range": {"start": each.start, "end": each.end}}
            members = {"target": target, "citationText": each.cited_text, "citationLink": each.url}
            return event("citationEvent", members)
        if isinstance(each, BlockStart | ArgumentsDelta | BlockEnd):
            return self._call(each)
        return self._frame_of_answer(each)

    def _call(self, each: BlockStart | ArgumentsDelta | BlockEnd) -> bytes:
        if isinstance(each, BlockStart):
            if each.kind != "tool_call":
                return b""
            self._calls[each.index] = {"name": each.name, "toolUseId": each.id}
            return event("toolUseEvent", self._calls[each.index])
        if isinstance(each, ArgumentsDelta):
            return event("toolUseEvent", self._calls[each.index] | {"input": each.text})
        call = self._calls.pop(each.index, None)
        return event("toolUseEvent", call | {"stop": True}) if call is not None else b""

    def _frame_of_answer(self, each: Event) -> bytes:
        if isinstance(each, Start):
            self._usage = each.usage or self._usage
            return event("messageMetadataEvent", {"conversationId": "conversation", "utteranceId": each.id})
        if isinstance(each, UsageUpdate):
            self._usage = each.usage
        if isinstance(each, Finish):
            told: Json = {"tokenUsage": _tokens(self._usage)}
            if STOPS[each.reason]:
                told["stopReason"] = STOPS[each.reason]
            share = 100.0 if each.reason == "context_window" else 12.5
            full = event("contextUsageEvent", {"contextUsagePercentage": share})
            return event("metadataEvent", told) + full + event("meteringEvent", {"usage": 0.5, "unit": "credit"})
        if isinstance(each, Failed):
            return exception("InternalServerException", each.error.message)
        return b""


def _state(opaque: Opaque) -> bytes:
    if opaque.kind == "redacted":
        return event("reasoningContentEvent", {"redactedContent": opaque.value})
    return event("reasoningContentEvent", {"signature": opaque.value})


def _tokens(usage: Usage) -> Json:
    return {
        "uncachedInputTokens": usage.fresh,
        "cacheReadInputTokens": usage.cache_read,
        "cacheWriteInputTokens": usage.cache_write + usage.cache_write_1h,
        "outputTokens": usage.output,
        "totalTokens": usage.total,
    }
