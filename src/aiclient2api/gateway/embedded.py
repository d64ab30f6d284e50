"""The simulator inside the gateway's own process, reached over socket pairs: real HTTP, but no port that others see."""

import socket

from aiclient2api.http1.messages import Limits
from aiclient2api.http1.server import Server
from aiclient2api.simulator import Simulation, make_handler

HOST = "simulator.invalid"
"""Name under which the HTTP client is told to find it; the top-level domain is reserved (RFC 6761), so no real host
can ever be meant."""


class Embedded:
    """Starts with the first connection."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self._server: Server | None = None

    async def connect(self) -> socket.socket:
        """Our end of a new connection to the simulator."""
        if self._server is None:
            self._server = Server(make_handler(self.simulation), Limits(), _refuse)
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        await self._server.adopt(theirs)
        return ours

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.stop(grace=0)


def _refuse(status: int, message: str) -> tuple[list[tuple[str, str]], bytes]:
    return [("content-type", "text/plain")], message.encode()
