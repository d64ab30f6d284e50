"""Every failure of every service reaches every client as its API tells of it: before the answer, within it, or cut."""

import pytest

from aiclient2api.canonical.errors import GatewayError, Kind
from aiclient2api.canonical.events import Event, Failed
from tests.pairs.answers import READ, SIGNED, TOOLS, Vector, answer, call, prose, thinking
from tests.pairs.backs import BACKS, Back, same_dialect
from tests.pairs.failures import HEARD, IN_MIDSTREAM, IN_STREAMS, TOLD, UNDERSTOOD, WAIT, WORDS, refusal
from tests.pairs.fronts import FRONTS, Front
from tests.pairs.questions import QUESTIONS
from tests.pairs.world import Json, Play, Reply, World

PAIRS = [
    pytest.param(front, back, id=f"{front.name}-{back.name}") for front in FRONTS.values() for back in BACKS.values()
]
MODES = [pytest.param(True, id="stream"), pytest.param(False, id="whole")]
EVERYTHING = Vector(
    "everything",
    answer(
        thinking(0, "Let me ", "think.", state=SIGNED),
        prose(1, "I will ", "look."),
        call(2, "call_1a", "read_file", READ[:9], READ[9:]),
        call(3, "call_2b", "read_file", READ),
        reason="tools",
    ),
    TOOLS,
)


def asked(world: World, front: Front, back: Back, stream: bool) -> Reply:
    body = front.body(QUESTIONS["tools"].request, back.model, stream)
    return world.ask(front.target(back.name, back.model, stream), body, headers=front.headers)


@pytest.mark.parametrize("stream", MODES)
@pytest.mark.parametrize("kind", TOLD)
@pytest.mark.parametrize(("front", "back"), PAIRS)
def test_a_refusal(world: World, front: Front, back: Back, kind: Kind, stream: bool) -> None:
    """T137: status and type are those of the client's API; a refused login of ours is never the client's 401 or 403."""
    play = refusal(back, kind)
    world.plan(play, play)  # Kiro has two wire forms to try
    reply = asked(world, front, back, stream)
    heard = HEARD[front.dialect.name][UNDERSTOOD[back.form].get(kind, kind)]
    assert reply.status == heard.status or (front.dialect.name == back.form and reply.status == play.status)
    assert reply.kind == "application/json"
    type_, text = front.error(reply.json)
    assert type_ == heard.type
    assert WORDS in text or heard.status == 503
    assert reply.headers.get("retry-after") == (WAIT if kind == "rate_limit" else None)
    if kind == "context_length" and front.name == "anthropic":
        assert text.lower().startswith("prompt is too long")


@pytest.mark.parametrize("kind", IN_MIDSTREAM)
@pytest.mark.parametrize(("front", "back"), PAIRS)
def test_a_failure_in_the_stream(world: World, front: Front, back: Back, kind: Kind) -> None:
    """Before any content it is an answer of its own with a status; after it, the last word of the stream."""
    failed: list[Event] = [Failed(GatewayError(kind, WORDS))]
    heard = HEARD[front.dialect.name][kind]
    for said in (1, 3):
        pieces = back.pieces([*EVERYTHING.events[:said], *failed])
        world.plan(Play(pieces, kind=back.kind, late=True))
        reply = asked(world, front, back, True)
        if said == 1:
            assert reply.status == heard.status
            body: Json = reply.json
        else:
            assert reply.status == 200
            assert not front.end(reply.body)
            if same_dialect(front.name, back):
                assert reply.body.startswith(b"".join(pieces[:3]))
                assert WORDS.encode() in reply.body[len(b"".join(pieces[:3])) :]
                continue
            body = front.broken(reply.body)
        type_, text = front.error(body)
        assert type_ == (IN_STREAMS.get(front.name, {}).get(kind, heard.type) if said > 1 else heard.type)
        assert WORDS in text


@pytest.mark.parametrize("broken", [pytest.param(True, id="broken"), pytest.param(False, id="closed")])
@pytest.mark.parametrize(("front", "back"), PAIRS)
def test_an_answer_that_ends_too_early(world: World, front: Front, back: Back, broken: bool) -> None:
    """T064: after whichever event, and whether the connection breaks or is closed in order: never a normal end."""
    pieces = back.pieces(EVERYTHING.events)
    ends = [count for count in range(1, len(pieces)) if pieces[count - 1]]
    seen = set()
    for count in [0, *ends]:
        world.plan(Play(pieces[:count], kind=back.kind, broken=broken))
        reply = asked(world, front, back, True)
        seen.add(reply.status)
        if reply.status == 200:
            assert not front.end(reply.body), count
            body = front.broken(reply.body)
            if not same_dialect(front.name, back):
                front.broken_grammar(reply.body)
        else:
            body = reply.json
        assert front.error(body)[0] == HEARD[front.dialect.name]["truncated"].type, count
    assert seen == {200, 502}


@pytest.mark.parametrize(("front", "back"), PAIRS)
def test_a_whole_answer_that_is_none(world: World, front: Front, back: Back) -> None:
    """A page of a proxy, nothing, half an answer."""
    whole = b"".join(back.pieces(EVERYTHING.events)) if back.always_streams else back.whole(EVERYTHING.events)
    for body in (b"<html><body>502</body></html>", b"", b"{}", b"[]", whole[: len(whole) // 2]):
        world.plan(Play([body], stream=False, kind="application/json"))
        reply = asked(world, front, back, not front.whole)
        if reply.status == 200 and not front.whole:
            assert not front.end(reply.body)
            continue
        assert reply.status == 502, body
        assert front.error(reply.json)[0] in {
            HEARD[front.dialect.name][kind].type for kind in ("upstream", "truncated")
        }
