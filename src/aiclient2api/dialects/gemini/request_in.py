"""A client's generateContent body as a canonical Request.

Enters: the body and lower-case headers. What this API says in the path comes as headers that no client can send:
":model" (the model, with or without "models/") and ":stream" ("sse" or "array" for streamGenerateContent with and
without alt=sse; absent for generateContent). Refuses, with bad_request naming the member: broken JSON, a missing model
or contents, a wrong type. Unknown members are kept raw for a provider of the same dialect.
"""

from collections.abc import Mapping

import msgspec

from aiclient2api.canonical.errors import bad_request
from aiclient2api.canonical.request import Request, Text
from aiclient2api.dialects.gemini.config_in import config
from aiclient2api.dialects.gemini.contents_in import Contents, system_texts
from aiclient2api.dialects.gemini.fields import Members, camel, listed
from aiclient2api.dialects.gemini.tools_in import tool_choice, tools
from aiclient2api.dialects.reading import given, read, refused
from aiclient2api.wire import jsonio

DIALECT = "gemini"
MODEL_HEADER = ":model"
STREAM_HEADER = ":stream"

_KNOWN = frozenset({"model", "contents", "systemInstruction", "tools", "toolConfig", "generationConfig"})
_SESSION_HEADERS = ("x-session-id", "session-id", "session_id", "x-session-affinity")
"""Where coding agents put what ties a conversation's requests together."""


def decode_request(body: bytes, headers: Mapping[str, str]) -> Request:
    """Raises GatewayError("bad_request") and nothing else."""
    raws = body_members(body)
    found = {camel(name): raw for name, raw in raws.items()}
    contents = _contents(found.get("contents"))
    system = system_texts(found.get("systemInstruction"), "systemInstruction")
    leading = next((i for i, turn in enumerate(contents.turns) if turn.role != "system"), len(contents.turns))
    system += tuple(block for turn in contents.turns[:leading] for block in turn.blocks if isinstance(block, Text))
    if not contents.turns:
        raise bad_request("contents must be a list of at least one content.", "contents")
    declared = tools(found.get("tools"))
    choice = tool_choice(found.get("toolConfig"))
    wanted = config(found.get("generationConfig"))
    rest = {name: bytes(raw) for name, raw in raws.items() if camel(name) not in _KNOWN}
    return Request(
        dialect=DIALECT,
        model=model_of(headers, found),
        turns=tuple(contents.turns[leading:]),
        system=system,
        tools=declared.tools,
        tool_choice=choice.choice,
        reasoning=wanted.reasoning,
        output=wanted.output,
        max_tokens=wanted.max_tokens,
        sampling=wanted.sampling,
        stop=wanted.stop,
        stream=headers.get(STREAM_HEADER, "") != "",
        include_usage=True,
        session=next((headers[name] for name in _SESSION_HEADERS if headers.get(name)), None),
        extra={**rest, **choice.extra, **wanted.extra},
        dropped=(*dict.fromkeys(contents.dropped), *declared.dropped),
    )


def _contents(raw: msgspec.Raw | None) -> Contents:
    contents = Contents()
    if raw is not None and contents.add_plain(raw):
        return contents
    contents = Contents()
    for path, each in listed(raw, "contents"):
        contents.add(each, path)
    return contents


def decode_count_request(body: bytes, headers: Mapping[str, str]) -> Request:
    """The request whose tokens `:countTokens` asks for: it stands in the body, or under generateContentRequest."""
    inner = next((raw for name, raw in body_members(body).items() if camel(name) == "generateContentRequest"), None)
    return decode_request(body if inner is None else bytes(inner), headers)


def encode_count(tokens: int) -> bytes:
    """The answer of `:countTokens`."""
    return jsonio.encode({"totalTokens": tokens})


def body_members(body: bytes) -> Members:
    """The top-level members that are there and not null, by the names the client used. Raises bad_request."""
    try:
        return {name: raw for name, raw in jsonio.members(body).items() if given(raw)}
    except jsonio.JsonError as error:
        raise refused(error, "") from None


def model_of(headers: Mapping[str, str], found: Members) -> str:
    """The model of the path; a model in the body is what countTokens repeats there. Raises bad_request."""
    model = headers.get(MODEL_HEADER) or (read(found["model"], str, "model") if "model" in found else "")
    model = model.strip().removeprefix("models/")
    if not model:
        raise bad_request("The model is missing in the path: /v1beta/models/MODEL:generateContent.", "model")
    return model
