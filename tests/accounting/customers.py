"""Clients of every API that write a number into their text and remember what they were told.

Enters: the gateway's address and a Visit, which says who asks what and whether he leaves. Leaves: a Receipt.
"""

import asyncio
import contextlib
import json
import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from aiclient2api.canonical.request import Text, Turn
from tests.accounting.bills import Seen, seen
from tests.accounting.cashier import FAULTS, Cashier, Order, Row
from tests.faults.rig import DIALECTS, PAIRS
from tests.gateway.client import Call, calling
from tests.pairs.backs import Back
from tests.pairs.fronts import Front
from tests.pairs.questions import asks
from tests.pairs.world import KEY

FAULTY = 0.1
LEAVES = 1 / (len(FAULTS) + 1)
"""Of all faults; each kind is as frequent as the others."""
UNCOUNTED = 0.05
MODELS = 60
"""So many names of models, so that a rate limit of one does not rest all others."""


@dataclass(frozen=True)
class Customer:
    """`order`: what the calls for him will meet; `leaves`: goes when the answer has begun; `usage`: asks for the usage
    of a stream, where one must ask."""

    number: int
    order: Order
    front: Front
    back: Back
    stream: bool
    leaves: bool = False
    usage: bool = True

    @property
    def model(self) -> str:
        name = "model" if self.back.form == "kiro" else self.back.model
        return f"{name}-{self.number % MODELS}"

    @property
    def body(self) -> bytes:
        request = asks(Turn("user", (Text(f"Please answer bill {self.number}."),)), include_usage=self.usage)
        body = self.front.body(request, self.model, self.stream)
        return body if self.usage else json.dumps(json.loads(body) | {"stream_options": None}).encode()


class Receipt(NamedTuple):
    """What a client has in hand: `id` and `status` once a head has come, `ended` for a good end, `seen` the usage."""

    customer: Customer
    id: str | None = None
    status: int | None = None
    ended: bool = False
    seen: Seen | None = None


def crowd(count: int, rng: random.Random, cashier: Cashier) -> list[Customer]:
    """So many clients over all pairs, in any order; their orders are left at the cashier's."""
    out = []
    for number in range(count):
        front, back = PAIRS[number % len(PAIRS)]
        stream = front not in DIALECTS or rng.random() < 0.7
        broken = rng.random() < FAULTY
        leaves = broken and rng.random() < LEAVES
        fault = rng.choice(FAULTS) if broken and not leaves else None
        counted = rng.random() >= UNCOUNTED
        order = Order(fault, rng.choice((1, 1, 9)), counted, holds=leaves and rng.random() < 0.7)
        cashier.rows[number] = Row(order)
        out.append(
            Customer(
                number, order, front, back, stream, leaves, usage=front.name != "openai_chat" or rng.random() < 0.8
            )
        )
    rng.shuffle(out)
    return out


async def served(base: str, customers: Iterable[Customer], cashier: Cashier, at_once: int) -> list[Receipt]:
    """The receipts of all, so many being served at a time."""
    queue, out = iter(customers), list[Receipt]()

    async def one_after_another() -> None:
        for customer in queue:
            out.append(await serve(base, customer, cashier.rows[customer.number]))

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(one_after_another())
    return out


async def serve(base: str, customer: Customer, row: Row) -> Receipt:
    front, stream = customer.front, customer.stream
    target = front.target(customer.back.name, customer.model, stream)
    headers = {"authorization": f"Bearer {KEY}", **front.headers}
    async with calling(base, "POST", target, headers, customer.body) as call:
        if customer.leaves:
            await _go(call, stream, row)
            return _receipt(customer, call)
        await call.whole()
    return _receipt(customer, call)


async def _go(call: Call, stream: bool, row: Row) -> None:
    """Leave before the answer is whole: at the first bytes of a stream, if any come."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.3):  # a request may be refused without a call
            await row.came.wait()
            if stream:
                await call.head()
    call.leave()


def _receipt(customer: Customer, call: Call) -> Receipt:
    id = call.headers.get("x-request-id")
    if call.status != 200 or not call.ended:
        return Receipt(customer, id, call.status or None)
    if customer.stream and not customer.front.end(call.body):
        return Receipt(customer, id, 200)
    return Receipt(customer, id, 200, True, seen(customer.front.name, call.body, customer.stream))
