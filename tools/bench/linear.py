"""How the cost of translating grows: with the size of a request, the length of a stream, and the number of streams.

Enters: nothing. Leaves: tables of what one byte more, one event more and an event among more streams cost; a level row
is a cost that grows as its cause does. CPU time of the codecs alone (codecs.py), in one process, whose collector is set
as the gateway's is.
"""

import statistics
import time
from collections.abc import Sequence
from itertools import pairwise

from aiclient2api.canonical.validate import EventValidator
from aiclient2api.cli.serve import settle
from aiclient2api.dialects.registry import DIALECTS
from tools.bench import codecs
from tools.bench.codecs import Translation, Way
from tools.bench.tables import number, table

HEADING = "Growth"
KIB = 1024
SIZES = (1 * KIB, 8 * KIB, 64 * KIB, 512 * KIB, 2048 * KIB, 8192 * KIB)
LENGTHS = (1, 10, 100, 1000, 20_000)
COUNTS = (1, 10, 100, 1000)
EVENTS = 40_000
"""Of all streams together, at least."""
LEAST = 60
EDGE = 10
"""Writes at the beginning and at the end of streams side by side that are left out."""
ROUNDS = 5
LIMIT = 20
"""Percent by which a row may leave its median to be flat."""

WAYS = (
    Way("anthropic", "openai_chat"),
    Way("openai_chat", "anthropic"),
    Way("anthropic", "kiro"),
    Way("openai_chat", "kiro"),
    Way("openai_responses", "anthropic"),
    Way("anthropic", "openai_responses"),
    Way("gemini", "anthropic"),
    Way("anthropic", "gemini"),
)
_HEIGHTS = "▁▂▃▄▅▆▇█"


def request_costs(way: Way) -> list[tuple[int, float]]:
    """Bytes of the client's body, and the microseconds that it takes, for each size."""
    translation = Translation(way)
    bodies = [codecs.body_of(way.front, codecs.conversation(size)) for size in SIZES]
    return [(len(body), 1e6 * codecs.least(lambda body=body: translation.whole(body))) for body in bodies]  # type: ignore[misc]


def stream_costs(way: Way) -> list[tuple[int, float]]:
    """Events of one stream, and the microseconds that it takes, for each length."""
    made = [(length, codecs.streamed(way, codecs.frames(way.back, length))) for length in LENGTHS]
    return [(length, 1e6 * codecs.least(run)) for length, run in made]


def more(costs: Sequence[tuple[int, float]]) -> list[float]:
    """What one more costs, between each two neighbours."""
    return [(dear - cheap) / (many - few) for (few, cheap), (many, dear) in pairwise(costs)]


def side_by_side(way: Way, count: int) -> float:
    """Microseconds for an event of many streams that take turns, in the middle of their answers."""
    writes = codecs.frames(way.back, max(LEAST, EVENTS // count))
    made = codecs.decoders_of(way.back)
    taken = []
    for _ in range(ROUNDS):
        streams = [(made(), EventValidator(), DIALECTS[way.front].encoder(codecs.answer())) for _ in range(count)]
        for decoder, validator, encoder in streams:
            for write in writes[:EDGE]:
                encoder.encode(validator.feed(decoder.feed(write)))
        began = time.process_time()
        for write in writes[EDGE:-EDGE]:
            for decoder, validator, encoder in streams:
                encoder.encode(validator.feed(decoder.feed(write)))
        taken.append(time.process_time() - began)
    return 1e6 * min(taken) / (len(writes[EDGE:-EDGE]) * count)


def drawn(values: Sequence[float]) -> str:
    """The row as heights, from nothing to its largest value."""
    most = max(values)
    return "".join(_HEIGHTS[min(int(len(_HEIGHTS) * value / most), len(_HEIGHTS) - 1)] for value in values)


def spread(values: Sequence[float]) -> float:
    """Percent of the median by which the value that is farthest from it leaves it."""
    middle = statistics.median(values)
    return 100 * max(abs(value - middle) for value in values) / middle


def row(way: Way, values: Sequence[float], first: Sequence[str] = ()) -> list[str]:
    return [str(way), *first, *map(number, values), f"{spread(values):.0f} %", drawn(values)]


def grown(head: str, unit: float, costs: Sequence[tuple[Way, list[tuple[int, float]]]], names: Sequence[str]) -> str:
    """One table: what the smallest takes, and what one more costs from each size to the next, in microseconds times
    `unit`."""
    steps = [f"{few} to {many}" for few, many in pairwise(names)]
    rows = [row(way, [unit * each for each in more(found)], [number(found[0][1])]) for way, found in costs]
    return table([head, f"{names[0]} takes µs", *steps, "off the median", "drawn"], rows)


def section() -> str:
    """All curves, as they stand under the heading in docs/benchmarks.md."""
    settle()
    sizes = [f"{size // KIB} KB" if size < KIB * KIB else f"{size // KIB // KIB} MB" for size in SIZES]
    requests = [(way, request_costs(way)) for way in WAYS]
    streams = [(way, stream_costs(way)) for way in WAYS]
    many = [row(way, [side_by_side(way, count) for count in COUNTS]) for way in WAYS]
    parts = (
        "",
        "CPU time of the codecs alone, written by `python -m tools.bench --linear --write`: what one more costs, from",
        "each size to the next. A level row is a cost that grows as its cause does; the goal is that it stays within",
        f"{LIMIT} % of its median.\n",
        grown("request: CPU ns for one byte more", 1e3, requests, sizes),
        grown("stream: CPU µs for one event more", 1, streams, [f"{each:,}" for each in LENGTHS]),
        table(
            ["streams: CPU µs an event, by their number", *(f"{each:,}" for each in COUNTS), "off the median", "drawn"],
            many,
        ),
    )
    return "\n".join(parts)
