"""GET /metrics: what was counted, and how the parts of the gateway stand in the moment of the scrape.

Enters: the parts, which are only read. Leaves: an exposition. Where several processes serve one port, the scrape asks
the others too, and each sample says in `worker` whose it is.
"""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from aiclient2api import __version__
from aiclient2api.gateway.account_pool import AccountPool
from aiclient2api.gateway.tally import Tally
from aiclient2api.gateway.upstream import Upstream
from aiclient2api.http1.server import Server
from aiclient2api.observe import process
from aiclient2api.observe.exposition import Family, exposition, together
from aiclient2api.observe.lag import LoopLag
from aiclient2api.observe.log import lines_lost
from aiclient2api.observe.metrics import counter, gauge, histogram, info
from aiclient2api.routing.pool import Standing
from aiclient2api.state.ledger import Ledger
from aiclient2api.state.shared.base import Shared

MAX_ACCOUNTS = 200
"""Accounts with series of their own; all are in the sums."""
_STATES = ("usable", "limited", "resting", "disabled")
"""Limited: it rests for some models and serves the others."""

Values = dict[tuple[str, ...], int | float]


class Siblings(Protocol):
    """The other processes that serve the same port. `number` is this one's."""

    @property
    def number(self) -> int: ...

    async def families(self) -> Mapping[int, Sequence[Family]]:
        """What they have measured; without those that do not answer in time."""
        ...


class Parts(NamedTuple):
    """What is read at a scrape. The server comes later than this."""

    tally: Tally
    server: Callable[[], Server]
    upstream: Upstream
    pools: Mapping[str, AccountPool]
    ledger: Ledger
    shared: Shared


class Measures:
    """`public`: the scrape needs no key. `start` and `stop` in the running loop."""

    def __init__(self, parts: Parts, public: bool, siblings: Siblings | None) -> None:
        self.public = public
        self._parts = parts
        self._siblings = siblings
        self._lag = LoopLag()
        self._began = time.time()

    def start(self) -> None:
        self._lag.start()

    def stop(self) -> None:
        self._lag.stop()

    async def exposition(self, openmetrics: bool) -> bytes:
        """The answer to a scrape."""
        siblings = self._siblings
        if siblings is None:
            return exposition(await self.families(), openmetrics)
        others = await siblings.families()
        parts = {**others, siblings.number: await self.families()}
        return exposition(together({str(each): parts[each] for each in sorted(parts)}, "worker"), openmetrics)

    async def families(self) -> list[Family]:
        """All of this process."""
        for pool in self._parts.pools.values():
            await pool.look()
        return [*self._about(), *self._parts.tally.families(), *self._now(), *self._kept(), *process.families()]

    def _about(self) -> Iterator[Family]:
        facts = {"version": __version__, "python": ".".join(map(str, sys.version_info[:3]))}
        yield info("aiclient2api_build", "The version that runs.", facts)
        yield gauge(
            "aiclient2api_start_time_seconds", "When the gateway was started, in epoch seconds.", (), self._began
        )

    def _now(self) -> Iterator[Family]:
        parts = self._parts
        server = parts.server()
        yield gauge(
            "aiclient2api_requests_in_flight",
            "Requests that are being answered by a provider, or wait for an account.",
            (),
            parts.upstream.budget.active,
        )
        yield gauge(
            "aiclient2api_requests_waiting",
            "Of these, those that wait for an account.",
            ("provider",),
            {(name,): pool.waiting for name, pool in parts.pools.items()},
        )
        yield gauge("aiclient2api_streams_open", "Streams that have begun and have not ended.", (), server.streams)
        yield gauge("aiclient2api_http_requests_in_flight", "Requests of all routes, scrapes too.", (), server.active)
        yield gauge("aiclient2api_connections", "Open connections of clients.", (), server.connections)
        yield gauge("aiclient2api_draining", "1 while the gateway is stopping.", (), int(server.draining))
        living, free = parts.upstream.client.connections
        yield gauge(
            "aiclient2api_upstream_connections",
            "Open connections to providers.",
            ("state",),
            {("busy",): living - free, ("idle",): free},
        )
        yield from _of_accounts(parts.pools)
        yield histogram(
            "aiclient2api_event_loop_lag_seconds",
            "How late the event loop is, looked at twice a second.",
            (),
            self._lag.seen.bounds,
            [((), self._lag.seen)],
        )

    def _kept(self) -> Iterator[Family]:
        written, dropped, waiting, problem = self._parts.ledger.stats()
        yield counter("aiclient2api_ledger_rows_written", "Rows of the usage ledger that were written.", (), written)
        yield counter("aiclient2api_ledger_rows_dropped", "Rows of the usage ledger that were lost.", (), dropped)
        yield gauge("aiclient2api_ledger_rows_waiting", "Rows that wait to be written.", (), waiting)
        yield gauge("aiclient2api_ledger_up", "0 while the usage ledger cannot be written.", (), int(problem is None))
        lost: Values = {(why,): lines for why, lines in lines_lost().items()}
        yield counter("aiclient2api_log_lines_dropped", "Log lines that were lost, by why.", ("reason",), lost)
        standing = self._parts.shared.standing()
        if standing is not None:
            up, commands, outages = standing
            yield gauge("aiclient2api_shared_state_connected", "1 while Redis (REDIS_URL) answers.", (), int(up))
            yield counter("aiclient2api_shared_state_outages", "How often Redis was lost.", (), outages)
            yield counter("aiclient2api_shared_state_commands_lost", "Commands that Redis did not take.", (), commands)


def _of_accounts(pools: Mapping[str, AccountPool]) -> Iterator[Family]:
    sums: Counter[tuple[str, ...]] = Counter()
    states: Values = {}
    running: Values = {}
    resting: Values = {}
    quotas: Values = {}
    for name, pool in pools.items():
        sums.update({(name, state): 0 for state in _STATES})
        for account, state, models, standing in _accounts(pool):
            sums[name, state] += 1
            if len(states) >= MAX_ACCOUNTS * len(_STATES):
                continue
            states.update({(name, account, each): int(each == state) for each in _STATES})
            if standing is not None:
                running[name, account] = standing.in_flight
                resting[name, account] = models
                if standing.quota_left is not None:
                    quotas[name, account] = standing.quota_left
    labels = ("provider", "account")
    yield gauge("aiclient2api_accounts", "How many accounts are in which state.", ("provider", "state"), sums)
    yield gauge("aiclient2api_account_state", "1 for the state that an account is in.", (*labels, "state"), states)
    yield gauge(
        "aiclient2api_account_requests_in_flight", "Requests that an account of a pool serves.", labels, running
    )
    yield gauge(
        "aiclient2api_account_models_resting", "Models that an account rests for by themselves.", labels, resting
    )
    yield gauge(
        "aiclient2api_account_quota_left_ratio", "Share of its plan that an account has left, if told.", labels, quotas
    )


def _accounts(pool: AccountPool) -> Iterator[tuple[str, str, int, Standing | None]]:
    """Masked id, state, how many models it rests for, and what a pool knows of it."""
    if pool.pool is None:
        for id, account in pool.accounts.items():
            yield account.login.id or id, "usable" if account.login.status().usable else "resting", 0, None
        return
    now = pool.clock()
    for standing in pool.pool.standings(now):
        state = pool.pool.export(standing.id)
        rests = {} if state is None or not state.rests else state.rests
        models = sum(bool(scope) and any(rest.until > now for rest in here.values()) for scope, here in rests.items())
        well = "limited" if models else "usable"
        yield standing.id, standing.state if standing.state in _STATES else well, models, standing
