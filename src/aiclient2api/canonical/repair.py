"""History repair: what no provider accepts is brought into a form that all accept, without inventing the user's words.

- a tool call that was never answered gets an error result ("The tool call was interrupted."), since every vendor
  refuses a history with an open call;
- a result without its call becomes text of the same turn, marked as what it is;
- results that come late move to the user turn after their call, before its text and in the order of the calls
  (clients split one batch over several messages), and a second, different result for the same call becomes text;
- a call id that was used before gets a number behind it, and so do its results (some models count from 0 each turn);
- a call in a user's turn and a result in an assistant's get a turn of the role they belong to;
- assistant turns that follow each other are one turn where tools are in play;
- empty texts and turns that hold nothing are left out.

Sound histories come out as the same object.
"""

import itertools
import operator
from typing import Literal

import msgspec

from aiclient2api.canonical.request import (
    Audio,
    Block,
    Foreign,
    Refusal,
    Request,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Turn,
)

INTERRUPTED = "The tool call was interrupted."

Turns = tuple[Turn, ...]
Role = Literal["user", "assistant", "system"]


def repair(request: Request) -> Request:
    """The request with a history that every provider accepts."""
    return request if is_sound(request.turns) else msgspec.structs.replace(request, turns=repaired(request.turns))


def is_sound(turns: Turns) -> bool:
    """Whether there is nothing to repair, told in one look at each block; nearly all histories are sound."""
    called: list[str] = []
    due: list[str] = []
    before = ""
    doubled = False
    for turn in turns:
        found = _calls(turn.blocks) if turn.role == "assistant" else _results(turn.blocks)
        if found is None:
            return False
        if turn.role == "assistant":
            if due:
                return False
            due = found
            called += found
            doubled = doubled or before == "assistant"
        elif turn.role == "user":
            if found != due:
                return False
            due = []
        elif found:
            return False
        before = turn.role
    return not due and len(set(called)) == len(called) and not (doubled and called)


def _calls(blocks: tuple[Block, ...]) -> list[str] | None:
    """The ids of an assistant turn's calls; None if it holds nothing, or a block that is empty or out of place."""
    ids: list[str] = []
    for block in blocks:
        if type(block) is ToolCall:
            ids.append(block.id)
        elif type(block) is Text and block.text:
            continue
        elif isinstance(block, ToolResult) or _is_empty(block):
            return None
    return ids if blocks else None


def _results(blocks: tuple[Block, ...]) -> list[str] | None:
    """The ids of the calls that another turn's blocks answer; None as above."""
    ids: list[str] = []
    head = True
    for block in blocks:
        if type(block) is Text and block.text:
            head = False
        elif type(block) is ToolResult and head:
            ids.append(block.call_id)
        elif isinstance(block, _PAIRED) or _is_empty(block):
            return None
        else:
            head = False
    return ids if blocks else None


def repaired(turns: Turns) -> Turns:
    """The turns as every provider accepts them."""
    turns = _without_empty(turns)
    if any(isinstance(block, ToolCall | ToolResult) for turn in turns for block in turn.blocks):
        turns = _pair(_with_unique_ids(_merge_assistants(_by_role(turns))))
        turns = _merge_assistants(_without_empty(turns))
    return turns


def _without_empty(turns: Turns) -> Turns:
    out: list[Turn] = []
    for turn in turns:
        blocks = tuple(block for block in turn.blocks if not _is_empty(block))
        if blocks:
            out.append(turn if len(blocks) == len(turn.blocks) else msgspec.structs.replace(turn, blocks=blocks))
    return tuple(out)


def _is_empty(block: Block) -> bool:
    if isinstance(block, _TEXTS):
        return not block.text
    return isinstance(block, Thinking) and not block.text and not block.opaque


_TEXTS = (Text, Refusal)
_PAIRED = (ToolCall, ToolResult)


def _by_role(turns: Turns) -> Turns:
    """Calls only in assistant turns, results only in user turns."""
    out: list[Turn] = []
    for turn in turns:
        places = ((_role(block, turn.role), block) for block in turn.blocks)
        parts = [
            Turn(role, tuple(block for _, block in group), turn.name if role == turn.role else None)
            for role, group in itertools.groupby(places, key=operator.itemgetter(0))
        ]
        if [part.role for part in parts] == [turn.role]:
            out.append(turn)
        else:
            out += (*parts[:-1], msgspec.structs.replace(parts[-1], cache=turn.cache))
    return tuple(out)


def _role(block: Block, own: Role) -> Role:
    if isinstance(block, ToolCall):
        return "assistant"
    return "user" if isinstance(block, ToolResult) else own


def _merge_assistants(turns: Turns) -> Turns:
    out: list[Turn] = []
    for turn in turns:
        if out and turn.role == out[-1].role == "assistant":
            out[-1] = msgspec.structs.replace(turn, blocks=_marked(out[-1]) + turn.blocks, name=out[-1].name)
        else:
            out.append(turn)
    return tuple(out)


def _marked(turn: Turn) -> tuple[Block, ...]:
    """The turn's blocks, its cache mark on the last of them."""
    *before, last = turn.blocks
    if turn.cache is None or isinstance(last, _WITHOUT_MARK) or last.cache is not None:
        return turn.blocks
    return (*before, msgspec.structs.replace(last, cache=turn.cache))


_WITHOUT_MARK = Thinking | Refusal | Audio | Foreign


def _with_unique_ids(turns: Turns) -> Turns:
    """A result goes to the latest turn with a call of its id, and of several calls there to the first without one."""
    calls = [block.id for turn in turns for block in turn.blocks if isinstance(block, ToolCall)]
    if len(set(calls)) == len(calls):
        return turns
    results = [block.call_id for turn in turns for block in turn.blocks if isinstance(block, ToolResult)]
    ids = _Ids({*calls, *results})
    return tuple(msgspec.structs.replace(turn, blocks=ids.unique(turn.blocks)) for turn in turns)


class _Ids:
    """The ids in use, and for each old id the new ones that its latest turn gave out."""

    def __init__(self, taken: set[str]) -> None:
        self._taken = taken
        self._uses: dict[str, int] = {}
        self._latest: dict[str, list[str]] = {}

    def unique(self, blocks: tuple[Block, ...]) -> tuple[Block, ...]:
        """The blocks of one turn, no call with the id of an earlier one."""
        called: dict[str, list[str]] = {}
        out: list[Block] = []
        for block in blocks:
            if isinstance(block, ToolCall):
                new = self._new(block.id)
                called.setdefault(block.id, []).append(new)
                block = msgspec.structs.replace(block, id=new)
            elif isinstance(block, ToolResult) and (waiting := self._latest.get(block.call_id)):
                new = waiting.pop(0) if len(waiting) > 1 else waiting[0]
                block = msgspec.structs.replace(block, call_id=new)
            out.append(block)
        self._latest |= called
        return tuple(out)

    def _new(self, old: str) -> str:
        number = self._uses.get(old, 0) + 1
        new = old
        while number > 1 and (new := f"{old}_{number}") in self._taken:
            number += 1
        self._uses[old] = number
        self._taken.add(new)
        return new


def _pair(turns: Turns) -> Turns:
    """Every assistant turn's calls answered, once each and in order, at the head of the next user turn."""
    results = _results_after_calls(turns)
    out: list[Turn] = []
    open_calls: list[ToolCall] = []
    for turn in turns:
        if turn.role == "assistant":
            if open_calls:  # only a system turn stood between
                out.append(Turn("user", _answers(open_calls, results)))
            open_calls = [block for block in turn.blocks if isinstance(block, ToolCall)]
            out.append(turn)
        elif turn.role == "user":
            blocks = _answers(open_calls, results) + _without_results(turn.blocks, results)
            out.append(msgspec.structs.replace(turn, blocks=blocks))
            open_calls = []
        else:
            out.append(turn)
    if open_calls:
        out.append(Turn("user", _answers(open_calls, results)))
    return tuple(out)


def _results_after_calls(turns: Turns) -> dict[str, ToolResult]:
    """The first result of each call that stands after its call."""
    called: set[str] = set()
    out: dict[str, ToolResult] = {}
    for turn in turns:
        for block in turn.blocks:
            if isinstance(block, ToolCall):
                called.add(block.id)
            elif isinstance(block, ToolResult) and block.call_id in called:
                out.setdefault(block.call_id, block)
    return out


def _answers(calls: list[ToolCall], results: dict[str, ToolResult]) -> tuple[Block, ...]:
    return tuple(
        results.get(call.id) or ToolResult(call.id, (Text(INTERRUPTED),), is_error=True, name=call.name)
        for call in calls
    )


def _without_results(blocks: tuple[Block, ...], results: dict[str, ToolResult]) -> tuple[Block, ...]:
    """The turn's other blocks; a result that answers no call stays as text and pictures."""
    out: list[Block] = []
    for block in blocks:
        if not isinstance(block, ToolResult):
            out.append(block)
            continue
        taken = results.get(block.call_id)
        if taken is None:
            out += (Text(f"[Result of an unknown tool call {block.call_id}]"), *block.content)
        elif (taken.content, taken.is_error) != (block.content, block.is_error):
            out += (Text(f"[Another result of tool call {block.call_id}]"), *block.content)
    return tuple(out)
