"""A request in the hub's own words: ordered blocks in turns, tools, and what the client asked of the answer.

What enters from any dialect ends here; what leaves for any provider starts here. JSON that is only carried
(tool arguments, JSON Schemas, members without a word of ours) stays the raw text that was received, so that key
order, number spelling and big integers survive.
"""

from collections.abc import Mapping
from typing import Literal, final

import msgspec


class Base64(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Bytes that travel inside the request; `data` is base64 without white space or data: prefix."""

    media_type: str
    data: str


class Url(msgspec.Struct, frozen=True, gc=False, tag=True):
    """Bytes that live elsewhere."""

    url: str
    media_type: str | None = None


class FileId(msgspec.Struct, frozen=True, gc=False, tag=True):
    """A file stored at one provider; it means nothing to another."""

    id: str


class Plain(msgspec.Struct, frozen=True, gc=False, tag=True):
    """A document given as text."""

    text: str
    media_type: str = "text/plain"


Source = Base64 | Url | FileId | Plain


class Cache(msgspec.Struct, frozen=True, gc=False):
    """A prompt-cache mark behind a block or tool; `ttl` as the vendors write it ("5m", "1h")."""

    ttl: str | None = None


class Opaque(msgspec.Struct, frozen=True, gc=False):
    """State that only its origin understands (thinking signature, encrypted reasoning, thought signature).

    `origin` is a provider family ("anthropic", "kiro", "openai", "gemini"), `kind` what the value is there
    ("signature", "redacted", "encrypted", "thought_signature"), `model` the family that made it, if known.
    """

    origin: str
    kind: str
    value: str
    model: str = ""


@final
class Text(msgspec.Struct, frozen=True, gc=False, tag=True, tag_field="block"):
    text: str
    cache: Cache | None = None
    citations: tuple[bytes, ...] = ()


@final
class Image(msgspec.Struct, frozen=True, gc=False, tag=True, tag_field="block"):
    source: Source
    detail: str | None = None
    cache: Cache | None = None


@final
class Document(msgspec.Struct, frozen=True, gc=False, tag=True, tag_field="block"):
    """`filename` is what the user called it (OpenAI), `title` and `context` what the model is told (Anthropic)."""

    source: Source
    title: str | None = None
    context: str | None = None
    filename: str | None = None
    citations: bool = False
    cache: Cache | None = None


@final
class Audio(msgspec.Struct, frozen=True, gc=False, tag=True, tag_field="block"):
    source: Source


@final
class SearchResult(msgspec.Struct, frozen=True, gc=False, tag=True, tag_field="block"):
    source: str
    title: str
    content: tuple[Text, ...]
    cache: Cache | None = None


@final
class Thinking(msgspec.Struct, frozen=True, gc=False, tag=True, tag_field="block"):
    """Reasoning of an earlier answer, given back; redacted thinking has no text but an opaque value."""

    text: str
    opaque: tuple[Opaque, ...] = ()


@final
class ToolCall(msgspec.Struct, frozen=True, gc=False, tag=True, tag_field="block"):
    """A call the model made. `arguments` is the raw JSON text of a function call (one JSON object in sound
    traffic), or the raw input text of a custom (freeform) tool."""

    id: str
    name: str
    arguments: str
    kind: Literal["function", "custom"] = "function"
    namespace: str | None = None
    opaque: tuple[Opaque, ...] = ()
    cache: Cache | None = None


@final
class ToolResult(msgspec.Struct, frozen=True, gc=False, tag=True, tag_field="block"):
    """What a tool answered; stands in a user turn. Content holds text, images, documents, search results."""

    call_id: str
    content: "tuple[Block, ...]"
    is_error: bool = False
    name: str | None = None
    cache: Cache | None = None


@final
class Refusal(msgspec.Struct, frozen=True, gc=False, tag=True, tag_field="block"):
    text: str


@final
class Foreign(msgspec.Struct, frozen=True, gc=False, tag=True, tag_field="block"):
    """A block of one dialect that the hub has no word for: carried raw, replayed only to that dialect."""

    dialect: str
    type: str
    raw: bytes


# The blocks are final: where each of a history is looked at, type(block) tells them apart in a third of the time that
# isinstance takes to say no.
Block = Text | Image | Document | Audio | SearchResult | Thinking | ToolCall | ToolResult | Refusal | Foreign


class Turn(msgspec.Struct, frozen=True, gc=False):
    """`system` turns stand in the middle of a conversation; leading ones are in Request.system."""

    role: Literal["user", "assistant", "system"]
    blocks: tuple[Block, ...]
    name: str | None = None
    cache: Cache | None = None


class Tool(msgspec.Struct, frozen=True, gc=False):
    """A tool the model may call.

    `schema` is the raw JSON Schema of a function's arguments (None: none given); `grammar` the raw `format` of a
    custom tool; `type` and `raw` are kept for a vendor's own server tools, which only that vendor can run.
    """

    name: str
    description: str = ""
    schema: bytes | None = None
    kind: Literal["function", "custom", "server"] = "function"
    strict: bool | None = None
    namespace: str | None = None
    grammar: bytes | None = None
    type: str | None = None
    raw: bytes | None = None
    cache: Cache | None = None


class ToolChoice(msgspec.Struct, frozen=True, gc=False):
    """`tool` names one tool in `name`; `allowed`, if not empty, narrows auto and any to these names."""

    mode: Literal["auto", "any", "none", "tool"]
    name: str | None = None
    allowed: tuple[str, ...] = ()


class Reasoning(msgspec.Struct, frozen=True, gc=False):
    """How much the model should think: `effort` goes with mode effort, `budget` (tokens) with mode budget."""

    mode: Literal["off", "auto", "effort", "budget", "between_tools"]
    effort: Literal["minimal", "low", "medium", "high", "xhigh", "max"] | None = None
    budget: int | None = None
    display: str | None = None


class OutputFormat(msgspec.Struct, frozen=True, gc=False):
    kind: Literal["json_object", "json_schema"]
    name: str | None = None
    schema: bytes | None = None
    strict: bool | None = None
    description: str | None = None


class Sampling(msgspec.Struct, frozen=True, gc=False):
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    n: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None


class Request(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One request.

    `session` is whatever ties requests of one conversation together (a header or a member of the body) and is used
    for stickiness and conversation ids, never sent to another vendor as it is. `extra` holds top-level members
    without a word of ours as raw JSON by name; they go only to a provider of the same dialect.
    """

    dialect: str
    model: str
    turns: tuple[Turn, ...]
    system: tuple[Text, ...] = ()
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tools: bool | None = None
    reasoning: Reasoning | None = None
    output: OutputFormat | None = None
    max_tokens: int | None = None
    sampling: Sampling = Sampling()
    stop: tuple[str, ...] = ()
    stream: bool = False
    include_usage: bool = False
    user: str | None = None
    session: str | None = None
    cache: Cache | None = None
    extra: Mapping[str, bytes] = {}
    dropped: tuple[str, ...] = ()
