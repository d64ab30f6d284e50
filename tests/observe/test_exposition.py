"""The text that is scraped (E2), with prometheus_client's two readers as judges."""

import math
from collections.abc import Mapping

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiclient2api.observe.exposition import Family, Sample, Spread, exposition, together, wants_openmetrics
from aiclient2api.observe.metrics import Histogram, counter, gauge, histogram, info
from tests.observe.reading import labelled, read

BOUNDS = (0.1, 1.0, 5.0)


SOME = [
    counter("asked", "How many\nwere asked, \\ and back.", ("who",), {("a",): 2, ('b"\\\n',): 3}),
    gauge("open", "Open now.", (), 0.5),
    info("build", "What runs.", {"version": "1.0"}),
    Family("took_seconds", "histogram", "How long.", ("who",), ((("a",), Spread((1, 0, 2, 4), 30.5)),), BOUNDS),
    counter("nothing", "Without samples.", ("who",), {}),
]


@pytest.mark.parametrize("is_openmetrics", [False, True])
def test_what_is_read_is_what_was_counted(is_openmetrics: bool) -> None:
    kinds, samples = read(exposition(SOME, is_openmetrics), is_openmetrics)
    old = {"asked": "counter", "open": "gauge", "build_info": "gauge", "took_seconds": "histogram"}
    new = {"asked": "counter", "open": "gauge", "build": "info", "took_seconds": "histogram"}
    assert kinds == (new if is_openmetrics else old)
    assert samples == {
        "asked_total": {labelled(who="a"): 2, labelled(who='b"\\\n'): 3},
        "open": {(): 0.5},
        "build_info": {labelled(version="1.0"): 1},
        "took_seconds_bucket": {
            labelled(who="a", le="0.1"): 1,
            labelled(who="a", le="1.0"): 1,
            labelled(who="a", le="5.0"): 3,
            labelled(who="a", le="+Inf"): 7,
        },
        "took_seconds_sum": {labelled(who="a"): 30.5},
        "took_seconds_count": {labelled(who="a"): 7},
    }


def test_the_ends_differ() -> None:
    assert exposition(SOME, True).endswith(b"\n# EOF\n")
    assert b"EOF" not in exposition(SOME, False)
    assert exposition([], False) == b""


TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
NUMBERS = st.integers(0, 2**53) | st.floats(0, 1e300)


@given(st.dictionaries(st.tuples(TEXTS, TEXTS), NUMBERS, min_size=1, max_size=5), st.booleans())
def test_any_text_may_stand_in_a_label(values: Mapping[tuple[str, ...], float], is_openmetrics: bool) -> None:
    text = exposition([counter("asked", "How many.", ("one", "two"), values)], is_openmetrics)
    _, samples = read(text, is_openmetrics)
    assert samples["asked_total"] == {labelled(one=one, two=two): value for (one, two), value in values.items()}


def test_what_is_no_utf8_is_written_all_the_same() -> None:
    text = exposition([gauge("open", "Open.", ("who",), {("\ud800",): 1})], False)
    assert read(text, False)[1] == {"open": {labelled(who="?"): 1}}


@given(st.lists(st.floats(0, 10), max_size=50))
def test_buckets_hold_what_is_not_above_their_bound(values: list[float]) -> None:
    mine = Histogram(BOUNDS)
    for value in values:
        mine.add(value)
    _, samples = read(exposition([histogram("took", "How long.", (), BOUNDS, [((), mine)])], True), True)
    for bound in (*BOUNDS, math.inf):
        le = "+Inf" if bound == math.inf else repr(bound)
        assert samples["took_bucket"][labelled(le=le)] == sum(value <= bound for value in values)
    assert samples["took_sum"][()] == pytest.approx(sum(values))


def test_several_processes_stand_side_by_side() -> None:
    """As JSON from the others; a family that only one has is there, too."""
    other = msgspec.json.decode(msgspec.json.encode(SOME), type=tuple[Family, ...])
    assert list(other) == SOME
    more = [*SOME, gauge("only", "Only here.", (), 1)]
    _, samples = read(exposition(together({"1": more, "2": other}, "worker"), False), False)
    assert (
        samples["asked_total"][labelled(worker="1", who="a")] == samples["asked_total"][labelled(worker="2", who="a")]
    )
    assert samples["only"] == {labelled(worker="1"): 1}
    assert samples["took_seconds_bucket"][labelled(worker="2", who="a", le="+Inf")] == 7


def test_a_process_that_has_just_begun_stands_beside_others() -> None:
    busy = Histogram(BOUNDS)
    busy.add(0.5)
    new, old = (
        histogram("took", "How long.", ("who",), BOUNDS, [(("a",), each)]) for each in (Histogram(BOUNDS), busy)
    )
    _, samples = read(exposition(together({"1": [new], "2": [old]}, "worker"), False))
    assert samples["took_count"] == {labelled(worker="2", who="a"): 1}


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("", False),
        ("*/*", False),
        ("text/plain", False),
        ("application/openmetrics-text", True),
        ("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1", True),
        ("application/openmetrics-text;q=0.1, text/plain;q=0.9", False),
        ("application/openmetrics-text;q=0", False),
        ("Application/OpenMetrics-Text; Q=1", True),
        ("application/openmetrics-text;q=high", False),
        (",;,=,;q=", False),
    ],
)
def test_openmetrics_for_who_wants_it(accept: str, wanted: bool) -> None:
    assert wants_openmetrics(accept) is wanted


def test_a_sample_is_a_number_or_a_spread() -> None:
    samples: list[Sample] = [(("a",), 1), (("a",), 1.5), (("a",), Spread((1, 2), 3.0))]
    assert msgspec.json.decode(msgspec.json.encode(samples), type=list[Sample]) == samples
