"""One request on its way through the simulator: what the upstreams' routes get."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from aiclient2api.http1.messages import Exchange
from aiclient2api.simulator.delivery import Delivery
from aiclient2api.simulator.simulation import Simulation


@dataclass(frozen=True)
class Visit:
    """`request_id` is the id of the answer; `body` the whole request body; `named` what a pattern found in the path."""

    exchange: Exchange
    simulation: Simulation
    delivery: Delivery
    body: bytes
    request_id: str
    named: Mapping[str, str] = field(default_factory=dict)

    def count(self, operation: str) -> None:
        self.simulation.counts[operation] += 1

    def bearer(self) -> str:
        """The token of the Authorization header; "" without one."""
        scheme, _, token = self.exchange.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""


Route = Callable[[Visit], Awaitable[None]]

Pattern = tuple[str, re.Pattern[str], Route]
"""Method, the form of a path that names something, and the route; the named groups become `Visit.named`."""
