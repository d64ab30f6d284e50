"""C6, C7: any conversation that HTTP allows is framed as h11 wants it; none that two readers could read differently
reaches a service."""

import asyncio
from pathlib import Path

import pytest

from tests.faults.rig import EVERYTHING, gate, question
from tests.faults.stage import Stage, played
from tests.faults.test_clients_bodies import head_of
from tests.http1.serving import Answer, judge
from tests.http1.test_server_smuggling import GAMES
from tests.pairs.backs import BACKS
from tests.pairs.fronts import FRONTS, Front
from tests.pairs.world import KEY

BACK = BACKS["claude-kiro-oauth"]
AUTH = f"authorization: Bearer {KEY}"


def good(front: Front, *fields: str, stream: bool = True) -> bytes:
    body = question(front, BACK, stream)
    head = head_of(front, BACK, f"content-length: {len(body)}", *fields)
    target = front.target(BACK.name, BACK.model, True).encode()
    return head.replace(target, front.target(BACK.name, BACK.model, stream).encode(), 1) + body


def bad(front: Front) -> bytes:
    return head_of(front, BACK, "content-length: 1") + b"{"


def other(method: str, path: str, *fields: str, version: str = "1.1") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/{version}", "host: localhost", *fields, "", ""]).encode()


async def told(base: str, data: bytes, *, pieces: int = 1) -> bytes:
    """Everything that comes back until the gateway closes, which it is asked to do by the last request."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(base.rpartition(":")[2]))
    try:
        for at in range(pieces):
            if writer.is_closing():
                break
            writer.write(data[len(data) * at // pieces : len(data) * (at + 1) // pieces])
            await asyncio.sleep(0)
        return await asyncio.wait_for(reader.read(), 10)
    except ConnectionError:
        return b""
    finally:
        writer.close()


def statuses(answers: list[Answer]) -> list[int]:
    assert all(each.whole for each in answers)
    return [each.status for each in answers]


LAST = other("GET", "/health", "connection: close")


@pytest.mark.parametrize("pieces", [1, 7])
@pytest.mark.parametrize("front", FRONTS.values(), ids=list(FRONTS))
async def test_c6_conversations(tmp_path: Path, front: Front, pieces: int) -> None:
    """C6: pipelined requests, keep-alive after errors, closing, HTTP/1.0, HEAD and OPTIONS, each as h11 reads them."""
    answer = played(BACK, BACK.pieces(EVERYTHING.events))
    path = front.target(BACK.name, BACK.model, True).partition("?")[0]
    preflight = other("OPTIONS", path, "origin: http://x", "access-control-request-method: POST")
    table: list[tuple[list[bytes], list[str], list[int]]] = [
        ([good(front), good(front), LAST], ["POST", "POST", "GET"], [200, 200, 200]),
        ([bad(front), good(front), LAST], ["POST", "POST", "GET"], [400, 200, 200]),
        ([good(front), other("GET", "/nowhere", AUTH), LAST], ["POST", "GET", "GET"], [200, 404, 200]),
        ([other("GET", path, AUTH), good(front), LAST], ["GET", "POST", "GET"], [405, 200, 200]),
        ([other("POST", path, "content-length: 0"), LAST], ["POST", "GET"], [401, 200]),
        ([other("HEAD", "/health"), preflight, LAST], ["HEAD", "OPTIONS", "GET"], [200, 204, 200]),
        ([other("HEAD", "/v1/models", AUTH), good(front), LAST], ["HEAD", "POST", "GET"], [200, 200, 200]),
        ([good(front, "connection: close"), good(front)], ["POST", "POST"], [200]),
        ([other("GET", "/health", version="1.0"), good(front)], ["GET", "POST"], [200]),
        ([other("GET", "/health", "connection: keep-alive", version="1.0"), LAST], ["GET", "GET"], [200, 200]),
        ([good(front, "expect: 100-continue"), LAST], ["POST", "GET"], [200, 200]),
    ]
    if front.whole:
        table.append(([good(front, stream=False), good(front), LAST], ["POST", "POST", "GET"], [200, 200, 200]))
    async with Stage(lambda _: (("send", answer),)) as stage, gate(tmp_path, stage.url) as running:
        for requests, methods, expected in table:
            if pieces > 1:  # who goes on sending where he has asked to close may lose the answer to a reset
                requests = requests[: len(expected)]
            data = await told(running.base, b"".join(requests), pieces=pieces)
            assert statuses(judge(data, methods)) == expected, (methods, data[-600:])


async def test_c6_a_stream_to_http_1_0(tmp_path: Path) -> None:
    """C6: there are no chunks in HTTP/1.0; the stream ends with the connection."""
    answer = played(BACK, BACK.pieces(EVERYTHING.events))
    async with Stage(lambda _: (("send", answer),)) as stage, gate(tmp_path, stage.url) as running:
        for front in FRONTS.values():
            data = await told(running.base, good(front).replace(b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", 1))
            (found,) = judge(data, ["POST"])
            assert "transfer-encoding" not in found.headers
            assert front.end(found.body)


async def test_c7_games(tmp_path: Path) -> None:
    """C7: more than 200 ways to hide a second request, with the right key and a model route in them: a refusal and the
    end of the connection, or an answer to one harmless request; no service is ever called."""
    front = FRONTS["anthropic"]
    path = front.target(BACK.name, BACK.model, True).encode()
    hidden = good(front)
    async with Stage(lambda _: ()) as stage, gate(tmp_path, stage.url) as running:
        for game in GAMES:
            data = (
                game.replace(b"POST / ", b"POST " + path + b" ", 1).replace(b"Host: a\r", b"Host: localhost\r") + hidden
            )
            answer = await told(running.base, data)
            if answer:
                first = judge(answer, ["POST"])[0]
                assert 400 <= first.status < 500 or first.status in (501, 505), (game, answer)
        assert len(GAMES) >= 200
        assert not stage.calls
