"""A mixed load with faults against a gateway's own process over the simulator, and what is left behind.

    python -m tools.soak [SECONDS] [--rate PER_SECOND] [--seed NUMBER] [--stored] [--write]

Of all requests 5 % meet a fault: a service that refuses, breaks off, falls silent or sends a page, a client that leaves
in the middle, reads slowly or sends no JSON. Checked: requests without a fault succeed (99.99 %), faulted ones end in
an honest way, memory does not grow once the gateway is warm, nothing is left to the collection of cycles, and
descriptors and tasks are back at what they were. Exit code 1 if one is not. Answers of the Responses API are asked for
with `store: false`, as coding clients do; with `--stored` the gateway keeps them for an hour (gateway/stored.py), and
memory grows for so long. `--write` puts the figures into docs/benchmarks.md.
"""

import argparse
import asyncio
import contextlib
import gc
import json
import math
import os
import random
import re
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple, NoReturn

from tests.e2e import process
from tests.faults.processes import cpu_seconds, opened, size_and_peak
from tests.gateway.client import Call, Reply, calling
from tests.pairs.fronts import FRONTS, Front

from aiclient2api.http1.messages import Exchange, Handler, Limits
from aiclient2api.http1.server import Server
from aiclient2api.simulator import Simulation, make_handler
from tools.bench import page

KEY = "key-of-the-soak-long-enough"
FAULTS = 0.05
SUCCESS = 0.9999
GROWTH_MIB = 1.0
GROWTH_MIB_PER_HOUR = 1.0
WARM_SECONDS = 600.0
"""From here on the second half of a run is no warming up any more, and its slope is judged."""
CYCLES_EACH = 0.1
CYCLES_ONCE = 1000
"""Objects in cycles, by request, and what is made with types when they are first used."""
BLOCKS = 10
PATIENCE = 30.0
SERVICE_FAULTS = ("refuses", "breaks off", "falls silent", "sends a page")
CLIENT_FAULTS = ("leaves", "reads slowly", "no json")
MODELS = {
    "claude-kiro-oauth": "claude-sonnet-5",
    "claude-custom": "claude-sonnet-5",
    "openai-custom": "gpt-5.1",
    "openaiResponses-custom": "gpt-5.1",
    "gemini-custom": "gemini-2.5-pro",
}
HEADING = "Ten minutes of load"
_BOUNDS = """\
What fills up at first, and how far: the ledger's pages in SQLite (256 KiB), the price table when the first price is
asked for, connections to services, 10,000 sessions of a pool, 1,024 names of models, Python's stock of free tuples
(2,000 of each length). Answers of the Responses API that clients may refer to later (all but `store: false`, which this
run sends) are kept for an hour and in at most 32 MiB: a run with `--stored` grows by 13 MiB an hour, for an hour.
"""
_MARK = re.compile(rb"soak \d+ ([a-z ]+)\.")


@dataclass(frozen=True)
class Load:
    """`stored`: answers of the Responses API are to be kept by the gateway; `write`: the figures go to the page."""

    seconds: float
    rate: float
    seed: int
    stored: bool = False
    write: bool = False


@dataclass
class Tally:
    """Counts by what happened; `wrong` are the sentences that make the run fail."""

    requests: Counter[str] = field(default_factory=Counter)
    good: int = 0
    times: list[float] = field(default_factory=list)
    sizes: list[tuple[float, float]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


class Left(NamedTuple):
    """What the process holds: descriptors by what they are, names of tasks; and how many objects it has left to the
    collection of cycles so far."""

    files: Counter[str]
    tasks: list[str]
    cycles: int


class Growth(NamedTuple):
    """MiB from the second quarter to the end; MiB an hour over the second half, give or take `noise` (two standard
    errors)."""

    grown: float
    slope: float
    noise: float


# --- the services


class _Broken(Exception):
    """Lets the server break the connection off."""


def services(simulated: Handler) -> Handler:
    """The simulator, but for requests in whose text a fault is named."""

    async def handle(exchange: Exchange) -> None:
        found = _MARK.search(await exchange.body())
        fault = found[1].decode() if found else ""
        if fault not in SERVICE_FAULTS:
            await simulated(exchange)
        elif fault == "refuses":
            await exchange.respond(500, [("content-type", "application/json")], b'{"message":"no"}')
        elif fault == "sends a page":
            await exchange.respond(200, [("content-type", "text/html")], b"<html>sign in</html>")
        elif fault == "falls silent":
            await asyncio.sleep(PATIENCE)
        else:
            await exchange.start(200, [("content-type", "text/event-stream")])
            await exchange.write(b"data: {")
            raise _Broken

    return handle


def _refuse(status: int, message: str) -> tuple[list[tuple[str, str]], bytes]:
    return [("content-type", "text/plain")], message.encode()


# --- the clients


def body_of(front: Front, model: str, text: str, stream: bool, store: bool = False) -> bytes:
    body: dict[str, object] = {"model": model, "stream": stream}
    if front.dialect.name == "gemini":
        body = {"contents": [{"role": "user", "parts": [{"text": text}]}]}
    elif front.dialect.name == "openai_responses":
        body |= {"input": text, "store": store}
    else:
        body["messages"] = [{"role": "user", "content": text}]
    if front.dialect.name == "anthropic":
        body["max_tokens"] = 4096
    return json.dumps(body).encode()


async def one(base: str, number: int, stored: bool, rng: random.Random, tally: Tally) -> None:
    """One request of any kind, judged."""
    front = rng.choice(list(FRONTS.values()))
    provider = rng.choice(list(MODELS))
    stream = not front.whole or rng.random() < 0.7
    fault = rng.choice(SERVICE_FAULTS + CLIENT_FAULTS) if rng.random() < FAULTS else ""
    body = body_of(front, MODELS[provider], f"soak {number} {fault}.", stream, stored)
    if fault == "no json":
        body = body[:-1]
    headers = {"authorization": f"Bearer {KEY}", **front.headers}
    target = front.target(provider, MODELS[provider], stream)
    tally.requests[fault or "no fault"] += 1
    began = time.monotonic()
    try:
        async with asyncio.timeout(PATIENCE), calling(base, "POST", target, headers, body) as call:
            if fault == "leaves":
                await call.head()
                call.leave()
                return
            reply = await (read_slowly(call) if fault == "reads slowly" else call.whole())
    except Exception as error:  # noqa: BLE001 - whatever it is, it is counted and shown
        tally.wrong.append(f"{front.name} over {provider}, {fault or 'no fault'}: {error!r}")
        return
    tally.times.append(time.monotonic() - began)
    judge(front, provider, stream, fault, reply, tally)


async def read_slowly(call: Call) -> Reply:
    while not call.ended:
        await call.piece()
        await asyncio.sleep(0.05)
    return await call.whole()


def judge(front: Front, provider: str, stream: bool, fault: str, reply: Reply, tally: Tally) -> None:
    ended = reply.status == 200 and (front.end(reply.body) if stream else bool(reply.json))
    what = f"{front.name} over {provider}, {fault or 'no fault'}: {reply.status} {reply.body[-200:]!r}"
    if not fault:
        tally.good += ended
    if ended != (fault in ("", "reads slowly")) or (fault == "no json" and reply.status != 400):
        tally.wrong.append(what)
    elif not ended and reply.status != 200:
        front.error(reply.json)


# --- the gateway's process


@asynccontextmanager
async def gateway(folder: Path, upstream: str, login: Path) -> AsyncIterator[process.Served]:
    settings = {
        "REQUIRED_API_KEY": KEY,
        "MODEL_PROVIDER": json.dumps(list(MODELS)),
        "KIRO_OAUTH_CREDS_FILE_PATH": str(login),
        "KIRO_BASE_URL": upstream,
        "KIRO_REFRESH_URL": f"{upstream}/refreshToken",
        "CLAUDE_BASE_URL": upstream,
        "CLAUDE_API_KEY": "key-of-claude",
        "OPENAI_BASE_URL": f"{upstream}/v1",
        "OPENAI_API_KEY": "key-of-openai",
        "GEMINI_BASE_URL": upstream,
        "GEMINI_API_KEY": "key-of-gemini",
        "REQUEST_MAX_RETRIES": "1",
        "REQUEST_BASE_DELAY": "10",
        "TIMEOUT_HEAD": "1000",
        "LOG_LEVEL": "warning",
    }
    tasks = str(folder / "tasks.json")
    script = f"import sys; sys.path.insert(0, {str(process.ROOT)!r}); from tools.soak import child; child({tasks!r})"
    kept, process.COMMAND = process.COMMAND, (sys.executable, "-c", script)
    try:
        async with process.serving(folder, "serve", "--port", "0", **settings) as served:
            yield served
    finally:
        process.COMMAND = kept


def child(path: str) -> NoReturn:
    """The gateway, which writes the names of its tasks and its count of cycles to `path` when it gets SIGUSR1."""
    from aiclient2api.cli import main

    def tell(*_: object) -> None:
        names = sorted(task.get_name() for task in asyncio.all_tasks())
        gc.collect()
        cycles = sum(each["collected"] for each in gc.get_stats())
        Path(path).with_suffix(".new").write_text(json.dumps([names, cycles]), "utf-8")
        os.replace(Path(path).with_suffix(".new"), path)

    signal.signal(signal.SIGUSR1, tell)
    main()
    raise SystemExit(0)


async def tasks_and_cycles(folder: Path, served: process.Served) -> tuple[list[str], int]:
    path = folder / "tasks.json"
    path.unlink(missing_ok=True)
    served.send(signal.SIGUSR1)
    for _ in range(100):
        await asyncio.sleep(0.05)
        if path.exists():
            names, cycles = json.loads(path.read_text("utf-8"))
            return [re.sub(r"Task-\d+", "Task", name) for name in names], cycles
    return [], 0


# --- the run


async def load(base: str, pid: int, given: Load) -> Tally:
    """Requests at a steady rate, whatever becomes of them; the process is measured every second."""
    rng, tally = random.Random(given.seed), Tally()
    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        group.create_task(watch(pid, began, given.seconds, tally))
        for number in range(int(given.seconds * given.rate)):
            await asyncio.sleep(max(0.0, began + number / given.rate - time.monotonic()))
            group.create_task(one(base, number, given.stored, rng, tally))
    return tally


async def watch(pid: int, began: float, seconds: float, tally: Tally) -> None:
    while (now := time.monotonic() - began) < seconds:
        tally.sizes.append((now, size_and_peak(pid)[0]))
        await asyncio.sleep(1.0)


async def soak(given: Load) -> int:
    simulation = Simulation(seed="soak", clock=time.time, pace=0.005, any_model=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        login = folder / "login.json"
        login.write_text(json.dumps(simulation.credential()), "utf-8")
        server = Server(services(make_handler(simulation)), Limits(), _refuse)
        (_, port), *_ = await server.listen("127.0.0.1", 0)
        async with gateway(folder, f"http://127.0.0.1:{port}", login) as served:
            pid = served.process.pid
            sockets = opened(pid)["socket"]
            tasks, _ = await tasks_and_cycles(folder, served)
            warm = replace(given, seconds=2.0, seed=given.seed + 1)  # imports, caches, pools
            await load(served.base, pid, warm)
            files = opened(pid)
            files["socket"] = sockets
            _, cycles = await tasks_and_cycles(folder, served)
            start = Left(files, tasks, cycles)
            tally = await load(served.base, pid, given)
            await server.stop(0)
            await asyncio.sleep(2.0)
            end = Left(opened(pid), *await tasks_and_cycles(folder, served))
            cpu = cpu_seconds(pid)
            served.send(signal.SIGTERM)
            code = await served.ended()
            return report(tally, given, start, end, cpu, code)


def report(tally: Tally, given: Load, start: Left, end: Left, cpu: float, code: int) -> int:
    seconds = given.seconds
    count, clean = tally.requests.total(), tally.requests["no fault"]
    share = tally.good / clean if clean else 0.0
    grown, slope, noise = growth(tally.sizes)
    wrong = list(tally.wrong[:20])
    if given.write:
        page.put(HEADING, section(tally, given))
    print(f"requests    {count} in {seconds:g} s, {cpu / max(count, 1) * 1000:.1f} ms of CPU each")
    print("faults      " + ", ".join(f"{name} {tally.requests[name]}" for name in SERVICE_FAULTS + CLIENT_FAULTS))
    print(f"success     {tally.good} of {clean} without a fault ({share:.4%})")
    print(f"time        {times(tally.times)}")
    print(f"memory      {tally.sizes[-1][1]:.1f} MiB, {grown:+.2f} MiB, at last {slope:+.1f} ± {noise:.1f} MiB/h")
    print(f"cycles      {end.cycles - start.cycles} objects")
    print(f"descriptors {start.files.total()} before, {end.files.total()} after")
    print(f"tasks       {len(start.tasks)} before, {len(end.tasks)} after")
    if share < SUCCESS:
        wrong.append(f"only {share:.4%} of the requests without a fault succeeded")
    if grown > GROWTH_MIB + GROWTH_MIB_PER_HOUR * seconds / 3600:
        wrong.append(f"memory has grown by {grown:.1f} MiB")
    if seconds >= WARM_SECONDS and slope - noise > GROWTH_MIB_PER_HOUR:
        wrong.append(f"memory grows by {slope:.1f} ± {noise:.1f} MiB an hour")
    if end.cycles - start.cycles > CYCLES_ONCE + CYCLES_EACH * count:
        wrong.append(f"{end.cycles - start.cycles} objects were left to the collection of cycles")
    if more := end.files - start.files:
        wrong.append(f"descriptors are left: {dict(more)}")
    more = Counter(end.tasks) - Counter(start.tasks)
    if more or not end.tasks:
        wrong.append(f"tasks are left: {sorted(more.elements())}; {len(end.tasks)} run")
    if code != 0:
        wrong.append(f"the gateway ended with {code}")
    for sentence in wrong:
        print(f"WRONG: {sentence}")
    return 1 if wrong else 0


def section(tally: Tally, given: Load) -> str:
    """What docs/benchmarks.md says of a run."""
    grown, slope, noise = growth(tally.sizes)
    clean = tally.requests["no fault"]
    share = 100 * tally.good / clean if clean else 0.0
    return f"""
`python -m tools.soak {given.seconds:g} --write`: {given.rate:g} requests a second of every API over every provider, 5 %
of them with a fault of the service or the client, in a process of its own.

| after {lasted(given.seconds)} | |
| --- | ---: |
| requests without a fault that succeeded | {tally.good:,} of {clean:,} ({share:.2f} %) |
| their times | {times(tally.times)} |
| memory | {tally.sizes[-1][1]:.1f} MiB |
| of that grown since the first quarter | {grown:+.2f} MiB |
| growing at the end, give or take | {slope:+.1f} ± {noise:.1f} MiB an hour |

{_BOUNDS}"""


def lasted(seconds: float) -> str:
    """A time in the words of a person: seconds up to a minute, then minutes to a tenth."""
    count, unit = (seconds, "second") if seconds < 60 else (seconds / 60, "minute")
    shown = f"{count:.1f}".removesuffix(".0")
    return f"{shown} {unit}" if shown == "1" else f"{shown} {unit}s"


def growth(sizes: list[tuple[float, float]]) -> Growth:
    """From the medians of blocks, so that neighbours are not taken for many witnesses."""
    late = sizes[len(sizes) // 2 :]
    each = max(len(late) // BLOCKS, 1)
    blocks = [late[at : at + each] for at in range(0, len(late) - each + 1, each)]
    times = [statistics.fmean(when for when, _ in block) / 3600 for block in blocks]
    medians = [statistics.median(size for _, size in block) for block in blocks]
    quarter = max(len(sizes) // 4, 1)
    grown = medians[-1] - statistics.median(size for _, size in sizes[quarter : 2 * quarter] or sizes)
    if len(blocks) < 4:
        return Growth(grown, 0.0, math.inf)
    slope, offset = statistics.linear_regression(times, medians)
    rest = sum((size - offset - slope * when) ** 2 for when, size in zip(times, medians, strict=True))
    spread = math.sqrt(rest / (len(blocks) - 2)) / (statistics.pstdev(times) * math.sqrt(len(blocks)))
    return Growth(grown, slope, 2 * spread)


def times(found: list[float]) -> str:
    ordered = sorted(found) or [0.0]
    return ", ".join(f"p{share:g} {ordered[int((len(ordered) - 1) * share / 100)] * 1000:.0f} ms" for share in (50, 99))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seconds", nargs="?", type=float, default=600.0)
    parser.add_argument("--rate", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="put the figures into docs/benchmarks.md")
    parser.add_argument("--stored", action="store_true", help="let the gateway keep answers of the Responses API")
    given = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        return asyncio.run(soak(Load(given.seconds, given.rate, given.seed, given.stored, given.write)))
    return 130


if __name__ == "__main__":
    sys.exit(main())
