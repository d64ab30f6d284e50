"""The gateway beside other gateways, in one run: same upstream, same load, one process on the same core, in turns.

Enters: what every bench needs, and the others that are installed (installed.py). Leaves: samples by scenario, and the
section of docs/benchmarks.md with its goals. Another's wrong answer or end is noted and leaves its figure out; the
gateway's ends the bench.
"""

import math
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from tools.bench import installed, machine, page, peers, processes, runs
from tools.bench.compared import SCENARIOS, Run, Who
from tools.bench.installed import FOLDER, Installed
from tools.bench.others import OTHERS, Other
from tools.bench.peers import Direct, Gateway, Nginx, Peer, Upstream
from tools.bench.processes import Cores
from tools.bench.programs import Programs
from tools.bench.runs import Bench, Sample, Start, Told
from tools.bench.scenarios import DIRECT, GATEWAY, NGINX, Scenario

ROUNDS, SECONDS = 3, 0.8
PROBE_SECONDS = 0.4
SETTLE_PATIENCE = 10.0
QUIET = {"LOG_LEVEL": "error"}
"""The others' logs are off, so the gateway's is."""

MISSING = Sample(Told(0, 0, 0, 0, 0, math.nan, 0, ""), math.nan, math.nan)
"""Nothing was measured."""


class Asked(NamedTuple):
    """How it is to be measured. `only`: scenarios whose name contains it."""

    rounds: int = ROUNDS
    seconds: float = SECONDS
    only: str = ""
    settings: Mapping[str, str] = QUIET


def measure(built: Programs, cores: Cores, folder: Path, asked: Asked) -> Run:
    """Raises RuntimeError if no other gateway is installed, or the gateway answers wrongly."""
    found = installed.found(FOLDER)
    if not found:
        raise RuntimeError(f"no other gateway is installed in {FOLDER.name}: `make peers` does that")
    others = machine.OtherWork()
    with ExitStack() as stack:
        upstream = Upstream(built.upstream, cores, folder)
        stack.callback(upstream.close)
        turns = Turns(Bench(built, upstream, cores, folder, asked.seconds), asked.seconds)
        started = _starts(found, upstream, cores, folder, asked, turns.notes)
        by_name = _peers(stack, found, upstream, cores, folder, asked.settings, turns.notes)
        turns.peers = by_name
        chosen = [each for each in SCENARIOS if asked.only in str(each)]
        planned = [(each, names(each, list(by_name))) for each in chosen]
        results: dict[Scenario, Mapping[str, Sequence[Sample]]] = {}
        for scenario, samples in runs.interleaved(planned, asked.rounds, turns.run):
            results[scenario] = samples
            print(f"{len(results):2}/{len(planned)}  {scenario}", flush=True)
        living = [upstream.process.pid, *(peer.pid for peer in by_name.values() if peer.pid is not None)]
        conditions = page.Conditions(
            machine=machine.described(),
            cores=str(cores),
            others=others.cores(living),
            rounds=asked.rounds,
            seconds=asked.seconds,
            settings=", ".join(f"{key}={value}" for key, value in asked.settings.items()),
            notes=[note for note in (built.note, *turns.notes) if note],
            command="python -m tools.bench --peers --write",
        )
    return Run(results, started, [_who(each) for each in OTHERS], conditions)


class Turns:
    """A peer's turn: as many requests as it does in `seconds`, which turns that do not count have shown. The first of
    these also makes ready what a peer makes ready when it is first asked for."""

    def __init__(self, bench: Bench, seconds: float) -> None:
        self.peers: Mapping[str, Peer] = {}
        self.notes: list[str] = []
        self._bench = bench
        self._seconds = seconds
        self._requests: dict[tuple[str, Scenario], int] = {}
        self._failed: set[tuple[str, Scenario]] = set()

    def run(self, name: str, scenario: Scenario) -> Sample:
        if (name, scenario) in self._failed:
            return MISSING
        peer = self.peers[name]
        try:
            return self._bench.run(peer, scenario, self._wanted(peer, scenario))
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            if name == GATEWAY:
                raise
            self._failed.add((name, scenario))
            self.notes.append(" ".join(f"{error}".split())[:200])
            return MISSING
        finally:
            if peer.pid is not None:
                processes.settle(peer.pid, SETTLE_PATIENCE)

    def _wanted(self, peer: Peer, scenario: Scenario) -> int:
        """Paced streams take the time they take: 0."""
        if scenario.pace:
            return 0
        key = (peer.name, scenario)
        if key not in self._requests:
            cold = self._bench.run(peer, scenario, requests_of(0, 0, scenario))
            warm = self._bench.run(peer, scenario, requests_of(cold.rate, PROBE_SECONDS, scenario))
            self._requests[key] = requests_of(warm.rate, self._seconds, scenario)
        return self._requests[key]


def requests_of(rate: float, seconds: float, scenario: Scenario) -> int:
    """At least two whole answers or one stream on each connection: a slow peer's beginning and end weigh less then."""
    least = scenario.connections * (1 if scenario.pieces else 2)
    return max(least, round(rate * seconds))


def _peers(
    stack: ExitStack,
    others: Sequence[Other],
    upstream: Upstream,
    cores: Cores,
    folder: Path,
    settings: Mapping[str, str],
    notes: list[str],
) -> dict[str, Peer]:
    found: list[Peer] = [Direct(upstream)]
    if Nginx.installed():
        found.append(Nginx(upstream, cores, folder))
        stack.callback(found[-1].close)
    found.append(Gateway(upstream, cores, folder, settings, peers.OPENAI_PROVIDER, peers.CLAUDE_PROVIDER))
    stack.callback(found[-1].close)
    for other in others:
        try:
            found.append(Installed(other, upstream, cores, folder))
        except RuntimeError as error:
            notes.append(str(error).partition("\n")[0])
        else:
            stack.callback(found[-1].close)
    return {peer.name: peer for peer in found}


def names(scenario: Scenario, present: Sequence[str]) -> list[str]:
    """Who of those takes part: whoever can; without a proxy only latency is of interest."""
    able = {each.name for each in OTHERS if scenario.way in each.routes} | {NGINX, GATEWAY}
    return [name for name in present if name in able or (name == DIRECT and scenario.connections == 1)]


def _starts(
    others: Sequence[Other], upstream: Upstream, cores: Cores, folder: Path, asked: Asked, notes: list[str]
) -> dict[str, list[Start]]:
    found = {GATEWAY: list(runs.starts(asked.rounds, upstream, cores, folder, asked.settings))}
    for other in others:
        try:
            found[other.name] = list(installed.starts(other, asked.rounds, upstream, cores, folder))
        except RuntimeError as error:
            notes.append(str(error).partition("\n")[0])
    return found


def _who(other: Other) -> Who:
    return Who(other.name, installed.version(other, FOLDER), other.lacks)
