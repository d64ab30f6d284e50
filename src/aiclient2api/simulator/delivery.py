"""How answers go out: whole or piece by piece at a readable pace, and with what a script's step does to them.

A cut is raised as Cut, after the exchange's `abort` where the server's has one: the connection ends, the answer not.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import NoReturn

from aiclient2api.http1.messages import Exchange
from aiclient2api.simulator.script import Failure, Step

Headers = Sequence[tuple[str, str]]
MakeFailure = Callable[[Failure], bytes]
"""The bytes of an error in mid-stream, in the upstream's form."""


class Cut(ConnectionError):
    """The script wants the connection to end here."""


class Delivery:
    """One answer."""

    def __init__(self, exchange: Exchange, step: Step | None, pace: float) -> None:
        self._exchange = exchange
        self._step = step or Step()
        self._pace = pace if self._step.pace is None else self._step.pace
        self._sent = 0

    async def before(self) -> bool:
        """The step's delay, reset and replacement; True if the request is answered by that."""
        if self._step.delay:
            await asyncio.sleep(self._step.delay)
        if self._step.reset:
            _hang_up(self._exchange)
        if not self._step.replaces:
            return False
        status, headers, body = self._step.answer()
        await self._whole(status, headers, body)
        return True

    async def json(self, status: int, body: bytes, headers: Headers = (), kind: str = "application/json") -> None:
        """A whole answer of JSON; `kind` is its Content-Type."""
        await self._whole(status, [("content-type", self._step.content_type or kind), *headers], body)

    async def _whole(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        if self._step.cut_after is None and self._step.stall_after is None:
            await self._exchange.respond(status, headers, body)
            return
        await self._exchange.start(status, headers)
        await self._send(body)
        await self._exchange.finish()

    async def stream(
        self, content_type: str, pieces: Iterable[bytes], failure: MakeFailure, headers: Headers = ()
    ) -> None:
        """A streamed answer; an error in mid-stream ends it."""
        kind = self._step.content_type or content_type
        await self._exchange.start(200, [("content-type", kind), ("cache-control", "no-cache"), *headers])
        wanted = self._step.exception
        for number, piece in enumerate(islice(pieces, wanted.after if wanted is not None else None)):
            await self._send(_corrupt(piece) if number == self._step.corrupt else piece)
            if self._pace:
                await asyncio.sleep(self._pace)
        if wanted is not None:
            await self._send(failure(wanted))
        await self._exchange.finish()

    async def _send(self, data: bytes) -> None:
        """The bytes, as far as the step lets them through."""
        data = await self._stalled(data)
        limit = self._step.cut_after
        if limit is None or self._sent + len(data) < limit:
            self._sent += len(data)
            await self._exchange.write(data)
            return
        if rest := data[: limit - self._sent]:
            await self._exchange.write(rest)
        _hang_up(self._exchange)

    async def _stalled(self, data: bytes) -> bytes:
        """Sends what goes before the silence, waits, and gives back the rest."""
        at = self._step.stall_after
        if at is None or not self._sent <= at < self._sent + len(data):
            return data
        head, rest = data[: at - self._sent], data[at - self._sent :]
        if head:
            self._sent += len(head)
            await self._exchange.write(head)
        await asyncio.sleep(self._step.stall)
        return rest


def _hang_up(exchange: Exchange) -> NoReturn:
    abort = getattr(exchange, "abort", None)
    if abort is not None:
        abort()
    raise Cut("the script ends the connection here")


def _corrupt(piece: bytes) -> bytes:
    return piece[:-1] + bytes((piece[-1] ^ 0xFF,)) if piece else piece
