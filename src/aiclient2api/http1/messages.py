"""The words that handlers and callers use; nothing here touches a socket."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Protocol

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds and deadlines of the server, in bytes and seconds."""

    head_bytes: int = 64 * 1024
    header_count: int = 128
    body_bytes: int = 64 * 1024 * 1024
    connections: int = 10_000
    head_seconds: float = 10.0
    body_idle_seconds: float = 30.0
    keep_alive_seconds: float = 75.0
    send_seconds: float = 60.0
    write_buffer_bytes: int = 64 * 1024


class Deadlines(msgspec.Struct, frozen=True, kw_only=True):
    """Deadlines of one call of the client, in seconds; None switches one off.

    connect: until the connection (TLS and proxy included) stands. head: until the status line and headers are in.
    idle: between two pieces of the body. total: from the start to the last byte. first: from the start until the reader
    says by `Inbound.begun` that there is what it waits for.
    """

    connect: float | None = 10.0
    head: float | None = 60.0
    idle: float | None = 120.0
    total: float | None = None
    first: float | None = None


class Outbound(msgspec.Struct, frozen=True, kw_only=True):
    """A request the client sends. `url` is absolute (http or https); Host and Content-Length are added."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    proxy: str | None = None


class Exchange(Protocol):
    """One request of a client and the way to answer it; what a handler gets.

    `path` is percent-decoded, without the query; `headers` are lower-case names to values (repeated ones joined by
    ", "). The answer is one `respond`, or `start`, any number of `write`, and `finish`. If the client leaves, the
    handler's task is cancelled.
    """

    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def target(self) -> str:
        """The request target as it came, query included."""
        ...

    @property
    def query(self) -> Mapping[str, str]: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def peer(self) -> str:
        """The client's address, without port."""
        ...

    @property
    def started(self) -> bool:
        """Whether the status line has been sent."""
        ...

    async def body(self) -> bytes:
        """The whole request body. Raises BodyTooLarge, BodyTimeout."""
        ...

    async def respond(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """A whole answer; Content-Length is added. A HEAD request gets the head only."""
        ...

    async def start(self, status: int, headers: list[tuple[str, str]]) -> None:
        """Head of a streamed answer (chunked, or until close for HTTP/1.0)."""
        ...

    def begin(self, status: int, headers: list[tuple[str, str]]) -> None:
        """`start`, which never waits."""
        ...

    def put(self, data: bytes) -> bool:
        """`write` without waiting; False: the client is slow, wait for `drained` before the next."""
        ...

    async def drained(self) -> None:
        """Waits while the client is slow."""
        ...

    async def write(self, data: bytes) -> None:
        """A piece of the body; waits while the client reads more slowly than we write."""
        ...

    async def finish(self) -> None: ...


Handler = Callable[[Exchange], Awaitable[None]]


class Inbound(Protocol):
    """An upstream's answer. Use as an async context manager: leaving early aborts the connection, leaving after the
    last byte gives it back to the pool."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]:
        """Lower-case names; repeated ones joined by ", "."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes in. Raises HttpError kinds for deadlines and cuts. Reading pauses while nobody asks."""
        ...

    async def hand_over(self, take: Callable[[bytes], bool]) -> bool:
        """Call `take` with each piece of the body in the moment it comes in: no task is woken for it. True at the end
        of the body; False if `take` said so, which wants no more for now. Raises like chunks(), and what `take` raises.
        """
        ...

    async def read(self, limit: int) -> bytes:
        """The whole body; at most `limit` bytes (the rest is not read). Raises like chunks()."""
        ...

    def begun(self) -> None:
        """What was waited for has come: the deadline `first` is over."""
        ...

    def leave(self) -> None:
        """What leaving the context does."""
        ...

    async def __aenter__(self) -> "Inbound": ...
    async def __aexit__(self, *exc: object) -> None: ...


class HttpError(Exception):
    """Something between us and the peer. The kinds:

    HttpError
      BodyTooLarge    the client's body is over the bound
      BodyTimeout     the client stopped sending its body
      ConnectFailed   no connection: name, refusal, TLS, proxy, or the connect deadline
        NoAddress     the name was not found, or has no address that may be connected to
      DeadlineMissed  head, first event, idle or total deadline (named in `which`)
      Truncated       the connection ended before the answer did
      BadAnswer       what came is not HTTP
    """


class BodyTooLarge(HttpError): ...


class BodyTimeout(HttpError): ...


class ConnectFailed(HttpError): ...


class NoAddress(ConnectFailed): ...


class DeadlineMissed(HttpError):
    def __init__(self, which: str, seconds: float) -> None:
        super().__init__(f"the {which} deadline of {seconds:g} s has passed")
        self.which = which


class Truncated(HttpError): ...


class BadAnswer(HttpError): ...
