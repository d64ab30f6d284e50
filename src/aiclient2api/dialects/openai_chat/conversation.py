"""The conversation while a client's messages are read: turns, leading system texts, and which calls are unanswered.

Messages of tools that follow each other become one user turn; a result without an id belongs to the first call that
has no answer yet.
"""

from typing import Literal

from aiclient2api.canonical.errors import bad_request
from aiclient2api.canonical.request import Block, Cache, Text, ToolCall, ToolResult, Turn
from aiclient2api.dialects.names import wire_id


class Conversation:
    def __init__(self) -> None:
        self.system: list[Text] = []
        self.turns: list[Turn] = []
        self._unanswered: list[ToolCall] = []
        self._names: dict[str, str] = {}
        self._results_open = False

    def add_system(self, blocks: tuple[Block, ...], path: str) -> None:
        """Before the first turn: the system prompt; later: a turn of its own. Raises bad_request for all but text."""
        texts = [block for block in blocks if isinstance(block, Text)]
        if len(texts) != len(blocks):
            raise bad_request(f"{path} may hold only text.", path)
        if self.turns:
            self.add("system", tuple(texts))
        else:
            self.system += texts

    def add(
        self,
        role: Literal["user", "assistant", "system"],
        blocks: tuple[Block, ...],
        name: str | None = None,
        cache: Cache | None = None,
    ) -> None:
        self._results_open = False
        for block in blocks:
            if isinstance(block, ToolCall):
                self._unanswered.append(block)
                self._names[block.id] = block.name
            elif isinstance(block, ToolResult):
                self._answered(block.call_id)
        self.turns.append(Turn(role, blocks, name, cache))

    def extend(self, block: Block) -> None:
        """One more block of the assistant's latest turn, or the first of a new one."""
        if not self.turns or self.turns[-1].role != "assistant":
            self.add("assistant", (block,))
            return
        last = self.turns.pop()
        if isinstance(block, ToolCall):
            self._unanswered.append(block)
            self._names[block.id] = block.name
        self.turns.append(Turn("assistant", (*last.blocks, block), last.name, last.cache))

    def add_result(self, result: ToolResult, path: str) -> None:
        """Raises bad_request for a result that names no call where none is open."""
        call_id = result.call_id or self._next_unanswered(result.name)
        if not call_id:
            raise bad_request(f"{path}.tool_call_id is missing.", f"{path}.tool_call_id")
        self._answered(call_id)
        name = result.name or self._names.get(call_id)
        result = ToolResult(call_id, result.content, result.is_error, name, result.cache)
        if self._results_open:
            last = self.turns.pop()
            self.turns.append(Turn("user", (*last.blocks, result)))
        else:
            self.turns.append(Turn("user", (result,)))
            self._results_open = True

    def made_id(self, position: str, name: str) -> str:
        """An id for a call that came without: made from its place, so that a replay gives the same."""
        return wire_id(f"{position}:{name}")

    def _next_unanswered(self, name: str | None) -> str:
        same = (call.id for call in self._unanswered if name in (None, call.name))
        return next(same, "")

    def _answered(self, call_id: str) -> None:
        self._unanswered = [call for call in self._unanswered if call.id != call_id]
