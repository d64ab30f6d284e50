"""Tool calls of an answer given back in the client's form: namespaces split off, custom tools' input unwrapped.

A custom (freeform) tool travels as a function with one string `input`, so its text can only be shown when the call is
complete. Enters and leaves: events.
"""

from collections.abc import Iterable, Mapping

import msgspec

from aiclient2api.canonical.events import ArgumentsDelta, BlockEnd, BlockStart, Event
from aiclient2api.canonical.request import Tool
from aiclient2api.dialects.base import StreamDecoder
from aiclient2api.wire import jsonio


class _Input(msgspec.Struct):
    input: str


def restoring(inner: StreamDecoder, declared: Mapping[str, Tool]) -> StreamDecoder:
    """`inner`, or a decoder around it if one of the tools (by flat name) needs it."""
    special = {name: tool for name, tool in declared.items() if tool.kind == "custom" or tool.namespace}
    return Restoring(inner, special) if special else inner


class Restoring:
    """A decoder that puts tool calls right which another decoder read."""

    def __init__(self, inner: StreamDecoder, special: Mapping[str, Tool]) -> None:
        self._inner = inner
        self._special = special
        self._inputs: dict[int, list[str]] = {}

    def feed(self, data: bytes) -> list[Event]:
        return self._restored(self._inner.feed(data))

    def close(self) -> list[Event]:
        return self._restored(self._inner.close())

    def _restored(self, events: Iterable[Event]) -> list[Event]:
        out: list[Event] = []
        for event in events:
            if isinstance(event, BlockStart) and event.tool_kind == "function" and event.name in self._special:
                out.append(self._start(event, self._special[event.name]))
            elif isinstance(event, ArgumentsDelta) and event.index in self._inputs:
                self._inputs[event.index].append(event.text)
            elif isinstance(event, BlockEnd) and event.index in self._inputs:
                text = _unwrapped("".join(self._inputs.pop(event.index)))
                out += [ArgumentsDelta(event.index, text), event] if text else [event]
            else:
                out.append(event)
        return out

    def _start(self, event: BlockStart, tool: Tool) -> BlockStart:
        kind = "custom" if tool.kind == "custom" else "function"
        if kind == "custom":
            self._inputs[event.index] = []
        return msgspec.structs.replace(event, name=tool.name, namespace=tool.namespace, tool_kind=kind)


def _unwrapped(arguments: str) -> str:
    """The string under `input`; the arguments as they are if the model did not keep to the form."""
    try:
        return jsonio.decode(arguments, _Input).input
    except jsonio.JsonError:
        return arguments
