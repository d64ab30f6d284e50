"""What stands under "Beside other gateways": scenarios, goals, tables. Pure.

Enters: a run of beside.py. Leaves: the section of docs/benchmarks.md. Ratios are made round by round, as elsewhere.
"""

import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from tools.bench import figures, goals, page, tables
from tools.bench.figures import Figure, Samples
from tools.bench.goals import Goal
from tools.bench.others import AICLIENT, LITELLM
from tools.bench.runs import Results, Sample, Start
from tools.bench.scenarios import DIRECT, GATEWAY, SAME, TO_ANTHROPIC, TO_OPENAI, Scenario, paced

HEADING = "Beside other gateways"

AGENT_SAME = Scenario(SAME, "62 KB", 16)
AGENT_TO_OPENAI = Scenario(TO_OPENAI, "62 KB", 16)
SCENARIOS = (
    Scenario(SAME, "1 KB", 1),
    Scenario(SAME, "1 KB", 64),
    Scenario(SAME, "62 KB", 1),
    AGENT_SAME,
    Scenario(TO_OPENAI, "62 KB", 1),
    AGENT_TO_OPENAI,
    Scenario(TO_ANTHROPIC, "62 KB", 16),
    Scenario(TO_OPENAI, "1 KB", 16, pieces=200),
    Scenario(TO_ANTHROPIC, "1 KB", 16, pieces=200),
    paced(SAME, 256),
)


class Who(NamedTuple):
    """`version` "": it is not installed."""

    name: str
    version: str
    lacks: str


class Run(NamedTuple):
    """All that was found."""

    results: Results
    started: Mapping[str, Sequence[Start]]
    others: Sequence[Who]
    conditions: page.Conditions


class Indication(NamedTuple):
    """What AIClient-2-API and LiteLLM answered a second, in one run that is not this one."""

    aiclient: float
    litellm: float


EARLIER: Mapping[Scenario, Indication] = {AGENT_SAME: Indication(858, 37.0), AGENT_TO_OPENAI: Indication(590, 29.5)}
"""AIClient-2-API 3.1.9, LiteLLM 1.106.2, one process on one core of two of an AMD EPYC, Node 20, Python 3.11."""


def _rate(sample: Sample) -> float:
    return sample.rate


def _times(scenario: Scenario, other: str) -> Callable[[Results, Sequence[Start]], Figure]:
    return lambda results, started: figures.times(results.get(scenario, {}), GATEWAY, other, _rate)


GOALS = (
    Goal("62 KB, OpenAI → OpenAI, req/s beside AIClient-2-API's", "at least", 8, "×", _times(AGENT_SAME, AICLIENT)),
    Goal(
        "62 KB, Anthropic → OpenAI, req/s beside AIClient-2-API's",
        *("at least", 5, "×", _times(AGENT_TO_OPENAI, AICLIENT)),
    ),
    Goal("62 KB, Anthropic → OpenAI, req/s beside LiteLLM's", "at least", 100, "×", _times(AGENT_TO_OPENAI, LITELLM)),
)

_ABOUT = """\
Written by `{command}`, with the same upstream, load and order as the rest of the page; `make peers` installs the others
and makes this run anew. Each gateway is one process on one core, without retries, with its log off and with the check
of the client's key that it has. This gateway keeps its usage ledger; the others keep none, or need a database for it. A
turn is as many requests as the peer does in {seconds:g} s, and at least two on each connection (one stream), so nothing
is cut off at its end. "Gateway, times" is what this gateway does a second as a multiple of what the row's does; "times
gateway's" is the CPU time that the row's needs as a multiple of this gateway's, which other work disturbs least."""

_INDICATION = """\
{aiclient} is installed by hand, from its repository, and was not part of this run. An indication only, from another run
(version 3.1.9 beside LiteLLM 1.106.2 on a machine of this kind): of 62 KB it answered {same} requests a second OpenAI →
OpenAI where LiteLLM answered {same_litellm}, and {translated} Anthropic → OpenAI where LiteLLM answered
{translated_litellm}. If both ratios hold here, this gateway does {times_same} times what {aiclient} does OpenAI →
OpenAI, and {times_translated} times Anthropic → OpenAI."""

Column = Callable[[Samples, str], str]


def _own(value: Callable[[Sample], float], show: Callable[[Figure], str] = tables.spread) -> Column:
    return lambda samples, who: show(figures.of(samples, who, value))


def _added(value: Callable[[Sample], float]) -> Column:
    return lambda samples, who: tables.median(figures.over_direct(samples, who, value))


def _gateway_times(value: Callable[[Sample], float]) -> Column:
    return lambda samples, who: _unless_gateway(who, figures.times(samples, GATEWAY, who, value))


def _times_gateway(value: Callable[[Sample], float]) -> Column:
    return lambda samples, who: _unless_gateway(who, figures.times(samples, who, GATEWAY, value))


def _unless_gateway(who: str, found: Figure) -> str:
    return tables.EMPTY if who == GATEWAY else tables.spread(found)


_WHOLE: dict[str, Column] = {
    "req/s": _own(_rate),
    "gateway, times": _gateway_times(_rate),
    "CPU µs/req": _own(lambda each: each.cpu_request),
    "times gateway's": _times_gateway(lambda each: each.cpu_request),
    "added p50 ms": _added(lambda each: each.told.whole50),
    "added p99 ms": _added(lambda each: each.told.whole99),
    "peak MB": _own(lambda each: each.memory, tables.median),
}
_STREAMS: dict[str, Column] = {
    "events/s": _own(lambda each: each.events),
    "gateway, times": _gateway_times(lambda each: each.events),
    "CPU µs/event": _own(lambda each: each.cpu_event),
    "times gateway's": _times_gateway(lambda each: each.cpu_event),
    "transit p50 ms": _own(lambda each: each.told.transit50, tables.median),
    "p99 ms": _own(lambda each: each.told.transit99, tables.median),
    "peak MB": _own(lambda each: each.memory, tables.median),
}


def section(run: Run) -> str:
    """What the page says of it, from under its heading on."""
    conditions = run.conditions
    parts = [
        f"\n{textwrap.fill(_ABOUT.format(command=conditions.command, seconds=conditions.seconds), page.WIDTH)}\n\n",
        *(f"- {line}\n" for line in page.conditions_of(conditions)),
        "\n" + tables.goals(goals.verdicts(run.results, (), GOALS)),
        indication(run.results),
        "\n" + _others(run),
        "\n" + _table(run.results, _WHOLE, lambda each: not each.pieces),
        "\n" + _table(run.results, _STREAMS, lambda each: each.pieces > 0),
        "\n" + _started(run.started),
    ]
    return "".join(part for part in parts if part.strip())


def indication(results: Results) -> str:
    """ "" if AIClient-2-API was measured, or LiteLLM was not."""
    measured = any(AICLIENT in samples for samples in results.values())
    held = {
        scenario: figures.times(results.get(scenario, {}), GATEWAY, LITELLM, _rate).scaled(then.litellm / then.aiclient)
        for scenario, then in EARLIER.items()
    }
    if measured or not all(each.known for each in held.values()):
        return ""
    same, translated = EARLIER[AGENT_SAME], EARLIER[AGENT_TO_OPENAI]
    told = _INDICATION.format(
        aiclient=AICLIENT,
        same=f"{same.aiclient:g}",
        same_litellm=f"{same.litellm:g}",
        translated=f"{translated.aiclient:g}",
        translated_litellm=f"{translated.litellm:g}",
        times_same=tables.spread(held[AGENT_SAME]),
        times_translated=tables.spread(held[AGENT_TO_OPENAI]),
    )
    return f"\n{textwrap.fill(told.strip(), page.WIDTH)}\n"


def _others(run: Run) -> str:
    rows = [
        [each.name, each.version or "not installed", (each.version and each.lacks) or tables.EMPTY]
        for each in run.others
    ]
    return tables.table(["gateway", "version", "does not have"], rows)


def _table(results: Results, columns: Mapping[str, Column], fits: Callable[[Scenario], bool]) -> str:
    rows = [
        [f"{scenario}: {who}", *(column(samples, who) for column in columns.values())]
        for scenario, samples in results.items()
        if fits(scenario)
        for who in samples
        if who != DIRECT
    ]
    return tables.table(["client → upstream: who answers", *columns], rows) if rows else ""


def _started(started: Mapping[str, Sequence[Start]]) -> str:
    rows = [
        [
            who,
            tables.spread(figures.figure([each.seconds for each in found])),
            tables.spread(figures.figure([each.memory for each in found])),
        ]
        for who, found in started.items()
    ]
    return tables.table(["gateway", "start to the first answer, s", "idle memory after it, MB"], rows) if rows else ""
