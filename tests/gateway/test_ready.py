"""F16: readiness follows the credentials within a second, with the reason; requests get 503 with it meanwhile."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

from tests.gateway.client import ask
from tests.gateway.rig import KIRO, Rig, rig
from tests.gateway.test_pools import KEYS, MESSAGES, pooled, question

SOON = 1.0
DEAD = {"expiresAt": "2020-01-01T00:00:00Z", "refreshToken": "no-longer-good"}


async def ready(running: Rig) -> tuple[int, str]:
    reply = await ask(running.base, "GET", "/readyz")
    return reply.status, json.dumps(reply.json)


async def becomes(running: Rig, wanted: int) -> str:
    """What a probe that asks ten times a second reads when it reads `wanted`; fails after a second."""
    began = time.monotonic()
    while True:
        status, said = await ready(running)
        if status == wanted:
            return said
        assert time.monotonic() - began <= SOON, said
        await asyncio.sleep(0.1)


async def test_f16_one_login_goes_and_comes_back(tmp_path: Path) -> None:
    """F16: there is none, one appears, it dies, the user logs in again: each time readyz follows within a second."""
    place = tmp_path / "later.json"
    alone: dict[str, Any] = {"MODEL_PROVIDER": KIRO, "KIRO_OAUTH_CREDS_FILE_PATH": str(place)}
    async with rig(tmp_path, REQUEST_MAX_RETRIES=0, **alone) as running:
        assert "not found" in await becomes(running, 503)
        refused = await running.ask(MESSAGES, question())
        assert (refused.status, b"not found" in refused.body) == (503, True)

        login = running.simulation.credential()
        place.write_text(json.dumps(login), "utf-8")
        await becomes(running, 200)
        assert (await running.ask(MESSAGES, question())).status == 200

        place.write_text(json.dumps(login | DEAD | {"accessToken": "old"}), "utf-8")
        running.simulation.expire_tokens()
        refused = await running.ask(MESSAGES, question())
        assert refused.status == 503
        said = await becomes(running, 503)
        assert "log in" in said.lower()
        assert "no-longer-good" not in said

        place.write_text(json.dumps(running.simulation.credential()), "utf-8")
        await becomes(running, 200)
        assert (await running.ask(MESSAGES, question())).status == 200


async def test_f16_a_pool_of_keys(tmp_path: Path) -> None:
    """F16: all keys of a pool are refused: not ready within a second, and requests get 503 with the reason; ready again
    within a second of the end of their rest."""
    async with pooled(tmp_path, *KEYS[:2], REQUEST_MAX_RETRIES=0) as (running, service):
        await becomes(running, 200)
        for key in KEYS[:2]:
            service.refused[key] = (401, [], "authentication_error")
        for number in range(3):
            refused = await running.ask(MESSAGES, question(f"Question {number}"))
            assert (refused.status, b"rejected the API key" in refused.body) == (503, True)
        said = await becomes(running, 503)
        assert "No account can be used now: login needed (key_rejected)" in said
        assert "account-a" not in said

        service.refused.clear()
        resting = running.gateway.pools["claude-custom"]
        resting.clock = lambda: time.time() + 120  # their rest is over
        await becomes(running, 200)
        assert (await running.ask(MESSAGES, question("Again"))).status == 200
