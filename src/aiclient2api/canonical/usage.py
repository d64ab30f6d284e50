"""Tokens of one answer. All input numbers are disjoint; dialects add them up as their API wants it."""

import msgspec


class Usage(msgspec.Struct, frozen=True):
    """`fresh` input was neither read from nor written to a cache; `output` includes `reasoning`.

    `estimated` marks numbers that we worked out ourselves; `credits` is what a provider charged in its own unit.
    """

    fresh: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0
    output: int = 0
    reasoning: int = 0
    web_searches: int = 0
    estimated: bool = False
    credits: float | None = None

    @property
    def input(self) -> int:
        """All input tokens: fresh, read from cache, written to cache (5 minutes and 1 hour)."""
        return self.fresh + self.cache_read + self.cache_write + self.cache_write_1h

    @property
    def total(self) -> int:
        return self.input + self.output
