"""What a client asks of the answer beside the messages: tools, tool choice, reasoning, output format, sampling.

Every spelling that clients are known to send is understood: Chat's own, its legacy functions, the flat ones of
Responses, Anthropic's.
"""

from typing import Literal

import msgspec

from aiclient2api.canonical.errors import bad_request
from aiclient2api.canonical.request import OutputFormat, Reasoning, Sampling, Tool, ToolChoice
from aiclient2api.dialects.openai_chat.fields import MAX_INTEGER, Fields
from aiclient2api.dialects.reading import given, json_object, read
from aiclient2api.dialects.tool_shapes import decode_tools


def tools(fields: Fields, listed: list[msgspec.Raw] | None = None) -> tuple[Tool, ...]:
    """`tools`, or what was read of them as `listed`, and the legacy `functions`."""
    given_tools = listed or fields.raw("tools")
    functions = fields.raw("functions")
    return (
        *(decode_tools(given_tools, "tools") if given_tools is not None else ()),
        *(decode_tools(functions, "functions") if functions is not None else ()),
    )


class _Named(msgspec.Struct):
    name: str = ""


class _ChoiceTool(msgspec.Struct):
    name: str = ""
    function: _Named | None = None
    custom: _Named | None = None

    @property
    def tool_name(self) -> str:
        return self.name or (self.function or self.custom or _Named()).name


class _Allowed(msgspec.Struct):
    mode: str = "auto"
    tools: list[_ChoiceTool] = []


class _Choice(_Allowed):
    """All object forms: {type, function:{name}}, {type, name}, {name}, {type, allowed_tools} and that flattened."""

    type: str | None = None
    name: str = ""
    function: _Named | None = None
    custom: _Named | None = None
    allowed_tools: _Allowed | None = None
    disable_parallel_tool_use: bool | None = None


_MODES: dict[str, Literal["auto", "any", "none"]] = {
    "auto": "auto",
    "validated": "auto",
    "any": "any",
    "required": "any",
    "none": "none",
}


def tool_choice(fields: Fields) -> tuple[ToolChoice | None, bool | None]:
    """The choice, and whether calls may be parallel (Anthropic's choice object says that too)."""
    parallel = fields.take("parallel_tool_calls", bool)
    chosen: ToolChoice | None = None
    for name in ("function_call", "tool_choice"):
        raw = fields.raw(name)
        if raw is None:
            continue
        if bytes(raw).startswith(b'"'):
            chosen = ToolChoice(_mode(read(raw, str, name), name))
            continue
        shape = read(raw, _Choice, name)
        chosen = _choice(shape, name)
        if shape.disable_parallel_tool_use is not None and parallel is None:
            parallel = not shape.disable_parallel_tool_use
    return chosen, parallel


def _mode(word: str, path: str) -> Literal["auto", "any", "none"]:
    if word not in _MODES:
        raise bad_request(f"{path} {word!r} is not known; use auto, required, none or a tool.", path)
    return _MODES[word]


def _choice(shape: _Choice, path: str) -> ToolChoice:
    if shape.type == "allowed_tools":
        allowed = shape.allowed_tools or _Allowed(shape.mode, shape.tools)
        names = tuple(tool.tool_name for tool in allowed.tools if tool.tool_name)
        return ToolChoice(_mode(allowed.mode, f"{path}.mode"), allowed=names)
    if shape.type in (None, "function", "custom", "tool"):
        name = shape.name or (shape.function or shape.custom or _Named()).name
        if not name:
            raise bad_request(f"{path} names no tool.", f"{path}.name")
        return ToolChoice("tool", name)
    return ToolChoice(_mode(shape.type, f"{path}.type"))


class _ReasoningShape(msgspec.Struct):
    effort: str | None = None
    enabled: bool | None = None
    max_tokens: int | None = None


class _ThinkingShape(msgspec.Struct):
    type: str | None = None
    budget_tokens: int | None = None
    display: str | None = None


def reasoning(fields: Fields) -> Reasoning | None:
    """`reasoning_effort`, else `reasoning` (OpenRouter, Responses), else `thinking` (Anthropic and many others)."""
    effort = fields.take("reasoning_effort", str)
    shape = fields.take("reasoning", _ReasoningShape)
    thinking = fields.take("thinking", _ThinkingShape)
    if effort is not None:
        return _effort(effort, "reasoning_effort")
    if shape is not None and (found := _reasoning(shape)) is not None:
        return found
    return _thinking(thinking) if thinking is not None else None


_EFFORTS: dict[str, Reasoning] = {
    "none": Reasoning("off"),
    "minimal": Reasoning("effort", "minimal"),
    "low": Reasoning("effort", "low"),
    "medium": Reasoning("effort", "medium"),
    "high": Reasoning("effort", "high"),
    "xhigh": Reasoning("effort", "xhigh"),
    "max": Reasoning("effort", "max"),
}


def _effort(word: str, path: str) -> Reasoning:
    if word not in _EFFORTS:
        raise bad_request(f"{path} {word!r} is not known; use one of {', '.join(_EFFORTS)}.", path)
    return _EFFORTS[word]


def _reasoning(shape: _ReasoningShape) -> Reasoning | None:
    if shape.enabled is False:
        return Reasoning("off")
    if shape.effort is not None:
        return _effort(shape.effort, "reasoning.effort")
    if shape.max_tokens is not None:
        return _budget(shape.max_tokens, "reasoning.max_tokens", None)
    return Reasoning("auto") if shape.enabled else None


def _budget(tokens: int, path: str, display: str | None) -> Reasoning:
    if not 0 <= tokens <= MAX_INTEGER:
        raise bad_request(f"{path} must be a whole number of tokens.", path)
    return Reasoning("budget", budget=tokens, display=display) if tokens else Reasoning("off")


def _thinking(shape: _ThinkingShape) -> Reasoning:
    if shape.type == "disabled":
        return Reasoning("off")
    if shape.type == "between_tools":
        return Reasoning("between_tools", display=shape.display)
    if shape.type in ("enabled", None) and shape.budget_tokens is not None:
        return _budget(shape.budget_tokens, "thinking.budget_tokens", shape.display)
    if shape.type in ("enabled", "adaptive", "auto"):
        return Reasoning("auto", display=shape.display)
    raise bad_request(f"thinking.type {shape.type!r} is not known.", "thinking.type")


class _SchemaShape(msgspec.Struct):
    name: str | None = None
    description: str | None = None
    schema: msgspec.Raw = msgspec.Raw()
    strict: bool | None = None


class _FormatShape(_SchemaShape):
    """Chat nests under `json_schema`, Responses does not."""

    type: str | None = None
    json_schema: _SchemaShape | None = None


def output_format(raw: msgspec.Raw | None, path: str) -> OutputFormat | None:
    """`response_format`, or `text.format` of Responses; None for plain text."""
    if raw is None:
        return None
    shape = read(raw, _FormatShape, path)
    if shape.type in ("text", None):
        return None
    if shape.type == "json_object":
        return OutputFormat("json_object")
    if shape.type != "json_schema":
        raise bad_request(f"{path}.type {shape.type!r} is not known.", f"{path}.type")
    inner, place = (shape, path) if shape.json_schema is None else (shape.json_schema, f"{path}.json_schema")
    schema = json_object(inner.schema, f"{place}.schema") if given(inner.schema) else None
    return OutputFormat("json_schema", inner.name, schema, inner.strict, inner.description)


def stop(fields: Fields) -> tuple[str, ...]:
    """A string or a list of them; Anthropic's name is understood too."""
    found: list[str] = []
    for name in ("stop", "stop_sequences"):
        raw = fields.raw(name)
        if raw is not None:
            found += [read(raw, str, name)] if bytes(raw).startswith(b'"') else read(raw, list[str], name)
    return tuple(text for text in found if text)


def sampling(fields: Fields) -> Sampling:
    return Sampling(
        temperature=fields.take("temperature", float),
        top_p=fields.take("top_p", float),
        top_k=fields.integer("top_k", 0),
        seed=fields.integer("seed", -MAX_INTEGER),
        presence_penalty=fields.take("presence_penalty", float),
        frequency_penalty=fields.take("frequency_penalty", float),
        n=fields.integer("n", 1, 128),
        logprobs=fields.take("logprobs", bool),
        top_logprobs=fields.integer("top_logprobs", 0),
    )


def max_tokens(fields: Fields) -> int | None:
    """The newest name wins."""
    names = ("max_completion_tokens", "max_output_tokens", "max_tokens")
    found = [fields.integer(name, 1) for name in names]
    return next((count for count in found if count is not None), None)
