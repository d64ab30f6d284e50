"""What the simulated OpenAI refuses by model: efforts, sampling while reasoning, function tools beside reasoning in
Chat Completions, conversations that are too long; and pictures that are none.

The families are those whose refusals have been reported (openai/openai-openapi#541, BerriAI/litellm#34569); a name of
no family is taken for a model that does not reason.
"""

import re
from typing import Literal

import msgspec

from aiclient2api.simulator import limits, seeing
from aiclient2api.simulator.openai_http import BadRequest, Json
from aiclient2api.simulator.scene import Picture, Scene, as_list, as_text


class Family(msgspec.Struct, frozen=True):
    """`effort` is the one where a request names none; `tools` says which reasoning Chat takes beside function tools."""

    efforts: tuple[str, ...]
    effort: str
    tools: Literal["any", "default", "none"] = "any"


def _family(efforts: str, effort: str, tools: Literal["any", "default", "none"] = "any") -> Family:
    return Family(tuple(efforts.split()), effort, tools)


_FAMILIES: tuple[tuple[re.Pattern[str], Family], ...] = (
    (re.compile(r"gpt-(?:5\.[6-9]|[6-9])"), _family("none low medium high xhigh max", "medium", "none")),
    (re.compile(r"gpt-5\.[45]"), _family("none low medium high xhigh", "none", "default")),
    (re.compile(r"gpt-5\.[23]"), _family("none low medium high xhigh", "none")),
    (re.compile(r"gpt-5\.1"), _family("none low medium high", "none")),
    (re.compile(r"gpt-5|o[134](?:-|$)"), _family("minimal low medium high", "medium")),
)
_SAMPLING = (("temperature", 1), ("top_p", 1), ("presence_penalty", 0), ("frequency_penalty", 0))
"""Members and the one value that a reasoning model takes."""


def family_of(model: str) -> Family | None:
    """None for models that do not reason."""
    return next((family for pattern, family in _FAMILIES if pattern.match(model)), None)


def effort_of(model: str, asked: object, param: str) -> str:
    """The effort with which the model will reason; "none" for not at all. Raises BadRequest."""
    family = family_of(model)
    if family is None:
        return as_text(asked) or "none"
    if asked is None:
        return family.effort
    if asked not in family.efforts:
        offered = ", ".join(f"'{effort}'" for effort in family.efforts)
        message = (
            f"Unsupported value: '{asked}' is not supported with the '{model}' model. Supported values are: {offered}."
        )
        raise BadRequest(message, param, "unsupported_value")
    return as_text(asked)


def check_chat(body: Json, model: str, effort: str) -> None:
    """What Chat Completions refuses for this model. Raises BadRequest."""
    family = family_of(model)
    if family is None:
        return
    if "codex" in model:
        message = "This model is only supported in v1/responses and not in v1/chat/completions."
        raise BadRequest(message, "model", None, 404)
    if body.get("max_tokens") is not None:
        raise _unsupported("max_tokens", " Use 'max_completion_tokens' instead.")
    functions = bool(body.get("functions")) or any(
        isinstance(tool, dict) and tool.get("type") == "function" for tool in as_list(body.get("tools"))
    )
    if functions and effort != "none" and family.tools != "any":
        cure = "Please use /v1/responses instead."
        if family.tools == "none":
            cure = "To use function tools, use /v1/responses or set reasoning_effort to 'none'."
        message = f"Function tools with reasoning_effort are not supported for {model} in /v1/chat/completions. {cure}"
        raise BadRequest(message, "reasoning_effort")
    if effort == "none":
        return
    for name, only in _SAMPLING:
        if body.get(name) not in (None, only):
            message = f"Unsupported value: '{name}' does not support {body[name]} with this model. Only the default"
            raise BadRequest(f"{message} ({only}) value is supported.", name, "unsupported_value")
    if body.get("stop") is not None:
        raise _unsupported("stop")


def check_responses(body: Json, model: str, effort: str) -> None:
    """What the Responses API refuses for this model. Raises BadRequest."""
    if effort == "none" or family_of(model) is None:
        return
    for name in ("temperature", "top_p"):
        if body.get(name) not in (None, 1):
            raise _unsupported(name)


WINDOW = 272_000
"""Input tokens that a model takes."""


def check_length(scene: Scene, param: str) -> None:
    """Raises BadRequest for a conversation that no window holds."""
    if limits.input_tokens(scene) > WINDOW:
        message = "Your input exceeds the context window of this model. Please adjust your input and try again."
        raise BadRequest(message, param, "context_length_exceeded")


def picture(data: bytes, param: str) -> Picture:
    """Raises BadRequest for bytes of no kind that is taken."""
    if not seeing.sniffed(data):
        words = "You uploaded an unsupported image. Please make sure your image has of one the following formats:"
        raise BadRequest(f"{words} ['png', 'jpeg', 'gif', 'webp'].", param, "invalid_image_format")
    return Picture(data)


def _unsupported(param: str, cure: str = "") -> BadRequest:
    message = f"Unsupported parameter: '{param}' is not supported with this model.{cure}"
    return BadRequest(message, param, "unsupported_parameter")
