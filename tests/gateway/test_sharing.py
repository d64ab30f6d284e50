"""What is heard about accounts is checked before a pool adopts it."""

import asyncio
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.credentials.static import NoLogin
from aiclient2api.gateway.account_pool import AccountPool
from aiclient2api.gateway.sharing import (
    LOOK_SECONDS,
    MOST_SECONDS,
    WRONG_CLOCK,
    Health,
    SharedHomes,
    read_state,
    share_pools,
)
from aiclient2api.gateway.upstream import Account
from aiclient2api.providers.openai import openai_custom
from aiclient2api.routing.pool import Choice, Member, Pool, PoolPolicy
from aiclient2api.state.shared.base import Alone, digest
from aiclient2api.tasks import spawn, stop

NOW = 1_790_000_000.0


def state(**changes: Any) -> bytes:
    rest: dict[str, Any] = {"cause": "rate_limit", "since": NOW, "until": NOW + 60, "last_resort": NOW + 60}
    rest |= {"told": True, "steps": 1, "reason": "rate limit", "detail": ""} | changes.pop("rest", {})
    whole = {"id": "a", "changed": NOW, "rests": {"model": {"rate_limit": rest}}, "failures": {}, "quota": None}
    return json.dumps(whole | changes).encode()


def test_a_sound_state_is_taken() -> None:
    found = read_state(state(), "a", NOW)
    assert found is not None
    assert found.rests["model"]["rate_limit"].until == NOW + 60


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"no JSON",
        b"[]",
        state(id="another"),
        state(changed=NOW + WRONG_CLOCK + 1),
        state(changed="now"),
        state(rests={"model": {}}),
        state(rests={"model": {"no such cause": {}}}),
        state(rests={str(n): json.loads(state())["rests"]["model"] for n in range(65)}),
        state(failures={str(n): 1 for n in range(65)}),
        state(rest={"until": float("nan")}),
        state().replace(b'"until": 1790000060.0', b'"until": 1e999'),
    ],
)
def test_what_makes_no_sense_is_not(value: bytes) -> None:
    assert read_state(value, "a", NOW) is None


def test_no_rest_is_for_ever_and_no_reason_breaks_a_header() -> None:
    evil = {
        "until": 9e99,
        "last_resort": 9e99,
        "reason": "x\r\nset-cookie: y" + "z" * 500,
        "detail": "<b>",
        "steps": -3,
    }
    found = read_state(state(rest=evil | {"cause": "quota"}), "a", NOW)
    assert found is not None
    rest = found.rests["model"]["rate_limit"]
    assert (rest.cause, rest.until, rest.last_resort) == ("rate_limit", NOW + MOST_SECONDS, NOW + MOST_SECONDS)
    assert rest.reason.startswith("xset-cookie: yzz")
    assert (len(rest.reason), rest.detail, rest.steps) == (120, "", 1)


@given(st.binary(max_size=200))
def test_no_value_does_harm_at_random(value: bytes) -> None:
    assert read_state(value, "a", NOW) is None


# --- told and heard, without a server in between


class Wire(Alone):
    """Notes are kept in a list."""

    alone = False

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[tuple[str, str, bytes, float]] = []
        self.last: bytes | None = None

    def tell(self, topic: str, name: str, value: bytes, seconds: float, changed: float | None = None) -> None:
        self.notes.append((topic, name, value, seconds))

    async def told(self, topic: str, name: str) -> bytes | None:
        return self.last


def pool() -> AccountPool:
    accounts = {id: Account(openai_custom(None), NoLogin(id)) for id in ("a", "b")}
    return AccountPool(accounts, Pool([Member(id=id) for id in accounts]), clock=lambda: NOW)


def failed(pools: AccountPool, error: GatewayError) -> None:
    assert pools.pool is not None
    choice = pools.pool.choose(NOW, "model", tried={"b"})
    assert isinstance(choice, Choice)
    pools.pool.report(choice, error, NOW)


def health(wire: Wire, pools: AccountPool) -> Health:
    return share_pools(wire, {"name": pools})


def test_a_rest_is_told_without_the_upstreams_words_and_heard_as_it_is() -> None:
    wire, mine, theirs = Wire(), pool(), pool()
    telling, hearing = health(wire, mine), health(wire, theirs)
    failed(mine, GatewayError("rate_limit", "canary words of the upstream", retry_after=7200.0))
    telling.tell_changes()
    telling.tell_changes()
    ((topic, name, value, seconds),) = wire.notes
    assert (topic, name) == ("account", digest("name", "a"))
    assert seconds == 7200 + WRONG_CLOCK
    assert b"canary" not in value
    hearing.heard(name, value)
    hearing.heard("unknown", value)
    assert theirs.pool is not None
    assert [each.state for each in theirs.pool.standings(NOW, "model")] == ["resting", "ready"]
    hearing.tell_changes()
    assert len(wire.notes) == 1, "what was heard is not told again"
    telling.tell_all()
    assert wire.notes[1] == wire.notes[0]


def test_accounts_that_come_later_are_heard_of() -> None:
    """And those that go are not."""
    wire, mine, theirs = Wire(), pool(), pool()
    telling, hearing = health(wire, mine), health(wire, theirs)
    failed(mine, GatewayError("rate_limit", "", retry_after=60.0))
    telling.tell_changes()
    _, name, wire.last, _ = wire.notes[-1]

    async def story() -> None:
        theirs.change({"b": theirs.accounts["b"]}, [Member(id="b")], PoolPolicy())
        running = spawn(hearing.run(), "health")
        await asyncio.sleep(0.01)
        hearing.heard(name, wire.notes[-1][2])
        theirs.change(mine.accounts, [Member(id="a"), Member(id="b")], PoolPolicy())
        assert states(theirs) == ["ready", "ready"]
        await asyncio.sleep(2 * LOOK_SECONDS)
        await stop(running)
        assert states(theirs) == ["resting", "ready"]

    asyncio.run(story())
    theirs.change({"alone": theirs.accounts["a"]}, [], PoolPolicy())
    hearing.heard(name, wire.notes[-1][2])
    hearing.tell_all()
    assert len(wire.notes) == 1


def states(pools: AccountPool) -> list[str]:
    assert pools.pool is not None
    return [each.state for each in pools.pool.standings(NOW, "model")]


def test_sessions_are_told_when_they_are_new_move_or_grow_old() -> None:
    now = [NOW]
    wire, subject = Wire(), Pool([Member(id="a"), Member(id="b")])
    accounts = {id: Account(openai_custom(None), NoLogin(id)) for id in ("a", "b")}
    homes = SharedHomes(wire, "name", AccountPool(accounts, subject, clock=lambda: now[0]))
    for account in ("a", "a", "b", "b"):
        homes.stays("session", account)
    now[0] += 1000
    homes.stays("session", "b")
    assert [value for _, _, value, _ in wire.notes] == [b"a", b"b", b"b"]
    for value in (b"\xff", b"x" * 300, b"no such account"):
        homes.heard(digest("name", "session"), value)
    assert subject.home("session", time.time()) is None
    homes.heard(digest("name", "session"), b"a")
    homes.heard(digest("name", "another"), b"a")
    assert (subject.home("session", NOW), subject.home("another", NOW)) == ("a", None)
    for number in range(10_001):
        homes.stays(f"session {number}", "a")
    homes.heard(digest("name", "session 0"), b"b")
    homes.heard(digest("name", "session 1"), b"b")
    assert (subject.home("session 0", NOW), subject.home("session 1", NOW)) == (None, "b"), "bounded"
