"""What the gateway costs, measured beside nginx and beside no proxy at all. Installs nothing.

    python -m tools.bench              a minute: the figures with goals
    python -m tools.bench --full       all scenarios (about 25 minutes)
    python -m tools.bench --books      what ledger, keys and pool cost, only
    python -m tools.bench --peers      beside the other gateways that `make peers` has installed, only (six minutes)
    python -m tools.bench --linear     how the codecs' cost grows with bodies, events and streams (two minutes)
    python -m tools.bench --write      write docs/benchmarks.md, too

Exit code: 0 if everything was measured, 1 if an answer was wrong. A missed goal is printed and no failure.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from tools.bench import beside, books, compared, goals, linear, machine, page, peers, processes, programs, runs, tables
from tools.bench.peers import Direct, Gateway, Nginx, Peer, Upstream
from tools.bench.runs import Results, Sample, Start
from tools.bench.scenarios import FULL, QUICK, Scenario


def main(arguments: Sequence[str]) -> int:
    options = _options(arguments)
    if options.linear:
        return _linear(options.write)
    processes.allow_open_files()
    if options.nice:
        processes.prioritise(options.nice)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        try:
            if options.books:
                return _books(options, Path(folder))
            if options.peers:
                return _peers_only(options, Path(folder))
            results, started, conditions = _measure(options, Path(folder))
        except RuntimeError as error:
            print(f"bench: {error}")
            return 1
    print("\n" + "\n".join(filter(None, (tables.whole_answers(results), tables.streams(results)))))
    print(tables.starting(started))
    print(tables.goals(goals.verdicts(results, started)))
    print(f"{conditions.machine}; {conditions.cores}; other work meanwhile: {tables.number(conditions.others)} cores")
    for note in conditions.notes:
        print(f"note: {note}")
    if options.write:
        page.write(page.page(results, started, conditions))
        print(f"written: {page.PATH.name}")
    return 0


def _linear(write: bool) -> int:
    found = linear.section()
    print(found)
    if write:
        page.put(linear.HEADING, found)
        print(f"written: {page.PATH.name}")
    return 0


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tools.bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--quick", action="store_true", help="a minute; what happens without an option")
    how.add_argument("--full", action="store_true", help="all scenarios")
    how.add_argument("--books", action="store_true", help="ledger, keys and pool on, against off")
    how.add_argument("--peers", action="store_true", help="beside other gateways, and nothing else")
    how.add_argument("--linear", action="store_true", help="how the cost of the codecs grows, and nothing else")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    parser.add_argument("--rounds", type=int, help="how often each peer takes its turn (3)")
    parser.add_argument("--seconds", type=float, help="length of a run (0.5; 2 with --full)")
    parser.add_argument("--only", default="", metavar="TEXT", help="scenarios whose name contains this")
    parser.add_argument("--nice", type=int, default=0, metavar="N", help="niceness of all that is measured (0)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of the gateway, e.g. LOG_LEVEL=error"
    )
    return parser.parse_args(arguments)


def _books(options: argparse.Namespace, folder: Path) -> int:
    """The section of the page that is measured by itself."""
    built = programs.build(folder)
    cores = processes.share_cores()
    upstream = Upstream(built.upstream, cores, folder)
    try:
        bench = runs.Bench(built, upstream, cores, folder, options.seconds or 1.0)
        chosen = [each for each in books.SCENARIOS if options.only in str(each)]
        found = books.measure(bench, upstream, cores, folder, options.rounds or 7, chosen)
    finally:
        upstream.close()
    print(books.table(found))
    if options.write:
        page.put(books.HEADING, books.section(found))
        print(f"written: {page.PATH.name}")
    return 0


def _peers_only(options: argparse.Namespace, folder: Path) -> int:
    """The section with other gateways."""
    asked = beside.Asked(
        options.rounds or beside.ROUNDS,
        options.seconds or beside.SECONDS,
        options.only,
        beside.QUIET | _settings(options),
    )
    found = compared.section(beside.measure(programs.build(folder), processes.share_cores(), folder, asked))
    print(found)
    if options.write:
        page.put(compared.HEADING, found)
        print(f"written: {page.PATH.name}")
    return 0


def _settings(options: argparse.Namespace) -> dict[str, str]:
    return dict(each.split("=", 1) for each in options.set)


def _measure(options: argparse.Namespace, folder: Path) -> tuple[Results, list[Start], page.Conditions]:
    rounds = options.rounds or 3
    seconds = options.seconds or (2.0 if options.full else 0.5)
    settings = _settings(options)
    chosen = [each for each in (FULL if options.full else QUICK) if options.only in str(each)]
    built = programs.build(folder)
    cores = processes.share_cores()
    others = machine.OtherWork()
    with ExitStack() as stack:
        upstream = Upstream(built.upstream, cores, folder)
        stack.callback(upstream.close)
        started = list(runs.starts(rounds, upstream, cores, folder, settings))
        by_name = _peers(stack, upstream, cores, folder, settings)
        bench = runs.Bench(built, upstream, cores, folder, seconds)
        results = _run(bench, by_name, chosen, rounds, options.full)
        living = [upstream.process.pid, *(peer.pid for peer in by_name.values() if peer.pid is not None)]
        notes = [note for note in (built.note, "" if Nginx.installed() else "nginx is not installed") if note]
        conditions = page.Conditions(
            machine=machine.described(),
            cores=str(cores),
            others=others.cores(living),
            rounds=rounds,
            seconds=seconds,
            settings=_how(settings, options.nice),
            notes=notes,
            command=f"python -m tools.bench{' --full' if options.full else ''} --write",
        )
    return results, started, conditions


def _how(settings: Mapping[str, str], nice: int) -> str:
    shown = ", ".join(f"{key}={value}" for key, value in settings.items()) or "settings as they come"
    return f"{shown}, niceness {nice}" if nice else shown


def _peers(
    stack: ExitStack, upstream: Upstream, cores: processes.Cores, folder: Path, settings: dict[str, str]
) -> dict[str, Peer]:
    providers = (peers.OPENAI_PROVIDER, peers.CLAUDE_PROVIDER, peers.KIRO_PROVIDER)
    found: list[Peer] = [Direct(upstream)]
    if Nginx.installed():
        found.append(Nginx(upstream, cores, folder))
        stack.callback(found[-1].close)
    found.append(Gateway(upstream, cores, folder, settings, *providers))
    stack.callback(found[-1].close)
    return {peer.name: peer for peer in found}


def _run(
    bench: runs.Bench, by_name: dict[str, Peer], chosen: Sequence[Scenario], rounds: int, full: bool
) -> dict[Scenario, dict[str, list[Sample]]]:
    planned = runs.plan(chosen, list(by_name), full)
    results: dict[Scenario, dict[str, list[Sample]]] = {}
    at = time.monotonic()
    for scenario, samples in runs.interleaved(planned, rounds, lambda name, each: bench.run(by_name[name], each)):
        results[scenario] = samples
        print(f"{len(results):2}/{len(planned)}  {time.monotonic() - at:4.0f} s  {scenario}", flush=True)
    return results


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
