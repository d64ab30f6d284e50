"""The way of text from the events to the blocks: reasoning in tags is taken out, then calls written as text.

Where a request asks for neither, text goes to the blocks directly.
"""

from collections.abc import Callable, Iterable

from aiclient2api.canonical.events import BlockEnd, Event
from aiclient2api.dialects.names import NameMap
from aiclient2api.providers.kiro.blocks import Blocks
from aiclient2api.providers.kiro.call_shapes import WrittenCall
from aiclient2api.providers.kiro.text_calls import TextCalls
from aiclient2api.providers.kiro.thinking_tags import Piece, ThinkingTags

Say = Callable[[str, list[Event]], None]


class TextFlow:
    """`say` takes text; `written` counts the calls found in it. `tools` are declared names as in `names`."""

    def __init__(self, blocks: Blocks, names: NameMap, tools: tuple[str, ...], tags: bool) -> None:
        self.written = 0
        self._flushed = True
        self._blocks = blocks
        self._tags = ThinkingTags() if tags else None
        spellings = {name: name for name in tools} | {names.to_wire(name): name for name in tools}
        self._calls = TextCalls(spellings) if tools else None
        self._say_text: Say = self._say_calls if tools else blocks.text
        self.say: Say = self._say_tagged if tags else self._say_text

    @property
    def holding(self) -> bool:
        """Whether text is being held back."""
        return (self._tags is not None and self._tags.holding) or (self._calls is not None and self._calls.holding)

    def flush(self, out: list[Event], whole: bool = True) -> None:
        """The text ends here, or something else comes between; not `whole`: it broke off."""
        if self._tags is not None and not self._tags.done:
            self._take_tagged(self._tags.close(), out)
        if self._calls is not None and not self._flushed:
            self._flushed = True
            self._take(self._calls.flush(whole), out)

    def _say_tagged(self, text: str, out: list[Event]) -> None:
        assert self._tags is not None
        self._take_tagged(self._tags.feed(text), out)

    def _take_tagged(self, pieces: Iterable[Piece], out: list[Event]) -> None:
        assert self._tags is not None
        for piece in pieces:
            if piece.thinking:
                self._blocks.offsets = False
                self._blocks.thinking(piece.text, out)
            else:
                self._say_text(piece.text, out)
        if self._tags.done:
            self.say = self._say_text

    def _say_calls(self, text: str, out: list[Event]) -> None:
        assert self._calls is not None
        self._flushed = False
        self._take(self._calls.feed(text), out)

    def _take(self, pieces: Iterable[str | WrittenCall], out: list[Event]) -> None:
        for piece in pieces:
            if isinstance(piece, str):
                self._blocks.text(piece, out)
            else:
                self._call(piece, out)

    def _call(self, call: WrittenCall, out: list[Event]) -> None:
        self.written += 1
        self._blocks.offsets = False
        index = self._blocks.call(self._blocks.made_id(f"{call.name}\0{call.arguments}"), call.name, out)
        self._blocks.arguments(index, call.arguments, out)
        out.append(BlockEnd(index))
