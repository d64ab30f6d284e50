"""Servers that speak OpenAI's API, and what is different about each: data, one row a server. As of November 2026.

Enters: a base URL. Leaves: the row of the server behind it; a plain one for any other.
"""

from typing import Literal
from urllib.parse import urlsplit

import msgspec


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """`host` is the end of the host name, or `:port` of a local server. `refuses` are members of a body that it answers
    with 400; they are left out and named in x-aiclient-dropped. `freeform_tools`: its Chat Completions knows tools that
    take text in place of JSON."""

    name: str
    host: str
    base_url: str
    refuses: frozenset[str] = frozenset()
    key_header: Literal["bearer", "api-key"] = "bearer"
    freeform_tools: bool = False


_CACHING = frozenset({"prompt_cache_key", "prompt_cache_options", "prompt_cache_retention"})
_OPENAI_ONLY = _CACHING | {"store", "metadata", "service_tier", "safety_identifier", "verbosity", "prediction"}

SERVERS: tuple[Server, ...] = (
    Server(name="OpenAI", host="api.openai.com", base_url="https://api.openai.com/v1", freeform_tools=True),
    Server(
        name="Azure OpenAI",
        host=".openai.azure.com",
        base_url="https://RESOURCE.openai.azure.com/openai/v1",
        key_header="api-key",
        freeform_tools=True,
    ),
    Server(name="OpenRouter", host="openrouter.ai", base_url="https://openrouter.ai/api/v1"),
    Server(name="DeepSeek", host="api.deepseek.com", base_url="https://api.deepseek.com/v1", refuses=_OPENAI_ONLY),
    Server(
        name="Groq",
        host="api.groq.com",
        base_url="https://api.groq.com/openai/v1",
        refuses=_OPENAI_ONLY | {"logprobs", "top_logprobs", "logit_bias"},
    ),
    Server(
        name="Cerebras",
        host="api.cerebras.ai",
        base_url="https://api.cerebras.ai/v1",
        refuses=_OPENAI_ONLY | {"parallel_tool_calls", "logit_bias", "frequency_penalty", "presence_penalty"},
    ),
    Server(
        name="Mistral",
        host="api.mistral.ai",
        base_url="https://api.mistral.ai/v1",
        refuses=_OPENAI_ONLY | {"stream_options", "user", "logit_bias", "logprobs", "top_logprobs", "seed"},
    ),
    Server(name="xAI", host="api.x.ai", base_url="https://api.x.ai/v1", refuses=_CACHING | {"logit_bias"}),
    Server(name="Together", host="api.together.xyz", base_url="https://api.together.xyz/v1", refuses=_OPENAI_ONLY),
    Server(
        name="Fireworks",
        host="api.fireworks.ai",
        base_url="https://api.fireworks.ai/inference/v1",
        refuses=_OPENAI_ONLY,
    ),
    Server(name="Moonshot", host="api.moonshot.ai", base_url="https://api.moonshot.ai/v1", refuses=_OPENAI_ONLY),
    Server(name="Z.ai", host="api.z.ai", base_url="https://api.z.ai/api/paas/v4", refuses=_OPENAI_ONLY),
    Server(name="Ollama", host=":11434", base_url="http://localhost:11434/v1"),
    Server(name="vLLM", host=":8000", base_url="http://localhost:8000/v1"),
    Server(name="llama.cpp", host=":8080", base_url="http://localhost:8080/v1"),
    Server(name="LM Studio", host=":1234", base_url="http://localhost:1234/v1"),
)

_PLAIN = Server(name="compatible server", host="", base_url="")


def server_at(base_url: str) -> Server:
    """The row whose host is that of the URL."""
    parts = urlsplit(base_url)
    place = f"{parts.hostname or ''}:{parts.port}" if parts.port else parts.hostname or ""
    return next((server for server in SERVERS if _is_at(server, place, parts.hostname or "")), _PLAIN)


def _is_at(server: Server, place: str, host: str) -> bool:
    if server.host.startswith(":"):
        return place.endswith(server.host) and host in ("localhost", "127.0.0.1", "::1")
    return host == server.host or host.endswith(server.host if server.host.startswith(".") else "." + server.host)
