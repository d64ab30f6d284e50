"""What is to be done for one model request: passed on as it is, or translated through the middle.

Enters: the client's body and where it goes. Leaves: a Plan, from which the pipeline makes attempts and the answer.
"""

import contextlib
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.estimate import estimate_of
from aiclient2api.canonical.repair import repair
from aiclient2api.canonical.request import Base64, Block, Document, Image, Request, Text
from aiclient2api.dialects.base import Answer, Dialect, Peek
from aiclient2api.gateway.context import Context, Visit
from aiclient2api.gateway.fetching import Fetcher
from aiclient2api.gateway.links import inlined
from aiclient2api.gateway.upstream import Prepare, asking, passing_on
from aiclient2api.providers.base import Ask, Letter
from aiclient2api.routing.models import Route

Keep = Callable[[bytes], None]


class Plan(NamedTuple):
    """`dropped` is what was left out already when the request was read; `keep` takes the whole answer, where the client
    may refer to it later; `passed`: the bytes go through in their own dialect."""

    prepare: Prepare
    shape: Answer
    stream: bool
    dropped: tuple[str, ...] = ()
    keep: Keep | None = None
    passed: bool = False


def make_plan(context: Context, visit: Visit, front: Dialect, body: bytes, peek: Peek, route: Route) -> Plan:
    """Raises GatewayError for a body that the dialect refuses."""
    if route.provider.passes(front.name, peek):
        return _passed_on(context, visit, front, body, peek, route)
    return _translated(context, visit, front, body, route)


def _passed_on(context: Context, visit: Visit, front: Dialect, body: bytes, peek: Peek, route: Route) -> Plan:
    headers = visit.headers
    if context.prompt_log.on:
        with contextlib.suppress(GatewayError):  # the upstream may serve what we cannot read
            context.prompt_log.request(visit.id, front.decode_request(body, headers))
    rewrite = context.prompt.rewrite(route.model, route.requested, route.provider.family)
    letter = Letter(body=body, headers=headers, stream=peek.stream, rewrite=rewrite, view=peek.view)
    shape = Answer(seed=visit.seed, created=int(visit.wall_clock), model=route.requested)
    return Plan(passing_on(letter), shape, peek.stream, passed=True)


def _translated(context: Context, visit: Visit, front: Dialect, body: bytes, route: Route) -> Plan:
    keep: Keep | None = None
    if front.name == "openai_responses":
        body = context.stored.expand(visit.key, body)
        keep = partial(context.stored.keep, visit.key, body)
    request = repair(context.prompt.apply(front.decode_request(body, visit.headers)))
    context.prompt_log.request(visit.id, request)
    return _planned(visit, route, request, keep)


async def with_bytes(fetcher: Fetcher, visit: Visit, body: bytes, route: Route, plan: Plan) -> Plan:
    """The plan with the bytes of what the client gives by URL, where the provider needs them. Raises GatewayError."""
    request = plan.shape.request
    if request is None:
        return plan
    fetched = await inlined(request, route, fetcher, body)
    return plan if fetched is request else _planned(visit, route, fetched, plan.keep)


def _planned(visit: Visit, route: Route, request: Request, keep: Keep | None) -> Plan:
    estimate = estimate_of(request)
    ask = Ask(
        request=request,
        model=route.model,
        seed=visit.seed,
        conversation=partial(conversation_key, request),
        input_estimate=estimate,
    )
    shape = Answer(
        seed=visit.seed,
        created=int(visit.wall_clock),
        model=route.requested,
        include_usage=request.include_usage,
        thinking=request.reasoning is None or request.reasoning.mode != "off",
        input_estimate=estimate,
        request=request,
    )
    return Plan(asking(ask), shape, request.stream, request.dropped, keep)


def conversation_key(request: Request) -> str:
    """What stays the same over a conversation: the client's session, else how the talk began."""
    if request.session is not None:
        return request.session
    first = next((turn.blocks for turn in request.turns if turn.role == "user"), ())
    return "\0".join(_beginning(block) for block in (*request.system, *first))


def _beginning(block: Block) -> str:
    """What tells a block from others; of a picture's megabytes a part will do."""
    if isinstance(block, Text):
        return block.text[:4096]
    if isinstance(block, Image | Document) and isinstance(block.source, Base64):
        return f"{len(block.source.data)}:{block.source.data[:1024]}"
    return repr(block)
