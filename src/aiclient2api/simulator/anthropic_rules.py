"""What the simulated Anthropic refuses by model and by what stands together: ways to think, sampling, prefills, output
limits, cache marks.

The wordings are those that clients look for (anthropics/claude-code#49219, #11773; earendil-works/pi#3297).
"""

import re
from collections.abc import Iterator

from aiclient2api.simulator.scene import as_dict, as_list, as_text

Json = dict[str, object]

_MODERN = re.compile(r"claude-[a-z]+-(?:4-[7-9]|[5-9])")
"""Models that think adaptively or not at all, and take no sampling."""
_NO_PREFILL = re.compile(r"claude-[a-z]+-(?:4-[6-9]|[5-9])")
_ONE_OF_TWO = re.compile(r"claude-[a-z]+-4-[1-6]")
_DEFAULTS: dict[str, object] = {"temperature": 1, "top_p": 1}
_EFFORTS = ("low", "medium", "high", "xhigh", "max")
MAX_MARKS = 4


def window_of(model: str) -> int:
    """Input tokens the model takes."""
    return 1_000_000 if _MODERN.match(model) else 200_000


_THINKS_UNASKED = re.compile(r"claude-opus-[5-9]")
_SILENT = re.compile(r"claude-opus-(?:4-[7-9]|[5-9])")
"""Models that sign their thoughts but do not tell them, unless asked to."""


def thinks(body: Json) -> bool:
    """Whether the model will think."""
    thinking = as_dict(body.get("thinking"))
    if not thinking:
        return _THINKS_UNASKED.match(as_text(body.get("model"))) is not None
    return thinking.get("type") in ("enabled", "adaptive", "between_tools")


def tells(body: Json) -> bool:
    """Whether the words of a thought are shown."""
    display = as_dict(body.get("thinking")).get("display")
    if display is None:
        return _SILENT.match(as_text(body.get("model"))) is None
    return display != "omitted"


def problems(body: Json) -> Iterator[str]:
    """What is wrong with a request, in the vendor's words; the first is what it says."""
    model = as_text(body.get("model"))
    yield from _limits(body, model)
    yield from _thinking(body, model)
    yield from _sampling(body, model)
    messages = [as_dict(each) for each in as_list(body.get("messages"))]
    spoken = [each for each in messages if each.get("role") != "system"]
    if spoken and spoken[-1].get("role") == "assistant" and _NO_PREFILL.match(model):
        yield "This model does not support assistant message prefill. The conversation must end with a user message."
    if as_dict(body.get("thinking")).get("type") == "enabled":
        yield from _opening(spoken)


def _limits(body: Json, model: str) -> Iterator[str]:
    most, asked = 128_000 if _MODERN.match(model) else 64_000, body.get("max_tokens")
    if isinstance(asked, int) and asked > most:
        yield f"max_tokens: {asked} > {most}, which is the maximum allowed number of output tokens for {model}"
    if (marks := _marks(body.get("system")) + _marks(body.get("tools")) + _marks(body.get("messages"))) > MAX_MARKS:
        yield f"A maximum of {MAX_MARKS} blocks with cache_control may be provided. Found {marks}."
    effort = as_dict(body.get("output_config")).get("effort")
    if effort is not None and effort not in _EFFORTS:
        yield "output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'"


def _marks(value: object) -> int:
    if isinstance(value, list):
        return sum(_marks(each) for each in value)
    node = as_dict(value)
    own = 1 if isinstance(node.get("cache_control"), dict) else 0
    return own + _marks(node.get("content")) if node else 0


def _thinking(body: Json, model: str) -> Iterator[str]:
    kind = as_dict(body.get("thinking")).get("type")
    on = kind in ("enabled", "adaptive", "between_tools")
    if kind == "enabled" and _MODERN.match(model):
        cure = 'Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.'
        yield f'"thinking.type.enabled" is not supported for this model. {cure}'
    if on and as_dict(body.get("tool_choice")).get("type") in ("any", "tool"):
        yield "Thinking may not be enabled when tool_choice forces tool use."
    edits = [as_dict(each) for each in as_list(as_dict(body.get("context_management")).get("edits"))]
    if not on and any(as_text(edit.get("type")).startswith("clear_thinking") for edit in edits):
        yield "`clear_thinking_20251015` strategy requires `thinking` to be enabled or adaptive"
    if kind == "enabled" and body.get("temperature") not in (None, 1):
        yield "`temperature` may only be set to 1 when thinking is enabled."


def _sampling(body: Json, model: str) -> Iterator[str]:
    if _MODERN.match(model):
        for name in ("temperature", "top_p", "top_k"):
            if body.get(name) is not None and body[name] != _DEFAULTS.get(name):
                yield f"`{name}` is deprecated for this model."
    if _ONE_OF_TWO.match(model) and body.get("temperature") is not None and body.get("top_p") is not None:
        yield "`temperature` and `top_p` cannot both be specified for this model. Please use only one."


def _opening(messages: list[Json]) -> Iterator[str]:
    """While tools are at work, a budget model's last answer must begin with its thought."""
    if len(messages) < 2 or messages[-2].get("role") != "assistant":
        return
    results = any(as_dict(each).get("type") == "tool_result" for each in as_list(messages[-1].get("content")))
    blocks = [as_dict(each) for each in as_list(messages[-2].get("content"))]
    if results and blocks and blocks[0].get("type") not in ("thinking", "redacted_thinking"):
        place = f"messages.{len(messages) - 2}.content.0.type"
        yield (
            f"{place}: Expected `thinking` or `redacted_thinking`, but found `{blocks[0].get('type')}`. When `thinking`"
            " is enabled, a final `assistant` message must start with a thinking block (preceeding the lastmost set of"
            " `tool_use` and `tool_result` blocks)."
        )
