"""Why an upstream's answer ended: its own word, corrected by what the answer really held."""

from aiclient2api.canonical.events import Finish, FinishReason
from aiclient2api.dialects.openai_chat.assemble import Assembler

_WORDS: dict[str, FinishReason] = {
    "stop": "end",
    "length": "length",
    "tool_calls": "tools",
    "function_call": "tools",
    "content_filter": "refusal",
    "end_turn": "end",
    "max_tokens": "length",
    "tool_use": "tools",
    "stop_sequence": "stop_sequence",
    "refusal": "refusal",
    "safety": "refusal",
    "model_context_window_exceeded": "context_window",
    "malformed_function_call": "malformed_call",
}
"""OpenAI's words, and those that gateways in front of other vendors let through."""


def finish_word(word: str) -> FinishReason | None:
    """What a finish_reason means; None for "error". Unknown words are an ordinary end."""
    word = word.lower()
    return None if word == "error" else _WORDS.get(word, "end")


def finish_event(reason: FinishReason | None, assembler: Assembler) -> Finish:
    """Several vendors say "stop" after calls, and "tool_calls" without one; the answer itself is believed."""
    reason = reason or "end"
    if assembler.has_calls and reason in ("end", "stop_sequence"):
        reason = "tools"
    elif reason == "tools" and not assembler.has_calls:
        reason = "end"
    if reason == "end" and assembler.refused:
        reason = "refusal"
    return Finish(reason)
