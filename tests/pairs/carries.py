"""What each API can carry of an answer: one row per wire form, none per pair.

`shown` says what is left of an answer behind one wire form. What a client must get is what the service's form leaves
of the answer, and the client's form of that.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from aiclient2api.canonical.events import Citation, Finish, FinishReason
from aiclient2api.canonical.request import Block, Refusal, Text, Thinking, ToolCall
from aiclient2api.canonical.response import Response
from aiclient2api.canonical.usage import Usage


@dataclass(frozen=True)
class Carries:
    """`finish` maps the reasons that a form has no word for to those it has. `usage` maps the counts it lacks to those
    that include them ("" for none). `one_of_each`: a whole answer holds its thinking, text and calls apart, each kind
    as one. `signed` says in which answers (streamed: True) opaque state is carried.
    `refusals` and `stop_text`: a refusal in words, and the stop sequence that was met, have a place of their own.
    Sources come with their title if `titled`, with the words that were told (or those of the text) if `quoted`, and
    with their place in the text as it was told, always, or never."""

    finish: Mapping[FinishReason, FinishReason]
    usage: Mapping[str, str] = field(default_factory=dict)
    one_of_each: bool = False
    joins_text: bool = False
    signed: frozenset[bool] = frozenset({True, False})
    refusals: bool = True
    stop_text: bool = False
    titled: bool = True
    quoted: Literal["told", "text", "never"] = "never"
    placed: Literal["told", "always", "never"] = "always"


CARRIES: dict[str, Carries] = {
    "anthropic": Carries(
        finish={"malformed_call": "end"}, refusals=False, stop_text=True, quoted="told", placed="never"
    ),
    "openai_chat": Carries(
        finish={"context_window": "length", "stop_sequence": "end", "pause": "end", "malformed_call": "end"},
        usage={"cache_write_1h": "cache_write"},
        one_of_each=True,
        joins_text=True,
        signed=frozenset({False}),
    ),
    "openai_responses": Carries(
        finish={"context_window": "length", "stop_sequence": "end"},
        usage={"cache_write_1h": "cache_write"},
    ),
    "gemini": Carries(
        finish={"context_window": "length", "stop_sequence": "end", "pause": "end"},
        usage={"cache_write_1h": "fresh", "cache_write": "fresh"},
        joins_text=True,
        refusals=False,
        quoted="text",
    ),
    "kiro": Carries(
        finish={"stop_sequence": "end", "pause": "end", "malformed_call": "end"},
        usage={"cache_write_1h": "cache_write", "reasoning": ""},
        joins_text=True,
        refusals=False,
        titled=False,
        quoted="told",
        placed="told",
    ),
}


def shown(response: Response, carries: Carries, streamed: bool) -> Response:
    """What is left of an answer behind one wire form."""
    calls = any(isinstance(block, ToolCall) for block in response.blocks)
    blocks = [_block(block, carries, streamed) for block in response.blocks]
    blocks = [block for block in blocks if block != Thinking("")]
    if carries.one_of_each and not streamed:
        blocks = _one_of_each(blocks)
    blocks = _joined(blocks, carries.joins_text)
    return msgspec.structs.replace(
        response,
        id="",
        model="",
        blocks=tuple(blocks),
        finish=_finish(response.finish, carries, calls),
        usage=_usage(response.usage, carries),
        citations=tuple(_citation(each, carries, response.blocks[each.index]) for each in response.citations),
    )


def _block(block: Block, carries: Carries, streamed: bool) -> Block:
    if isinstance(block, Refusal) and not carries.refusals:
        return Text(block.text)
    if isinstance(block, ToolCall):
        arguments = json.dumps(json.loads(block.arguments or "{}"), ensure_ascii=False)
        return msgspec.structs.replace(block, arguments=arguments)
    if isinstance(block, Thinking) and streamed not in carries.signed:
        return Thinking(block.text)
    return block


def _one_of_each(blocks: list[Block]) -> list[Block]:
    """As the Chat message has it; thinking that is signed stays in blocks of its own."""
    thoughts = [block for block in blocks if isinstance(block, Thinking)]
    if not any(block.opaque for block in thoughts):
        thoughts = [Thinking(text)] if (text := "".join(block.text for block in thoughts)) else []
    text = "".join(block.text for block in blocks if isinstance(block, Text))
    rest = [block for block in blocks if not isinstance(block, Thinking | Text)]
    return [*thoughts, *([Text(text)] if text else []), *rest]


def _joined(blocks: list[Block], texts: bool) -> list[Block]:
    """State that comes in a block of its own belongs to the thinking before it."""
    out: list[Block] = []
    for block in blocks:
        last = out[-1] if out else None
        if texts and isinstance(block, Text) and isinstance(last, Text):
            out[-1] = Text(last.text + block.text)
        elif isinstance(block, Thinking) and not block.text and isinstance(last, Thinking) and not last.opaque:
            out[-1] = Thinking(last.text, block.opaque)
        else:
            out.append(block)
    return out


def _finish(finish: Finish, carries: Carries, calls: bool) -> Finish:
    """Calls count for more than an ordinary end; what else is told of the end is not compared here."""
    reason = carries.finish.get(finish.reason, finish.reason)
    if calls and reason == "end":
        reason = "tools"
    return Finish(reason, finish.stop_sequence if carries.stop_text else None)


def _usage(usage: Usage, carries: Carries) -> Usage:
    counts = msgspec.structs.asdict(usage) | {"estimated": False, "credits": None}
    for name, into in carries.usage.items():
        if into:
            counts[into] += counts[name]
        counts[name] = 0
    return Usage(**counts)


def _citation(citation: Citation, carries: Carries, cited: Block) -> Citation:
    text = cited.text if isinstance(cited, Text) else ""
    start, end = citation.start, citation.end
    if carries.placed == "always":
        start, end = start or 0, len(text) if end is None else end
    quotes = {"told": citation.cited_text, "text": citation.cited_text or text[slice(start, end)], "never": ""}
    if carries.placed == "never":
        start = end = None
    title = citation.title if carries.titled else ""
    return Citation(citation.index, citation.url, title, quotes[carries.quoted], start, end)


LOSSLESS = Carries(finish={}, stop_text=True, quoted="told", placed="told")
"""For what a client has read already."""
