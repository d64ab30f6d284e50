"""Client keys and the usage ledger in the running gateway (E6, E7): what a key may do, and one row per request."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from aiclient2api.state import key_file
from aiclient2api.state.keys import FILE_NAME, Grants
from aiclient2api.state.ledger_sqlite import FILE_NAME as LEDGER
from aiclient2api.state.ledger_sqlite import SqliteReader
from aiclient2api.state.limits import Limits
from aiclient2api.state.report import requests
from tests.gateway.client import Reply
from tests.gateway.rig import CLAUDE, KIRO, OPENAI, Rig, fault, rig

MESSAGES, CHAT = "/v1/messages", "/v1/chat/completions"


def question(**more: Any) -> dict[str, Any]:
    return {"model": "claude-sonnet-4-5", "max_tokens": 50, "messages": [{"role": "user", "content": "Hello"}], **more}


def make_key(folder: Path, **grants: Any) -> dict[str, str]:
    """A client key, as the header that carries it."""
    folder = folder / "data"
    folder.mkdir(exist_ok=True)
    _, secret = key_file.create(folder / FILE_NAME, "laptop", Grants(**grants), time.time())
    return {"x-api-key": secret}


def rows(running: Rig) -> list[Mapping[str, Any]]:
    return list(requests(SqliteReader(running.folder / "data" / LEDGER), 0, time.time() + 60))


async def test_a_key_opens_the_door_until_it_is_revoked(tmp_path: Path) -> None:
    header = make_key(tmp_path)
    async with rig(tmp_path) as running:
        assert (await running.ask(MESSAGES, question(), headers=header)).status == 200
        key_file.revoke(tmp_path / "data" / FILE_NAME, "laptop", time.time())
        await asyncio.sleep(1.05)  # so long an old state of the file may be used
        refused = await running.ask(MESSAGES, question(), headers=header)
        assert (refused.status, json.loads(refused.body)["error"]["type"]) == (401, "authentication_error")


@pytest.mark.parametrize(
    ("grants", "status"),
    [
        ({"models": ("claude-haiku-*",)}, 403),
        ({"models": ("claude-sonnet-*",)}, 200),
        ({"providers": (CLAUDE,)}, 403),
        ({"providers": (KIRO,)}, 200),
        ({"expires": 1}, 401),
    ],
)
async def test_what_a_key_may_do(tmp_path: Path, grants: dict[str, Any], status: int) -> None:
    header = make_key(tmp_path, **grants)
    async with rig(tmp_path) as running:
        reply = await running.ask(MESSAGES, question(), headers=header)
        assert reply.status == status
        assert (running.attempts() > 0) == (status == 200)


async def test_lists_show_what_the_key_may_use(tmp_path: Path) -> None:
    header = make_key(tmp_path, models=("claude-haiku-*",), providers=(KIRO,))
    async with rig(tmp_path) as running:
        listed = json.loads((await running.get("/v1/models", **header)).body)["data"]
        assert {each["id"] for each in listed}
        assert all(each["id"].startswith("claude-haiku") for each in listed)
        assert len(json.loads((await running.get("/v1/models")).body)["data"]) > len(listed)


@pytest.mark.parametrize(("route", "header"), [(MESSAGES, "anthropic-ratelimit-requests"), (CHAT, "x-ratelimit")])
async def test_limits_hold_and_are_told_in_the_clients_words(tmp_path: Path, route: str, header: str) -> None:
    key = make_key(tmp_path, limits=Limits(requests_per_minute=2))
    async with rig(tmp_path) as running:
        replies = [await running.ask(route, question(), headers=key) for _ in range(4)]
        assert [reply.status for reply in replies] == [200, 200, 429, 429]
        left = [remaining(reply, header) for reply in replies[:2]]
        assert left == ["1", "0"]
        assert 0 < int(replies[2].headers["retry-after"]) <= 61
        assert running.attempts() == 2


def remaining(reply: Reply, header: str) -> str:
    return next(value for name, value in reply.headers.items() if name.startswith(header) and "remaining" in name)


async def test_tokens_are_reserved_and_settled(tmp_path: Path) -> None:
    key = make_key(tmp_path, limits=Limits(tokens_per_day=100_000))
    async with rig(tmp_path) as running:
        reply = await running.ask(MESSAGES, question(max_tokens=90_000), headers=key)
        used = json.loads(reply.body)["usage"]
        again = await running.ask(MESSAGES, question(), headers=key)
        assert (reply.status, again.status) == (200, 200), "what the answer did not use is free again"
        left = int(again.headers["anthropic-ratelimit-tokens-remaining"])
        assert left < 100_000 - used["input_tokens"] - used["output_tokens"]
        large = await running.ask(
            MESSAGES, question(messages=[{"role": "user", "content": "x " * 500_000}]), headers=key
        )
        assert large.status == 413


async def test_a_failure_gives_back_what_it_held(tmp_path: Path) -> None:
    key = make_key(tmp_path, limits=Limits(requests_per_minute=1))
    async with rig(tmp_path, fault(KIRO, times=1, status=400, body="{}"), REQUEST_MAX_RETRIES=0) as running:
        assert (await running.ask(MESSAGES, question(), headers=key)).status >= 400
        assert (await running.ask(MESSAGES, question(), headers=key)).status == 200


async def test_every_request_leaves_one_row(tmp_path: Path) -> None:
    """E7: tokens as the client reads them; who, what, how it ended. Never a text."""
    async with rig(tmp_path, fault(OPENAI, times=1, status=400, body='{"error":{"message":"no"}}')) as running:
        whole = json.loads((await running.ask(MESSAGES, question())).body)
        streamed = await running.ask(f"/{CLAUDE}{MESSAGES}", question(stream=True))
        refused = await running.ask(f"/{OPENAI}{CHAT}", question(model="gpt-5.1"))
        await running.get("/v1/models")
    found = rows(running)
    assert [row["status"] for row in found] == [200, 200, refused.status]
    assert [row["provider"] for row in found] == [KIRO, CLAUDE, OPENAI]
    assert [row["stream"] for row in found] == [False, True, False]
    assert (found[0]["input_tokens"], found[0]["output_tokens"]) == (
        whole["usage"]["input_tokens"],
        whole["usage"]["output_tokens"],
    )
    assert f'"output_tokens":{found[1]["output_tokens"]}' in streamed.body.decode().replace(" ", "")
    assert found[2]["error_kind"] == "bad_request"
    assert "Hello" not in json.dumps(found)


async def test_the_days_limits_outlive_a_restart(tmp_path: Path) -> None:
    key = make_key(tmp_path, limits=Limits(requests_per_day=2))
    async with rig(tmp_path) as running:
        assert (await running.ask(MESSAGES, question(), headers=key)).status == 200
    async with rig(tmp_path) as running:
        replies = [await running.ask(MESSAGES, question(), headers=key) for _ in range(2)]
        assert [reply.status for reply in replies] == [200, 429]


async def test_embeddings_are_counted(tmp_path: Path) -> None:
    """In the ledger, and against the key's limits."""
    key = make_key(tmp_path, limits=Limits(tokens_per_day=100_000))
    async with rig(tmp_path) as running:
        body = {"model": "text-embedding-3-small", "input": ["some words to embed"]}
        told = json.loads((await running.ask(f"/{OPENAI}/v1/embeddings", body, headers=key)).body)["usage"]
        again = await running.ask(MESSAGES, question(max_tokens=10), headers=key)
        assert int(again.headers["anthropic-ratelimit-tokens-remaining"]) < 100_000 - told["prompt_tokens"]
    row, _ = rows(running)
    assert (row["input_tokens"], row["output_tokens"], row["estimated"]) == (told["prompt_tokens"], 0, False)


@pytest.mark.parametrize(("limit", "most"), [(40, 3), (2_000, 20), (100_000_000, 20)])
async def test_requests_at_once_cannot_pass_a_limit_together(tmp_path: Path, limit: int, most: int) -> None:
    """Where room is short each is read exactly: about 16 tokens with its longest answer, and the last takes what is
    left. Where there is plenty, all are let in and counted when they are over."""
    key = make_key(tmp_path, limits=Limits(tokens_per_day=limit))
    async with rig(tmp_path) as running:
        asked = question(max_tokens=10)
        replies = await asyncio.gather(*(running.ask(f"/{CLAUDE}{MESSAGES}", asked, headers=key) for _ in range(20)))
        good = [json.loads(reply.body)["usage"] for reply in replies if reply.status == 200]
        statuses = Counter(reply.status for reply in replies)
        assert statuses[200] + statuses[429] == 20
        assert most - 1 <= statuses[200] <= most
        spent = sum(each["input_tokens"] + each["output_tokens"] for each in good)
        last = await running.ask(f"/{CLAUDE}{MESSAGES}", asked, headers=key)
        if most == 20:
            assert (
                spent
                < limit - int(last.headers["anthropic-ratelimit-tokens-remaining"])
                < 2 * spent + len(json.dumps(asked))
            )
