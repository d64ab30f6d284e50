"""Any cut and any split of an upstream's bytes (C3, D3, T064, T083, T149): the text is whole, or the end is an error.

Recorded Kiro streams are sent up to byte k and ended there, properly or by a broken connection, and split at byte k.
"""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from aiclient2api.http1.messages import Exchange
from aiclient2api.simulator.delivery import Cut
from tests.gateway.answers import CHAT, FRONTS, MESSAGES, Said, asks, error_of, read
from tests.gateway.client import Reply
from tests.gateway.rig import CLAUDE, Rig, rig
from tests.gateway.upstreams import SSE_HEAD, SSE_PIECES, STREAM_HEAD, ends_of, model_calls, recorded

WHOLE = ("01", "02", "03", "04", "06", "07", "08", "13", "19", "20", "24", "25", "27")
BROKEN = ("09", "12", "14", "16", "22")
UNAVAILABLE = {CHAT: 503, MESSAGES: 529}
TOOLS = [
    {"name": name, "description": name, "input_schema": {"type": "object"}}
    for name in ("read_file", "get_weather", "get_time")
]


class Player:
    """Sends `data` up to `cut`, in two pieces if `split` is given; `broken`: the end is that of the connection.

    `ends` are the places at which the answer is over: frame borders from the first closing event on.
    """

    def __init__(self, name: str) -> None:
        self.data, self.expected = recorded(name)
        self.ends = ends_of(name)
        self.cut: int | None = None
        self.split: int | None = None
        self.broken = False

    async def __call__(self, exchange: Exchange) -> None:
        data = self.data if self.cut is None else self.data[: self.cut]
        await exchange.start(200, STREAM_HEAD)
        for piece in (data,) if self.split is None else (data[: self.split], data[self.split :]):
            await exchange.write(piece)
            await asyncio.sleep(0)
        if self.broken:
            raise Cut("the test ends the connection")
        await exchange.finish()


def asking(front: str, stream: bool) -> dict[str, Any]:
    thinking: dict[str, Any] = {"reasoning_effort": "low"}
    if front == MESSAGES:
        thinking = {"thinking": {"type": "enabled", "budget_tokens": 2048}}
    return asks(front, stream=stream, tools=TOOLS, **thinking)


def judge(player: Player, front: str, reply: Reply) -> Said | None:
    """Fails unless the answer is whole and right, or honest about its end; returns what was said if it is whole."""
    expected = player.expected
    text = expected.get("text") or expected.get("text_before_error", "")
    calls = [(each["name"], each["input"]) for each in expected.get("tool_calls", ())]
    if reply.status != 200:
        assert reply.status in (502, UNAVAILABLE[front] if "reason" in expected else 502)
        error_of(front, reply)
        return None
    said = read(front, reply)
    if said.error is None:
        assert (said.text, said.calls) == (text, calls)
        assert said.finish
        return said
    assert text.startswith(said.text)
    assert calls[: len(said.calls)] == said.calls
    assert not said.finish
    return None


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("front", FRONTS)
async def test_every_recording_as_it_is(tmp_path: Path, front: str, stream: bool) -> None:
    player = Player("01")
    async with rig(tmp_path, handler=model_calls(lambda exchange: player(exchange)), REQUEST_MAX_RETRIES=0) as running:
        for name in (*WHOLE, *BROKEN):
            player = Player(name)
            if name == "25":  # text in which a model wrote its thought and its call
                continue
            said = judge(player, front, await running.ask(front, asking(front, stream)))
            assert (said is not None) == (name in WHOLE), name
            if said is not None and name == "07":
                assert said.thinking == player.expected["reasoning_text"]
                assert bool(said.signature) == (front == MESSAGES)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("front", FRONTS)
async def test_a_call_written_as_text_is_a_call(tmp_path: Path, front: str, stream: bool) -> None:
    """C5: the bracket form, and a thought in tags; in a stream, too."""
    player = Player("25")
    async with rig(tmp_path, handler=model_calls(player)) as running:
        body = asking(front, stream) | {"model": "claude-sonnet-4.5"}
        said = read(front, await running.ask(front, body))
        assert said.calls == [("get_time", {"tz": "UTC"})]
        assert (said.thinking.strip(), said.text.strip()) == ("plan a", "Done.")
        assert said.finish == ("tool_use" if front == MESSAGES else "tool_calls")


async def cut_at(running: Rig, player: Player, front: str, place: int, stream: bool = True) -> None:
    player.cut = place
    reply = await running.ask(front, asking(front, stream))
    said = judge(player, front, reply)
    assert (said is not None) == (not player.broken and place in player.ends), place


@pytest.mark.parametrize(
    ("name", "front", "step"),
    [
        ("02", MESSAGES, 1),
        ("02", CHAT, 5),
        ("03", CHAT, 7),
        ("03", MESSAGES, 11),
        ("07", MESSAGES, 11),
        ("04", CHAT, 11),
    ],
)
async def test_cut_after_any_byte(tmp_path: Path, name: str, front: str, step: int) -> None:
    """The bytes end at k as if that were all."""
    player = Player(name)
    async with rig(tmp_path, handler=model_calls(player), REQUEST_MAX_RETRIES=0) as running:
        for place in [*range(0, len(player.data), step), len(player.data)]:
            await cut_at(running, player, front, place)


@pytest.mark.parametrize("name", ["02", "03", "07"])
@pytest.mark.parametrize("front", FRONTS)
async def test_the_connection_breaks_after_any_byte(tmp_path: Path, name: str, front: str) -> None:
    """Even the closing events do not make up for a broken connection before the last byte."""
    player = Player(name)
    player.broken = True
    async with rig(tmp_path, handler=model_calls(player), REQUEST_MAX_RETRIES=0) as running:
        for place in range(0, len(player.data), 23):
            await cut_at(running, player, front, place, stream=True)
        await cut_at(running, player, front, len(player.data) - 1, stream=False)


@pytest.mark.parametrize(
    ("name", "front", "step"), [("02", CHAT, 1), ("02", MESSAGES, 7), ("03", MESSAGES, 11), ("24", CHAT, 7)]
)
async def test_split_at_any_byte(tmp_path: Path, name: str, front: str, step: int) -> None:
    player = Player(name)
    async with rig(tmp_path, handler=model_calls(player)) as running:
        for place in range(1, len(player.data), step):
            player.split = place
            reply = await running.ask(front, asking(front, stream=True))
            assert judge(player, front, reply) is not None, place


@pytest.mark.parametrize("broken", [False, True])
@pytest.mark.parametrize("front", FRONTS)
@pytest.mark.parametrize("back", SSE_PIECES)
async def test_the_other_backs_cut_after_any_byte(tmp_path: Path, back: str, front: str, broken: bool) -> None:
    """Over the codec of another API and verbatim alike. A broken connection is no end even behind the last frame."""
    data = b"".join(SSE_PIECES[back])
    cut = 0

    async def serve(exchange: Exchange) -> None:
        await exchange.start(200, SSE_HEAD)
        await exchange.write(data[:cut])
        if broken:
            raise Cut("the test ends the connection")
        await exchange.finish()

    async with rig(tmp_path, first=back, handler=model_calls(serve), REQUEST_MAX_RETRIES=0) as running:
        ends = []
        for cut in [*range(0, len(data), 13), len(data) - broken]:
            reply = await running.ask(front, asks(front, stream=True, model="claude-sonnet-5"))
            if reply.status != 200:
                assert reply.status == 502
                error_of(front, reply)
                continue
            said = read(front, reply)
            if said.error is None:
                ends.append(cut)
            assert said.text == "first second" if said.error is None else "first second".startswith(said.text)
        assert broken or ends[-1] == len(data)
        assert all(cut > data.index(b'"end_turn"' if back == CLAUDE else b'"finish_reason":"stop"') for cut in ends)
