"""Which handler answers a path. Clients build paths in many ways; the commonest mistakes are forgiven here.

Enters: a percent-decoded path. Leaves: Target (route name, provider prefix, the model and the verb in the path).
"""

import re
from collections.abc import Collection, Mapping
from typing import NamedTuple


class Target(NamedTuple):
    """`name` is a row of ROUTES or VERBS, "" for an unknown path; `provider` a prefix; `item` the model in the path."""

    name: str
    provider: str | None = None
    item: str = ""


GET = ("GET", "HEAD")
POST = ("POST",)

ROUTES: dict[str, tuple[str, tuple[str, ...]]] = {
    "/": ("root", GET),
    "/health": ("health", GET),
    "/livez": ("livez", GET),
    "/readyz": ("readyz", GET),
    "/metrics": ("metrics", GET),
    "/v1/chat/completions": ("openai_chat", POST),
    "/v1/responses": ("openai_responses", ("GET", "POST")),
    "/v1/responses/input_tokens": ("input_tokens", POST),
    "/v1/messages": ("anthropic", POST),
    "/v1/messages/count_tokens": ("count_tokens", POST),
    "/v1/embeddings": ("embeddings", POST),
    "/v1/models": ("models", GET),
    "/v1beta/models": ("gemini_models", GET),
}
"""Path to (name, methods)."""
_EXACT = {path: Target(name) for path, (name, _) in ROUTES.items()}

VERBS: dict[str, str] = {
    "generateContent": "gemini",
    "streamGenerateContent": "gemini_stream",
    "countTokens": "gemini_count",
    "embedContent": "gemini_embed",
    "batchEmbedContents": "gemini_embed_batch",
}
"""What may stand behind the colon of /v1beta/models/{model}:verb, and the route's name."""

OPEN = frozenset({"root", "health", "livez", "readyz"})
"""Routes without a key."""

QUIET = OPEN | {"metrics"}
"""Routes that are asked every few seconds: unless they are refused they are neither logged nor counted."""

METHODS = dict(ROUTES.values()) | {"model": GET, "gemini_model": GET} | dict.fromkeys(VERBS.values(), POST)

_DOUBLED = re.compile(r"^(?:/openai)?(?:/v1)+(?=/)")
_WITHOUT_V1 = ("/chat/completions", "/messages", "/responses", "/embeddings", "/models")


def find(path: str, providers: Collection[str]) -> Target:
    """The route of a path: with or without a provider prefix, /v1, a trailing slash, or a doubled /v1."""
    exact = _EXACT.get(path)
    if exact is not None:
        return exact
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
    return _model_path(path, provider)


def _model_path(path: str, provider: str | None) -> Target:
    """/v1/models/{id}, /v1beta/models/{id}, and Gemini's verbs on either; ids may contain slashes and colons."""
    for version in ("/v1beta/", "/v1/"):
        if path.startswith((version + "models/", version + "tunedModels/")):
            item = path.removeprefix(version).removeprefix("models/")
            model, colon, verb = item.rpartition(":")
            if colon and verb in VERBS:
                return Target(VERBS[verb], provider, model)
            return Target("gemini_model" if version == "/v1beta/" else "model", provider, item)
    return Target("", provider)


def is_gemini(target: Target, headers: Mapping[str, str], query: Mapping[str, str]) -> bool:
    """Whether the client speaks Gemini: by the route, or on the model list by how it sends its key."""
    if target.name.startswith("gemini"):
        return True
    return target.name in ("models", "model") and ("x-goog-api-key" in headers or "key" in query)


def dialect_of(path: str, target: Target, headers: Mapping[str, str]) -> str:
    """The dialect whose error shape a client of this path reads."""
    if target.name.startswith("gemini") or path.startswith("/v1beta/") or "x-goog-api-key" in headers:
        return "gemini"
    if "/responses" in path:
        return "openai_responses"
    return "anthropic" if "/messages" in path or "anthropic-version" in headers else "openai_chat"
