"""The top-level members of a client's body, taken one by one; what is left over is what we have no word for.

Refuses: a body that is no object, a member of another type, a number out of its range; each with its name.
"""

from typing import TypeVar

import msgspec

from aiclient2api.canonical.errors import bad_request
from aiclient2api.dialects.reading import given, read, refused
from aiclient2api.wire import jsonio

T = TypeVar("T")

MAX_INTEGER = 2**53
"""Beyond it JSON numbers are not exact everywhere; nothing sound is that large."""


def fields_of(body: bytes) -> "Fields":
    """Raises GatewayError("bad_request") for a body that is no JSON object."""
    try:
        return Fields(jsonio.members(body))
    except jsonio.JsonError as error:
        raise refused(error, "") from None


class Fields:
    def __init__(self, members: dict[str, msgspec.Raw]) -> None:
        self._members = members

    def has(self, name: str) -> bool:
        return given(self._members.get(name, msgspec.Raw()))

    def take(self, name: str, type_: type[T]) -> T | None:
        """The member as a `type_`, or None if it is absent or null."""
        raw = self.raw(name)
        return None if raw is None else read(raw, type_, name)

    def raw(self, name: str) -> msgspec.Raw | None:
        """The member's own JSON, or None if it is absent or null."""
        raw = self._members.pop(name, None)
        return raw if raw is not None and given(raw) else None

    def integer(self, name: str, low: int, high: int = MAX_INTEGER) -> int | None:
        """A whole number (12 and 12.0 alike) from `low` to `high`."""
        raw = self.raw(name)
        if raw is None:
            return None
        number = read_number(raw, name)
        if number != int(number) or not low <= number <= high:
            raise bad_request(f"{name} must be a whole number from {low} to {high}.", name)
        return int(number)

    def items(self, name: str) -> list[tuple[str, msgspec.Raw]]:
        """The elements of a list with their paths; none if it is absent or null."""
        raw = self.raw(name)
        listed = read(raw, list[msgspec.Raw], name) if raw is not None else []
        return [(f"{name}[{index}]", element) for index, element in enumerate(listed)]

    def rest(self) -> dict[str, bytes]:
        """Members that nobody took, raw."""
        return {name: bytes(raw) for name, raw in self._members.items() if given(raw)}


def read_number(raw: msgspec.Raw, path: str) -> int | float:
    """Some clients write numbers with a fraction where only whole ones make sense."""
    try:
        return jsonio.decode(bytes(raw), int)
    except jsonio.JsonError:
        return read(raw, float, path)
