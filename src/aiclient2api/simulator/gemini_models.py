"""What Gemini's models can do, by family, and what their settings may be.

Budgets and levels are the documented ones; a model before Gemini 3 knows no levels, and Gemini 3 asks for the
signatures of its thoughts with the calls that they led to.
"""

import re

import msgspec

from aiclient2api.simulator.google_http import ApiError, Json
from aiclient2api.simulator.models import GEMINI_EMBEDDING_MODELS
from aiclient2api.simulator.scene import as_dict

MAX_OUTPUT = 65_536
WINDOW = 1_048_576


class Family(msgspec.Struct, frozen=True):
    """`budgets` are lowest and highest, None for models that do not think; `off` whether a budget of 0 is taken;
    `idle` whether it thinks only when told to."""

    budgets: tuple[int, int] | None
    off: bool = False
    idle: bool = False
    levels: bool = False
    signed: bool = False


_FAMILIES: tuple[tuple[re.Pattern[str], Family], ...] = (
    (re.compile(r"gemini-(?:[3-9]|\d\d)(?:\.\d+)?-pro"), Family((1, 32_768), levels=True, signed=True)),
    (re.compile(r"gemini-(?:[3-9]|\d\d)"), Family((1, 32_768), off=True, levels=True, signed=True)),
    (re.compile(r"gemini-2\.5-pro"), Family((128, 32_768))),
    (re.compile(r"gemini-2\.5-flash-lite"), Family((512, 24_576), off=True, idle=True)),
    (re.compile(r"gemini-2\.5"), Family((1, 24_576), off=True)),
    (re.compile(r"gemini-(?!embedding)"), Family(None)),
)


def family_of(model: str, method: str, version: str) -> Family:
    """Raises ApiError for a model that cannot generate."""
    found = next((family for pattern, family in _FAMILIES if pattern.match(model)), None)
    if found is None or model.startswith("gemini-no-such"):
        raise not_found(model, method, version)
    return found


def check_embedding(model: str, method: str, version: str) -> None:
    """Raises ApiError for a model that cannot embed."""
    if model not in GEMINI_EMBEDDING_MODELS:
        raise not_found(model, method, version)


def not_found(model: str, method: str, version: str) -> ApiError:
    words = f"models/{model} is not found for API version {version}, or is not supported for {method}."
    return ApiError(f"{words} Call ListModels to see the list of available models.", "NOT_FOUND")


def thinks(family: Family, config: Json) -> bool:
    """Whether the model will think under this generationConfig. Raises ApiError for a setting it does not take."""
    thinking = as_dict(config.get("thinkingConfig"))
    budget, level = thinking.get("thinkingBudget"), thinking.get("thinkingLevel")
    level = None if level == "THINKING_LEVEL_UNSPECIFIED" else level
    if family.budgets is None:
        if budget not in (None, 0) or level is not None:
            raise ApiError("Thinking is not supported by this model.")
        return False
    if level is not None:
        if not family.levels:
            raise ApiError("Thinking level is not supported for this model.")
        if budget is not None:
            raise ApiError("You can only set only one of thinking budget and thinking level.")
        return True
    if budget == 0 and not family.off:
        raise ApiError("Budget 0 is invalid. This model only works in thinking mode.")
    if budget is None or budget == -1:
        return not family.idle or budget == -1
    low, high = family.budgets
    if not isinstance(budget, int) or (budget != 0 and not low <= budget <= high):
        raise ApiError(f"The thinking budget {budget} is invalid. Please choose a value between {low} and {high}.")
    return budget != 0


def check_length(tokens: int) -> None:
    """Raises ApiError for a conversation that the window does not hold."""
    if tokens > WINDOW:
        words = f"The input token count ({tokens}) exceeds the maximum number of tokens allowed ({WINDOW})."
        raise ApiError(words)


_BOUNDS: dict[str, tuple[float, float, str]] = {
    "temperature": (0, 2, "temperature"),
    "topP": (0, 1, "top_p"),
    "maxOutputTokens": (1, MAX_OUTPUT, "max_output_tokens"),
}


def setting_problems(config: Json, where: str) -> list[str]:
    """What is out of bounds in a generationConfig, each with its place."""
    out = []
    for name, (low, high, snake) in _BOUNDS.items():
        value = config.get(name)
        if isinstance(value, int | float) and not low <= value <= high:
            out.append(f"{where}.{snake}: {snake} must be in the range [{low}, {high}].")
    if isinstance(stops := config.get("stopSequences"), list) and len(stops) > 5:
        out.append(f"{where}.stop_sequences: at most 5 stop sequences are allowed.")
    mime = config.get("responseMimeType")
    if "responseSchema" in config and "responseJsonSchema" in config:
        out.append(f"{where}.response_schema: cannot be set together with response_json_schema.")
    if ("responseSchema" in config or "responseJsonSchema" in config) and mime not in _SCHEMA_MIMES:
        out.append(f"{where}.response_mime_type: must be `application/json` when a response schema is set.")
    return out


_SCHEMA_MIMES = ("application/json", "text/x.enum")
