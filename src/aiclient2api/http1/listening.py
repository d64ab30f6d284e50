"""Listening sockets, and how many connections the process can carry."""

import asyncio
import errno
import socket
import sys

BACKLOG = 2048
_PORT_TRIES = 8
# Descriptors that are not clients' or upstreams' connections: files, listeners, the loop.
_OTHER_DESCRIPTORS = 64
_NO_SUCH_ADDRESS = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EINVAL})


async def bind(host: str, port: int, reuse_port: bool) -> list[socket.socket]:
    """Listening sockets for every address of `host`, all on one port (0: a free one). "localhost" is 127.0.0.1 and,
    where there is one, ::1. Raises OSError, ValueError if the system has no SO_REUSEPORT."""
    if reuse_port and not hasattr(socket, "SO_REUSEPORT"):
        raise ValueError("this system cannot share a port between processes")
    addresses = await _resolve(host, port)
    for attempt in range(_PORT_TRIES):
        try:
            return _bind_all(addresses, port, reuse_port)
        except OSError as error:
            # A port that is free on the first address may be taken on the second.
            if port or error.errno != errno.EADDRINUSE or attempt + 1 == _PORT_TRIES:
                raise
    raise AssertionError("not reached")


def capacity(connections: int) -> int:
    """`connections`, or what the limit of open files allows: each client's connection may need one to an upstream."""
    if sys.platform == "win32":
        return connections
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return connections
    return min(connections, max((soft - _OTHER_DESCRIPTORS) // 2, 1))


async def _resolve(host: str, port: int) -> list[tuple[int, str]]:
    if host == "localhost":
        return [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys((int(family), str(address[0])) for family, _, _, _, address in found))


def _bind_all(addresses: list[tuple[int, str]], port: int, reuse_port: bool) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    try:
        for family, address in addresses:
            try:
                sockets.append(_bind_one(family, address, port, reuse_port))
            except OSError as error:
                # Machines without IPv6 still resolve names to it.
                if not sockets or error.errno not in _NO_SUCH_ADDRESS:
                    raise
                continue
            port = port or sockets[0].getsockname()[1]
    except OSError:
        for sock in sockets:
            sock.close()
        raise
    return sockets


def _bind_one(family: int, address: str, port: int, reuse_port: bool) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform == "win32":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if reuse_port:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setblocking(False)
        sock.bind((address, port))
        sock.listen(BACKLOG)  # here, where a failure is an error: uvloop's create_server does not raise it
    except OSError:
        sock.close()
        raise
    return sock
