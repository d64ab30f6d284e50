"""How the cost of translating grows: with the size of a request, the length of a stream, and the number of streams.

Enters: nothing. Leaves: tables whose last column draws the row; a straight line is a cost that grows as its cause does.
CPU time of the codecs alone (codecs.py), in one process.
"""

from collections.abc import Callable, Sequence

from aiclient2api.canonical.validate import EventValidator
from aiclient2api.dialects.registry import DIALECTS
from tools.bench import codecs
from tools.bench.codecs import Translation, Way
from tools.bench.tables import number, table

HEADING = "Growth"
KIB = 1024
SIZES = (1 * KIB, 8 * KIB, 64 * KIB, 512 * KIB, 2048 * KIB, 8192 * KIB)
LENGTHS = (1, 10, 100, 1000, 20_000)
COUNTS = (1, 10, 100, 1000)
EVENTS = 20_000
"""Of all streams together."""

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

Cost = Callable[[Way, int], float]


def per_byte(way: Way, size: int) -> float:
    """Nanoseconds for each byte of the client's body."""
    translation = Translation(way)
    body = codecs.body_of(way.front, codecs.conversation(size))
    return 1e9 * codecs.least(lambda: translation.whole(body)) / len(body)


def per_event(way: Way, length: int) -> float:
    """Microseconds for each event of one stream, its beginning and end included."""
    return 1e6 * codecs.least(codecs.streamed(way, codecs.frames(way.back, length))) / length


def side_by_side(way: Way, count: int) -> float:
    """Microseconds for each event of many streams that take turns."""
    length = EVENTS // count
    writes = codecs.frames(way.back, length)
    made = codecs.decoders_of(way.back)

    def run() -> None:
        streams = [(made(), EventValidator(), DIALECTS[way.front].encoder(codecs.answer())) for _ in range(count)]
        for write in writes:
            for decoder, validator, encoder in streams:
                encoder.encode(validator.feed(decoder.feed(write)))

    return 1e6 * codecs.least(run, rounds=3) / (length * count)


def drawn(values: Sequence[float]) -> str:
    """The row as heights, from nothing to its largest value."""
    most = max(values)
    return "".join(_HEIGHTS[min(int(len(_HEIGHTS) * value / most), len(_HEIGHTS) - 1)] for value in values)


def curve(head: str, cost: Cost, places: Sequence[int], names: Sequence[str], ways: Sequence[Way] = WAYS) -> str:
    """One table: a row a way, a column a place."""
    rows = []
    for way in ways:
        values = [cost(way, place) for place in places]
        rows.append([str(way), *(number(value) for value in values), drawn(values)])
    return table([head, *names, "drawn"], rows)


def section() -> str:
    """All curves, as they stand under the heading in docs/benchmarks.md."""
    sizes = [f"{size // KIB} KB" if size < KIB * KIB else f"{size // KIB // KIB} MB" for size in SIZES]
    parts = (
        "",
        "CPU time of the codecs alone, written by `python -m tools.bench --linear --write`. A row that stays level, or",
        "falls as what happens once is spread, is a cost that grows as its cause does. All streams of a figure have",
        "20,000 events together: of a thousand each has 20, so their beginnings and ends weigh more.\n",
        curve("request: CPU ns/byte, by the size of the body", per_byte, SIZES, sizes),
        curve("stream: CPU µs/event, by its events", per_event, LENGTHS, [f"{each:,}" for each in LENGTHS]),
        curve("streams: CPU µs/event, by their number", side_by_side, COUNTS, [f"{each:,}" for each in COUNTS]),
    )
    return "\n".join(parts)
