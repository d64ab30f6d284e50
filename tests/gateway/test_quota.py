"""What accounts have used (B6), asked at a bounded rate of the simulated service."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.credentials.secret import Secret
from aiclient2api.credentials.static import MissingLogin, StaticLogin
from aiclient2api.gateway.quota import Quotas, Reading
from aiclient2api.gateway.upstream import Account, Upstream
from aiclient2api.http1.client import Client
from aiclient2api.http1.messages import Deadlines
from aiclient2api.providers.anthropic import claude_custom
from aiclient2api.providers.kiro import KiroProvider
from aiclient2api.routing.attempts import RetryPolicy
from aiclient2api.simulator import Simulation, Step, make_handler
from tests.cli.invoking import mode
from tests.gateway.rig import serving, simulated

NOW = 1_790_000_000.0


@dataclass
class Asked:
    simulation: Simulation
    base: str
    upstream: Upstream
    now: float = NOW

    def account(self) -> Account:
        login = StaticLogin(Secret(self.simulation.api_key()), "test", "the test", "API_KEY")
        return Account(KiroProvider(base_url=self.base), login)

    def quotas(self, place: Path | None = None) -> Quotas:
        return Quotas(self.upstream, place, lambda: self.now)

    @property
    def questions(self) -> int:
        return self.simulation.counts["GetUsageLimits"]


@asynccontextmanager
async def asked(*steps: Step) -> AsyncIterator[Asked]:
    simulation, client = simulated(*steps), Client()
    policy, deadlines = RetryPolicy(max_retries=0, base_delay=0.0), Deadlines()
    async with serving(make_handler(simulation)) as base:
        try:
            yield Asked(simulation, base, Upstream(client, policy, deadlines))
        finally:
            await client.close()


def fails(status: int, times: int | None = 1, retry_after: str | None = None) -> Step:
    body = msgspec.Raw(b'{"message":"down"}')
    return Step(target="*.GetUsageLimits", times=times, status=status, body=body, retry_after=retry_after)


async def test_a_reading_is_good_for_minutes() -> None:
    async with asked() as at:
        quotas, account = at.quotas(), at.account()
        assert quotas.known(account.login.id) is None
        at.simulation.counts["GenerateAssistantResponse"] = 250
        first = await quotas.read(account)
        assert first is not None
        assert (first.used, first.limit, first.unit, first.plan) == (250, 1000, "Credits", "KIRO FREE (simulated)")
        assert (first.left, first.overage, first.read_at) == (0.75, False, NOW)
        assert first.resets_at is not None
        at.now += 299
        assert await quotas.read(account) == quotas.known(account.login.id) == first
        assert at.questions == 1
        at.now += 1
        assert (await quotas.read(account)) != first
        assert await quotas.read(account, good_for=0) is not None
        at.now -= 5000  # a clock that was set back
        await quotas.read(account)
        assert at.questions == 4


async def test_many_ask_at_once_and_one_question_is_sent() -> None:
    async with asked() as at:
        quotas, account, other = at.quotas(), at.account(), at.account()
        readings = await asyncio.gather(*(quotas.read(each) for each in [account, other] * 50))
        assert None not in readings
        assert at.questions == 2


async def test_a_few_questions_at_once_in_all() -> None:
    async with asked(Step(target="*.GetUsageLimits", times=None, delay=0.02)) as at:
        quotas, loop = at.quotas(), asyncio.get_running_loop()
        began = loop.time()
        await asyncio.gather(*(quotas.read(at.account()) for _ in range(6)))
        assert loop.time() - began >= 0.06  # two at a time
        assert at.questions == 6


async def test_after_a_failure_the_account_is_left_alone() -> None:
    async with asked(fails(500)) as at:
        quotas, account = at.quotas(), at.account()
        for seconds in (0, 1, 58):
            at.now += seconds
            with pytest.raises(GatewayError):
                await quotas.read(account)
        assert len(at.simulation.recorded) == 1
        at.now += 2
        assert await quotas.read(account) is not None
        assert await quotas.read(at.account()) is not None


async def test_the_services_own_wait_is_kept() -> None:
    async with asked(fails(429, retry_after="900")) as at:
        quotas, account = at.quotas(), at.account()
        with pytest.raises(GatewayError) as caught:
            await quotas.read(account)
        assert caught.value.retry_after == 900
        at.now += 899
        with pytest.raises(GatewayError):
            await quotas.read(account)
        assert at.questions == 0
        at.now += 2
        assert await quotas.read(account) is not None
        assert at.questions == 1


async def test_an_old_reading_stays_known_through_failures() -> None:
    async with asked() as at:
        quotas, account = at.quotas(), at.account()
        first = await quotas.read(account)
        at.simulation.script.add(fails(500, times=None))
        at.now += 1000
        with pytest.raises(GatewayError):
            await quotas.read(account)
        assert quotas.known(account.login.id) == first


async def test_an_answer_without_sense() -> None:
    async with asked(Step(target="*.GetUsageLimits", status=200, body=msgspec.Raw(b"[]"))) as at:
        with pytest.raises(GatewayError, match="usage limits cannot be read"):
            await at.quotas().read(at.account())


async def test_who_tells_nothing_is_not_asked() -> None:
    async with asked() as at:
        account = Account(claude_custom(at.base), MissingLogin("no key", "anthropic"))
        assert await at.quotas().read(account) is None
        assert not at.simulation.recorded


async def test_a_login_that_is_missing() -> None:
    async with asked() as at:
        account = Account(KiroProvider(base_url=at.base), MissingLogin("log in first", "kiro"))
        with pytest.raises(GatewayError, match="log in first"):
            await at.quotas().read(account)


async def test_kept_in_a_file_for_others(tmp_path: Path) -> None:
    place = tmp_path / "data" / "quotas.json"
    async with asked() as at:
        account, other = at.account(), at.account()
        one, two = at.quotas(place), at.quotas(place)
        first = await one.read(account)
        await two.read(other)
        later = at.quotas(place)
        assert await later.read(account) == first
        assert later.known(other.login.id) is not None
        assert at.questions == 2
        assert mode(place) == 0o600
        place.write_bytes(b"[")
        assert at.quotas(place).known(account.login.id) is None
        place.unlink()
        place.mkdir()
        assert await at.quotas(place).read(account) is not None  # what cannot be kept is read all the same


@pytest.mark.parametrize(
    ("used", "limit", "left"), [(0, 0, 1.0), (5, 0, 1.0), (0, 10, 1.0), (4, 10, 0.6), (12, 10, 0.0)]
)
def test_what_is_left(used: float, limit: float, left: float) -> None:
    reading = Reading(plan="", used=used, limit=limit, unit="", resets_at=None, overage=False, read_at=NOW)
    assert reading.left == pytest.approx(left)


async def test_a_plan_that_takes_the_question_without_a_kind_only() -> None:
    """Some plans refuse the narrow question, and answer the wide one; another refusal is not asked again."""
    body = msgspec.Raw(b'{"message":"no","reason":"FEATURE_NOT_SUPPORTED","__type":"AccessDeniedException"}')
    async with asked(Step(target="*.GetUsageLimits", times=1, status=403, body=body)) as world:
        reading = await world.quotas().read(world.account())
        assert reading is not None
        assert reading.limit == 1000
        kinds = [b"resourceType" in each.body for each in world.simulation.recorded]
        assert kinds == [True, False]
    async with asked(Step(target="*.GetUsageLimits", times=None, status=403, body=body)) as world:
        with pytest.raises(GatewayError):
            await world.quotas().read(world.account())
        assert len(world.simulation.recorded) == 2
