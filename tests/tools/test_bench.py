"""The bench's own arithmetic and tables, and its load generator against its upstream, without the gateway."""

import json
import math
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
from tools.bench import bodies, figures, goals, linear, processes, programs, runs, tables
from tools.bench.figures import Figure
from tools.bench.peers import Direct, Upstream
from tools.bench.programs import Programs
from tools.bench.runs import Sample, Start, Told
from tools.bench.scenarios import (
    DIRECT,
    FULL,
    GATEWAY,
    KIRO_TO_ANTHROPIC,
    NGINX,
    QUICK,
    SAME,
    TO_ANTHROPIC,
    TO_OPENAI,
    Scenario,
    paced,
)

from aiclient2api.dialects.registry import DIALECTS

SMALL = Scenario(SAME, "1 KB", 64)


def sample(cpu: float = 1.0, whole: float = 1.0, requests: int = 1000) -> Sample:
    told = Told(
        requests=requests,
        pieces=0,
        bad=0,
        all_requests=requests,
        all_pieces=0,
        seconds=0.5,
        connects=1,
        error="",
        whole50=whole,
    )
    return Sample(told, cpu, 40.0)


def cpu_request(each: Sample) -> float:
    return each.cpu_request


# --- figures


def test_a_figure_is_the_median_with_its_spread() -> None:
    assert figures.figure([3.0, 1.0, 2.0]) == Figure(2.0, 1.0, 3.0)


def test_what_was_not_measured_does_not_count() -> None:
    assert figures.figure([math.nan, 2.0]) == Figure(2.0, 2.0, 2.0)
    assert not figures.figure([math.nan]).known
    assert not figures.figure([]).known


def test_cpu_and_rates_are_per_request() -> None:
    one = sample(cpu=0.25, requests=1000)
    assert (one.cpu_request, one.rate) == (250.0, 2000.0)
    assert math.isnan(one.cpu_event)


def test_ratios_and_differences_are_made_round_by_round() -> None:
    samples = {
        NGINX: [sample(cpu=1.0), sample(cpu=2.0)],
        GATEWAY: [sample(cpu=3.0, whole=1.5), sample(cpu=4.0, whole=1.7)],
        DIRECT: [sample(whole=1.0), sample(whole=1.5)],
    }
    assert figures.times_nginx(samples, GATEWAY, cpu_request) == Figure(2.5, 2.0, 3.0)
    added = figures.over_direct(samples, GATEWAY, lambda each: each.told.whole50)
    assert added.median == pytest.approx(0.35)
    assert not figures.times_nginx({GATEWAY: samples[GATEWAY]}, GATEWAY, cpu_request).known


# --- goals


def test_verdicts() -> None:
    results = {SMALL: {NGINX: [sample(cpu=1.0)], GATEWAY: [sample(cpu=2.0)]}}
    words = {each.goal.about: each for each in goals.verdicts(results, [Start(0.3, 46.0)])}
    share = words["1 KB, requests per CPU second beside nginx"]
    assert (share.found.median, share.word) == (50.0, "missed")
    assert words["start to the first answer"].word == "met"
    assert words["idle memory"].word == "missed"
    assert words["1,000 open paced streams"].word == "not measured"


def test_every_goal_is_measured_by_a_full_run() -> None:
    everything = {each: {peer: [sample()] for peer in (DIRECT, NGINX, GATEWAY)} for each in FULL}
    piece = msgspec.structs.replace(sample().told, all_pieces=10, pieces=10, first50=1.0)
    streamed = {
        each: {peer: [Sample(piece, 1.0, 40.0)] for peer in samples} if each.pieces else samples
        for each, samples in everything.items()
    }
    slower = Sample(msgspec.structs.replace(sample().told, whole50=2.0), 1.0, 40.0)
    streamed[Scenario(SAME, "2 MB", 1)] = {DIRECT: [sample()], NGINX: [slower], GATEWAY: [slower]}
    assert [each.goal.about for each in goals.verdicts(streamed, [Start(0.1, 30.0)]) if not each.found.known] == []


# --- tables


def test_columns_line_up() -> None:
    assert tables.table(["what", "n"], [["one", "1"], ["a thousand", "1,000"]]) == (
        "| what       |     n |\n| ---------- | ----: |\n| one        |     1 |\n| a thousand | 1,000 |\n"
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0123, "0.012"), (1.234, "1.23"), (12.34, "12.3"), (123.4, "123"), (123_456.0, "123,456"), (-0.5, "-0.500")],
)
def test_numbers(value: float, shown: str) -> None:
    assert tables.number(value) == shown


def test_spreads() -> None:
    assert tables.spread(Figure(2.0, 1.0, 3.0)) == "2.00 (1.00–3.00)"
    assert tables.spread(Figure(2.0, 2.0, 2.0)) == "2.00"
    assert tables.spread(figures.UNKNOWN) == "–"


def test_whole_answers_and_streams_have_tables_of_their_own() -> None:
    stream = paced(TO_OPENAI, 64)
    results = {SMALL: {NGINX: [sample()], GATEWAY: [sample(cpu=2.0)]}, stream: {GATEWAY: [sample()]}}
    whole, streams = tables.whole_answers(results), tables.streams(results)
    assert f"| {SMALL}: gateway |" in whole
    assert " 2.00 |" in whole
    assert str(stream) not in whole
    assert f"| {stream}: gateway |" in streams
    assert str(SMALL) not in streams


# --- processes


def test_a_process_that_waits_has_settled() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        at = time.monotonic()
        processes.settle(process.pid, 20.0)
        assert time.monotonic() - at < 20.0
    finally:
        process.communicate(b"\n")


@pytest.mark.parametrize(("used", "is_settled"), [(0.0, True), (0.04, False), (math.nan, True)])
def test_settled_is_who_used_little(used: float, is_settled: bool) -> None:
    assert processes.settled(used, 0.05) is is_settled


def test_a_model_goes_by_the_name_that_is_given() -> None:
    assert json.loads(bodies.body("openai", "1 KB", False, "another"))["model"] == "another"
    assert json.loads(bodies.body("openai", "1 KB", False))["model"] == bodies.OPENAI_MODEL


# --- scenarios


def test_scenarios_have_names_of_their_own() -> None:
    for each in (QUICK, FULL):
        assert len({str(scenario) for scenario in each}) == len(each)


def test_direct_is_measured_where_latency_counts() -> None:
    planned = dict(runs.plan((SMALL, Scenario(SAME, "1 KB", 1)), (DIRECT, NGINX, GATEWAY), full=False))
    assert [DIRECT in names for names in planned.values()] == [False, True]


@pytest.mark.parametrize("size", [("1 KB", 900, 1100), ("62 KB", 60_000, 65_000), ("2 MB", 1_950_000, 2_050_000)])
@pytest.mark.parametrize("form", ["openai", "anthropic", "kiro"])
def test_bodies_have_the_size_they_are_named_by(form: bodies.Form, size: tuple[bodies.Size, int, int]) -> None:
    name, least, most = size
    assert least <= len(bodies.body(form, name, True)) <= most


@pytest.mark.parametrize("size", ["1 KB", "62 KB"])
@pytest.mark.parametrize(("form", "dialect"), [("openai", "openai_chat"), ("anthropic", "anthropic")])
def test_bodies_are_requests_of_their_api(form: bodies.Form, dialect: str, size: bodies.Size) -> None:
    request = DIALECTS[dialect].decode_request(bodies.body(form, size, True), {})
    assert request.stream
    assert len(request.tools) == (bodies.TOOLS if size == "62 KB" else 0)


# --- upstream and load


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Programs]:
    """Where there is no compiler, both are the Python pair."""
    return {
        "compiled": programs.build(tmp_path_factory.mktemp("programs")),
        "python": programs.in_python("no compiler is wanted"),
    }


@pytest.mark.e2e
@pytest.mark.parametrize(
    "scenario",
    [
        Scenario(SAME, "1 KB", 2),
        Scenario(TO_ANTHROPIC, "62 KB", 2),
        Scenario(TO_OPENAI, "1 KB", 2, pieces=20),
        Scenario(KIRO_TO_ANTHROPIC, "1 KB", 2, pieces=20),
        Scenario(TO_ANTHROPIC, "1 KB", 2, pieces=5, pace=5),
    ],
    ids=str,
)
@pytest.mark.parametrize("pair", ["compiled", "python"])
def test_the_load_generator_sees_all_that_the_upstream_sends(
    scenario: Scenario, pair: str, pairs: dict[str, Programs], tmp_path: Path
) -> None:
    built = pairs[pair]
    upstream = Upstream(built.upstream, processes.Cores(), tmp_path)
    try:
        bench = runs.Bench(built, upstream, processes.Cores(), tmp_path, seconds=0.2)
        told = bench.run(Direct(upstream), scenario).told
    finally:
        upstream.close()
    assert told.requests > 0
    assert told.bad == 0
    assert told.whole50 > 0
    if scenario.pieces:
        assert told.all_pieces >= told.all_requests * scenario.pieces
        assert 0 <= told.transit50 < 1000


@pytest.mark.e2e
@pytest.mark.parametrize("pair", ["compiled", "python"])
def test_so_many_requests_are_so_many(pair: str, pairs: dict[str, Programs], tmp_path: Path) -> None:
    built = pairs[pair]
    upstream = Upstream(built.upstream, processes.Cores(), tmp_path)
    try:
        bench = runs.Bench(built, upstream, processes.Cores(), tmp_path, seconds=0.2)
        found = bench.run(Direct(upstream), Scenario(SAME, "1 KB", 3), requests=10).told
        assert upstream.seen()[0] == 10
    finally:
        upstream.close()
    assert (found.requests, found.all_requests, found.bad) == (10, 10, 0)
    assert 0 < found.seconds < runs.LIMIT_SECONDS


@pytest.mark.e2e
@pytest.mark.parametrize("pair", ["compiled", "python"])
def test_an_answer_with_a_piece_too_few_is_bad(pair: str, pairs: dict[str, Programs], tmp_path: Path) -> None:
    built = pairs[pair]
    upstream = Upstream(built.upstream, processes.Cores(), tmp_path)
    body = tmp_path / "body"
    body.write_bytes(b"{}")
    try:
        upstream.shape(Scenario(SAME, "1 KB", 1, pieces=3))
        options = ["-p", str(upstream.port), "-t", "/v1/chat/completions", "-b", str(body), "-c", "1", "-d", "200"]
        run = [*built.load, *options, "-w", "0", "-r", "0", "-e", "4", "-m", "[DONE]"]
        output = subprocess.run(run, capture_output=True, check=True).stdout
    finally:
        upstream.close()
    told = msgspec.json.decode(output, type=Told)
    assert told.bad > 0
    assert "3 pieces" in told.error


# --- growth


def test_what_one_more_costs_is_told_without_what_happens_once() -> None:
    assert linear.more([(1, 12.0), (10, 30.0), (100, 210.0)]) == [2.0, 2.0]
    assert linear.spread([2.0, 2.0, 3.0]) == 50.0


def test_a_row_is_drawn_from_nothing_to_its_largest_value() -> None:
    assert linear.drawn([8.0, 4.0, 0.0]) == "█▅▁"
