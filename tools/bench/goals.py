"""What the figures are to be, and whether they are. Not a gate: a busy machine misses goals for other reasons."""

import math
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from tools.bench import figures
from tools.bench.figures import Figure
from tools.bench.runs import Results, Sample, Start
from tools.bench.scenarios import (
    GATEWAY,
    KIRO_TO_ANTHROPIC,
    SAME,
    TO_OPENAI,
    Scenario,
    Way,
    first_piece,
    open_streams,
)


class Goal(NamedTuple):
    """`limit` in `unit`; `kind` says on which side of it the figure has to be."""

    about: str
    kind: Literal["at least", "at most"]
    limit: float
    unit: str
    value: Callable[[Results, Sequence[Start]], Figure]


class Verdict(NamedTuple):
    goal: Goal
    found: Figure

    @property
    def word(self) -> str:
        if not self.found.known:
            return "not measured"
        met = (
            self.found.median >= self.goal.limit
            if self.goal.kind == "at least"
            else (self.found.median <= self.goal.limit)
        )
        return "met" if met else "missed"


def verdicts(results: Results, started: Sequence[Start], wanted: Sequence[Goal] = ()) -> list[Verdict]:
    """On all goals of the full run, unless others are wanted."""
    return [Verdict(goal, goal.value(results, started)) for goal in wanted or GOALS]


def _share_of_nginx(scenario: Scenario) -> Callable[[Results, Sequence[Start]], Figure]:
    """Requests per CPU second, in percent of nginx's."""

    def value(results: Results, started: Sequence[Start]) -> Figure:
        ratio = figures.times_nginx(results.get(scenario, {}), GATEWAY, lambda each: each.cpu_request)
        return Figure(100 / ratio.median, 100 / ratio.most, 100 / ratio.least) if ratio.known else ratio

    return value


def _added(scenario: Scenario, what: Callable[[Sample], float]) -> Callable[[Results, Sequence[Start]], Figure]:
    return lambda results, started: figures.over_direct(results.get(scenario, {}), GATEWAY, what)


def _own(scenario: Scenario, what: Callable[[Sample], float]) -> Callable[[Results, Sequence[Start]], Figure]:
    return lambda results, started: figures.of(results.get(scenario, {}), GATEWAY, what)


def _paced_times_nginx(way: Way) -> Callable[[Results, Sequence[Start]], Figure]:
    """Of the paced runs with this way the one with the most pieces, which is the full run's."""

    def value(results: Results, started: Sequence[Start]) -> Figure:
        fitting = [each for each in results if each.way == way and each.pace and each.connections == 64]
        if not fitting:
            return figures.UNKNOWN
        chosen = max(fitting, key=lambda each: each.pieces)
        return figures.times_nginx(results[chosen], GATEWAY, lambda each: each.cpu_event)

    return value


def _events_per_cpu_second(sample: Sample) -> float:
    return 1e6 / sample.cpu_event if sample.cpu_event else math.nan


GOALS = (
    Goal(
        "1 KB, requests per CPU second beside nginx", "at least", 55, "%", _share_of_nginx(Scenario(SAME, "1 KB", 64))
    ),
    Goal(
        "2 MB, latency added, as a multiple of nginx's",
        "at most",
        4,
        "×",
        lambda results, started: figures.added_times_nginx(
            results.get(Scenario(SAME, "2 MB", 1), {}), GATEWAY, lambda each: each.told.whole50
        ),
    ),
    Goal("paced translated stream, CPU per event beside nginx", "at most", 2, "×", _paced_times_nginx(TO_OPENAI)),
    Goal(
        "unpaced translated stream, c=16",
        "at least",
        110_000,
        "events/s",
        _own(Scenario(TO_OPENAI, "1 KB", 16, pieces=200), lambda each: each.events),
    ),
    Goal(
        "translated stream, time to the first piece, added at c=1",
        "at most",
        0.3,
        "ms",
        _added(first_piece(TO_OPENAI), lambda each: each.told.first50),
    ),
    Goal(
        "Kiro's event stream to Anthropic, unpaced",
        "at least",
        100_000,
        "events per CPU second",
        _own(Scenario(KIRO_TO_ANTHROPIC, "1 KB", 16, pieces=200), _events_per_cpu_second),
    ),
    Goal(
        "start to the first answer",
        "at most",
        0.4,
        "s",
        lambda _, started: figures.figure([s.seconds for s in started]),
    ),
    Goal("idle memory", "at most", 45, "MB", lambda _, started: figures.figure([s.memory for s in started])),
    Goal("1,000 open paced streams", "at most", 150, "MB", _own(open_streams(TO_OPENAI), lambda each: each.memory)),
)
