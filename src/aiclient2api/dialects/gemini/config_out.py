"""`generationConfig` for a Gemini upstream: limits, sampling, stops, thinking, and the form of the answer.

Enters: the request and what is known of the model. Leaves: the member, or nothing to say. Refuses: more than one answer
per request. What the model or the dialect has no place for is named in `dropped`.
"""

import msgspec

from aiclient2api.canonical.errors import bad_request
from aiclient2api.canonical.request import OutputFormat, Reasoning, Request
from aiclient2api.dialects.effort import Level, level_of, nearest
from aiclient2api.dialects.gemini.config_in import PATH
from aiclient2api.dialects.gemini.parts_out import Member, Writing, schema_out

MAX_STOPS = 5


def generation_config(request: Request, writing: Writing) -> Member:
    """Raises GatewayError("bad_request")."""
    out: Member = {}
    if request.max_tokens is not None:
        out["maxOutputTokens"] = max(1, min(request.max_tokens, writing.model.max_output or request.max_tokens))
    out |= _sampling(request, writing)
    if request.stop:
        out["stopSequences"] = list(request.stop[:MAX_STOPS])
        if len(request.stop) > MAX_STOPS:
            writing.drop("stop")
    thinking = _thinking(request.reasoning, writing)
    if thinking:
        out["thinkingConfig"] = thinking
    if request.output is not None:
        out |= _output(request.output, bool(request.tools), writing)
    if writing.native:
        own = {name.removeprefix(f"{PATH}."): raw for name, raw in request.extra.items() if name.startswith(f"{PATH}.")}
        out |= {name: msgspec.Raw(raw) for name, raw in own.items() if name not in out}
    return out


def _sampling(request: Request, writing: Writing) -> Member:
    sampling = request.sampling
    if (sampling.n or 1) > 1:
        raise bad_request("Only one answer per request can be given here; ask for one.", "n")
    out: Member = {}
    for name, word, value in (
        ("temperature", "temperature", sampling.temperature),
        ("top_p", "topP", sampling.top_p),
        ("top_k", "topK", sampling.top_k),
        ("seed", "seed", sampling.seed),
        ("presence_penalty", "presencePenalty", sampling.presence_penalty),
        ("frequency_penalty", "frequencyPenalty", sampling.frequency_penalty),
    ):
        if value is None:
            continue
        if writing.model.sampling:
            out[word] = min(max(value, 0.0), 2.0) if name == "temperature" else value
        else:
            writing.drop(name)
    for name, asked in (("logprobs", sampling.logprobs), ("top_logprobs", sampling.top_logprobs)):
        if asked:  # the answer could not carry them
            writing.drop(name)
    return out


_BUDGETS: dict[Level, int] = {"minimal": 512, "low": 4096, "medium": 8192, "high": 24_576}
_RANGES = {"pro": (128, 32_768), "": (512, 24_576)}
"""Least and most tokens of thinking, by a word in the model's name."""


def _thinking(reasoning: Reasoning | None, writing: Writing) -> Member:
    """In the words that the model takes: a level, or a budget of tokens. Without data on the model only a client of
    this very dialect is believed."""
    if reasoning is None:
        return {}
    model = writing.model
    if "effort" in model.thinking:
        out = _level(reasoning, model.efforts)
    elif "enabled" in model.thinking:
        out = _budget(reasoning, writing)
    elif writing.native:
        out = _as_asked(reasoning)
    else:
        if reasoning.mode != "off":
            writing.drop("thinking" if writing.client == "anthropic" else "reasoning_effort")
        return {}
    if reasoning.mode != "off" and reasoning.display != "omitted":
        out["includeThoughts"] = True
    return out


def _effort(reasoning: Reasoning) -> Level:
    if reasoning.mode == "off":
        return "minimal"
    if reasoning.mode == "budget":
        return level_of(reasoning.budget or 0)
    return reasoning.effort or "medium"


def _level(reasoning: Reasoning, known: tuple[str, ...]) -> Member:
    """These models cannot be kept from thinking; the lowest level comes nearest."""
    if reasoning.mode in ("auto", "between_tools") and reasoning.effort is None:
        return {}
    return {"thinkingLevel": nearest(_effort(reasoning), known or ("low", "high")).upper()}


def _budget(reasoning: Reasoning, writing: Writing) -> Member:
    least, most = next(limits for word, limits in _RANGES.items() if word in writing.model.id)
    if reasoning.mode == "off":
        return {"thinkingBudget": 0 if "disabled" in writing.model.thinking else least}
    if reasoning.mode in ("auto", "between_tools") and reasoning.effort is None:
        return {"thinkingBudget": -1}
    wanted = reasoning.budget if reasoning.mode == "budget" else _BUDGETS.get(_effort(reasoning), most)
    return {"thinkingBudget": min(max(wanted or 0, least), most)}


def _as_asked(reasoning: Reasoning) -> Member:
    if reasoning.mode == "off":
        return {"thinkingBudget": 0}
    if reasoning.mode == "budget":
        return {"thinkingBudget": reasoning.budget}
    return {"thinkingLevel": reasoning.effort.upper()} if reasoning.effort else {}


def _output(output: OutputFormat, tools: bool, writing: Writing) -> Member:
    """Models before the third generation refuse a form of the answer beside tools; there it is left out."""
    if tools and not writing.modern and not writing.native:
        writing.drop("output_format" if writing.client == "anthropic" else "response_format")
        return {}
    out: Member = {"responseMimeType": "application/json"}
    if output.kind == "json_object" or output.schema is None:
        return out
    member = "responseSchema" if writing.subset else "responseJsonSchema"
    return out | {member: schema_out(output.schema, writing, "response_format")}
