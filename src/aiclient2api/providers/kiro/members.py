"""What the client's dialect calls things, so that errors and drop lists speak the client's language."""

import re
from collections.abc import Iterable

from aiclient2api.canonical.request import Sampling

_GEMINI: dict[str, str] = {
    "temperature": "generationConfig.temperature",
    "top_p": "generationConfig.topP",
    "top_k": "generationConfig.topK",
    "seed": "generationConfig.seed",
    "presence_penalty": "generationConfig.presencePenalty",
    "frequency_penalty": "generationConfig.frequencyPenalty",
    "logprobs": "generationConfig.responseLogprobs",
    "top_logprobs": "generationConfig.logprobs",
    "n": "generationConfig.candidateCount",
    "max_tokens": "generationConfig.maxOutputTokens",
    "reasoning": "generationConfig.thinkingConfig",
    "messages": "contents",
    "tool_choice": "toolConfig.functionCallingConfig",
}

_NAMES: dict[str, dict[str, str]] = {
    "anthropic": {"reasoning": "thinking", "user": "metadata.user_id"},
    "openai_chat": {"reasoning": "reasoning_effort"},
    "openai_responses": {"max_tokens": "max_output_tokens", "messages": "input"},
    "gemini": _GEMINI,
}

_TOP_LEVEL_SYSTEM = frozenset({"anthropic", "gemini"})
"""Dialects whose list of messages holds turns only, so that a turn's index is also the client's."""

_SAMPLING = (
    "temperature",
    "top_p",
    "top_k",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "logprobs",
    "top_logprobs",
)


def member(dialect: str, name: str) -> str:
    """The client's own name of a member."""
    return _NAMES.get(dialect, {}).get(name, name)


def turn_member(dialect: str, index: int) -> str:
    """The client's own name of turn `index`, as exactly as it can be told."""
    messages = member(dialect, "messages")
    return f"{messages}[{index}]" if dialect in _TOP_LEVEL_SYSTEM else messages


def given_sampling(sampling: Sampling) -> list[str]:
    """Hub names of the sampling members that carry a value (n is not among them)."""
    values: dict[str, object] = {name: getattr(sampling, name) for name in _SAMPLING}
    return [name for name, value in values.items() if value is not None and value is not False]


def drop_list(names: Iterable[str]) -> tuple[str, ...]:
    """Each name once, in a form that fits into a header."""
    return tuple(dict.fromkeys(re.sub(r"[^\x21-\x2b\x2d-\x7e]", "_", name)[:80] for name in names))
