"""docs/benchmarks.md: the figures with what must be known to read them."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tools.bench import goals, tables
from tools.bench.runs import Results, Start

PATH = Path(__file__).parent.parent.parent / "docs" / "benchmarks.md"


class Conditions(NamedTuple):
    """Where and how it was measured."""

    machine: str
    cores: str
    others: float
    rounds: int
    seconds: float
    settings: str
    notes: Sequence[str]
    command: str


WIDTH = 120
KEPT = ("Beside other gateways", "With the books open", "Ten minutes of load", "Growth")
"""Sections that are measured by themselves (beside.py, books.py, tools/soak.py, linear.py); they stay when the page is
written."""
_METHOD_HEADING = "\n## How it is measured\n"

_TOP = """# Benchmarks

What the gateway costs: CPU time, latency and memory that it adds to a call, beside nginx as a plain proxy (which reads
no JSON, checks no key and translates nothing) and beside no proxy at all. All in one run on one machine, so the ratios
are what to look at; `make bench` makes this run anew in a minute, `{command}` wrote this page.

"""

_METHOD = """
## How it is measured

- **Upstream**: a mock on loopback (`tools/bench/upstream.c`) that answers at once, so every figure is the proxy's own.
  A stream's piece is one write, as services do it; pieces are back to back or at a fixed pace.
- **Load**: `tools/bench/load.c`, one thread, keep-alive, each connection asks again as soon as it has its answer. An
  answer counts only if its status is 200, all its pieces came and its proper end; one bad answer ends the bench.
- **CPU time** is user and system time of the process, from /proc, over all requests of a run. It is the figure that
  other work on the machine disturbs least.
- **Added** latency is the difference to the same load on the upstream alone, in the same round. At more than one
  connection it is mostly waiting in line for one core, so read it at c=1.
- **Transit** is the time from a piece's write by the upstream to its arrival at the client, piece by piece, through
  translation too: each piece carries the time it was written. For paced streams that is its lateness.
- **CPU per event** includes the request's share: what a stream costs, divided by its pieces.
- **Order**: peers take turns within a scenario, round after round; figures are medians, in brackets the least and the
  largest round. "Times nginx" is made round by round.
- nginx and direct get the upstream's API at both ends: for translated ways they are the floor, not a rival.
- The gateway runs as it comes: key check, catalogue, one log line per request, one process.

## What misses its goal, and why

Samples of the process under load (`perf`, `py-spy`), 1 KB whole, 16 connections: two thirds of the CPU time is the
interpreter, a fifth the kernel, the rest C libraries; no function of ours has more than 5 %. Where the time goes:

| what a request of 1 KB pays for | CPU µs, about |
| --- | ---: |
| HTTP on both sides, with a handler that only relays | 45 |
| the threads that write log lines and ledger rows | 15 |
| key, route, plan, attempt, pool, headers, log line, ledger row, metrics: some 250 calls of Python | 97 |

- **1 KB beside nginx.** Relaying alone, with all checks of framing, takes two and a half times nginx's whole time, so
  55 % of nginx is out of one interpreter's reach; the goal came from a prototype that checked nothing. The best
  compiled gateway known to us reaches 13 %. Without sockets the same request takes 83 µs of the loop's thread: between
  two system calls the caches are cold, and each line of Python costs half as much again. Compiled with Cython the same
  code is slower (156 µs), with other versions of CPython (3.12, 3.13) it is as fast; mypyc does not take msgspec's
  classes.
- **Paced streams.** A piece that comes alone costs a wake-up: kernel, loop, parser and codec are read back into cold
  caches every time. Warm, back to back, a translated event costs what nginx pays for passing its bytes on.
- **The first piece.** The same once more: it comes at the end of one request's whole way, run cold.
- **62 KB beside others.** One typed parse of the body is 30 µs and one encoding of it 20; the rest of a translation is
  some microseconds of Python for each message and tool. A hundred times LiteLLM would be 280 µs for all of it.
- **8 MB bodies.** Up to 2 MB one more byte costs the same within a third; what no longer fits into the processor's
  caches costs up to half more.

## What it does not show

Loopback has no network delay and no TLS. Two seconds of load are no day of it. Nothing here says how fast a model is;
beside a model's seconds all of these are small.
"""


def page(results: Results, started: Sequence[Start], conditions: Conditions) -> str:
    """The whole page."""
    parts = [
        _TOP.format(command=conditions.command),
        *(f"- {line}\n" for line in conditions_of(conditions)),
        "\n## Goals\n\n",
        tables.goals(goals.verdicts(results, started)),
        "\n## Whole answers\n\n",
        tables.whole_answers(results),
        "\n## Streams\n\n",
        tables.streams(results),
        "\n## Start and idle\n\n",
        tables.starting(started),
        _METHOD,
    ]
    return "".join(parts)


def conditions_of(conditions: Conditions) -> list[str]:
    return [
        f"Machine: {conditions.machine}; {conditions.cores}.",
        f"Other work on it meanwhile: {tables.number(conditions.others)} cores on average.",
        f"{conditions.rounds} rounds of {conditions.seconds:g} s (paced streams longer); {conditions.settings}.",
        *(f"{note}." for note in conditions.notes),
    ]


def write(text: str) -> None:
    """The page, with the sections that others have put there."""
    old = PATH.read_text("utf-8") if PATH.exists() else ""
    for heading in KEPT:
        body = section(old, heading)
        if body:
            text = with_section(text, heading, body)
    PATH.write_text(text, "utf-8")


def put(heading: str, body: str) -> None:
    """A section that is measured by itself; raises ValueError for one that would be lost by `write`."""
    if heading not in KEPT:
        raise ValueError(f"{heading!r} is not among the sections that are kept")
    PATH.write_text(with_section(PATH.read_text("utf-8"), heading, body), "utf-8")


def section(text: str, heading: str) -> str:
    """What stands under a heading; "" if it is not there."""
    _, found, rest = text.partition(f"\n## {heading}\n")
    return rest.partition("\n## ")[0] if found else ""


def with_section(text: str, heading: str, body: str) -> str:
    """The page with this section, in its old place or before the method."""
    own = f"\n## {heading}\n{body.rstrip()}\n"
    before, found, rest = text.partition(f"\n## {heading}\n")
    if not found:
        before, method, rest = text.partition(_METHOD_HEADING)
        return before + own + method + rest
    _, following, after = rest.partition("\n## ")
    return before + own + following + after
