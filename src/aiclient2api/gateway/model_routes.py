"""The routes about models: answers of each dialect, counts, embeddings, lists."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.dialects import anthropic
from aiclient2api.dialects.base import Dialect
from aiclient2api.dialects.gemini import GEMINI_ARRAY, decode_count_request, encode_count
from aiclient2api.dialects.registry import DIALECTS
from aiclient2api.gateway import listing, pipeline, routes, side_calls
from aiclient2api.gateway.books import is_permitted
from aiclient2api.gateway.context import Context, Visit
from aiclient2api.gateway.respond import json_answer
from aiclient2api.gateway.routes import Target
from aiclient2api.routing.models import Offer, listed
from aiclient2api.wire import jsonio

Route = Callable[[Context, Visit, Target], Awaitable[None]]
GEMINI = DIALECTS["gemini"]


def _answer(context: Context, visit: Visit, target: Target) -> Awaitable[None]:
    return pipeline.answer(context, visit, DIALECTS[target.name])


async def _responses(context: Context, visit: Visit, target: Target) -> None:
    """POST only: clients that try a WebSocket first come back with POST when they read 426 (dialects.md, 1.3.1)."""
    exchange = visit.exchange
    if exchange.method != "POST":
        if not any(name.startswith("sec-websocket-") for name in exchange.headers):
            raise GatewayError("method", f"{exchange.path} takes POST, not {exchange.method}.")
        message = "Responses over WebSocket is not offered here. POST to the same address."
        raise GatewayError("method", message, status=426)
    await pipeline.answer(context, visit, DIALECTS[target.name])


async def _gemini(context: Context, visit: Visit, target: Target) -> None:
    visit.facts = {":model": target.item}
    await pipeline.answer(context, visit, GEMINI)


async def _gemini_stream(context: Context, visit: Visit, target: Target) -> None:
    """A stream of events with alt=sse, else one JSON array that grows."""
    as_events = visit.exchange.query.get("alt") == "sse"
    visit.facts = {":model": target.item, ":stream": "sse" if as_events else "array"}
    await pipeline.answer(context, visit, GEMINI if as_events else GEMINI_ARRAY)


async def _count_tokens(context: Context, visit: Visit, target: Target) -> None:
    count = await side_calls.count_tokens(context, visit, anthropic.decode_count_request)
    await json_answer(visit, jsonio.encode({"input_tokens": count}))


async def _input_tokens(context: Context, visit: Visit, target: Target) -> None:
    count = await side_calls.count_tokens(context, visit, DIALECTS["openai_responses"].decode_request)
    await json_answer(visit, jsonio.encode({"object": "response.input_tokens", "input_tokens": count}))


async def _gemini_count(context: Context, visit: Visit, target: Target) -> None:
    visit.facts = {":model": target.item}
    count = await side_calls.count_tokens(context, visit, decode_count_request)
    await json_answer(visit, encode_count(count))


async def _embeddings(context: Context, visit: Visit, target: Target) -> None:
    await json_answer(visit, await side_calls.embed(context, visit, target.name, target.item or None))


async def _models(context: Context, visit: Visit, target: Target) -> None:
    """The same list in the form that the client reads."""
    offers = await context.catalogue.offers()
    if visit.provider is not None:
        offers = [offer for offer in offers if offer.provider.name == visit.provider]
    found = listed(offers, context.aliases if visit.provider is None else {})
    models = [(name, model) for name, model in found if _is_shown(visit, offers, name, model.id)]
    query = visit.exchange.query
    if routes.is_gemini(target, visit.exchange.headers, query):
        body = listing.gemini_item(models, target.item) if target.item else listing.gemini_list(models)
    elif target.item:
        body = listing.model_item(models, target.item)
    else:
        body = listing.model_list(models, codex="client_version" in query)
    await json_answer(visit, body)


def _is_shown(visit: Visit, offers: Sequence[Offer], name: str, model: str) -> bool:
    """Whether the client's key may use the model under this name, at one of its providers at least."""
    return visit.client is None or any(
        is_permitted(visit, offer.provider.name, (name, model))
        for offer in offers
        if offer.provider.resolve(model, offer.models) is not None
    )


HANDLERS: Mapping[str, Route] = {
    "openai_chat": _answer,
    "openai_responses": _responses,
    "anthropic": _answer,
    "gemini": _gemini,
    "gemini_stream": _gemini_stream,
    "count_tokens": _count_tokens,
    "input_tokens": _input_tokens,
    "gemini_count": _gemini_count,
    "embeddings": _embeddings,
    "gemini_embed": _embeddings,
    "gemini_embed_batch": _embeddings,
    "models": _models,
    "model": _models,
    "gemini_models": _models,
    "gemini_model": _models,
}


def dialect_of(visit: Visit, target: Target) -> Dialect:
    """The dialect that errors on this route are told in."""
    exchange = visit.exchange
    name = target.name if target.name in DIALECTS else routes.dialect_of(exchange.path, target, exchange.headers)
    return DIALECTS[name]
