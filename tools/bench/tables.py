"""The tables that are printed and written: Markdown whose columns line up. Pure."""

from collections.abc import Callable, Sequence

from tools.bench import figures
from tools.bench.figures import Figure, Samples
from tools.bench.goals import Verdict
from tools.bench.runs import Results, Sample, Start
from tools.bench.scenarios import NGINX, PEERS, Scenario

EMPTY = "–"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown; the first column is text, the others are numbers and stand to the right."""
    widths = [max(len(row[column]) for row in (heads, *rows)) for column in range(len(heads))]
    rule = [("-" * width) if column == 0 else "-" * (width - 1) + ":" for column, width in enumerate(widths)]
    return "\n".join(_line(row, widths) for row in (heads, rule, *rows)) + "\n"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = cells
    padded = [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))]
    return "| " + " | ".join(padded) + " |"


def number(value: float) -> str:
    """Three digits that mean something, thousands apart."""
    size = abs(value)
    if size >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if size >= 10 else f"{value:.2f}" if size >= 1 else f"{value:.3f}"


def median(found: Figure) -> str:
    return number(found.median) if found.known else EMPTY


def spread(found: Figure) -> str:
    """The median and, in brackets, the least and the largest value."""
    if not found.known or found.least == found.most:
        return median(found)
    return f"{number(found.median)} ({number(found.least)}–{number(found.most)})"


Column = Callable[[Samples, str], str]


def _own(value: Callable[[Sample], float], show: Callable[[Figure], str] = median) -> Column:
    return lambda samples, peer: show(figures.of(samples, peer, value))


def _added(value: Callable[[Sample], float]) -> Column:
    return lambda samples, peer: median(figures.over_direct(samples, peer, value))


def _times(value: Callable[[Sample], float]) -> Column:
    return lambda samples, peer: EMPTY if peer == NGINX else spread(figures.times_nginx(samples, peer, value))


WHOLE: dict[str, Column] = {
    "req/s": _own(lambda each: each.rate),
    "CPU µs/req": _own(lambda each: each.cpu_request, spread),
    "CPU, times nginx": _times(lambda each: each.cpu_request),
    "added p50 ms": _added(lambda each: each.told.whole50),
    "added p99 ms": _added(lambda each: each.told.whole99),
    "peak MB": _own(lambda each: each.memory),
}

STREAMS: dict[str, Column] = {
    "events/s": _own(lambda each: each.events),
    "CPU µs/event": _own(lambda each: each.cpu_event, spread),
    "CPU, times nginx": _times(lambda each: each.cpu_event),
    "first: added p50 ms": _added(lambda each: each.told.first50),
    "p99": _added(lambda each: each.told.first99),
    "transit p50 ms": _own(lambda each: each.told.transit50),
    "p99 ms": _own(lambda each: each.told.transit99),
    "peak MB": _own(lambda each: each.memory),
}


def whole_answers(results: Results) -> str:
    return _scenarios(results, WHOLE, lambda each: not each.pieces)


def streams(results: Results) -> str:
    return _scenarios(results, STREAMS, lambda each: each.pieces > 0)


def _scenarios(results: Results, columns: dict[str, Column], fits: Callable[[Scenario], bool]) -> str:
    rows = [
        [f"{scenario}: {peer}", *(column(samples, peer) for column in columns.values())]
        for scenario, samples in results.items()
        if fits(scenario)
        for peer in PEERS
        if peer in samples
    ]
    return table(["client → upstream: who answers", *columns], rows) if rows else ""


def goals(found: Sequence[Verdict]) -> str:
    rows = [
        [each.goal.about, f"{each.goal.kind} {number(each.goal.limit)} {each.goal.unit}", spread(each.found), each.word]
        for each in found
    ]
    return table(["goal", "limit", "measured", ""], rows)


def starting(started: Sequence[Start]) -> str:
    rows = [
        ["start to the first answer, s", spread(figures.figure([each.seconds for each in started]))],
        ["idle memory after it, MB", spread(figures.figure([each.memory for each in started]))],
    ]
    return table(["gateway with one provider", "measured"], rows)
