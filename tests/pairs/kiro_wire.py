"""Kiro's side of the wire: what the service would send for an answer, and what it reads in a request."""

import json
from collections.abc import Iterable
from pathlib import Path

import jsonschema

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
from aiclient2api.canonical.request import (
    Base64,
    Document,
    Image,
    Opaque,
    Request,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
)
from aiclient2api.canonical.usage import Usage
from aiclient2api.providers.kiro.system import ACKNOWLEDGEMENT
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

EXCEPTIONS = {
    "overloaded": "ServiceUnavailableException",
    "rate_limit": "ThrottlingException",
    "upstream": "InternalServerException",
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
            return exception(EXCEPTIONS[each.error.kind], each.error.message)
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


# --- requests

_SCHEMA = Path(__file__).parent.parent / "data" / "kiro" / "schemas" / "generate-assistant-response.request.schema.json"
_VALIDATOR = jsonschema.Draft202012Validator(json.loads(_SCHEMA.read_text("utf-8")))


def check_request(body: bytes) -> None:
    """Fails on a body that the service's own schema does not allow."""
    errors = sorted(_VALIDATOR.iter_errors(json.loads(body)), key=str)
    assert not errors, [f"{error.json_path}: {error.message[:200]}" for error in errors]


def decode_request(body: bytes) -> Request:
    """What a GenerateAssistantResponse body says, in canonical form. A system text is what leads the history with an
    acknowledgement behind it."""
    state = json.loads(body)["conversationState"]
    messages = [*state.get("history", ()), state["currentMessage"]]
    system: tuple[Text, ...] = ()
    if len(messages) > 2 and messages[1].get("assistantResponseMessage", {}).get("content") == ACKNOWLEDGEMENT:
        system = (Text(messages[0]["userInputMessage"]["content"]),)
        messages = messages[2:]
    context = messages[-1]["userInputMessage"].get("userInputMessageContext", {})
    return Request(
        dialect="kiro",
        model=messages[-1]["userInputMessage"]["modelId"],
        turns=tuple(_turn(message) for message in messages),
        system=system,
        tools=tuple(_tool(each["toolSpecification"]) for each in context.get("tools", ())),
    )


def _turn(message: Json) -> Turn:
    if "assistantResponseMessage" in message:
        said = message["assistantResponseMessage"]
        calls = [ToolCall(use["toolUseId"], use["name"], json.dumps(use["input"])) for use in said.get("toolUses", ())]
        return Turn("assistant", (*_thinking(said), *_text(said), *calls))
    asked = message["userInputMessage"]
    results = [_result(each) for each in asked.get("userInputMessageContext", {}).get("toolResults", ())]
    images = [Image(Base64(f"image/{each['format']}", each["source"]["bytes"])) for each in asked.get("images", ())]
    files = [
        Document(Base64(f"application/{each['format']}", each["source"]["bytes"]))
        for each in asked.get("documents", ())
    ]
    return Turn("user", (*results, *images, *files, *_text(asked)))


def _text(message: Json) -> tuple[Text, ...]:
    return (Text(message["content"]),) if message["content"] else ()


def _thinking(said: Json) -> tuple[Thinking, ...]:
    content = said.get("reasoningContent")
    if content is None:
        return ()
    if "redactedContent" in content:
        return (Thinking("", (Opaque("kiro", "redacted", content["redactedContent"]),)),)
    told = content["reasoningText"]
    return (Thinking(told["text"], (Opaque("kiro", "signature", told["signature"]),)),)


def _result(each: Json) -> ToolResult:
    content = tuple(Text(part["text"]) for part in each["content"])
    return ToolResult(each["toolUseId"], content, is_error=each["status"] == "error")


def _tool(specification: Json) -> Tool:
    schema = json.dumps(specification["inputSchema"]["json"]).encode()
    return Tool(specification["name"], specification.get("description", ""), schema)
