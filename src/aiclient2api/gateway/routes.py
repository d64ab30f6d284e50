"""Which handler answers a path. Clients build paths in many ways; the commonest mistakes are forgiven here.

Enters: a percent-decoded path. Leaves: Target (route name, provider prefix, the model in the path).
"""

import re
from collections.abc import Collection
from typing import NamedTuple


class Target(NamedTuple):
    """`name` is a row of ROUTES, "" for an unknown path; `provider` a prefix; `item` what stands behind the route."""

    name: str
    provider: str | None = None
    item: str = ""


ROUTES: dict[str, tuple[str, tuple[str, ...]]] = {
    "/": ("root", ("GET", "HEAD")),
    "/health": ("health", ("GET", "HEAD")),
    "/livez": ("livez", ("GET", "HEAD")),
    "/readyz": ("readyz", ("GET", "HEAD")),
    "/v1/chat/completions": ("openai_chat", ("POST",)),
    "/v1/messages": ("anthropic", ("POST",)),
    "/v1/messages/count_tokens": ("count_tokens", ("POST",)),
    "/v1/models": ("models", ("GET", "HEAD")),
}
"""Path to (name, methods)."""

OPEN = frozenset({"root", "health", "livez", "readyz"})
"""Routes without a key."""

METHODS = dict(ROUTES.values()) | {"model": ("GET", "HEAD")}

_DOUBLED = re.compile(r"^(?:/openai)?(?:/v1)+(?=/)")
_WITHOUT_V1 = ("/chat/completions", "/messages", "/models")


def find(path: str, providers: Collection[str]) -> Target:
    """The route of a path: with or without a provider prefix, /v1, a trailing slash, or a doubled /v1."""
    path = "/" + path.strip("/")
    provider: str | None = None
    first, _, rest = path[1:].partition("/")
    if first in providers:
        provider, path = first, "/" + rest
    path = _DOUBLED.sub("/v1", path)
    if path.startswith(_WITHOUT_V1):
        path = "/v1" + path
    if path in ROUTES:
        return Target(ROUTES[path][0], provider)
    if path.startswith("/v1/models/"):
        return Target("model", provider, path.removeprefix("/v1/models/"))
    return Target("", provider)


def dialect_of(path: str, headers_names: Collection[str]) -> str:
    """The dialect whose error shape a client of this path reads."""
    return "anthropic" if "/messages" in path or "anthropic-version" in headers_names else "openai_chat"
