"""One connection to Redis or Valkey, on redis-py (the extra `redis`), which is imported only where it is used.

Enters: a URL, then commands. Leaves: replies. All that can go wrong becomes Away, in words that hold no password;
a key that is of another kind than the command expects becomes a reply, Refused. No deadline is kept here.
"""

import contextlib
import importlib
from collections.abc import Iterable, Sequence
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

Word = str | bytes | int
Command = tuple[Word, ...]
SCHEMES = {
    "redis": "redis",
    "rediss": "rediss",
    "unix": "unix",
    "valkey": "redis",
    "valkeys": "rediss",
}
"""What a URL may begin with, and what redis-py calls it."""


class SharedError(Exception):
    """The shared state cannot be used at all; the message is for the user and names no secret."""


class Away(Exception):
    """Redis cannot be asked now; the message says why."""


class Refused:
    """The reply to a command on a key of another kind."""


Reply = None | int | bytes | list["Reply"] | Refused


class Dialer:
    """Makes connections. Raises SharedError for a URL that is none, or without the driver."""

    def __init__(self, url: str) -> None:
        self._driver = _driver()
        self._pool = _pool(self._driver, url)
        self.where = _where(self._pool.connection_kwargs)
        self.database = str(self._pool.connection_kwargs.get("db", 0))

    def dial(self) -> "Line":
        return Line(self._driver, self._pool.make_connection())


class Line:
    """Opened by its first command. After Away it is of no more use."""

    def __init__(self, driver: ModuleType, connection: Any) -> None:
        self._connection = connection
        self._errors = (driver.RedisError, OSError, EOFError, ValueError, RuntimeError)  # uvloop's, of closed sockets
        self._refusal = driver.ResponseError

    async def ask(self, commands: Sequence[Command]) -> list[Reply]:
        """The replies, in order."""
        await self.say(commands)
        try:
            return [await self._reply() for _ in commands]
        except self._errors as error:
            raise Away(_words(error)) from error

    async def ended(self) -> bool:
        """Whether the server has hung up between two commands, as it does when it is restarted."""
        try:
            return bool(await self._connection.can_read())
        except self._errors:
            return True

    async def say(self, commands: Iterable[Command]) -> None:
        """Send without waiting for replies."""
        connection = self._connection
        try:
            await connection.connect()
            await connection.send_packed_command(connection.pack_commands(commands), check_health=False)
        except self._errors as error:
            raise Away(_words(error)) from error

    async def hear(self, seconds: float) -> Reply:
        """What the server says by itself; None if it is silent for so long."""
        try:
            heard: Reply = await self._connection.read_response(timeout=seconds)
        except self._errors as error:
            raise Away(_words(error)) from error
        return heard

    async def close(self) -> None:
        with contextlib.suppress(*self._errors):
            await self._connection.disconnect(nowait=True)

    async def _reply(self) -> Reply:
        try:
            reply: Reply = await self._connection.read_response()
        except self._refusal as error:
            if str(error).startswith("WRONGTYPE"):
                return Refused()
            raise
        return reply


def _driver() -> ModuleType:
    try:
        importlib.import_module("redis.asyncio")
        return importlib.import_module("redis")
    except ImportError:
        raise SharedError(
            "REDIS_URL is set, and the driver for it is not installed: pip install 'aiclient2api[redis]'."
        ) from None


def _pool(driver: ModuleType, url: str) -> Any:
    scheme, separator, rest = url.strip().partition("://")
    known = SCHEMES.get(scheme.lower()) if separator else None
    if known is None:
        raise SharedError("REDIS_URL must begin with redis://, rediss:// (TLS), valkey://, valkeys:// or unix://.")
    try:
        parts = urlsplit(f"{known}://{rest}")
        if parts.port == 0 or not (parts.path if known == "unix" else parts.hostname):
            raise ValueError("no host or path")
        path = parts.path.strip("/")
        if known != "unix" and path and not path.isdecimal():
            raise ValueError("the database is no number")
        pool = driver.asyncio.ConnectionPool.from_url(
            f"{known}://{rest}",
            protocol=2,
            socket_timeout=None,
            socket_connect_timeout=None,
            retry=driver.asyncio.retry.Retry(driver.backoff.NoBackoff(), 0),
        )
        pool.make_connection()
    except (ValueError, TypeError, driver.RedisError):
        raise SharedError(
            "REDIS_URL cannot be read. It has the form redis://[user:password@]host[:port][/database];"
            " special characters in the password are written as %XX."
        ) from None
    return pool


def _where(given: dict[str, Any]) -> str:
    """For people; without user and password."""
    return str(given["path"]) if "path" in given else f"{given.get('host', 'localhost')}:{given.get('port', 6379)}"


def _words(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
