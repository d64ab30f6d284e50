"""Many callers, a misbehaving upstream, and cancellation at any moment: nobody ever gets another one's answer."""

import asyncio
import contextlib
import random
import socket
import struct
import sys

from aiclient2api.http1.client import Client
from aiclient2api.http1.messages import Deadlines, HttpError, Outbound
from aiclient2api.tasks import spawn
from tests.http1.loops import Run, both_loops

RESET = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


class Moody:
    """Echoes each request's path, in a random way; seeded, so that a failure can be repeated."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, RuntimeError):  # uvloop: peer has gone
            while await self._answer((await reader.readuntil(b"\r\n\r\n")).split(b" ")[1], writer):
                await writer.drain()
        writer.transport.abort()

    async def _answer(self, echo: bytes, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection goes on."""
        whole = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(echo), echo)
        pieces = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n/\r\n"
        mood = self._random.choice(["whole", "whole", "pieces", "slow", "close", "reset", "half", "more", "stall"])
        if mood in ("whole", "close"):
            writer.write(whole)
        elif mood == "more":
            writer.write(whole + b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong")
        elif mood in ("pieces", "slow"):
            writer.write(pieces)
            await asyncio.sleep(0.002 if mood == "slow" else 0)
            writer.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(echo) - 1, echo[1:]))
        elif mood == "half":
            writer.write(whole[:-1])
        elif mood == "stall":
            await asyncio.sleep(0.06)
        if mood in ("reset", "half"):
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        return mood not in ("close", "reset", "half", "stall")


@both_loops
def test_nobody_gets_another_ones_answer(run: Run) -> None:
    async def main() -> None:
        server = await asyncio.start_server(Moody(7).serve, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        client = Client(max_per_host=12, max_idle_per_host=6, idle_seconds=0.05)
        chance = random.Random(11)
        outcomes = {"right": 0, "error": 0, "cancelled": 0}

        async def caller(number: int) -> None:
            for i in range(15):
                path = f"/{number}/{i}"
                task = spawn(
                    client.fetch(Outbound(method="GET", url=url + path), Deadlines(connect=1, head=0.05)), "fetch"
                )
                if chance.random() < 0.3:
                    await asyncio.sleep(chance.random() * 0.003)
                    task.cancel()
                try:
                    assert await task == (200, (await task)[1], path.encode())
                    outcomes["right"] += 1
                except HttpError:
                    outcomes["error"] += 1
                except asyncio.CancelledError:
                    outcomes["cancelled"] += 1

        callers = [spawn(caller(number), "caller") for number in range(16)]
        await asyncio.gather(*callers)
        assert all(count > 15 for count in outcomes.values()), outcomes
        await client.close()
        assert not client._pool._live
        assert not client._pool._buckets
        server.close()
        await asyncio.sleep(0.07)  # the last stall

    run(main())
