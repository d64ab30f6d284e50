"""Google and GitHub logins by device code (experimental) against the simulated service."""

import msgspec
import pytest

from aiclient2api.credentials.credential import Credential
from aiclient2api.credentials.login.kiro_social import Provider, SocialLogin, log_in
from aiclient2api.credentials.login.talk import LoginFailed
from aiclient2api.simulator import Step
from tests.credentials.login.world import World, world

POLL, AUTHORIZE = "/oauth/device/poll", "/oauth/device/authorization"


async def logged_in(made: World, provider: Provider = "Google") -> Credential:
    login = SocialLogin(provider=provider, refresh_url=f"{made.base}/refreshToken")
    return await log_in(login, made.means, made.show)


@pytest.mark.parametrize("provider", ["Google", "Github"])
async def test_login(provider: Provider) -> None:
    async with world() as made:
        credential = await logged_in(made, provider)
        assert (credential.auth_method, credential.provider) == ("social", provider)
        assert credential.profile_arn.startswith("arn:aws:codewhisperer:us-east-1:")
        assert credential.lasts(made.now, 3500)
        assert made.bodies(AUTHORIZE) == [{"clientId": "Kiro-CLI", "loginProvider": provider}]
        assert {each.headers["user-agent"].partition("/")[0] for each in made.simulation.recorded} == {"aiclient2api"}
        assert made.slept == [1, 1]
        assert made.shown[0].direct.endswith(made.shown[0].code)
        await made.refreshed(credential)


def test_where_the_service_is() -> None:
    base = "https://prod.us-east-1.auth.desktop.kiro.dev"
    assert SocialLogin(provider="Google").url("oauth/device/poll") == f"{base}{POLL}"


async def test_pending_slow_down_and_passing_trouble() -> None:
    steps = [
        Step(path=POLL, status=200, body=msgspec.Raw(b'{"status":"authorization_pending"}')),
        Step(path=POLL, at=2, status=200, body=msgspec.Raw(b'{"status":"slow_down"}')),
        Step(path=POLL, at=3, status=500, body=msgspec.Raw(b'{"message":"Oops, something went wrong"}')),
    ]
    async with world(*steps) as made:
        assert await logged_in(made)
        assert made.slept == [1, 1, 6, 12, 12]


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (Step(path=POLL, status=200, body=msgspec.Raw(b'{"status":"access_denied"}')), "denied"),
        (Step(path=POLL, status=400, body=msgspec.Raw(b'{"error":"access_denied"}')), "denied"),
        (Step(path=POLL, status=200, body=msgspec.Raw(b'{"status":"expired_token"}')), "expired"),
        (Step(path=POLL, status=400, body=msgspec.Raw(b'{"message":"Bad Request"}')), "refused"),
        (Step(path=POLL, status=200, body=msgspec.Raw(b'{"status":"authorized"}')), "unreadable"),
        (Step(path=AUTHORIZE, status=200, body=msgspec.Raw(b'{"deviceCode":"x"}')), "unreadable"),
        (Step(path=AUTHORIZE, status=404, body=msgspec.Raw(b'{"message":"gone"}')), "refused"),
        (Step(path=AUTHORIZE, status=503, body=msgspec.Raw(b'"down"')), "unreachable"),
        (Step(path=POLL, times=None, status=200, body=msgspec.Raw(b'{"status":"authorization_pending"}')), "expired"),
    ],
)
async def test_ways_it_ends(step: Step, reason: str) -> None:
    async with world(step) as made:
        with pytest.raises(LoginFailed) as caught:
            await logged_in(made)
        assert caught.value.reason == reason
