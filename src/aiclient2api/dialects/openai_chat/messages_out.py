"""The conversation as Chat messages.

The results of a turn come before what the user said in it. A tool message holds only text: pictures and files of a
result follow in a user message, and the result says so.
"""

import msgspec

from aiclient2api.canonical.request import (
    Block,
    Document,
    Plain,
    Refusal,
    Request,
    SearchResult,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Turn,
)
from aiclient2api.dialects.as_text import document_text, search_text
from aiclient2api.dialects.names import wire_id
from aiclient2api.dialects.openai_chat.parts_out import Member, Writing, parts_of, text_part
from aiclient2api.dialects.openai_chat.wire_out import extra_content

BILLING = "x-anthropic-billing-header"
"""How Claude Code's first system block begins; it is for Anthropic's books, not for the model."""


def messages(request: Request, writing: Writing) -> list[Member]:
    """All messages in order. Raises GatewayError("bad_request") for what cannot be carried."""
    out: list[Member] = []
    system = [block.text for block in request.system if block.text and not block.text.startswith(BILLING)]
    if system:
        out.append({"role": "system", "content": "\n\n".join(system)})
    if any(block.cache is not None for block in request.system):
        writing.drop("cache_control")
    for turn in request.turns:
        if turn.role == "system":
            text = "\n\n".join(block.text for block in turn.blocks if isinstance(block, Text))
            out.append({"role": "system", "content": text})
        elif turn.role == "assistant":
            _assistant(turn, writing, out)
        else:
            _user(turn, writing, out)
    return out


def _user(turn: Turn, writing: Writing, out: list[Member]) -> None:
    content: list[Member | msgspec.Raw] = []
    said: list[Block] = []
    for block in turn.blocks:
        if type(block) is ToolResult:
            content += _result(block, writing, out)
        else:
            said.append(block)
    content += parts_of(said, writing)
    if not content:
        return
    message: Member = {"role": "user", "content": _shortest(content)}
    if turn.name and writing.openai:
        message["name"] = turn.name
    out.append(message)


def _shortest(content: list[Member | msgspec.Raw]) -> object:
    """One text is a string: every server takes that, some take nothing else."""
    only = content[0] if len(content) == 1 else None
    return only["text"] if isinstance(only, dict) and only["type"] == "text" else content


def _result(result: ToolResult, writing: Writing, out: list[Member]) -> list[Member | msgspec.Raw]:
    """The tool message goes to `out`; what must follow it in a user message comes back."""
    call_id = wire_id(result.call_id)
    texts: list[str] = []
    attached: list[Member | msgspec.Raw] = []
    for block in result.content:
        text = block.text if type(block) is Text else _as_text(block)
        if text:
            texts.append(text)
        elif text is None and (part := parts_of((block,), writing)):
            attached += part
            texts.append(f"[attachment {len(attached)}: in the next user message]")
    if attached:
        attached.insert(0, text_part(f"[attachments of the result of {call_id}]"))
    if result.cache is not None:
        writing.drop("cache_control")
    content = ("Error: " if result.is_error else "") + "\n".join(texts)
    out.append({"role": "tool", "tool_call_id": call_id, "content": content})
    return attached


def _as_text(block: Block) -> str | None:
    if isinstance(block, Refusal):
        return block.text
    if isinstance(block, SearchResult):
        return search_text(block)
    if isinstance(block, Document) and isinstance(block.source, Plain):
        return document_text(block, block.source)
    return None


def _assistant(turn: Turn, writing: Writing, out: list[Member]) -> None:
    texts: list[str] = []
    refusals: list[str] = []
    calls: list[Member] = []
    thoughts: list[str] = []
    others: list[Block] = []
    for block in turn.blocks:
        if type(block) is Text:
            texts.append(block.text)
        elif type(block) is ToolCall:
            calls.append(_call(block, writing))
        elif type(block) is Refusal:
            refusals.append(block.text)
        elif type(block) is Thinking:
            thoughts += _thought(block, writing)
        else:
            others.append(block)
    for block in others:
        writing.drop(f"messages.content.{type(block).__name__.lower()}")
    content = "".join(texts)
    if not (content or refusals or calls):
        return
    message: Member = {"role": "assistant", "content": content or None}
    if refusals:
        message["refusal"] = "".join(refusals)
    if thoughts:
        message["reasoning_content"] = "".join(thoughts)
    if calls:
        message["tool_calls"] = calls
    out.append(message)


def _thought(block: Thinking, writing: Writing) -> list[str]:
    """Plain thinking goes back to servers that gave it and may need it; signed thinking is another vendor's, and
    OpenAI's own models take none at all."""
    if block.opaque or "effort" in writing.model.thinking:
        writing.drop("messages.thinking")
        return []
    return [block.text]


def _call(call: ToolCall, writing: Writing) -> Member:
    name = writing.names.of(call)
    member: Member = {"id": wire_id(call.id), "type": call.kind}
    if call.kind == "custom":
        member["custom"] = {"name": name, "input": call.arguments}
    else:
        member["function"] = {"name": name, "arguments": call.arguments or "{}"}
    extra = extra_content(call.opaque) if call.opaque and "gemini" in writing.model.id else None
    if extra is not None:
        member["extra_content"] = extra
    return member
