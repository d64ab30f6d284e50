"""What metrics are made of: numbers that are added to, and families of what there is at a scrape.

Nothing here knows what is counted. Counting takes some tens of nanoseconds and no lock: one thread adds, and a scrape
of another one reads numbers that are at most one request old.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping

from aiclient2api.observe.exposition import Family, Sample, Spread


class Histogram:
    """How often values were in which bucket. `bounds` rise; each is the largest value of its bucket."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def add(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    def spread(self) -> Spread:
        return Spread(tuple(self.counts), self.sum)


def counter(
    name: str, help: str, labels: tuple[str, ...], counts: Mapping[tuple[str, ...], int | float] | int | float
) -> Family:
    """A number that only rises; its name ends in `_total`, which is added."""
    return Family(name, "counter", help, labels, _samples(counts))


def gauge(
    name: str, help: str, labels: tuple[str, ...], values: Mapping[tuple[str, ...], int | float] | int | float
) -> Family:
    """A number as it is now."""
    return Family(name, "gauge", help, labels, _samples(values))


def info(name: str, help: str, facts: Mapping[str, str]) -> Family:
    """Words: the number is 1."""
    return Family(name, "info", help, tuple(facts), ((tuple(facts.values()), 1),))


def histogram(
    name: str,
    help: str,
    labels: tuple[str, ...],
    bounds: tuple[float, ...],
    found: Iterable[tuple[tuple[str, ...], Histogram]],
) -> Family:
    """Histograms of these bounds. One that nothing has been added to is left out, unless it has no labels."""
    samples = tuple((values, each.spread()) for values, each in found if not labels or any(each.counts))
    return Family(name, "histogram", help, labels, samples, bounds)


def _samples(values: Mapping[tuple[str, ...], int | float] | int | float) -> tuple[Sample, ...]:
    return tuple(values.items()) if isinstance(values, Mapping) else (((), values),)
