"""Answers of the Responses API that a client may refer to: `item_reference` and `previous_response_id`.

Some clients (the AI SDK by default) send the id of an item they were given rather than the item. Answers are kept in
memory only, for an hour, within a bound in bytes, and each for the key that asked; `store: false` keeps nothing. What
cannot be found stays in the body, and the dialect refuses it with words of its own.
"""

from collections.abc import Callable, Sequence

import msgspec

from aiclient2api.wire import jsonio

MAX_BYTES = 32 * 1024 * 1024
SECONDS = 3600.0

Raws = list[msgspec.Raw]


class _Kept(msgspec.Struct, frozen=True):
    """An item, or all items of a conversation up to an answer."""

    items: tuple[bytes, ...]
    until: float

    @property
    def size(self) -> int:
        return sum(len(item) for item in self.items) + 100


class _Body(msgspec.Struct):
    input: msgspec.Raw = msgspec.Raw(b"[]")
    previous_response_id: str | None = None
    store: bool | None = None


class _Item(msgspec.Struct):
    type: str | None = None
    id: str | None = None
    role: str | None = None


class _Answer(msgspec.Struct):
    id: str
    output: Raws = []


class StoredAnswers:
    """`clock` gives seconds of any origin."""

    def __init__(self, clock: Callable[[], float], max_bytes: int = MAX_BYTES, seconds: float = SECONDS) -> None:
        self._clock = clock
        self._max = max_bytes
        self._seconds = seconds
        self._kept: dict[tuple[str, str], _Kept] = {}
        self._size = 0

    def expand(self, owner: str, body: bytes) -> bytes:
        """The body with references replaced by what they refer to, as far as it is known."""
        if b"item_reference" not in body and b"previous_response_id" not in body:
            return body
        try:
            asked = jsonio.decode(body, _Body)
            items = _items(asked.input)
        except jsonio.JsonError:
            return body
        changes: dict[str, bytes | None] = {}
        earlier: tuple[bytes, ...] = ()
        if asked.previous_response_id is not None:
            found = self._find(owner, asked.previous_response_id)
            if found is not None:
                earlier = found.items
                changes["previous_response_id"] = None
        resolved = [self._resolved(owner, item) for item in items]
        changes["input"] = b"[" + b",".join([*earlier, *resolved]) + b"]"
        return jsonio.patch(body, changes)

    def keep(self, owner: str, body: bytes, answer: bytes) -> None:
        """Remember an answer and the conversation that led to it; `body` is the request, expanded."""
        try:
            asked, answered = jsonio.decode(body, _Body), jsonio.decode(answer, _Answer)
            said = [bytes(item) for item in _items(asked.input)]
        except jsonio.JsonError:
            return
        if asked.store is False:
            return
        output = [bytes(item) for item in answered.output]
        for item in output:
            item_id = jsonio.decode(item, _Item).id
            if item_id:
                self._add(owner, item_id, (item,))
        self._add(owner, answered.id, (*said, *output))

    def _add(self, owner: str, name: str, items: Sequence[bytes]) -> None:
        kept = _Kept(tuple(items), self._clock() + self._seconds)
        if kept.size > self._max:
            return
        self._drop((owner, name))
        self._kept[owner, name] = kept
        self._size += kept.size
        while self._size > self._max:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: tuple[str, str]) -> None:
        gone = self._kept.pop(key, None)
        if gone is not None:
            self._size -= gone.size

    def _find(self, owner: str, name: str) -> _Kept | None:
        found = self._kept.get((owner, name))
        if found is not None and found.until < self._clock():
            self._drop((owner, name))
            return None
        return found

    def _resolved(self, owner: str, raw: bytes) -> bytes:
        try:
            item = jsonio.decode(raw, _Item)
        except jsonio.JsonError:
            return raw
        refers = item.type == "item_reference" or (item.type is None and item.role is None)
        found = self._find(owner, item.id) if refers and item.id else None
        return raw if found is None else found.items[0]


def _items(raw: msgspec.Raw) -> list[bytes]:
    """`input` as a list of items; a text is one message."""
    if bytes(raw)[:1] == b'"':
        return [b'{"role":"user","content":' + bytes(raw) + b"}"]
    return [bytes(item) for item in jsonio.decode(bytes(raw), Raws)]
