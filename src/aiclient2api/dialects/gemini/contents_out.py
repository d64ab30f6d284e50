"""The conversation as Gemini `contents` and `systemInstruction`.

Enters: a canonical request, its history repaired. Leaves: contents whose roles take turns, the user first, results
before anything else of their content. Of opaque state only Gemini's own goes out, on the part it came with; the first
call of a step that has none gets Google's stand-in, for the API refuses it without (dialects.md, 1.4.4).
"""

import msgspec

from aiclient2api.canonical.errors import bad_request
from aiclient2api.canonical.request import (
    Base64,
    Block,
    Document,
    Image,
    Request,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Turn,
)
from aiclient2api.dialects.as_function import arguments_object, flat_name, json_object
from aiclient2api.dialects.gemini.parts_out import Member, Writing, part_of
from aiclient2api.dialects.gemini.signatures import DUMMY, own_signature

BILLING = "x-anthropic-billing-header"
"""How Claude Code's first system block begins; it is for Anthropic's books, not for the model."""
FIRST = "(continued)"
"""User text before a history that begins with the model."""
GO_ON = "Continue."
"""User text after a last turn of the model, which not every model goes on with."""

Part = Member | msgspec.Raw


def system_instruction(request: Request, writing: Writing) -> Member | None:
    """One part for each system text."""
    if any(text.cache is not None for text in request.system):
        writing.drop("cache_control")
    parts = [{"text": text.text} for text in request.system if text.text and not text.text.startswith(BILLING)]
    return {"parts": parts} if parts else None


def contents(request: Request, writing: Writing) -> list[Member]:
    """All turns. Raises GatewayError("bad_request") for what cannot be carried."""
    names = {
        block.id: writing.names.to_wire(flat_name(block))
        for turn in request.turns
        for block in turn.blocks
        if isinstance(block, ToolCall)
    }
    merged: list[tuple[str, list[Part]]] = []
    for turn in request.turns:
        _note(turn, writing)
        role = "model" if turn.role == "assistant" else "user"
        parts = _model_parts(turn, writing) if role == "model" else _user_parts(turn, names, writing)
        if not parts:
            continue
        if merged and merged[-1][0] == role:
            merged[-1][1].extend(parts)
        else:
            merged.append((role, parts))
    if not merged or merged[0][0] != "user":
        merged.insert(0, ("user", [{"text": FIRST}]))
    if merged[-1][0] == "model" and not writing.native and not writing.model.prefill:
        merged.append(("user", [{"text": GO_ON}]))
    return [
        {"role": role, "parts": _signed(parts) if role == "model" else _results_first(parts)} for role, parts in merged
    ]


def _note(turn: Turn, writing: Writing) -> None:
    if turn.cache is not None or any(getattr(block, "cache", None) is not None for block in turn.blocks):
        writing.drop("cache_control")
    if turn.name:
        writing.drop("messages.name")


def _results_first(parts: list[Part]) -> list[Part]:
    return sorted(parts, key=lambda part: not (isinstance(part, dict) and "functionResponse" in part))


def _signed(parts: list[Part]) -> list[Part]:
    """The first call of a step must bear a signature; its parallel siblings need none."""
    first = next((part for part in parts if isinstance(part, dict) and "functionCall" in part), None)
    if first is not None:
        first.setdefault("thoughtSignature", DUMMY)
    return parts


def _model_parts(turn: Turn, writing: Writing) -> list[Part]:
    out: list[Part] = []
    waiting = ""  # a signature without words: it belongs to the call behind it, if there is one
    for block in turn.blocks:
        if isinstance(block, ToolCall):
            out.append(_call(block, own_signature(block.opaque) or waiting, writing))
            waiting = ""
            continue
        if waiting:
            out.append({"text": "", "thoughtSignature": waiting})
            waiting = ""
        if not isinstance(block, Thinking):
            part = part_of(block, writing)
            out += [] if part is None else [part]
        elif block.text:
            out += _thought(block, writing)
        else:
            waiting = _state(block, writing)
    return [*out, {"text": "", "thoughtSignature": waiting}] if waiting else out


def _state(block: Thinking, writing: Writing) -> str:
    signature = own_signature(block.opaque)
    if not signature and block.opaque:
        writing.drop("thinking")
    return signature


def _thought(block: Thinking, writing: Writing) -> list[Part]:
    """Thoughts go back to Gemini if it signed them, or if the client says they are its own."""
    signature = _state(block, writing)
    if signature:
        return [{"thought": True, "text": block.text, "thoughtSignature": signature}]
    if writing.native:
        return [{"thought": True, "text": block.text}]
    writing.drop("thinking")
    return []


def _call(call: ToolCall, signature: str, writing: Writing) -> Member:
    inner: Member = {
        "id": call.id,
        "name": writing.names.to_wire(flat_name(call)),
        "args": arguments_object(call.arguments, call.kind),
    }
    part: Member = {"functionCall": inner}
    if signature:
        part["thoughtSignature"] = signature
    return part


def _user_parts(turn: Turn, names: dict[str, str], writing: Writing) -> list[Part]:
    out: list[Part] = []
    for block in turn.blocks:
        if isinstance(block, ToolResult):
            out += _result(block, names, writing)
        elif isinstance(block, Text) and turn.role == "system":
            out.append({"text": f"<system-reminder>\n{block.text}\n</system-reminder>"})
        else:
            part = part_of(block, writing)
            out += [] if part is None else [part]
    return out


_IN_RESULTS = frozenset({"image/png", "image/jpeg", "image/webp", "application/pdf"})
"""What newer models take inside a result."""


def _result(result: ToolResult, names: dict[str, str], writing: Writing) -> list[Part]:
    """The result, and behind it what it cannot hold, with a label that says whose it is."""
    name = names.get(result.call_id) or (writing.names.to_wire(result.name) if result.name else "")
    if not name:
        raise bad_request(f"The result {result.call_id!r} answers no call of this conversation.", "messages")
    texts: list[str] = []
    inside: list[Part] = []
    behind: list[Part] = []
    for block in result.content:
        part = part_of(block, writing)
        if part is None:
            continue
        if isinstance(part, dict) and isinstance(text := part.get("text"), str):
            texts.append(text)
        elif writing.modern and _fits_inside(block):
            inside.append(part)
        else:
            behind.append(part)
            texts.append(f"[attachment {len(behind)}: behind the results]")
    inner: Member = {"id": result.call_id, "name": name, "response": _response("\n".join(texts), result.is_error)}
    if inside:
        inner["parts"] = inside
    label: list[Part] = [{"text": f"[attachments of the result of {name}, {result.call_id}]"}] if behind else []
    return [{"functionResponse": inner}, *label, *behind]


def _fits_inside(block: Block) -> bool:
    return (
        isinstance(block, Image | Document)
        and isinstance(block.source, Base64)
        and block.source.media_type in _IN_RESULTS
    )


def _response(text: str, is_error: bool) -> object:
    """An object as it is, any other text under `output`; a failure under `error`. An object with $ref in it is text,
    because the API takes that for the name of an attached part (vercel/ai#14369)."""
    if is_error:
        return {"error": text}
    found = None if '"$ref"' in text else json_object(text)
    return {"output": text} if found is None else found
