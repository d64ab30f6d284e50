"""A canonical request for a Gemini upstream.

Enters: a request of any dialect, its history repaired, and the model. Leaves: the body of :generateContent and
:streamGenerateContent alike; the model and the verb stand in the path, which is the provider's to build. The same
request always gives the same bytes. Refuses, with bad_request, what cannot be carried and must not be lost.
"""

import msgspec

from aiclient2api.canonical.model import Model
from aiclient2api.canonical.request import Request
from aiclient2api.dialects.base import Outgoing
from aiclient2api.dialects.gemini.config_in import PATH
from aiclient2api.dialects.gemini.config_out import generation_config
from aiclient2api.dialects.gemini.contents_out import contents, system_instruction
from aiclient2api.dialects.gemini.parts_out import Member, Writing
from aiclient2api.dialects.gemini.tools_out import add_tools, name_map
from aiclient2api.wire import jsonio

_NESTED = (f"{PATH}.", "toolConfig.")


def encode_request(request: Request, model: Model) -> Outgoing:
    """Raises GatewayError("bad_request")."""
    return _encode(request, Writing(model, request.dialect, name_map(request), {}))


def encode_request_subset(request: Request, model: Model) -> Outgoing:
    """With schemas in the older subset (`parameters`, `responseSchema`), for servers that refuse JSON Schema."""
    return _encode(request, Writing(model, request.dialect, name_map(request), {}, subset=True))


def _encode(request: Request, writing: Writing) -> Outgoing:
    body: Member = {}
    instruction = system_instruction(request, writing)
    if instruction is not None:
        body["systemInstruction"] = instruction
    body["contents"] = contents(request, writing)
    add_tools(request, writing, body)
    config = generation_config(request, writing)
    if config:
        body["generationConfig"] = config
    _rest(request, writing, body)
    return Outgoing(jsonio.encode(body), writing.names, tuple(writing.dropped))


def _rest(request: Request, writing: Writing, body: Member) -> None:
    """What only a server of the client's own dialect should see, and what this API has no place for."""
    if request.cache is not None:
        writing.drop("cache_control")
    if request.user is not None:
        writing.drop("metadata.user_id" if writing.client == "anthropic" else "user")
    for name, raw in request.extra.items():
        if name.startswith("header:") or (writing.native and name.startswith(_NESTED)):
            continue
        if writing.native:
            body.setdefault(name, msgspec.Raw(raw))
        else:
            writing.drop(name)
