"""What happens to each HTTP request: CORS, the route, the key, the handler, and every error in the client's dialect."""

import asyncio
import contextlib
import random
import secrets
from functools import lru_cache, partial

from aiclient2api import __version__
from aiclient2api.canonical.errors import GatewayError, detached
from aiclient2api.dialects.base import Dialect
from aiclient2api.gateway import routes
from aiclient2api.gateway.context import CORS, Context, Visit
from aiclient2api.gateway.door import TOO_MANY_KEYS
from aiclient2api.gateway.model_routes import HANDLERS, Route, dialect_of
from aiclient2api.gateway.record import log_visit
from aiclient2api.gateway.respond import JSON, json_answer, whole_answer
from aiclient2api.gateway.visitors import is_loopback
from aiclient2api.http1.messages import Exchange
from aiclient2api.observe.exposition import OPENMETRICS, TEXT, wants_openmetrics
from aiclient2api.settings.schema import PROVIDERS
from aiclient2api.wire import jsonio

PREFLIGHT = (
    *CORS,
    ("access-control-allow-methods", "GET, POST, HEAD, OPTIONS"),
    ("access-control-max-age", "86400"),
)

REMEMBERED = 1024
"""Paths whose route is known; Gemini's have a model in them."""

CLIENT_LEFT = 499
"""What the log shows for a client that left before its answer was whole (nginx's number; it is never sent)."""


class App:
    """The handler that http1.server calls."""

    def __init__(self, context: Context) -> None:
        self._context = context
        providers = {*PROVIDERS, *context.pools}
        self._find = lru_cache(REMEMBERED)(partial(routes.find, providers=providers))
        self._open = routes.OPEN | ({"metrics"} if context.measures.public else set())
        # Ids have to differ, not to be secret: no system call for each.
        self._ids = random.Random(secrets.token_bytes(32))

    async def __call__(self, exchange: Exchange) -> None:
        target = self._find(exchange.path)
        provider = target.provider or exchange.headers.get("model-provider")
        seed = f"{self._ids.getrandbits(128):032x}"
        visit = Visit(exchange, "req_" + seed[:24], seed, provider)
        status = 200
        try:
            await self._route(visit, target, exchange)
        except GatewayError as error:
            visit.failed = detached(error)
            status = await _refuse(visit, dialect_of(visit, target), error)
        except asyncio.CancelledError:
            status = CLIENT_LEFT
            raise
        finally:
            if target.name not in routes.QUIET or visit.failed is not None:
                if not _flood(visit):
                    log_visit(visit, status)
                if visit.failed is not None and status == 200:  # the stream broke off
                    status = visit.failed.status
                if visit.hold is not None:
                    await self._context.books.settle(visit, visit.hold)
                self._context.books.enter(visit, status)

    async def _route(self, visit: Visit, target: routes.Target, exchange: Exchange) -> None:
        self._context.hosts.check(exchange.headers)
        if exchange.method == "OPTIONS":
            asked = exchange.headers.get("access-control-request-headers", "*")
            await exchange.respond(204, [*PREFLIGHT, ("access-control-allow-headers", asked)], b"")
            return
        if not target.name:
            raise GatewayError("not_found", f"There is no route {exchange.method} {exchange.path[:200]}.")
        if target.name not in self._open:
            query = exchange.query
            in_query = routes.is_gemini(target, exchange.headers, query)
            visit.key, visit.client = self._context.door.check(exchange.headers, query, in_query, exchange.peer)
        if exchange.method not in routes.METHODS[target.name]:
            allowed = ", ".join(routes.METHODS[target.name])
            raise GatewayError("method", f"{exchange.path} takes {allowed}, not {exchange.method}.")
        await _HANDLERS[target.name](self._context, visit, target)


def _flood(visit: Visit) -> bool:
    """Whether a line in the log would be one of many that say the same."""
    return visit.failed is not None and visit.failed.reason == TOO_MANY_KEYS


def refuse(status: int, message: str) -> tuple[list[tuple[str, str]], bytes]:
    """Headers and body of an answer to what never became a request (malformed HTTP, limits): no dialect is known then,
    so the body has the members that the OpenAI and the Anthropic SDKs look for."""
    kind = "invalid_request_error" if status < 500 else "api_error"
    error = {"message": message[:1].upper() + message[1:] + ".", "type": kind, "param": None, "code": None}
    return [JSON], jsonio.encode({"type": "error", "error": error})


async def _refuse(visit: Visit, front: Dialect, error: GatewayError) -> int:
    answer = front.encode_error(error, visit.id)
    if not visit.exchange.started:
        headers = [JSON, *visit.answer_headers(), *answer.headers]
        await visit.exchange.respond(answer.status, headers, answer.body)
    return answer.status


async def _health(context: Context, visit: Visit, target: routes.Target) -> None:
    provider = next(iter(context.pools))
    await json_answer(visit, jsonio.encode({"status": "healthy", "provider": provider, "version": __version__}))


async def _ready(context: Context, visit: Visit, target: routes.Target) -> None:
    """Ready while at least one login is usable and we are not shutting down. Everybody learns the kind of what is
    wrong; the words, which name files, are for who has a key or asks from this machine."""
    reasons = {name: await pool.look() for name, pool in context.pools.items()}
    usable = any(status.usable for status in reasons.values()) and not context.draining()
    trusted = _is_trusted(context, visit)
    body = {
        "ready": usable,
        "draining": context.draining(),
        "accounts": {
            name: {"usable": status.usable, "problem": status.problem} | ({"reason": status.reason} if trusted else {})
            for name, status in reasons.items()
        },
    }
    await json_answer(visit, jsonio.encode(body), 200 if usable else 503)


_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")
"""Headers that show that a proxy on this machine asks for somebody elsewhere."""


def _is_trusted(context: Context, visit: Visit) -> bool:
    exchange = visit.exchange
    if is_loopback(exchange.peer) and not any(name in exchange.headers for name in _FORWARDED):
        return True
    with contextlib.suppress(GatewayError):
        context.door.check(exchange.headers, {}, False, exchange.peer)
        return True
    return False


async def _root(context: Context, visit: Visit, target: routes.Target) -> None:
    await json_answer(
        visit, jsonio.encode({"name": "aiclient2api", "version": __version__, "simulated": context.simulated})
    )


async def _metrics(context: Context, visit: Visit, target: routes.Target) -> None:
    openmetrics = wants_openmetrics(visit.exchange.headers.get("accept", ""))
    body = await context.measures.exposition(openmetrics)
    await whole_answer(visit, ("content-type", OPENMETRICS if openmetrics else TEXT), body)


_HANDLERS: dict[str, Route] = {
    **HANDLERS,
    "health": _health,
    "livez": _health,
    "readyz": _ready,
    "root": _root,
    "metrics": _metrics,
}
