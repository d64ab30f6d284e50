"""REDIS_URL to the shared state that it names."""

from aiclient2api.state.shared.base import Alone, Shared


def open_shared(url: str | None) -> Shared:
    """Raises line.SharedError. Nothing is connected yet."""
    if not url:
        return Alone()
    from aiclient2api.state.shared.store import RedisShared

    return RedisShared(url)
