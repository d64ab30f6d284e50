"""Tokens of an answer as a service reports them and as a client reads them, in each API's own fields.

Enters: a Bill (what an answer took) or the bytes of an answer. Leaves: the service's object of usage, or a Seen.
Written by hand from the APIs' documents: nothing of the gateway's own codecs is used, so that they cannot agree on a
mistake.
"""

import json
import random
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

Json = dict[str, Any]


class Bill(NamedTuple):
    """What one answer took. `output` includes `reasoning`; the input numbers are disjoint."""

    fresh: int
    read: int
    write: int
    output: int
    reasoning: int

    @property
    def input(self) -> int:
        return self.fresh + self.read + self.write


class Seen(NamedTuple):
    """What a client reads: all input, and of it what was read from and written to a cache; all output, and of it what
    was reasoning. None where its API has no word for it."""

    input: int
    read: int
    write: int | None
    output: int
    reasoning: int | None


def bill(form: str, rng: random.Random) -> Bill:
    """Numbers as they come, in what a wire form can tell."""
    fresh, output = rng.randrange(1, 60_000), rng.randrange(1, 9_000)
    read = rng.choice((0, rng.randrange(1, 190_000)))
    write = rng.choice((0, rng.randrange(1, 20_000))) if form != "gemini" else 0
    reasoning = rng.choice((0, rng.randrange(0, output))) if form != "kiro" else 0
    return Bill(fresh, read, write, output, reasoning)


# --- what services write


def _anthropic(told: Bill) -> Json:
    """The lifetimes of what was written may be told, or not."""
    split = {"ephemeral_5m_input_tokens": told.write // 3, "ephemeral_1h_input_tokens": told.write - told.write // 3}
    return {
        "input_tokens": told.fresh,
        "cache_read_input_tokens": told.read,
        "cache_creation_input_tokens": told.write,
        **({"cache_creation": split} if told.fresh % 2 else {}),
        "output_tokens": told.output,
        **({"output_tokens_details": {"thinking_tokens": told.reasoning}} if told.reasoning else {}),
    }


def _chat(told: Bill) -> Json:
    details = {"cached_tokens": told.read, **({"cache_write_tokens": told.write} if told.write else {})}
    return {
        "prompt_tokens": told.input,
        "completion_tokens": told.output,
        "total_tokens": told.input + told.output,
        **({"prompt_tokens_details": details} if told.read or told.write else {}),
        **({"completion_tokens_details": {"reasoning_tokens": told.reasoning}} if told.reasoning else {}),
    }


def _responses(told: Bill) -> Json:
    return {
        "input_tokens": told.input,
        "input_tokens_details": {"cached_tokens": told.read, "cache_write_tokens": told.write},
        "output_tokens": told.output,
        "output_tokens_details": {"reasoning_tokens": told.reasoning},
        "total_tokens": told.input + told.output,
    }


def _gemini(told: Bill) -> Json:
    """Of a prompt some may be what tools said, which is told beside it and in the total."""
    tools = told.fresh // 5 if told.fresh % 3 == 0 else 0
    return {
        "promptTokenCount": told.input - tools,
        **({"cachedContentTokenCount": told.read} if told.read else {}),
        "candidatesTokenCount": told.output - told.reasoning,
        **({"thoughtsTokenCount": told.reasoning} if told.reasoning else {}),
        **({"toolUsePromptTokenCount": tools} if tools else {}),
        "totalTokenCount": told.input + told.output,
    }


def _kiro(told: Bill) -> Json:
    """The uncached part may be left to the reader's arithmetic."""
    return {
        **({"uncachedInputTokens": told.fresh} if told.fresh % 2 else {}),
        "cacheReadInputTokens": told.read,
        "cacheWriteInputTokens": told.write,
        "outputTokens": told.output,
        "totalTokens": told.input + told.output,
    }


REPORTS: Mapping[str, Callable[[Bill], Json]] = {
    "anthropic": _anthropic,
    "openai_chat": _chat,
    "openai_responses": _responses,
    "gemini": _gemini,
    "kiro": _kiro,
}
"""By wire form."""


# --- what clients read


def _of_anthropic(usage: Json) -> Seen:
    read, write = usage.get("cache_read_input_tokens") or 0, usage.get("cache_creation_input_tokens") or 0
    reasoning = (usage.get("output_tokens_details") or {}).get("thinking_tokens", 0)
    return Seen(usage["input_tokens"] + read + write, read, write, usage["output_tokens"], reasoning)


def _of_chat(usage: Json) -> Seen:
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    given, made = usage.get("prompt_tokens_details") or {}, usage.get("completion_tokens_details") or {}
    return Seen(
        usage["prompt_tokens"],
        given.get("cached_tokens", 0),
        given.get("cache_write_tokens", 0),
        usage["completion_tokens"],
        made.get("reasoning_tokens", 0),
    )


def _of_responses(usage: Json) -> Seen:
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    given, made = usage["input_tokens_details"], usage["output_tokens_details"]
    return Seen(
        usage["input_tokens"],
        given["cached_tokens"],
        given.get("cache_write_tokens", 0),
        usage["output_tokens"],
        made["reasoning_tokens"],
    )


def _of_gemini(usage: Json) -> Seen:
    thoughts = usage.get("thoughtsTokenCount", 0)
    output = usage.get("candidatesTokenCount", 0) + thoughts
    prompt = usage["promptTokenCount"] + usage.get("toolUsePromptTokenCount", 0)
    assert usage["totalTokenCount"] == prompt + output
    return Seen(prompt, usage.get("cachedContentTokenCount", 0), None, output, thoughts)


_READERS: Mapping[str, Callable[[Json], Seen]] = {
    "anthropic": _of_anthropic,
    "openai_chat": _of_chat,
    "openai_responses": _of_responses,
    "gemini": _of_gemini,
    "gemini_array": _of_gemini,
}


def seen(front: str, body: bytes, stream: bool) -> Seen | None:
    """The usage that a client of this API has read when its answer is over; None if there was none."""
    objects = _objects(front, body) if stream else [json.loads(body)]
    usage: Json = {}
    for each in objects:
        inner = each.get("message") or each.get("response") or each
        usage |= inner.get("usage") or inner.get("usageMetadata") or {}
    return _READERS[front](usage) if usage else None


def _objects(front: str, body: bytes) -> list[Json]:
    if front == "gemini_array":
        found: list[Json] = json.loads(body)
        return found
    lines = (line.removeprefix(b"data:").strip() for line in body.splitlines() if line.startswith(b"data:"))
    return [json.loads(line) for line in lines if b"sage" in line]
