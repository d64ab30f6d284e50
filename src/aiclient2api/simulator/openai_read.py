"""A request of the OpenAI Chat Completions API, checked as the vendor checks it and read as a Scene.

Refuses (BadRequest): missing and unknown members, wrong roles and parts, tool calls without their results, schemas
and settings that the model does not take.
"""

import re
from collections.abc import Iterable
from typing import Literal

from aiclient2api.simulator.openai_http import BadRequest, Json, invalid, missing, unknown
from aiclient2api.simulator.openai_rules import check_chat, check_length, effort_of, picture
from aiclient2api.simulator.openai_schema import check_format, check_function
from aiclient2api.simulator.scene import (
    FREE_FORM,
    Outcome,
    Paper,
    Picture,
    Scene,
    ToolCard,
    Turn,
    as_dict,
    as_list,
    as_text,
    decoded,
)

_MEMBERS = (
    "model messages max_completion_tokens max_tokens temperature top_p n stop presence_penalty frequency_penalty"
    " logit_bias logprobs top_logprobs seed stream stream_options tools tool_choice parallel_tool_calls response_format"
    " reasoning_effort verbosity modalities audio prediction user safety_identifier prompt_cache_key"
    " prompt_cache_options prompt_cache_retention metadata store service_tier web_search_options moderation functions"
    " function_call"
)
_KNOWN = frozenset(_MEMBERS.split())
_ROLES = ("system", "developer", "user", "assistant", "tool", "function")
_PARTS = {
    "system": ("text",),
    "developer": ("text",),
    "user": ("text", "image_url", "input_audio", "file"),
    "assistant": ("text", "refusal"),
    "tool": ("text",),
    "function": ("text",),
}
_CHOICES: dict[str, Literal["auto", "none", "any"]] = {"none": "none", "auto": "auto", "required": "any"}
_DETAILS = ("auto", "low", "high", "original")
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
MAX_ID = 40
_TOO_LONG = "string_above_max_length"


def read(body: Json) -> Scene:
    """The conversation. Raises BadRequest."""
    _top(body)
    model = as_text(body["model"])
    effort = effort_of(model, body.get("reasoning_effort"), "reasoning_effort")
    check_chat(body, model, effort)
    messages = [as_dict(each) for each in as_list(body["messages"])]
    for number, message in enumerate(messages):
        _check(message, f"messages[{number}]")
    _pairing(messages)
    systems = (_plain(each.get("content")) for each in messages if each.get("role") in ("system", "developer"))
    limit = body.get("max_completion_tokens", body.get("max_tokens"))
    stop = body.get("stop")
    tools = _tools(body.get("tools"))
    mode, named = _choice(body.get("tool_choice"), tools)
    scene = Scene(
        turns=tuple(_turns(messages)),
        system="\n\n".join(systems),
        tools=tools,
        choice=mode,
        named=named,
        parallel=body.get("parallel_tool_calls") is not False,
        form=_form(as_dict(body.get("response_format")), messages),
        thinking=body.get("reasoning_effort") is not None and effort != "none",
        max_tokens=limit if isinstance(limit, int) else None,
        stops=(stop,) if isinstance(stop, str) else tuple(as_text(each) for each in as_list(stop)),
    )
    check_length(scene, "messages")
    return scene


def _top(body: Json) -> None:
    for name in ("model", "messages"):
        if name not in body:
            raise missing(name)
    for name in body:
        if name not in _KNOWN:
            raise unknown(name)
    model = as_text(body["model"])
    if not model or model.startswith("no-such"):
        raise BadRequest(f"The model `{model}` does not exist.", None, "model_not_found", 404)
    if not as_list(body["messages"]):
        raise BadRequest("Invalid 'messages': empty array.", "messages", "empty_array")
    if body.get("max_tokens") is not None and body.get("max_completion_tokens") is not None:
        raise BadRequest("Set either 'max_tokens' or 'max_completion_tokens', not both.", "max_tokens")
    count = body.get("n")
    if count is not None and (not isinstance(count, int) or not 1 <= count <= 8):
        raise BadRequest("Invalid 'n'.", "n", "invalid_value")
    if body.get("stream_options") is not None and body.get("stream") is not True:
        raise BadRequest("The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options")
    if len(as_list(body.get("stop"))) > 4:
        raise BadRequest("Invalid 'stop': array too long. Expected at most 4.", "stop", "array_above_max_length")


def _check(message: Json, where: str) -> None:
    role = as_text(message.get("role"))
    if role not in _ROLES:
        raise invalid(f"{where}.role", role, _ROLES)
    content = message.get("content")
    if isinstance(content, list):
        for number, part in enumerate(as_dict(each) for each in content):
            if part.get("type") not in _PARTS[role]:
                raise invalid(f"{where}.content[{number}].type", as_text(part.get("type")), _PARTS[role])
    elif not isinstance(content, str) and not (role == "assistant" and _speaks_otherwise(message)):
        raise BadRequest("Invalid type for content: expected a string or parts.", f"{where}.content", "invalid_type")
    for number, call in enumerate(as_list(message.get("tool_calls"))):
        _check_call(as_dict(call), f"{where}.tool_calls[{number}]")


def _check_call(call: Json, where: str) -> None:
    call_id = as_text(call.get("id"))
    function = as_dict(call.get("function")) or as_dict(call.get("custom"))
    if not call_id or not as_text(function.get("name")):
        raise BadRequest("Missing required parameter.", where, "invalid_value")
    if len(call_id) > MAX_ID:
        found = f"string too long. Expected a string with maximum length {MAX_ID}, but got a string with length"
        raise BadRequest(f"Invalid '{where}.id': {found} {len(call_id)} instead.", f"{where}.id", _TOO_LONG)


def _speaks_otherwise(message: Json) -> bool:
    return any(message.get(name) for name in ("tool_calls", "function_call", "refusal", "audio"))


def _pairing(messages: list[Json]) -> None:
    """Tool messages directly follow the assistant message whose calls they answer, each call once."""
    waiting: set[str] = set()
    after_calls = False
    for number, message in enumerate(messages):
        if message.get("role") == "tool":
            if not after_calls:
                raise BadRequest(
                    "messages with role 'tool' must be a response to a preceding message with 'tool_calls'.",
                    f"messages[{number}].role",
                )
            if (answered := as_text(message.get("tool_call_id"))) not in waiting:
                raise BadRequest(f"Unknown tool_call_id '{answered}'.", f"messages[{number}].tool_call_id")
            waiting.discard(answered)
            continue
        _answered(waiting, number)
        waiting = {as_text(as_dict(call).get("id")) for call in as_list(message.get("tool_calls"))}
        after_calls = bool(waiting)
    _answered(waiting, len(messages))


def _answered(waiting: set[str], number: int) -> None:
    if waiting:
        words = "An assistant message with 'tool_calls' must be followed by tool messages responding to each"
        lacking = f"The following tool_call_ids did not have response messages: {', '.join(sorted(waiting))}"
        raise BadRequest(f"{words} 'tool_call_id'. {lacking}", f"messages[{number - 1}]")


def _turns(messages: Iterable[Json]) -> Iterable[Turn]:
    """Users' and assistants' turns; the results of one round of calls are one turn."""
    outcomes: list[Outcome] = []
    for message in messages:
        role = message.get("role")
        if role in ("tool", "function"):
            call_id = as_text(message.get("tool_call_id")) or as_text(message.get("name"))
            outcomes.append(Outcome(call_id, _plain(message.get("content"))))
            continue
        if outcomes:
            yield Turn("user", outcomes=tuple(outcomes))
            outcomes = []
        if role == "user":
            parts = [as_dict(part) for part in as_list(message.get("content"))]
            yield Turn(
                "user", _plain(message.get("content")), pictures=tuple(_pictures(parts)), papers=tuple(_papers(parts))
            )
        elif role == "assistant":
            yield Turn("assistant", _plain(message.get("content")), called=_called(message))
    if outcomes:
        yield Turn("user", outcomes=tuple(outcomes))


def _called(message: Json) -> dict[str, str]:
    calls = [as_dict(each) for each in as_list(message.get("tool_calls"))]
    names = [as_dict(call.get("function")) or as_dict(call.get("custom")) for call in calls]
    return {as_text(call.get("id")): as_text(name.get("name")) for call, name in zip(calls, names, strict=True)}


def _plain(content: object) -> str:
    if isinstance(content, str):
        return content
    parts = (as_dict(each) for each in as_list(content))
    return "\n\n".join(as_text(part.get("text")) for part in parts if part.get("type") == "text")


def _pictures(parts: Iterable[Json]) -> Iterable[Picture]:
    for part in parts:
        url = as_text(as_dict(part.get("image_url")).get("url"))
        if part.get("type") != "image_url":
            continue
        if (detail := as_dict(part.get("image_url")).get("detail", "auto")) not in _DETAILS:
            raise invalid("messages.content.image_url.detail", detail, _DETAILS)
        if url.startswith("data:"):
            data = decoded(url.partition(",")[2])
            if not data:
                raise BadRequest("Invalid base64 image_url.", "messages", "invalid_base64")
            yield picture(data, "messages")
        elif not url.startswith(("http://", "https://")):
            raise BadRequest("Invalid image_url.", "messages", "invalid_image_url")


def _papers(parts: Iterable[Json]) -> Iterable[Paper]:
    for part in parts:
        file = as_dict(part.get("file"))
        given = as_text(file.get("file_data"))
        if not given:
            continue
        if not as_text(file.get("filename")):
            raise missing("messages.content.file.filename")
        data = decoded(given.partition(",")[2] if given.startswith("data:") else given)
        if not data:
            raise BadRequest("Invalid base64 file_data.", "messages", "invalid_base64")
        yield Paper(as_text(file.get("filename")), "", data=data)


def _tools(given: object) -> tuple[ToolCard, ...]:
    return tuple(_tool(as_dict(each), f"tools[{number}]") for number, each in enumerate(as_list(given)))


def _tool(tool: Json, where: str) -> ToolCard:
    kind = tool.get("type")
    if kind not in ("function", "custom"):
        raise BadRequest(f"Missing or wrong '{where}.type'.", f"{where}.type", "missing_required_parameter")
    node = as_dict(tool.get(as_text(kind)))
    name, about = as_text(node.get("name")), as_text(node.get("description"))
    if not _NAME.fullmatch(name):
        message = f"Invalid '{where}.{kind}.name': string does not match pattern. Expected '^[a-zA-Z0-9_-]+$'."
        raise BadRequest(message, f"{where}.{kind}.name", "invalid_value")
    if kind == "custom":
        return ToolCard(name, about, FREE_FORM, free=True)
    schema = node.get("parameters")
    if schema is not None:
        check_function(name, as_dict(schema), node.get("strict") is True, f"{where}.function.parameters")
    return ToolCard(name, about, as_dict(schema))


def _choice(given: object, tools: tuple[ToolCard, ...]) -> tuple[Literal["auto", "none", "any"], str]:
    if given is None:
        return "auto", ""
    if not tools:
        raise BadRequest("'tool_choice' is only allowed when 'tools' are specified.", "tool_choice")
    if isinstance(given, str):
        if given not in _CHOICES:
            raise invalid("tool_choice", given, tuple(_CHOICES))
        return _CHOICES[given], ""
    choice = as_dict(given)
    if choice.get("type") == "allowed_tools":
        return ("any" if as_dict(choice.get("allowed_tools")).get("mode") == "required" else "auto"), ""
    name = as_text(as_dict(choice.get(as_text(choice.get("type")))).get("name"))
    if name not in {tool.name for tool in tools}:
        raise BadRequest("Tool choice 'function' not found in 'tools' parameter.", "tool_choice")
    return "any", name


def _form(given: Json, messages: Iterable[Json]) -> Json | None:
    if given.get("type") == "json_object":
        if not any("json" in _plain(each.get("content")).lower() for each in messages):
            words = (
                "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."
            )
            raise BadRequest(words, "messages")
        return {}
    if given.get("type") != "json_schema":
        return None
    named = as_dict(given.get("json_schema"))
    where = "response_format.json_schema"
    if not _NAME.fullmatch(as_text(named.get("name"))):
        raise missing(f"{where}.name")
    schema = as_dict(named.get("schema"))
    check_format(as_text(named["name"]), schema, named.get("strict") is True, "response_format")
    return schema
