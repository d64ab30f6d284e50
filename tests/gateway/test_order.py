"""Streaming is real (C3): text and fragments of arguments reach the client while the upstream still waits for the test.

Nothing here measures time. The upstream sends its second piece only after the client has read the first.
"""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from aiclient2api.http1.messages import Exchange
from tests.gateway.answers import CHAT, FRONTS, MESSAGES, asks, read
from tests.gateway.client import Reply
from tests.gateway.rig import CLAUDE, rig
from tests.gateway.upstreams import END, SSE_HEAD, SSE_PIECES, call, model_calls, pieces_then, text, thought

TOOLS = [{"name": "write_file", "description": "Write", "input_schema": {"type": "object"}}]


@pytest.mark.parametrize("front", FRONTS)
async def test_the_first_text_comes_before_the_second_is_sent(tmp_path: Path, front: str) -> None:
    gate = asyncio.Event()
    handler = model_calls(pieces_then([text("first 先")], gate, [text(" second"), END]))
    async with rig(tmp_path, handler=handler) as running, running.calling(front, asks(front, stream=True)) as answer:
        assert await answer.head() == 200
        body = await answer.until("first 先".encode())
        assert b"second" not in body
        gate.set()
        reply = await answer.whole()
        assert read(front, reply).text == "first 先 second"


@pytest.mark.parametrize("front", FRONTS)
async def test_fragments_of_arguments_come_as_they_are_sent(tmp_path: Path, front: str) -> None:
    gate = asyncio.Event()
    first = [call(), call(input='{"path":"a-fragment')]
    rest = [call(input='-of-a-path","text":"x"}'), call(stop=True), END]
    async with (
        rig(tmp_path, handler=model_calls(pieces_then(first, gate, rest))) as running,
        running.calling(front, asks(front, stream=True, tools=TOOLS)) as answer,
    ):
        assert b"-of-a-path" not in await answer.until(b"a-fragment")
        gate.set()
        said = read(front, await answer.whole())
        assert said.calls == [("write_file", {"path": "a-fragment-of-a-path", "text": "x"})]


@pytest.mark.parametrize("front", FRONTS)
async def test_thoughts_come_as_they_are_sent(tmp_path: Path, front: str) -> None:
    gate = asyncio.Event()
    handler = model_calls(pieces_then([thought(text="first")], gate, [thought(signature="c2ln"), text("done"), END]))
    thinking: dict[str, Any] = {"thinking": {"type": "adaptive"}} if front == MESSAGES else {}
    body = asks(front, stream=True, **thinking)
    async with rig(tmp_path, handler=handler) as running, running.calling(front, body) as answer:
        await answer.until(b"first")
        gate.set()
        said = read(front, await answer.whole())
        assert (said.thinking, said.text) == ("first", "done")


@pytest.mark.parametrize("front", FRONTS)
@pytest.mark.parametrize("back", SSE_PIECES)
async def test_over_the_other_backs_too(tmp_path: Path, front: str, back: str) -> None:
    gate = asyncio.Event()

    async def serve(exchange: Exchange) -> None:
        first, rest = SSE_PIECES[back]
        await exchange.start(200, SSE_HEAD)
        await exchange.write(first)
        await gate.wait()
        await exchange.write(rest)
        await exchange.finish()

    async with rig(tmp_path, first=back, handler=model_calls(serve)) as running:
        body = asks(front, stream=True, model="claude-sonnet-5" if back == CLAUDE else "gpt-5.1")
        async with running.calling(front, body) as answer:
            assert b"second" not in await answer.until(b"first")
            gate.set()
            assert read(front, await answer.whole()).text == "first second"


async def test_a_whole_answer_waits_for_the_end(tmp_path: Path) -> None:
    """The counterpart: without `stream` nothing is sent before the upstream has ended."""
    gate = asyncio.Event()
    handler = model_calls(pieces_then([text("first")], gate, [text(" second"), END]))
    async with rig(tmp_path, handler=handler) as running, running.calling(CHAT, asks(CHAT)) as answer:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await answer.head()
        gate.set()
        reply: Reply = await answer.whole()
        assert read(CHAT, reply).text == "first second"
