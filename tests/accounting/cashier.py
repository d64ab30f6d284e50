"""All services at once, which give every answer a bill of its own and keep a copy of it; a plan says what goes wrong.

Enters: an Order for each number that a client writes into its text ("bill 7."). Leaves: `rows`, for each number what
became of its model calls, in their order.
"""

import asyncio
import json
import random
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tests.accounting import answers
from tests.accounting.bills import Bill, bill
from tests.faults.stage import LAST, Script, Stage, chunk, head, json_answer
from tests.pairs.backs import BACKS

Fault = Literal["cut", "stall", "error event", "rate limit", "error", "reset"]
FAULTS: tuple[Fault, ...] = ("cut", "stall", "error event", "rate limit", "error", "reset")
_MARK = re.compile(rb"bill (\d+)\.")


@dataclass(frozen=True)
class Order:
    """What the calls of one request meet: `fault` the first `times` of them. `counted`: the service reports what the
    answer took; `holds`: it stops in the middle until the gateway has left."""

    fault: Fault | None = None
    times: int = 1
    counted: bool = True
    holds: bool = False


@dataclass
class Call:
    """One model call: what it took (None: the service does not count), and whether all of that was sent."""

    told: Bill | None
    reported: bool = False


@dataclass
class Row:
    """One request. `came`: it is being answered."""

    order: Order = field(default_factory=Order)
    calls: list[Call] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)


class Cashier(Stage):
    """`rows` by number; a number without an order is answered well."""

    def __init__(self, seed: int = 1) -> None:
        super().__init__(lambda name: ())
        self.rows: defaultdict[int, Row] = defaultdict(Row)
        self._rng = random.Random(seed)

    async def __aenter__(self) -> "Cashier":
        await super().__aenter__()
        return self

    async def _answer(
        self, name: str, head: bytes, size: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        body = await reader.readexactly(size)
        found = _MARK.search(body)
        if found is None:  # about an account's quota, say
            await self._send(reader, writer, json_answer(b"{}"))
            return True
        row, back = self.rows[int(found[1])], BACKS[name]
        call = Call(bill(back.form, self._rng) if row.order.counted else None)
        row.calls.append(call)
        streamed = back.always_streams or _is_streamed(head, body)
        fault = row.order.fault if len(row.calls) <= row.order.times else None
        if fault in _REFUSALS:
            await self._send(reader, writer, json_answer(*_REFUSALS[fault]))
            return True
        await self._begin(row, call, fault, _streamed(name, call.told) if streamed else _whole(name, call.told), writer)
        if fault is None and not row.order.holds:
            return True
        for word, *arguments in _breaks(name, fault, streamed):
            await getattr(self, f"_{word}")(reader, writer, *arguments)
        return False

    async def _begin(
        self, row: Row, call: Call, fault: Fault | None, data: Sequence[bytes], writer: asyncio.StreamWriter
    ) -> None:
        """Sends the answer as far as it comes. The bill stands before the last piece."""
        broken = fault is not None or row.order.holds
        pieces = self._rng.randrange(len(data)) if broken else len(data)
        writer.write(b"".join(data[:pieces]))
        row.came.set()
        await writer.drain()
        call.reported = pieces >= len(data) - 1


_REFUSALS: Mapping[Fault | None, tuple[bytes, int]] = {
    "rate limit": (b'{"error":{"message":"Slowly.","type":"rate_limit_error","code":429}}', 429),
    "error": (b'{"error":{"message":"The cup is empty.","type":"server_error","code":500}}', 500),
}


def _is_streamed(head: bytes, body: bytes) -> bool:
    return b":stream" in head.partition(b"\r\n")[0] or bool(json.loads(body).get("stream"))


def _streamed(name: str, told: Bill | None) -> list[bytes]:
    first, *rest = answers.pieces(name, told)
    return [head(BACKS[name].kind) + chunk(first), *map(chunk, rest), LAST]


def _whole(name: str, told: Bill | None) -> list[bytes]:
    data = json_answer(answers.whole(name, told))
    half = len(data) // 2
    return [data[:40], data[40:half], data[half:], b""]


def _breaks(name: str, fault: Fault | None, streamed: bool) -> Script:
    if fault == "error event" and streamed:
        return (("send", chunk(answers.failure(name)) + LAST),)
    return {None: (("stall",),), "stall": (("stall",),), "reset": (("rst",),)}.get(fault, (("fin",),))
