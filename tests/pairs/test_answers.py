"""Every answer of every service to every client: what the API of each can carry arrives, streamed and whole alike."""

import pytest

from aiclient2api.canonical.request import Reasoning, Request, Text, Turn
from aiclient2api.canonical.response import Response, fold
from tests.pairs.answers import VECTORS, Vector
from tests.pairs.backs import BACKS, Back
from tests.pairs.carries import CARRIES, LOSSLESS, shown
from tests.pairs.fronts import FRONTS, Front
from tests.pairs.world import World

CASES = [
    pytest.param(front, back, stream, id=f"{front.name}-{back.name}-{'stream' if stream else 'whole'}")
    for front in FRONTS.values()
    for back in BACKS.values()
    for stream in (True, False)
    if stream or front.whole
]


def question(vector: Vector) -> Request:
    """What the client asks: it wants to see the thinking, and the usage."""
    return Request(
        dialect="",
        model="",
        turns=(Turn("user", (Text("What now?"),)),),
        tools=vector.tools,
        reasoning=Reasoning("effort", "high", display="summarized"),
        max_tokens=4096,
        include_usage=True,
    )


def asked(world: World, front: Front, back: Back, vector: Vector, stream: bool) -> Response:
    """The answer as the client reads it."""
    world.plan(back.play(vector.events, stream))
    body = front.body(question(vector), back.model, stream)
    reply = world.ask(front.target(back.name, back.model, stream), body, headers=front.headers)
    return shown(front.read(reply, stream), LOSSLESS, True)


def expected(front: Front, back: Back, vector: Vector, stream: bool) -> Response:
    upstream = CARRIES["kiro" if back.dialect is None else back.dialect.name]
    told = shown(fold(back.own(vector.events)), upstream, stream or back.always_streams)
    return shown(told, CARRIES[front.dialect.name], stream)


@pytest.mark.parametrize("vector", VECTORS.values(), ids=VECTORS)
@pytest.mark.parametrize(("front", "back", "stream"), CASES)
def test_the_client_gets_what_the_model_said(
    world: World, front: Front, back: Back, vector: Vector, stream: bool
) -> None:
    assert asked(world, front, back, vector, stream) == expected(front, back, vector, stream)
