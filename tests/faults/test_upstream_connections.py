"""F14, F15: names that are not found, ports that refuse, TLS that fails, pooled connections that are gone, refusals
before the request is sent."""

import asyncio
import json
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.faults.rig import DIALECTS, EVERYTHING, PAIRS, gate, honest, question, settings_for, whole
from tests.faults.stage import Script, Stage, json_answer, played
from tests.http1.upstream import Upstream
from tests.pairs.backs import BACKS, Back
from tests.pairs.failures import HEARD, refusal
from tests.pairs.fronts import FRONTS, Front

UNREACHABLE: dict[str, object] = {
    "anthropic": "api_error",
    "openai_chat": ("server_error", "upstream_unreachable"),
    "openai_responses": ("server_error", "upstream_unreachable"),
    "gemini": "UNAVAILABLE",
}
HELLO = b"HTTP/1.1 100 Continue\r\n\r\n"


def nobody() -> str:
    """An address at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return f"http://127.0.0.1:{sock.getsockname()[1]}"


@pytest.mark.parametrize("name", ["no such name", "refused", "no TLS"])
async def test_f14_no_connection(tmp_path: Path, name: str) -> None:
    """F14: each of them is a 502 of the kind `connect` in every dialect, says what happened, and shows no address."""
    async with Upstream((("send", b"220 ready\r\n"), ("stall",))) as plain:
        upstream = {
            "no such name": "http://service.invalid",
            "refused": nobody(),
            "no TLS": plain.url.replace("http:", "https:"),
        }[name]
        async with gate(tmp_path, upstream) as running:
            replies = await asyncio.gather(*(running.ask(front, back) for front, back in PAIRS))
            for (front, back), reply in zip(PAIRS, replies, strict=True):
                assert reply.status == 502
                kind, message = front.error(reply.json)
                assert kind == UNREACHABLE[front.dialect.name]
                assert "could not be reached" in message
                assert back.name in message


@pytest.mark.parametrize("how", ["rst", "fin"])
async def test_f14_a_kept_connection_that_is_gone(tmp_path: Path, how: str) -> None:
    """F14: the second request meets a connection that is closed before it answers anything; it goes out once more on a
    fresh one, in silence: the client sees one attempt and its answer. A fresh one that does the same is a failure."""
    served = 0
    break_always = False

    def script(back: str) -> Script:
        nonlocal served
        served += 1
        if break_always or served % 3 == 2:
            return ((how,),)
        return (("send", played(BACKS[back], BACKS[back].pieces(EVERYTHING.events))), ("keep",))

    async with Stage(script) as stage, gate(tmp_path, stage.url) as running:
        for front, back in PAIRS:
            for calls in (1, 3):
                whole(front, reply := await running.ask(front, back))
                assert reply.headers["x-aiclient-attempts"] == "1"
                assert stage.calls[back.name] == calls
            stage.calls.clear()
            served = 0
        break_always = True
        front, back = PAIRS[0]
        reply = await running.ask(front, back)
        assert honest(front, reply) == HEARD[front.dialect.name]["truncated"].type
        assert stage.calls[back.name] == 2


def big(front: Front, back: Back) -> bytes:
    """A request of more than the sockets' buffers hold."""
    text = json.dumps("x" * 8_000_000).encode()
    sample = b'"' + b"What is in it?" + b'"'
    body = question(front, back)
    for known in (sample, b'"limit"'):
        if known in body:
            return body.replace(known, text, 1)
    raise AssertionError(body[:400])


def too_large(back: Back) -> bytes:
    return json_answer(refusal(back, "too_large").body, 413)


@pytest.mark.parametrize("ending", [("rst",), ("fin",), ("pause", 0.0)], ids=["reset", "half-closed", "open"])
async def test_f15_a_refusal_before_the_request_is_sent(tmp_path: Path, ending: tuple[Any, ...]) -> None:
    """F15: the service answers 413 when it has seen the head, and resets, half-closes or just stops reading. Its answer
    reaches the client while it can be read; after an immediate reset it may be lost, and then it is a 502."""
    async with (
        Stage(lambda name: (("head",), ("send", too_large(BACKS[name])), ending)) as stage,
        gate(tmp_path, stage.url) as running,
    ):
        for front, back in PAIRS:
            if front not in DIALECTS:
                continue
            reply = await running.ask(front, back, body=big(front, back))
            assert reply.status == 413 or (reply.status == 502 and ending == ("rst",)), (front.name, back.name)
            honest(front, reply)


async def test_f15_interim_answers(tmp_path: Path) -> None:
    """F15: a 100 Continue that nobody asked for, and a 103, are read over."""
    interim = HELLO + b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" + HELLO
    script = {name: (("send", interim + played(back, back.pieces(EVERYTHING.events))),) for name, back in BACKS.items()}
    async with Stage(lambda name: script[name]) as stage, gate(tmp_path, stage.url) as running:
        for front, back in PAIRS:
            whole(front, await running.ask(front, back))


def test_every_back_has_an_address() -> None:
    assert len([name for name in settings_for("http://x") if name.endswith("BASE_URL")]) >= len(BACKS) - 1
    assert len(FRONTS) == 5
