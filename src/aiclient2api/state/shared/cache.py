"""A byte cache that gateways share: get and put never raise, and lose rather than keep what they cannot keep."""

from aiclient2api.state.shared.base import Shared, digest


class SharedCache:
    """`key` is unique for what it names, and is told as its hash; `ttl` is in seconds, above 0."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared

    async def get(self, key: str) -> bytes | None:
        return await self._shared.get("cache", digest(key))

    async def put(self, key: str, value: bytes, ttl: float) -> None:
        self._shared.keep("cache", digest(key), value, ttl)
