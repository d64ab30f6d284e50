"""A canonical Request as the body of POST /v1/responses for any compatible server.

The same request always gives the same bytes. Nothing is stored there, so that reasoning comes back encrypted and the
whole conversation goes out each time. What the dialect has no place for is named in Outgoing.dropped; what must not
be lost is refused with bad_request.
"""

import hashlib

import msgspec

from aiclient2api.canonical.errors import bad_request
from aiclient2api.canonical.model import Model
from aiclient2api.canonical.request import OutputFormat, Reasoning, Request
from aiclient2api.dialects.base import Outgoing
from aiclient2api.dialects.effort import level_of, nearest
from aiclient2api.dialects.openai_chat.parts_out import Member, Writing
from aiclient2api.dialects.openai_responses.input_out import InputWriter, system_out
from aiclient2api.dialects.openai_responses.items_in import DIALECT
from aiclient2api.dialects.openai_responses.request_in import NAMESPACES
from aiclient2api.dialects.openai_responses.settings_in import ENCRYPTED
from aiclient2api.dialects.openai_responses.tools_out import choice_out, name_map, tools_out
from aiclient2api.wire import jsonio

MIN_OUTPUT = 16
"""The API refuses a smaller max_output_tokens; clients of other dialects probe with 1."""

_NO_SCHEMA = b'{"type":"object"}'


def encode_request(request: Request, model: Model) -> Outgoing:
    """Raises GatewayError("bad_request") for what cannot be carried and must not be lost."""
    if (request.sampling.n or 1) > 1:
        raise bad_request("n: only one answer per request can be given here; leave n out or set it to 1.", "n")
    writing = Writing(model, request.dialect, name_map(request), {})
    body: Member = {"model": model.id}
    said = InputWriter(writing).items(request.turns)
    system, items = system_out(request, writing, alone=not said)
    if system is not None:
        body["instructions"] = system
    body["input"] = [*items, *said]
    _tools(request, writing, body)
    _limits(request, writing, body)
    _reasoning(request, writing, body)
    if request.output is not None:
        body["text"] = {"format": format_out(request.output)}
    _rest(request, writing, body)
    body["store"] = False
    body["stream"] = request.stream
    return Outgoing(jsonio.encode(body), writing.names, tuple(writing.dropped))


def _tools(request: Request, writing: Writing, body: Member) -> None:
    """The definitions, and how they may be used: a choice without tools is refused by the API."""
    tools = tools_out(request, writing.names, writing.dropped)
    if not tools:
        return
    body["tools"] = tools
    if request.tool_choice is not None:
        body["tool_choice"] = choice_out(request.tool_choice, request, writing.names)
    if request.parallel_tools is not None:
        body["parallel_tool_calls"] = request.parallel_tools


def _limits(request: Request, writing: Writing, body: Member) -> None:
    if request.max_tokens is not None:
        wanted = min(request.max_tokens, writing.model.max_output or request.max_tokens)
        body["max_output_tokens"] = wanted if request.dialect == DIALECT else max(wanted, MIN_OUTPUT)
    if request.stop:
        writing.drop("stop")
    sampling = request.sampling
    for name, value in (("temperature", sampling.temperature), ("top_p", sampling.top_p)):
        if value is not None and writing.model.sampling:
            body[name] = value
        elif value is not None:
            writing.drop(name)
    unknown = {
        "top_k": sampling.top_k,
        "seed": sampling.seed is not None,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
        "logprobs": sampling.logprobs,
        "top_logprobs": sampling.top_logprobs,  # the answer could not carry them
    }
    for name, asked in unknown.items():
        if asked:
            writing.drop(name)


_SUMMARIES = frozenset({"auto", "concise", "detailed"})


def _reasoning(request: Request, writing: Writing, body: Member) -> None:
    """Effort and summary. Encrypted reasoning is asked for only where there is reasoning: other models refuse it."""
    reasoning, known = request.reasoning, "effort" in writing.model.thinking
    native = request.dialect == DIALECT and reasoning is not None
    if known or native:
        body["include"] = [ENCRYPTED]
    if reasoning is None:
        return
    if not (known or native):
        if reasoning.mode != "off":
            writing.drop("reasoning_effort" if writing.openai else "thinking")
        return
    wire: Member = {}
    if reasoning.effort is not None or reasoning.mode not in ("auto", "between_tools"):
        wire["effort"] = _effort(reasoning, writing.model.efforts if known else ())
    summary = _summary(reasoning)
    if summary is not None:
        wire["summary"] = summary
    if wire:
        body["reasoning"] = wire


def _summary(reasoning: Reasoning) -> str | None:
    """Who asked for thinking in another vendor's words wants to see some of it; an effort alone does not say so."""
    if reasoning.display is not None:
        shown = reasoning.display if reasoning.display in _SUMMARIES else "auto"
        return None if reasoning.display == "omitted" else shown
    return None if reasoning.mode in ("effort", "off") else "auto"


def _effort(reasoning: Reasoning, known: tuple[str, ...]) -> str:
    """The API's word for it; of the levels that the model knows the nearest."""
    if reasoning.mode == "off":
        return "none" if not known or "none" in known else nearest("minimal", known)
    if reasoning.mode == "budget":
        return nearest(level_of(reasoning.budget or 0), known)
    return nearest(reasoning.effort or "medium", known)


def format_out(output: OutputFormat) -> Member:
    """`text.format`; the API insists on a name."""
    if output.kind == "json_object":
        return {"type": "json_object"}
    form: Member = {"type": "json_schema", "name": output.name or "response"}
    if output.description is not None:
        form["description"] = output.description
    form["schema"] = msgspec.Raw(output.schema or _NO_SCHEMA)
    if output.strict is not None:
        form["strict"] = output.strict
    return form


def _rest(request: Request, writing: Writing, body: Member) -> None:
    """What only a server of the client's own dialect should see; members of `text` and `reasoning` go back there."""
    if request.cache is not None:
        writing.drop("cache_control")
    if request.user is not None:
        if writing.openai:
            body["user"] = request.user
        else:
            writing.drop("metadata.user_id" if request.dialect == "anthropic" else "user")
    if request.session is not None:
        body["prompt_cache_key"] = request.session if writing.openai else _digest(request.session)
    for path, raw in request.extra.items():
        if request.dialect != DIALECT:
            writing.drop(path)
        elif path == "include":
            _include(raw, body)
        elif path != NAMESPACES:
            _put(path, msgspec.Raw(raw), body)


def _digest(session: str) -> str:
    """Another vendor's session names a person's machine; the cache needs only something that stays the same."""
    return hashlib.sha256(session.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _include(raw: bytes, body: Member) -> None:
    own = body.get("include")
    asked = jsonio.decode(raw, list[str])
    body["include"] = [*(own if isinstance(own, list) else []), *asked]


def _put(path: str, raw: msgspec.Raw, body: Member) -> None:
    outer, _, inner = path.partition(".")
    if not inner:
        body.setdefault(path, raw)
        return
    member = body.setdefault(outer, {})
    if isinstance(member, dict):
        member.setdefault(inner, raw)
