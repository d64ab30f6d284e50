"""Turns to drafts: runs of one role with every tool call answered exactly once, right behind the message that made it.

The service refuses an open call, a result without its call, and an id that stands twice (TOOL_USE_RESULT_MISMATCH,
TOOL_DUPLICATE). Any list of turns comes out sound, also one that no repair has seen: blocks that cannot stand in
their turn's role get a draft of the other one.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from aiclient2api.canonical.request import (
    Audio,
    Block,
    Document,
    Image,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Turn,
)
from aiclient2api.dialects.names import wire_id
from aiclient2api.providers.kiro.body import MAX_NAME
from aiclient2api.providers.kiro.system import reminder

INTERRUPTED = "The tool call was interrupted."

Role = Literal["user", "assistant"]


@dataclass(slots=True)
class Slot:
    """A call, its id on the wire, and the result that answers it."""

    call: ToolCall
    wire_id: str
    result: ToolResult | None = None

    def answer(self) -> ToolResult:
        """The result, or an error that says there was none."""
        return self.result or ToolResult(self.call.id, (Text(INTERRUPTED),), is_error=True)


@dataclass(slots=True)
class Draft:
    """A message before it is rendered. `index` is the turn it comes from; `slots` are an assistant's calls, `answered`
    the calls whose results a user's message carries."""

    role: Role
    index: int
    blocks: list[Block] = field(default_factory=list)
    slots: list[Slot] = field(default_factory=list)
    answered: list[Slot] = field(default_factory=list)


def drafts(turns: Iterable[Turn]) -> list[Draft]:
    """Drafts in order: assistants never follow each other, users may."""
    out = _runs(turns)
    _fill(out)
    return _with_answers(out)


def _runs(turns: Iterable[Turn]) -> list[Draft]:
    """Blocks in runs of one role; texts that are empty are left out, and so is a turn that holds nothing."""
    out: list[Draft] = []
    latest: Draft | None = None
    for index, turn in enumerate(turns):
        own: Role = "assistant" if turn.role == "assistant" else "user"
        first_of_turn = True
        for block in _said(turn):
            role = _ROLES.get(type(block), own)
            if latest is None or latest.role != role or (first_of_turn and role == "user"):
                latest = Draft(role, index)
                out.append(latest)
            latest.blocks.append(block)
            first_of_turn = False
    return out


_ROLES: dict[type, Role] = {
    **dict.fromkeys((ToolCall, Thinking, Refusal), "assistant"),
    **dict.fromkeys((ToolResult, Image, Document, Audio), "user"),
}
"""Whose blocks these are, whatever turn they stand in."""


def _said(turn: Turn) -> Iterable[Block]:
    """The turn's blocks, texts as the model is to read them: a system's as a reminder, a named user's with the name."""
    named = turn.name if turn.role == "user" else None
    if named is None and turn.role != "system":
        return [block for block in turn.blocks if not isinstance(block, Text) or block.text]
    out: list[Block] = []
    for block in turn.blocks:
        if not isinstance(block, Text):
            out.append(block)
        elif block.text:
            said = f"{named}: {block.text}" if named else block.text
            out.append(Text(reminder(block.text) if turn.role == "system" else said))
            named = None
    return out


def _fill(messages: list[Draft]) -> None:
    """Give each call a wire id and its result; results leave the blocks, those without a call become text."""
    used: set[str] = set()
    latest: dict[str, list[Slot]] = {}
    for message in messages:
        if message.role == "assistant":
            calls = [block for block in message.blocks if isinstance(block, ToolCall)]
            message.slots = [Slot(call, _unique_id(call.id, used)) for call in calls]
            latest |= _by_id(message.slots)
        else:
            message.blocks = [kept for block in message.blocks for kept in _taken(block, latest)]


def _by_id(slots: list[Slot]) -> dict[str, list[Slot]]:
    out: dict[str, list[Slot]] = {}
    for slot in slots:
        out.setdefault(slot.call.id, []).append(slot)
    return out


def _unique_id(call_id: str, used: set[str]) -> str:
    wire = wire_id(call_id, MAX_NAME)
    base, number = wire, 1
    while wire in used:
        number += 1
        wire = wire_id(f"{base}_{number}", MAX_NAME)
    used.add(wire)
    return wire


def _taken(block: Block, latest: dict[str, list[Slot]]) -> tuple[Block, ...]:
    """What stays of a block: nothing of a result that found its call; a repeated result stays only if it differs."""
    if not isinstance(block, ToolResult):
        return (block,)
    slots = latest.get(block.call_id)
    if slots is None:
        return (Text(f"[Result of an unknown tool call {block.call_id}]"), *block.content)
    for slot in slots:
        if slot.result is None:
            slot.result = block
            return ()
    if any(slot.result is not None and slot.result.content == block.content for slot in slots):
        return ()
    return (Text(f"[Another result of tool call {block.call_id}]"), *block.content)


def _with_answers(messages: list[Draft]) -> list[Draft]:
    """Every assistant's calls answered by the next message, which is made where there is none."""
    out: list[Draft] = []
    open_slots: list[Slot] = []
    for message in messages:
        if message.role == "user":
            message.answered, open_slots = open_slots, []
        else:
            if open_slots:
                out.append(Draft("user", message.index, answered=open_slots))
            open_slots = message.slots
        out.append(message)
    if open_slots:
        out.append(Draft("user", out[-1].index, answered=open_slots))
    return out
