"""The handler of all simulated upstreams: one address serves them all, told apart by path.

Enters: an exchange. Every request is recorded and counted, the script's step for it is looked up, and the route
answers; an unknown path is 404.
"""

from aiclient2api.http1.messages import Exchange, Handler
from aiclient2api.simulator import anthropic, kiro, kiro_auth, openai_chat, openai_embeddings, responses
from aiclient2api.simulator.delivery import Delivery
from aiclient2api.simulator.simulation import Recorded, Simulation
from aiclient2api.simulator.visit import Route, Visit


async def _models(visit: Visit) -> None:
    """GET /v1/models: which API is meant shows by the header that only one of them has."""
    own = anthropic.models if "anthropic-version" in visit.exchange.headers else openai_chat.models
    await own(visit)


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
    ("GET", "/v1/models"): _models,
    ("GET", "/"): _alive,
}


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
        method = "GET" if exchange.method == "HEAD" else exchange.method
        route = _ROUTES.get((method, exchange.path), _unknown)
        await route(Visit(exchange, simulation, delivery, body, simulation.made("simulated-request-")))

    return handle
