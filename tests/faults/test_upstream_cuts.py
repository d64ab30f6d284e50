"""F1, F2, F4: the connection to a service ends at any byte, or brings its bytes one by one."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from aiclient2api.canonical.events import Event
from tests.faults.rig import EVERYTHING, PAIRS, Gate, gate, honest, whole
from tests.faults.stage import LAST, Script, Stage, chunk, head, played
from tests.pairs.backs import BACKS, Back
from tests.pairs.failures import HEARD
from tests.pairs.fronts import FRONTS, Front
from tests.pairs.world import Reply

AFTER_THE_BREAK = 0.25
ENDS: dict[str, tuple[str, ...]] = {"reset": ("rst",), "half-closed": ("fin",)}
PLACES = 16
"""Places of a cut for each pair; the fronts cut at different ones, so that a service's bytes are cut at five times as
many."""


def places(size: int, turn: int) -> Sequence[int]:
    """Bytes of the body after which the connection ends, the first and the last among them."""
    step = max(size // PLACES, 1)
    return sorted({0, 1, *range(turn * step // len(FRONTS), size, step), size - 1})


async def broken_at(running: Gate, stage: Stage, front: Front, back: Back) -> tuple[Reply, float]:
    """The answer, and how long after the break it had ended."""
    async with running.calling(front, back) as call:
        reply = await call.whole()
        took = asyncio.get_running_loop().time() - stage.broke
    return Reply(reply.status, reply.headers, reply.body), took


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("back", BACKS.values(), ids=list(BACKS))
async def test_f1_f2_a_connection_that_ends_after_k_bytes(tmp_path: Path, back: Back, end: str) -> None:
    """F1 (a reset), F2 (FIN, and no terminal event): all ends are the dialect's error, of the kind `truncated`, within
    250 ms of the break (the 95th percentile, as the machine may be busy), with no text that was not sent."""
    opening, pieces = head(back.kind), back.pieces(EVERYTHING.events)
    body, said_all = b"".join(map(chunk, pieces)), sum(len(chunk(piece)) for piece in pieces[:-2])
    script: Script = ()
    times: list[float] = []
    seen: set[int] = set()
    stage = Stage(lambda _: script)
    async with stage, gate(tmp_path, stage.url) as running:
        for turn, front in enumerate(FRONTS.values()):
            for k in places(len(body), turn):
                script = (("send", opening + body[:k]), ENDS[end])
                reply, took = await broken_at(running, stage, front, back)
                if k <= said_all or not (reply.status == 200 and front.end(reply.body)):
                    assert honest(front, reply) == HEARD[front.dialect.name]["truncated"].type, (front.name, k)
                else:  # the terminal event was there; nothing is lost with the connection behind it
                    whole(front, reply)
                times.append(took)
                seen.add(reply.status)
    assert seen == {200, 502}
    assert sorted(times)[int(len(times) * 0.95)] <= AFTER_THE_BREAK


@pytest.mark.parametrize("back", BACKS.values(), ids=list(BACKS))
async def test_f2_an_answer_that_is_closed_in_order_but_has_no_end(tmp_path: Path, back: Back) -> None:
    """The last chunk comes, the terminal event does not: the kind is `truncated`, not a normal end."""
    pieces = [piece for piece in back.pieces(EVERYTHING.events) if piece]
    count = 0
    stage = Stage(lambda _: (("send", played(back, pieces[:count])),))
    async with stage, gate(tmp_path, stage.url) as running:
        for front in FRONTS.values():
            for count in (0, 1, len(pieces) // 2, len(pieces) - 2):
                reply = await running.ask(front, back)
                assert honest(front, reply) == HEARD[front.dialect.name]["truncated"].type, (front.name, count)


@pytest.mark.parametrize("back", BACKS.values(), ids=list(BACKS))
async def test_f4_one_byte_at_a_time(tmp_path: Path, back: Back) -> None:
    """Every pair: the events that the client reads are those of the whole run."""
    whole = head(back.kind) + chunk(b"".join(back.pieces(EVERYTHING.events))) + LAST
    script: Script = ()
    async with Stage(lambda _: script) as stage, gate(tmp_path, stage.url) as running:
        for front in FRONTS.values():
            script = (("send", whole),)
            expected = events(front, await running.ask(front, back))
            script = (("drip", whole),)
            assert events(front, await running.ask(front, back)) == expected


def events(front: Front, reply: Reply) -> list[Event]:
    """What the client understands, without what differs between two answers (ids of messages)."""
    assert reply.status == 200
    assert front.end(reply.body)
    return [event for event in _joined(front.events(reply.body)) if type(event).__name__ != "Start"]


def _joined(found: Sequence[Event]) -> list[Event]:
    """Deltas of one block as one: how a text is cut up is not what it says."""
    out: list[Event] = []
    for event in found:
        if out and hasattr(event, "text") and type(out[-1]) is type(event) and out[-1].index == event.index:  # type: ignore[union-attr]
            out[-1] = type(event)(event.index, out[-1].text + event.text)  # type: ignore[call-arg,union-attr,arg-type]
        else:
            out.append(event)
    return out


def test_all_pairs_are_there() -> None:
    """Four dialects (one of them in two forms) with six providers."""
    assert len(PAIRS) == len({(front.name, back.name) for front, back in PAIRS}) >= 30
