"""Answers of the Responses API that a client may refer to: `item_reference` and `previous_response_id`.

Some clients (the AI SDK by default) send the id of an item they were given rather than the item. Answers are kept in
memory only, for an hour, within a bound in bytes (what Python needs for each is counted, too), and each for the key
that asked; `store: false` keeps nothing. What cannot be found stays in the body, and the dialect refuses it with words
of its own. Where gateways share state, the others have them too.
"""

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from aiclient2api.state.shared.base import Alone, Shared, digest
from aiclient2api.wire import jsonio

MAX_BYTES = 32 * 1024 * 1024
SECONDS = 3600.0
MAX_FETCHED = 100
"""References of one request that other gateways are asked for."""
_ON_ITS_WAY = 0.05
"""Seconds after which an answer that a client refers to at once has come from the gateway that gave it."""
PER_ENTRY = 250
"""Bytes of memory beside the items' own: names, tuples, a place in the table (measured)."""
PER_ITEM = 40

Raws = list[msgspec.Raw]


class _Kept(msgspec.Struct, frozen=True, gc=False):
    """An item, or all items of a conversation up to an answer."""

    items: tuple[bytes, ...]
    until: float

    @property
    def size(self) -> int:
        return sum(len(item) + PER_ITEM for item in self.items) + PER_ENTRY


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

    def __init__(
        self,
        clock: Callable[[], float],
        max_bytes: int = MAX_BYTES,
        seconds: float = SECONDS,
        shared: Shared | None = None,
    ) -> None:
        self._clock = clock
        self._max = max_bytes
        self._seconds = seconds
        self._kept: dict[tuple[str, str], _Kept] = {}
        self._size = 0
        self._shared = shared or Alone()

    async def fetch(self, owner: str, body: bytes) -> None:
        """Bring here what the body refers to and another gateway has kept."""
        if self._shared.alone or not _refers(body):
            return
        try:
            asked = jsonio.decode(body, _Body)
            names = [asked.previous_response_id, *(_referred(item) for item in _items(asked.input))]
        except jsonio.JsonError:
            return
        missing = {name for name in names if name and self._find(owner, name) is None}
        for wait in (0.0, _ON_ITS_WAY):
            if missing:
                await asyncio.sleep(wait)
                await asyncio.gather(*(self._fetch(owner, name) for name in sorted(missing)[:MAX_FETCHED]))
                missing = {name for name in missing if self._find(owner, name) is None}

    async def _fetch(self, owner: str, name: str) -> None:
        value = await self._shared.get("stored", digest(owner, name))
        try:
            items = jsonio.decode(value, Raws) if value is not None else []
        except jsonio.JsonError:
            return
        if items:
            self._add(owner, name, [bytes(item) for item in items])

    @property
    def size(self) -> int:
        """Bytes of memory that are taken, more or less."""
        return self._size

    def expand(self, owner: str, body: bytes) -> bytes:
        """The body with references replaced by what they refer to, as far as it is known."""
        if not _refers(body):
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
                self._keep(owner, item_id, (item,))
        self._keep(owner, answered.id, (*said, *output))

    def _keep(self, owner: str, name: str, items: Sequence[bytes]) -> None:
        self._add(owner, name, items)
        if not self._shared.alone:
            self._shared.keep("stored", digest(owner, name), b"[" + b",".join(items) + b"]", self._seconds)

    def _add(self, owner: str, name: str, items: Sequence[bytes]) -> None:
        now = self._clock()
        self._forget(now)
        kept = _Kept(tuple(items), now + self._seconds)
        if kept.size > self._max:
            return
        self._drop((owner, name))
        self._kept[owner, name] = kept
        self._size += kept.size
        while self._size > self._max:
            self._drop(next(iter(self._kept)))

    def _forget(self, now: float) -> None:
        """What is over: all are kept equally long, so the oldest stand first."""
        while self._kept and next(iter(self._kept.values())).until < now:
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
        name = _referred(raw)
        found = self._find(owner, name) if name else None
        return raw if found is None else found.items[0]


def _refers(body: bytes) -> bool:
    """Whether it may refer to anything."""
    return b"item_reference" in body or b"previous_response_id" in body


def _referred(raw: bytes) -> str | None:
    """The id of the item that this one stands for."""
    try:
        item = jsonio.decode(raw, _Item)
    except jsonio.JsonError:
        return None
    refers = item.type == "item_reference" or (item.type is None and item.role is None)
    return item.id if refers else None


def _items(raw: msgspec.Raw) -> list[bytes]:
    """`input` as a list of items; a text is one message."""
    if bytes(raw)[:1] == b'"':
        return [b'{"role":"user","content":' + bytes(raw) + b"}"]
    return [bytes(item) for item in jsonio.decode(bytes(raw), Raws)]
