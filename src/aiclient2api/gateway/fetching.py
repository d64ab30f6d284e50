"""Pictures and documents that clients give by URL, fetched for providers that take bytes only (FETCH_IMAGES).

Enters: URLs, each with whether a document is wanted. Leaves: their bytes as base64, with the type that the bytes show.
Refuses, with the reason in plain words: what gateway/guard.py bars, what is too large, too slow, too many, or not of
the wanted type. Nothing of the client goes along: no header, cookie or credential, and no proxy is used, for that
would look up names by itself.
"""

import asyncio
import base64
import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple
from urllib.parse import urljoin

from aiclient2api import __version__, tasks
from aiclient2api.canonical.request import Base64
from aiclient2api.gateway import guard
from aiclient2api.http1.client import Client
from aiclient2api.http1.messages import (
    BadAnswer,
    ConnectFailed,
    DeadlineMissed,
    Deadlines,
    HttpError,
    Inbound,
    NoAddress,
    Outbound,
    Truncated,
)

_log = logging.getLogger(__name__)

MAX_BYTES = 10 * 1024 * 1024
MAX_REDIRECTS = 3
MAX_LINKS = 16
AT_ONCE = 4
SECONDS = 10.0

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_DEADLINES = Deadlines(connect=SECONDS, head=SECONDS, idle=SECONDS, total=SECONDS)


class Link(NamedTuple):
    """What is to be fetched."""

    url: str
    document: bool = False


class NotFetched(Exception):
    """`link` cannot be had; the text says why and has nothing of the URL, of addresses or of what came."""

    def __init__(self, link: Link, reason: str) -> None:
        super().__init__(reason)
        self.link = link
        self.reason = reason


class Fetcher:
    """Owns a client that connects to allowed addresses only. `together`: bytes that all links of one request may have;
    `seconds`: what each may take, redirects included."""

    def __init__(
        self, together: int, *, allowed: Callable[[str], bool] = guard.is_public, seconds: float = SECONDS
    ) -> None:
        self._client = Client(allowed=allowed)
        self._together = together
        self._seconds = seconds

    async def fetch(self, links: Sequence[Link]) -> dict[Link, Base64]:
        """The bytes of every link, a few at once. Raises NotFetched for the first that fails."""
        waiting = deque(dict.fromkeys(links))
        if len(waiting) > MAX_LINKS:
            reason = f"the request has {len(waiting)} URLs that would have to be fetched, and {MAX_LINKS} are allowed"
            raise NotFetched(waiting[MAX_LINKS], reason)
        found: dict[Link, Base64] = {}
        budget = _Budget(self._together)
        workers = [tasks.spawn(self._work(waiting, found, budget), "fetch") for _ in range(min(AT_ONCE, len(waiting)))]
        try:
            await asyncio.gather(*workers)
        finally:
            await tasks.stop(*workers)
        return found

    async def close(self) -> None:
        await self._client.close()

    async def _work(self, waiting: deque[Link], found: dict[Link, Base64], budget: "_Budget") -> None:
        while waiting:
            link = waiting.popleft()
            found[link] = await self._one(link, budget)

    async def _one(self, link: Link, budget: "_Budget") -> Base64:
        host = "a URL that is not called"
        try:
            host = guard.checked(link.url).host
            async with asyncio.timeout(self._seconds):
                data = await self._follow(link, budget)
            media_type = _media_type(data, link)
        except TimeoutError:
            reason = _too_slow(self._seconds)
        except guard.Barred as error:
            reason = str(error)
        else:
            _log.debug("%s: fetched, %d bytes, %s", host, len(data), media_type)
            return Base64(media_type, base64.b64encode(data).decode())
        _log.debug("%s: not fetched: %s", host, reason)
        raise NotFetched(link, reason)

    async def _follow(self, link: Link, budget: "_Budget") -> bytes:
        """The bytes, from where the URL leads at last. Raises Barred."""
        url = link.url
        for step in range(MAX_REDIRECTS + 1):
            try:
                found = await self._step(url, link, budget)
            except (guard.Barred, HttpError) as error:
                reason = _reason(error, self._seconds)
                raise guard.Barred(f"it leads on to another URL, where {reason}" if step else reason) from error
            if isinstance(found, bytes):
                return found
            url = found
        raise guard.Barred(f"it leads on to another URL more than {MAX_REDIRECTS} times")

    async def _step(self, url: str, link: Link, budget: "_Budget") -> bytes | str:
        """The bytes, or the URL that the server names instead. Raises Barred, HttpError."""
        url = guard.checked(url).url
        async with await self._client.send(_get(url, link), _DEADLINES) as answer:
            if answer.status in _REDIRECTS and "location" in answer.headers:
                return _joined(url, answer.headers["location"])
            return await _read(answer, budget)


class _Budget:
    """What the links of one request may still have together."""

    def __init__(self, size: int) -> None:
        self._size = self._left = size

    def take(self, size: int) -> None:
        """Raises Barred."""
        self._left -= size
        if self._left < 0:
            raise guard.Barred(f"all files of the request together have more than {self._size} bytes")


def _get(url: str, link: Link) -> Outbound:
    return Outbound(
        method="GET",
        url=url,
        headers=(
            ("user-agent", f"aiclient2api/{__version__}"),
            ("accept", "application/pdf" if link.document else "image/*"),
            ("accept-encoding", "identity"),
            ("connection", "close"),
        ),
    )


async def _read(answer: Inbound, budget: _Budget) -> bytes:
    """The body; one that is too large is left where that shows. Raises Barred, HttpError."""
    if answer.status != 200:
        raise guard.Barred(f"its server answered with status {answer.status}")
    length = answer.headers.get("content-length", "")
    if length.isdecimal() and len(length) < 20 and int(length) > MAX_BYTES:
        raise guard.Barred(_TOO_LARGE)
    data = bytearray()
    async for piece in answer.chunks():
        data += piece
        if len(data) > MAX_BYTES:
            raise guard.Barred(_TOO_LARGE)
        budget.take(len(piece))
    return bytes(data)


_TOO_LARGE = f"it has more than {MAX_BYTES // 1024 // 1024} MiB"


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        raise guard.Barred("it leads on to something that is no URL") from None


_PICTURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)


def _media_type(data: bytes, link: Link) -> str:
    """By the first bytes: what the server claims is the server's word. Raises Barred."""
    if link.document:
        if data.startswith(b"%PDF-"):
            return "application/pdf"
        raise guard.Barred("it is not a PDF, and other documents are not fetched")
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    for start, media_type in _PICTURES:
        if data.startswith(start):
            return media_type
    raise guard.Barred("it is not a PNG, JPEG, GIF or WebP image")


_REASONS: tuple[tuple[type[HttpError], str], ...] = (
    # one sentence for both, or callers could find out which names exist inside a network
    (NoAddress, "its host has no public address"),
    (ConnectFailed, "its server could not be reached, or is not trusted"),
    (Truncated, "its server broke off"),
    (BadAnswer, "what its server sent is not a valid HTTP answer"),
)


def _reason(error: guard.Barred | HttpError, seconds: float) -> str:
    """Words that hold no address and nothing of what came."""
    if isinstance(error, guard.Barred):
        return str(error)
    if isinstance(error, DeadlineMissed):
        return _too_slow(seconds)
    return next((text for kind, text in _REASONS if isinstance(error, kind)), "its server did not answer properly")


def _too_slow(seconds: float) -> str:
    return f"it did not come within {seconds:g} seconds"
