"""One request over the accounts of a provider: the pool chooses, and an account that fails makes way for the next.

Until content has come nothing is lost by asking another; every such repeat is paid from the budget that all requests
share, so that a failing service is not asked many times as often. The client is told of the last failure.
"""

import time
from collections.abc import Callable, Sequence
from typing import Self

from aiclient2api.canonical.errors import GatewayError, detached
from aiclient2api.canonical.events import Event, TextDelta, failure_of
from aiclient2api.gateway.account_pool import AccountPool, Place, Want, is_final
from aiclient2api.gateway.faults import as_gateway_error
from aiclient2api.gateway.flow import Flow
from aiclient2api.gateway.upstream import NO_BUDGET, Journey, Patience, Prepare, Upstream
from aiclient2api.http1.messages import HttpError
from aiclient2api.routing.pool import Outcome
from aiclient2api.routing.retry_budget import RetryBudget
from aiclient2api.state.trail import Step

Seen = Callable[[Sequence[Event]], Sequence[Event]]


class Answered:
    """Batches of events, the first with content, of a request that is sent when they are first asked for. Raises the
    GatewayError that the client is to see. A context manager: whoever leaves it early frees what it held.

    `seen` looks on while batches pass; what it returns goes on.
    """

    __slots__ = (
        "_flow",
        "_journey",
        "_place",
        "_pool",
        "_prepare",
        "_provider",
        "_repeats",
        "_seen",
        "_upstream",
        "_want",
    )

    def __init__(
        self,
        upstream: Upstream,
        pool: AccountPool,
        prepare: Prepare,
        journey: Journey,
        want: Want,
        seen: Seen = lambda events: events,
    ) -> None:
        self._upstream = upstream
        self._pool = pool
        self._prepare = prepare
        self._journey = journey
        self._want = want
        self._seen = seen
        self._repeats = Repeats(upstream.budget)
        self._provider = ""
        self._place: Place | None = None
        self._flow: Flow | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._report("left")
        self._repeats.close()

    async def hand_over(self, take: Callable[[Sequence[Event]], bool]) -> bool:
        """Call `take` with each batch in the moment it comes in. True at the end; False if `take` said so, which wants
        no more for now, or if the answer broke off, as the last batch has told. Raises GatewayError."""
        seen = self._seen

        def passing(batch: Sequence[Event]) -> bool:
            """On to the client, seen; an account that breaks off is reported at once."""
            if type(batch[-1]) is not TextDelta and (broken := failure_of(batch[-1])) is not None:
                self._failed(broken)
            return take(seen(batch)) and self._place is not None

        flow = self._flow
        if flow is None:
            flow, batch = await self._first()
            if batch and not passing(batch):
                return False
        try:
            whole = await flow.hand_over(passing)
        except (GatewayError, HttpError) as error:
            raise self._failed(error) from error
        if whole:
            self._report("success")
        return whole

    async def _first(self) -> tuple[Flow, Sequence[Event]]:
        """The answer of the first account that gives one, and its first events."""
        tried: set[str] = set()
        failure: GatewayError | None = None
        while True:
            place = self._place = await _place(self._pool, self._want, tried, failure, self._journey)
            try:
                return await self._ask(place)
            except GatewayError as error:
                self._report(error)
                if is_final(error) or place.choice is None:
                    raise
                if not self._repeats.again():
                    self._journey.trail.append(Step(do="stopped", at=time.perf_counter(), why=NO_BUDGET))
                    raise
                failure = detached(error)
            tried.add(place.id)

    async def _ask(self, place: Place) -> tuple[Flow, Sequence[Event]]:
        journey = self._journey
        journey.account, journey.reason = place.id, place.reason
        self._provider = place.account.provider.name
        journey.trail.append(
            Step(
                do="chosen",
                at=time.perf_counter(),
                provider=self._provider,
                account=place.id,
                why=place.reason,
                seconds=place.waited or None,
            )
        )
        patience = Patience(self._repeats.again, not place.others)
        self._flow, batch = await self._upstream.open(place.account, self._prepare, journey, patience)
        if batch:
            self._pool.answering(place)
        return self._flow, batch

    def _failed(self, error: GatewayError | HttpError) -> GatewayError:
        """An answer has broken off."""
        if isinstance(error, HttpError):
            error = as_gateway_error(error, self._provider)
        self._journey.faults.append(error)
        self._journey.failed(error)
        self._report(error)
        return error

    def _report(self, outcome: Outcome) -> None:
        """How it went with the account that was asked last; only the first word on it counts."""
        if self._flow is not None:
            self._flow.close()
        place, self._place = self._place, None
        if place is not None:
            self._pool.report(place, outcome)
            if isinstance(outcome, GatewayError):
                self._journey.trail += self._pool.rests(place, time.perf_counter())


class Repeats:
    """What one request takes from the budget of all: at most one repeat of it is under way."""

    __slots__ = ("_budget", "_held")

    def __init__(self, budget: RetryBudget) -> None:
        self._budget = budget
        self._held = False
        budget.begin()

    def again(self) -> bool:
        """Whether the request may be sent once more."""
        self._let_go()
        self._held = self._budget.take()
        return self._held

    def close(self) -> None:
        self._let_go()
        self._budget.end()

    def _let_go(self) -> None:
        if self._held:
            self._budget.give()
            self._held = False


async def _place(
    pool: AccountPool, want: Want, tried: set[str], failure: GatewayError | None, journey: Journey
) -> Place:
    """The next account. Where there is none, the failure of the last one says more than that, but when to come back is
    told by the account that is ready first."""
    try:
        return await pool.take(want, tried)
    except GatewayError as nobody:
        journey.failed(nobody)
        if failure is None:
            raise
        if failure.retryable and nobody.retry_after is not None:
            failure.retry_after = min(nobody.retry_after, failure.retry_after or nobody.retry_after)
        raise failure from None
