"""The straight line: one model request from bytes to bytes. Read it from top to bottom."""

import asyncio
from collections.abc import Mapping
from functools import partial

from aiclient2api.canonical.errors import GatewayError, detached
from aiclient2api.dialects.base import Dialect, Peek, Resulting
from aiclient2api.dialects.passing import glance
from aiclient2api.gateway import demand
from aiclient2api.gateway.account_pool import Want, is_final
from aiclient2api.gateway.context import Context, Visit
from aiclient2api.gateway.failover import Answered
from aiclient2api.gateway.plan import make_plan, with_bytes
from aiclient2api.gateway.pump import Pump, fold_all
from aiclient2api.gateway.record import Watch
from aiclient2api.gateway.session import session_of
from aiclient2api.gateway.upstream import Journey
from aiclient2api.routing.models import Route

LARGE_BODY = 1024 * 1024


async def answer(context: Context, visit: Visit, front: Dialect) -> None:
    """Answer one request of the dialect `front`, from the first provider that can. Raises GatewayError while nothing
    has been sent."""
    visit.front = front.name
    body = await visit.body(context.max_body_bytes)
    may_pass = context.catalogue.may_pass(front.name, None if context.fallback.leads_on else visit.provider)
    peek = front.passing.peek(body, visit.headers) if may_pass else glance(front.passing, body, visit.headers)
    if len(body) > LARGE_BODY:
        await let_others()
    routes = await find_routes(context, visit, peek.model)
    if context.cache is not None and await context.cache.replayed(visit, front, body, peek, context.prompt.stamp()):
        return
    if visit.client is not None:
        await context.books.admit(visit, body, partial(demand.exact, front, body, visit.headers))
    for number, route in enumerate(routes, 1):
        try:
            await _answer(context, visit, front, body, peek, route)
        except GatewayError as error:
            if number == len(routes) or visit.exchange.started or is_final(error):
                raise
            detached(error)  # the journey of this provider keeps it
            visit.recording = None  # what another provider answers is not this one's answer
        else:
            if visit.recording is not None and visit.failed is None:
                await visit.recording.keep(visit)
            return


async def _answer(context: Context, visit: Visit, front: Dialect, body: bytes, peek: Peek, route: Route) -> None:
    """The answer of one provider."""
    visit.route, visit.stream = route, peek.stream
    pool = context.pools[route.provider.name]
    if front.name == "openai_responses":
        await context.stored.fetch(visit.key, body)
    plan = make_plan(context, visit, front, body, peek, route)
    if context.fetcher is not None:
        plan = await with_bytes(context.fetcher, visit, body, route, plan)
    if len(body) > LARGE_BODY:
        await let_others()
    journey = visit.journey = Journey(
        attempts=visit.attempts,  # those of the providers that were asked before
        raw=context.raw_log(visit.id),
        dropped=plan.dropped,
        trail=visit.trail,
        passed=plan.passed,
        large=len(body) > LARGE_BODY,
    )
    want = Want(route.model.id, session_of(body, visit.headers) if len(pool.accounts) > 1 else "")
    estimate = partial(_input_tokens, front, body, visit.headers) if plan.passed else plan.shape.input_estimate
    watch = Watch(visit, front, context.prompt_log, estimate)
    async with Answered(context.upstream, pool, plan.prepare, journey, want, watch) as source:
        if plan.stream:
            encoder = front.encoder(plan.shape)
            recording = visit.recording
            sending = encoder if recording is None else recording.of(encoder)
            pump = Pump(visit.exchange, front, sending, visit.answer_headers)
            try:
                visit.failed = await pump.run(source)
                if plan.keep is not None and isinstance(encoder, Resulting):
                    plan.keep(encoder.result)
            except BaseException:
                if context.draining():
                    await pump.break_off(GatewayError("draining", "The gateway is shutting down."))
                raise
        else:
            whole = await fold_all(source)
            data = whole if isinstance(whole, bytes) else front.encode_response(whole, plan.shape)
            if plan.keep is not None:
                plan.keep(data)
            if visit.recording is not None:
                visit.recording.add(data)
            headers = [("content-type", "application/json"), *visit.answer_headers()]
            await visit.exchange.respond(200, headers, data)


async def let_others() -> None:
    """Work on a large body takes tens of milliseconds; between its steps other streams get their turn."""
    await asyncio.sleep(0)


def _input_tokens(front: Dialect, body: bytes, headers: Mapping[str, str]) -> int:
    return demand.exact(front, body, headers).sure


async def find_route(context: Context, visit: Visit, model: str) -> Route:
    """Where a request for `model` goes; noted on the visit. Raises GatewayError."""
    route, *_ = await find_routes(context, visit, model)
    return route


async def find_routes(context: Context, visit: Visit, model: str) -> tuple[Route, ...]:
    """Where a request for `model` goes, and where it may go then. Raises GatewayError."""
    catalogue = context.catalogue
    route = catalogue.known(model, visit.provider) or await catalogue.route(model, visit.provider, context.aliases)
    visit.route = route
    routes = context.fallback.routes(route, catalogue.offered)
    return routes if visit.client is None else context.books.permitted(visit, routes)
