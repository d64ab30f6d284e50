"""What the simulated Responses API remembers of its answers: the conversation behind an id, and which items belong
together. Bounded; the oldest is forgotten first.
"""

from collections.abc import Sequence

Json = dict[str, object]
MAX_RESPONSES = 256
MAX_ITEMS = 4096


class Memory:
    """`items` are stored items by id; `reasoning` is the id of the thought that led to an item, by the item's id."""

    def __init__(self) -> None:
        self.items: dict[str, Json] = {}
        self.reasoning: dict[str, str] = {}
        self._conversations: dict[str, tuple[Json, ...]] = {}

    def conversation(self, response_id: str) -> tuple[Json, ...] | None:
        """Input and output items up to and with this response; None if it is not stored."""
        return self._conversations.get(response_id)

    def keep(self, response_id: str, items: Sequence[Json], output: Sequence[Json]) -> None:
        """Store a response: the items it was asked with and those it answered."""
        self._conversations[response_id] = (*items, *output)
        _trim(self._conversations, MAX_RESPONSES)
        for item in output:
            self.items[str(item["id"])] = item
            _trim(self.items, MAX_ITEMS)

    def link(self, output: Sequence[Json]) -> None:
        """Remember which thought stands before which items of an answer."""
        thought = next((str(item["id"]) for item in output if item["type"] == "reasoning"), "")
        for item in output:
            if thought and item["type"] != "reasoning":
                self.reasoning[str(item["id"])] = thought
                _trim(self.reasoning, MAX_ITEMS)


def _trim(table: dict[str, tuple[Json, ...]] | dict[str, Json] | dict[str, str], size: int) -> None:
    if len(table) > size:
        table.pop(next(iter(table)))
