"""The straight line: one model request from bytes to bytes. Read it from top to bottom."""

import hashlib
import uuid
from contextlib import aclosing

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.estimate import estimate_request
from aiclient2api.canonical.repair import repair
from aiclient2api.canonical.request import Request
from aiclient2api.dialects.base import Answer, Dialect
from aiclient2api.gateway.context import Context, Visit
from aiclient2api.gateway.pump import Pump, fold_all
from aiclient2api.gateway.record import watch
from aiclient2api.gateway.upstream import Journey, asking
from aiclient2api.providers.base import Ask
from aiclient2api.routing.models import Route, resolve


async def answer(context: Context, visit: Visit, front: Dialect) -> None:
    """Answer one request of the dialect `front`. Raises GatewayError while nothing has been sent."""
    body = await visit.body(context.max_body_bytes)
    request = repair(context.prompt.apply(front.decode_request(body, visit.exchange.headers)))
    route = resolve(request.model, visit.provider, await context.catalogue.offers(), context.aliases)
    account = context.accounts[route.provider.name]
    visit.routed(route, account.login.id, request)
    context.prompt_log.request(visit.id, request)

    estimate = estimate_request(request)
    ask = Ask(
        request=request,
        model=route.model,
        seed=visit.seed,
        conversation=conversation_id(request, account.login.id),
        input_estimate=estimate,
    )
    shape = _answer_shape(visit, request, route, estimate)
    journey = Journey(raw=context.raw_log(visit.id))
    visit.journey = journey

    async with aclosing(watch(context.upstream.events(account, asking(route.provider, ask), journey), visit, context.prompt_log)) as batches:
        if request.stream:
            pump = Pump(visit.exchange, front.encoder(shape), front.heartbeat, visit.answer_headers)
            try:
                visit.failed = await pump.run(batches)
            except BaseException:
                if context.draining():
                    await pump.break_off(GatewayError("draining", "The gateway is shutting down."))
                raise
        else:
            response = await fold_all(batches)
            headers = [("content-type", "application/json"), *visit.answer_headers()]
            await visit.exchange.respond(200, headers, front.encode_response(response, shape))


async def count_tokens(context: Context, visit: Visit, front: Dialect) -> int:
    """Input tokens of a request that is not sent: our estimate, over all kinds of blocks."""
    body = await visit.body(context.max_body_bytes)
    request = context.prompt.apply(front.decode_request(body, visit.exchange.headers))
    resolve(request.model, visit.provider, await context.catalogue.offers(), context.aliases)
    return estimate_request(request)


def _answer_shape(visit: Visit, request: Request, route: Route, estimate: int) -> Answer:
    return Answer(
        seed=visit.seed,
        created=int(visit.wall_clock),
        model=route.requested,
        include_usage=request.include_usage,
        thinking=request.reasoning is None or request.reasoning.mode != "off",
        input_estimate=estimate,
        request=request,
    )


def conversation_id(request: Request, account: str) -> str:
    """A UUID that stays the same over a conversation: from the client's session, else from how the talk began."""
    if request.session is not None:
        key = request.session
    else:
        first = next((repr(turn.blocks) for turn in request.turns if turn.role == "user"), "")
        key = repr(request.system) + first
    digest = hashlib.sha256(f"{account}\0{key}".encode("utf-8", "surrogatepass")).digest()
    return str(uuid.UUID(bytes=digest[:16], version=4))
