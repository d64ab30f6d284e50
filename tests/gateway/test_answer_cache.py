"""The response cache (E5): the same question of the same key gets the same bytes, and nothing else does."""

import asyncio
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from aiclient2api.canonical.events import Event
from aiclient2api.gateway.answer_cache import Recording
from aiclient2api.state.bytecache import MAX_VALUE, LocalCache
from aiclient2api.state.limits import Limits
from tests.gateway.answers import CHAT, MESSAGES, asks, read
from tests.gateway.client import Reply
from tests.gateway.rig import CLAUDE, KIRO, OPENAI, fault, rig
from tests.gateway.test_books import make_key, rows

RESPONSES, GEMINI = "/v1/responses", "/v1beta/models/claude-sonnet-4-5"
TOOLS: dict[str, list[dict[str, Any]]] = {
    CHAT: [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}],
    MESSAGES: [{"name": "look", "input_schema": {"type": "object"}}],
}


def cached(reply: Reply) -> str | None:
    assert reply.status == 200, reply.body
    return reply.headers.get("x-aiclient-cache")


def questions() -> list[tuple[str, dict[str, Any]]]:
    contents = {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}
    return [
        *((f"{prefix}{route}", asks(route, "Hello", stream=stream))
          for prefix in ("", f"/{CLAUDE}", f"/{OPENAI}") for route in (CHAT, MESSAGES) for stream in (False, True)),
        *((RESPONSES, {"model": "claude-sonnet-4-5", "input": "Hello", "stream": stream}) for stream in (False, True)),
        (f"{GEMINI}:generateContent", contents),
        (f"{GEMINI}:streamGenerateContent", contents),
        (f"{GEMINI}:streamGenerateContent?alt=sse", contents),
    ]  # fmt: skip


async def test_the_same_question_gets_the_same_bytes(tmp_path: Path) -> None:
    """Every front, passed through and translated, whole and streamed: and none of them gets another's answer."""
    async with rig(tmp_path, RESPONSE_CACHE_TTL=60) as running:
        first = [await running.ask(*question) for question in questions()]
        calls = len(running.simulation.recorded)
        second = [await running.ask(*question) for question in questions()]
        assert {cached(reply) for reply in first} == {"miss"}
        assert {cached(reply) for reply in second} == {"hit"}
        assert len(running.simulation.recorded) == calls, "no provider was asked"
        for before, after in zip(first, second, strict=True):
            assert after.body == before.body
            assert after.headers["content-type"] == before.headers["content-type"]
            assert after.headers.get("x-aiclient-dropped") == before.headers.get("x-aiclient-dropped")
            assert after.headers["x-aiclient-attempts"] == "0"
            assert after.headers["x-request-id"] != before.headers["x-request-id"]
            assert "x-aiclient-account" not in after.headers


async def test_off_by_default(tmp_path: Path) -> None:
    async with rig(tmp_path) as running:
        for _ in range(2):
            assert cached(await running.ask(CHAT, asks(CHAT), headers={"x-aiclient-cache": "on"})) is None
        assert running.attempts() == 2


async def test_what_makes_a_question_another(tmp_path: Path) -> None:
    async with rig(tmp_path, RESPONSE_CACHE_TTL=60, MODEL_ALIASES={"fast": "claude-sonnet-4-5"}) as running:
        body = asks(MESSAGES, "Hello")
        replies = [
            await running.ask(MESSAGES, body),
            await running.ask(MESSAGES, body | {"temperature": 0.5}),
            await running.ask(MESSAGES, body | {"model": "fast"}),
            await running.ask(MESSAGES, body, headers={"anthropic-beta": "context-1m-2025-08-07"}),
            await running.ask(MESSAGES, body, headers={"model-provider": CLAUDE}),
            await running.ask(MESSAGES, body | {"stream": True}),
        ]
        assert [cached(reply) for reply in replies] == ["miss"] * 6
        assert cached(await running.ask(f"/{CLAUDE}{MESSAGES}", body)) == "hit", "the same provider by another way"


async def test_each_key_has_its_own(tmp_path: Path) -> None:
    header = make_key(tmp_path)
    async with rig(tmp_path, RESPONSE_CACHE_TTL=60) as running:
        assert cached(await running.ask(CHAT, asks(CHAT))) == "miss"
        assert cached(await running.ask(CHAT, asks(CHAT), headers=header)) == "miss"
        assert cached(await running.ask(CHAT, asks(CHAT), headers=header)) == "hit"


@pytest.mark.parametrize("route", [CHAT, MESSAGES])
async def test_streams_with_tools_only_if_asked(tmp_path: Path, route: str) -> None:
    body = asks(route, "Hello", stream=True) | {"tools": TOOLS[route]}
    async with rig(tmp_path, RESPONSE_CACHE_TTL=60) as running:
        assert [cached(await running.ask(route, body)) for _ in range(2)] == [None, None]
        asked = {"x-aiclient-cache": "on"}
        assert [cached(await running.ask(route, body, headers=asked)) for _ in range(2)] == ["miss", "hit"]
        assert cached(await running.ask(route, body)) is None
        whole = body | {"stream": False}
        assert [cached(await running.ask(route, whole)) for _ in range(2)] == ["miss", "hit"]


async def test_what_the_client_does_not_want(tmp_path: Path) -> None:
    async with rig(tmp_path, RESPONSE_CACHE_TTL=60) as running:

        async def ask(**headers: str) -> str | None:
            named = {name.replace("_", "-"): text for name, text in headers.items()}
            return cached(await running.ask(CHAT, asks(CHAT), headers=named))

        assert await ask(cache_control="max-age=3, no-store") is None
        assert await ask(x_aiclient_cache="off") is None
        assert await ask() == "miss", "nothing was kept"
        assert await ask(cache_control="no-store") is None
        assert await ask() == "hit"
        assert await ask(cache_control="No-Cache") == "miss"
        assert await ask() == "hit"
        assert running.attempts() == 5


async def test_only_whole_good_answers_are_kept(tmp_path: Path) -> None:
    cut = fault(KIRO, cut_after=900, times=1)
    more: Any = {"RESPONSE_CACHE_TTL": 60, "REQUEST_MAX_RETRIES": 0}
    async with rig(tmp_path, cut, fault(CLAUDE, status=529, times=2), **more) as running:
        body = asks(MESSAGES, "a long story please", stream=True)
        broken = await running.ask(MESSAGES, body)
        assert b"event: error" in broken.body, "the stream broke off"
        assert cached(await running.ask(MESSAGES, body)) == "miss"
        assert cached(await running.ask(MESSAGES, body)) == "hit"
        refused = [await running.ask(f"/{CLAUDE}{MESSAGES}", body) for _ in range(2)]
        assert {reply.headers["x-aiclient-cache"] for reply in refused if reply.status >= 500} == {"miss"}
        assert cached(await running.ask(f"/{CLAUDE}{MESSAGES}", body)) == "miss"


async def test_an_answer_of_another_provider_is_not_kept(tmp_path: Path) -> None:
    more: Any = {"RESPONSE_CACHE_TTL": 60, "REQUEST_MAX_RETRIES": 0, "providerFallbackChain": {CLAUDE: [KIRO]}}
    async with rig(tmp_path, fault(CLAUDE, status=500, times=1), first=CLAUDE, **more) as running:
        replies = [await running.ask(MESSAGES, asks(MESSAGES)) for _ in range(3)]
        assert [reply.headers["x-aiclient-provider"] for reply in replies] == [KIRO, CLAUDE, CLAUDE]
        assert [cached(reply) for reply in replies] == ["miss", "miss", "hit"]


async def test_a_client_that_leaves_keeps_nothing(tmp_path: Path) -> None:
    async with rig(tmp_path, RESPONSE_CACHE_TTL=60, pace=0.05) as running:
        body = asks(MESSAGES, "a long story please", stream=True)
        async with running.calling(MESSAGES, body) as call:
            await call.piece()
        await asyncio.sleep(0.3)
        running.simulation.pace = 0.0
        assert cached(await running.ask(MESSAGES, body)) == "miss"


async def test_it_ends(tmp_path: Path) -> None:
    async with rig(tmp_path, RESPONSE_CACHE_TTL=1) as running:
        assert [cached(await running.ask(CHAT, asks(CHAT))) for _ in range(2)] == ["miss", "hit"]
        await asyncio.sleep(1.1)
        assert cached(await running.ask(CHAT, asks(CHAT))) == "miss"


async def test_another_system_prompt_of_the_operator(tmp_path: Path) -> None:
    prompt = tmp_path / "system.txt"
    prompt.write_text("Be brief.")
    async with rig(tmp_path, RESPONSE_CACHE_TTL=60, SYSTEM_PROMPT_FILE_PATH=str(prompt)) as running:
        assert [cached(await running.ask(CHAT, asks(CHAT))) for _ in range(2)] == ["miss", "hit"]
        prompt.write_text("Be very brief.")
        assert cached(await running.ask(CHAT, asks(CHAT))) == "miss"


async def test_a_hit_takes_nothing_of_the_keys_limits(tmp_path: Path) -> None:
    header = make_key(tmp_path, limits=Limits(requests_per_minute=2))
    async with rig(tmp_path, RESPONSE_CACHE_TTL=60) as running:

        async def ask(text: str) -> Reply:
            return await running.ask(CHAT, asks(CHAT, text), headers=header)

        assert [cached(await ask("Hello")) for _ in range(4)] == ["miss", "hit", "hit", "hit"]
        assert cached(await ask("Another")) == "miss"
        assert (await ask("A third")).status == 429
        assert cached(await ask("Hello")) == "hit"


async def test_a_hit_in_the_ledger(tmp_path: Path) -> None:
    async with rig(tmp_path, RESPONSE_CACHE_TTL=60) as running:
        whole = read(CHAT, await running.ask(CHAT, asks(CHAT)))
        hit = await running.ask(CHAT, asks(CHAT))
        assert read(CHAT, hit).output_tokens == whole.output_tokens
        for _ in range(100):
            found = rows(running)
            if len(found) == 2:
                break
            await asyncio.sleep(0.05)
        made, again = found
        assert (made["cached"], made["attempts"]) == (False, 1)
        assert made["output_tokens"] == whole.output_tokens
        assert (again["cached"], again["attempts"], again["cost_usd"], again["output_tokens"]) == (True, 0, 0.0, None)
        assert (again["status"], again["provider"], again["account"]) == (200, KIRO, None)


async def test_responses_that_are_referred_to_later(tmp_path: Path) -> None:
    """The answer of a hit has the id of the first, and a client may go on from it."""
    async with rig(tmp_path, RESPONSE_CACHE_TTL=60) as running:
        body = {"model": "claude-sonnet-4-5", "input": "My name is Ada."}
        await running.ask(RESPONSES, body)
        hit = await running.ask(RESPONSES, body)
        assert cached(hit) == "hit"
        on = await running.ask(RESPONSES, body | {"input": "And?", "previous_response_id": hit.json["id"]})
        assert on.status == 200, on.body
        assert "Ada" in json.dumps(running.kiro_requests[-1])


class Encoder:
    def encode(self, events: Iterable[Event]) -> bytes:
        return b"x" * 1000


def test_a_recording_is_bounded() -> None:
    async def talk() -> None:
        cache = LocalCache()
        recording = Recording(cache, "k", 60)
        encoder = recording.of(Encoder())
        for _ in range(MAX_VALUE // 1000 + 2):
            encoder.encode(())
        assert not recording._parts
        assert await cache.get("k") is None

    asyncio.run(talk())
