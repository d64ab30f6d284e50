"""Opens connections: look-up and TCP, proxies, TLS with verification always on, and sockets made by the program itself.

Enters: a Route and the ClientConnection that is to live on the transport. Every failure leaves as ConnectFailed, whose
text names the place and the reason and never a password.
"""

import asyncio
import os
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import cast

from aiclient2api.http1.client_connection import ClientConnection
from aiclient2api.http1.client_head import Proxy, Route, authority
from aiclient2api.http1.messages import ConnectFailed, NoAddress
from aiclient2api.http1.tcp import Allowed, NotAllowed, open_tcp
from aiclient2api.http1.tunnel import open_http_tunnel, open_socks

SocketMaker = Callable[[], Awaitable[socket.socket]]


class Connector:
    """`makers`: hosts that are reached over a socket made by the program. `context`: instead of the system's trust.
    `allowed`: the addresses that may be connected to; nothing then goes around the look-up."""

    def __init__(
        self, makers: Mapping[str, SocketMaker], context: ssl.SSLContext | None, allowed: Allowed | None = None
    ) -> None:
        if allowed is not None and makers:
            raise ValueError("sockets made by the program have no address that could be judged")
        if context is not None and (context.verify_mode != ssl.CERT_REQUIRED or not context.check_hostname):
            raise ValueError("the TLS context must verify certificates and host names")
        if context is not None:
            context.set_alpn_protocols(["http/1.1"])
        self._makers = makers
        self._context = context
        self._allowed = allowed

    async def open(self, route: Route, connection: ClientConnection) -> None:
        """Connect, and give the transport to `connection`. Raises ConnectFailed."""
        try:
            if route.host in self._makers:
                await _over(await self._makers[route.host](), connection, None, None)
            elif route.proxy is None:
                sock = await open_tcp(route.host, route.port, self._allowed)
                await _over(sock, connection, self._tls(route), route.host)
            elif self._allowed is not None:
                raise ConnectFailed("behind a proxy the address could not be judged")
            else:
                await self._through(route.proxy, route, connection)
        except ConnectFailed as exc:
            raise ConnectFailed(f"{_place(route)}: {exc}") from exc
        except (NotAllowed, socket.gaierror, UnicodeError) as exc:
            raise NoAddress(f"{_place(route)}: {_reason(exc)}") from exc
        except OSError as exc:
            raise ConnectFailed(f"{_place(route)}: {_reason(exc)}") from exc

    async def _through(self, proxy: Proxy, route: Route, connection: ClientConnection) -> None:
        if proxy.scheme.startswith("socks"):
            sock = await open_socks(proxy, route.host, route.port)
            await _over(sock, connection, self._tls(route), route.host)
            return
        outer = self._system() if proxy.scheme == "https" else None
        transport = await open_http_tunnel(proxy, route.host, route.port, outer)
        await _upgrade(transport, connection, self._tls(route), route.host)

    def _tls(self, route: Route) -> ssl.SSLContext | None:
        return self._system() if route.scheme == "https" else None

    def _system(self) -> ssl.SSLContext:
        """One context for all connections, made when first needed: loading the system's trust takes a while."""
        if self._context is None:
            self._context = ssl.create_default_context()
            self._context.set_alpn_protocols(["http/1.1"])
        return self._context


async def _over(
    sock: socket.socket, connection: ClientConnection, tls: ssl.SSLContext | None, name: str | None
) -> None:
    loop = asyncio.get_running_loop()
    if sock.family == getattr(socket, "AF_UNIX", None):  # not on Windows
        await loop.create_unix_connection(lambda: connection, sock=sock)
        return
    server_hostname = name if tls is not None else None
    await loop.create_connection(lambda: connection, sock=sock, ssl=tls, server_hostname=server_hostname)


async def _upgrade(
    transport: asyncio.Transport, connection: ClientConnection, tls: ssl.SSLContext | None, name: str
) -> None:
    """Move a paused transport to `connection`, with TLS inside if asked."""
    if tls is None:
        transport.set_protocol(connection)
        connection.connection_made(transport)
        transport.resume_reading()
        return
    try:
        inner = await asyncio.get_running_loop().start_tls(transport, connection, tls, server_hostname=name)
    except BaseException:
        transport.abort()
        raise
    connection.connection_made(cast(asyncio.Transport, inner))


def _place(route: Route) -> str:
    place = authority(route.host, route.port)
    if route.proxy is None:
        return place
    return f"{place} through {route.proxy.scheme}://{authority(route.proxy.host, route.proxy.port)}"


def _reason(exc: OSError | UnicodeError) -> str:
    """The reason in words that hold nothing of a request."""
    if isinstance(exc, ssl.SSLCertVerificationError):
        return f"the certificate is not trusted ({exc.verify_message})"
    if isinstance(exc, ssl.SSLError):
        return f"TLS failed ({exc.reason or type(exc).__name__})"
    if isinstance(exc, socket.gaierror | UnicodeError):
        return "the name was not found"
    if isinstance(exc, NotAllowed):
        return str(exc)
    return os.strerror(exc.errno).lower() if exc.errno else f"the connection ended ({type(exc).__name__})"
