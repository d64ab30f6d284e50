"""Which result belongs to which call: by id where both have one, else by the order among calls of one name.

A call without an id gets one made from its place in the conversation, the same at every replay (dialects.md, 3.3).
"""

from aiclient2api.dialects.names import wire_id


class Calls:
    """The calls of one conversation, told in order."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._unanswered: list[str] = []

    def called(self, name: str, given: str, place: str) -> str:
        """The id of a call."""
        call_id = given or wire_id(f"{place}:{name}")
        self._names[call_id] = name
        self._unanswered.append(call_id)
        return call_id

    def answered(self, name: str, given: str, place: str) -> tuple[str, str | None]:
        """The id of the call that a result answers, and its name. A result that answers none keeps or gets an id of
        its own; history repair makes text of it."""
        call_id = given
        if given not in self._unanswered:
            same = (each for each in self._unanswered if self._names[each] == name)
            call_id = next(same, "") or given or wire_id(f"{place}:{name}")
        if call_id in self._unanswered:
            self._unanswered.remove(call_id)
        return call_id, name or self._names.get(call_id)
