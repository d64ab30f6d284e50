"""Accounts in pools at work (D6; rows F8 to F13 and F16 of the fault list): who answers, and what a fault does."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from aiclient2api.http1.messages import Exchange, Handler
from aiclient2api.simulator import make_handler
from aiclient2api.tasks import spawn
from tests.gateway.client import Reply
from tests.gateway.rig import Rig, rig, simulated

KEYS = ("canary-claude-key-aaaaaa", "canary-claude-key-bbbbbb", "canary-claude-key-cccccc")
MESSAGES = "/v1/messages"


BEGUN = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"m","type":"message","role":"assistant",'
    b'"model":"m","content":[],"stop_reason":null,"usage":{"input_tokens":9,"output_tokens":1}}}\n\n'
    b'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":'
    b'{"type":"text","text":""}}\n\n'
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":'
    b'{"type":"text_delta","text":"Half a"}}\n\n'
)
BROKEN = (
    b'event: error\ndata: {"type":"error","error":{"type":"rate_limit_error","message":"This is all you get."}}\n\n'
)


def question(text: str = "Hello", **more: Any) -> dict[str, Any]:
    return {
        "model": "claude-sonnet-4-5",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": text}],
        **more,
    }


@dataclass
class Service:
    """Anthropic's API with several customers: `refused` maps a key to the status it is answered with, for model calls
    alone; streams of `broken` keys end with an error in mid-answer. `asked` counts model calls by key; those of `held`
    wait for `release`."""

    refused: dict[str, tuple[int, list[tuple[str, str]], str]] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    asked: Counter[str] = field(default_factory=Counter)
    held: set[str] = field(default_factory=set)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    served: Handler = field(default_factory=lambda: make_handler(simulated()))

    async def __call__(self, exchange: Exchange) -> None:
        key = exchange.headers.get("x-api-key", "")
        if exchange.path != MESSAGES:
            await self.served(exchange)
            return
        self.asked[key] += 1
        if key in self.held:
            self.arrived.set()
            await self.release.wait()
        if key in self.broken:
            await exchange.body()
            await exchange.start(200, [("content-type", "text/event-stream")])
            await exchange.write(BEGUN)
            await asyncio.sleep(0.05)
            await exchange.write(BROKEN)
            await exchange.finish()
            return
        if key not in self.refused:
            await self.served(exchange)
            return
        status, headers, kind = self.refused[key]
        error = {"type": "error", "error": {"type": kind, "message": f"{kind} here"}}
        await exchange.body()
        await exchange.respond(status, [("content-type", "application/json"), *headers], json.dumps(error).encode())


@asynccontextmanager
async def pooled(
    folder: Path, *keys: str, fields: Mapping[str, Any] | None = None, **settings: Any
) -> AsyncIterator[tuple[Rig, Service]]:
    service = Service()
    accounts = [{"CLAUDE_API_KEY": key, "uuid": f"account-{key[-1]}", **(fields or {})} for key in keys]
    (folder / "pools.json").write_text(json.dumps({"claude-custom": {"accounts": accounts}}), "utf-8")
    more = {"PROVIDER_POOLS_FILE_PATH": "pools.json", "MODEL_PROVIDER": "claude-custom"} | settings
    async with rig(folder, first="claude-custom", handler=service, **more) as running:
        service.served = make_handler(running.simulation)
        yield running, service


def account(reply: Reply) -> str:
    return reply.headers["x-aiclient-account"]


async def test_load_is_spread_and_the_account_is_named(tmp_path: Path) -> None:
    async with pooled(tmp_path, *KEYS) as (running, service):
        replies = [await running.ask(MESSAGES, question(f"Question {n}")) for n in range(9)]
        assert {reply.status for reply in replies} == {200}
        assert Counter(account(reply) for reply in replies) == dict.fromkeys(("account-a", "account-b", "account-c"), 3)
        assert service.asked == dict.fromkeys(KEYS, 3)


async def test_a_conversation_stays_with_its_account(tmp_path: Path) -> None:
    """Prompt caches live on it."""
    async with pooled(tmp_path, *KEYS) as (running, _):
        talk = question("The beginning of a talk")
        first = account(await running.ask(MESSAGES, talk))
        for n in range(5):
            await running.ask(MESSAGES, question(f"Another talk {n}"))
            talk["messages"] += [{"role": "assistant", "content": "Yes."}, {"role": "user", "content": f"And {n}?"}]
            assert account(await running.ask(MESSAGES, talk)) == first


@pytest.mark.parametrize(
    ("status", "kind", "headers"),
    [
        (429, "rate_limit_error", [("retry-after", "60")]),
        (401, "authentication_error", []),
        (403, "permission_error", []),
        (500, "api_error", []),
        (529, "overloaded_error", []),
        (402, "billing_error", []),
    ],
)
async def test_another_account_takes_over(
    tmp_path: Path, status: int, kind: str, headers: list[tuple[str, str]]
) -> None:
    """The client sees nothing of an account's trouble while another can answer."""
    async with pooled(tmp_path, *KEYS[:2]) as (running, service):
        service.refused[KEYS[0]] = (status, headers, kind)
        replies = [await running.ask(MESSAGES, question(f"Question {n}")) for n in range(6)]
        assert {reply.status for reply in replies} == {200}
        assert {account(reply) for reply in replies} == {"account-b"}


@pytest.mark.parametrize("path", [MESSAGES, "/v1/chat/completions"])
async def test_an_account_that_breaks_off_in_mid_answer_rests(tmp_path: Path, path: str) -> None:
    """Passed on or translated: the client has the error, and the next ones are served by others."""
    async with pooled(tmp_path, *KEYS) as (running, service):
        service.broken = {KEYS[0]}
        replies = [await running.ask(path, question(f"Question {n}", stream=True)) for n in range(6)]
        assert Counter(b"This is all you get." in reply.body for reply in replies) == {True: 1, False: 5}
        assert service.asked[KEYS[0]] == 1


async def test_a_limited_account_is_left_alone_until_its_time(tmp_path: Path) -> None:
    """Retry-After is kept: one call, and not one more."""
    async with pooled(tmp_path, *KEYS[:2]) as (running, service):
        service.refused[KEYS[0]] = (429, [("retry-after", "600")], "rate_limit_error")
        for n in range(8):
            assert (await running.ask(MESSAGES, question(f"Question {n}"))).status == 200
        assert service.asked[KEYS[0]] == 1


async def test_the_clients_mistake_harms_no_account(tmp_path: Path) -> None:
    async with pooled(tmp_path, *KEYS[:2]) as (running, service):
        for key in KEYS[:2]:
            service.refused[key] = (400, [], "invalid_request_error")
        for n in range(8):
            assert (await running.ask(MESSAGES, question(f"Wrong {n}"))).status == 400
        assert service.asked.total() == 8, "a mistake is asked once"
        service.refused.clear()
        good = [account(await running.ask(MESSAGES, question(f"Right {n}"))) for n in range(4)]
        assert set(good) == {"account-a", "account-b"}


async def test_when_all_are_limited_the_client_learns_when_to_come_back(tmp_path: Path) -> None:
    async with pooled(tmp_path, *KEYS[:2], REQUEST_MAX_RETRIES=0) as (running, service):
        for key in KEYS[:2]:
            service.refused[key] = (429, [("retry-after", "120")], "rate_limit_error")
        await running.ask(MESSAGES, question())
        later = await running.ask(MESSAGES, question("Again"))
        assert later.status == 429
        assert 100 <= int(later.headers["retry-after"]) <= 120
        assert service.asked.total() == 2


RETRY_AFTER = [
    [("retry-after", "40")],
    [("retry-after", "25")],
    [],
    [("retry-after", "-5")],
    [("retry-after", "1000000000")],
    [("retry-after", "Wed, 21 Oct 2065 07:28:00 GMT")],
]


async def test_f8_all_of_ten_accounts_are_limited(tmp_path: Path) -> None:
    """Each is asked once, nobody waits for long, and the client is told of the one that is ready first."""
    keys = [f"canary-claude-key-{letter * 6}" for letter in "abcdefghij"]
    async with pooled(tmp_path, *keys) as (running, service):
        for number, key in enumerate(keys):
            service.refused[key] = (429, RETRY_AFTER[number % 2], "rate_limit_error")
        began = time.monotonic()
        reply = await running.ask(MESSAGES, question())
        assert time.monotonic() - began < 1.5, "without a wait of any account's own"
        assert (reply.status, reply.headers["retry-after"]) == (429, "25")
        assert service.asked == dict.fromkeys(keys, 1)


@pytest.mark.parametrize("headers", RETRY_AFTER)
async def test_f8_whatever_the_wait_is_called(tmp_path: Path, headers: list[tuple[str, str]]) -> None:
    async with pooled(tmp_path, *KEYS[:2]) as (running, service):
        for key in KEYS[:2]:
            service.refused[key] = (429, headers, "rate_limit_error")
        reply = await running.ask(MESSAGES, question())
        assert reply.status == 429
        assert int(reply.headers["retry-after"]) >= 1
        assert service.asked.total() == 2


async def test_f16_all_are_gone_and_come_back(tmp_path: Path) -> None:
    """A reason meanwhile; and as soon as they are well again, they serve."""
    async with pooled(tmp_path, *KEYS[:2]) as (running, service):
        for key in KEYS[:2]:
            service.refused[key] = (529, [], "overloaded_error")
        for n in range(3):
            reply = await running.ask(MESSAGES, question(f"Question {n}"))
            assert (reply.status, "overloaded_error here" in reply.body.decode()) == (529, True), reply.body
        service.refused.clear()
        assert (await running.ask(MESSAGES, question("Again"))).status == 200


async def test_a_storm_of_limits_is_not_made_worse(tmp_path: Path) -> None:
    """F9: at most 1.2 calls upstream for each of the clients' requests, however many accounts there are."""
    async with pooled(tmp_path, *KEYS, REQUEST_BASE_DELAY=1) as (running, service):
        for key in KEYS:
            service.refused[key] = (429, [], "rate_limit_error")
        await asyncio.gather(*(running.ask(MESSAGES, question(f"Question {n}")) for n in range(100)))
        assert 3 <= service.asked.total() <= 120


async def test_a_full_pool_waits_a_little_and_serves_all(tmp_path: Path) -> None:
    async with pooled(tmp_path, KEYS[0], fields={"concurrencyLimit": 1}) as (running, service):
        service.held.add(KEYS[0])
        asking = [spawn(running.ask(MESSAGES, question(f"Question {n}")), "asking") for n in range(4)]
        await service.arrived.wait()
        await asyncio.sleep(0.05)
        assert service.asked[KEYS[0]] == 1, "one at a time"
        service.release.set()
        assert {reply.status for reply in await asyncio.gather(*asking)} == {200}


async def test_models_that_no_account_may_serve_are_refused(tmp_path: Path) -> None:
    async with pooled(tmp_path, *KEYS[:2], fields={"supportedModels": ["claude-haiku-*"]}) as (running, service):
        reply = await running.ask(MESSAGES, question())
        assert (reply.status, service.asked.total()) == (404, 0)
        assert (await running.ask(MESSAGES, question() | {"model": "claude-haiku-4-5"})).status == 200


async def test_a_chain_leads_to_the_next_provider(tmp_path: Path) -> None:
    """D6: fallback between providers and between models; the client reads the name it asked for."""
    chain = {"claude-custom": ["claude-kiro-oauth"]}
    async with pooled(
        tmp_path,
        *KEYS[:2],
        MODEL_PROVIDER=["claude-custom", "claude-kiro-oauth"],
        providerFallbackChain=chain,
        REQUEST_MAX_RETRIES=0,
    ) as (running, service):
        for key in KEYS[:2]:
            service.refused[key] = (429, [("retry-after", "600")], "rate_limit_error")
        reply = await running.ask(MESSAGES, question())
        assert (reply.status, reply.headers["x-aiclient-provider"]) == (200, "claude-kiro-oauth")
        assert json.loads(reply.body)["model"] == "claude-sonnet-4-5"


async def test_a_mapping_leads_to_another_model(tmp_path: Path) -> None:
    mapping = {"claude-sonnet-4-5": {"targetProviderType": "claude-kiro-oauth", "targetModel": "claude-haiku-4-5"}}
    async with pooled(
        tmp_path,
        KEYS[0],
        MODEL_PROVIDER=["claude-custom", "claude-kiro-oauth"],
        modelFallbackMapping=mapping,
        REQUEST_MAX_RETRIES=0,
    ) as (running, service):
        service.refused[KEYS[0]] = (429, [("retry-after", "600")], "rate_limit_error")
        reply = await running.ask(MESSAGES, question())
        assert (reply.status, reply.headers["x-aiclient-provider"]) == (200, "claude-kiro-oauth")


async def test_a_second_pool_of_a_provider_has_a_path_of_its_own(tmp_path: Path) -> None:
    file = {
        "claude-custom": [{"CLAUDE_API_KEY": KEYS[0], "uuid": "account-a"}],
        "claude-custom-2": [{"CLAUDE_API_KEY": KEYS[1], "uuid": "account-b"}],
    }
    service = Service()
    (tmp_path / "pools.json").write_text(json.dumps(file), "utf-8")
    async with rig(tmp_path, handler=service, PROVIDER_POOLS_FILE_PATH="pools.json") as running:
        reply = await running.ask("/claude-custom-2/v1/messages", question())
        assert (reply.status, account(reply)) == (200, "account-b")
        assert reply.headers["x-aiclient-provider"] == "claude-custom-2"
