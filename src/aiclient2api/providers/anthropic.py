"""Anthropic's API, or a server that speaks it; the base URL is without /v1."""

from aiclient2api.dialects import anthropic
from aiclient2api.providers.families import claude_shape
from aiclient2api.providers.keyed import Counting, KeyedProvider, base_url
from aiclient2api.wire import jsonio


def claude_custom(url: str | None) -> KeyedProvider:
    return KeyedProvider(
        name="claude-custom",
        family="anthropic",
        codec=anthropic.ANTHROPIC,
        base_url=base_url(url, "https://api.anthropic.com").removesuffix("/v1"),
        path=lambda model, stream: "/v1/messages",
        models_path="/v1/models?limit=1000",
        sign=lambda grant: (("x-api-key", grant.token),) if grant.token else (),
        list_headers=(("anthropic-version", "2023-06-01"),),
        shape=claude_shape,
        counting=Counting(lambda model, body: ("/v1/messages/count_tokens", _countable(body)), "input_tokens"),
    )


_COUNTED = frozenset({"model", "messages", "system", "tools", "tool_choice", "thinking"})


def _countable(body: bytes) -> bytes:
    """The members of a request that count_tokens takes."""
    return jsonio.patch(body, {name: None for name in jsonio.members(body) if name not in _COUNTED})
