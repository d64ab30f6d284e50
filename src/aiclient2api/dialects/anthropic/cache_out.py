"""Prompt-cache marks for an Anthropic upstream: set where the client set them, at most four of them."""

from collections.abc import Iterable

from aiclient2api.canonical.request import Cache

MAX_MARKS = 4
_HOUR = frozenset({"1h", "30m", "12h"})
"""Lifetimes that Anthropic's longer one stands for; any other gets the default of 5 minutes."""

Wire = dict[str, object]


def cache_control(cache: Cache) -> Wire:
    if cache.ttl is None:
        return {"type": "ephemeral"}
    return {"type": "ephemeral", "ttl": "1h" if cache.ttl in _HOUR else "5m"}


def mark(wire: Wire, cache: Cache | None) -> Wire:
    """`wire` itself, with the mark if there is one."""
    if cache is not None:
        wire["cache_control"] = cache_control(cache)
    return wire


def trim(blocks: Iterable[object], already: int = 0) -> bool:
    """Take the oldest marks off until at most four are left, `already` of them elsewhere; whether any was taken."""
    marked = [block for block in blocks if isinstance(block, dict) and "cache_control" in block]
    surplus = max(0, len(marked) + already - MAX_MARKS)
    for block in marked[:surplus]:
        del block["cache_control"]
    return surplus > 0
