"""What workers tell each other (E2), over socket pairs as between processes."""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import NamedTuple

import msgspec
import pytest

from aiclient2api.cli import siblings
from aiclient2api.cli.siblings import MAX_LINE, Ask, Exchange, Line, Said
from aiclient2api.observe.exposition import Family
from aiclient2api.observe.metrics import gauge
from aiclient2api.tasks import spawn, stop
from tests.http1.loops import run_on


class Worker(NamedTuple):
    """`far` is the parent's end of its line."""

    line: Line
    listening: "asyncio.Task[None]"
    serving: "asyncio.Task[None]"
    far: asyncio.StreamWriter


async def measured(number: int) -> Sequence[Family]:
    return [gauge("number", "Which.", (), number)]


@asynccontextmanager
async def crew(*running: int, of: int) -> AsyncIterator[dict[int, Worker]]:
    exchange, workers, writers = Exchange(of), dict[int, Worker](), []
    for number in running:
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_unix_connection(sock=ours, limit=MAX_LINE)
        its_reader, its_writer = await asyncio.open_unix_connection(sock=theirs, limit=MAX_LINE)
        line = Line(number, of)
        listening = spawn(line.listen(its_reader, its_writer, partial(measured, number)), f"worker {number}")
        serving = spawn(exchange.serve(number, reader, writer), f"the parent's of {number}")
        workers[number] = Worker(line, listening, serving, writer)
        writers += [writer, its_writer]
    await asyncio.sleep(0)
    try:
        yield workers
    finally:
        for worker in workers.values():
            await worker.line.close()
            await stop(worker.listening, worker.serving)
        for writer in writers:
            writer.close()


def numbers(found: dict[int, Sequence[Family]]) -> dict[int, object]:
    return {teller: families[0].samples[0][1] if families else None for teller, families in found.items()}


def test_each_learns_from_all_others() -> None:
    async def work() -> None:
        async with crew(1, 2, 3, of=3) as workers:
            assert numbers(await workers[2].line.families()) == {1: 1, 3: 3}
            both = await asyncio.gather(workers[1].line.families(), workers[3].line.families())
            assert [numbers(each) for each in both] == [{2: 2, 3: 3}, {1: 1, 2: 2}]

    run_on("asyncio", work())


def test_one_that_does_not_run_is_not_waited_for() -> None:
    async def work() -> None:
        async with crew(1, 3, of=3) as workers:
            began = asyncio.get_running_loop().time()
            assert numbers(await workers[1].line.families()) == {2: None, 3: 3}
            assert asyncio.get_running_loop().time() - began < 0.5

    run_on("asyncio", work())


def test_one_that_is_silent_costs_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(siblings, "PATIENCE_SECONDS", 0.1)

    async def work() -> None:
        async with crew(1, 2, 3, of=3) as workers:
            workers[2].listening.cancel()
            assert numbers(await workers[1].line.families()) == {3: 3}

    run_on("asyncio", work())


def test_before_and_after_the_line_there_is_only_oneself() -> None:
    async def work() -> None:
        assert await Line(1, 2).families() == {}
        async with crew(1, 2, of=2) as workers:
            workers[1].far.close()
            await workers[1].listening
            assert await workers[1].line.families() == {}

    run_on("asyncio", work())


@pytest.mark.parametrize("nonsense", [b"no JSON\n", b"{}\n", b'{"type":"ask"}\n', b"x" * 200_000 + b"\n", b"\n"])
def test_nonsense_is_not_the_end_of_the_parent(nonsense: bytes) -> None:
    """A worker that took it for that would stop."""

    async def work() -> None:
        async with crew(1, 2, of=2) as workers:
            workers[1].far.write(nonsense)
            assert numbers(await workers[1].line.families()) == {2: 2}

    run_on("asyncio", work())


def test_a_late_answer_is_for_nobody() -> None:
    async def work() -> None:
        async with crew(1, 2, of=2) as workers:
            late = Said(1, 99, 2, msgspec.Raw(msgspec.json.encode(await measured(7))))
            workers[1].far.write(msgspec.json.encode(late) + b"\n")
            assert numbers(await workers[1].line.families()) == {2: 2}
            assert msgspec.json.decode(msgspec.json.encode(Ask(1, 2)), type=Ask | Said) == Ask(1, 2)

    run_on("asyncio", work())
