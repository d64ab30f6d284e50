"""The wire forms of an upstream's answer: events, output items, the response object. Read as tolerantly as servers
differ; every member may be missing or null.
"""

import msgspec

from aiclient2api.dialects.openai_responses.usage import UsageShape
from aiclient2api.dialects.reading import ABSENT


class PartIn(msgspec.Struct):
    """A part of a message, of a reasoning item's content, or of its summary."""

    type: str = ""
    text: str | None = None
    refusal: str | None = None
    annotations: list[msgspec.Raw] | None = None


class ItemIn(msgspec.Struct):
    """An output item of any kind; which members count depends on its type."""

    type: str = ""
    id: str | None = None
    status: str | None = None
    content: list[PartIn] | None = None
    summary: list[PartIn] | None = None
    encrypted_content: str | None = None
    call_id: str | None = None
    name: str | None = None
    namespace: str | None = None
    arguments: str | dict[str, msgspec.Raw] | None = None
    input: str | None = None


class EventIn(msgspec.Struct):
    """The data of any event."""

    type: str | None = None
    output_index: int | None = None
    content_index: int | None = None
    summary_index: int | None = None
    item_id: str | None = None
    delta: str | None = None
    text: str | None = None
    refusal: str | None = None
    arguments: str | None = None
    input: str | None = None
    part: PartIn | None = None
    item: msgspec.Raw = ABSENT
    annotation: msgspec.Raw = ABSENT
    response: msgspec.Raw = ABSENT


class TypedIn(msgspec.Struct):
    """The one member by which an event or item that cannot be read otherwise may still be known."""

    type: str | None = None


class WhyIn(msgspec.Struct):
    reason: str | None = None


class SearchIn(msgspec.Struct):
    num_requests: int | None = None


class ToolUsageIn(msgspec.Struct):
    web_search: SearchIn | None = None


class ResponseIn(msgspec.Struct):
    """The response object; `output` is missing where a server leaves it to the events."""

    id: str | None = None
    model: str | None = None
    status: str | None = None
    output: list[msgspec.Raw] | None = None
    error: msgspec.Raw = ABSENT
    incomplete_details: WhyIn | None = None
    usage: UsageShape | None = None
    tool_usage: ToolUsageIn | None = None


class AnnotationIn(msgspec.Struct):
    type: str = ""
    url: str | None = None
    title: str | None = None
    filename: str | None = None
    start_index: int | None = None
    end_index: int | None = None
