"""Medians and spreads of samples, and the figures made of them. Pure."""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from tools.bench.runs import Sample
from tools.bench.scenarios import DIRECT, NGINX

Samples = Mapping[str, Sequence[Sample]]
"""By peer, in the order of the rounds."""


class Figure(NamedTuple):
    """A median with its least and largest value."""

    median: float
    least: float
    most: float

    @property
    def known(self) -> bool:
        return not math.isnan(self.median)

    def scaled(self, by: float) -> "Figure":
        return Figure(self.median * by, self.least * by, self.most * by)


UNKNOWN = Figure(math.nan, math.nan, math.nan)


def figure(values: Sequence[float]) -> Figure:
    """NaN is a value that was not measured; without any other the figure is unknown."""
    known = [value for value in values if not math.isnan(value)]
    return Figure(statistics.median(known), min(known), max(known)) if known else UNKNOWN


def of(samples: Samples, peer: str, value: Callable[[Sample], float]) -> Figure:
    return figure([value(each) for each in samples.get(peer, ())])


def over_direct(samples: Samples, peer: str, value: Callable[[Sample], float]) -> Figure:
    """What the peer adds: round by round the difference to the upstream without a proxy."""
    return _paired(samples, peer, DIRECT, value, lambda own, bare: own - bare)


def times_nginx(samples: Samples, peer: str, value: Callable[[Sample], float]) -> Figure:
    """Round by round, how many times nginx's."""
    return times(samples, peer, NGINX, value)


def times(samples: Samples, peer: str, other: str, value: Callable[[Sample], float]) -> Figure:
    """Round by round, how many times the other's."""
    return _paired(samples, peer, other, value, lambda own, theirs: own / theirs if theirs > 0 else math.nan)


def added_times_nginx(samples: Samples, peer: str, value: Callable[[Sample], float]) -> Figure:
    """What the peer adds, as a multiple of what nginx adds."""
    own, floor = over_direct(samples, peer, value), over_direct(samples, NGINX, value)
    if not own.known or not floor.known or floor.median <= 0:
        return UNKNOWN
    return Figure(*(each / floor.median for each in own))


def _paired(
    samples: Samples,
    peer: str,
    other: str,
    value: Callable[[Sample], float],
    combine: Callable[[float, float], float],
) -> Figure:
    pairs = zip(samples.get(peer, ()), samples.get(other, ()), strict=False)
    return figure([combine(value(own), value(theirs)) for own, theirs in pairs])
