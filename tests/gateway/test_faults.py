"""Every fault of an upstream, seen by a client of either API over every back (D1-D4; T063, T137-T139).

The status is that of docs/errors.md, the body the API's own with the upstream's reason in it; Retry-After is passed on;
retries are counted, and there are none once content has been sent.
"""

import asyncio
import json
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from aiclient2api.http1.messages import Exchange
from aiclient2api.simulator import Step
from aiclient2api.simulator.kiro_frames import failure
from aiclient2api.simulator.script import Failure
from tests.gateway.answers import CHAT, FRONTS, MESSAGES, asks, error_of, read
from tests.gateway.client import Reply
from tests.gateway.rig import BACKS, CLAUDE, FRONT_AND_BACK, KIRO, OPENAI, Rig, fault, rig
from tests.gateway.upstreams import SSE_HEAD, SSE_PIECES, STREAM_HEAD, model_calls, text
from tests.http1.upstream import Upstream

MODELS = {KIRO: "claude-sonnet-5", CLAUDE: "claude-sonnet-5", OPENAI: "gpt-5.1"}
VERBATIM = {(CHAT, OPENAI), (MESSAGES, CLAUDE)}
BUSY = {CHAT: 503, MESSAGES: 529}


class Row(NamedTuple):
    """What the client sees of an upstream's status, by back ("busy": the API's own status for that)."""

    kiro: int | str
    claude: int | str
    openai: int | str
    retried: bool = False

    def seen(self, back: str, front: str) -> int:
        status = {KIRO: self.kiro, CLAUDE: self.claude, OPENAI: self.openai}[back]
        return BUSY[front] if isinstance(status, str) else status


STATUSES: dict[int, Row] = {
    302: Row(502, 502, 502),
    400: Row(400, 400, 400),
    402: Row(429, 429, 429),
    403: Row(502, 502, 503),
    404: Row(502, 404, 404),
    408: Row(504, 504, 504, retried=True),
    413: Row(413, 413, 413),
    429: Row(429, 429, 429, retried=True),
    500: Row(502, 502, 502, retried=True),
    502: Row(502, 502, 502, retried=True),
    503: Row("busy", "busy", "busy", retried=True),
    504: Row(504, 504, 504, retried=True),
    529: Row("busy", "busy", "busy", retried=True),
}


def told(back: str, text: str) -> msgspec.Raw:
    """An error body in the back's own shape."""
    bodies: dict[str, Any] = {
        KIRO: {"message": text, "reason": None},
        CLAUDE: {"type": "error", "error": {"type": "api_error", "message": text}},
        OPENAI: {"error": {"message": text, "type": "server_error", "param": None, "code": None}},
    }
    return msgspec.Raw(json.dumps(bodies[back]).encode())


def always(back: str, **members: Any) -> list[Step]:
    """Steps for every model call; Kiro has two forms of them."""
    rest = [Step(path="/generateAssistantResponse", times=None, **members)] if back == KIRO else []
    return [fault(back, **members), *rest]


async def ask(running: Rig, front: str, back: str, *, stream: bool = False) -> Reply:
    return await running.ask(front, asks(front, stream=stream, model=MODELS[back]))


@pytest.mark.parametrize(("front", "back"), FRONT_AND_BACK)
@pytest.mark.parametrize("status", STATUSES)
async def test_statuses(tmp_path: Path, status: int, front: str, back: str) -> None:
    row, reason = STATUSES[status], f"because of {status}"
    steps = always(back, status=status, body=told(back, reason), headers={"location": "/elsewhere"})
    async with rig(tmp_path, *steps, first=back, REQUEST_MAX_RETRIES=2) as running:
        for stream in (False, True):
            before = running.attempts(back)
            reply = await ask(running, front, back, stream=stream)
            assert reply.status not in (401, 500)
            expected = row.seen(back, front)
            passed_on = (front, back) in VERBATIM and status not in (401, 403, 500)
            assert reply.status == expected or (passed_on and reply.status == status)
            assert reason in error_of(front, reply)["message"]
            attempts = running.attempts(back) - before
            if status != 404 or back != KIRO:  # where the operation is not known, the other wire form is tried
                assert attempts == (3 if row.retried else 1)
            assert reply.headers["x-aiclient-attempts"] == str(attempts)
            assert reply.headers["x-aiclient-provider"] == back


@pytest.mark.parametrize(("front", "back"), FRONT_AND_BACK)
async def test_an_upstreams_401_is_never_the_clients(tmp_path: Path, front: str, back: str) -> None:
    steps = always(back, status=401, body=told(back, "who are you"))
    async with rig(tmp_path, *steps, first=back, REQUEST_MAX_RETRIES=0) as running:
        reply = await ask(running, front, back)
        assert reply.status == 503
        assert "who are you" in error_of(front, reply)["message"]
        assert running.attempts(back) == (2 if back == KIRO else 1)  # once more with a refreshed token
        assert running.simulation.counts["refresh"] == (back == KIRO)


@pytest.mark.parametrize("back", BACKS)
@pytest.mark.parametrize("retries", [0, 1, 3])
async def test_retries_are_counted(tmp_path: Path, back: str, retries: int) -> None:
    """D2. REQUEST_MAX_RETRIES more attempts, 0 for none; each answer says how many there were."""
    async with rig(
        tmp_path, *always(back, status=500, body=told(back, "oops")), first=back, REQUEST_MAX_RETRIES=retries
    ) as running:
        reply = await ask(running, CHAT, back)
        assert (reply.status, running.attempts(back)) == (502, retries + 1)
        assert reply.headers["x-aiclient-attempts"] == str(retries + 1)


@pytest.mark.parametrize(("front", "back"), FRONT_AND_BACK)
async def test_a_retry_may_succeed(tmp_path: Path, front: str, back: str) -> None:
    steps = (
        fault(back, times=1, status=503, body=told(back, "busy")),
        fault(back, times=1, at=2, retry_after="0.01", body=told(back, "slow down")),
    )
    async with rig(tmp_path, *steps, first=back) as running:
        for stream in (True, False):
            reply = await ask(running, front, back, stream=stream)
            assert read(front, reply).text.startswith("[simulated]")
            assert reply.headers["x-aiclient-attempts"] == ("3" if stream else "1")
        sent = running.upstream_bodies(back)
        assert sent[0] == sent[1] == sent[2]  # the same request each time (T147)


@pytest.mark.parametrize(("front", "back"), FRONT_AND_BACK)
async def test_retry_after_is_passed_on(tmp_path: Path, front: str, back: str) -> None:
    """A wait that is too long to make the client wait is told instead of waited for."""
    step = fault(back, retry_after="61", body=told(back, "slow down"))
    async with rig(tmp_path, step, first=back, REQUEST_MAX_RETRIES=3) as running:
        for stream in (False, True):
            reply = await ask(running, front, back, stream=stream)
            assert reply.status == 429
            assert reply.headers["retry-after"] == "61"
            assert "slow down" in error_of(front, reply)["message"]
        assert running.attempts(back) == 2


@pytest.mark.parametrize("front", FRONTS)
async def test_a_used_up_plan_is_a_429_that_is_not_repeated(tmp_path: Path, front: str) -> None:
    """Contract: Kiro's 402 and MONTHLY_REQUEST_COUNT."""
    body = msgspec.Raw(b'{"message":"You have reached the limit.","reason":"MONTHLY_REQUEST_COUNT"}')
    async with rig(tmp_path, fault(KIRO, status=402, body=body)) as running:
        reply = await ask(running, front, KIRO)
        assert reply.status == 429
        assert reply.headers["x-should-retry"] == "false"
        error = error_of(front, reply)
        assert "MONTHLY_REQUEST_COUNT" in error["message"]
        assert error["type"] == ("rate_limit_error" if front == MESSAGES else "insufficient_quota")
        assert running.attempts() == 1


PAGES: dict[str, dict[str, Any]] = {
    "a page with 200": {"status": 200, "body": msgspec.Raw(b'"<html>Sign in</html>"'), "content_type": "text/html"},
    "a page with 403": {"status": 403, "body": msgspec.Raw(b'"<html>No</html>"'), "content_type": "text/html"},
    "a page with 502": {"status": 502, "body": msgspec.Raw(b'"<html>Bad</html>"'), "content_type": "text/html"},
    "nothing": {"status": 200, "body": msgspec.Raw(b'""'), "content_type": "application/json"},
    "other JSON": {"status": 200, "body": msgspec.Raw(b'{"hello": 1}')},
    "a cut at once": {"cut_after": 0},
}


@pytest.mark.parametrize(("front", "back"), FRONT_AND_BACK)
async def test_what_is_no_answer(tmp_path: Path, front: str, back: str) -> None:
    for number, (name, members) in enumerate(PAGES.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        async with rig(folder, *always(back, **members), first=back, REQUEST_MAX_RETRIES=0) as running:
            for stream in (False, True):
                reply = await ask(running, front, back, stream=stream)
                assert reply.status in (502, 503), (name, reply.body)
                assert "<html>" not in error_of(front, reply)["message"]


TIMES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "no status line": ({"delay": 20.0}, {"TIMEOUT_HEAD": 80}, "head deadline"),
    "no first event": ({"stall_after": 10, "stall": 20.0}, {"TIMEOUT_FIRST_EVENT": 150}, "first event deadline"),
}
"""What the upstream does, which deadline is set, and how it is named."""


@pytest.mark.parametrize(("front", "back"), FRONT_AND_BACK)
@pytest.mark.parametrize("name", TIMES)
async def test_deadlines_before_content(tmp_path: Path, name: str, front: str, back: str) -> None:
    """D4: the deadline is named; such a failure is repeated."""
    members, limits, deadline = TIMES[name]
    async with rig(tmp_path, *always(back, **members), first=back, REQUEST_MAX_RETRIES=1, **limits) as running:
        reply = await ask(running, front, back, stream=True)
        assert reply.status == 504
        assert deadline in error_of(front, reply)["message"]
        assert running.attempts(back) == 2


@pytest.mark.parametrize(("front", "back"), FRONT_AND_BACK)
@pytest.mark.parametrize(("setting", "deadline"), [("AXIOS_TIMEOUT", "idle"), ("TIMEOUT_TOTAL", "total")])
async def test_silence_in_mid_answer(tmp_path: Path, setting: str, deadline: str, front: str, back: str) -> None:
    """D4: a stream ends in the API's error event (D3), with no retry."""
    step = fault(back, stall_after=1200, stall=20.0)
    limits: dict[str, Any] = {setting: 200, "REQUEST_MAX_RETRIES": 2}
    async with rig(tmp_path, step, first=back, **limits) as running:
        body = asks(front, "写四行关于春天的诗", stream=True, model=MODELS[back])
        said = read(front, await running.ask(front, body))
        assert said.error is not None
        assert f"{deadline} deadline" in said.error["message"]
        assert said.text.startswith("[sim")
        assert running.attempts(back) == 1


BREAKS = {
    KIRO: (text("first"), failure(Failure(message="lost my thread"))),
    CLAUDE: (
        SSE_PIECES[CLAUDE][0],
        b'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"lost my thread"}}\n\n',
    ),
    OPENAI: (
        SSE_PIECES[OPENAI][0],
        b'data: {"error":{"message":"lost my thread","type":"server_error","param":null,"code":null}}\n\n',
    ),
}
"""What is sent before the client has read it, and then."""


@pytest.mark.parametrize(("front", "back"), FRONT_AND_BACK)
async def test_no_retry_after_content(tmp_path: Path, front: str, back: str) -> None:
    """D2, D3: the upstream's own error in mid-stream ends the client's stream with an error; nothing is run again."""
    gate = asyncio.Event()
    calls = 0

    async def serve(exchange: Exchange) -> None:
        nonlocal calls
        calls += 1
        await exchange.start(200, STREAM_HEAD if back == KIRO else SSE_HEAD)
        await exchange.write(BREAKS[back][0])
        await gate.wait()
        await exchange.write(BREAKS[back][1])
        await exchange.finish()

    async with rig(tmp_path, first=back, handler=model_calls(serve), REQUEST_MAX_RETRIES=3) as running:
        async with running.calling(front, asks(front, stream=True, model=MODELS[back])) as call:
            await call.until(b"first")
            gate.set()
            said = read(front, await call.whole())
        assert said.error is not None
        assert "lost my thread" in said.error["message"]
        assert said.text == "first"
        assert calls == 1


@pytest.mark.parametrize("front", FRONTS)
async def test_an_error_before_any_content_is_a_real_status(tmp_path: Path, front: str) -> None:
    """An exception frame that comes first is repeated, and then a status, not a 200 with an error in it."""
    step = fault(KIRO, exception=Failure(after=1, type="ThrottlingException", message="slow down"))
    async with rig(tmp_path, step, REQUEST_MAX_RETRIES=1) as running:
        reply = await ask(running, front, KIRO, stream=True)
        assert reply.status == 429
        assert "slow down" in error_of(front, reply)["message"]
        assert running.attempts() == 2


@pytest.mark.parametrize(("front", "back"), FRONT_AND_BACK)
async def test_a_connection_that_is_reset_or_refused(tmp_path: Path, front: str, back: str) -> None:
    async with Upstream((("read",), ("rst",))) as upstream:
        where = {"KIRO_BASE_URL": upstream.url, "CLAUDE_BASE_URL": upstream.url, "OPENAI_BASE_URL": upstream.url}
        limits: dict[str, Any] = {"REQUEST_MAX_RETRIES": 1, "KIRO_WIRE": "runtime", **where}
        async with rig(tmp_path, first=back, **limits) as running:
            reply = await running.ask(f"/{back}{front}", asks(front))
            assert reply.status == 502
            assert back in error_of(front, reply)["message"]
            assert reply.headers["x-aiclient-attempts"] == "2"
            assert len([each for each in upstream.requests if b"hello" in each]) == 2
    async with rig(tmp_path, first=back, **limits) as running:  # now nobody listens there
        reply = await running.ask(f"/{back}{front}", asks(front))
        assert reply.status == 502
        assert "could not be reached" in error_of(front, reply)["message"]


@pytest.mark.parametrize("front", FRONTS)
async def test_what_is_not_http(tmp_path: Path, front: str) -> None:
    async with (
        Upstream((("read",), ("send", b"SSH-2.0-OpenSSH_9.9\r\n"), ("fin",))) as upstream,
        rig(tmp_path, first=CLAUDE, CLAUDE_BASE_URL=upstream.url, REQUEST_MAX_RETRIES=0) as running,
    ):
        reply = await running.ask(f"/{CLAUDE}{front}", asks(front))
        assert reply.status == 502
        error_of(front, reply)
