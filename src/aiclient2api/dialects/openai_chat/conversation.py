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
        self._turns: list[Turn] = []
        self._more: list[Block] = []
        self._news: list[ToolCall | str] = []
        self._unanswered: dict[int, ToolCall] = {}
        self._numbers: dict[str, list[int]] = {}
        self._calls = 0
        self._names: dict[str, str] = {}
        self._results_open = False

    @property
    def turns(self) -> list[Turn]:
        """All turns so far."""
        if self._more:
            self._grow()
        return self._turns

    def _grow(self) -> None:
        """A turn that grows by single blocks is put together once."""
        last = self._turns[-1]
        self._turns[-1] = Turn(last.role, (*last.blocks, *self._more), last.name, last.cache)
        self._more = []

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
            if type(block) is ToolCall:
                self._called(block)
            elif type(block) is ToolResult:
                self._news.append(block.call_id)
        self.turns.append(Turn(role, blocks, name, cache))

    def extend(self, block: Block) -> None:
        """One more block of the assistant's latest turn, or the first of a new one."""
        if not self._turns or self._turns[-1].role != "assistant":
            self.add("assistant", (block,))
            return
        if isinstance(block, ToolCall):
            self._called(block)
        self._more.append(block)

    def add_result(self, result: ToolResult, path: str) -> None:
        """Raises bad_request for a result that names no call where none is open."""
        call_id = result.call_id or self._next_unanswered(result.name)
        if not call_id:
            raise bad_request(f"{path}.tool_call_id is missing.", f"{path}.tool_call_id")
        self._news.append(call_id)
        name = result.name or self._names.get(call_id)
        result = ToolResult(call_id, result.content, result.is_error, name, result.cache)
        if self._results_open:
            self._more.append(result)
        else:
            self.turns.append(Turn("user", (result,)))
            self._results_open = True

    def made_id(self, position: str, name: str) -> str:
        """An id for a call that came without: made from its place, so that a replay gives the same."""
        return wire_id(f"{position}:{name}")

    def _next_unanswered(self, name: str | None) -> str:
        for each in self._news:
            self._settle(each)
        self._news = []
        same = (call.id for call in self._unanswered.values() if name in (None, call.name))
        return next(same, "")

    def _called(self, call: ToolCall) -> None:
        self._news.append(call)
        self._names[call.id] = call.name

    def _settle(self, news: ToolCall | str) -> None:
        """A call, or the id of those that were answered. What is open is asked only where a result has no id."""
        if isinstance(news, ToolCall):
            self._calls += 1
            self._unanswered[self._calls] = news
            self._numbers.setdefault(news.id, []).append(self._calls)
        else:
            for number in self._numbers.pop(news, ()):
                del self._unanswered[number]
