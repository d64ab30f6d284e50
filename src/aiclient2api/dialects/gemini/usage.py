"""Usage as Gemini counts it, both ways (dialects.md, 2.13).

promptTokenCount includes what was read from a cache, candidatesTokenCount leaves the thoughts out; the canonical input
numbers are disjoint and the output includes the thoughts.
"""

import msgspec

from aiclient2api.canonical.usage import Usage


class UsageShape(msgspec.Struct, rename="camel", omit_defaults=True):
    """The wire form."""

    prompt_token_count: int | None = None
    cached_content_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None
    total_token_count: int | None = None


def decode_usage(shape: UsageShape) -> Usage:
    """Disjoint numbers, none of them negative. What the total holds beyond prompt and answer is tools' prompt."""
    cached = shape.cached_content_token_count or 0
    thoughts = shape.thoughts_token_count or 0
    output = (shape.candidates_token_count or 0) + thoughts
    prompt = shape.prompt_token_count or 0
    if shape.total_token_count:
        prompt = max(prompt, shape.total_token_count - output)
    else:
        prompt += shape.tool_use_prompt_token_count or 0
    return Usage(fresh=max(0, prompt - cached), cache_read=cached, output=output, reasoning=thoughts)


def encode_usage(usage: Usage) -> UsageShape:
    """The wire form, ready for jsonio.encode."""
    thoughts = min(usage.reasoning, usage.output)
    return UsageShape(
        prompt_token_count=usage.input,
        cached_content_token_count=usage.cache_read or None,
        candidates_token_count=usage.output - thoughts,
        thoughts_token_count=thoughts or None,
        total_token_count=usage.total,
    )
