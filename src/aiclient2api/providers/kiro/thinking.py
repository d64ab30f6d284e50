"""Reasoning: how it is asked for, and how earlier reasoning is given back.

Models with a schema take `additionalModelRequestFields`; Claude models without one take tags at the head of the
system text and answer with <thinking> in their text (kiro.rs, AIClient, jwadow). A field that the model's schema
lacks is refused with 400, so nothing is sent that the live list does not show.
"""

import re
from collections.abc import Iterable, Sequence

import msgspec

from aiclient2api.canonical.model import Model
from aiclient2api.canonical.request import Reasoning, Request, Thinking
from aiclient2api.providers.kiro.body import ReasoningContent, ReasoningText

SUFFIX = "-thinking"
FAMILY = "kiro"
MIN_MAX_TOKENS = 1024
"""Least `max_tokens` of every schema seen; a smaller one is refused."""
DEFAULT_BUDGET = 16_000
MAX_BUDGET = 32_000

_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_BUDGET_EFFORTS = ((1024, "minimal"), (4096, "low"), (12_288, "medium"), (28_672, "high"))
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")


class Plan(msgspec.Struct, frozen=True):
    """`fields` for additionalModelRequestFields, `tags` for the head of the system text, `dropped` hub names of what
    cannot be asked of this model."""

    fields: dict[str, msgspec.Raw] = {}
    tags: str = ""
    dropped: tuple[str, ...] = ()


def plan(request: Request, model: Model, remedies: frozenset[str]) -> Plan:
    """How reasoning and the token limit are asked for."""
    allowed = () if "drop_fields" in remedies else model.request_fields
    reasoning = _wanted(request, model)
    fields, dropped = _max_tokens(request.max_tokens, model, allowed)
    if reasoning is None:
        return Plan(fields, "", dropped)
    asked = _fields(reasoning, model, allowed)
    if asked is not None:
        return Plan(asked | fields, "", dropped)
    if reasoning.mode == "off":  # without a field nothing is thought unless tags ask for it
        thinks_by_itself = "thinking" in allowed or "reasoning" in allowed
        return Plan(fields, "", (*dropped, "reasoning") if thinks_by_itself else dropped)
    if "claude" in model.id.lower():
        return Plan(fields, _tags(reasoning), dropped)
    return Plan(fields, "", (*dropped, "reasoning"))


def _wanted(request: Request, model: Model) -> Reasoning | None:
    """What the client asked for; the name's suffix counts where its body says nothing."""
    if request.reasoning is None and model.name == model.id + SUFFIX:
        return Reasoning("auto")
    return request.reasoning


def _max_tokens(
    value: int | None, model: Model, allowed: Sequence[str]
) -> tuple[dict[str, msgspec.Raw], tuple[str, ...]]:
    if value is None:
        return {}, ()
    if "max_tokens" not in allowed or value < MIN_MAX_TOKENS:
        return {}, ("max_tokens",)
    return {"max_tokens": _raw(min(value, model.max_output or value))}, ()


def _fields(reasoning: Reasoning, model: Model, allowed: Sequence[str]) -> dict[str, msgspec.Raw] | None:
    """The members that ask for it; None if the model has no such members."""
    if "thinking" in allowed:
        return _claude_fields(reasoning, model, allowed)
    if "reasoning" in allowed and model.efforts:
        effort = "none" if reasoning.mode == "off" else _effort(reasoning)
        if effort == "none" and "none" not in model.efforts:
            return None
        return {"reasoning": _raw({"effort": _nearest(effort, model.efforts)})} if effort else {}
    return None


def _claude_fields(reasoning: Reasoning, model: Model, allowed: Sequence[str]) -> dict[str, msgspec.Raw] | None:
    if reasoning.mode == "off":
        return {"thinking": _raw({"type": "disabled"})} if "disabled" in model.thinking else None
    between = reasoning.mode == "between_tools" and "between_tools" in model.thinking
    display = reasoning.display if reasoning.display in ("summarized", "omitted") else "summarized"
    fields = {"thinking": _raw({"type": "between_tools" if between else "adaptive", "display": display})}
    effort = _effort(reasoning)
    if effort and model.efforts and "output_config" in allowed:
        fields["output_config"] = _raw({"effort": _nearest(effort, model.efforts)})
    return fields


def _effort(reasoning: Reasoning) -> str:
    """The level asked for; "" if the model's own default shall stand."""
    if reasoning.budget is not None:
        budget = reasoning.budget
        return next((effort for limit, effort in _BUDGET_EFFORTS if budget <= limit), "xhigh")
    return reasoning.effort or ""


def _nearest(effort: str, offered: Sequence[str]) -> str:
    """The offered level that is nearest; of two equally near ones the lower."""
    wanted = _EFFORTS.index(effort)
    known = [each for each in offered if each in _EFFORTS and (each != "none" or effort == "none")]
    return min(known, key=lambda each: (abs(_EFFORTS.index(each) - wanted), _EFFORTS.index(each)), default=offered[0])


def _tags(reasoning: Reasoning) -> str:
    if reasoning.effort is not None and reasoning.budget is None:
        effort = _nearest(reasoning.effort, ("low", "medium", "high"))
        return f"<thinking_mode>adaptive</thinking_mode><thinking_effort>{effort}</thinking_effort>"
    budget = min(max(reasoning.budget or DEFAULT_BUDGET, MIN_MAX_TOKENS), MAX_BUDGET)
    return f"<thinking_mode>enabled</thinking_mode><max_thinking_length>{budget}</max_thinking_length>"


def replay(blocks: Iterable[Thinking]) -> ReasoningContent | None:
    """The reasoning of one assistant message, given back. A message has room for one block: the last that is ours.

    A foreign signature is refused by the service and unsigned reasoning proves nothing, so both are left out.
    """
    found: ReasoningContent | None = None
    for block in blocks:
        for opaque in block.opaque:
            if opaque.origin != FAMILY or not opaque.value:
                continue
            if opaque.kind == "signature":
                found = ReasoningContent(reasoning_text=ReasoningText(block.text, opaque.value))
            elif opaque.kind == "redacted" and _BASE64.fullmatch(opaque.value):
                found = ReasoningContent(redacted_content=opaque.value)
    return found


def _raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))
