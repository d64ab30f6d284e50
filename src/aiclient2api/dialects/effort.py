"""How hard a model should think: levels, token budgets, and the way from one to the other (dialects.md, 2.7)."""

from collections.abc import Collection
from typing import Literal

Level = Literal["minimal", "low", "medium", "high", "xhigh", "max"]

LEVELS: tuple[Level, ...] = ("minimal", "low", "medium", "high", "xhigh", "max")
_THRESHOLDS: tuple[tuple[int, Level], ...] = ((1024, "minimal"), (4096, "low"), (12_288, "medium"), (28_672, "high"))
"""Up to how many tokens of thinking which level comes nearest."""


def level_of(budget: int) -> Level:
    """The level that a budget of tokens comes nearest to."""
    return next((level for limit, level in _THRESHOLDS if budget <= limit), "xhigh")


def nearest(level: Level, known: Collection[str]) -> Level:
    """The level a model knows that is nearest to `level`, of two the lower; `level` itself if it knows none."""
    levels = [each for each in LEVELS if each in known]
    place = LEVELS.index(level)
    return min(levels, key=lambda each: abs(LEVELS.index(each) - place), default=level)
