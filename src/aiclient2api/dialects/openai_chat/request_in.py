"""A client's body as a canonical Request.

Enters: a Chat Completions body, or a Responses body (`input` without `messages`), and lower-case headers. Refuses,
with bad_request naming the member: broken JSON, a missing model or messages, a wrong type. Unknown members are kept
raw for a provider of the same dialect.
"""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from aiclient2api.canonical.errors import bad_request
from aiclient2api.canonical.request import Block, Cache, Request
from aiclient2api.dialects.openai_chat import settings_in
from aiclient2api.dialects.openai_chat.conversation import Conversation
from aiclient2api.dialects.openai_chat.fields import Fields, fields_of
from aiclient2api.dialects.openai_chat.items_in import add_items
from aiclient2api.dialects.openai_chat.messages_in import NATIVE, PlainMessage, add_message, add_plain_messages
from aiclient2api.dialects.parts import decode_content
from aiclient2api.dialects.reading import ABSENT, given, read
from aiclient2api.wire import jsonio

DIALECT = "openai_chat"
_SESSION_HEADERS = ("x-session-id", "session-id", "session_id", "x-session-affinity")
"""Where coding agents put what ties a conversation's requests together."""


class _StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class _TextOptions(msgspec.Struct):
    format: msgspec.Raw = msgspec.Raw()


class _PlainBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """As nearly all clients write it: messages and tools in a form that can be read at once, the rest raw."""

    messages: list[PlainMessage]
    tools: list[msgspec.Raw] | None = None
    model: msgspec.Raw = ABSENT
    functions: msgspec.Raw = ABSENT
    function_call: msgspec.Raw = ABSENT
    tool_choice: msgspec.Raw = ABSENT
    parallel_tool_calls: msgspec.Raw = ABSENT
    stream: msgspec.Raw = ABSENT
    stream_options: msgspec.Raw = ABSENT
    reasoning_effort: msgspec.Raw = ABSENT
    reasoning: msgspec.Raw = ABSENT
    thinking: msgspec.Raw = ABSENT
    response_format: msgspec.Raw = ABSENT
    max_tokens: msgspec.Raw = ABSENT
    max_completion_tokens: msgspec.Raw = ABSENT
    temperature: msgspec.Raw = ABSENT
    top_p: msgspec.Raw = ABSENT
    top_k: msgspec.Raw = ABSENT
    seed: msgspec.Raw = ABSENT
    presence_penalty: msgspec.Raw = ABSENT
    frequency_penalty: msgspec.Raw = ABSENT
    n: msgspec.Raw = ABSENT
    logprobs: msgspec.Raw = ABSENT
    top_logprobs: msgspec.Raw = ABSENT
    stop: msgspec.Raw = ABSENT
    user: msgspec.Raw = ABSENT
    safety_identifier: msgspec.Raw = ABSENT
    prompt_cache_key: msgspec.Raw = ABSENT
    store: msgspec.Raw = ABSENT


_PLAIN_NAMES = tuple(name for name in _PlainBody.__struct_fields__ if name not in ("messages", "tools"))


class Plain(NamedTuple):
    """A body whose messages and list of tools are read; its other members are in `fields`."""

    fields: Fields
    talk: Conversation
    tools: list[msgspec.Raw]


def plain_body(body: bytes) -> Plain | None:
    """The body read in one go; None if a member is unknown or not plain, or if anything is wrong."""
    found = jsonio.fitting(body, _PlainBody)
    talk = Conversation()
    if found is None or not add_plain_messages(found.messages, talk) or not jsonio.is_utf8(body):
        return None
    members = {name: raw for name in _PLAIN_NAMES if len(raw := getattr(found, name))}
    return Plain(Fields(members), talk, found.tools or [])


def decode_request(body: bytes, headers: Mapping[str, str]) -> Request:
    """Raises GatewayError("bad_request") and nothing else."""
    return request_of(body, plain_body(body), headers)


def request_of(body: bytes, plain: Plain | None, headers: Mapping[str, str]) -> Request:
    """The request that a body makes, as it is plain or read member by member. Raises GatewayError naming the member at
    fault."""
    fields = fields_of(body) if plain is None else plain.fields
    model = fields.take("model", str)
    if not model:
        raise bad_request("model is missing." if model is None else "model is empty.", "model")
    from_items = fields.has("input") and not fields.has("messages")
    talk, left_out = _conversation(fields, from_items) if plain is None else (plain.talk, ())
    choice, parallel = settings_in.tool_choice(fields)
    stream_options = fields.take("stream_options", _StreamOptions) or _StreamOptions()
    user = fields.take("user", str)
    return Request(
        dialect=DIALECT,
        model=model,
        turns=tuple(talk.turns),
        system=tuple(talk.system),
        tools=settings_in.tools(fields, plain.tools if plain is not None else None),
        tool_choice=choice,
        parallel_tools=parallel,
        reasoning=settings_in.reasoning(fields),
        output=settings_in.output_format(*_format(fields, from_items)),
        max_tokens=settings_in.max_tokens(fields),
        sampling=settings_in.sampling(fields),
        stop=settings_in.stop(fields),
        stream=fields.take("stream", bool) or False,
        include_usage=stream_options.include_usage or False,
        user=fields.take("safety_identifier", str) or user,
        session=fields.take("prompt_cache_key", str) or _session(headers),
        cache=fields.take("cache_control", Cache),
        # what is left now; members of Responses mean nothing to a provider of this dialect
        extra={} if from_items else fields.rest(),
        dropped=(*left_out, *fields.rest()) if from_items else (),
    )


def _conversation(fields: Fields, from_items: bool) -> tuple[Conversation, tuple[str, ...]]:
    system = {name: decode_content(fields.raw(name), native=NATIVE, path=name) for name in ("system", "instructions")}
    talk = _begun(system)
    if from_items:
        left_out = add_items(fields.raw("input") or msgspec.Raw(b"[]"), talk)
        where = "input"
    else:
        left_out, where = (), "messages"
        raw = fields.raw("messages")
        if raw is not None and not add_plain_messages(jsonio.fitting(raw, list[PlainMessage]), talk):
            talk = _begun(system)
            for index, message in enumerate(read(raw, list[msgspec.Raw], "messages")):
                add_message(message, f"messages[{index}]", talk)
    if not talk.turns and not talk.system:
        raise bad_request(f"{where} must be a list of at least one message.", where)
    return talk, left_out


def _begun(system: Mapping[str, tuple[Block, ...]]) -> Conversation:
    talk = Conversation()
    for name, blocks in system.items():
        talk.add_system(blocks, name)
    return talk


def _format(fields: Fields, from_items: bool) -> tuple[msgspec.Raw | None, str]:
    if from_items and fields.has("text"):
        options = fields.take("text", _TextOptions) or _TextOptions()
        if given(options.format):
            return options.format, "text.format"
    return fields.raw("response_format"), "response_format"


def _session(headers: Mapping[str, str]) -> str | None:
    return next((headers[name] for name in _SESSION_HEADERS if headers.get(name)), None)
