"""What ledger, client keys with limits and a pool of accounts cost: one gateway with all of them beside one with none.

Enters: what every bench needs. Leaves: samples of both by scenario, in pairs, and the section of docs/benchmarks.md.
"""

import json
import os
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from aiclient2api.state import key_file
from aiclient2api.state.keys import FILE_NAME, Grants
from aiclient2api.state.limits import Limits
from tools.bench import figures, peers, runs, tables
from tools.bench.figures import Samples
from tools.bench.peers import Gateway, Upstream
from tools.bench.processes import Cores
from tools.bench.runs import Bench, Results, Sample
from tools.bench.scenarios import SAME, TO_OPENAI, Scenario

BARE, ALL = "without", "with"
ROOT = Path(__file__).parent.parent.parent
ACCOUNTS = 10
PLENTY = 1_000_000_000
SCENARIOS = (
    Scenario(SAME, "1 KB", 64),
    Scenario(TO_OPENAI, "1 KB", 64),
    Scenario(SAME, "62 KB", 16),
    Scenario(SAME, "1 KB", 16, pieces=200),
)
HEADING = "With the books open"
_ABOUT = f"""
One gateway with everything on (usage ledger, a client key with all four limits, a pool of {ACCOUNTS} accounts) beside
one with nothing of it, in turns (`python -m tools.bench --books`); the last column is made round by round. What it
costs hardly depends on the request: most for an answer of 1 KB that comes at once, next to nothing for a stream.

"""


def measure(
    bench: Bench, upstream: Upstream, cores: Cores, folder: Path, rounds: int, chosen: Sequence[Scenario] = SCENARIOS
) -> Results:
    """Samples of both gateways."""
    with ExitStack() as stack:
        both = {peer.name: peer for peer in _gateways(upstream, cores, folder)}
        for peer in both.values():
            stack.callback(peer.close)
        planned = [(each, list(both)) for each in chosen]
        return dict(runs.interleaved(planned, rounds, lambda name, each: bench.run(both[name], each)))


def _gateways(upstream: Upstream, cores: Cores, folder: Path) -> tuple[Gateway, Gateway]:
    provider = peers.OPENAI_PROVIDER
    home = peers.home_of(folder, ALL, provider)
    pool = home / "pools.json"
    accounts = [{"uuid": f"account-{n}", "OPENAI_API_KEY": f"sk-upstream-{n:010}"} for n in range(ACCOUNTS)]
    pool.write_text(json.dumps({provider: accounts}), "utf-8")
    limits = Limits(
        requests_per_minute=PLENTY, requests_per_day=PLENTY, tokens_per_minute=PLENTY, tokens_per_day=PLENTY
    )
    (home / "data").mkdir(exist_ok=True)
    _, secret = key_file.create(home / "data" / FILE_NAME, "bench", Grants(limits=limits), time.time())
    code = {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    settings = code | {"PROVIDER_POOLS_FILE_PATH": str(pool)}
    return (
        Gateway(upstream, cores, folder, code, provider, name=BARE, module="tools.bench.bare"),
        Gateway(upstream, cores, folder, settings, provider, name=ALL, key=secret),
    )


def section(results: Results) -> str:
    """What the page says of it."""
    return _ABOUT + table(results)


def table(results: Results) -> str:
    rows = [
        [
            str(scenario),
            *(tables.spread(figures.of(samples, who, _cpu)) for who in (BARE, ALL)),
            *(tables.median(figures.of(samples, who, _rate)) for who in (BARE, ALL)),
            _more(samples, _cpu),
        ]
        for scenario, samples in results.items()
    ]
    heads = ["client → upstream", "CPU µs/req without", "with", "req/s without", "with", "CPU more, %"]
    return tables.table(heads, rows)


def _cpu(sample: Sample) -> float:
    return sample.cpu_request


def _rate(sample: Sample) -> float:
    return sample.rate


def _more(samples: Samples, value: Callable[[Sample], float]) -> str:
    pairs = zip(samples[BARE], samples[ALL], strict=True)
    return tables.spread(figures.figure([100 * (value(own) / value(bare) - 1) for bare, own in pairs]))
