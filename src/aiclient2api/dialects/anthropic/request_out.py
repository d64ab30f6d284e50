"""A canonical request for an Anthropic upstream.

Enters: a request of any dialect, its history repaired, and the model. Leaves: the body of POST /v1/messages and the
headers it needs; always the same bytes for the same request. Refuses: more than one choice, foreign file ids.
"""

import msgspec

from aiclient2api.canonical.errors import bad_request
from aiclient2api.canonical.model import Model
from aiclient2api.canonical.request import OutputFormat, Request
from aiclient2api.dialects.anthropic import thinking_out
from aiclient2api.dialects.anthropic.cache_out import MAX_MARKS, cache_control, trim
from aiclient2api.dialects.anthropic.messages_out import MessageWriter
from aiclient2api.dialects.anthropic.request_in import BETA_HEADER
from aiclient2api.dialects.anthropic.tools_out import name_map, toolbox
from aiclient2api.dialects.base import Outgoing
from aiclient2api.wire import jsonio

FAMILY = "anthropic"
VERSION = ("anthropic-version", "2023-06-01")
"""The later 2026-10-21 refuses sampling parameters even at their defaults."""

JSON_ONLY = "Answer with one JSON object and nothing else."

Wire = dict[str, object]


def encode_request(request: Request, model: Model) -> Outgoing:
    """Body, headers and what was left out. Raises GatewayError("bad_request") for what cannot be carried at all."""
    names = name_map(request)
    writer = MessageWriter(request, model, names)
    plan = thinking_out.plan(request, model)
    tools = toolbox(request, names, plan.on)
    system, messages = writer.system(), writer.messages()
    dropped = [*plan.dropped, *tools.dropped, *writer.dropped]
    if request.output is not None and request.output.kind == "json_object":
        system.append({"type": "text", "text": JSON_ONLY})
    body: Wire = {"model": model.id, "max_tokens": plan.max_tokens}
    _put(body, "system", system)
    body["messages"] = messages
    _put(body, "tools", tools.tools)
    _put(body, "tool_choice", tools.choice)
    _put(body, "thinking", plan.thinking)
    _put(body, "output_config", _output_config(request, plan.effort))
    body.update(_sampling(request, model, plan.on, dropped))
    _put(body, "stop_sequences", _stop(request, dropped))
    if request.stream:
        body["stream"] = True
    _put(body, "metadata", _metadata(request))
    if request.cache is not None:
        body["cache_control"] = cache_control(request.cache)
    headers = _extra(request, body, plan.on, dropped)
    own = int(request.cache is not None)
    marks = own + writer.marks + len([tool for tool in request.tools if tool.cache is not None])
    if marks > MAX_MARKS and trim(_blocks(tools.tools, system, messages), own):
        dropped.append("cache_control")
    return Outgoing(jsonio.encode(body), names, tuple(dict.fromkeys(dropped)), headers)


def _put(body: Wire, name: str, value: object) -> None:
    if value:
        body[name] = value


def _blocks(tools: list[object], system: list[Wire], messages: list[Wire]) -> list[object]:
    """Everything that can bear a cache mark, in the order of the prompt."""
    out: list[object] = [*tools, *system]
    for message in messages:
        content = message["content"]
        for block in content if isinstance(content, list) else ():
            inner = block.get("content")
            out += inner if isinstance(inner, list) else ()
            out.append(block)
    return out


def _output_config(request: Request, effort: str | None) -> Wire:
    config: Wire = {}
    if effort is not None:
        config["effort"] = effort
    if request.output is not None and request.output.kind == "json_schema":
        config["format"] = _format(request.output)
    if request.dialect == FAMILY and "output_config" in request.extra:
        config.update(jsonio.members(request.extra["output_config"]))
    return config


def _format(output: OutputFormat) -> Wire:
    return {"type": "json_schema", "schema": msgspec.Raw(output.schema or b'{"type":"object"}')}


def _sampling(request: Request, model: Model, thinking: bool, dropped: list[str]) -> Wire:
    """What the model takes: newer ones nothing, older ones temperature or top_p, and neither while they think."""
    sampling = request.sampling
    if sampling.n is not None and sampling.n > 1:
        raise bad_request("This provider gives one choice per request; n must be 1.", "n")
    out: Wire = {}
    if sampling.temperature is not None:
        out["temperature"] = min(max(sampling.temperature, 0.0), 1.0)
    if sampling.top_p is not None and sampling.temperature is None:
        out["top_p"] = sampling.top_p
    if sampling.top_k is not None:
        out["top_k"] = sampling.top_k
    if not model.sampling or thinking:
        out = {}
    given = msgspec.structs.asdict(sampling)
    dropped += [
        name for name, value in given.items() if value not in (None, _DEFAULTS.get(name, 0)) and name not in out
    ]
    return out


_DEFAULTS = {"temperature": 1.0, "top_p": 1.0, "n": 1}
"""Sampling values that say nothing; 0 or false for the others."""


def _stop(request: Request, dropped: list[str]) -> list[str]:
    """The API refuses stop sequences of white space only."""
    kept = [text for text in request.stop if text.strip()]
    if len(kept) < len(request.stop):
        dropped.append("stop")
    return kept


def _metadata(request: Request) -> Wire:
    metadata: Wire = {}
    if request.user:
        metadata["user_id"] = request.user
    if request.dialect == FAMILY and "metadata" in request.extra:
        metadata.update(jsonio.members(request.extra["metadata"]))
    return metadata


def _extra(request: Request, body: Wire, thinking: bool, dropped: list[str]) -> tuple[tuple[str, str], ...]:
    """Members that only Anthropic knows go on to Anthropic, the betas they need with them."""
    if request.dialect != FAMILY:
        dropped += [name for name in request.extra if not name.startswith("header:")]
        return (VERSION,)
    headers: tuple[tuple[str, str], ...] = (VERSION,)
    for name, raw in request.extra.items():
        if name == BETA_HEADER:
            headers = (VERSION, ("anthropic-beta", jsonio.decode(raw, str)))
        elif name == "context_management" and not thinking and b"clear_thinking" in raw:
            dropped.append(name)  # such an edit is refused unless thinking is on
        elif name not in body and not name.startswith("header:") and name != "output_config":
            body[name] = msgspec.Raw(raw)
    return headers
