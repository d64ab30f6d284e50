"""What a request asks of the answer, and which of it each wire form can say: one row per form, none per pair."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from aiclient2api.canonical.request import OutputFormat, Request, ToolChoice

Settings = dict[str, object]


@dataclass(frozen=True)
class Asking:
    """`says` are the settings that have a place in the form, `names` what a client of it calls those that do not arrive
    everywhere, `private` those that go to no other form. `words`: what has no place is asked for in words. `unsaid` are
    those that the gateway sees to itself, or that mean nothing to the service."""

    says: frozenset[str]
    names: Mapping[str, str]
    words: frozenset[str] = frozenset()
    unsaid: frozenset[str] = frozenset()
    private: frozenset[str] = frozenset()


_ALL = frozenset({"max_tokens", "temperature", "top_p", "stop", "user", "parallel", "choice", "output"})
_OPENAI = {"user": "user", "parallel": "parallel_tool_calls", "temperature": "temperature", "top_p": "top_p"}
_GENERATION = {"temperature": "temperature", "top_p": "topP", "max_tokens": "maxOutputTokens"}

ASKING: Mapping[str, Asking] = {
    "anthropic": Asking(
        says=_ALL,
        names={
            "user": "metadata.user_id",
            "parallel": "disable_parallel_tool_use",
            "temperature": "temperature",
            "top_p": "top_p",
            "max_tokens": "max_tokens",
        },
        private=frozenset({"user"}),
    ),
    "openai_chat": Asking(says=_ALL, names={**_OPENAI, "max_tokens": "max_tokens"}),
    "openai_responses": Asking(
        says=_ALL - {"stop"}, names={**_OPENAI, "max_tokens": "max_output_tokens"}, unsaid=frozenset({"stop"})
    ),
    "gemini": Asking(
        says=_ALL - {"user", "parallel"},
        names={name: f"generationConfig.{own}" for name, own in _GENERATION.items()},
    ),
    "kiro": Asking(
        says=frozenset(),
        names={},
        words=frozenset({"choice", "parallel", "output"}),
        unsaid=frozenset({"stop"}),
    ),
}


def settings(request: Request) -> Settings:
    """Only what was asked for."""
    found: Settings = {
        "max_tokens": request.max_tokens,
        "temperature": request.sampling.temperature,
        "top_p": request.sampling.top_p,
        "stop": request.stop or None,
        "user": request.user,
        "parallel": request.parallel_tools,
        "choice": _choice(request.tool_choice, [tool.name for tool in request.tools]),
        "output": _output(request.output),
    }
    return {name: value for name, value in found.items() if value is not None}


def _choice(choice: ToolChoice | None, declared: list[str]) -> tuple[bool, tuple[str, ...]] | None:
    """Whether a tool must be called, and which may be: forms have several ways to say so. None for any at will."""
    if choice is None:
        names = declared
    elif choice.mode == "none":
        return False, ()
    elif choice.mode == "tool":
        names = [choice.name or ""]
    else:
        names = [name for name in declared if not choice.allowed or name in choice.allowed]
    must = choice is not None and choice.mode in ("any", "tool")
    return (must, tuple(names)) if must or names != declared else None


def _output(output: OutputFormat | None) -> tuple[str, str] | None:
    if output is None:
        return None
    return output.kind, json.dumps(json.loads(output.schema or b"null"))
