"""What is assumed of a model by its name, where no list says better. As of autumn 2026 (dialects.md, 0, 1 and 2.7).

Enters: a model's id. Leaves: a Model with the ways of thinking, the levels and the settings that its family takes.
"""

import re

import msgspec

from aiclient2api.canonical.model import Model

AS_OF = "2026-11"

_CLAUDE_VERSION = re.compile(r"claude-(?:[a-z]+-)?(\d+)(?:[-.](\d{1,2})(?!\d))?")


def claude_shape(name: str) -> Model:
    """What is assumed of a Claude model by its name: 4.6 and later think adaptively and take no sampling from 4.7 on
    (dialects.md, 1.1.3)."""
    found = _CLAUDE_VERSION.search(name)
    version = (int(found[1]), int(found[2] or 0)) if found else (4, 5)
    adaptive = version >= (4, 6)
    return Model(
        id=name,
        name=name,
        max_output=64_000 if version >= (4, 0) else 8192,
        thinking=("adaptive", "disabled") if adaptive else ("enabled", "disabled") if version >= (3, 7) else (),
        efforts=("low", "medium", "high", "xhigh", "max") if adaptive else (),
        sampling=version < (4, 7),
        prefill=not adaptive,
        system_turns=version >= (4, 8),
        documents=("pdf", "txt"),
    )


_REASONING = re.compile(r"(?:^|/)(?:o\d|gpt-(?P<major>[5-9])(?:\.(?P<minor>\d+))?(?!\d))")

_EFFORTS: tuple[tuple[tuple[int, int], tuple[str, ...]], ...] = (
    ((5, 6), ("none", "low", "medium", "high", "xhigh", "max")),
    ((5, 2), ("none", "low", "medium", "high", "xhigh")),
    ((5, 1), ("none", "low", "medium", "high")),
    ((5, 0), ("minimal", "low", "medium", "high")),
    ((0, 0), ("low", "medium", "high")),
)
"""First version that knows these levels; the o series stands at the end."""


def reasons(name: str) -> bool:
    """Whether this is one of OpenAI's reasoning models."""
    return _REASONING.search(name) is not None


def openai_shape(name: str) -> Model:
    """What is assumed of a model behind an OpenAI-compatible server: OpenAI's reasoning families take an effort and no
    sampling, everything else takes sampling."""
    found = _REASONING.search(name)
    if found is None:
        return Model(id=name, name=name, documents=("pdf",), system_turns=True)
    version = (int(found["major"] or 0), int(found["minor"] or 0))
    efforts = next(levels for first, levels in _EFFORTS if version >= first)
    return Model(id=name, name=name, thinking=("effort",), efforts=efforts, sampling=False, documents=("pdf",))


_GEMINI_VERSION = re.compile(r"gemini-(\d+)(?:\.(\d+))?")


def gemini_shape(name: str) -> Model:
    """Gemini 3 and later take a level, 2.5 a budget (Pro cannot be switched off), earlier ones nothing."""
    found = _GEMINI_VERSION.search(name)
    version = (int(found[1]), int(found[2] or 0)) if found else (3, 0)
    base = Model(id=name, name=name, documents=("pdf", "txt"), owned_by="google", prefill=True)
    if version >= (3, 0):
        efforts = ("minimal", "low", "medium", "high")
        return msgspec.structs.replace(base, thinking=("effort",), efforts=efforts)
    if version < (2, 5):
        return base
    return msgspec.structs.replace(base, thinking=("enabled",) if "pro" in name else ("enabled", "disabled"))
