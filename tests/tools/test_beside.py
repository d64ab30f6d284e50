"""The gateway beside others: who takes part, what is made of the samples, and what happens if another goes wrong."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from string import Template

import msgspec
import pytest
from tools.bench import beside, compared, figures, goals, installed, page, processes, programs, tables
from tools.bench.beside import MISSING, Turns
from tools.bench.compared import AGENT_SAME, AGENT_TO_OPENAI, Run, Who
from tools.bench.installed import Installed
from tools.bench.others import AICLIENT, LITELLM, OTHERS, PORTKEY, ROUTER, TENSORZERO, Other, Route
from tools.bench.peers import Direct, Target, Upstream
from tools.bench.programs import Programs
from tools.bench.runs import Bench, Results, Sample, Start, Told
from tools.bench.scenarios import DIRECT, GATEWAY, NGINX, SAME, TO_OPENAI, Scenario, paced

SMALL = Scenario(SAME, "1 KB", 1)
STREAM = Scenario(TO_OPENAI, "1 KB", 16, pieces=200)


def sample(rate: float, cpu: float = 1.0) -> Sample:
    """A second of so many requests; `cpu` in milliseconds each."""
    told = Told(round(rate), 0, 0, round(rate), 0, 1.0, 1, "", whole50=1.0)
    return Sample(told, cpu * rate / 1000, 40.0)


def results(gateway: float, aiclient: float | None, litellm: float | None) -> Results:
    rates = {GATEWAY: gateway, AICLIENT: aiclient, LITELLM: litellm}
    samples = {who: [sample(rate)] for who, rate in rates.items() if rate is not None}
    return {AGENT_SAME: samples, AGENT_TO_OPENAI: samples}


def conditions(*notes: str) -> page.Conditions:
    return page.Conditions("a machine", "cores", 0.0, 3, 0.8, "LOG_LEVEL=error", notes, "a command")


# --- what is made of the samples


def test_goals_are_ratios_of_requests_a_second() -> None:
    found = goals.verdicts(results(4000, 500, 50), (), compared.GOALS)
    assert [(each.found.median, each.word) for each in found] == [(8.0, "met"), (8.0, "met"), (80.0, "missed")]


def test_a_goal_whose_other_is_not_there_is_not_measured() -> None:
    found = goals.verdicts(results(4000, None, 40), (), compared.GOALS)
    assert [each.word for each in found] == ["not measured", "not measured", "met"]


def test_ratios_are_made_round_by_round() -> None:
    samples = {GATEWAY: [sample(100), sample(300)], LITELLM: [sample(10), sample(20)]}
    assert figures.times(samples, GATEWAY, LITELLM, lambda each: each.rate) == figures.Figure(12.5, 10.0, 15.0)


def test_what_was_not_measured_leaves_the_other_rounds() -> None:
    samples = {GATEWAY: [sample(100), sample(300)], LITELLM: [MISSING, sample(20)]}
    assert figures.times(samples, GATEWAY, LITELLM, lambda each: each.rate) == figures.Figure(15.0, 15.0, 15.0)
    assert tables.spread(figures.of({LITELLM: [MISSING]}, LITELLM, lambda each: each.memory)) == tables.EMPTY


def test_an_indication_is_named_as_one_and_only_given_where_there_is_no_measurement() -> None:
    told = " ".join(compared.indication(results(3700, None, 37.0)).split())
    assert "An indication only" in told
    then = compared.EARLIER[AGENT_SAME]
    assert f"{tables.number(100 * then.litellm / then.aiclient)} times what {AICLIENT} does" in told
    assert compared.indication(results(3700, 858, 37.0)) == ""
    assert compared.indication(results(3700, None, None)) == ""


def test_the_section_has_all_that_was_measured() -> None:
    piece = Sample(msgspec.structs.replace(sample(100).told, pieces=2000, all_pieces=2000, transit50=0.5), 0.1, 40.0)
    streamed = {STREAM: {NGINX: [piece], GATEWAY: [piece], ROUTER: [piece]}}
    run = Run(
        {SMALL: {DIRECT: [sample(50_000)], GATEWAY: [sample(3000)], TENSORZERO: [sample(4500)]}, **streamed},
        {GATEWAY: [Start(0.2, 42.0)], TENSORZERO: [Start(0.25, 70.0)]},
        [Who(TENSORZERO, "2026.6.0", "much"), Who(AICLIENT, "", "")],
        conditions("Portkey did not start"),
    )
    text = compared.section(run)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    by_first = {row[0]: row[1:] for row in rows}
    assert by_first[f"{SMALL}: {TENSORZERO}"][:2] == ["4,500", "0.667"]
    assert by_first[f"{SMALL}: {GATEWAY}"][1] == tables.EMPTY
    assert f"{SMALL}: {DIRECT}" not in by_first
    assert by_first[f"{STREAM}: {ROUTER}"][:2] == ["2,000", "1.00"]
    assert [TENSORZERO, "2026.6.0", "much"] in rows
    assert [TENSORZERO, "0.250", "70.0"] in rows
    assert by_first[AICLIENT] == ["not installed", tables.EMPTY]
    assert "- Portkey did not start." in text
    assert "\n## " not in text
    assert page.section(page.with_section("# Page\n", compared.HEADING, text), compared.HEADING).strip() == text.strip()


def test_the_section_is_kept_when_the_page_is_written() -> None:
    assert compared.HEADING in page.KEPT


# --- who takes part


def test_whoever_can_takes_part() -> None:
    everybody = [DIRECT, NGINX, GATEWAY, *(each.name for each in OTHERS)]
    assert beside.names(SMALL, everybody) == [DIRECT, NGINX, GATEWAY, AICLIENT, LITELLM, TENSORZERO, PORTKEY]
    assert beside.names(AGENT_TO_OPENAI, everybody) == [NGINX, GATEWAY, AICLIENT, LITELLM, ROUTER]
    assert beside.names(AGENT_SAME, [NGINX, GATEWAY, LITELLM]) == [NGINX, GATEWAY, LITELLM]


@pytest.mark.parametrize(
    ("rate", "scenario", "wanted"),
    [
        (5000, AGENT_SAME, 4000),
        (30, AGENT_SAME, 32),
        (0, Scenario(SAME, "1 KB", 64), 128),
        (1, STREAM, 16),
    ],
)
def test_a_turn_is_long_enough(rate: float, scenario: Scenario, wanted: int) -> None:
    assert beside.requests_of(rate, 0.8, scenario) == wanted


# --- what is installed


def test_versions() -> None:
    assert installed.version_of("litellm-1.106.2.dist-info", "") == "1.106.2"
    assert installed.version_of("package.json", '{"version": "2.0.0"}') == "2.0.0"
    assert installed.version_of("package.json", "{}") == ""


def test_what_is_there_is_found_with_its_version(tmp_path: Path) -> None:
    litellm = next(each for each in OTHERS if each.name == LITELLM)
    assert installed.found(tmp_path) == []
    for file in ("bin/litellm", "lib/python3.11/site-packages/litellm-1.2.3.dist-info/METADATA"):
        path = tmp_path / litellm.folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert installed.found(tmp_path) == [litellm]
    assert installed.version(litellm, tmp_path) == "1.2.3"
    assert installed.install(litellm, tmp_path) == "is there, 1.2.3"


def test_what_cannot_be_installed_is_told(tmp_path: Path) -> None:
    by_hand = next(each for each in OTHERS if not each.install)
    assert "put its code" in installed.install(by_hand, tmp_path)
    failing = by_hand._replace(install=(("$python", "-c", "raise SystemExit(3)"),))
    assert "could not be installed" in installed.install(failing, tmp_path)


@pytest.mark.parametrize("other", OTHERS, ids=lambda other: other.name)
def test_texts_have_no_other_names_than_those_that_are_given(other: Other) -> None:
    names = {"installed": "/i", "port": 1, "upstream": 2, "key": "k"}
    texts = [*other.command, *(header for route in other.routes.values() for header in route.headers)]
    for text in texts:
        assert "$" not in Template(text).substitute(names)
    for name, text in other.files.items():
        filled = Template(text).substitute(names)
        if name.endswith(".json"):
            assert json.loads(filled)


# --- in earnest

ANSWERS = """
import http.server, pathlib

class Handler(http.server.BaseHTTPRequestHandler):
    asked = 0

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        Handler.asked += 1
        good = Handler.asked > 2 and self.headers["Authorization"] == "Bearer $key"
        answer = b'{"usage": 1}'
        self.send_response(200 if good else 503)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
pathlib.Path("address.new").write_text(f"http://127.0.0.1:{server.server_port}/v1")
pathlib.Path("address.new").rename("address")
server.serve_forever()
"""


def a_gateway(program: str) -> Other:
    return Other(
        name="small",
        folder="small",
        install=(),
        entry="none",
        version="none",
        command=(sys.executable, "start.py"),
        files={"start.py": program},
        environ={},
        routes={SAME: Route("/chat", "its-model")},
        lacks="",
        address="address",
    )


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Programs:
    return programs.build(tmp_path_factory.mktemp("programs"))


@pytest.fixture
def upstream(built: Programs, tmp_path: Path) -> Iterator[Upstream]:
    started = Upstream(built.upstream, processes.Cores(), tmp_path)
    yield started
    started.close()


def turns(built: Programs, upstream: Upstream, folder: Path) -> Turns:
    return Turns(Bench(built, upstream, processes.Cores(), folder, 0.1), 0.1)


@pytest.mark.e2e
def test_another_is_asked_until_it_answers(upstream: Upstream, tmp_path: Path) -> None:
    peer = Installed(a_gateway(ANSWERS), upstream, processes.Cores(), tmp_path, tmp_path / "peers")
    try:
        target = peer.target(SMALL)
        assert (target.path, target.model, target.end) == ("/chat", "its-model", '"usage"')
        assert peer.seconds > 0
    finally:
        peer.close()
    assert not Path(f"/proc/{peer.pid}").exists()


@pytest.mark.e2e
def test_another_that_ends_tells_what_it_said(upstream: Upstream, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"small did not start \(no answer\):\nno such thing"):
        Installed(
            a_gateway("raise SystemExit('no such thing')"), upstream, processes.Cores(), tmp_path, tmp_path / "peers"
        )


class Wrong(Direct):
    """Answers never have the end that they should have."""

    def target(self, scenario: Scenario) -> Target:
        return super().target(scenario)._replace(end="never")


@pytest.mark.e2e
def test_a_turn_is_whole_requests(built: Programs, upstream: Upstream, tmp_path: Path) -> None:
    taking = turns(built, upstream, tmp_path)
    taking.peers = {DIRECT: Direct(upstream)}
    found = taking.run(DIRECT, Scenario(SAME, "1 KB", 2))
    assert found.told.requests == found.told.all_requests >= 4
    streams = taking.run(DIRECT, paced(SAME, 2, pieces=5, pace=2))
    assert streams.told.pieces > 0
    assert taking.notes == []


@pytest.mark.e2e
def test_another_that_goes_wrong_is_noted_once_and_left_out(
    built: Programs, upstream: Upstream, tmp_path: Path
) -> None:
    taking = turns(built, upstream, tmp_path)
    taking.peers = {LITELLM: Wrong(upstream), GATEWAY: Wrong(upstream)}
    assert taking.run(LITELLM, SMALL) is MISSING
    assert taking.run(LITELLM, SMALL) is MISSING
    assert len(taking.notes) == 1
    assert "bad answer" in taking.notes[0]
    with pytest.raises(RuntimeError, match="bad answer"):
        taking.run(GATEWAY, SMALL)
