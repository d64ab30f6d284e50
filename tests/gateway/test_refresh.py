"""One refresh for all (B3): five hundred requests meet an expired token, exactly one refresh happens, all succeed."""

import asyncio
import json
from pathlib import Path

import msgspec
import pytest

from aiclient2api.simulator import Step
from tests.gateway.answers import CHAT, FRONTS, MESSAGES, asks, read
from tests.gateway.rig import KIRO, Rig, fault, rig

MANY = 500
EXPIRED = msgspec.Raw(b'{"message":"The bearer token included in the request is invalid.","reason":null}')


async def ask_all(running: Rig) -> None:
    fronts = [FRONTS[at % 2] for at in range(MANY)]
    replies = await asyncio.gather(
        *(running.ask(front, asks(front, f"question {at}", stream=at % 3 == 0)) for at, front in enumerate(fronts))
    )
    for at, (front, reply) in enumerate(zip(fronts, replies, strict=True)):
        assert f'"question {at}"' in read(front, reply).text


async def test_the_file_says_that_the_token_has_expired(tmp_path: Path) -> None:
    async with rig(tmp_path) as running:
        expire(running)
        await ask_all(running)
        assert running.simulation.counts["refresh"] == 1
        assert running.simulation.counts["GenerateAssistantResponse"] == MANY
        assert json.loads(running.login.read_text("utf-8"))["expiresAt"] > "2026"


async def test_only_the_service_knows_that_the_token_has_expired(tmp_path: Path) -> None:
    async with rig(tmp_path) as running:
        running.simulation.expire_tokens()
        await ask_all(running)
        assert running.simulation.counts["refresh"] == 1
        assert running.simulation.counts["GenerateAssistantResponse"] <= 2 * MANY


def expire(running: Rig) -> None:
    """The token is over, in the file and for the service."""
    document = json.loads(running.login.read_text("utf-8"))
    running.login.write_text(json.dumps(document | {"expiresAt": "2020-01-01T00:00:00.000Z"}), "utf-8")
    running.simulation.expire_tokens()


async def test_tokens_that_expire_in_the_middle_of_the_day(tmp_path: Path) -> None:
    """The third request expires every token just before it is looked at: it is refreshed and answered all the same."""
    async with rig(tmp_path, Step(target="*.GenerateAssistantResponse", at=3, expire_tokens=True)) as running:
        for _ in range(4):
            read(CHAT, await running.ask(CHAT, asks(CHAT)))
        assert running.simulation.counts["refresh"] == 1
        assert running.attempts() == 5


@pytest.mark.parametrize("front", FRONTS)
async def test_a_login_that_cannot_be_refreshed_is_503_with_the_reason(tmp_path: Path, front: str) -> None:
    """D1: never the upstream's 401."""
    async with rig(tmp_path) as running:
        running.simulation.revoke(json.loads(running.login.read_text("utf-8"))["refreshToken"])
        expire(running)
        reply = await running.ask(front, asks(front))
        assert reply.status == 503
        assert "Kiro Auth" in reply.json["error"]["message"]
        assert running.simulation.counts["refresh"] <= 2


async def test_a_refused_token_is_refreshed_even_without_retries(tmp_path: Path) -> None:
    """REQUEST_MAX_RETRIES counts repeats of failed calls; another token is no repeat of the same call."""
    refused = fault(KIRO, status=403, body=EXPIRED, times=1)
    async with rig(tmp_path, refused, REQUEST_MAX_RETRIES=0) as running:
        reply = await running.ask(MESSAGES, asks(MESSAGES))
        read(MESSAGES, reply)
        assert reply.headers["x-aiclient-attempts"] == "2"
        assert running.simulation.counts["refresh"] == 1
