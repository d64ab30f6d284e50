"""Usage of an answer as Responses counts it, both ways.

input_tokens includes what was read from and written to a cache, output_tokens includes reasoning; the canonical
numbers are disjoint on the input side. Strict clients insist on both details.
"""

import msgspec

from aiclient2api.canonical.usage import Usage
from aiclient2api.dialects.openai_chat import usage as chat

Count = int | float | None


class InputDetails(msgspec.Struct):
    cached_tokens: Count = None
    cache_write_tokens: Count = None


class OutputDetails(msgspec.Struct):
    reasoning_tokens: Count = None


class UsageShape(msgspec.Struct):
    input_tokens: Count = None
    input_tokens_details: InputDetails | None = None
    output_tokens: Count = None
    output_tokens_details: OutputDetails | None = None
    total_tokens: Count = None


def decode_usage(shape: UsageShape, web_searches: int = 0) -> Usage:
    """Disjoint numbers; the arithmetic is that of Chat Completions under other names."""
    given = shape.input_tokens_details or InputDetails()
    made = shape.output_tokens_details or OutputDetails()
    usage = chat.decode_usage(
        chat.UsageShape(
            prompt_tokens=shape.input_tokens,
            completion_tokens=shape.output_tokens,
            prompt_tokens_details=chat.PromptDetails(given.cached_tokens, given.cache_write_tokens),
            completion_tokens_details=chat.CompletionDetails(made.reasoning_tokens),
        )
    )
    return msgspec.structs.replace(usage, web_searches=web_searches)


def encode_usage(usage: Usage) -> UsageShape:
    """The wire form, ready for jsonio.encode."""
    return UsageShape(
        usage.input,
        InputDetails(usage.cache_read, usage.cache_write + usage.cache_write_1h),
        usage.output,
        OutputDetails(usage.reasoning),
        usage.total,
    )
