"""Opaque state in messages that pass through: what another vendor's model has made is taken out, the rest stays.

Enters: the raw `messages` and the model they go to. Leaves: the same, but for `thinking_blocks` that are in an envelope
of ours (a server of this dialect has made none of them) and Gemini's signatures on calls, unless Gemini is asked.
"""

import msgspec

from aiclient2api.dialects.opaque import PREFIX
from aiclient2api.dialects.openai_chat.view import State, has_state
from aiclient2api.dialects.reading import ABSENT, given
from aiclient2api.wire import jsonio

_SIGNATURE = b'"thought_signature"'


class _Message(msgspec.Struct):
    thinking_blocks: list[msgspec.Raw] | None = None
    tool_calls: list[msgspec.Raw] | None = None


class _Block(msgspec.Struct):
    signature: str | None = None
    data: str | None = None


class _Call(msgspec.Struct):
    extra_content: msgspec.Raw = ABSENT


def without_foreign(messages: bytes, model: str) -> bytes:
    """Raises JsonError for messages that must be read and cannot be."""
    raws = jsonio.decode(messages, list[msgspec.Raw])
    return _array([_message(bytes(raw), model) for raw in raws])


def _message(raw: bytes, model: str) -> bytes:
    if not has_state(jsonio.decode(raw, State), model):
        return raw
    message = jsonio.decode(raw, _Message)
    changes: dict[str, bytes | None] = {}
    if message.thinking_blocks is not None:
        kept = [bytes(block) for block in message.thinking_blocks if not _in_envelope(bytes(block))]
        changes["thinking_blocks"] = _array(kept) if kept else None
    if message.tool_calls is not None and "gemini" not in model:
        changes["tool_calls"] = _array([_bare(bytes(call)) for call in message.tool_calls])
    return jsonio.patch(raw, changes)


def _in_envelope(raw: bytes) -> bool:
    block = jsonio.decode(raw, _Block)
    return (block.signature or block.data or "").startswith(PREFIX)


def _bare(raw: bytes) -> bytes:
    signed = given(jsonio.decode(raw, _Call).extra_content) and _SIGNATURE in raw
    return jsonio.patch(raw, {"extra_content": None}) if signed else raw


def _array(elements: list[bytes]) -> bytes:
    return b"[" + b",".join(elements) + b"]"
