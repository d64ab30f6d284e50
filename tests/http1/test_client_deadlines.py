"""Stalls and drips: the right deadline is missed, in time, and no other."""

import asyncio
import time

import pytest

from aiclient2api.http1.client import Client
from aiclient2api.http1.messages import DeadlineMissed, Deadlines, Outbound
from tests.http1.loops import Run, both_loops
from tests.http1.upstream import Step, Upstream

pytestmark = both_loops

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
STREAM = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
FIRST = STREAM + b"3\r\nabc\r\n"
LIMITS = Deadlines(connect=2.0, head=3.0, idle=3.0)


def post(url: str, body: bytes = b"{}") -> Outbound:
    return Outbound(method="POST", url=url, body=body)


@pytest.mark.parametrize(
    ("script", "which"),
    [
        ([("read",), ("stall",)], "head"),
        ([("read",), ("send", STREAM[:30]), ("stall",)], "head"),
        ([("read",), ("send", b"HTTP/1.1 100 Continue\r\n\r\n"), ("stall",)], "head"),
        ([("read",), ("send", STREAM), ("stall",)], "idle"),
        ([("read",), ("send", FIRST), ("stall",)], "idle"),
        ([("read",), ("send", FIRST + b"0\r\n\r"), ("stall",)], "idle"),
    ],
)
def test_stalls_miss_the_right_deadline(run: Run, script: list[Step], which: str) -> None:
    """F3"""

    async def main() -> None:
        async with Upstream(script) as up:
            client = Client()
            started = time.monotonic()
            with pytest.raises(DeadlineMissed) as caught:
                await client.fetch(post(up.url), Deadlines(head=0.1, idle=0.1))
            assert caught.value.which == which
            assert 0.09 < time.monotonic() - started < 0.6
            await up.gone()
            await client.close()

    run(main())


@pytest.mark.parametrize("late", [b"", STREAM])
@pytest.mark.parametrize(
    ("which", "deadlines"),
    [("total", Deadlines(head=5, idle=5, total=0.2)), ("first event", Deadlines(head=5, idle=5, total=5, first=0.2))],
)
def test_dripping_moves_neither_the_total_deadline_nor_that_of_the_first_event(
    run: Run, late: bytes, which: str, deadlines: Deadlines
) -> None:
    """F4: what comes is not yet what the reader waits for."""

    async def main() -> None:
        drops: list[Step] = [("send", late)]
        for i in range(100):
            drops += [("send", b"1\r\na\r\n" if late else b"HTTP/1.1 100 Continue\r\n\r\n"), ("wait", str(i))]
        async with Upstream([("read",), *drops]) as up:
            client = Client()

            async def drip() -> None:
                for i in range(100):
                    await asyncio.sleep(0.02)
                    up.go(str(i))

            dripping = asyncio.gather(drip())
            with pytest.raises(DeadlineMissed) as caught:
                await client.fetch(post(up.url), deadlines)
            assert caught.value.which == which
            dripping.cancel()
            await client.close()

    run(main())


def test_an_answer_that_has_begun_has_no_deadline_for_its_beginning(run: Run) -> None:
    async def main() -> None:
        script = [("read",), ("send", STREAM + b"1\r\na\r\n"), ("wait", "on"), ("send", b"1\r\nb\r\n0\r\n\r\n")]
        async with Upstream([*script, ("stall",)]) as up:
            client = Client()
            async with await client.send(post(up.url), Deadlines(first=0.15, idle=1.0)) as answer:
                answer.begun()
                await asyncio.sleep(0.3)
                up.go("on")
                assert await answer.read(100) == b"ab"
            async with Upstream([*script, ("stall",)]) as other:
                async with await client.send(post(other.url), Deadlines(first=0.1, idle=0.2)) as answer:
                    answer.begun()
                    with pytest.raises(DeadlineMissed) as caught:
                        await answer.read(100)
                assert caught.value.which == "idle"
            await client.close()

    run(main())


def test_a_deadline_moves_with_every_piece(run: Run) -> None:
    async def main() -> None:
        script: list[Step] = [("read",), ("send", STREAM)]
        for i in range(6):
            script += [("wait", str(i)), ("send", b"1\r\na\r\n")]
        async with Upstream([*script, ("send", b"0\r\n\r\n"), ("stall",)]) as up:
            client = Client()
            async with await client.send(post(up.url), Deadlines(idle=0.2)) as answer:
                for i in range(6):
                    await asyncio.sleep(0.08)
                    up.go(str(i))
                assert await answer.read(100) == b"aaaaaa"
            await client.close()

    run(main())


def test_a_finished_request_leaves_no_deadline(run: Run) -> None:
    async def main() -> None:
        async with Upstream([("read",), ("send", OK)] * 2 + [("stall",)]) as up:
            client = Client()
            await client.fetch(post(up.url), Deadlines(head=0.05, idle=0.05, total=0.05))
            await asyncio.sleep(0.15)
            await client.fetch(post(up.url), LIMITS)
            assert up.connections == 1
            await client.close()

    run(main())
