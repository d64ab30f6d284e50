"""C3, C5: the client leaves at any moment, or has only finished asking."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from aiclient2api.simulator import Step
from tests.faults.rig import EVERYTHING, PAIRS, as_reply, gate, question, whole
from tests.faults.stage import LAST, Script, Stage, chunk, head, played
from tests.faults.test_clients_bodies import head_of, judged
from tests.gateway.answers import CHAT, FRONTS, asks, read
from tests.gateway.rig import eventually, rig
from tests.pairs.backs import BACKS, Back

A_SECOND = 1.0


@asynccontextmanager
async def deaf() -> AsyncIterator[str]:
    """An address that takes no connection and refuses none: its queue is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


async def test_c3_before_the_connection_stands(tmp_path: Path) -> None:
    """C3: the attempt to connect ends with the client; nothing runs a second later."""
    async with deaf() as upstream, gate(tmp_path, upstream) as running:
        for front, back in PAIRS:
            async with running.calling(front, back) as call:
                await eventually(lambda: running.gateway.server.active == 1)
                await asyncio.sleep(0.01)
                call.leave()
                await eventually(lambda: not running.gateway.server.active, A_SECOND)


def begun(back: Back, pieces: int) -> bytes:
    some = [each for each in back.pieces(EVERYTHING.events) if each][:pieces]
    return head(back.kind) + b"".join(map(chunk, some))


PLACES: dict[str, int | None] = {"before the head": None, "before the first event": 0, "in mid-stream": 6}


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("place", PLACES)
async def test_c3_at_any_moment(tmp_path: Path, place: str, stream: bool) -> None:
    """C3: the connection to the service is closed within a second, and no further attempt is made, over every pair."""
    pieces = PLACES[place]

    def script(name: str) -> Script:
        return (("stall",),) if pieces is None else (("send", begun(BACKS[name], pieces)), ("stall",))

    async with Stage(script) as stage, gate(tmp_path, stage.url, REQUEST_MAX_RETRIES=3) as running:
        for front, back in PAIRS:
            if not stream and not front.whole:
                continue
            stage.requests.clear()
            async with running.calling(front, back, stream=stream) as call:
                await stage.asked()
                if stream and pieces:
                    assert await call.piece()
                call.leave()
                await stage.gone(A_SECOND)
            await eventually(lambda: not running.gateway.server.active, A_SECOND)
            assert len(stage.requests) == 1


@pytest.mark.parametrize("front", FRONTS)
async def test_c3_while_a_login_is_renewed(tmp_path: Path, front: str) -> None:
    """C3: who waits for a renewal and leaves does not end it: the other one who waits gets his answer, from one
    renewal and one model call."""
    step = Step(path="/refreshToken", delay=2.5)  # longer than it takes to notice who has left
    async with rig(tmp_path, step) as running:
        login = json.loads(running.login.read_text("utf-8"))
        running.login.write_text(json.dumps(login | {"expiresAt": "2020-01-01T00:00:00.000Z"}), "utf-8")
        async with running.calling(front, asks(front)) as first, running.calling(CHAT, asks(CHAT)) as second:
            await eventually(lambda: running.gateway.server.active == 2)
            await asyncio.sleep(0.2)  # both wait for the renewal, which counts when it is answered
            assert running.simulation.counts["refresh"] == 0
            first.leave()
            await eventually(lambda: running.gateway.server.active <= 1, 2)
            said = read(CHAT, await second.whole())
            assert said.text
        assert running.simulation.counts["refresh"] == 1
        assert running.attempts() == 1


async def test_c5_a_half_closed_client(tmp_path: Path) -> None:
    """C5: FIN after the request, with a service that takes longer than the look whether the client is still there: the
    full answer is delivered, and h11 finds it well framed."""

    def script(name: str) -> Script:
        back = BACKS[name]
        body = played(back, back.pieces(EVERYTHING.events), end=b"")[len(head(back.kind)) :]
        half = len(body) // 2
        return (
            ("pause", 0.5),
            ("send", head(back.kind) + body[:half]),
            ("pause", 0.5),
            ("send", body[half:] + LAST),
        )

    async with Stage(script) as stage, gate(tmp_path, stage.url) as running:
        port = int(running.base.rpartition(":")[2])

        async def one(number: int) -> None:
            front, back = PAIRS[number]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            body = question(front, back)
            writer.write(head_of(front, back, f"content-length: {len(body)}") + body)
            writer.write_eof()
            whole(front, as_reply(judged(await asyncio.wait_for(reader.read(), 10))))
            writer.close()

        await asyncio.gather(*(one(number) for number in range(len(PAIRS))))
