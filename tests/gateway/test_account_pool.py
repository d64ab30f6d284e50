"""Pools whose accounts change while requests are under way: nothing is reported twice, to nobody, or for another."""

import asyncio

import pytest

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.credentials.secret import Secret
from aiclient2api.credentials.static import StaticLogin
from aiclient2api.gateway.account_pool import AccountPool, Want, lone
from aiclient2api.gateway.upstream import Account
from aiclient2api.providers.kiro import KiroProvider
from aiclient2api.routing.pool import Member, Pool, PoolPolicy
from aiclient2api.tasks import spawn

POLICY = PoolPolicy()
LIMITED = GatewayError("rate_limit", "no", retry_after=600.0)


def accounts(*ids: str) -> dict[str, Account]:
    return {id: Account(KiroProvider(), StaticLogin(Secret(f"key of {id}"), "kiro", "K")) for id in ids}


def members(*ids: str) -> list[Member]:
    """A dash marks one that is disabled."""
    return [Member(id=id.removesuffix("-"), disabled=id.endswith("-")) for id in ids]


def pool_of(*ids: str) -> AccountPool:
    return AccountPool(accounts(*ids), Pool(members(*ids)))


async def test_reports_go_to_the_pool_that_has_chosen() -> None:
    pool = pool_of("a", "b")
    place = await pool.take(Want("m"))
    pool.change(accounts("c"), [], POLICY)
    alone = await pool.take(Want("m"))
    pool.change(accounts("a", "b"), members("a", "b"), POLICY)
    pool.answering(place)
    pool.report(place, LIMITED)
    pool.report(alone, LIMITED)
    assert {(await pool.take(Want("m"))).id for _ in range(4)} == {"a", "b"}


async def test_those_that_stay_keep_their_health() -> None:
    pool = pool_of("a", "b")
    place = await pool.take(Want("m"))
    pool.report(place, LIMITED)
    other = "b" if place.id == "a" else "a"
    pool.change({**accounts("c"), **pool.accounts}, members("a", "b", "c"), POLICY)
    assert {(await pool.take(Want("m"))).id for _ in range(6)} == {other, "c"}
    (step,) = pool.rests(place, 0.0)
    assert (step.do, step.account, step.model, step.why) == ("rests", place.id, "m", "rate limit")


async def test_a_renewed_login_is_tried_at_once() -> None:
    pool = pool_of("a", "b")
    place = await pool.take(Want("m"))
    pool.report(place, GatewayError("login_required", "over"))
    assert {(await pool.take(Want("m"))).id for _ in range(3)} == {"b" if place.id == "a" else "a"}
    pool.restore(place.id)
    assert place.id in {(await pool.take(Want("m"))).id for _ in range(3)}


async def test_whoever_waits_for_a_place_gets_a_new_account() -> None:
    pool = AccountPool(accounts("a"), Pool([Member(id="a", limit=1)]))
    await pool.take(Want("m"))
    waiting = spawn(pool.take(Want("m")), "waiting")
    await asyncio.sleep(0.05)
    assert not waiting.done()
    pool.change({**accounts("b"), **pool.accounts}, [Member(id="a", limit=1), Member(id="b")], POLICY)
    place = await waiting
    assert place.id == "b"
    assert 0.04 < place.waited < 5


async def test_only_disabled_ones() -> None:
    pool = lone(accounts("x")["x"])
    pool.change(accounts("a", "b"), members("a-", "b"), POLICY)
    assert not (await pool.take(Want("m"))).others, "there is nobody beside it"
    assert pool.lead is pool.accounts["b"]
    pool.change(accounts("a", "b"), members("a-", "b-"), POLICY)
    with pytest.raises(GatewayError, match="All 2 accounts are disabled") as caught:
        await pool.take(Want("m"))
    assert (caught.value.kind, caught.value.status) == ("login_required", 503)
