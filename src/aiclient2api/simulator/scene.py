"""The simulator's own words: a conversation seen without its wire form, and what is answered to it.

Each upstream reads its request into a Scene; the brain turns a Scene into a Reply; the upstream writes the Reply in
its own form. JSON Schemas of tools stay plain Python values.
"""

import base64
import binascii
from typing import Literal

import msgspec

Schema = dict[str, object]


class Picture(msgspec.Struct, frozen=True):
    data: bytes


class Paper(msgspec.Struct, frozen=True):
    """A document: its bytes (`format` is a file extension), or its `text` where that is what came."""

    name: str = ""
    format: str = ""
    data: bytes = b""
    text: str = ""


class Outcome(msgspec.Struct, frozen=True):
    """What a tool gave back."""

    call_id: str
    text: str
    failed: bool = False


class Turn(msgspec.Struct, frozen=True):
    """One message. `called` are names of tools by call id."""

    role: Literal["user", "assistant"]
    text: str = ""
    pictures: tuple[Picture, ...] = ()
    papers: tuple[Paper, ...] = ()
    called: dict[str, str] = {}
    outcomes: tuple[Outcome, ...] = ()


FREE_FORM: Schema = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}
"""What stands for the schema of a tool that takes text: one member that holds it."""


class ToolCard(msgspec.Struct, frozen=True):
    """A declared tool. `free` ones take text instead of an object; `namespace` is the group it was declared in."""

    name: str
    description: str = ""
    schema: Schema = {}
    free: bool = False
    namespace: str = ""


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation. `choice` "any" demands a tool call, `named` a call of this tool; `form` is the JSON Schema that
    the answer must fit, None for prose; `max_tokens` and `stops` end the answer early."""

    turns: tuple[Turn, ...]
    system: str = ""
    tools: tuple[ToolCard, ...] = ()
    choice: Literal["auto", "none", "any"] = "auto"
    named: str = ""
    parallel: bool = True
    form: Schema | None = None
    thinking: bool = False
    max_tokens: int | None = None
    stops: tuple[str, ...] = ()

    @property
    def last(self) -> Turn:
        """The newest turn of the user; an empty one if there is none."""
        return next((turn for turn in reversed(self.turns) if turn.role == "user"), Turn("user"))


class ToolCall(msgspec.Struct, frozen=True):
    """`free` and `namespace` are the tool's; a free tool's text is the argument `input`."""

    name: str
    arguments: dict[str, object]
    free: bool = False
    namespace: str = ""

    @property
    def text(self) -> str:
        """What a free tool is given."""
        return as_text(self.arguments.get("input"))


StopReason = Literal["end", "tools", "length", "stop_sequence"]


class Reply(msgspec.Struct, frozen=True):
    """What is answered, in the order thinking, text, calls. `stop_sequence` is the one that ended the text."""

    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    thinking: str = ""
    stop: StopReason = "end"
    stop_sequence: str | None = None


def as_dict(value: object) -> dict[str, object]:
    """The value if it is an object, else {}."""
    return value if isinstance(value, dict) else {}


def as_list(value: object) -> list[object]:
    """The value if it is an array, else []."""
    return value if isinstance(value, list) else []


def as_text(value: object) -> str:
    """The value if it is a string, else ""."""
    return value if isinstance(value, str) else ""


def decoded(text: str) -> bytes:
    """Base64 as bytes; b"" if it is not base64."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
