"""The straight line: one model request from bytes to bytes. Read it from top to bottom."""

from contextlib import aclosing

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.dialects.base import Dialect, Resulting
from aiclient2api.gateway.context import Context, Visit
from aiclient2api.gateway.plan import make_plan
from aiclient2api.gateway.pump import Pump, fold_all
from aiclient2api.gateway.record import watch
from aiclient2api.gateway.upstream import Journey
from aiclient2api.routing.models import Route, resolve


async def answer(context: Context, visit: Visit, front: Dialect) -> None:
    """Answer one request of the dialect `front`. Raises GatewayError while nothing has been sent."""
    visit.front = front.name
    body = await visit.body(context.max_body_bytes)
    peek = front.passing.peek(body, visit.headers)
    route = await find_route(context, visit, peek.model)
    account = context.accounts[route.provider.name]
    plan = make_plan(context, visit, front, body, peek, route)
    journey = visit.journey = Journey(raw=context.raw_log(visit.id), dropped=plan.dropped)

    events = context.upstream.events(account, plan.prepare, journey)
    async with aclosing(watch(events, visit, front, context.prompt_log)) as batches:
        if plan.stream:
            encoder = front.encoder(plan.shape)
            pump = Pump(visit.exchange, front, encoder, visit.answer_headers)
            try:
                visit.failed = await pump.run(batches)
                if plan.keep is not None and isinstance(encoder, Resulting):
                    plan.keep(encoder.result)
            except BaseException:
                if context.draining():
                    await pump.break_off(GatewayError("draining", "The gateway is shutting down."))
                raise
        else:
            whole = await fold_all(batches)
            answered = whole if isinstance(whole, bytes) else front.encode_response(whole, plan.shape)
            if plan.keep is not None:
                plan.keep(answered)
            headers = [("content-type", "application/json"), *visit.answer_headers()]
            await visit.exchange.respond(200, headers, answered)


async def find_route(context: Context, visit: Visit, model: str) -> Route:
    """Where a request for `model` goes; noted on the visit. Raises GatewayError."""
    route = resolve(model, visit.provider, await context.catalogue.offers(), context.aliases)
    visit.route = route
    visit.account = context.accounts[route.provider.name].login.id
    return route
