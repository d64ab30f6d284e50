"""Usage of an answer as Chat Completions counts it, both ways.

prompt_tokens includes what was read from and written to a cache, completion_tokens includes reasoning; the canonical
numbers are disjoint on the input side.
"""

import msgspec

from aiclient2api.canonical.usage import Usage

Count = int | float | None
"""Some vendors write 12.0 or null."""


class PromptDetails(msgspec.Struct):
    cached_tokens: Count = None
    cache_write_tokens: Count = None


class CompletionDetails(msgspec.Struct):
    reasoning_tokens: Count = None


class UsageShape(msgspec.Struct, omit_defaults=True):
    """The wire form; `prompt_cache_hit_tokens` is how DeepSeek spells cached_tokens."""

    prompt_tokens: Count = None
    completion_tokens: Count = None
    total_tokens: Count = None
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: CompletionDetails | None = None
    prompt_cache_hit_tokens: Count = None


def decode_usage(shape: UsageShape) -> Usage:
    """Disjoint numbers; nothing is negative, however the vendor counted."""
    prompt, completion = shape.prompt_tokens_details, shape.completion_tokens_details
    read = _count(shape.prompt_cache_hit_tokens) if shape.prompt_cache_hit_tokens else 0
    write = 0
    if prompt is not None:
        read = _count(prompt.cached_tokens) or read
        write = _count(prompt.cache_write_tokens)
    return Usage(
        fresh=max(0, _count(shape.prompt_tokens) - read - write),
        cache_read=read,
        cache_write=write,
        output=_count(shape.completion_tokens),
        reasoning=_count(completion.reasoning_tokens) if completion is not None else 0,
    )


def _count(value: Count) -> int:
    return max(0, int(value)) if value else 0


def encode_usage(usage: Usage) -> UsageShape:
    """The wire form, ready for jsonio.encode."""
    return UsageShape(
        prompt_tokens=usage.input,
        completion_tokens=usage.output,
        total_tokens=usage.total,
        prompt_tokens_details=PromptDetails(usage.cache_read, usage.cache_write + usage.cache_write_1h),
        completion_tokens_details=CompletionDetails(usage.reasoning),
    )
