"""One request over the accounts of a provider: the pool chooses, and an account that fails makes way for the next.

Until content has come nothing is lost by asking another; every such repeat is paid from the budget that all requests
share, so that a failing service is not asked many times as often. The client is told of the last failure.
"""

from contextlib import aclosing, closing

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.gateway.account_pool import AccountPool, Place, Want, is_final
from aiclient2api.gateway.upstream import Batches, Journey, Patience, Prepare, Upstream
from aiclient2api.routing.pool import Outcome
from aiclient2api.routing.retry_budget import RetryBudget


async def answered(upstream: Upstream, pool: AccountPool, prepare: Prepare, journey: Journey, want: Want) -> Batches:
    """Batches of events, the first with content. Raises the GatewayError that the client is to see."""
    tried: set[str] = set()
    failure: GatewayError | None = None
    with closing(Repeats(upstream.budget)) as repeats:
        while True:
            place = await _place(pool, want, tried, failure)
            committed = False
            try:
                async with aclosing(_from(upstream, pool, place, prepare, journey, repeats)) as batches:
                    async for batch in batches:
                        committed = True
                        yield batch
                return
            except GatewayError as error:
                if committed or is_final(error) or place.choice is None or not repeats.again():
                    raise
                failure = error
            tried.add(place.id)


class Repeats:
    """What one request takes from the budget of all: at most one repeat of it is under way."""

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


async def _place(pool: AccountPool, want: Want, tried: set[str], failure: GatewayError | None) -> Place:
    """The next account. Where there is none, the failure of the last one says more than that, but when to come back is
    told by the account that is ready first."""
    try:
        return await pool.take(want, tried)
    except GatewayError as nobody:
        if failure is None:
            raise
        if failure.retryable and nobody.retry_after is not None:
            failure.retry_after = min(nobody.retry_after, failure.retry_after or nobody.retry_after)
        raise failure from None


async def _from(
    upstream: Upstream, pool: AccountPool, place: Place, prepare: Prepare, journey: Journey, repeats: Repeats
) -> Batches:
    """The answer of one account, and the report of how that went."""
    journey.account, journey.reason = place.id, place.reason
    outcome: Outcome = "left"
    patience = Patience(repeats.again, wait=not place.others)
    try:
        async with aclosing(upstream.events(place.account, prepare, journey, patience)) as batches:
            first = True
            async for batch in batches:
                if first:
                    pool.answering(place)
                    first = False
                yield batch
        outcome = "success"
    except GatewayError as error:
        outcome = error
        raise
    finally:
        pool.report(place, outcome)
