"""A client's Responses body as a canonical Request.

Enters: the body of POST /v1/responses and lower-case headers. Refuses, with bad_request naming the member: broken
JSON, a missing model or input, a wrong type, and what needs answers stored on the server. Members without a word of
ours are kept raw for a provider of the same dialect.
"""

from collections.abc import Mapping

import msgspec

from aiclient2api.canonical.errors import bad_request
from aiclient2api.canonical.request import Request
from aiclient2api.dialects.openai_chat.fields import Fields, fields_of
from aiclient2api.dialects.openai_chat.messages_in import NATIVE as FAMILY
from aiclient2api.dialects.openai_chat.settings_in import max_tokens, sampling, stop
from aiclient2api.dialects.openai_responses import settings_in
from aiclient2api.dialects.openai_responses.items_in import DIALECT, Items
from aiclient2api.dialects.openai_responses.settings_in import Extra
from aiclient2api.dialects.openai_responses.tools_in import Toolset, tool_choice
from aiclient2api.dialects.parts import decode_content
from aiclient2api.wire import jsonio

_SESSION_HEADERS = ("session-id", "session_id", "x-session-id", "thread-id", "conversation_id", "x-session-affinity")
"""Where coding agents put what ties a conversation's requests together."""

NAMESPACES = "namespaces"
"""Where Request.extra keeps the descriptions of namespaces, by name."""


def decode_request(body: bytes, headers: Mapping[str, str]) -> Request:
    """Raises GatewayError("bad_request") and nothing else."""
    fields = fields_of(body)
    model = fields.take("model", str)
    if not model:
        raise bad_request("model is missing." if model is None else "model is empty.", "model")
    settings_in.refuse_state(fields)
    toolset = Toolset()
    for path, raw in fields.items("tools"):
        toolset.add(raw, path)
    items = _conversation(fields, toolset)
    extra: Extra = {}
    chosen = tool_choice(fields.raw("tool_choice"), toolset.tools)
    if chosen.raw is not None:
        extra["tool_choice"] = chosen.raw
    user = fields.take("user", str)
    request = Request(
        dialect=DIALECT,
        model=model,
        turns=tuple(items.talk.turns),
        system=tuple(items.talk.system),
        tools=toolset.tools,
        tool_choice=chosen.choice,
        parallel_tools=fields.take("parallel_tool_calls", bool),
        reasoning=settings_in.reasoning(fields, extra),
        output=settings_in.text_format(fields, extra),
        max_tokens=max_tokens(fields),
        sampling=sampling(fields),
        stop=stop(fields),
        stream=fields.take("stream", bool) or False,
        include_usage=True,
        user=fields.take("safety_identifier", str) or user,
        session=fields.take("prompt_cache_key", str) or _session(headers),
    )
    dropped = (*items.left_out, *toolset.left_out, *(["store"] if fields.take("store", bool) else []))
    _rest(fields, toolset, extra)
    return msgspec.structs.replace(request, extra=settings_in.without_defaults(extra), dropped=dropped)


def _conversation(fields: Fields, toolset: Toolset) -> Items:
    items = Items(toolset)
    instructions = decode_content(fields.raw("instructions"), native=FAMILY, path="instructions")
    items.talk.add_system(instructions, "instructions")
    raw = fields.raw("input")
    if raw is None:
        raise bad_request("input is missing.", "input")
    items.read(raw)
    if not items.talk.turns and not items.talk.system:
        raise bad_request("input must not be empty.", "input")
    return items


def _rest(fields: Fields, toolset: Toolset, extra: Extra) -> None:
    """What is left of the body; how the stream is padded against eavesdroppers is no wish for the model."""
    settings_in.include(fields, extra)
    fields.raw("stream_options")
    if toolset.namespaces:
        extra[NAMESPACES] = jsonio.encode(toolset.namespaces)
    extra.update(fields.rest())


def _session(headers: Mapping[str, str]) -> str | None:
    return next((headers[name] for name in _SESSION_HEADERS if headers.get(name)), None)
