"""Places, waiting and handing over in the pool, with transports that only note what is done to them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import cast

import pytest

from aiclient2api.http1.answer import Answer
from aiclient2api.http1.client_connection import ClientConnection, Ends
from aiclient2api.http1.client_head import Route, prepare
from aiclient2api.http1.messages import ConnectFailed, Deadlines
from aiclient2api.http1.pool import Pool
from aiclient2api.tasks import spawn, stop

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
HEAD = prepare("GET", "http://host/", (), None)
ROUTE: Route = HEAD.route


class Transport:
    """Ends its connection on abort, in the next round of the loop, as asyncio does."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.closing = False
        self.sent = b""

    def write(self, data: bytes) -> None:
        self.sent += data

    def is_closing(self) -> bool:
        return self.closing

    def abort(self) -> None:
        if not self.closing:
            self.closing = True
            asyncio.get_running_loop().call_soon(self.connection.connection_lost, None)


def connect(pool: Pool) -> tuple[ClientConnection, Transport]:
    """A connection in the place that the caller has."""
    connection = ClientConnection(asyncio.get_running_loop(), ROUTE, pool)
    transport = Transport(connection)
    connection.connection_made(cast(asyncio.BaseTransport, transport))
    pool.admit(connection)
    return connection, transport


async def opened(pool: Pool) -> tuple[ClientConnection, Transport]:
    assert await pool.enter(ROUTE, fresh=False) is None
    return connect(pool)


async def rounds(count: int = 3) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def ask(connection: ClientConnection) -> "asyncio.Task[Answer]":
    task = spawn(connection.exchange(HEAD, b"", Deadlines(), Ends()), "exchange")
    await rounds()
    return task


Test = Callable[[Pool], Awaitable[None]]
TESTS: dict[str, Test] = {}


def on_a_pool(test: Test) -> Test:
    TESTS[test.__name__] = test
    return test


@on_a_pool
async def last_in_first_out(pool: Pool) -> None:
    (first, _), (second, _) = await opened(pool), await opened(pool)
    pool.give(first)
    pool.give(second)
    assert [pool.take(ROUTE), pool.take(ROUTE), pool.take(ROUTE)] == [second, first, None]


@on_a_pool
async def cancelled_after_the_answer(pool: Pool) -> None:
    """The answer is whole and the connection serves the next; only then is the first caller cancelled."""
    connection, transport = await opened(pool)
    first = await ask(connection)
    connection.data_received(OK)
    assert pool.take(ROUTE) is connection
    second = connection.exchange(HEAD, b"", Deadlines(), Ends())
    serving = spawn(second, "second")
    first.cancel()
    await rounds()
    assert first.cancelled()
    assert not transport.closing
    connection.data_received(OK)
    assert await (await serving).read(10) == b"ok"


@on_a_pool
async def waiter_cancelled_when_given(pool: Pool) -> None:
    (connection, _), _ = await opened(pool), await opened(pool)
    waiter = spawn(pool.enter(ROUTE, fresh=False), "wait")
    await rounds()
    pool.give(connection)
    await stop(waiter)
    assert pool.take(ROUTE) is connection


@on_a_pool
async def waiter_cancelled_when_vacated(pool: Pool) -> None:
    (_, transport), _ = await opened(pool), await opened(pool)
    waiter = spawn(pool.enter(ROUTE, fresh=False), "wait")
    await rounds()
    pool.lost(transport.connection)
    await stop(waiter)
    await opened(pool)


@on_a_pool
async def fresh_takes_the_place_of_an_idle_one(pool: Pool) -> None:
    (idle, transport), _ = await opened(pool), await opened(pool)
    pool.give(idle)
    assert await pool.enter(ROUTE, fresh=True) is None
    assert transport.closing
    connect(pool)


@on_a_pool
async def fresh_closes_what_it_is_handed(pool: Pool) -> None:
    (used, transport), _ = await opened(pool), await opened(pool)
    waiter = spawn(pool.enter(ROUTE, fresh=True), "wait")
    await rounds()
    pool.give(used)
    assert await waiter is None
    assert transport.closing
    connect(pool)


@on_a_pool
async def given_one_that_dies_at_once(pool: Pool) -> None:
    """The route is forgotten between giving and taking; who wants a fresh connection must not wait for nothing."""
    (used, transport), (other, _) = await opened(pool), await opened(pool)
    waiter = spawn(pool.enter(ROUTE, fresh=True), "wait")
    await rounds()
    pool.give(used)
    for each in (used, other):
        each.connection_lost(None)
    transport.closing = True
    assert not pool._buckets
    assert await asyncio.wait_for(waiter, 1) is None
    connect(pool)


@on_a_pool
async def those_who_left_do_not_count(pool: Pool) -> None:
    (connection, _), _ = await opened(pool), await opened(pool)
    for _ in range(5):
        waiter = spawn(pool.enter(ROUTE, fresh=False), "wait")
        await rounds()
        await stop(waiter)
    last = spawn(pool.enter(ROUTE, fresh=False), "wait")
    await rounds()
    pool.give(connection)
    assert await last is connection


@on_a_pool
async def closing_tells_those_who_wait(pool: Pool) -> None:
    await opened(pool)
    await opened(pool)
    waiter = spawn(pool.enter(ROUTE, fresh=False), "wait")
    await rounds()
    await pool.close()
    with pytest.raises(ConnectFailed, match="closed"):
        await waiter


@on_a_pool
async def dead_on_arrival(pool: Pool) -> None:
    assert await pool.enter(ROUTE, fresh=False) is None
    connection = ClientConnection(asyncio.get_running_loop(), ROUTE, pool)
    transport = Transport(connection)
    connection.connection_made(cast(asyncio.BaseTransport, transport))
    transport.abort()
    pool.admit(connection)
    assert not pool._buckets


@pytest.mark.parametrize("name", TESTS)
def test_pool(name: str) -> None:
    """Whatever happened, the pool is empty at the end: no place is lost, none is counted twice."""

    async def main() -> None:
        pool = Pool(max_idle=4, max_open=2, idle_seconds=10)
        await TESTS[name](pool)
        await pool.close()
        assert not pool._live
        assert not pool._buckets

    asyncio.run(main())
