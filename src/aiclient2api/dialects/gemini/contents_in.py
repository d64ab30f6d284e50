"""A client's `contents` and `systemInstruction` as turns and system texts.

google-genai keeps a streamed answer as one content per chunk, so what a model said in a row becomes one turn again:
texts are joined, and thoughts up to the one that bears a signature. Refuses: unknown roles and contents without parts,
each with its path.
"""

from typing import Literal

import msgspec

from aiclient2api.canonical.errors import GatewayError, bad_request
from aiclient2api.canonical.request import Block, Opaque, Text, Thinking, ToolCall, Turn
from aiclient2api.dialects.gemini.calls import Calls
from aiclient2api.dialects.gemini.fields import listed, shape
from aiclient2api.dialects.gemini.parts_in import Piece, PlainPart, decode_part, plain_part
from aiclient2api.dialects.reading import ABSENT, given, read
from aiclient2api.wire import jsonio

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


class _PlainContent(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    parts: list[PlainPart]
    role: str | None = None


class Contents:
    """The conversation while it is read. `dropped` names members of parts that were left out."""

    def __init__(self) -> None:
        self._turns: list[Turn] = []
        self._spoken: _Spoken | None = None
        self.dropped: list[str] = []
        self._calls = Calls()

    @property
    def turns(self) -> list[Turn]:
        """All turns so far."""
        if self._spoken is not None:
            self._turns.append(Turn("assistant", self._spoken.blocks()))
            self._spoken = None
        return self._turns

    def add_plain(self, raw: msgspec.Raw) -> bool:
        """The whole list, all as add does it; False if one of them is not plain or is wrong. Then this is of no more
        use."""
        contents = jsonio.fitting(raw, list[_PlainContent])
        if contents is None:
            return False
        try:
            for at, content in enumerate(contents):
                role = _ROLES.get((content.role or "").lower())
                found = [
                    plain_part(part, f"contents[{at}].parts[{i}]", self._calls) for i, part in enumerate(content.parts)
                ]
                pieces = [each for each in found if each is not None]
                if role is None or len(pieces) < len(found):
                    return False
                self._add(role, content.role, pieces)
        except GatewayError:
            return False
        return True

    def add(self, raw: msgspec.Raw, path: str) -> None:
        """One content: an object with parts, or just a text. Raises GatewayError("bad_request")."""
        if bytes(raw).startswith(b'"'):
            self.turns.append(Turn("user", (Text(read(raw, str, path)),)))
            return
        content = shape(raw, _Content, path)
        role = _ROLES.get((content.role or "").lower())
        if role is None:
            raise bad_request(f"{path}.role {content.role!r} is not known; use user or model.", f"{path}.role")
        self._add(role, content.role, self._pieces(content, path))

    def _add(self, role: Role, said: str | None, pieces: list[Piece]) -> None:
        if not said and any(isinstance(block, ToolCall) for each in pieces for block in each.blocks):
            role = "assistant"
        if role == "assistant":
            self._spoken = self._spoken or _Spoken()
            for piece in pieces:
                for block in piece.blocks:
                    self._spoken.add(block, piece.thought)
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


class _Spoken:
    """What the model said in a row. Texts are joined at the end: clients give back an answer in as many contents as it
    had chunks."""

    def __init__(self) -> None:
        self._blocks: list[Block] = []
        self._more: list[str] = []

    def add(self, block: Block, thought: bool) -> None:
        last = self._blocks[-1] if self._blocks else None
        if isinstance(block, Text) and isinstance(last, Text):
            self._more.append(block.text)
        elif thought and isinstance(block, Thinking) and isinstance(last, Thinking) and last.text and not last.opaque:
            self._more.append(block.text)
            if block.opaque:
                self._join(block.opaque)
        else:
            self._join()
            self._blocks.append(block)

    def blocks(self) -> tuple[Block, ...]:
        self._join()
        return tuple(self._blocks)

    def _join(self, state: tuple[Opaque, ...] = ()) -> None:
        if self._more:
            last = self._blocks[-1]
            assert isinstance(last, Text | Thinking)
            text = "".join((last.text, *self._more))
            self._blocks[-1] = Text(text) if isinstance(last, Text) else Thinking(text, state)
            self._more = []


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
