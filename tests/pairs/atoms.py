"""What a request says, bit by bit, and what must be left of it behind each wire form: one row per form, none per pair.

Texts are looked for as parts of what arrived, in order and once each (forms put words around them); everything else
must arrive as it was, in order, and nothing beside it.
"""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from aiclient2api.canonical.request import (
    Base64,
    Block,
    Document,
    Image,
    Plain,
    Request,
    Source,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Turn,
    Url,
)

_PDF = Path(__file__).parent.parent / "data" / "guide" / "two-pages.pdf"
PDF = base64.b64encode(_PDF.read_bytes()).decode()
WORDS = "HALYARD"
"""Some of the words in it."""

Atom = tuple[str, ...]
"""Kind, role, and what it is. The kind "text" may be found within another text."""


@dataclass(frozen=True)
class Form:
    """How a wire form holds a request.

    `system_turns`: who says what the system says in mid conversation. `results`: what a result may hold beside text;
    the rest stands behind the results of its turn. `flags`: whether a failed result is marked as such; if not, a word
    tells. `files`: documents as they are, else as the words in them. `apart`: pictures and files have a place of their
    own, before the text. `links`: pictures elsewhere; where they have no place they are refused.
    """

    system_turns: Literal["system", "user"] = "system"
    results: frozenset[str] = frozenset({"image", "document"})
    flags: bool = True
    files: bool = True
    apart: bool = False
    links: bool = True


FORMS: Mapping[str, Form] = {
    "anthropic": Form(),
    "openai_chat": Form(results=frozenset(), flags=False),
    "openai_responses": Form(flags=False),
    "gemini": Form(system_turns="user"),
    "kiro": Form(system_turns="user", results=frozenset(), files=False, apart=True, links=False),
}


def through(request: Request, form: Form) -> Request:
    """What a wire form leaves of the request."""
    turns = tuple(_turn(turn, form) for turn in request.turns)
    return msgspec.structs.replace(request, turns=turns)


def _turn(turn: Turn, form: Form) -> Turn:
    if turn.role == "system":
        return msgspec.structs.replace(turn, role=form.system_turns)
    results = [_result(block, form) for block in turn.blocks if isinstance(block, ToolResult)]
    behind = [each for _, rest in results for each in rest]
    others = [_file(block, form) for block in turn.blocks if not isinstance(block, ToolResult)]
    if form.apart:
        others.sort(key=lambda block: not isinstance(block, Image | Document))
    return msgspec.structs.replace(turn, blocks=(*(result for result, _ in results), *behind, *others))


def _result(result: ToolResult, form: Form) -> tuple[ToolResult, list[Block]]:
    inside = [block for block in result.content if isinstance(block, Text) or _kind(block) in form.results]
    behind = [block for block in result.content if block not in inside]
    failed = result.is_error and form.flags
    return msgspec.structs.replace(result, content=tuple(inside), is_error=failed), behind


def _file(block: Block, form: Form) -> Block:
    known = form.files or not isinstance(block, Document) or isinstance(block.source, Plain)
    return block if known else Text(WORDS)


def _kind(block: Block) -> str:
    return type(block).__name__.lower()


# --- atoms


def atoms(request: Request) -> list[Atom]:
    out: list[Atom] = [("text", "system", block.text) for block in request.system]
    calls: dict[str, int] = {}
    for turn in request.turns:
        for block in turn.blocks:
            out += _block(block, turn.role, calls)
    out += [("tool", tool.name, tool.description, _json(tool.schema)) for tool in request.tools]
    return out


def _block(block: Block, role: str, calls: dict[str, int]) -> Iterator[Atom]:
    """Calls are known by their number: ids may change on the way, but the pairs may not."""
    if isinstance(block, Text):
        yield ("text", role, block.text)
    elif isinstance(block, Image):
        yield ("image", role, *_source(block.source))
    elif isinstance(block, Document):
        if isinstance(block.source, Plain):
            yield ("text", role, block.source.text)
        else:
            yield ("document", role, *_source(block.source))
    elif isinstance(block, Thinking):
        yield ("thinking", role, block.text, *(each.value for each in block.opaque))
    elif isinstance(block, ToolCall):
        calls[block.id] = len(calls)
        yield ("call", role, str(calls[block.id]), block.name, _json(block.arguments.encode()))
    elif isinstance(block, ToolResult):
        yield ("result", role, str(calls[block.call_id]), "failed" if block.is_error else "")
        for each in block.content:
            yield from _block(each, role, calls)
    else:
        raise TypeError(type(block).__name__)


def _source(source: Source) -> tuple[str, ...]:
    if isinstance(source, Base64):
        return source.media_type, source.data
    assert isinstance(source, Url)
    return "", source.url


def _json(raw: bytes | None) -> str:
    return json.dumps(json.loads(raw or b"{}"), ensure_ascii=False)


def missing(expected: list[Atom], found: list[Atom]) -> list[object]:
    """What of `expected` cannot be found in order, and what is there beside it; empty if all is well."""
    out: list[object] = []
    at, offset = 0, 0
    for atom in expected:
        place = _find(atom, found, at, offset)
        if place is None:
            out.append(("missing", atom, found[at:]))
            continue
        skipped = [each for each in found[at + (offset > 0) : place[0]] if each[0] != "text"]
        out += [("beside", each) for each in skipped]
        at, offset = place
        if atom[0] != "text":
            at, offset = at + 1, 0
    out += [("beside", each) for each in found[at:] if each[0] != "text"]
    return out


def _find(atom: Atom, found: list[Atom], at: int, offset: int) -> tuple[int, int] | None:
    for index in range(at, len(found)):
        other = found[index]
        if atom[0] != "text" and other == atom:
            return index, 0
        if atom[0] == other[0] == "text" and atom[1] == other[1]:
            start = other[2].find(atom[2], offset if index == at else 0)
            if start >= 0:
                return index, start + len(atom[2])
    return None


def twice(expected: list[Atom], found: list[Atom]) -> list[str]:
    """Texts that stand in what arrived more than once."""
    everything = "\n".join(atom[2] for atom in found if atom[0] == "text")
    return [atom[2] for atom in expected if atom[0] == "text" and everything.count(atom[2]) > 1]
