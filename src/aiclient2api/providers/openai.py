"""OpenAI's API, or a server that speaks it, by Chat Completions or by Responses; the base URL is with /v1."""

from urllib.parse import urlsplit

import msgspec

from aiclient2api.dialects import openai_chat, openai_responses
from aiclient2api.providers.base import Grant
from aiclient2api.providers.compatible import Server, server_at
from aiclient2api.providers.families import openai_shape, reasons
from aiclient2api.providers.functions_only import functions_only
from aiclient2api.providers.keyed import Asked, Headers, KeyedProvider, base_url

VENDOR = "https://api.openai.com/v1"


def openai_custom(url: str | None) -> KeyedProvider:
    """Chat Completions; Responses where OpenAI's own Chat refuses (tools with a reasoning model)."""
    chat = _provider(url, "openai-custom")
    if urlsplit(chat.base_url).hostname != urlsplit(VENDOR).hostname:
        return chat
    responses = msgspec.structs.replace(responses_custom(url), name=chat.name)
    return msgspec.structs.replace(chat, instead=lambda asked: responses if refused_by_chat(asked) else None)


def refused_by_chat(asked: Asked) -> bool:
    """OpenAI's reasoning models take function tools in Chat only with reasoning switched off (dialects.md, 0.5)."""
    return asked.tools and reasons(asked.model.id) and asked.effort != "none"


def responses_custom(url: str | None) -> KeyedProvider:
    """Responses."""
    return msgspec.structs.replace(
        _provider(url, "openaiResponses-custom"),
        codec=openai_responses.OPENAI_RESPONSES,
        path=lambda model, stream: "/responses",
        reword=lambda request: request,
        knows_stop=False,
    )


def _provider(url: str | None, name: str) -> KeyedProvider:
    base = base_url(url, VENDOR)
    server = server_at(base)
    return KeyedProvider(
        name=name,
        family="openai",
        codec=openai_chat.OPENAI_CHAT,
        base_url=base,
        path=lambda model, stream: "/chat/completions",
        models_path="/models",
        sign=lambda grant: _signature(server, grant),
        shape=openai_shape,
        refuses=server.refuses,
        embeddings={"embeddings": lambda model: "/embeddings"},
        reword=(lambda request: request) if server.freeform_tools else functions_only,
    )


def _signature(server: Server, grant: Grant) -> Headers:
    if not grant.token:
        return ()
    return (
        (("api-key", grant.token),) if server.key_header == "api-key" else (("authorization", f"Bearer {grant.token}"),)
    )
