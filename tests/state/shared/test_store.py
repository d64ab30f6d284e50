"""Values, turns and notes among gateways (E4): kept for a time, bounded, in order; nothing of it when Redis is away."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest

from aiclient2api import files
from aiclient2api.state.shared import store as store_module
from aiclient2api.state.shared.base import MAX_NOTE, MAX_VALUE, Shared, digest
from aiclient2api.state.shared.cache import SharedCache
from aiclient2api.state.shared.opening import open_shared
from tests.gateway.rig import eventually
from tests.redis_server import RedisServer


@asynccontextmanager
async def shared(server: RedisServer, count: int = 2) -> AsyncIterator[list[Shared]]:
    """Several, not yet started."""
    made = [open_shared(server.url) for _ in range(count)]
    try:
        yield made
    finally:
        for each in made:
            await each.close()


async def test_a_value_is_found_by_others_for_its_time(redis_server: RedisServer) -> None:
    async with shared(redis_server) as [one, two]:
        assert await two.get("stored", "n") is None
        await one.start()
        one.keep("stored", "n", b"\x00value", 0.2)
        await eventually_is(two, b"\x00value")
        assert await two.get("cache", "n") is None
        await asyncio.sleep(0.25)
        assert await two.get("stored", "n") is None


async def eventually_is(store: Shared, value: bytes) -> None:
    for _ in range(100):
        if await store.get("stored", "n") == value:
            return
    raise AssertionError(value)


async def test_what_is_too_large_is_neither_kept_nor_taken(redis_server: RedisServer) -> None:
    async with shared(redis_server) as [one, two]:
        await one.start()
        one.keep("cache", "most", b"x" * MAX_VALUE, 60)
        one.keep("cache", "more", b"x" * (MAX_VALUE + 1), 60)
        one.keep("cache", "empty", b"", 60)
        one.keep("cache", "past", b"x", 0)
        redis_server.command("SET", "aiclient2api:cache:foreign", "x" * (MAX_VALUE + 1))
        redis_server.command("LPUSH", "aiclient2api:cache:list", "x")
        assert await one.get("cache", "most") == b"x" * MAX_VALUE
        for name in ("more", "empty", "past", "foreign", "list"):
            assert await two.get("cache", name) is None
        assert await two.get("cache", "most") is not None, "nothing of it was taken for a loss"


async def test_a_cache_for_all(redis_server: RedisServer) -> None:
    async with shared(redis_server) as [one, two]:
        await one.start()
        mine, theirs = SharedCache(one), SharedCache(two)
        await mine.put("what was asked", b"what was answered", 60)
        assert await mine.get("what was asked") == await theirs.get("what was asked") == b"what was answered"
        assert await theirs.get("what else was asked") is None
        assert "asked" not in " ".join(redis_server.keys())
        redis_server.stop()
        await mine.put("what was asked", b"x", 60)
        assert await theirs.get("what was asked") is None


async def test_trouble_is_told(redis_server: RedisServer) -> None:
    async with shared(redis_server) as [one, two]:
        assert await one.trouble() == ""
        redis_server.stop()
        for each in (one, two):
            assert "Redis at 127.0.0.1:" in await each.trouble()


def test_names_tell_nothing() -> None:
    assert digest("a", "b") != digest("ab", "")
    assert len(digest("a secret")) == 40
    assert "secret" not in digest("a secret")


# --- turns


async def test_one_at_a_time(redis_server: RedisServer) -> None:
    inside = most = 0

    async def visit(store: Shared) -> None:
        nonlocal inside, most
        async with store.turn("login", 10):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0.01)
            inside -= 1

    async with shared(redis_server) as [one, two]:
        await asyncio.gather(*(visit(store) for store in (one, two) for _ in range(3)))
        async with one.turn("login", 1), two.turn("another", 1):
            pass
    assert most == 1
    assert "aiclient2api:turn:login" not in redis_server.keys()  # noqa: SIM118 - a method of ours


async def test_patience_ends(redis_server: RedisServer) -> None:
    async with shared(redis_server) as [one, two]:
        async with one.turn("login", 1):
            with pytest.raises(files.LockTimeout):
                async with two.turn("login", 0.15):
                    raise AssertionError
        async with two.turn("login", 1):
            pass


async def test_a_turn_outlasts_its_time_but_not_its_owner(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "TURN_SECONDS", 0.3)
    async with shared(redis_server, 3) as [one, two, three]:
        async with one.turn("login", 1):
            await asyncio.sleep(0.5)
            with pytest.raises(files.LockTimeout):
                async with two.turn("login", 0.05):
                    raise AssertionError
        dying = three.turn("login", 1)
        await dying.__aenter__()
        redis_server.command("PEXPIRE", "aiclient2api:turn:login", "1")  # as when nobody prolongs it
        async with two.turn("login", 1):
            await dying.__aexit__(None, None, None)
            await asyncio.sleep(0.02)
            assert b"$32" in redis_server.command("GET", "aiclient2api:turn:login"), "only its owner ends a turn"


async def test_nobody_waits_for_a_turn_that_nobody_can_give(redis_server: RedisServer) -> None:
    async with shared(redis_server) as [one, two]:
        await one.start()
        async with one.turn("login", 10):
            redis_server.stop()
            began = time.monotonic()
            async with two.turn("login", 10):
                assert time.monotonic() - began < 1


# --- notes


class Heard:
    def __init__(self, *stores: Shared, names: tuple[str, ...] = ()) -> None:
        self.lists: list[list[tuple[str, bytes]]] = []
        for store in stores:
            self.lists.append([])
            store.follow("account", partial(self._hear, self.lists[-1]), lambda: names)

    def _hear(self, to: list[tuple[str, bytes]], name: str, value: bytes) -> None:
        to.append((name, value))


async def test_all_hear_the_same_in_the_same_order(redis_server: RedisServer) -> None:
    async with shared(redis_server) as [one, two]:
        heard = Heard(one, two)
        for each in (one, two):
            await each.start()
        for _ in range(100):
            one.tell("account", "first", b"hello", 60)
            await asyncio.sleep(0.02)
            if all(heard.lists):
                break
        for list_ in heard.lists:
            list_.clear()
        for number in range(20):
            (one if number % 2 else two).tell("account", "n", b"%d value" % number, 60)
        one.tell("session", "n", b"another topic", 60)
        await eventually(lambda: all(len(each) == 20 for each in heard.lists))
        assert heard.lists[0] == heard.lists[1]
        assert await two.told("account", "n") == heard.lists[0][-1][1]
        assert await two.told("session", "n") == b"another topic"


async def test_an_older_note_is_not_told(redis_server: RedisServer) -> None:
    now = time.time()
    async with shared(redis_server) as [one, two]:
        for each in (one, two):
            await each.start()
        for changed, value in ((now, b"new"), (now - 1, b"old"), (now, b"same"), (now - 5, b"older")):
            one.tell("account", "n", value, 60, changed)
            await one.told("account", "n")
        assert await two.told("account", "n") == b"new"
        one.tell("account", "m", b"of a wrong clock", 60, now + 1000)
        one.tell("account", "m", b"of a right clock", 60, now)
        one.tell("account", "large", b"x" * (MAX_NOTE + 1), 60)
        assert await one.told("account", "m") == b"of a right clock"
        assert await one.told("account", "large") is None


async def test_what_was_told_before_and_during_a_pause_is_read(redis_server: RedisServer) -> None:
    async with shared(redis_server, 3) as [one, two, three]:
        await one.start()
        one.tell("account", "a", b"before", 60)
        await one.told("account", "a")
        late = Heard(two, names=("a", "b"))
        await two.start()
        await eventually(lambda: late.lists[0] == [("a", b"before")], 3)
        redis_server.command("CLIENT", "KILL", "TYPE", "pubsub")
        redis_server.command("SET", "aiclient2api:account:b", "1.0 meanwhile")
        await eventually(lambda: ("b", b"meanwhile") in late.lists[0], 3)
        backs: list[str] = []
        three.when_back(lambda: backs.append("back"))
        await three.start()
        assert backs == ["back"]


async def test_nonsense_is_not_heard(redis_server: RedisServer) -> None:
    async with shared(redis_server, 1) as [one]:
        heard = Heard(one, names=("a", "b"))
        redis_server.command("LPUSH", "aiclient2api:account:a", "x")
        redis_server.command("SET", "aiclient2api:account:b", "without a time")
        await one.start()
        await eventually(lambda: b"1" in redis_server.command("PUBSUB", "NUMSUB", "aiclient2api:0:account")[-5:], 3)
        redis_server.command("PUBLISH", "aiclient2api:0:account", "nameonly")
        redis_server.command("PUBLISH", "aiclient2api:0:account", "large " + "x" * (MAX_NOTE + 1))
        redis_server.command("PUBLISH", "aiclient2api:0:account", "name value")
        await eventually(lambda: bool(heard.lists[0]) and heard.lists[0][-1] == ("name", b"value"), 3)
        assert heard.lists[0] in ([("b", b"a time"), ("name", b"value")], [("name", b"value")])


# --- alone


async def test_who_is_alone_shares_nothing() -> None:
    alone = open_shared(None)
    heard = Heard(alone)
    await alone.start()
    assert alone.alone
    alone.keep("stored", "n", b"value", 60)
    alone.tell("account", "n", b"value", 60)
    assert (await alone.get("stored", "n"), await alone.told("account", "n"), heard.lists) == (None, None, [[]])
    async with alone.turn("login", 0), alone.turn("login", 0):
        pass
    await alone.close()
