"""Pieces of an answer as Messages JSON: ids, usage, stop reasons, signatures, citations, tool input.

The streamed and the whole answer are made of the same pieces.
"""

import msgspec

from aiclient2api.canonical.events import Citation, Finish, FinishReason
from aiclient2api.canonical.request import Opaque
from aiclient2api.canonical.usage import Usage
from aiclient2api.dialects import opaque
from aiclient2api.dialects.base import Answer
from aiclient2api.dialects.names import wire_id
from aiclient2api.wire import jsonio

FAMILY = "anthropic"
MAX_ID = 256
"""Anthropic states a pattern for call ids but no length."""

NOTHING = Opaque("", "signature", "")
"""Goes into the envelope of unsigned thinking: clients throw away, or refuse, thinking without a signature."""

STOP_REASONS: dict[FinishReason, str] = {
    "end": "end_turn",
    "length": "max_tokens",
    "context_window": "model_context_window_exceeded",
    "stop_sequence": "stop_sequence",
    "tools": "tool_use",
    "refusal": "refusal",
    "pause": "pause_turn",
    "malformed_call": "end_turn",
}


def message_id(answer: Answer) -> str:
    return "msg_" + answer.seed[:24]


def call_id(given: str, answer: Answer, index: int) -> str:
    """The call's id if Anthropic's pattern allows it, else one derived from it, or from its place if it has none."""
    return wire_id(given or f"{answer.seed}:{index}", MAX_ID, "toolu_")


def stop_reason(finish: Finish, calls: bool) -> str:
    """`calls`: whether a call was shown. Some vendors end with "stop" though they called tools; and a client that is
    told tool_use without a call waits for ever."""
    if finish.reason == "end" and calls:
        return "tool_use"
    if finish.reason == "tools" and not calls:
        return "end_turn"
    return STOP_REASONS[finish.reason]


def stop_members(finish: Finish, calls: bool) -> dict[str, object]:
    members: dict[str, object] = {"stop_reason": stop_reason(finish, calls), "stop_sequence": finish.stop_sequence}
    if finish.details is not None:
        members["stop_details"] = msgspec.Raw(one_line(finish.details))
    return members


def usage_members(usage: Usage) -> dict[str, object]:
    members: dict[str, object] = {
        "input_tokens": usage.fresh,
        "cache_creation_input_tokens": usage.cache_write + usage.cache_write_1h,
        "cache_read_input_tokens": usage.cache_read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write,
            "ephemeral_1h_input_tokens": usage.cache_write_1h,
        },
        "output_tokens": usage.output,
    }
    if usage.reasoning:
        members["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    if usage.web_searches:
        members["server_tool_use"] = {"web_search_requests": usage.web_searches, "web_fetch_requests": 0}
    return members


def counted(usage: Usage | None, answer: Answer) -> Usage:
    """The usage so far, with our estimate where the upstream has not counted the input: Claude Code adds up costs
    from these numbers, and 0 would show as no use."""
    if usage is not None and usage.input:
        return usage
    return msgspec.structs.replace(usage or Usage(), fresh=answer.input_estimate(), estimated=True)


def signature(found: Opaque | None) -> str:
    """Redacted data is no signature, so it travels in an envelope even at home."""
    if found is None:
        return opaque.wrap(NOTHING, FAMILY)
    return opaque.wrap(found, FAMILY if found.kind == "signature" else "")


def redacted(found: Opaque) -> bool:
    return found.origin == FAMILY and found.kind == "redacted"


class _Typed(msgspec.Struct):
    type: str = ""


_CITATIONS = frozenset(
    {
        "char_location",
        "page_location",
        "content_block_location",
        "search_result_location",
        "web_search_result_location",
    }
)


def citation(found: Citation) -> msgspec.Raw | dict[str, object]:
    """Anthropic's own citation as it came, any other as a web result."""
    if found.raw:
        try:
            if jsonio.decode(found.raw, _Typed).type in _CITATIONS:
                return msgspec.Raw(one_line(found.raw))
        except jsonio.JsonError:
            pass
    return {
        "type": "web_search_result_location",
        "url": found.url,
        "title": found.title,
        "cited_text": found.cited_text,
        "encrypted_index": "",
    }


def tool_input(arguments: str, kind: str = "function") -> msgspec.Raw:
    """The input object of a call: raw text of a custom tool under `input`, what is no object under `_raw`."""
    if kind == "custom":
        return msgspec.Raw(jsonio.encode({"input": arguments}))
    text = arguments.strip()
    if not text:
        return msgspec.Raw(b"{}")
    try:
        _object(raw := text.encode())
    except jsonio.JsonError:
        return msgspec.Raw(jsonio.encode({"_raw": arguments}))
    return msgspec.Raw(one_line(raw))


_object = jsonio.reader(dict[str, object])


def one_line(raw: bytes) -> bytes:
    """JSON without raw line breaks, which would end an SSE line; inside strings they are escaped anyway."""
    return raw.replace(b"\r", b" ").replace(b"\n", b" ") if _LF in raw or _CR in raw else raw


_LF, _CR = b"\n\r"
"""As numbers, which are looked for several times as fast as bytes."""
