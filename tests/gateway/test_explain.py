"""`explain`: the ledger tells afterwards what has happened to a request, and nothing that anybody has written."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from aiclient2api.cli.app import cli
from tests.cli.homes import names_in
from tests.gateway.answers import CHAT, asks
from tests.gateway.client import Reply
from tests.gateway.rig import CLAUDE, KIRO, OPENAI, Rig, fault, rig
from tests.gateway.test_pools import KEYS, MESSAGES, pooled, question

CANARY = "xylophone"


def run(running: Rig, *arguments: str) -> tuple[int, str]:
    env = {"DATA_DIR": str(running.folder / "data"), "HOME": str(running.folder)}
    result = CliRunner().invoke(cli, ["explain", *arguments], env=env)
    return result.exit_code, result.output


async def explained(running: Rig, reply: Reply) -> dict[str, Any]:
    """As JSON, once the row is written; the text for people must work, too."""
    id = reply.headers["x-request-id"]
    for _ in range(100):
        code, out = await asyncio.to_thread(run, running, id, "--json")
        if code == 0:
            break
        await asyncio.sleep(0.05)
    assert code == 0, out
    code, text = await asyncio.to_thread(run, running, id)
    assert code == 0
    assert CANARY not in out + text
    found = json.loads(out)
    found["text"] = text
    assert isinstance(found, dict)
    return found


def steps(found: dict[str, Any]) -> list[str]:
    return [step["do"] for step in found["story"]["steps"]]


async def test_a_request_without_trouble(tmp_path: Path) -> None:
    async with rig(tmp_path) as running:
        reply = await running.ask(CHAT, asks(CHAT, CANARY) | {"user": "someone", "seed": 7})
        found = await explained(running, reply)
        assert (found["provider"], found["status"], found["attempts"]) == (KIRO, 200, 1)
        assert steps(found) == ["chosen"]
        assert found["story"].get("passed", False) is False
        assert found["story"]["dropped"] == reply.headers["x-aiclient-dropped"].split(", ")
        assert f"account {reply.headers['x-aiclient-account']}: the only one" in found["text"]
        assert ", translated\n" in found["text"]
        assert "tokens     input " in found["text"]


async def test_passed_on_by_prefix(tmp_path: Path) -> None:
    async with rig(tmp_path) as running:
        found = await explained(running, await running.ask(f"/{CLAUDE}{MESSAGES}", question(CANARY)))
        assert f"asked for by path or header ({CLAUDE}), passed on byte by byte" in found["text"]


async def test_another_account_and_its_rest(tmp_path: Path) -> None:
    """Which account, why, what it met, what that did to it, who came next."""
    async with pooled(tmp_path, *KEYS[:2]) as (running, service):
        service.refused[KEYS[0]] = (429, [("retry-after", "60")], "rate_limit_error")
        found = await explained(running, await running.ask(MESSAGES, question(CANARY)))
        story = found["story"]["steps"]
        assert steps(found) == ["chosen", "failed", "rests", "chosen"]
        assert (story[0]["account"], story[0]["why"]) == ("account-a", "least loaded of 2")
        assert (story[1]["kind"], story[1]["status"], story[1]["seconds"]) == ("rate_limit", 429, 60)
        assert 59 < story[2]["seconds"] <= 60
        assert story[2]["model"] == found["model_served"]
        assert story[3]["account"] == "account-b"
        assert [step["at"] for step in story] == sorted(step["at"] for step in story)
        assert "rests for 60 s: rate limit" in found["text"]
        again = await explained(running, await running.ask(MESSAGES, question(CANARY)))
        assert again["story"]["steps"][0]["why"] == "the session's account"


async def test_repeats_and_the_end(tmp_path: Path) -> None:
    upset = fault(KIRO, status=500, body=CANARY)
    async with rig(tmp_path, upset, REQUEST_MAX_RETRIES=2) as running:
        found = await explained(running, await running.ask(CHAT, asks(CHAT)))
        assert steps(found) == ["chosen", "failed", "pause", "failed", "pause", "failed"]
        assert (found["status"], found["attempts"]) == (found["story"]["steps"][-1]["status"], 3)
        assert "and tries again" in found["text"]


async def test_a_fall_back_to_another_provider(tmp_path: Path) -> None:
    more: Any = {"providerFallbackChain": {CLAUDE: [KIRO]}, "REQUEST_MAX_RETRIES": 0}
    async with rig(tmp_path, fault(CLAUDE, status=500), first=CLAUDE, **more) as running:
        found = await explained(running, await running.ask(MESSAGES, question(CANARY)))
        assert [step["provider"] for step in found["story"]["steps"] if step["do"] == "chosen"] == [CLAUDE, KIRO]
        assert found["provider"] == KIRO


@pytest.mark.parametrize("stream", [False, True])
async def test_attempts_are_those_of_all_providers(tmp_path: Path, stream: bool) -> None:
    """The header and the row count every call, whichever provider it went to, and also where none answers."""
    more: Any = {"providerFallbackChain": {CLAUDE: [KIRO]}, "REQUEST_MAX_RETRIES": 1}
    upset = fault(CLAUDE, status=500), fault(KIRO, times=3, status=500)
    async with rig(tmp_path, *upset, first=CLAUDE, **more) as running:
        for status, failed in ((502, 4), (200, 3)):
            found = await explained(
                running, reply := await running.ask(MESSAGES, question(CANARY) | {"stream": stream})
            )
            assert (found["status"], found["provider"], found["attempts"]) == (status, KIRO, 4)
            assert steps(found).count("failed") == failed
            assert reply.headers["x-aiclient-attempts"] == "4"
        assert running.attempts(CLAUDE) + running.attempts(KIRO) == 8


async def test_a_client_that_left_and_one_that_was_wrong(tmp_path: Path) -> None:
    async with rig(tmp_path) as running:
        found = await explained(
            running, await running.ask(f"/{OPENAI}{CHAT}", {"model": CANARY + " ?!", "messages": []})
        )
        assert found["error_kind"] is not None
        assert found["model_asked"] is None


async def test_ids_that_nobody_knows(tmp_path: Path) -> None:
    async with rig(tmp_path) as running:
        code, out = run(running, "req_000000000000000000000000")
        assert code == 1
        assert "has no request 'req_000000000000000000000000'. It holds requests to models of the last 90 days" in out
        code, out = run(running, "nonsense")
        assert (code, "An id looks like req_" in out) == (1, True)
        assert "usage.sqlite3" not in names_in(tmp_path / "data")
