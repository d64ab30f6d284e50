"""A client's Messages request to the hub's words.

Enters: the body of POST /v1/messages and the lower-case headers. Leaves: a canonical Request. Refuses: wrong types and
missing members, with bad_request naming the member. Generous with shapes that belong to other dialects (OpenAI tools,
`role: "tool"`, image_url parts), because clients mix them; members without a word of ours pass on in Request.extra.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

import msgspec

from aiclient2api.canonical.errors import GatewayError, bad_request
from aiclient2api.canonical.request import Block, Cache, Request, Sampling, Text, ToolCall, ToolResult, Turn
from aiclient2api.dialects import plain
from aiclient2api.dialects.anthropic import settings_in
from aiclient2api.dialects.parts import decode_content
from aiclient2api.dialects.reading import ABSENT, given, join, read, refused
from aiclient2api.dialects.tool_shapes import decode_tools
from aiclient2api.wire import jsonio

FAMILY = "anthropic"
Members = Mapping[str, msgspec.Raw]

BETA_HEADER = "header:anthropic-beta"
"""Where Request.extra keeps the client's beta header, for an upstream that knows betas."""


class _Settings(msgspec.Struct):
    """What a body can say beside the conversation and its tools."""

    model: msgspec.Raw = ABSENT
    max_tokens: msgspec.Raw = ABSENT
    tool_choice: msgspec.Raw = ABSENT
    parallel_tool_calls: msgspec.Raw = ABSENT
    thinking: msgspec.Raw = ABSENT
    output_config: msgspec.Raw = ABSENT
    output_format: msgspec.Raw = ABSENT
    stop_sequences: msgspec.Raw = ABSENT
    temperature: msgspec.Raw = ABSENT
    top_p: msgspec.Raw = ABSENT
    top_k: msgspec.Raw = ABSENT
    stream: msgspec.Raw = ABSENT
    metadata: msgspec.Raw = ABSENT
    cache_control: msgspec.Raw = ABSENT


_KNOWN = frozenset({"messages", "system", "tools", *_Settings.__struct_fields__})


def decode_request(body: bytes, headers: Mapping[str, str]) -> Request:
    """The request. Raises GatewayError("bad_request") naming the member at fault."""
    return request_of(plain_body(body) or generous_body(body), headers)


def decode_count_request(body: bytes, headers: Mapping[str, str]) -> Request:
    """A request whose tokens are to be counted: max_tokens may be missing. Raises like decode_request."""
    return request_of(plain_body(body) or generous_body(body), headers, needs_limit=False)


class Body(NamedTuple):
    """What a body says. `members` are those that are there and not read yet, raw."""

    members: Members
    system: tuple[Block, ...]
    turns: list[Turn]
    tools: msgspec.Raw | list[msgspec.Raw]


def request_of(body: Body, headers: Mapping[str, str], *, needs_limit: bool = True) -> Request:
    """The request that a body makes. Raises GatewayError naming the member at fault."""
    members, system, turns, tools = body
    leading = next((index for index, turn in enumerate(turns) if turn.role != "system"), len(turns))
    texts = [*system, *(block for turn in turns[:leading] for block in turn.blocks)]
    choice, parallel = settings_in.tool_choice(members)
    output_config = settings_in.output_config(members)
    metadata = settings_in.metadata(members, headers)
    return Request(
        dialect=FAMILY,
        model=_model(members),
        max_tokens=_max_tokens(members) if needs_limit or "max_tokens" in members else None,
        system=tuple([block for block in texts if isinstance(block, Text)]),
        turns=tuple(turns[leading:]),
        tools=decode_tools(tools, "tools"),
        tool_choice=choice,
        parallel_tools=parallel,
        reasoning=settings_in.reasoning(members, output_config.effort),
        output=output_config.format,
        sampling=Sampling(
            temperature=_number(members, "temperature"),
            top_p=_number(members, "top_p"),
            top_k=_integer(members, "top_k"),
        ),
        stop=settings_in.stop(members),
        stream=read(members["stream"], bool, "stream") if "stream" in members else False,
        user=metadata.user,
        session=metadata.session,
        cache=_cache(members),
        extra=_extra(members, headers, {"output_config": output_config.rest, "metadata": metadata.rest}),
    )


def _model(members: Mapping[str, msgspec.Raw]) -> str:
    model = read(_required(members, "model"), str, "model")
    if not model.strip():
        raise bad_request("model must not be empty.", "model")
    return model


def _max_tokens(members: Mapping[str, msgspec.Raw]) -> int:
    """0 is legal: it only warms the cache."""
    count = read(_required(members, "max_tokens"), int, "max_tokens")
    if count < 0:
        raise bad_request("max_tokens must not be negative.", "max_tokens")
    return count


def _required(members: Mapping[str, msgspec.Raw], name: str) -> msgspec.Raw:
    if name not in members:
        raise bad_request(f"{name} is required.", name)
    return members[name]


def _number(members: Mapping[str, msgspec.Raw], name: str) -> float | None:
    return read(members[name], float, name) if name in members else None


def _integer(members: Mapping[str, msgspec.Raw], name: str) -> int | None:
    return read(members[name], int, name) if name in members else None


def _cache(members: Mapping[str, msgspec.Raw]) -> Cache | None:
    return read(members["cache_control"], Cache, "cache_control") if "cache_control" in members else None


def _extra(
    members: Mapping[str, msgspec.Raw], headers: Mapping[str, str], rests: Mapping[str, bytes]
) -> dict[str, bytes]:
    extra = {name: bytes(raw) for name, raw in members.items() if name not in _KNOWN}
    extra.update((name, rest) for name, rest in rests.items() if rest)
    if beta := headers.get("anthropic-beta"):
        extra[BETA_HEADER] = jsonio.encode(beta)
    return extra


def generous_body(body: bytes) -> Body:
    """A body of any shape that clients send. Raises GatewayError naming the member at fault."""
    try:
        members = {name: raw for name, raw in jsonio.members(body).items() if given(raw)}
    except jsonio.JsonError as error:
        raise refused(error, "") from None
    raw = _required(members, "messages")
    turns = plain_turns(jsonio.fitting(raw, list[PlainMessage]))
    if turns is None:
        turns = [turn_of(each, f"messages[{at}]") for at, each in enumerate(read(raw, list[msgspec.Raw], "messages"))]
    if not turns:
        raise bad_request("messages must not be empty.", "messages")
    system: tuple[Block, ...] = ()
    if "system" in members:
        system = _only_text(decode_content(members["system"], native=FAMILY, path="system"), "system")
    return Body(members, system, turns, members.get("tools", _NO_TOOLS))


_NO_TOOLS = msgspec.Raw(b"[]")


def _only_text(blocks: tuple[Block, ...], path: str) -> tuple[Block, ...]:
    if not all(isinstance(block, Text) for block in blocks):
        raise bad_request(f"{path} may hold text only.", path)
    return blocks


class _Function(msgspec.Struct):
    name: str
    arguments: str = ""


class _Call(msgspec.Struct):
    """A call in the OpenAI shape."""

    id: str
    function: _Function


class _Message(msgspec.Struct, kw_only=True):
    tool_call_id: str | None = None
    tool_calls: list[_Call] | None = None
    name: str | None = None
    cache_control: Cache | None = None
    role: str
    content: msgspec.Raw = ABSENT


class PlainMessage(msgspec.Struct, gc=False):
    role: Literal["user", "assistant"]
    content: plain.PlainContent = None
    name: str | None = None
    cache_control: Cache | None = None
    tool_calls: None = None
    tool_call_id: str | None = None


class _PlainBody(_Settings, kw_only=True, forbid_unknown_fields=True):
    messages: list[PlainMessage]
    system: plain.PlainContent = None
    tools: list[msgspec.Raw] | None = None
    context_management: msgspec.Raw = ABSENT


_REST = tuple(name for name in _PlainBody.__struct_fields__ if name not in {"messages", "system", "tools"})


def plain_body(body: bytes) -> Body | None:
    """What generous_body gives, read in one go; None if a member is unknown or not plain, or if anything is wrong."""
    found = jsonio.fitting(body, _PlainBody)
    turns = None if found is None else plain_turns(found.messages)
    if found is None or turns is None or not jsonio.is_utf8(body):
        return None
    try:
        system = _only_text(plain.blocks(found.system, FAMILY), "system")
    except GatewayError:
        return None
    members = {name: raw for name in _REST if len(raw := getattr(found, name)) and given(raw)}
    return Body(members, system, turns, found.tools or [])


def plain_turns(messages: list[PlainMessage] | None) -> list[Turn] | None:
    """As turn_of makes them one by one; None if there are none or anything is wrong."""
    if not messages:
        return None
    try:
        return [
            Turn(message.role, plain.blocks(message.content, FAMILY), message.name, message.cache_control)
            for message in messages
        ]
    except GatewayError:
        return None


def turn_of(raw: msgspec.Raw, path: str) -> Turn:
    message = read(raw, _Message, path)
    place = join(path, "content")
    blocks = decode_content(message.content, native=FAMILY, path=place)
    cache = message.cache_control
    if message.role == "user":
        return Turn("user", blocks, message.name, cache)
    if message.role == "assistant":
        calls = tuple(
            ToolCall(call.id, call.function.name, call.function.arguments or "{}") for call in message.tool_calls or ()
        )
        return Turn("assistant", blocks + calls, message.name, cache)
    if message.role in ("system", "developer"):
        known = tuple(block for block in blocks if isinstance(block, Text))
        if blocks and not known:
            raise bad_request(f"{place} may hold text only.", place)
        return Turn("system", blocks, message.name, cache)
    if message.role == "tool":
        if not message.tool_call_id:
            raise bad_request(f"{path}.tool_call_id is missing.", f"{path}.tool_call_id")
        return Turn("user", (ToolResult(message.tool_call_id, blocks, name=message.name),), cache=cache)
    raise bad_request(f"{path}.role must be user, assistant or system.", f"{path}.role")
