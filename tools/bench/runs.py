"""One run of load on one peer, and all runs in turn: A B C, A B C, so that what disturbs the machine disturbs all."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from tools.bench import bodies, peers, processes
from tools.bench.peers import Gateway, Peer, Upstream
from tools.bench.processes import Cores
from tools.bench.programs import Programs
from tools.bench.scenarios import DIRECT, SAME, Scenario

WARM_UP_SECONDS = 0.15
IDLE_SECONDS = 0.5
PATIENCE_SECONDS = 60.0
LIMIT_SECONDS = 20.0


class Told(msgspec.Struct, frozen=True):
    """What the load generator prints (load.c)."""

    requests: int
    pieces: int
    bad: int
    all_requests: int
    all_pieces: int
    seconds: float
    connects: int
    error: str
    whole50: float = math.nan
    whole99: float = math.nan
    first50: float = math.nan
    first99: float = math.nan
    transit50: float = math.nan
    transit99: float = math.nan


class Sample(msgspec.Struct, frozen=True):
    """One run. `cpu` is the peer's CPU time over the whole run in seconds, `memory` its peak in MB."""

    told: Told
    cpu: float
    memory: float

    @property
    def rate(self) -> float:
        return self.told.requests / self.told.seconds

    @property
    def events(self) -> float:
        """Pieces a second."""
        return self.told.pieces / self.told.seconds

    @property
    def cpu_request(self) -> float:
        """Microseconds of CPU time per request."""
        return self.cpu * 1e6 / self.told.all_requests if self.told.all_requests else math.nan

    @property
    def cpu_event(self) -> float:
        """Microseconds of CPU time per piece, the request's share included."""
        return self.cpu * 1e6 / self.told.all_pieces if self.told.all_pieces else math.nan


Results = Mapping[Scenario, Mapping[str, Sequence[Sample]]]


class Start(msgspec.Struct, frozen=True):
    """A start of the gateway: seconds to its first answer, resident MB when it idles after that."""

    seconds: float
    memory: float


class Bench:
    """What every run needs."""

    def __init__(self, programs: Programs, upstream: Upstream, cores: Cores, folder: Path, seconds: float) -> None:
        self._load = programs.load
        self._upstream = upstream
        self._cores = cores
        self._folder = folder
        self._seconds = seconds

    def run(self, peer: Peer, scenario: Scenario, requests: int = 0) -> Sample:
        """As many requests as there is time for; or so many `requests`, all of them counted and none cut off at the end
        (within LIMIT_SECONDS), for peers whose last answers would weigh. Raises RuntimeError for answers that are wrong
        or did not come from the upstream."""
        self._upstream.shape(scenario)
        command = self._command(peer, scenario, requests)
        before = _cpu(peer)
        with processes.PeakMemory(peer.pid or 0) as memory:
            process = processes.start(command, self._cores.load, self._folder, log="load.log")
            try:
                output, _ = process.communicate(timeout=self._least(scenario, requests) + PATIENCE_SECONDS)
            finally:
                processes.stop(process)
        sample = Sample(_read(output, peer, scenario), _cpu(peer) - before, memory.megabytes)
        self._check(sample.told, peer, scenario)
        return sample

    def _command(self, peer: Peer, scenario: Scenario, requests: int) -> list[str]:
        target = peer.target(scenario)
        streamed = scenario.pieces > 0
        body = self._folder / f"{target.form}-{scenario.size.replace(' ', '')}-{streamed}-{target.model}.json"
        if not body.exists():
            body.write_bytes(bodies.body(target.form, scenario.size, streamed, target.model))
        options = {
            "-p": target.port,
            "-t": target.path,
            "-b": body,
            "-c": scenario.connections,
            "-d": round(self._least(scenario, requests) * 1000),
            "-n": requests,
            "-w": 0 if requests else round(WARM_UP_SECONDS * 1000) + scenario.ramp,
            "-r": scenario.ramp,
            "-e": scenario.pieces,
            "-m": target.end,
        }
        command = [*self._load, *(str(part) for option in options.items() for part in option)]
        return command + [part for header in target.headers for part in ("-H", header)]

    def _least(self, scenario: Scenario, requests: int) -> float:
        return max(LIMIT_SECONDS if requests else self._seconds, scenario.least)

    def _check(self, told: Told, peer: Peer, scenario: Scenario) -> None:
        requests, size = self._upstream.seen()
        if requests < told.all_requests or size < requests * _BODY_BYTES[scenario.size]:
            raise RuntimeError(
                f"{peer.name}, {scenario}: {told.all_requests} answers to {requests} requests of {size} B"
            )


_BODY_BYTES: dict[bodies.Size, int] = {"1 KB": 600, "62 KB": 40_000, "2 MB": 1_900_000}
"""What the upstream must at least have seen of a request, in whichever form it came."""


def _read(output: str, peer: Peer, scenario: Scenario) -> Told:
    try:
        told = msgspec.json.decode(output, type=Told)
    except msgspec.DecodeError as error:
        raise RuntimeError(f"{peer.name}, {scenario}: the load generator printed {output!r}") from error
    if told.bad:
        raise RuntimeError(f"{peer.name}, {scenario}: {told.bad} bad answers, the first: {told.error}")
    return told


def _cpu(peer: Peer) -> float:
    return math.nan if peer.pid is None else processes.cpu_seconds(peer.pid)


def plan(scenarios: Sequence[Scenario], names: Sequence[str], full: bool) -> list[tuple[Scenario, list[str]]]:
    """Who takes part in what. Without a proxy only latency is of interest; a quick run has it at one connection."""
    return [(each, [name for name in names if name != DIRECT or full or each.connections == 1]) for each in scenarios]


def interleaved(
    planned: Sequence[tuple[Scenario, Sequence[str]]], rounds: int, run: Callable[[str, Scenario], Sample]
) -> Iterator[tuple[Scenario, dict[str, list[Sample]]]]:
    """The samples of each scenario, by peer, in the order of the rounds."""
    for scenario, names in planned:
        samples: dict[str, list[Sample]] = {name: [] for name in names}
        for _ in range(rounds):
            for name in names:
                samples[name].append(run(name, scenario))
        yield scenario, samples


def starts(rounds: int, upstream: Upstream, cores: Cores, folder: Path, settings: Mapping[str, str]) -> Iterator[Start]:
    """The gateway with one provider, started again and again."""
    upstream.shape(Scenario(SAME, "1 KB", 1))
    for _ in range(rounds):
        gateway = Gateway(upstream, cores, folder, settings, peers.OPENAI_PROVIDER)
        try:
            seconds = peers.first_answer(gateway, SAME)
            time.sleep(IDLE_SECONDS)
            yield Start(seconds, processes.resident_mb(gateway.process.pid))
        finally:
            gateway.close()
