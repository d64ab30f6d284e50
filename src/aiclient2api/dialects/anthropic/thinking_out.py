"""How an Anthropic model is asked to think, from whatever words the client used, by what the model can do.

Enters: the request and the model. Leaves: `thinking` and the effort for `output_config`, and max_tokens repaired so
that a budget fits under it. Models take a budget ("enabled"), decide by themselves ("adaptive"), or neither.
"""

from typing import Literal, NamedTuple

from aiclient2api.canonical.model import Model
from aiclient2api.canonical.request import Reasoning, Request, Thinking, ToolResult, Turn

DEFAULT_MAX_TOKENS = 32_000
MIN_BUDGET = 1024
ANSWER_ROOM = 4096
"""Tokens left for the answer when max_tokens is raised to make room for a budget."""

Level = Literal["minimal", "low", "medium", "high", "xhigh", "max"]

BUDGETS: dict[Level, int] = {"minimal": 1024, "low": 4096, "medium": 10_240, "high": 24_576, "xhigh": 32_768}
_LEVELS: tuple[Level, ...] = ("minimal", "low", "medium", "high", "xhigh", "max")
_THRESHOLDS: tuple[tuple[int, Level], ...] = ((1024, "minimal"), (4096, "low"), (12_288, "medium"), (28_672, "high"))
_DISPLAYS = frozenset({"summarized", "omitted", "updates"})


class Plan(NamedTuple):
    """`thinking` is the wire object or None; `on` whether the model will think; `dropped` in the client's words."""

    thinking: dict[str, object] | None
    effort: str | None
    max_tokens: int
    on: bool = False
    dropped: tuple[str, ...] = ()


def plan(request: Request, model: Model) -> Plan:
    limit = _max_tokens(request, model)
    reasoning = request.reasoning
    if reasoning is None or limit == 0:  # 0 only warms the cache
        return Plan(None, None, limit)
    if reasoning.mode == "off":
        return _off(model, limit)
    if reasoning.mode == "between_tools" and "between_tools" in model.thinking:
        return Plan({"type": "between_tools"}, _effort(reasoning, model), limit, on=True)
    if reasoning.mode == "budget" and "enabled" in model.thinking:
        return _enabled(reasoning.budget or MIN_BUDGET, request, model, limit)
    if "adaptive" in model.thinking:
        return Plan(_shown({"type": "adaptive"}, reasoning, request.dialect), _effort(reasoning, model), limit, on=True)
    if "enabled" in model.thinking:
        return _enabled(_budget(reasoning, limit), request, model, limit)
    effort = _effort(reasoning, model)
    return Plan(None, effort, limit, dropped=() if effort else ("reasoning",))


def _max_tokens(request: Request, model: Model) -> int:
    asked = request.max_tokens if request.max_tokens is not None else model.max_output or DEFAULT_MAX_TOKENS
    return min(asked, model.max_output) if model.max_output else asked


def _off(model: Model, limit: int) -> Plan:
    if not model.thinking:
        return Plan(None, None, limit)
    if "disabled" in model.thinking or "enabled" in model.thinking:
        return Plan({"type": "disabled"}, None, limit)
    return Plan(None, None, limit, dropped=("reasoning",))


def _enabled(budget: int, request: Request, model: Model, limit: int) -> Plan:
    """Thinking with a budget, which must be at least 1024 and below max_tokens. A tool loop that began without
    thinking cannot go on with it: the assistant turn under answer would have to begin with its thinking."""
    budget = max(budget, MIN_BUDGET)
    if limit <= budget:
        limit = budget + ANSWER_ROOM if model.max_output is None else min(budget + ANSWER_ROOM, model.max_output)
    budget = min(budget, limit - 1)
    if budget < MIN_BUDGET or _loop_without_thinking(request.turns):
        return Plan({"type": "disabled"}, None, _max_tokens(request, model), dropped=("reasoning",))
    reasoning = request.reasoning or Reasoning("auto")
    shape = _shown({"type": "enabled", "budget_tokens": budget}, reasoning, request.dialect)
    return Plan(shape, _effort(reasoning, model), limit, on=True)


def _loop_without_thinking(turns: tuple[Turn, ...]) -> bool:
    """Whether results are due for an assistant turn that does not begin with Anthropic's own thinking."""
    last = max((index for index, turn in enumerate(turns) if turn.role == "assistant"), default=-1)
    answered = any(isinstance(block, ToolResult) for turn in turns[last + 1 :] for block in turn.blocks)
    if last < 0 or not answered:
        return False
    first = turns[last].blocks[0] if turns[last].blocks else None
    return not (isinstance(first, Thinking) and any(each.origin == "anthropic" for each in first.opaque))


def _shown(shape: dict[str, object], reasoning: Reasoning, dialect: str) -> dict[str, object]:
    """With the client's wish how thinking is shown; other dialects' words for a summary mean one thing here. Clients of
    Chat Completions cannot say it, and read what they are given; newer models show nothing unless they are told to."""
    if reasoning.display:
        shape["display"] = reasoning.display if reasoning.display in _DISPLAYS else "summarized"
    elif dialect == "openai_chat" and shape["type"] == "adaptive":
        shape["display"] = "summarized"
    return shape


def _budget(reasoning: Reasoning, limit: int) -> int:
    if reasoning.effort == "max":
        return limit - 1
    return BUDGETS[reasoning.effort or "medium"]


def _effort(reasoning: Reasoning, model: Model) -> str | None:
    """The level nearest to what was asked that the model knows; None if it knows none or none was asked."""
    asked = reasoning.effort
    if asked is None and reasoning.mode == "budget" and reasoning.budget is not None:
        asked = next((level for top, level in _THRESHOLDS if reasoning.budget <= top), "xhigh")
    known = [level for level in _LEVELS if level in model.efforts]
    if asked is None or not known:
        return None
    return min(known, key=lambda level: abs(_LEVELS.index(level) - _LEVELS.index(asked)))
