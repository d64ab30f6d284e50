"""A client's `contents` and `systemInstruction` as turns and system texts.

google-genai keeps a streamed answer as one content per chunk, so what a model said in a row becomes one turn again:
texts are joined, and thoughts up to the one that bears a signature. Refuses: unknown roles and contents without parts,
each with its path.
"""

from typing import Literal

import msgspec

from aiclient2api.canonical.errors import bad_request
from aiclient2api.canonical.request import Block, Text, Thinking, ToolCall, Turn
from aiclient2api.dialects.gemini.calls import Calls
from aiclient2api.dialects.gemini.fields import listed, shape
from aiclient2api.dialects.gemini.parts_in import Piece, decode_part
from aiclient2api.dialects.reading import ABSENT, given, read

Role = Literal["user", "assistant", "system"]

_ROLES: dict[str, Role] = {
    "": "user",
    "user": "user",
    "function": "user",
    "tool": "user",
    "model": "assistant",
    "assistant": "assistant",
    "system": "system",
}


class _Content(msgspec.Struct):
    role: str | None = None
    parts: msgspec.Raw = ABSENT
    text: msgspec.Raw = ABSENT


class Contents:
    """The conversation while it is read. `dropped` names members of parts that were left out."""

    def __init__(self) -> None:
        self.turns: list[Turn] = []
        self.dropped: list[str] = []
        self._calls = Calls()

    def add(self, raw: msgspec.Raw, path: str) -> None:
        """One content: an object with parts, or just a text. Raises GatewayError("bad_request")."""
        if bytes(raw).startswith(b'"'):
            self.turns.append(Turn("user", (Text(read(raw, str, path)),)))
            return
        content = shape(raw, _Content, path)
        role = _ROLES.get((content.role or "").lower())
        if role is None:
            raise bad_request(f"{path}.role {content.role!r} is not known; use user or model.", f"{path}.role")
        pieces = self._pieces(content, path)
        if not content.role and any(isinstance(block, ToolCall) for each in pieces for block in each.blocks):
            role = "assistant"
        if role == "assistant":
            self._spoken(pieces)
        else:
            self.turns.append(Turn(role, tuple(block for each in pieces for block in each.blocks)))

    def _pieces(self, content: _Content, path: str) -> list[Piece]:
        if not given(content.parts):
            if given(content.text):
                return [Piece((Text(read(content.text, str, f"{path}.text")),))]
            raise bad_request(f"{path}.parts is missing.", f"{path}.parts")
        pieces = [decode_part(raw, place, self._calls) for place, raw in listed(content.parts, f"{path}.parts")]
        self.dropped += [name for each in pieces for name in each.dropped]
        return pieces

    def _spoken(self, pieces: list[Piece]) -> None:
        """What the model said, going on with what it has just said."""
        blocks: list[Block] = []
        if self.turns and self.turns[-1].role == "assistant":
            blocks += self.turns.pop().blocks
        for piece in pieces:
            for block in piece.blocks:
                _append(blocks, block, piece.thought)
        self.turns.append(Turn("assistant", tuple(blocks)))


def _append(blocks: list[Block], block: Block, thought: bool) -> None:
    last = blocks[-1] if blocks else None
    if isinstance(block, Text) and isinstance(last, Text):
        blocks[-1] = Text(last.text + block.text)
    elif thought and isinstance(block, Thinking) and isinstance(last, Thinking) and last.text and not last.opaque:
        blocks[-1] = Thinking(last.text + block.text, block.opaque)
    else:
        blocks.append(block)


def system_texts(raw: msgspec.Raw | None, path: str) -> tuple[Text, ...]:
    """`systemInstruction` in any form: a content of whatever role, a list of parts, a text. Raises bad_request for
    all but text."""
    out: list[Text] = []
    for place, each in listed(raw, path):
        parts: list[tuple[str, msgspec.Raw]] = [(place, each)]
        if bytes(each).startswith(b"{"):
            content = shape(each, _Content, place)
            if given(content.parts):
                parts = listed(content.parts, f"{place}.parts")
        for where, part in parts:
            blocks = decode_part(part, where, Calls()).blocks
            texts = [block for block in blocks if isinstance(block, Text)]
            if len(texts) != len(blocks):
                raise bad_request(f"{where} may hold only text.", where)
            out += texts
    return tuple(out)
