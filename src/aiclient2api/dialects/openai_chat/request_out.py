"""A canonical Request as a Chat Completions body for any compatible server.

The same request always gives the same bytes. What the dialect has no place for is named in Outgoing.dropped; what
must not be lost is refused with bad_request.
"""

import msgspec

from aiclient2api.canonical.errors import bad_request
from aiclient2api.canonical.model import Model
from aiclient2api.canonical.request import OutputFormat, Reasoning, Request, Tool, ToolChoice
from aiclient2api.dialects.base import Outgoing
from aiclient2api.dialects.names import NameMap, flat_names
from aiclient2api.dialects.openai_chat.messages_out import messages
from aiclient2api.dialects.openai_chat.parts_out import Member, Writing
from aiclient2api.wire import jsonio

DIALECT = "openai_chat"
NAME_LIMIT = 64
_NO_ARGUMENTS = b'{"type":"object","properties":{}}'


def name_map(request: Request) -> NameMap:
    """Tool names as the client has them to those on the wire; made from the request alone, definitions first."""
    return NameMap(flat_names(request), NAME_LIMIT)


def encode_request(request: Request, model: Model) -> Outgoing:
    """Raises GatewayError("bad_request") for what cannot be carried and must not be lost."""
    if (request.sampling.n or 1) > 1:
        raise bad_request("n: only one answer per request can be given here; leave n out or set it to 1.", "n")
    writing = Writing(model, request.dialect, name_map(request), {})
    body: Member = {"model": model.id, "messages": messages(request, writing)}
    _tools(request, writing, body)
    _limits(request, writing, body)
    _sampling(request, writing, body)
    _reasoning(request, writing, body)
    if request.output is not None:
        body["response_format"] = _output(request.output)
    body["stream"] = request.stream
    if request.stream:
        body["stream_options"] = {"include_usage": True}
    _rest(request, writing, body)
    return Outgoing(jsonio.encode(body), writing.names, tuple(writing.dropped))


def _limits(request: Request, writing: Writing, body: Member) -> None:
    """OpenAI's reasoning models know only the new name of the limit, most other servers only the old one."""
    if request.max_tokens is not None:
        name = "max_completion_tokens" if "effort" in writing.model.thinking else "max_tokens"
        body[name] = min(request.max_tokens, writing.model.max_output or request.max_tokens)
    if request.stop:
        body["stop"] = list(request.stop)


def _sampling(request: Request, writing: Writing, body: Member) -> None:
    sampling = request.sampling
    given = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
        "seed": sampling.seed,
    }
    for name, value in given.items():
        if value is None:
            continue
        if writing.model.sampling and (name != "top_k" or request.dialect == DIALECT):
            body[name] = value
        else:
            writing.drop(name)
    for name, asked in (("logprobs", sampling.logprobs), ("top_logprobs", sampling.top_logprobs)):
        if asked:  # the answer could not carry them
            writing.drop(name)


_LEVELS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_BUDGETS = ((1024, "minimal"), (4096, "low"), (12288, "medium"), (28672, "high"))
"""Up to how many tokens of thinking which effort comes nearest."""


def _reasoning(request: Request, writing: Writing, body: Member) -> None:
    reasoning = request.reasoning
    if reasoning is None or reasoning.mode in ("auto", "between_tools"):
        return
    level = _level(reasoning)
    if "effort" in writing.model.thinking:
        body["reasoning_effort"] = _nearest(level, writing.model.efforts)
    elif request.dialect == DIALECT and reasoning.mode != "budget":
        body["reasoning_effort"] = level  # the client knows its server better than our table does
    elif reasoning.mode != "off":
        writing.drop("reasoning_effort" if writing.openai else "thinking")


def _level(reasoning: Reasoning) -> str:
    if reasoning.mode == "off":
        return "none"
    if reasoning.mode == "budget":
        budget = reasoning.budget or 0
        return next((level for limit, level in _BUDGETS if budget <= limit), "xhigh")
    return reasoning.effort or "medium"


def _nearest(level: str, known: tuple[str, ...]) -> str:
    """The level itself, or of those the model knows the one that is least far away, the lower of two. Only who asked
    for no thinking gets none."""
    if level in known:
        return level
    levels = [each for each in _LEVELS if each in known and each != "none"]
    if not levels:
        return level
    place = _LEVELS.index(level)
    return min(levels, key=lambda each: abs(_LEVELS.index(each) - place))


def _output(output: OutputFormat) -> Member:
    if output.kind == "json_object":
        return {"type": "json_object"}
    inner: Member = {"name": output.name or "response"}
    if output.description is not None:
        inner["description"] = output.description
    inner["schema"] = msgspec.Raw(output.schema or _NO_ARGUMENTS)
    if output.strict is not None:
        inner["strict"] = output.strict
    return {"type": "json_schema", "json_schema": inner}


def _tools(request: Request, writing: Writing, body: Member) -> None:
    """The definitions (of two with one name the first), and how they may be used: both only if there are any."""
    tools: dict[str, Member | msgspec.Raw] = {}
    for tool in request.tools:
        if tool.cache is not None:
            writing.drop("cache_control")
        if tool.kind == "server":
            if request.dialect == DIALECT and tool.raw is not None:
                tools.setdefault(f" {tool.name}", msgspec.Raw(tool.raw))
            else:
                writing.drop(f"tools.{tool.type or tool.name}")
            continue
        name = writing.names.of(tool)
        tools.setdefault(name, _tool(tool, name))
    if not tools:
        return
    body["tools"] = list(tools.values())
    if request.tool_choice is not None:
        body["tool_choice"] = _tool_choice(request.tool_choice, request, writing)
    if request.parallel_tools is not None:
        body["parallel_tool_calls"] = request.parallel_tools


def _tool(tool: Tool, name: str) -> Member:
    inner: Member = {"name": name}
    if tool.description:
        inner["description"] = tool.description
    if tool.kind == "custom":
        if tool.grammar is not None:
            inner["format"] = _grammar(tool.grammar)
        return {"type": "custom", "custom": inner}
    inner["parameters"] = msgspec.Raw(tool.schema or _NO_ARGUMENTS)
    if tool.strict is not None:
        inner["strict"] = tool.strict
    return {"type": "function", "function": inner}


class _FlatGrammar(msgspec.Struct):
    """As Responses writes it; Chat nests syntax and definition under `grammar`."""

    syntax: str
    definition: str


def _grammar(raw: bytes) -> Member | msgspec.Raw:
    try:
        flat = jsonio.decode(raw, _FlatGrammar)
    except jsonio.JsonError:
        return msgspec.Raw(raw)
    return {"type": "grammar", "grammar": {"syntax": flat.syntax, "definition": flat.definition}}


_MODES = {"auto": "auto", "any": "required", "none": "none"}


def _tool_choice(choice: ToolChoice, request: Request, writing: Writing) -> object:
    customs = {tool.name for tool in request.tools if tool.kind == "custom"}

    def named(name: str) -> Member:
        kind = "custom" if name in customs else "function"
        return {"type": kind, kind: {"name": writing.names.to_wire(name)}}

    if choice.mode == "tool":
        return named(choice.name or "")
    if choice.allowed:
        allowed = [named(name) for name in choice.allowed]
        return {"type": "allowed_tools", "allowed_tools": {"mode": _MODES[choice.mode], "tools": allowed}}
    return _MODES[choice.mode]


def _rest(request: Request, writing: Writing, body: Member) -> None:
    """What only a server of the client's own dialect should see."""
    if request.cache is not None or [turn for turn in request.turns if turn.cache is not None]:
        writing.drop("cache_control")
    if request.user is not None:
        if writing.openai:
            body["user"] = request.user
        else:
            writing.drop("metadata.user_id" if request.dialect == "anthropic" else "user")
    if request.session is not None and request.dialect == DIALECT:
        body["prompt_cache_key"] = request.session
    for name, raw in request.extra.items():
        if request.dialect == DIALECT:
            body.setdefault(name, msgspec.Raw(raw))
        else:
            writing.drop(name)
