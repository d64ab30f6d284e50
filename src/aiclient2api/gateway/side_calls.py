"""Small requests about models beside the answers: token counts and embeddings."""

import logging
import time
from collections.abc import Callable, Mapping

import msgspec

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.estimate import estimate_request
from aiclient2api.canonical.repair import repair
from aiclient2api.canonical.request import Request
from aiclient2api.canonical.usage import Usage
from aiclient2api.dialects.reading import refused
from aiclient2api.gateway.context import Context, Visit
from aiclient2api.gateway.metering import Fixed
from aiclient2api.gateway.pipeline import find_route
from aiclient2api.http1.messages import Deadlines
from aiclient2api.providers.base import Ask
from aiclient2api.state.limits import Demand
from aiclient2api.wire import jsonio

_log = logging.getLogger(__name__)

COUNT_DEADLINES = Deadlines(connect=5.0, head=5.0, idle=5.0, total=8.0)
EMBED_DEADLINES = Deadlines(connect=10.0, head=60.0, idle=60.0, total=120.0)

Decode = Callable[[bytes, Mapping[str, str]], Request]


async def count_tokens(context: Context, visit: Visit, decode: Decode) -> int:
    """Input tokens of a request that is not sent: the service's own count where it counts, else our estimate over all
    kinds of blocks. A count that fails is no reason to leave the client without one."""
    body = await visit.body(context.max_body_bytes)
    request = repair(context.prompt.apply(decode(body, visit.headers)))
    route = await find_route(context, visit, request.model)
    ask = Ask(request=request, model=route.model, seed=visit.seed)
    try:
        account = context.pools[route.provider.name].lead
        counted = await context.upstream.fetch(
            account, lambda grant: route.provider.count_tokens(ask, grant), COUNT_DEADLINES
        )
        if counted is not None:
            return route.provider.parse_count(counted[1])
    except GatewayError as error:
        _log.info("%s does not count: %s", route.provider.name, error.message)
    return estimate_request(request)


async def embed(context: Context, visit: Visit, form: str, model: str | None) -> bytes:
    """A request for embeddings, passed on. `model` stands in the path, or else in the body. Raises GatewayError."""
    body = await visit.body(context.max_body_bytes)
    asked = model if model is not None else _model_of(body)
    route = await find_route(context, visit, asked)
    visit.front = form
    await context.books.admit(visit, body, lambda: Demand(len(body) // 4))
    if model is None and route.model.id != asked:
        body = jsonio.patch(body, {"model": jsonio.encode(route.model.id)})
    answer = await context.upstream.fetch(
        context.pools[route.provider.name].lead,
        lambda grant: route.provider.embed(form, route.model.id, body, grant),
        EMBED_DEADLINES,
    )
    if answer is None:
        raise GatewayError("not_found", f"The provider {route.provider.name} has no embeddings of this form.")
    visit.first_content, visit.meter = time.perf_counter(), Fixed(_taken(answer[1], body))
    return answer[1]


class _Usage(msgspec.Struct):
    prompt_tokens: int | float | None = None


class _Counted(msgspec.Struct):
    usage: _Usage | None = None


def _taken(answer: bytes, body: bytes) -> Usage:
    """Embeddings have input only; not every service counts it."""
    try:
        usage = jsonio.decode(answer, _Counted).usage
    except jsonio.JsonError:
        usage = None
    if usage is None or not usage.prompt_tokens:
        return Usage(fresh=max(1, len(body) // 4), estimated=True)
    return Usage(fresh=int(usage.prompt_tokens))


class _Named(msgspec.Struct):
    model: str


def _model_of(body: bytes) -> str:
    try:
        return jsonio.decode(body, _Named).model
    except jsonio.JsonError as error:
        raise refused(error, "") from None
