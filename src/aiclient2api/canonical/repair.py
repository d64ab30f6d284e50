"""History repair: what no provider accepts is brought into a form that all accept, without inventing the user's words.

- a tool call that was never answered gets an error result ("The tool call was interrupted."), since every vendor
  refuses a history with an open call;
- a result without its call becomes text of the same turn, marked as what it is;
- results that come late move to the turn after their call, in the order of the calls (clients split one batch over
  several messages), and a second, different result for the same call becomes text;
- a call id that was used before gets a number behind it, and so do its results (some models count from 0 each turn);
- assistant turns that follow each other are one turn where tools are in play;
- empty texts and turns that hold nothing are left out.

Sound histories come out as the same object.
"""

from collections import Counter

import msgspec

from aiclient2api.canonical.request import Block, Request, Text, Thinking, ToolCall, ToolResult, Turn

INTERRUPTED = "The tool call was interrupted."


def repair(request: Request) -> Request:
    """The request with a history that every provider accepts."""
    turns = request.turns
    if any(_has_tools(turn) for turn in turns):
        turns = _pair(_with_unique_ids(_merge_assistants(turns)))
    turns = _without_empty(turns)
    return request if turns == request.turns else msgspec.structs.replace(request, turns=turns)


def _has_tools(turn: Turn) -> bool:
    return any(isinstance(block, ToolCall | ToolResult) for block in turn.blocks)


def _merge_assistants(turns: tuple[Turn, ...]) -> tuple[Turn, ...]:
    out: list[Turn] = []
    for turn in turns:
        if out and turn.role == out[-1].role == "assistant":
            out[-1] = msgspec.structs.replace(out[-1], blocks=out[-1].blocks + turn.blocks)
        else:
            out.append(turn)
    return tuple(out)


def _with_unique_ids(turns: tuple[Turn, ...]) -> tuple[Turn, ...]:
    counts = Counter(block.id for turn in turns for block in turn.blocks if isinstance(block, ToolCall))
    if all(count == 1 for count in counts.values()):
        return turns
    seen: Counter[str] = Counter()
    latest: dict[str, str] = {}

    def renamed(block: Block) -> Block:
        if isinstance(block, ToolCall):
            seen[block.id] += 1
            if seen[block.id] > 1:
                latest[block.id] = f"{block.id}_{seen[block.id]}"
                return msgspec.structs.replace(block, id=latest[block.id])
        elif isinstance(block, ToolResult) and block.call_id in latest:
            return msgspec.structs.replace(block, call_id=latest[block.call_id])
        return block

    return tuple(msgspec.structs.replace(turn, blocks=tuple(renamed(block) for block in turn.blocks)) for turn in turns)


def _pair(turns: tuple[Turn, ...]) -> tuple[Turn, ...]:
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


def _results_after_calls(turns: tuple[Turn, ...]) -> dict[str, ToolResult]:
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
        elif taken is not block and taken.content != block.content:
            out += (Text(f"[Another result of tool call {block.call_id}]"), *block.content)
    return tuple(out)


def _without_empty(turns: tuple[Turn, ...]) -> tuple[Turn, ...]:
    out: list[Turn] = []
    for turn in turns:
        blocks = tuple(block for block in turn.blocks if not _is_empty(block))
        if blocks:
            out.append(turn if len(blocks) == len(turn.blocks) else msgspec.structs.replace(turn, blocks=blocks))
    return tuple(out)


def _is_empty(block: Block) -> bool:
    if isinstance(block, Text):
        return not block.text
    return isinstance(block, Thinking) and not block.text and not block.opaque
