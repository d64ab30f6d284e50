"""B6: Builder ID and Identity Center logins against the simulated service, with everything that can go wrong."""

import asyncio
import json
from pathlib import Path

import msgspec
import pytest

from aiclient2api import __version__, tasks
from aiclient2api.credentials.credential import Credential
from aiclient2api.credentials.login.kiro_device import DeviceLogin, log_in, plain_start_url
from aiclient2api.credentials.login.registration import Registrations
from aiclient2api.credentials.login.talk import LoginFailed
from aiclient2api.simulator import Step
from tests.cli.homes import names_in
from tests.credentials.login.world import DENIED, EXPIRED, PENDING, SLOW_DOWN, World, answers, world
from tests.http1.proxies import Relay

PORTAL = "https://d-0123456789.awsapps.com/start"


async def logged_in(made: World, folder: Path, **changes: str) -> Credential:
    login = DeviceLogin(token_url=f"{made.base}/token", **changes)
    return await log_in(login, made.means, Registrations(folder / "registrations"), made.show)


def kept(folder: Path) -> Path:
    """The file of the one registration."""
    (path,) = (folder / "registrations").iterdir()
    return path


async def failure(made: World, folder: Path, **changes: str) -> LoginFailed:
    with pytest.raises(LoginFailed) as caught:
        await logged_in(made, folder, **changes)
    return caught.value


async def test_builder_id(tmp_path: Path) -> None:
    async with world() as made:
        credential = await logged_in(made, tmp_path)
        (prompt,) = made.shown
        assert prompt.direct == f"{made.base}/device?user_code={prompt.code}"
        assert made.slept == [1.0, 1.0]
        (registered,) = made.bodies("/client/register")
        assert registered == {
            "clientName": "aiclient2api",
            "clientType": "public",
            "scopes": ["codewhisperer:completions", "codewhisperer:analysis", "codewhisperer:conversations"],
        }
        assert made.bodies("/device_authorization")[0]["startUrl"] == "https://view.awsapps.com/start"
        agents = {each.headers["user-agent"] for each in made.simulation.recorded}
        assert agents == {f"aiclient2api/{__version__}"}
        assert (credential.auth_method, credential.provider, credential.region) == ("idc", "BuilderId", "us-east-1")
        assert credential.lasts(made.now, 3500)
        assert credential.client_secret_expires_at == pytest.approx(made.now + 90 * 86400, abs=10)
        await made.refreshed(credential)


async def test_identity_center(tmp_path: Path) -> None:
    async with world() as made:
        credential = await logged_in(made, tmp_path, start_url=PORTAL, region="eu-central-1")
        assert made.bodies("/device_authorization")[0]["startUrl"] == PORTAL
        assert (credential.provider, credential.region) == ("Enterprise", "eu-central-1")


def test_where_the_service_is() -> None:
    assert DeviceLogin().url("client/register") == "https://oidc.us-east-1.amazonaws.com/client/register"
    there = DeviceLogin(start_url=PORTAL, region="ap-southeast-2")
    assert there.service == "https://oidc.ap-southeast-2.amazonaws.com/token"
    assert DeviceLogin(region="evil.example/").service == "https://oidc.us-east-1.amazonaws.com/token"
    replaced = DeviceLogin(token_url="http://127.0.0.1:1/below/token")
    assert replaced.url("device_authorization") == "http://127.0.0.1:1/below/device_authorization"


async def test_the_page_is_opened_and_the_first_poll_brings_the_token(tmp_path: Path) -> None:
    async with world() as made:

        async def sleep(seconds: float) -> None:
            await made.open(made.shown[0].direct)
            made.slept.append(seconds)

        means = made.means._replace(sleep=sleep)
        login = DeviceLogin(token_url=f"{made.base}/token")
        assert await log_in(login, means, Registrations(tmp_path), made.show)
        assert len(made.slept) == 1


async def test_pending_and_slow_down(tmp_path: Path) -> None:
    steps = [answers("/token", PENDING), answers("/token", SLOW_DOWN, at=2), answers("/token", PENDING, at=3)]
    async with world(*steps) as made:
        assert await logged_in(made, tmp_path)
        assert made.slept == [1, 1, 6, 6, 6]


@pytest.mark.parametrize(
    ("error", "reason", "words"),
    [
        (DENIED, "denied", "refused on the page, or by an administrator"),
        (EXPIRED, "expired", "has expired before it was confirmed"),
        (("invalid_grant", "InvalidGrantException"), "refused", "refuses a token"),
        (("invalid_client", "InvalidClientException"), "refused", "refuses a token"),
    ],
)
async def test_ways_it_ends(tmp_path: Path, error: tuple[str, str], reason: str, words: str) -> None:
    async with world(answers("/token", error, at=2)) as made:
        failed = await failure(made, tmp_path)
        assert failed.reason == reason
        assert words in str(failed)
        assert len(made.requests("/token")) == 2


async def test_nobody_confirms(tmp_path: Path) -> None:
    async with world(answers("/token", PENDING, times=None)) as made:
        began = made.now
        assert (await failure(made, tmp_path)).reason == "expired"
        assert made.now - began == pytest.approx(600)
        assert len(made.requests("/token")) == 599


async def test_trouble_on_the_way_is_no_end(tmp_path: Path) -> None:
    """A cut, an overloaded service, a proxy's page: the code stays good."""
    page = msgspec.Raw(b'"<html>captive portal</html>"')
    steps = [
        Step(path="/token", reset=True),
        Step(path="/token", at=2, status=503, body=msgspec.Raw(b'{"error":"server_error"}')),
        Step(path="/token", at=3, status=403, body=page),
        Step(path="/token", at=4, retry_after="30"),
    ]
    async with world(*steps) as made:
        assert await logged_in(made, tmp_path)
        assert made.slept == [1, 2, 4, 8, 30, 16]


async def test_cancelled(tmp_path: Path) -> None:
    async with world() as made:
        waiting = asyncio.Event()

        async def sleep(seconds: float) -> None:
            waiting.set()
            await asyncio.Event().wait()

        login = DeviceLogin(token_url=f"{made.base}/token")
        means = made.means._replace(sleep=sleep)
        task = tasks.spawn(log_in(login, means, Registrations(tmp_path / "kept"), made.show), "login")
        await waiting.wait()
        await tasks.stop(task)
        assert task.cancelled()
        assert made.requests("/token") == []
        assert names_in(tmp_path / "kept") == names_in(tmp_path) - {"kept"}


async def test_the_registration_is_used_again(tmp_path: Path) -> None:
    async with world() as made:
        first, second = await logged_in(made, tmp_path), await logged_in(made, tmp_path)
        assert made.simulation.counts["register"] == 1
        assert first.client_id == second.client_id
        assert first.access_token != second.access_token
        made.now += 84 * 86400
        await logged_in(made, tmp_path)
        assert made.simulation.counts["register"] == 2


async def test_a_registration_that_the_service_has_forgotten_is_replaced(tmp_path: Path) -> None:
    async with world() as made:
        await logged_in(made, tmp_path)
        path = kept(tmp_path)
        path.write_text(json.dumps(json.loads(path.read_text()) | {"clientSecret": "simulated-other"}))
        credential = await logged_in(made, tmp_path)
        assert made.simulation.counts["register"] == 2
        await made.refreshed(credential)


async def test_a_new_registration_that_is_refused_is_no_loop(tmp_path: Path) -> None:
    error = ("invalid_client", "InvalidClientException")
    async with world(answers("/device_authorization", error, times=None)) as made:
        assert (await failure(made, tmp_path)).reason == "refused"
        assert made.simulation.counts["register"] == 1


@pytest.mark.parametrize(
    ("region", "hint"),
    [("eu-west-1", "--region eu-west-1."), ("evil; rm -rf", "--region and the right one"), ("", "the right one")],
)
async def test_wrong_region(tmp_path: Path, region: str, hint: str) -> None:
    error = ("invalid_request", "InvalidRequestRegionException")
    elsewhere = answers("/device_authorization", error, endpoint="https://x", region=region)
    async with world(elsewhere) as made:
        failed = await failure(made, tmp_path, start_url=PORTAL, region="us-east-1")
        assert failed.reason == "wrong_region"
        assert f"{PORTAL} is not in us-east-1" in str(failed)
        assert hint in str(failed)
        assert "evil" not in str(failed)


async def test_a_start_url_that_the_region_does_not_know(tmp_path: Path) -> None:
    unknown = answers("/device_authorization", ("invalid_request", "InvalidRequestException"), times=None)
    async with world(unknown) as made:
        failed = await failure(made, tmp_path, start_url=PORTAL, region="eu-central-1")
        assert failed.reason == "wrong_region"
        assert "Check both" in str(failed)
        assert (await failure(made, tmp_path)).reason == "refused"  # a Builder ID has no region to get wrong


@pytest.mark.parametrize("scheme", ["http", "socks5"])
async def test_every_call_goes_through_the_proxy(tmp_path: Path, scheme: str) -> None:
    """E12."""
    async with world() as made, Relay(scheme) as relay:
        made.proxy = relay.url()
        assert await logged_in(made, tmp_path)
        port = made.base.rpartition(":")[2]
        assert relay.asked
        assert all(port in asked for asked in relay.asked)
        made.proxy = "http://127.0.0.1:9"
        assert (await failure(made, tmp_path)).reason == "unreachable"


@pytest.mark.parametrize("path", ["/client/register", "/device_authorization"])
async def test_answers_without_sense(tmp_path: Path, path: str) -> None:
    nothing = Step(
        path=path, status=200, body=msgspec.Raw(b'{"clientId": 5, "deviceCode": "x", "userCode": "\\u001b"}')
    )
    async with world(nothing) as made:
        assert (await failure(made, tmp_path)).reason == "unreadable"
        assert made.shown == []
    async with world(Step(path=path, status=502, body=msgspec.Raw(b'"bad gateway"'))) as made:
        assert (await failure(made, tmp_path)).reason == "unreachable"


async def test_no_secret_in_what_is_said(tmp_path: Path) -> None:
    """A service that repeats what it was sent."""
    async with world() as made:
        await logged_in(made, tmp_path)
        secret = json.loads(kept(tmp_path).read_text())["clientSecret"]
        repeated = msgspec.Raw(json.dumps({"error": "odd", "error_description": f"<{secret}>"}).encode())
        made.simulation.script.add(Step(path="/device_authorization", status=400, body=repeated))
        assert "<***>" in str(await failure(made, tmp_path))


@pytest.mark.parametrize(
    "text",
    [PORTAL, f"{PORTAL}/", f"  {PORTAL}/#/\n", f"{PORTAL}#/device", f"{PORTAL}/?tab=x"],
)
def test_start_urls_as_people_copy_them(text: str) -> None:
    assert plain_start_url(text) == PORTAL


@pytest.mark.parametrize(
    "text",
    [
        "",
        "d-0123456789",
        "http://d-1.awsapps.com/start",
        "https://",
        "https://u:p@x/start",
        "https://a b/",
        "https://[/",
    ],
)
def test_what_is_no_start_url(text: str) -> None:
    with pytest.raises(ValueError, match="is no start URL"):
        plain_start_url(text)
