"""A simulator that listens, for tests with real clients."""

import asyncio
from collections.abc import Awaitable, Callable

from aiclient2api.http1.messages import Limits
from aiclient2api.http1.server import Server
from aiclient2api.simulator import Simulation, make_handler


def refuse(status: int, message: str) -> tuple[list[tuple[str, str]], bytes]:
    return [("content-type", "text/plain")], f"{status} {message}".encode()


def serve(simulated: Simulation, use: Callable[[str], Awaitable[None]]) -> None:
    """Run `use` with the base URL of a simulator that listens."""

    async def run() -> None:
        server = Server(make_handler(simulated), Limits(), refuse)
        (_, port), *_ = await server.listen("127.0.0.1", 0)
        try:
            async with asyncio.timeout(20):
                await use(f"http://127.0.0.1:{port}")
        finally:
            await server.stop(0)

    asyncio.run(run())
