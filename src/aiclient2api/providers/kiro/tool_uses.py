"""Calls by toolUseEvent: fragments by id, merged or apart, one after the other or interleaved (kiro-protocol, 6.3).

A call is finished by its `stop` and by nothing else; one whose arguments are cut is not, whatever its `stop` says. An
id that was finished once is not begun again: the service has been seen to repeat events.
"""

from collections.abc import Mapping

import msgspec

from aiclient2api.canonical.events import BlockEnd, Event
from aiclient2api.dialects.names import NameMap
from aiclient2api.providers.kiro.blocks import Blocks
from aiclient2api.providers.kiro.json_end import JsonEnd
from aiclient2api.providers.kiro.stream_events import ToolUse, Unreadable
from aiclient2api.wire import jsonio


class _Call:
    """A call that is open: its block, its fragments, or its arguments if they came whole."""

    __slots__ = ("fragments", "index", "whole")

    def __init__(self, index: int) -> None:
        self.index = index
        self.fragments: list[str] = []
        self.whole: str | None = None


class ToolUses:
    """`finished` counts calls that are complete; `unfinished` tells whether one is not."""

    def __init__(self, blocks: Blocks, names: NameMap, ids: Mapping[str, str]) -> None:
        self._blocks = blocks
        self._names = names
        self._ids = ids
        self._open: dict[str, _Call] = {}
        self._done: set[str] = set()
        self._latest = ""
        self._cut = 0
        self.finished = 0

    @property
    def unfinished(self) -> bool:
        return bool(self._open) or self._cut > 0

    def feed(self, event: ToolUse, out: list[Event]) -> None:
        """Raises Unreadable for a call that has no name."""
        use_id = event.tool_use_id or self._latest
        call = self._open.get(use_id)
        if call is None:
            if use_id in self._done:
                return
            if not event.name:
                raise Unreadable("a tool call has no name")
            use_id = use_id or self._blocks.made_id(event.name)
            call = self._begin(use_id, event.name, out)
        if event.input is not None:
            self._input(call, event.input, out)
        if event.stop:
            self._end(use_id, call, out)

    def _begin(self, use_id: str, name: str, out: list[Event]) -> _Call:
        call = _Call(self._blocks.call(self._ids.get(use_id, use_id), self._names.to_client(name), out))
        self._open[use_id] = call
        self._latest = use_id
        return call

    def _input(self, call: _Call, value: str | dict[str, msgspec.Raw], out: list[Event]) -> None:
        if isinstance(value, dict):
            call.whole = jsonio.encode(value).decode()
        elif value:
            call.fragments.append(value)
            self._blocks.arguments(call.index, value, out)

    def _end(self, use_id: str, call: _Call, out: list[Event]) -> None:
        del self._open[use_id]
        self._done.add(use_id)
        self._latest = ""
        text = "".join(call.fragments)
        if not text.strip():
            text = call.whole or "{}"
            self._blocks.arguments(call.index, text, out)
        if _is_cut(text):
            self._cut += 1
            return
        self.finished += 1
        out.append(BlockEnd(call.index))


def _is_cut(text: str) -> bool:
    """Whether arguments break off. Those that are wrong in another way are the model's own, and shown as they are."""
    try:
        jsonio.decode(text, msgspec.Raw)
    except jsonio.JsonError:
        return JsonEnd().cut(text)
    return False
