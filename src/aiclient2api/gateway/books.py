"""What is kept account of per request: the limits of the client's key before it, after it one row of the usage ledger
and a tick in the metrics.

Enters: a Visit at its beginning and at its end. Leaves: nothing, or GatewayError for what a key may not do. The ledger
never makes a request wait, and a failure of it never harms one.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from aiclient2api.gateway.context import Visit
from aiclient2api.gateway.demand import is_plenty, rough
from aiclient2api.gateway.tally import Tally
from aiclient2api.routing.models import Route
from aiclient2api.state.keys import allows, check_allowed
from aiclient2api.state.ledger import Ledger
from aiclient2api.state.limit_store import Hold, KeyLimits, LocalLimits, admit
from aiclient2api.state.limits import Demand, Reservation
from aiclient2api.state.rows import Entry
from aiclient2api.state.trail import Story, names, plain


@dataclass(frozen=True)
class Books:
    """One per gateway; `ledger` None: nothing is written down."""

    ledger: Ledger | None = None
    limits: KeyLimits = field(default_factory=LocalLimits)
    clock: Callable[[], float] = time.time
    tally: Tally | None = None

    def permitted(self, visit: Visit, routes: Iterable[Route]) -> tuple[Route, ...]:
        """The routes that the client's key allows. Raises GatewayError("permission") if it forbids the first."""
        first, *others = routes
        client = visit.client
        if client is None:
            return (first, *others)
        check_allowed(client, first.provider.name, (first.requested, first.model.id))
        return (first, *(r for r in others if allows(client, r.provider.name, (r.requested, r.model.id))))

    async def admit(self, visit: Visit, body: bytes, exact: Callable[[], Demand]) -> None:
        """Reserve what the request may take, if its key has limits; `exact` works that out where it matters. Raises
        GatewayError("rate_limit", "too_large")."""
        client = visit.client
        if client is None or not client.grants.limits.any:
            return
        limits, now = client.grants.limits, self.clock()
        demand = rough(body) if limits.of_tokens else Demand(0)
        found = await self.limits.reserve(client.id, limits, demand, now)
        if isinstance(found, Reservation):
            hold = Hold(self.limits, client.id, found)
            if not limits.of_tokens or is_plenty(found, body):
                visit.hold = hold
                return
            await hold.give_back(now)
        visit.hold = await admit(self.limits, client.id, limits, exact() if limits.of_tokens else demand, now)

    async def settle(self, visit: Visit, hold: Hold) -> None:
        """What the request has really taken, in place of what was reserved for it."""
        if visit.usage is not None:
            await hold.settle(visit.usage.total, self.clock())
        elif visit.first_content is None:
            await hold.give_back(self.clock())  # what was answered without numbers keeps its reservation

    def enter(self, visit: Visit, status: int) -> None:
        """The request has ended, in whatever way; `status` is that of the answer, 499 for a client that left."""
        if visit.front and (self.ledger is not None or self.tally is not None):
            entry = _entry(visit, status)
            if self.ledger is not None:
                self.ledger.offer(entry)
            if self.tally is not None:
                self.tally.add(entry)
        elif self.tally is not None:
            self.tally.other(status, visit.failed.kind if visit.failed is not None else None)


def _entry(visit: Visit, status: int) -> Entry:
    route, failed = visit.route, visit.failed
    first = None if visit.first_content is None else visit.first_content - visit.started
    return Entry(
        time=visit.wall_clock,
        request_id=visit.id,
        key_id=visit.key,
        dialect=visit.front,
        status=status,
        total_seconds=time.perf_counter() - visit.started,
        first_seconds=first,
        stream=visit.stream,
        provider=route.provider.name if route is not None else None,
        account=visit.account or None,
        model_asked=route.requested if route is not None else None,
        model_served=route.model.id if route is not None else None,
        error_kind=failed.kind if failed is not None else None,
        usage=visit.usage,
        attempts=visit.attempts,
        cached=visit.cache == "hit",
        story=_story(visit),
    )


def _story(visit: Visit) -> Story:
    journey, failed = visit.journey, visit.failed
    return Story(
        steps=tuple(visit.trail),
        began=visit.started,
        hint=plain(visit.provider),
        saved=(visit.saved.input, visit.saved.output) if visit.saved is not None else None,
        passed=journey is not None and journey.passed,
        dropped=names(journey.dropped) if journey is not None and journey.dropped else (),
        mark=plain(failed.reason) if failed is not None else "",
        retry_after=failed.retry_after if failed is not None else None,
    )


def is_permitted(visit: Visit, provider: str, names: Iterable[str]) -> bool:
    """Whether the client's key allows a model of a provider, under one of its names."""
    return visit.client is None or allows(visit.client, provider, names)
