"""F5, F6, F7: a service answers with 200 and something that is no answer, breaks off with words of its own, or sends
frames that are wrong."""

import gzip
import struct
import sys
import time
import tracemalloc
import zlib
from pathlib import Path

import pytest

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.events import Event, Failed
from aiclient2api.simulator.kiro_frames import event
from tests.e2e.process import serving
from tests.faults.processes import forget_peak, size_and_peak
from tests.faults.rig import (
    EVERYTHING,
    PAIRS,
    as_reply,
    call_of,
    environ_of,
    gate,
    honest,
    settings_for,
    whole,
)
from tests.faults.stage import LAST, Script, Stage, chunk, head, json_answer, played
from tests.gateway.rig import eventually
from tests.gateway.upstreams import text
from tests.pairs.backs import BACKS, Back
from tests.pairs.failures import HEARD, IN_MIDSTREAM, IN_STREAMS, WORDS
from tests.pairs.fronts import FRONTS, Front
from tests.pairs.world import KEY, Reply

KIRO = BACKS["claude-kiro-oauth"]
SECONDS = 1.0
MOST_GROWN = 32.0
PAGE = b"<!DOCTYPE html><html><title>Sign in</title><body>please sign in</body></html>"


def plain(body: bytes, kind: str) -> bytes:
    return json_answer(body).replace(b"application/json", kind.encode())


BODIES: dict[str, bytes] = {
    "an error": json_answer(b'{"error":{"message":"the cup is empty","type":"server_error","code":500}}'),
    "a page": plain(PAGE, "text/html"),
    "a page that says it is a stream": plain(PAGE, "text/event-stream"),
    "nothing": plain(b"", "text/event-stream"),
    "nothing, as JSON": plain(b"", "application/json"),
    "bytes": plain(bytes(range(256)) * 40, "application/octet-stream"),
}


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("name", BODIES)
async def test_f5_what_is_no_answer(tmp_path: Path, name: str, stream: bool) -> None:
    """F5: an error with a status within a second, and no page of anybody in it."""
    async with Stage(lambda _: (("send", BODIES[name]),)) as stage, gate(tmp_path, stage.url) as running:
        for front, back in PAIRS:
            if not stream and not front.whole:
                continue
            began = time.monotonic()
            reply = await running.ask(front, back, stream=stream)
            assert time.monotonic() - began <= SECONDS
            assert reply.status == 502, (front.name, back.name, reply.body)
            assert honest(front, reply) is not None
            assert b"<html>" not in reply.body


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "text/html", "x"])
async def test_f5_a_good_stream_of_a_wrong_content_type(tmp_path: Path, kind: str) -> None:
    """F5: it is read as what it is, or refused; it is never shown half."""
    answers = {
        name: head(kind) + b"".join(map(chunk, back.pieces(EVERYTHING.events))) + LAST for name, back in BACKS.items()
    }
    async with Stage(lambda name: (("send", answers[name]),)) as stage, gate(tmp_path, stage.url) as running:
        for front, back in PAIRS:
            reply = await running.ask(front, back)
            if reply.status == 200:
                whole(front, reply)
            else:
                assert honest(front, reply) == HEARD[front.dialect.name]["upstream"].type


FILLINGS = {
    "zeros": b"\0" * 1024,
    "spaces": b" " * 1024,
    "comments": b": nothing to say\n\n" * 60,
    "one endless string": b"a" * 1024,
}
BEGINNINGS = {"zeros": b"", "spaces": b"", "comments": b"", "one endless string": b'data: {"x":"'}
MEMBERS = 64
MEBIBYTE = 1024 * 1024


def bomb(name: str) -> bytes:
    """1 GiB in about 1 MiB, in members of 16 MiB."""
    filling = FILLINGS[name]
    member = gzip.compress(filling * (16 * MEBIBYTE // len(filling)), 6)
    return gzip.compress(BEGINNINGS[name]) + member * MEMBERS


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
async def test_f5_bombs(tmp_path: Path, stream: bool) -> None:
    """F5: 1 GiB of something in 1 MiB of gzip, from every kind of service, over codecs and passed through: a real
    error within a second, and none lets the process grow by more than 32 MiB."""
    bombs = {name: bomb(name) for name in FILLINGS}
    name = "zeros"

    def script(back: str) -> Script:
        kind = BACKS[back].kind if stream else "application/json"
        return (("send", head(kind, "content-encoding: gzip") + chunk(bombs[name]) + LAST),)

    async with Stage(script) as stage:
        settings = environ_of(settings_for(stage.url))
        async with serving(tmp_path, "serve", "--port", "0", REQUIRED_API_KEY=KEY, **settings) as served:
            front = FRONTS["anthropic"]
            await _ask(served.base, front, BACKS["openai-custom"], stream)  # imports, pools
            most = 0.0
            for name in FILLINGS:
                for back in BACKS.values():
                    before = size_and_peak(served.process.pid)[0]
                    forget_peak(served.process.pid)
                    began = time.monotonic()
                    reply = await _ask(served.base, front, back, stream)
                    assert reply.status == 502, (name, back.name, reply.body)
                    assert time.monotonic() - began <= SECONDS
                    most = max(most, size_and_peak(served.process.pid)[1] - before)
            sys.stdout.write(f"F5: grown by {most:.1f} MiB at most\n")
            assert most <= MOST_GROWN


async def _ask(base: str, front: Front, back: Back, stream: bool) -> Reply:
    async with call_of(base, front, back, stream=stream) as call:
        return as_reply(await call.whole())


@pytest.mark.parametrize("kind", IN_MIDSTREAM)
async def test_f6_an_error_in_the_middle(tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    """F6: every pair hears of an error of the same kind behind the text that came before it, and what had been used
    until then is in the log where the service tells it at the beginning."""
    caplog.set_level("INFO")
    failed: list[Event] = [Failed(GatewayError(kind, WORDS))]  # type: ignore[arg-type]

    def script(name: str) -> Script:
        *pieces, last = BACKS[name].pieces([*EVERYTHING.events[:8], *failed])
        begun = head(BACKS[name].kind) + b"".join(map(chunk, pieces))
        return (("send", begun), ("pause", 0.02), ("send", chunk(last) + LAST))

    async with Stage(script) as stage, gate(tmp_path, stage.url) as running:
        for front, back in PAIRS:
            caplog.clear()
            reply = await running.ask(front, back)
            assert reply.status == 200
            heard = HEARD[front.dialect.name][kind].type  # type: ignore[index]
            heard = IN_STREAMS.get(front.name, {}).get(kind, heard)  # type: ignore[call-overload]
            assert WORDS.encode() in reply.body
            assert not front.end(reply.body)
            if back.dialect is None or back.wrapped or front.dialect.name != back.dialect.name:
                assert honest(front, reply) == heard
            if back.form == "anthropic":
                await eventually(lambda: "usage ~150000+~" in caplog.text)


def frame_of(total: int, headers: int) -> bytes:
    """A prelude with a right checksum and whatever lengths."""
    start = struct.pack(">II", total, headers)
    return start + struct.pack(">I", zlib.crc32(start)) + b"\0" * 64


GOOD = text("I will look.")
BAD_FRAMES: dict[str, bytes] = {
    "a wrong checksum": GOOD[:-1] + bytes((GOOD[-1] ^ 1,)),
    "a wrong checksum of the lengths": GOOD[:8] + bytes((GOOD[8] ^ 1,)) + GOOD[9:],
    "length 0": frame_of(0, 0),
    "length 2**32-1": frame_of(2**32 - 1, 0),
    "headers of 2**32-1": frame_of(200, 2**32 - 1),
    "headers longer than the frame": frame_of(32, 4096),
    "text": b"event: message\ndata: {}\n\n" * 4,
}


@pytest.mark.parametrize("before", [0, 1])
@pytest.mark.parametrize("name", BAD_FRAMES)
async def test_f7_frames_that_are_wrong(tmp_path: Path, name: str, before: int) -> None:
    """F7: a fault of the kind `upstream`; not 1 MiB is taken for what a length says. Text that comes in one piece with
    the damage has not been shown yet, so that the client still gets a real error, and may ask again."""
    body = GOOD * before + BAD_FRAMES[name]
    async with (
        Stage(lambda _: (("send", head(KIRO.kind) + chunk(body) + LAST),)) as stage,
        gate(tmp_path, stage.url) as running,
    ):
        await running.ask(FRONTS["anthropic"], KIRO)
        tracemalloc.start()
        try:
            for front in FRONTS.values():
                reply = await running.ask(front, KIRO)
                assert reply.status == 502
                assert honest(front, reply) == HEARD[front.dialect.name]["upstream"].type
            assert tracemalloc.get_traced_memory()[1] < MEBIBYTE * 3 / 2  # the test's own client and service included
        finally:
            tracemalloc.stop()


UNKNOWN = (
    event("moonPhaseEvent", {"phase": "waxing", "content": "not said"})
    + event("assistantResponseEventV9", {"content": "not said"})
    + event("contextUsageEvent", {"contextUsagePercentage": 1.5})
)


async def test_f7_unknown_events(tmp_path: Path) -> None:
    """F7: events of unknown types anywhere are read over."""
    pieces = [UNKNOWN + piece for piece in KIRO.pieces(EVERYTHING.events)]
    async with (
        Stage(lambda _: (("send", played(KIRO, pieces)),)) as stage,
        gate(tmp_path, stage.url) as running,
    ):
        for front in FRONTS.values():
            reply = await running.ask(front, KIRO)
            whole(front, reply)
            assert b"not said" not in reply.body
