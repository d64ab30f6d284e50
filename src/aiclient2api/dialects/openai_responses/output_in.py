"""The output of an upstream's answer: which item an event belongs to, and what items say, as canonical blocks.

Items are known by their place. Their ids are looked at only where a server leaves the place out, or where the final
list is compared with what was streamed: some servers give an item another id in each event (litellm#30071).
"""

import itertools

import msgspec

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.events import ArgumentsDelta, BlockEnd, BlockStart, OpaqueDelta
from aiclient2api.canonical.request import ToolCall
from aiclient2api.dialects.openai_responses.frames_in import EventIn, ItemIn, TypedIn
from aiclient2api.dialects.openai_responses.growing import GrowingCall, GrowingMessage, GrowingReasoning, Out
from aiclient2api.dialects.openai_responses.items_in import DIALECT
from aiclient2api.dialects.openai_responses.native_calls import NATIVE, decode_call
from aiclient2api.wire import jsonio

Growing = GrowingMessage | GrowingReasoning | GrowingCall
_CALLS = {"function_call": False, "custom_tool_call": True}
"""Item type to whether the tool is a custom one."""


class _Slot:
    """A place in the output. Items that do not grow (searches, built-in tools) are told when they are done."""

    __slots__ = ("done", "growing", "item")

    def __init__(self, item: ItemIn, growing: Growing | None) -> None:
        self.item = item
        self.growing = growing
        self.done = False

    @property
    def cut(self) -> bool:
        """Whether it is a call that never came to its end."""
        if not isinstance(self.growing, GrowingCall):
            return False
        return self.item.status == "incomplete" if self.done else not self.growing.told

    @property
    def half(self) -> bool:
        """Whether it is a call that is known not to be whole."""
        if not isinstance(self.growing, GrowingCall) or not self.cut:
            return False
        return self.done if self.growing.custom else not self.growing.sound


class OutputReader:
    """One per answer."""

    def __init__(self) -> None:
        self.answer_id = ""
        self._slots: dict[int, _Slot] = {}
        self._by_id: dict[str, int] = {}
        self._last = 0
        self._next = itertools.count().__next__  # no method of this reader: its items would hold it, as it holds them
        self._native_calls = False

    @property
    def has_calls(self) -> bool:
        shown = any(isinstance(slot.growing, GrowingCall) and slot.growing.shown for slot in self._slots.values())
        return shown or self._native_calls

    @property
    def refused(self) -> bool:
        return any(isinstance(slot.growing, GrowingMessage) and slot.growing.refused for slot in self._slots.values())

    @property
    def cut(self) -> bool:
        return any(slot.cut for slot in self._slots.values())

    @property
    def half(self) -> bool:
        return any(slot.half for slot in self._slots.values())

    def added(self, event: EventIn, out: Out) -> None:
        item = _item(bytes(event.item))
        if item is not None:
            self._slot(self._place(event, item), item, out)

    def done(self, event: EventIn, out: Out) -> None:
        item = _item(bytes(event.item))
        if item is not None:
            self._finish(self._place(event, item), item, bytes(event.item), out)

    def growing(self, event: EventIn, item_type: str, out: Out) -> Growing | None:
        """The item that a delta belongs to; one that was never added begins now. None for one that is done."""
        slot = self._slot(self._place(event, ItemIn()), ItemIn(type=item_type, id=event.item_id), out)
        return None if slot.done else slot.growing

    def final(self, output: list[msgspec.Raw], out: Out) -> None:
        """The list of the finished response: what it has and the stream had not is told now."""
        items = [(raw, item) for raw in output if (item := _item(bytes(raw))) is not None]
        places = self._known_places([item for _, item in items])
        for (raw, item), place in zip(items, places, strict=True):
            self._finish(place, item, bytes(raw), out)

    def close(self, out: Out, *, cut: bool) -> None:
        """The answer has ended. Calls that never came to their end stay open if it was `cut`."""
        for slot in self._slots.values():
            if isinstance(slot.growing, GrowingCall):
                if not (cut and slot.cut):
                    slot.growing.close(out)
            elif slot.growing is not None and not slot.done:
                slot.growing.end(ItemIn(), out)

    def _place(self, event: EventIn, item: ItemIn) -> int:
        """Without a number: the item of that id, a new one if an item is told, else the latest."""
        if event.output_index is not None:
            self._last = event.output_index
        elif (known := self._by_id.get(event.item_id or item.id or "")) is not None:
            self._last = known
        elif item.type:
            self._last = self._free()
        return self._last

    def _free(self) -> int:
        return max(self._slots, default=-1) + 1

    def _known_places(self, items: list[ItemIn]) -> list[int]:
        """Where the stream had the items of the final list: by their ids, else their place, else the next of the type;
        items that the stream had not get places of their own."""
        found: dict[int, int] = {}
        left = dict(self._slots)
        for match in (_same_id, _same_place, _same_type):
            for number, item in enumerate(items):
                if number in found:
                    continue
                place = next((place for place, slot in left.items() if match(item, number, slot.item, place)), None)
                if place is not None:
                    found[number] = place
                    del left[place]
        free = self._free()
        for number in range(len(items)):
            if number not in found:
                found[number] = free
                free += 1
        return [found[number] for number in range(len(items))]

    def _slot(self, place: int, item: ItemIn, out: Out) -> _Slot:
        slot = self._slots.get(place)
        if slot is None:
            slot = self._slots[place] = _Slot(item, self._grown(item.type))
        if item.id:
            self._by_id.setdefault(item.id, place)
        if isinstance(slot.growing, GrowingCall):
            slot.growing.begin(item, out)
        return slot

    def _grown(self, item_type: str) -> Growing | None:
        if item_type == "message":
            return GrowingMessage(self._next)
        if item_type == "reasoning":
            return GrowingReasoning(self._next)
        if item_type in _CALLS:
            return GrowingCall(self._next, custom=_CALLS[item_type], answer_id=self.answer_id)
        return None

    def _finish(self, place: int, item: ItemIn, raw: bytes, out: Out) -> None:
        slot = self._slot(place, item, out)
        if slot.done:
            return
        slot.done = True
        slot.item = ItemIn(type=item.type, id=item.id, call_id=item.call_id, status=item.status)
        if slot.growing is None:
            self._whole(item, raw, out)
        else:
            slot.growing.end(item, out)

    def _whole(self, item: ItemIn, raw: bytes, out: Out) -> None:
        """An item that is no talk: a call of a built-in tool that the client runs, or one that the server has run."""
        at = self._next()
        call = _native_call(item, raw)
        if call is None:
            out += [BlockStart(at, "foreign", name=item.type, dialect=DIALECT, raw=raw), BlockEnd(at)]
            return
        self._native_calls = True
        out.append(BlockStart(at, "tool_call", call.id, call.name))
        out += [OpaqueDelta(at, state) for state in call.opaque]
        out += [ArgumentsDelta(at, call.arguments), BlockEnd(at)]


def _item(raw: bytes) -> ItemIn | None:
    """The item; one whose members are of other types than ours is still an item. None for what is none."""
    for read in (_read_item, _read_type):
        try:
            item = read(raw)
        except jsonio.JsonError:
            continue
        return item if item.type else None
    return None


def _read_item(raw: bytes) -> ItemIn:
    return jsonio.decode(raw, ItemIn)


def _read_type(raw: bytes) -> ItemIn:
    return ItemIn(type=jsonio.decode(raw, TypedIn).type or "")


def _native_call(item: ItemIn, raw: bytes) -> ToolCall | None:
    if item.type not in NATIVE:
        return None
    try:
        return decode_call(raw, item.type, "output")
    except GatewayError:
        return None


def _same_id(item: ItemIn, number: int, other: ItemIn, place: int) -> bool:
    ids = (item.id and item.id == other.id) or (item.call_id and item.call_id == other.call_id)
    return item.type == other.type and bool(ids)


def _same_place(item: ItemIn, number: int, other: ItemIn, place: int) -> bool:
    return item.type == other.type and number == place


def _same_type(item: ItemIn, number: int, other: ItemIn, place: int) -> bool:
    return item.type == other.type
