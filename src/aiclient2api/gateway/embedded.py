"""The simulator inside the gateway's own process, reached over socket pairs: real HTTP, but no port that others see."""

import secrets
import socket
import time
from functools import cached_property
from typing import TYPE_CHECKING

from aiclient2api.http1.messages import Limits
from aiclient2api.http1.server import Server

if TYPE_CHECKING:  # a fourth of the time of a start, and a gateway with a login never needs it
    from aiclient2api.simulator import Simulation

HOST = "simulator.invalid"
"""Name under which the HTTP client is told to find it; the top-level domain is reserved (RFC 6761), so no real host
can ever be meant."""


class Embedded:
    """Starts with the first connection."""

    def __init__(self, pace: float) -> None:
        self._pace = pace
        self._server: Server | None = None

    @cached_property
    def simulation(self) -> "Simulation":
        from aiclient2api.simulator import Simulation

        return Simulation(seed=secrets.token_hex(16), clock=time.time, pace=self._pace, any_model=True)

    async def connect(self) -> socket.socket:
        """Our end of a new connection to the simulator."""
        if self._server is None:
            from aiclient2api.simulator import make_handler

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
