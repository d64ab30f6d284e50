"""Whole answers kept for a while, and given again to the same question of the same key (RESPONSE_CACHE_TTL).

Enters: a request as it came. Leaves: the very bytes that answered it before, or None. The same question: the same key,
dialect, provider, model and system prompt of the operator, and the same bytes of the body; a stream is given as the
stream it was. Bytes, because what looks alike need not mean the same, and programs write the same request alike.
Never kept: what broke off, streams with tools (unless asked for), what the client does not want kept.
"""

import hashlib
from collections.abc import Iterable, Mapping

import msgspec

from aiclient2api import __version__
from aiclient2api.canonical.events import Event
from aiclient2api.canonical.usage import Usage
from aiclient2api.dialects.base import Dialect, Peek, StreamEncoder
from aiclient2api.gateway.context import Visit
from aiclient2api.gateway.pump import STREAM_HEADERS
from aiclient2api.gateway.stored import SECONDS
from aiclient2api.gateway.upstream import Journey
from aiclient2api.state.bytecache import MAX_VALUE, ByteCache
from aiclient2api.wire import jsonio

HEADER = "x-aiclient-cache"
_TOOLS = ("tools", "functions", "toolConfig", "tool_config", "mcp_servers")
_TELLING = ("anthropic-", "openai-")
"""Headers that begin so change what is answered."""
_LONGEST = {"openai_responses": SECONDS}
"""Clients refer to these answers later, and they are known for so long."""

_packer = msgspec.msgpack.Encoder()


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """An answer: its bytes, what its request could not carry, and what it took."""

    body: bytes
    dropped: tuple[str, ...]
    usage: Usage | None


_reader = msgspec.msgpack.Decoder(Kept)


class Recording:
    """Takes down the answer of one request while it is sent, up to a bound; `keep` puts it away."""

    def __init__(self, cache: ByteCache, key: str, ttl: float) -> None:
        self._cache = cache
        self._key = key
        self._ttl = ttl
        self._parts: list[bytes] = []
        self._size = 0
        self._encoder: StreamEncoder | None = None

    def of(self, encoder: StreamEncoder) -> StreamEncoder:
        """The encoder, with this looking on."""
        self._encoder = encoder
        self._parts.clear()
        self._size = 0
        return self

    def encode(self, events: Iterable[Event]) -> bytes:
        assert self._encoder is not None
        data = self._encoder.encode(events)
        self.add(data)
        return data

    def add(self, data: bytes) -> None:
        self._size += len(data)
        if self._size <= MAX_VALUE:
            self._parts.append(data)
        else:
            self._parts.clear()

    async def keep(self, visit: Visit) -> None:
        """The answer has been sent, whole and well."""
        if not self._parts or self._size > MAX_VALUE:
            return
        dropped = visit.journey.dropped if visit.journey is not None else ()
        kept = Kept(b"".join(self._parts), dropped, visit.usage)
        await self._cache.put(self._key, _packer.encode(kept), self._ttl)


class AnswerCache:
    """`ttl` in seconds."""

    def __init__(self, store: ByteCache, ttl: float) -> None:
        self._store = store
        self._ttl = ttl

    async def replayed(self, visit: Visit, front: Dialect, body: bytes, peek: Peek, prompt: str) -> bool:
        """Answer from the cache if that may and can be; else the visit records its answer if that may be kept. The
        visit's route is the one that is to be asked; `prompt` stands for the operator's system prompt."""
        wish = visit.exchange.headers.get(HEADER, "").strip().lower()
        control = _directives(visit.exchange.headers)
        if wish == "off" or "no-store" in control or (peek.stream and wish != "on" and _has_tools(body)):
            return False
        key = _key(visit, front, body, peek, prompt)
        fresh = "no-cache" in control or "max-age=0" in control
        found = None if fresh else await self._find(key)
        if found is None:
            visit.cache = "miss"
            visit.recording = Recording(self._store, key, min(self._ttl, _LONGEST.get(front.name, self._ttl)))
            return False
        visit.cache, visit.stream = "hit", peek.stream
        visit.journey = Journey(dropped=found.dropped)
        visit.saved = found.usage
        await _send(visit, front, found.body, peek.stream)
        return True

    async def _find(self, key: str) -> Kept | None:
        value = await self._store.get(key)
        try:
            return None if value is None else _reader.decode(value)
        except msgspec.MsgspecError:
            return None  # a shared store may hold anything


async def _send(visit: Visit, front: Dialect, body: bytes, stream: bool) -> None:
    if not stream:
        await visit.exchange.respond(200, [("content-type", "application/json"), *visit.answer_headers()], body)
        return
    headers = [("content-type", front.stream_type), *STREAM_HEADERS, *visit.answer_headers()]
    await visit.exchange.start(200, headers)
    await visit.exchange.write(body)
    await visit.exchange.finish()


def _key(visit: Visit, front: Dialect, body: bytes, peek: Peek, prompt: str) -> str:
    """No two questions have the same: every part is preceded by its length."""
    assert visit.route is not None
    headers = sorted((name, text) for name, text in visit.exchange.headers.items() if name.startswith(_TELLING))
    parts = (
        __version__,
        visit.key,
        front.name,
        str(peek.stream),
        repr(sorted(visit.facts.items())),
        visit.route.provider.name,
        visit.route.model.id,
        visit.route.requested,
        repr(headers),
        prompt,
    )
    digest = hashlib.sha256()
    for part in (*(part.encode("utf-8", "surrogatepass") for part in parts), body):
        digest.update(b"%d:" % len(part))
        digest.update(part)
    return digest.hexdigest()


def _directives(headers: Mapping[str, str]) -> frozenset[str]:
    value = headers.get("cache-control")
    return frozenset() if value is None else frozenset(each.strip().lower() for each in value.split(","))


def _has_tools(body: bytes) -> bool:
    """Whether a request brings tools, in whatever dialect; one that cannot be read is taken to."""
    try:
        members = jsonio.members(body)
    except jsonio.JsonError:
        return True
    return any(bytes(members[name]) not in (b"null", b"[]", b"{}") for name in _TOOLS if name in members)
