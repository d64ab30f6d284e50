"""A TCP connection to a host name: all its addresses, both families by turns, the next one tried when the last one is
slow (RFC 8305). Own code, because uvloop's create_connection has no such thing.
"""

import asyncio
import itertools
import socket
from collections import deque
from collections.abc import Callable

from aiclient2api import tasks

NEXT_AFTER = 0.25
"""Seconds that an address gets before the next one is tried beside it (RFC 8305, 5)."""

Allowed = Callable[[str], bool]
"""Whether a connection may be made to this IP address."""

Address = tuple[socket.AddressFamily, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]]


class NotAllowed(OSError):
    """The name has addresses, but none that may be connected to."""


async def open_tcp(host: str, port: int, allowed: Allowed | None = None) -> socket.socket:
    """A connected, non-blocking socket. Raises OSError: that of the name look-up, or of the first address.

    The name is looked up once, and `allowed` judges the very addresses that are then connected to: a name that has
    another answer the next time, and any spelling of an address, end here.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    if allowed is not None:
        found = [each for each in found if allowed(str(each[4][0]))]
        if not found:
            raise NotAllowed("no address of the name is allowed")
    addresses = by_turns([(family, address) for family, _, _, _, address in found])
    if len(addresses) == 1:
        return await _connect(addresses[0])
    return await _race(deque(addresses))


def by_turns(addresses: list[Address]) -> list[Address]:
    """The resolver's order within a family, the families by turns, the resolver's favourite first."""
    favourite = [each for each in addresses if each[0] == addresses[0][0]]
    others = [each for each in addresses if each[0] != addresses[0][0]]
    pairs = itertools.zip_longest(favourite, others)
    return [each for pair in pairs for each in pair if each is not None]


async def _connect(target: Address) -> socket.socket:
    family, address = target
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, address)
    except BaseException:
        sock.close()
        raise
    return sock


async def _race(waiting: deque[Address]) -> socket.socket:
    """The first connection that stands; the others are given up."""
    running: set[asyncio.Task[socket.socket]] = set()
    failures: list[BaseException] = []
    try:
        while waiting or running:
            if waiting:
                running.add(tasks.spawn(_connect(waiting.popleft()), "connect"))
            done, _ = await asyncio.wait(
                running, timeout=NEXT_AFTER if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                running.discard(task)
                if (failure := task.exception()) is None:
                    return task.result()
                failures.append(failure)
    finally:
        for task in running:
            _give_up(task)
    raise failures[0]


def _give_up(task: "asyncio.Task[socket.socket]") -> None:
    """End an attempt that is no longer wanted, also one that has just succeeded."""
    if not task.cancel() and not task.cancelled() and task.exception() is None:
        task.result().close()
