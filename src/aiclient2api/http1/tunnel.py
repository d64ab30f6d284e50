"""Ways through proxies: CONNECT to http and https proxies (RFC 9110, 9.3.6), SOCKS5 by python-socks.

Enters: a Proxy and the place to reach. Leaves: a transport or socket that leads there. Refuses (ConnectFailed) every
answer but success, and never goes around the proxy. Credentials go to the proxy only and into no message.
"""

import asyncio
import re
import socket
import ssl
from typing import cast

from aiclient2api import __version__
from aiclient2api.http1.client_head import Proxy, authority
from aiclient2api.http1.messages import ConnectFailed
from aiclient2api.http1.tcp import open_tcp

_MAX_HEAD = 16 * 1024
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})[ \r]")
_NO_DEADLINE = 24 * 3600.0  # the caller's connect deadline counts; python-socks has one of its own


class _Tunnel(asyncio.Protocol):
    """Reads the answer to CONNECT, and not a byte more of what follows it."""

    def __init__(self, answered: "asyncio.Future[bytes]") -> None:
        self._answered = answered
        self._transport: asyncio.Transport | None = None
        self._head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._head += data
        if b"\r\n\r\n" not in self._head and len(self._head) <= _MAX_HEAD:
            return
        if self._transport is not None:
            self._transport.pause_reading()
        if not self._answered.done():
            self._answered.set_result(self._head)

    def eof_received(self) -> None:
        self._ended()

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended()

    def _ended(self) -> None:
        if not self._answered.done():
            self._answered.set_result(b"")


async def open_http_tunnel(proxy: Proxy, host: str, port: int, tls: ssl.SSLContext | None) -> asyncio.Transport:
    """A paused transport through an http or (with `tls`) https proxy. Raises ConnectFailed, OSError."""
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[bytes] = loop.create_future()
    sock = await open_tcp(proxy.host, proxy.port)
    name = proxy.host if tls is not None else None
    transport, _ = await loop.create_connection(lambda: _Tunnel(answered), sock=sock, ssl=tls, server_hostname=name)
    try:
        place = authority(host, port)
        lines = [f"CONNECT {place} HTTP/1.1", f"host: {place}", f"user-agent: aiclient2api/{__version__}"]
        login = proxy.authorization()
        if login is not None:
            lines.append(f"proxy-authorization: {login}")
        transport.write("\r\n".join([*lines, "", ""]).encode("ascii"))
        _check_answer(await answered)
    except BaseException:
        transport.abort()
        raise
    return transport


def _check_answer(answer: bytes) -> None:
    head, end, rest = answer.partition(b"\r\n\r\n")
    status = _STATUS.match(head + b"\r")
    if not head:
        raise ConnectFailed("the proxy closed the connection without an answer")
    if status is None:
        raise ConnectFailed("the proxy's answer is not HTTP")
    if not status[1].startswith(b"2"):
        raise ConnectFailed(f"the proxy refused with status {int(status[1])}")
    if not end or rest:
        raise ConnectFailed("the proxy's answer is too long, or goes on where the tunnel should begin")


async def open_socks(proxy: Proxy, host: str, port: int) -> socket.socket:
    """A socket through a SOCKS5 proxy. Raises ConnectFailed, OSError."""
    # Imported here: most installations have no proxy, and start is faster without it.
    import python_socks
    from python_socks.async_.asyncio import Proxy as SocksProxy

    way = SocksProxy(
        python_socks.ProxyType.SOCKS5,
        proxy.host,
        proxy.port,
        username=proxy.user or None,
        password=proxy.password or None,
        rdns=proxy.scheme == "socks5h",
    )
    try:
        return await way.connect(host, port, timeout=_NO_DEADLINE)
    except python_socks.ProxyError as exc:
        raise ConnectFailed(f"the SOCKS proxy did not connect ({exc})") from exc
