"""Which result belongs to which call: by id where both have one, else by the order among calls of one name.

A call without an id gets one made from its place in the conversation, the same at every replay (dialects.md, 3.3).
"""

from aiclient2api.dialects.names import wire_id


class Calls:
    """The calls of one conversation, told in order."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._unanswered: dict[int, str] = {}
        self._numbers: dict[str, list[int]] = {}
        self._count = 0

    def called(self, name: str, given: str, place: str) -> str:
        """The id of a call."""
        call_id = given or wire_id(f"{place}:{name}")
        self._names[call_id] = name
        self._count += 1
        self._unanswered[self._count] = call_id
        self._numbers.setdefault(call_id, []).append(self._count)
        return call_id

    def answered(self, name: str, given: str, place: str) -> tuple[str, str | None]:
        """The id of the call that a result answers, and its name. A result that answers none keeps or gets an id of
        its own; history repair makes text of it."""
        call_id = given
        if not self._numbers.get(given):
            same = (each for each in self._unanswered.values() if self._names[each] == name)
            call_id = next(same, "") or given or wire_id(f"{place}:{name}")
        if waiting := self._numbers.get(call_id):
            del self._unanswered[waiting.pop(0)]
        return call_id, name or self._names.get(call_id)
