"""A generateContent request of the Gemini API, checked as the vendor checks it and read as a Scene.

Refuses (ApiError): what the parser refuses (gemini_shape), wrong contents (gemini_turns), wrong schemas, names and
choices of functions, and settings that the model does not take.
"""

import re
from collections.abc import Sequence
from typing import Literal

import msgspec

from aiclient2api.simulator import gemini_turns, limits
from aiclient2api.simulator.gemini_models import Family, check_length, family_of, setting_problems, thinks
from aiclient2api.simulator.gemini_schema import plain, problems
from aiclient2api.simulator.gemini_shape import shaped
from aiclient2api.simulator.google_http import ApiError, Json
from aiclient2api.simulator.scene import Scene, ToolCard, as_dict, as_list, as_text
from aiclient2api.simulator.simulation import Simulation

_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}")
_BAD_NAME = (
    "[FIELD_INVALID] Invalid function name. Must start with a letter or an underscore. Must be alphanumeric (a-z, A-Z,"
    " 0-9), underscores (_), dots (.), colons (:), or dashes (-), with a maximum length of 64."
)
_HOSTED = ("googleSearch", "googleSearchRetrieval", "codeExecution", "urlContext", "fileSearch", "googleMaps")
_CHOICES: dict[str, Literal["auto", "none", "any"]] = {"ANY": "any", "NONE": "none"}
WHERE = "GenerateContentRequest"


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A request. `thoughts` says whether thoughts are shown; `bare` that the answer is a word, not JSON."""

    scene: Scene
    model: str
    family: Family
    thoughts: bool = False
    bare: bool = False


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Where a request stands: the model and the method of its path, the API's version, the place of the body within
    an envelope ("" for none)."""

    model: str
    method: str = "generateContent"
    version: str = "v1beta"
    place: str = ""
    also: frozenset[str] = frozenset()


def read(body: Json, asked: Asked, simulation: Simulation) -> Question:
    """The request. Raises ApiError."""
    family = family_of(asked.model, asked.method, asked.version)
    request = shaped(body, "GenerateContentRequest", asked.place, asked.also)
    config = as_dict(request.get("generationConfig"))
    contents = [as_dict(each) for each in as_list(request.get("contents"))]
    tools = [as_dict(each) for each in as_list(request.get("tools"))]
    declared = [(f"tools[{n}]", as_dict(each)) for n, tool in enumerate(tools) for each in _declared(tool)]
    _check(request, config, tools, declared)
    _combined(tools, config, family, as_dict(request.get("toolConfig")))
    gemini_turns.check(contents, family.signed, simulation, WHERE)
    thinking = thinks(family, config)
    cards = tuple(_card(each) for _, each in declared)
    mode, names = _choice(as_dict(as_dict(request.get("toolConfig")).get("functionCallingConfig")), cards)
    limit = config.get("maxOutputTokens")
    scene = Scene(
        turns=tuple(gemini_turns.turns(contents)),
        system="\n\n".join(_texts(as_dict(request.get("systemInstruction")))),
        tools=tuple(card for card in cards if not names or card.name in names),
        choice=mode,
        named=names[0] if mode == "any" and len(names) == 1 else "",
        form=_form(config),
        thinking=thinking,
        max_tokens=limit if isinstance(limit, int) else None,
        stops=tuple(as_text(each) for each in as_list(config.get("stopSequences"))),
    )
    check_length(limits.input_tokens(scene))
    shown = as_dict(config.get("thinkingConfig")).get("includeThoughts") is True
    bare = config.get("responseMimeType") == "text/x.enum"
    return Question(scene=scene, model=asked.model, family=family, thoughts=shown, bare=bare)


def _texts(content: Json) -> list[str]:
    return [as_text(part.get("text")) for part in gemini_turns.parts_of(content) if part.get("text")]


def _declared(tool: Json) -> list[object]:
    return as_list(tool.get("functionDeclarations"))


def _check(request: Json, config: Json, tools: Sequence[Json], declared: Sequence[tuple[str, Json]]) -> None:
    """What the validator finds, all at once. Raises ApiError."""
    found = setting_problems(config, f"{WHERE}.generation_config")
    for number, tool in enumerate(tools):
        for index, each in enumerate(as_dict(entry) for entry in _declared(tool)):
            found += _function(each, f"{WHERE}.tools[{number}].function_declarations[{index}]")
    if "responseSchema" in config:
        schema = as_dict(config["responseSchema"])
        found += [f"{each}" for each in problems(schema, f"{WHERE}.generation_config.response_schema")]
    if found:
        raise ApiError("\n".join(f"* {each}" for each in found) + "\n")
    names = [as_text(each.get("name")) for _, each in declared]
    if twice := [name for number, name in enumerate(names) if name in names[:number]]:
        raise ApiError(f"Duplicate function declaration found: {twice[0]}")
    if config.get("candidateCount") not in (None, 1):
        raise ApiError("Multiple candidates is not enabled for this model")
    calling = as_dict(as_dict(request.get("toolConfig")).get("functionCallingConfig"))
    if calling.get("mode") in ("ANY", "VALIDATED") and not declared:
        raise ApiError("Function calling config is set without function_declarations.")


def _function(declared: Json, place: str) -> list[str]:
    found = [] if _NAME.fullmatch(as_text(declared.get("name"))) else [f"{place}.name: {_BAD_NAME}"]
    if "parameters" in declared and "parametersJsonSchema" in declared:
        found.append(f"{place}.parameters: cannot be set together with parameters_json_schema.")
    return [*found, *problems(as_dict(declared.get("parameters")), f"{place}.parameters")]


def _combined(tools: Sequence[Json], config: Json, family: Family, tool_config: Json) -> None:
    """What may not stand together. Raises ApiError."""
    functions = any(_declared(tool) for tool in tools)
    hosted = any(name in tool for tool in tools for name in _HOSTED)
    if functions and hosted:
        if not family.signed:
            raise ApiError("Tool use with function calling is unsupported")
        if tool_config.get("includeServerSideToolInvocations") is not True:
            words = "Please enable tool_config.include_server_side_tool_invocations to use Built-in tools with Function"
            raise ApiError(f"{words} calling.")
    if functions and not family.signed and config.get("responseMimeType") == "application/json":
        raise ApiError("Function calling with a response mime type: 'application/json' is unsupported")


def _card(declared: Json) -> ToolCard:
    schema = as_dict(declared.get("parametersJsonSchema")) or plain(as_dict(declared.get("parameters")))
    return ToolCard(as_text(declared.get("name")), as_text(declared.get("description")), schema)


def _choice(given: Json, cards: Sequence[ToolCard]) -> tuple[Literal["auto", "none", "any"], list[str]]:
    """(choice, names that may be called; [] for all). Raises ApiError."""
    names = [as_text(each) for each in as_list(given.get("allowedFunctionNames"))]
    mode = as_text(given.get("mode"))
    if names and mode not in ("ANY", "VALIDATED"):
        raise ApiError("Allowed function names can only be set when the function calling mode is ANY or VALIDATED.")
    if unknown := [name for name in names if name not in {card.name for card in cards}]:
        raise ApiError(f"Allowed function name is not declared: {unknown[0]}")
    return _CHOICES.get(mode, "auto"), names


def _form(config: Json) -> Json | None:
    if "responseJsonSchema" in config:
        return as_dict(config["responseJsonSchema"])
    if "responseSchema" in config:
        return plain(as_dict(config["responseSchema"]))
    return {} if config.get("responseMimeType") == "application/json" else None
