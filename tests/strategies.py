"""Random but valid canonical values for property tests: answers as events, whole requests.

`events()` keeps the order that canonical.validate asks for; `requests()` keeps what every provider accepts: turns
alternate, each call is answered in the next turn, names and ids fit every vendor's pattern.
"""

import itertools
import json
from collections.abc import Sequence

from hypothesis import strategies as st

from aiclient2api.canonical.events import (
    ArgumentsDelta,
    BlockEnd,
    BlockStart,
    Event,
    Finish,
    FinishReason,
    OpaqueDelta,
    Start,
    TextDelta,
    ThinkingDelta,
    UsageUpdate,
)
from aiclient2api.canonical.request import (
    Base64,
    Block,
    Document,
    Image,
    Opaque,
    OutputFormat,
    Plain,
    Reasoning,
    Request,
    Sampling,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
)
from aiclient2api.canonical.usage import Usage

SCHEMA = b'{"type":"object","properties":{"path":{"type":"string"}},"required":["path"]}'
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

ALPHABET = (
    "abcXYZ019 .,:;<>/&'\"\\{}[]\n\r\t\b\0\x7f\x85\u00e9\u00df\u2028\ufeff\u4e2d\u6587\uac00\uffff\U0001f600\U0010ffff"
)
"""Letters, and every character that some layer has stumbled over."""

texts = st.text(ALPHABET, max_size=40)

words = texts.filter(lambda text: bool(text.strip()))
names = st.text("abcdXYZ019_-", min_size=1, max_size=20).map(lambda text: "t" + text)
call_ids = st.text("abcdXYZ019", min_size=8, max_size=8).map(lambda text: "call_" + text)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
json_objects = st.dictionaries(texts, json_values, max_size=4).map(lambda value: json.dumps(value, ensure_ascii=False))


@st.composite
def pieces(draw: st.DrawFn, text: str) -> list[str]:
    """`text` cut at random places, no piece empty."""
    cuts = sorted(draw(st.sets(st.integers(1, max(1, len(text) - 1)), max_size=4)))
    edges = [0, *(cut for cut in cuts if cut < len(text)), len(text)]
    return [text[start:end] for start, end in itertools.pairwise(edges) if end > start]


usages = st.builds(
    Usage,
    fresh=st.integers(0, 10**6),
    cache_read=st.integers(0, 10**6),
    cache_write=st.integers(0, 10**6),
    output=st.integers(0, 10**6),
)


@st.composite
def _block(draw: st.DrawFn, index: int, kinds: Sequence[str], origin: str) -> list[Event]:
    kind = draw(st.sampled_from(kinds))
    if kind == "text":
        deltas: list[Event] = [TextDelta(index, piece) for piece in draw(pieces(draw(texts)))]
        return [BlockStart(index, "text"), *deltas, BlockEnd(index)]
    if kind == "thinking":
        deltas = [ThinkingDelta(index, piece) for piece in draw(pieces(draw(texts)))]
        signature = draw(st.none() | st.text("abcdXYZ019+/", min_size=4, max_size=40))
        if signature:
            deltas.append(OpaqueDelta(index, Opaque(origin, "signature", signature)))
        return [BlockStart(index, "thinking"), *deltas, BlockEnd(index)]
    start = BlockStart(index, "tool_call", id=f"{draw(call_ids)}{index}", name=draw(names))
    deltas = [ArgumentsDelta(index, piece) for piece in draw(pieces(draw(json_objects)))]
    return [start, *deltas, BlockEnd(index)]


@st.composite
def _interleaved(draw: st.DrawFn, blocks: list[list[Event]]) -> list[Event]:
    """The blocks' events mixed, the starts in order."""
    out: list[Event] = []
    waiting, running = list(blocks), list[list[Event]]()
    while waiting or running:
        which = draw(st.integers(0, len(running) if waiting else len(running) - 1))
        if which == len(running):
            running.append(waiting.pop(0))
        out.append(running[which].pop(0))
        if not running[which]:
            del running[which]
    return out


@st.composite
def events(
    draw: st.DrawFn,
    *,
    kinds: Sequence[str] = ("text", "thinking", "tool_call"),
    interleave: bool = True,
    origin: str = "anthropic",
) -> list[Event]:
    """A whole answer that ends with Finish. `origin` is the family of its thinking signatures."""
    count = draw(st.integers(0, 5))
    blocks = [draw(_block(index, kinds, origin)) for index in range(count)]
    calls = any(isinstance(event, BlockStart) and event.kind == "tool_call" for block in blocks for event in block)
    body = draw(_interleaved(blocks)) if interleave else [event for block in blocks for event in block]
    reasons: list[FinishReason] = ["tools"] if calls else ["end", "length", "stop_sequence", "refusal"]
    reason = draw(st.sampled_from(reasons))
    finish = Finish(reason, draw(words) if reason == "stop_sequence" else None)
    return [Start("upstream-id", "upstream-model", draw(usages)), *body, UsageUpdate(draw(usages)), finish]


images = st.just(Image(Base64("image/png", PIXEL)))
documents = st.builds(Document, source=st.builds(Plain, text=words), title=st.none() | names)
user_blocks: st.SearchStrategy[Block] = st.one_of(st.builds(Text, text=words), images, documents)


@st.composite
def _turns(draw: st.DrawFn, tool_names: Sequence[str]) -> list[Turn]:
    turns = [Turn("user", tuple(draw(st.lists(user_blocks, min_size=1, max_size=3))))]
    for number in range(draw(st.integers(0, 3))):
        said: list[Block] = [Text(draw(words))]
        answers: list[Block] = []
        for call in range(draw(st.integers(0, 2)) if tool_names else 0):
            call_id = f"call_{number}_{call}"
            said.append(ToolCall(call_id, draw(st.sampled_from(tool_names)), draw(json_objects)))
            answers.append(ToolResult(call_id, (Text(draw(words)),), is_error=draw(st.booleans())))
        turns.append(Turn("assistant", tuple(said)))
        turns.append(Turn("user", (*answers, Text(draw(words)))))
    return turns


@st.composite
def requests(draw: st.DrawFn, *, dialect: str = "anthropic") -> Request:
    """A sound request with history, tools and settings."""
    tool_names = draw(st.lists(names, max_size=3, unique=True))
    choices: list[ToolChoice | None] = [None]
    if tool_names:
        choices += [ToolChoice("auto"), ToolChoice("any"), ToolChoice("none"), ToolChoice("tool", tool_names[0])]
    return Request(
        dialect=dialect,
        model="some-model",
        turns=tuple(draw(_turns(tool_names))),
        system=tuple(Text(text) for text in draw(st.lists(words, max_size=2))),
        tools=tuple(Tool(name, draw(texts), SCHEMA) for name in tool_names),
        tool_choice=draw(st.sampled_from(choices)),
        parallel_tools=draw(st.sampled_from([None, True, False])) if tool_names else None,
        reasoning=draw(
            st.none() | st.builds(Reasoning, mode=st.just("effort"), effort=st.sampled_from(["low", "high"]))
        ),
        output=draw(st.none() | st.just(OutputFormat("json_schema", "answer", SCHEMA))),
        max_tokens=draw(st.none() | st.integers(1, 64000)),
        sampling=draw(st.builds(Sampling, temperature=st.none() | st.sampled_from([0.0, 0.5, 1.0]))),
        stop=tuple(draw(st.lists(words, max_size=2))),
        stream=draw(st.booleans()),
        user=draw(st.none() | names),
    )
