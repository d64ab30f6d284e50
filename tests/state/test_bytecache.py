"""The byte cache in memory: bounds, expiry, and who goes first."""

import asyncio

from hypothesis import given
from hypothesis import strategies as some

from aiclient2api.state.bytecache import MAX_VALUE, ByteCache, LocalCache


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_what_was_put_is_got_until_its_time_is_over() -> None:
    async def talk() -> None:
        clock = Clock()
        cache: ByteCache = LocalCache(clock=clock)
        await cache.put("a", b"1", 10)
        clock.now += 9.9
        assert await cache.get("a") == b"1"
        await cache.put("a", b"2", 10)
        clock.now += 9.9
        assert await cache.get("a") == b"2"
        clock.now += 0.2
        assert await cache.get("a") is None
        assert await cache.get("b") is None

    asyncio.run(talk())


def test_what_was_not_asked_for_longest_goes_first() -> None:
    async def talk() -> None:
        cache = LocalCache(max_entries=3)
        for name in "abc":
            await cache.put(name, b"x", 10)
        await cache.get("a")
        await cache.put("d", b"x", 10)
        assert [await cache.get(name) for name in "abcd"] == [b"x", None, b"x", b"x"]

    asyncio.run(talk())


def test_a_value_too_long_is_not_kept_and_takes_the_old_one_away() -> None:
    async def talk() -> None:
        cache = LocalCache(max_bytes=2 * MAX_VALUE)
        await cache.put("a", b"old", 10)
        await cache.put("a", bytes(MAX_VALUE + 1), 10)
        assert (await cache.get("a"), len(cache), cache.size) == (None, 0, 0)

    asyncio.run(talk())


_MOVES = some.lists(some.tuples(some.sampled_from("abcdef"), some.integers(0, 600), some.integers(0, 5)), max_size=60)


@given(_MOVES)
def test_the_bounds_hold_whatever_is_put(moves: list[tuple[str, int, int]]) -> None:
    async def talk() -> None:
        clock = Clock()
        cache = LocalCache(max_bytes=1500, max_entries=4, clock=clock)
        kept: dict[str, tuple[float, bytes]] = {}
        for name, length, seconds in moves:
            value = bytes([length % 251]) * length
            await cache.put(name, value, seconds)
            kept[name] = clock.now + seconds, value
            assert cache.size <= 1500
            assert len(cache) <= 4
            clock.now += 0.5
            for each, (until, expected) in kept.items():
                assert await cache.get(each) in (None, expected if until > clock.now else None)

    asyncio.run(talk())
