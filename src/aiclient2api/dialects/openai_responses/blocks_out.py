"""Canonical blocks of an answer as output items. Each block has a writer that shows it once it has something to say.

Tool calls are shown as the client declared the tool: with the namespace split off, and with the raw text of a custom
tool that travelled as a function with one string.
"""

from collections.abc import Mapping
from typing import Protocol

import msgspec

from aiclient2api.canonical.events import BlockStart, Citation
from aiclient2api.canonical.request import Opaque, Request, Tool
from aiclient2api.dialects import opaque as envelope
from aiclient2api.dialects.as_function import flat_name, one_line
from aiclient2api.dialects.names import wire_id
from aiclient2api.dialects.openai_chat.messages_in import NATIVE as FAMILY
from aiclient2api.dialects.openai_responses.items_in import DIALECT
from aiclient2api.dialects.openai_responses.items_out import Call, Output, Reasoning
from aiclient2api.dialects.openai_responses.native_calls import is_native
from aiclient2api.dialects.openai_responses.search_out import search_item
from aiclient2api.wire import jsonio


class Writer(Protocol):
    """Shows one block."""

    def text(self, text: str) -> None:
        """A piece of the block's text, thinking or arguments."""
        ...

    def state(self, state: Opaque) -> None: ...

    def cite(self, citation: Citation) -> None: ...

    def end(self, cut: bool) -> None:
        """`cut`: the answer ended before the block did."""
        ...


class Prose:
    """Text or a refusal: a part of the open message. One without a word is not shown."""

    def __init__(self, output: Output, refusal: bool) -> None:
        self._output = output
        self._refusal = refusal
        self._length = 0
        self._shown = False
        self._citations: list[Citation] = []

    def text(self, text: str) -> None:
        message = self._output.message()
        if not self._shown:
            self._shown = True
            message.begin(self._refusal)
        self._length += len(text)
        message.delta(text)

    def state(self, state: Opaque) -> None:
        """Responses has no place for the state of a text."""

    def cite(self, citation: Citation) -> None:
        self._citations.append(citation)

    def end(self, cut: bool) -> None:
        if self._shown:
            found = (_annotation(each, self._length) for each in self._citations)
            self._output.message().end([each for each in found if each is not None])


class _Typed(msgspec.Struct):
    type: str = ""


_ANNOTATIONS = frozenset({"url_citation", "file_citation", "container_file_citation", "file_path"})


def _annotation(citation: Citation, length: int) -> object | None:
    """OpenAI's own annotation as it came, any other source that has a URL as one of the web."""
    if citation.raw:
        try:
            if jsonio.decode(citation.raw, _Typed).type in _ANNOTATIONS:
                return msgspec.Raw(one_line(citation.raw))
        except jsonio.JsonError:
            pass
    if not citation.url:
        return None
    end = length if citation.end is None else citation.end
    return {
        "type": "url_citation",
        "start_index": citation.start or 0,
        "end_index": end,
        "url": citation.url,
        "title": citation.title,
    }


NOTHING = Opaque("", "encrypted", "")
"""Goes into the envelope of thinking without state, by which we know later that it means nothing to OpenAI."""


class Thought:
    """A reasoning item; thinking of which nothing is known is not shown."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._item: Reasoning | None = None
        self._state = NOTHING

    def text(self, text: str) -> None:
        self._open().delta(text)

    def state(self, state: Opaque) -> None:
        self._open()
        self._state = state

    def cite(self, citation: Citation) -> None:
        """Thinking has no sources."""

    def end(self, cut: bool) -> None:
        if self._item is not None:
            self._item.close(envelope.wrap(self._state, FAMILY))

    def _open(self) -> Reasoning:
        if self._item is None:
            self._output.close_message()
            self._item = Reasoning(self._output)
        return self._item


class ToolUse:
    """A call. Its state, which must be known before its first piece, goes into a reasoning item in front of it."""

    def __init__(self, output: Output, start: BlockStart, declared: Tool | None) -> None:
        self._output = output
        self._call_id = start.id
        self._name, self._namespace = start.name, start.namespace
        self._custom = start.tool_kind == "custom"
        self._wrapped: list[str] | None = None
        if declared is not None and start.namespace is None:
            self._name, self._namespace = declared.name, declared.namespace
            if declared.kind == "custom" and not self._custom:
                self._custom, self._wrapped = True, []
        self._item: Call | None = None
        self._native: Opaque | None = None

    def text(self, text: str) -> None:
        if self._native is not None:
            return
        if self._wrapped is not None:
            self._wrapped.append(text)
        else:
            self._open().delta(text)

    def state(self, state: Opaque) -> None:
        if self._item is not None:
            return
        if is_native(state):
            self._native = state
        else:
            carrier = Thought(self._output)
            carrier.state(state)
            carrier.end(cut=False)

    def cite(self, citation: Citation) -> None:
        """Calls have no sources."""

    def end(self, cut: bool) -> None:
        if self._native is not None:
            show_raw(self._output, self._native.value.encode())
            return
        item = self._open()
        if self._wrapped:
            item.delta(_unwrapped("".join(self._wrapped)))
        item.close("incomplete" if cut else "completed")

    def _open(self) -> Call:
        if self._item is None:
            self._output.close_message()
            call_id = wire_id(self._call_id) if self._call_id else self._output.call_id()
            self._item = Call(self._output, call_id, self._name, self._namespace, self._custom)
        return self._item


class _Input(msgspec.Struct):
    input: str


def _unwrapped(arguments: str) -> str:
    """The string under `input`; the arguments as they are if the model did not keep to the form."""
    try:
        return jsonio.decode(arguments, _Input).input
    except jsonio.JsonError:
        return arguments


def show_raw(output: Output, raw: bytes) -> None:
    """An item of this very dialect, as it came."""
    output.close_message()
    item = one_line(raw)
    output.added(item)
    output.done(item)


class Silent:
    """A block that this client is not to see, or cannot."""

    def text(self, text: str) -> None:
        pass

    def state(self, state: Opaque) -> None:
        pass

    def cite(self, citation: Citation) -> None:
        pass

    def end(self, cut: bool) -> None:
        pass


class Writers:
    """Finds the writer for a block. `thinking`: whether the client is to see it."""

    def __init__(self, output: Output, request: Request | None, thinking: bool) -> None:
        self._output = output
        self._declared = _special(request)
        self._thinking = thinking

    def open(self, start: BlockStart) -> Writer:
        if start.kind == "foreign":
            own = start.raw if start.dialect == DIALECT else search_item(start, self._output.item_id("ws"))
            if own is not None:
                show_raw(self._output, own)
            return Silent()
        if start.kind == "tool_call":
            return ToolUse(self._output, start, self._declared.get(start.name)) if start.name else Silent()
        if start.kind == "thinking":
            return Thought(self._output) if self._thinking else Silent()
        return Prose(self._output, refusal=start.kind == "refusal")


def _special(request: Request | None) -> Mapping[str, Tool]:
    """Tools that a provider may know by another name or form than the client, by the name it knows."""
    tools = request.tools if request is not None else ()
    return {
        flat_name(tool): tool for tool in tools if tool.kind == "custom" or (tool.kind == "function" and tool.namespace)
    }
