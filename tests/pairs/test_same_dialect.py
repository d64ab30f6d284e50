"""A client and a service of one dialect: through the whole gateway every byte stays as it was, in both directions."""

import pytest

from aiclient2api.canonical.errors import Kind
from tests.pairs.answers import VECTORS, Vector
from tests.pairs.backs import BACKS, Back, same_dialect
from tests.pairs.failures import TOLD, refusal
from tests.pairs.fronts import FRONTS, Front
from tests.pairs.world import World
from tests.passing.odd_bodies import STARTS, bodies

SAME = [
    pytest.param(front, back, id=f"{front.name}-{back.name}")
    for front in FRONTS.values()
    for back in BACKS.values()
    if same_dialect(front.name, back)
]
MODES = [pytest.param(True, id="stream"), pytest.param(False, id="whole")]
LOGIN_OF_OURS: tuple[Kind, ...] = ("authentication", "permission")
"""What a service says of our own login is told in our words."""


def sent(front: Front, model: str, stream: bool, odd: int) -> bytes:
    """A body with a member that would not come through a decoder and an encoder unharmed."""
    start = STARTS[front.name].replace(b'"m-1"', b'"%b"' % model.encode())
    asked = b',"stream":true' if stream and front.name != "gemini" else b""
    usage = b',"stream_options":{"include_usage":true}' if asked and front.name == "openai_chat" else b""
    return bodies(start + asked + usage)[odd]


def test_all_four_dialects_pass() -> None:
    assert [each.values[0] for each in SAME] == [front for front in FRONTS.values() if front.whole]


@pytest.mark.parametrize("stream", MODES)
@pytest.mark.parametrize(("number", "vector"), list(enumerate(VECTORS.values())), ids=VECTORS)
@pytest.mark.parametrize(("front", "back"), SAME)
def test_both_ways(world: World, front: Front, back: Back, number: int, vector: Vector, stream: bool) -> None:
    """T028, T146: the request with its unknown members and odd spelling, the answer as the service wrote it."""
    play = back.play(vector.events, stream)
    world.plan(play)
    body = sent(front, back.model, stream, number % 20)
    reply = world.ask(front.target(back.name, back.model, stream), body, headers=front.headers)
    assert reply.status == 200
    assert world.heard.body == body
    assert reply.body == play.body


@pytest.mark.parametrize("kind", [kind for kind in TOLD if kind not in LOGIN_OF_OURS])
@pytest.mark.parametrize(("front", "back"), SAME)
def test_errors(world: World, front: Front, back: Back, kind: Kind) -> None:
    """T138: byte for byte."""
    play = refusal(back, kind)
    world.plan(play)
    body = sent(front, back.model, False, 0)
    reply = world.ask(front.target(back.name, back.model, False), body, headers=front.headers)
    assert reply.body == play.body
