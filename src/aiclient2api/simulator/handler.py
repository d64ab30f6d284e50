"""The handler of all simulated upstreams: one address serves them all, told apart by path.

Enters: an exchange. Every request is recorded and counted, the script's step for it is looked up, and the route
answers; an unknown path is 404. Routes with a name in their path are found by pattern, after the exact ones.
"""

from collections.abc import Mapping

from aiclient2api.http1.messages import Exchange, Handler
from aiclient2api.simulator import (
    anthropic,
    code_assist,
    gemini,
    google_auth,
    kiro,
    kiro_auth,
    openai_chat,
    openai_embeddings,
    responses,
)
from aiclient2api.simulator.delivery import Delivery
from aiclient2api.simulator.simulation import Recorded, Simulation
from aiclient2api.simulator.visit import Pattern, Route, Visit


def _shared(of_gemini: Route, of_anthropic: Route, of_openai: Route) -> Route:
    """A route of three APIs; which one is meant shows by what only its clients send."""

    async def route(visit: Visit) -> None:
        headers, query = visit.exchange.headers, visit.exchange.query
        if "x-goog-api-key" in headers or "key" in query:
            await of_gemini(visit)
        elif "anthropic-version" in headers:
            await of_anthropic(visit)
        else:
            await of_openai(visit)

    return route


async def _token(visit: Visit) -> None:
    """POST /token: of several identity providers, told apart by whose refresh token it is."""
    form = kiro_auth.form_of(visit)
    if google_auth.is_meant(form, visit.simulation):
        await google_auth.token(visit, form)
    else:
        await kiro_auth.token(visit)


async def _alive(visit: Visit) -> None:
    await visit.delivery.json(200, b'{"simulated":true}')


async def _unknown(visit: Visit) -> None:
    await visit.delivery.json(404, b'{"message":"The simulator has no such path."}')


_ROUTES: dict[tuple[str, str], Route] = {
    **kiro.ROUTES,
    **kiro_auth.ROUTES,
    **anthropic.ROUTES,
    **openai_chat.ROUTES,
    **openai_embeddings.ROUTES,
    **responses.ROUTES,
    **gemini.ROUTES,
    **code_assist.ROUTES,
    ("POST", "/token"): _token,
    ("GET", "/v1/models"): _shared(gemini.models, anthropic.models, openai_chat.models),
    ("GET", "/"): _alive,
}
_PATTERNS: tuple[Pattern, ...] = (
    *gemini.PATTERNS,
    ("GET", gemini.ONE_MODEL, _shared(gemini.model, anthropic.model, openai_chat.model)),
)


def _route(method: str, path: str) -> tuple[Route, Mapping[str, str]]:
    """The route and what its pattern names."""
    if (exact := _ROUTES.get((method, path))) is not None:
        return exact, {}
    for wanted, pattern, route in _PATTERNS:
        if method == wanted and (found := pattern.fullmatch(path)) is not None:
            return route, found.groupdict()
    return _unknown, {}


def make_handler(simulation: Simulation) -> Handler:
    """A handler for an HTTP server. It raises delivery.Cut where the script wants the connection to end."""

    async def handle(exchange: Exchange) -> None:
        body = await exchange.body()
        headers = exchange.headers
        simulation.recorded.append(Recorded(exchange.method, exchange.path, exchange.target, dict(headers), body))
        step = simulation.script.next(exchange.method, exchange.path, headers.get("x-amz-target", ""))
        if step is not None and step.expire_tokens:
            simulation.expire_tokens()
        delivery = Delivery(exchange, step, simulation.pace)
        if await delivery.before():
            return
        route, named = _route("GET" if exchange.method == "HEAD" else exchange.method, exchange.path)
        await route(Visit(exchange, simulation, delivery, body, simulation.made("simulated-request-"), named))

    return handle
