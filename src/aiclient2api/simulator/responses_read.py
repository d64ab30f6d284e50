"""A request of the OpenAI Responses API, checked as the vendor checks it and read as a Scene.

Refuses (BadRequest): missing and unknown members, settings that the model does not take, wrong tools, an unknown
previous response, and what `responses_items` refuses.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import msgspec

from aiclient2api.simulator.openai_http import BadRequest, Json, invalid, missing, unknown
from aiclient2api.simulator.openai_rules import check_length, check_responses, effort_of, picture
from aiclient2api.simulator.openai_schema import check_format, check_function
from aiclient2api.simulator.responses_items import OUTPUTS, check_together, checked, kind_of
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
from aiclient2api.simulator.simulation import Simulation

_MEMBERS = (
    "model input instructions previous_response_id conversation store background background_options stream"
    " stream_options max_output_tokens max_tool_calls tools tool_choice parallel_tool_calls reasoning text include"
    " truncation temperature top_p top_logprobs metadata user safety_identifier prompt_cache_key prompt_cache_options"
    " prompt_cache_retention service_tier context_management prompt moderation access_programs image client_metadata"
)
_KNOWN = frozenset(_MEMBERS.split())
_INCLUDABLE = (
    "file_search_call.results",
    "web_search_call.results",
    "web_search_call.action.sources",
    "message.input_image.image_url",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
    "reasoning.encrypted_content",
    "message.output_text.logprobs",
)
_HOSTED = (
    "file_search computer computer_use_preview web_search web_search_2025_08_26 web_search_preview"
    " web_search_preview_2025_03_11 mcp code_interpreter programmatic_tool_calling image_generation local_shell shell"
    " tool_search apply_patch"
)
_TOOLS = ("function", "custom", "namespace", *_HOSTED.split())
_SUMMARIES = ("auto", "concise", "detailed")
_CHOICES: dict[str, Literal["auto", "none", "any"]] = {"none": "none", "auto": "auto", "required": "any"}
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_FORMAT_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
MIN_OUTPUT = 16


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A request. `items` begin with those of the previous response; `summary` and `encrypted` say what of the
    reasoning is wanted; `store` whether the answer is to be remembered."""

    scene: Scene
    model: str
    items: tuple[Json, ...]
    effort: str
    summary: bool
    encrypted: bool
    store: bool


def read(body: Json, simulation: Simulation) -> Question:
    """The request. Raises BadRequest."""
    model = _top(body)
    reasoning = as_dict(body.get("reasoning"))
    effort = effort_of(model, reasoning.get("effort"), "reasoning.effort")
    check_responses(body, model, effort)
    summary = reasoning.get("summary", reasoning.get("generate_summary"))
    if summary not in (None, *_SUMMARIES):
        raise invalid("reasoning.summary", summary, _SUMMARIES)
    items = (*_earlier(body, simulation), *checked(body.get("input", []), simulation))
    check_together(items, simulation)
    scene = _scene(body, items, thinking=effort != "none")
    check_length(scene, "input")
    return Question(
        scene=scene,
        model=model,
        items=items,
        effort=effort,
        summary=summary is not None,
        encrypted="reasoning.encrypted_content" in as_list(body.get("include")),
        store=body.get("store") is not False,
    )


def _scene(body: Json, items: Sequence[Json], thinking: bool) -> Scene:
    declared = as_list(body.get("tools"))
    cards = [card for number, tool in enumerate(declared) for card in _tool(as_dict(tool), f"tools[{number}]")]
    for item in items:
        if kind_of(item) == "additional_tools":
            cards += [card for tool in as_list(item.get("tools")) for card in _tool(as_dict(tool), "input.tools")]
    mode, named = _choice(body.get("tool_choice"), cards)
    limit = body.get("max_output_tokens")
    return Scene(
        turns=tuple(_turns(items)),
        system="\n\n".join(text for text in (as_text(body.get("instructions")), *_systems(items)) if text),
        tools=tuple(cards),
        choice=mode,
        named=named,
        parallel=body.get("parallel_tool_calls") is not False,
        form=_form(as_dict(as_dict(body.get("text")).get("format")), items),
        thinking=thinking,
        max_tokens=limit if isinstance(limit, int) else None,
    )


def _top(body: Json) -> str:
    """The model's name, after a look at the members by themselves."""
    if not as_text(body.get("model")):
        raise missing("model")
    for name in body:
        if name not in _KNOWN:
            raise unknown(name)
    model = as_text(body["model"])
    if model.startswith("no-such"):
        raise BadRequest(f"The requested model '{model}' does not exist.", "model", "model_not_found")
    if not body.get("input") and not any(body.get(name) for name in ("previous_response_id", "prompt")):
        raise missing("input")
    limit = body.get("max_output_tokens")
    if isinstance(limit, int) and limit < MIN_OUTPUT:
        found = f"integer below minimum value. Expected a value >= {MIN_OUTPUT}, but got {limit} instead."
        message = f"Invalid 'max_output_tokens': {found}"
        raise BadRequest(message, "max_output_tokens", "integer_below_min_value")
    for number, each in enumerate(as_list(body.get("include"))):
        if each not in _INCLUDABLE:
            raise invalid(f"include[{number}]", each, _INCLUDABLE)
    return model


def _earlier(body: Json, simulation: Simulation) -> tuple[Json, ...]:
    previous = as_text(body.get("previous_response_id"))
    if not previous:
        return ()
    items = simulation.memory.conversation(previous)
    if items is None:
        message = f"Previous response with id '{previous}' not found."
        raise BadRequest(message, "previous_response_id", "previous_response_not_found")
    return items


# --- the conversation


def _systems(items: Iterable[Json]) -> Iterator[str]:
    for item in items:
        if kind_of(item) == "message" and item.get("role") in ("system", "developer"):
            yield _plain(item.get("content"))


def _turns(items: Iterable[Json]) -> Iterator[Turn]:
    """Messages are turns; neighbouring calls are one turn, and so are neighbouring outputs."""
    called: dict[str, str] = {}
    outputs: list[Json] = []
    for item in items:
        kind = kind_of(item)
        if kind in OUTPUTS.values():
            outputs.append(item)
            continue
        if outputs:
            yield from _rounds(called, outputs)
            called, outputs = {}, []
        if kind in OUTPUTS:
            called[as_text(item.get("call_id"))] = as_text(item.get("name")) or kind
        elif kind == "message" and item.get("role") in ("user", "assistant"):
            yield _turn(item)
    yield from _rounds(called, outputs)


def _rounds(called: dict[str, str], outputs: Sequence[Json]) -> Iterator[Turn]:
    if called:
        yield Turn("assistant", called=called)
    if outputs:
        parts = [part for item in outputs for part in _dicts(item.get("output"))]
        results = [Outcome(as_text(item.get("call_id")), _plain(item.get("output"))) for item in outputs]
        yield Turn("user", outcomes=tuple(results), pictures=tuple(_pictures(parts)), papers=tuple(_papers(parts)))


def _turn(item: Json) -> Turn:
    content = item.get("content")
    if item.get("role") == "assistant":
        return Turn("assistant", _plain(content))
    parts = _dicts(content)
    return Turn("user", _plain(content), pictures=tuple(_pictures(parts)), papers=tuple(_papers(parts)))


def _dicts(content: object) -> list[Json]:
    return [as_dict(part) for part in as_list(content)]


def _plain(content: object) -> str:
    """The text of a string or of parts."""
    if isinstance(content, str):
        return content
    return "\n\n".join(as_text(part["text"]) for part in _dicts(content) if isinstance(part.get("text"), str))


def _pictures(parts: Iterable[Json]) -> Iterator[Picture]:
    for part in parts:
        url = as_text(part.get("image_url"))
        if url.startswith("data:"):
            yield picture(decoded(url.partition(",")[2]), "input")


def _papers(parts: Iterable[Json]) -> Iterator[Paper]:
    for part in parts:
        if given := as_text(part.get("file_data")):
            yield Paper(as_text(part.get("filename")), "", data=decoded(given.partition(",")[2]))


# --- tools and form


def _tool(tool: Json, where: str, namespace: str = "") -> Iterator[ToolCard]:
    """The functions that a tool offers; hosted tools offer none."""
    kind, name = as_text(tool.get("type")), as_text(tool.get("name"))
    if kind not in _TOOLS:
        raise invalid(f"{where}.type", kind, _TOOLS)
    if kind not in ("function", "custom", "namespace"):
        return
    if not name:
        raise missing(f"{where}.name")
    if not _NAME.fullmatch(name):
        expected = "string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'."
        raise BadRequest(f"Invalid '{where}.name': {expected}", f"{where}.name", "invalid_value")
    if kind == "namespace":
        for number, each in enumerate(as_list(tool.get("tools"))):
            yield from _tool(as_dict(each), f"{where}.tools[{number}]", name)
        return
    about = as_text(tool.get("description"))
    if kind == "custom":
        yield ToolCard(name, about, FREE_FORM, free=True, namespace=namespace)
        return
    schema = as_dict(tool.get("parameters"))
    if schema:
        check_function(name, schema, tool.get("strict") is True, f"{where}.parameters")
    yield ToolCard(name, about, schema, namespace=namespace)


def _choice(given: object, cards: Sequence[ToolCard]) -> tuple[Literal["auto", "none", "any"], str]:
    if given is None:
        return "auto", ""
    if isinstance(given, str):
        if given not in _CHOICES:
            raise invalid("tool_choice", given, tuple(_CHOICES))
        return _CHOICES[given], ""
    choice = as_dict(given)
    if choice.get("type") == "allowed_tools":
        return ("any" if choice.get("mode") == "required" else "auto"), ""
    if choice.get("type") not in ("function", "custom"):
        return "auto", ""
    name = as_text(choice.get("name"))
    if name not in {card.name for card in cards}:
        raise BadRequest(f"Tool choice '{choice['type']}' not found in 'tools' parameter.", "tool_choice")
    return "any", name


def _form(given: Json, items: Iterable[Json]) -> Json | None:
    if given.get("type") == "json_object":
        if not any("json" in _plain(item.get("content")).lower() for item in items):
            message = "Response input messages must contain the word 'json' in some form to use 'text.format' of type"
            raise BadRequest(f"{message} 'json_object'.", "input")
        return {}
    if given.get("type") != "json_schema":
        return None
    if not _FORMAT_NAME.fullmatch(as_text(given.get("name"))):
        raise missing("text.format.name")
    if not isinstance(given.get("schema"), dict):
        raise missing("text.format.schema")
    check_format(as_text(given["name"]), as_dict(given["schema"]), given.get("strict") is True, "text.format.schema")
    return as_dict(given["schema"])
