"""The wire forms of an upstream's answer: one GenerateContentResponse, which is a chunk of a stream as well."""

import msgspec

from aiclient2api.dialects.gemini.grounding import Grounding, Sources
from aiclient2api.dialects.gemini.usage import UsageShape
from aiclient2api.dialects.reading import ABSENT
from aiclient2api.wire import jsonio


class CallIn(msgspec.Struct, rename="camel"):
    """`partial_args` come only if asked for, which we never do."""

    name: str = ""
    id: str | None = None
    args: msgspec.Raw = ABSENT
    partial_args: msgspec.Raw = ABSENT


class PartIn(msgspec.Struct, rename="camel"):
    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    function_call: CallIn | None = None


class ContentIn(msgspec.Struct):
    parts: list[msgspec.Raw] | None = None


class CandidateIn(msgspec.Struct, rename="camel"):
    index: int | None = None
    content: ContentIn | None = None
    finish_reason: str | None = None
    finish_message: str | None = None
    grounding_metadata: Grounding | None = None
    citation_metadata: Sources | None = None


class FeedbackIn(msgspec.Struct, rename="camel"):
    block_reason: str | None = None
    block_reason_message: str | None = None


class ChunkIn(msgspec.Struct, rename="camel"):
    """`response` is where Code Assist puts the whole of it."""

    candidates: list[CandidateIn] | None = None
    prompt_feedback: FeedbackIn | None = None
    usage_metadata: UsageShape | None = None
    model_version: str | None = None
    response_id: str | None = None
    error: msgspec.Raw = ABSENT
    response: msgspec.Raw = ABSENT


def read_chunk(data: bytes) -> ChunkIn:
    """Raises JsonError."""
    chunk = jsonio.decode(data, ChunkIn)
    return jsonio.decode(bytes(chunk.response), ChunkIn) if len(chunk.response) and not chunk.candidates else chunk
