"""Pools learn what their accounts have left (D6): the emptied rest until their reset, then come back by themselves."""

from collections.abc import Mapping

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.credentials.secret import Secret
from aiclient2api.credentials.static import StaticLogin
from aiclient2api.gateway.account_pool import AccountPool, Want
from aiclient2api.gateway.quota import Reading
from aiclient2api.gateway.quota_watch import learn_quotas
from aiclient2api.gateway.upstream import Account
from aiclient2api.providers.kiro import KiroProvider
from aiclient2api.routing.pool import Member, Pool

NOW = 1_000_000.0


class Told:
    """What a service says by account; one that is not known here does not answer."""

    def __init__(self, readings: Mapping[str, Reading]) -> None:
        self._readings = readings

    async def read(self, account: Account) -> Reading | None:
        if account.login.id not in self._readings:
            raise GatewayError("timeout", "no answer")
        return self._readings[account.login.id]


def reading(used: float, *, overage: bool = False) -> Reading:
    return Reading(plan="", used=used, limit=100, unit="credits", resets_at=NOW + 600, overage=overage, read_at=NOW)


def of(*ids: str) -> tuple[AccountPool, list[float], dict[str, str]]:
    """A pool of these accounts, its clock, and the ids of their logins."""
    clock = [NOW]
    accounts = {id: Account(KiroProvider(), StaticLogin(Secret(f"key of {id}"), "kiro", "K")) for id in ids}
    pool = AccountPool(accounts, Pool([Member(id=id) for id in ids]), lambda: clock[0], lambda: 0.0)
    return pool, clock, {id: account.login.id for id, account in accounts.items()}


async def chosen(pool: AccountPool, times: int = 6) -> set[str]:
    found = set()
    for _ in range(times):
        place = await pool.take(Want("m"))
        found.add(place.id)
        pool.report(place, "success")
    return found


async def test_an_empty_account_rests_until_its_reset() -> None:
    pool, clock, logins = of("a", "b")
    await learn_quotas(pool, Told({logins["a"]: reading(100), logins["b"]: reading(10)}))
    assert await chosen(pool) == {"b"}
    clock[0] += 601
    assert await chosen(pool) == {"a", "b"}


async def test_little_left_is_used_last() -> None:
    pool, _, logins = of("a", "b")
    await learn_quotas(pool, Told({logins["a"]: reading(95), logins["b"]: reading(10)}))
    assert await chosen(pool) == {"b"}


async def test_who_may_go_over_the_plan_is_not_held_back() -> None:
    pool, _, logins = of("a", "b")
    await learn_quotas(pool, Told({logins["a"]: reading(150, overage=True), logins["b"]: reading(10)}))
    assert await chosen(pool) == {"a", "b"}


async def test_a_service_that_does_not_answer_changes_nothing() -> None:
    pool, _, _ = of("a", "b")
    await learn_quotas(pool, Told({}))
    assert await chosen(pool) == {"a", "b"}
