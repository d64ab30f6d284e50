"""A gateway that is killed while it serves (L4, P3 for the ledger): the file stays whole, and what is lost is at most
the rows of the last moment."""

import asyncio
import random
import signal
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import h11
import pytest

from aiclient2api.state.ledger import BATCH, FLUSH_SECONDS
from aiclient2api.state.ledger_sqlite import FILE_NAME
from aiclient2api.state.migrations import TABLE
from tests.accounting.cashier import Cashier, Order
from tests.accounting.customers import Customer
from tests.e2e.process import serving
from tests.faults.rig import DIALECTS, environ_of, settings_for
from tests.gateway.client import calling
from tests.http1.loops import LOOPS, run_on
from tests.pairs.backs import BACKS
from tests.pairs.world import KEY

ROUNDS = 30
AT_ONCE = 8
GRACE = 1.0
"""Seconds on top of the stated bound: a request's row is offered after its last byte, and a commit takes a moment on a
machine that others use."""


class Answered(NamedTuple):
    id: str
    at: float


@pytest.mark.slow
@pytest.mark.e2e
@pytest.mark.timeout(240)
@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_killed_thirty_times(tmp_path: Path) -> None:
    """At a random moment of its life, start and first write included; all rounds write into one file."""
    run_on(LOOPS[-1], rounds(tmp_path, random.Random()), seconds=220)


async def rounds(folder: Path, rng: random.Random) -> None:
    path, all_kept = folder / "data" / FILE_NAME, set[str]()
    served = lost = 0
    async with Cashier() as cashier:
        for number in range(ROUNDS):
            answered, killed = await one_life(folder, cashier, rng.uniform(0.0, 0.9), number * 100_000)
            kept = inspect(path)
            assert all_kept <= kept, "rows of an earlier round are gone"
            missing = [each for each in answered if each.id not in kept]
            assert [each for each in missing if each.at < killed - FLUSH_SECONDS - GRACE] == []
            assert len(missing) <= 2 * BATCH
            served, lost, all_kept = served + len(answered), lost + len(missing), kept
    assert len(all_kept) >= served - lost > ROUNDS


async def one_life(folder: Path, cashier: Cashier, seconds: float, first: int) -> tuple[list[Answered], float]:
    """Serve for a while; the answers that clients had whole, and the moment of the kill."""
    settings = environ_of(settings_for(cashier.url)) | {"REQUIRED_API_KEY": KEY, "DATA_DIR": str(folder / "data")}
    answered: list[Answered] = []
    async with serving(folder, "serve", "--port", "0", **settings) as served, asyncio.TaskGroup() as group:
        for which in range(AT_ONCE):
            group.create_task(ask_until_it_is_gone(served.base, first + which * 10_000, answered))
        await asyncio.sleep(seconds)
        killed = time.monotonic()
        served.send(signal.SIGKILL)
        await served.ended()
    return answered, killed


async def ask_until_it_is_gone(base: str, first: int, answered: list[Answered]) -> None:
    """One client after another."""
    backs = list(BACKS.values())
    for number in range(first, first + 10_000):
        front, back = DIALECTS[number % len(DIALECTS)], backs[number % len(backs)]
        customer = Customer(number, Order(), front, back, stream=number % 3 > 0)
        target = front.target(back.name, customer.model, customer.stream)
        headers = {"authorization": f"Bearer {KEY}", **front.headers}
        try:
            async with calling(base, "POST", target, headers, customer.body) as call:
                reply = await call.whole()
        except (OSError, EOFError, h11.RemoteProtocolError):
            return
        if reply.status == 200 and call.ended:
            answered.append(Answered(reply.headers["x-request-id"], time.monotonic()))


def inspect(path: Path) -> set[str]:
    """The ids of all rows, of a file that is whole."""
    if not path.exists() or not path.stat().st_size:
        return set()
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        if not database.execute("PRAGMA user_version").fetchone()[0]:
            return set()
        return {row[0] for row in database.execute(f"SELECT request_id FROM {TABLE}")}
