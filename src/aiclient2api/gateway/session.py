"""Which conversation a request belongs to, for accounts that are to keep theirs: prompt caches live on it.

Enters: a request as bytes, in any dialect. Leaves: a key, "" where nothing is known. The client's own session id if it
sends one, else the first message of its talk, which stays the same while the talk goes on.
"""

import hashlib
from collections.abc import Mapping

import msgspec

from aiclient2api.wire import jsonio

_HEADERS = ("x-session-id", "session-id", "session_id", "x-session-affinity", "thread-id", "conversation_id")
_NAMES = frozenset(_HEADERS)
Raws = list[msgspec.Raw]


class _Begin(msgspec.Struct):
    metadata: msgspec.Raw = msgspec.Raw()
    prompt_cache_key: msgspec.Raw = msgspec.Raw()
    messages: Raws = []
    contents: Raws = []
    input: msgspec.Raw = msgspec.Raw()


class _Metadata(msgspec.Struct):
    user_id: str | None = None


def session_of(body: bytes, headers: Mapping[str, str]) -> str:
    """A short key; equal for the requests of one conversation."""
    if not _NAMES.isdisjoint(headers):
        named = next((headers[name] for name in _HEADERS if headers.get(name)), None)
        if named is not None:
            return _key(named.encode("utf-8", "surrogateescape"))
    try:
        begin = jsonio.decode(body, _Begin)
        user_id = jsonio.decode(bytes(begin.metadata), _Metadata).user_id if begin.metadata else None
        items = begin.messages or begin.contents or _items(bytes(begin.input))
    except jsonio.JsonError:
        return ""
    if user_id is not None and "session" in user_id:  # Claude Code's: it holds the session
        return _key(user_id.encode("utf-8", "surrogatepass"))
    if begin.prompt_cache_key:
        return _key(bytes(begin.prompt_cache_key))
    return _key(b"\n".join(bytes(item) for item in _opening(items))) if items else ""


def _items(value: bytes) -> Raws:
    """`input` of Responses may be a text."""
    return jsonio.decode(value, Raws) if value.startswith(b"[") else [msgspec.Raw(value)] if value else []


def _opening(items: Raws) -> Raws:
    """Up to the first message that the user wrote."""
    for number, item in enumerate(items):
        if b'"user"' in bytes(item):
            return items[: number + 1]
    return items[:1]


def _key(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
