"""Two gateways around one Redis (E4): limits, refreshes, sessions, rests and stored answers are those of both."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from aiclient2api.credentials import keeper
from aiclient2api.simulator import make_handler
from aiclient2api.state import key_file
from aiclient2api.state.keys import FILE_NAME, Grants
from aiclient2api.state.limits import Limits
from aiclient2api.tasks import spawn, stop
from tests.gateway.answers import CHAT, asks, read
from tests.gateway.client import Reply
from tests.gateway.rig import CLAUDE, KIRO, Rig, eventually, rig, simulated
from tests.gateway.test_pools import KEYS, MESSAGES, Service, account, question
from tests.redis_server import RedisServer

RESPONSES = "/v1/responses"


@dataclass
class Pair:
    """Two gateways in folders of their own, as on two machines, before the same services."""

    one: Rig
    two: Rig
    service: Service

    @property
    def both(self) -> tuple[Rig, Rig]:
        return self.one, self.two


@asynccontextmanager
async def pair(folder: Path, redis: RedisServer, **settings: Any) -> AsyncIterator[Pair]:
    """`accounts` in `settings`: so many accounts of Anthropic in a pool."""
    simulation = simulated()
    simulation.rotate = True  # a refresh token is good for once
    service = Service(served=make_handler(simulation))
    accounts = [
        {"CLAUDE_API_KEY": key, "uuid": f"account-{key[-1]}"} for key in KEYS[: int(settings.pop("accounts", 0))]
    ]
    async with AsyncExitStack() as stack:
        made = []
        for name in ("one", "two"):
            place = folder / name
            place.mkdir(exist_ok=True)
            more = {"REDIS_URL": redis.url, **settings}
            if accounts:
                (place / "pools.json").write_text(json.dumps({CLAUDE: {"accounts": accounts}}), "utf-8")
                more |= {"PROVIDER_POOLS_FILE_PATH": "pools.json", "MODEL_PROVIDER": CLAUDE}
            made.append(await stack.enter_async_context(rig(place, handler=service, **more)))
            made[-1].simulation = simulation
        login = json.dumps(simulation.credential())
        for each in made:
            each.login.write_text(login, "utf-8")
        await eventually(lambda: b"2" in redis.command("PUBSUB", "NUMSUB", "aiclient2api:0:account")[-5:], 3)
        yield Pair(made[0], made[1], service)


def client_key(folder: Path, **grants: Any) -> dict[str, str]:
    """A key that both gateways know, as the header that carries it; made before they start."""
    data = [folder / name / "data" for name in ("one", "two")]
    for each in data:
        each.mkdir(exist_ok=True, parents=True)
    _, secret = key_file.create(data[0] / FILE_NAME, "laptop", Grants(**grants), time.time())
    for each in data[1:]:
        (each / FILE_NAME).write_bytes((data[0] / FILE_NAME).read_bytes())
    return {"x-api-key": secret}


# --- limits


async def test_a_keys_limit_is_that_of_both_together(tmp_path: Path, redis_server: RedisServer) -> None:
    """Exactly: 100 of 400 requests get in."""
    key = client_key(tmp_path, limits=Limits(requests_per_day=100))
    async with pair(tmp_path, redis_server) as running:
        found: Counter[int] = Counter()
        for _ in range(4):
            asked = (each.ask(CHAT, asks(CHAT), headers=key) for each in running.both for _ in range(50))
            found.update(reply.status for reply in await asyncio.gather(*asked))
        assert found == {200: 100, 429: 300}


# --- refreshes


def expire(pair: Pair) -> None:
    """The tokens are over, in both files and for the service."""
    for each in pair.both:
        document = json.loads(each.login.read_text("utf-8"))
        each.login.write_text(json.dumps(document | {"expiresAt": "2020-01-01T00:00:00.000Z"}), "utf-8")
    pair.one.simulation.expire_tokens()


def tokens(running: Rig) -> tuple[str, str]:
    document = json.loads(running.login.read_text("utf-8"))
    return document["accessToken"], document["refreshToken"]


async def ask_all(running: Pair, count: int) -> list[Reply]:
    asked = [each.ask(CHAT, asks(CHAT, f"question {n}")) for n in range(count) for each in running.both]
    replies = await asyncio.gather(*asked)
    for reply in replies:
        read(CHAT, reply)
    return replies


@pytest.fixture
def soon_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    """A token that is rejected right after its refresh is refreshed again."""
    monkeypatch.setattr(keeper, "_JUST_ISSUED", 0.0)


@pytest.mark.usefixtures("soon_rejected")
async def test_one_refresh_for_two_copies_of_a_login(tmp_path: Path, redis_server: RedisServer) -> None:
    """Again and again; refresh tokens are good for once, so a second refresh with the same would be refused."""
    async with pair(tmp_path, redis_server) as running:
        for number in range(1, 4):
            expire(running)
            await ask_all(running, 20)
            assert running.one.simulation.counts["refresh"] == number
            assert tokens(running.one) == tokens(running.two)
        kept = redis_server.values(":login:")
        assert kept
        assert not any(token.encode() in kept for token in tokens(running.one)), "what is kept is sealed"


async def test_only_the_service_knows_that_the_token_is_over(tmp_path: Path, redis_server: RedisServer) -> None:
    async with pair(tmp_path, redis_server) as running:
        running.one.simulation.expire_tokens()
        await ask_all(running, 20)
        assert running.one.simulation.counts["refresh"] == 1
        assert tokens(running.one) == tokens(running.two)


@pytest.mark.usefixtures("soon_rejected")
async def test_who_slept_through_several_refreshes_finds_the_last(tmp_path: Path, redis_server: RedisServer) -> None:
    async with pair(tmp_path, redis_server) as running:
        for _ in range(3):
            running.one.simulation.expire_tokens()
            read(CHAT, await running.one.ask(CHAT, asks(CHAT)))
        assert running.one.simulation.counts["refresh"] == 3
        read(CHAT, await running.two.ask(CHAT, asks(CHAT)))
        assert running.one.simulation.counts["refresh"] == 3
        assert tokens(running.one) == tokens(running.two)


# --- pools


async def test_a_session_stays_with_its_account_on_both(tmp_path: Path, redis_server: RedisServer) -> None:
    async with pair(tmp_path, redis_server, accounts=3) as running:
        for number in range(8):
            talk = question(f"The beginning of talk {number}")
            first = account(await running.both[number % 2].ask(MESSAGES, talk))
            for _ in range(2):
                for each in running.both:
                    talk["messages"] += [{"role": "assistant", "content": "Yes."}, {"role": "user", "content": "And?"}]
                    assert account(await each.ask(MESSAGES, talk)) == first
        assert len(running.service.asked) == 3, "not all with one account"
    text = redis_server.values(":session:")
    assert b"account-" in text
    assert b"beginning" not in text + "".join(redis_server.keys()).encode()


async def test_a_session_that_moves_moves_for_both(tmp_path: Path, redis_server: RedisServer) -> None:
    async with pair(tmp_path, redis_server, accounts=3) as running:
        talk = question("The beginning of a talk")
        first = account(await running.one.ask(MESSAGES, talk))
        assert account(await running.two.ask(MESSAGES, talk)) == first
        key = next(key for key in KEYS if first.endswith(key[-1]))
        running.service.refused[key] = (429, [("retry-after", "600")], "rate_limit_error")
        moved = account(await running.one.ask(MESSAGES, talk))
        assert moved != first
        await asyncio.sleep(0.3)
        for each in (*running.both, *running.both):
            assert account(await each.ask(MESSAGES, talk)) == moved
        assert running.service.asked[key] == 3, "asked once more, and left alone by both"


async def test_a_rest_that_one_learns_is_known_to_the_other(tmp_path: Path, redis_server: RedisServer) -> None:
    """Within a second; and so is its end."""
    async with pair(tmp_path, redis_server, accounts=2) as running:
        running.service.refused[KEYS[0]] = (429, [("retry-after", "600")], "rate_limit_error")
        for number in range(2):
            assert (await running.one.ask(MESSAGES, question(f"Question {number}"))).status == 200
        assert running.service.asked[KEYS[0]] == 1
        began = time.monotonic()
        await eventually(lambda: rests(running.two) == ["account-a"])
        assert time.monotonic() - began < 1
        for number in range(6):
            assert account(await running.two.ask(MESSAGES, question(f"Other {number}"))) == "account-b"
        assert running.service.asked[KEYS[0]] == 1
        pool = running.one.gateway.pools[CLAUDE]
        assert pool.pool is not None
        running.service.refused.clear()
        pool.pool.restore("account-a", time.time(), everything=True)
        await eventually(lambda: rests(running.two) == [])


def rests(running: Rig) -> list[str]:
    pool = running.gateway.pools[CLAUDE].pool
    assert pool is not None
    return [each.id for each in pool.standings(time.time(), "claude-sonnet-4-5") if each.state == "resting"]


async def test_who_starts_later_knows_the_rests(tmp_path: Path, redis_server: RedisServer) -> None:
    async with pair(tmp_path, redis_server, accounts=2) as running:
        running.service.refused[KEYS[1]] = (429, [("retry-after", "600")], "rate_limit_error")
        for number in range(2):
            await running.one.ask(MESSAGES, question(f"Question {number}"))
        await eventually(lambda: rests(running.two) == ["account-b"])
        late = tmp_path / "late"
        late.mkdir()
        (late / "pools.json").write_bytes((tmp_path / "one" / "pools.json").read_bytes())
        settings = {"PROVIDER_POOLS_FILE_PATH": "pools.json", "MODEL_PROVIDER": CLAUDE, "REDIS_URL": redis_server.url}
        more: dict[str, Any] = {"handler": running.service, **settings}
        async with rig(late, **more) as third:
            await eventually(lambda: rests(third) == ["account-b"])


async def test_a_pool_that_is_well_tells_nothing(tmp_path: Path, redis_server: RedisServer) -> None:
    async with pair(tmp_path, redis_server, accounts=2) as running:
        talk = question("The same talk")
        await running.one.ask(MESSAGES, talk)
        await asyncio.sleep(0.2)
        before = commands(redis_server)
        for _ in range(20):
            await running.one.ask(MESSAGES, talk)
        await asyncio.sleep(0.2)
        assert commands(redis_server) - before <= 2, "those that ask for the number"


def commands(redis: RedisServer) -> int:
    lines = redis.command("INFO", "stats").decode().split("\r\n")
    return int(next(line for line in lines if line.startswith("total_commands_processed")).partition(":")[2])


# --- stored answers


async def test_an_answer_of_one_is_referred_to_at_the_other(tmp_path: Path, redis_server: RedisServer) -> None:
    other = client_key(tmp_path)
    async with pair(tmp_path, redis_server) as running:
        talk = {"model": "claude-sonnet-4-5", "input": "My name is Ada."}
        first = (await running.one.ask(RESPONSES, talk)).json
        again = talk | {"input": "What is my name?", "previous_response_id": first["id"]}
        second = await running.two.ask(RESPONSES, again)
        assert second.status == 200, second.body
        sent = running.one.simulation.recorded[-1].body
        assert b"My name is Ada." in sent
        item = {"type": "item_reference", "id": second.json["output"][0]["id"]}
        third = await running.one.ask(RESPONSES, talk | {"input": [item, {"role": "user", "content": "Go on."}]})
        assert third.status == 200, third.body
        unknown = await running.two.ask(RESPONSES, again | {"previous_response_id": "resp_unknown"})
        assert unknown.status == 400
        assert (await running.two.ask(RESPONSES, again, headers=other)).status == 400, "another key finds nothing"


# --- the response cache


async def test_an_answer_that_one_has_kept_is_given_by_the_other(tmp_path: Path, redis_server: RedisServer) -> None:
    async with pair(tmp_path, redis_server, RESPONSE_CACHE_TTL=60) as running:
        first = await running.one.ask(CHAT, asks(CHAT, "the same question"))
        calls = running.one.simulation.counts["GenerateAssistantResponse"]
        again = await running.two.ask(CHAT, asks(CHAT, "the same question"))
        assert (first.headers["x-aiclient-cache"], again.headers["x-aiclient-cache"]) == ("miss", "hit")
        assert again.body == first.body
        assert running.one.simulation.counts["GenerateAssistantResponse"] == calls
        redis_server.command("SET", next(key for key in set(redis_server.keys()) if ":cache:" in key), "nonsense")
        third = await running.two.ask(CHAT, asks(CHAT, "the same question"))
        assert third.headers["x-aiclient-cache"] == "miss"


# --- without Redis


async def test_redis_stopped_and_started_under_load(
    tmp_path: Path, redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """No request fails, none waits for long; it is said once that it is lost, and once that it is back."""
    slowest = 0.0
    asked: Counter[str] = Counter()

    async def keep_asking(running: Rig, number: int, header: Mapping[str, str]) -> None:
        nonlocal slowest
        for turn in range(1_000_000):
            began = time.monotonic()
            reply = await running.ask(MESSAGES, question(f"Talk {number} {turn % 20}"), headers=header)
            assert reply.status == 200, reply.body
            slowest = max(slowest, time.monotonic() - began)
            asked[running.folder.name] += 1

    caplog.set_level("INFO", "aiclient2api.state")
    header = client_key(tmp_path, limits=Limits(requests_per_minute=1_000_000))
    async with pair(tmp_path, redis_server, accounts=3) as running:
        load = [spawn(keep_asking(running.both[n % 2], n, header), f"load {n}") for n in range(6)]
        await asyncio.sleep(0.3)
        redis_server.stop()
        await asyncio.sleep(0.5)
        before = asked.copy()
        redis_server.start()
        await eventually(lambda: caplog.text.count("is back") == 2, 5)
        await asyncio.sleep(0.3)
        redis_server.freeze()
        await asyncio.sleep(0.6)
        redis_server.thaw()
        await eventually(lambda: caplog.text.count("is back") == 4, 5)
        await asyncio.sleep(0.2)
        assert not any(each.done() for each in load), [each.exception() for each in load if each.done()]
        await stop(*load)
    assert all(asked[name] > before[name] > 3 for name in ("one", "two")), asked
    assert slowest < 1.5
    assert caplog.text.count("cannot be used") == 4


async def test_without_redis_at_the_start(tmp_path: Path, redis_server: RedisServer) -> None:
    redis_server.stop()
    async with rig(tmp_path, first=KIRO, REDIS_URL=redis_server.url) as running:
        read(CHAT, await running.ask(CHAT, asks(CHAT)))
