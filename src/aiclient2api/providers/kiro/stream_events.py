"""Payloads of the stream's events (kiro-protocol, 6.3), as far as a gateway reads them, and how they are read.

Members are optional and may be null, unknown ones are read over: the service's model grows without notice. A payload
that is empty counts as {}. Refuses: what is no JSON object, with Unreadable.
"""

import json
from typing import TypeVar

import msgspec

from aiclient2api.wire import jsonio

S = TypeVar("S", bound=msgspec.Struct)


class Unreadable(Exception):
    """A payload that cannot be what its event's type says."""


class AssistantResponse(msgspec.Struct, rename="camel", gc=False):
    content: str | None = None
    model_id: str | None = None


class Reasoning(msgspec.Struct, rename="camel", gc=False):
    """`redacted_content` is base64."""

    text: str | None = None
    signature: str | None = None
    redacted_content: str | None = None


class ToolUse(msgspec.Struct, rename="camel"):
    """`input` is a fragment of JSON text, or the arguments themselves (AIClient saw that)."""

    tool_use_id: str | None = None
    name: str | None = None
    input: str | dict[str, msgspec.Raw] | None = None
    stop: bool | None = None


class TokenUsage(msgspec.Struct, rename="camel"):
    uncached_input_tokens: float | None = None
    output_tokens: float | None = None
    total_tokens: float | None = None
    cache_read_input_tokens: float | None = None
    cache_write_input_tokens: float | None = None
    context_usage_percentage: float | None = None


class Refused(msgspec.Struct):
    category: str | None = None
    explanation: str | None = None


class StopDetails(msgspec.Struct):
    refusal: Refused | None = None


class Metadata(msgspec.Struct, rename="camel"):
    token_usage: TokenUsage | None = None
    stop_reason: str | None = None
    stop_details: StopDetails | None = None


class ContextUsage(msgspec.Struct, rename="camel"):
    context_usage_percentage: float | None = None


class Metering(msgspec.Struct):
    """The event itself counts for more than what is in it, so that `usage` may be anything."""

    usage: msgspec.Raw = msgspec.Raw(b"null")

    @property
    def credits(self) -> float | None:
        try:
            return jsonio.decode(bytes(self.usage), float)
        except jsonio.JsonError:
            return None


class MessageMetadata(msgspec.Struct, rename="camel"):
    conversation_id: str | None = None
    utterance_id: str | None = None


class Span(msgspec.Struct):
    start: int | None = None
    end: int | None = None


class CitationTarget(msgspec.Struct):
    location: int | None = None
    range: Span | None = None


class CitationEvent(msgspec.Struct, rename="camel"):
    target: CitationTarget | None = None
    citation_text: str | None = None
    citation_link: str | None = None


class Quoted(msgspec.Struct):
    text: str | None = None


class WebPlace(msgspec.Struct):
    url: str | None = None


class Place(msgspec.Struct):
    web: WebPlace | None = None


class DocumentCitation(msgspec.Struct, rename="camel"):
    source: str | None = None
    title: str | None = None
    location: Place | None = None
    source_content: list[Quoted] | None = None


class WebLink(msgspec.Struct):
    url: str | None = None
    title: str | None = None
    snippet: str | None = None


class WebLinks(msgspec.Struct, rename="camel"):
    supplementary_web_links: list[WebLink] | None = None


class Reference(msgspec.Struct, rename="camel"):
    license_name: str | None = None
    repository: str | None = None
    url: str | None = None
    recommendation_content_span: Span | None = None


class References(msgspec.Struct):
    references: list[Reference] | None = None


class Reported(msgspec.Struct, rename="camel"):
    """An event that reports a failure."""

    reason: str | None = None
    message: str | None = None
    recommended_model: str | None = None


def loosely(payload: bytes, shape: type[S], text_member: str) -> S:
    """A payload that a strict parser refused: an empty one, or one with halves of surrogate pairs, which stay halves in
    `text_member` ("" if the shape has none) and become U+FFFD elsewhere. Raises Unreadable."""
    if not payload.strip():
        payload = b"{}"
    try:
        value = jsonio.decode(payload, shape)
    except jsonio.JsonError as error:
        raise Unreadable(str(error)) from None
    if not text_member:
        return value
    try:
        members: object = json.loads(payload)
    except (ValueError, RecursionError):
        return value
    text = members.get(text_member) if isinstance(members, dict) else None
    return msgspec.structs.replace(value, **{text_member: text}) if isinstance(text, str) else value


def is_object(payload: bytes) -> bool:
    try:
        jsonio.members(payload)
    except jsonio.JsonError:
        return False
    return True
