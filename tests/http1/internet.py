"""An internet of the test's own: names and public addresses on this machine, and no way out of it.

`names` gives a name's addresses, look-up by look-up (the last answer stays); every other name is unknown. `servers`
says on which port of loopback a public address and port really is. `connected` has all that was connected to and
`looked_up` which names, in order. Everything else, the client included, is real.
"""

import asyncio
import re
import socket
from collections.abc import Coroutine
from typing import Any

from tests.http1.loops import run_with

Addresses = list[str]
SITE = "93.184.216.34"
OTHER_SITE = "2606:2800:220:1:248:1893:25c8:1946"
_NUMERIC = re.compile(r"[0-9a-fx.:]+|localhost")


class Internet:
    def __init__(self) -> None:
        self.names: dict[str, list[Addresses]] = {}
        self.servers: dict[tuple[str, int], int] = {}
        self.connected: list[tuple[str, int]] = []
        self.looked_up: list[str] = []

    def run(self, work: Coroutine[Any, Any, None], loop: str = "asyncio", seconds: float = 30) -> None:
        base: Any = asyncio.SelectorEventLoop
        if loop == "uvloop":
            import uvloop

            base = uvloop.Loop
        internet = self

        class Loop(base):  # type: ignore[misc]
            async def getaddrinfo(self, host: str, port: int, **more: Any) -> Any:
                if host in internet.names:
                    internet.looked_up.append(host)
                    return internet.answer(host, port)
                if _NUMERIC.fullmatch(host):
                    return await super().getaddrinfo(host, port, **more)
                raise socket.gaierror(socket.EAI_NONAME, "unknown")

            async def sock_connect(self, sock: socket.socket, address: Any) -> None:
                internet.connected.append(address[:2])
                here = internet.servers.get(address[:2])
                if here is None and not address[0].startswith(("127.", "::1")):
                    raise ConnectionRefusedError(111, "nobody is there")
                await super().sock_connect(sock, address if here is None else ("127.0.0.1", here))

        run_with(Loop, work, seconds)

    def answer(self, host: str, port: int) -> list[Any]:
        """What the next look-up of the name gives."""
        answers = self.names[host]
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (each, port, 0, 0))
            if ":" in each
            else (socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port))
            for each in addresses
        ]
