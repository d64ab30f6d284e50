"""A client's `generationConfig`: limits, sampling, stops, thinking, and the form of the answer.

Enters: the raw member. Leaves: canonical settings; members without a word of ours are kept raw, one by one. Refuses:
wrong types and numbers out of range, with bad_request naming the member.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

import msgspec

from aiclient2api.canonical.errors import bad_request
from aiclient2api.canonical.request import OutputFormat, Reasoning, Sampling
from aiclient2api.dialects.gemini.fields import MAX_INTEGER, Members, integer, members, take
from aiclient2api.dialects.gemini.tools_in import rewritten
from aiclient2api.dialects.reading import json_object

PATH = "generationConfig"
_THINKING = f"{PATH}.thinkingConfig"
_JSON = "application/json"

_KNOWN = frozenset(
    {"maxOutputTokens", "stopSequences", "temperature", "topP", "topK", "seed", "presencePenalty", "frequencyPenalty"}
    | {"candidateCount", "responseLogprobs", "logprobs", "thinkingConfig"}
)


class Config(NamedTuple):
    """`extra` holds what has no word of ours, by its path."""

    sampling: Sampling
    max_tokens: int | None
    stop: tuple[str, ...]
    reasoning: Reasoning | None
    output: OutputFormat | None
    extra: Mapping[str, bytes]


def config(raw: msgspec.Raw | None) -> Config:
    """Raises GatewayError("bad_request") naming the member at fault."""
    found = members(raw or b"{}", PATH)
    output, taken = _output(found)
    return Config(
        sampling=_sampling(found),
        max_tokens=integer(found, "maxOutputTokens", PATH, 1),
        stop=tuple(text for text in take(found, "stopSequences", list[str], PATH) or () if text),
        reasoning=_reasoning(found),
        output=output,
        extra={f"{PATH}.{name}": bytes(raw) for name, raw in found.items() if name not in _KNOWN | taken},
    )


def _sampling(found: Members) -> Sampling:
    return Sampling(
        temperature=take(found, "temperature", float, PATH),
        top_p=take(found, "topP", float, PATH),
        top_k=_top_k(found),
        seed=integer(found, "seed", PATH, -MAX_INTEGER),
        presence_penalty=take(found, "presencePenalty", float, PATH),
        frequency_penalty=take(found, "frequencyPenalty", float, PATH),
        n=integer(found, "candidateCount", PATH, 1, 128),
        logprobs=take(found, "responseLogprobs", bool, PATH),
        top_logprobs=integer(found, "logprobs", PATH, 0),
    )


def _top_k(found: Members) -> int | None:
    """The SDKs' type is a number with a fraction."""
    number = take(found, "topK", float, PATH)
    if number is not None and not 0 <= number <= MAX_INTEGER:
        raise bad_request(f"{PATH}.topK must not be negative.", f"{PATH}.topK")
    return None if number is None else round(number)


Effort = Literal["minimal", "low", "medium", "high", "xhigh"]

_LEVELS: dict[str, Effort] = {
    "MINIMAL": "minimal",
    "LOW": "low",
    "MEDIUM": "medium",
    "HIGH": "high",
    "XHIGH": "xhigh",
}


def _reasoning(found: Members) -> Reasoning | None:
    """Thoughts are shown only to who asks for them, so a display is always named."""
    raw = found.get("thinkingConfig")
    if raw is None:
        return None
    thinking = members(raw, _THINKING)
    show = take(thinking, "includeThoughts", bool, _THINKING)
    budget = integer(thinking, "thinkingBudget", _THINKING, -1)
    display = "summarized" if show else "omitted"
    word = (take(thinking, "thinkingLevel", str, _THINKING) or "").upper()
    if word and word not in _LEVELS and not word.endswith("UNSPECIFIED"):
        place = f"{_THINKING}.thinkingLevel"
        raise bad_request(f"{place} {word!r} is not known; use one of {', '.join(_LEVELS)}.", place)
    if word in _LEVELS:
        return Reasoning("effort", _LEVELS[word], display=display)
    if budget == 0:
        return Reasoning("off")
    if budget is not None and budget > 0:
        return Reasoning("budget", budget=budget, display=display)
    return Reasoning("auto", display=display) if show or budget == -1 else None


def _output(found: Members) -> tuple[OutputFormat | None, set[str]]:
    """The form of the answer, and the members that it says it with; forms other than JSON stay what they are."""
    kind = take(found, "responseMimeType", str, PATH) or _JSON
    names = ("responseJsonSchema", "responseSchema")
    if kind == "text/plain":
        return None, {"responseMimeType"}
    if kind != _JSON:
        return None, set()
    if "responseJsonSchema" in found:
        schema = json_object(found["responseJsonSchema"], f"{PATH}.responseJsonSchema")
        return OutputFormat("json_schema", schema=schema), {"responseMimeType", *names}
    if "responseSchema" in found:
        schema = rewritten(found["responseSchema"], f"{PATH}.responseSchema")
        return OutputFormat("json_schema", schema=schema), {"responseMimeType", *names}
    if "responseMimeType" in found:
        return OutputFormat("json_object"), {"responseMimeType"}
    return None, set()
