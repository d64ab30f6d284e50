"""The simulated sign-in services over a fake exchange: what they refuse, and that nothing works twice."""

import json
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from aiclient2api.simulator import Simulation
from aiclient2api.simulator.kiro_sign_in import CODE_SECONDS, DEVICE_GRANT, REGISTRATION_SECONDS
from tests.simulator.fake import FakeExchange, call, simulation

FORM = {"content-type": "application/x-www-form-urlencoded"}
START = "https://view.awsapps.com/start"
PAGE = {
    "client_id": "c",
    "redirect_uri": "http://127.0.0.1:5/back",
    "response_type": "code",
    "scope": "s",
    "state": "st",
    "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    "code_challenge_method": "S256",
}
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
"""The example of RFC 7636, appendix B."""


def post(simulated: Simulation, path: str, body: Any) -> FakeExchange:
    return call(simulated, "POST", path, {}, body)


class Device:
    """A registered client with a device code."""

    def __init__(self) -> None:
        self.simulated = simulation()
        names = {"clientName": "test", "clientType": "public"}
        self.client = post(self.simulated, "/client/register", names).json
        self.code = self.authorize().json

    def authorize(self, **changes: str) -> FakeExchange:
        asked = {"startUrl": START, **self.secrets} | changes
        return post(self.simulated, "/device_authorization", asked)

    def poll(self, **changes: str) -> FakeExchange:
        asked = {"grantType": DEVICE_GRANT, "deviceCode": self.code["deviceCode"], **self.secrets} | changes
        return post(self.simulated, "/token", asked)

    @property
    def secrets(self) -> dict[str, str]:
        return {name: self.client[name] for name in ("clientId", "clientSecret")}

    def pass_time(self, seconds: float) -> None:
        now = self.simulated.clock()
        self.simulated.clock = lambda: now + seconds


def errors(exchange: FakeExchange) -> tuple[int, str, str]:
    return exchange.status, exchange.json["error"], dict(exchange.sent)["x-amzn-errortype"]


def test_a_code_is_confirmed_once() -> None:
    device = Device()
    assert errors(device.poll()) == (400, "authorization_pending", "AuthorizationPendingException")
    tokens = device.poll().json
    assert tokens.keys() == {"accessToken", "refreshToken", "expiresIn", "tokenType"}
    assert errors(device.poll()) == (400, "invalid_grant", "InvalidGrantException")
    refresh = {"grantType": "refresh_token", "refreshToken": tokens["refreshToken"], **device.secrets}
    assert post(device.simulated, "/token", refresh).status == 200


def test_opening_the_page_confirms_it() -> None:
    device = Device()
    page = call(device.simulated, "GET", f"/device?user_code={device.code['userCode']}", {}, None)
    assert page.status == 200
    assert device.poll().status == 200


def test_what_does_not_fit_is_refused() -> None:
    device, other = Device(), Device()
    assert errors(device.poll(clientSecret="x"))[:2] == (401, "invalid_client")
    assert errors(device.authorize(clientSecret="x"))[:2] == (401, "invalid_client")
    assert errors(device.authorize(startUrl="http://x"))[:2] == (400, "invalid_request")
    assert errors(device.poll(deviceCode="x"))[:2] == (400, "invalid_grant")
    second = post(device.simulated, "/client/register", {"clientName": "two", "clientType": "public"}).json
    swapped = {name: second[name] for name in ("clientId", "clientSecret")}
    assert errors(device.poll(**swapped))[:2] == (400, "invalid_grant")
    assert errors(device.poll(grantType="password"))[:2] == (400, "unsupported_grant_type")
    assert other.poll().status == 400


@pytest.mark.parametrize("asked", [{}, {"clientName": "x"}, {"clientName": "x", "clientType": "confidential"}, []])
def test_registrations_need_a_name_and_a_kind(asked: object) -> None:
    assert post(simulation(), "/client/register", asked).status == 400


def test_codes_and_registrations_end() -> None:
    device = Device()
    device.pass_time(CODE_SECONDS)
    assert errors(device.poll()) == (400, "expired_token", "ExpiredTokenException")
    device.pass_time(REGISTRATION_SECONDS)
    assert errors(device.authorize())[:2] == (401, "invalid_client")


@pytest.mark.parametrize("client", ["Kiro-CLI", "a|b/c"])
def test_social(client: str) -> None:
    simulated = simulation()
    asked = {"clientId": client, "loginProvider": "Github"}
    code = post(simulated, "/oauth/device/authorization", asked).json
    poll = {"clientId": client, "deviceCode": code["deviceCode"]}
    assert post(simulated, "/oauth/device/poll", poll).json == {"status": "authorization_pending"}
    given = post(simulated, "/oauth/device/poll", poll).json
    assert (given["status"], given["identityProvider"]) == ("authorized", "Github")
    assert post(simulated, "/refreshToken", {"refreshToken": given["refreshToken"]}).status == 200
    for wrong in (poll, poll | {"clientId": "x"}, poll | {"deviceCode": "x"}, {}):
        assert post(simulated, "/oauth/device/poll", wrong).status == 400
    for other in (asked | {"loginProvider": "Myspace"}, {"clientId": ""}, {}):
        assert post(simulated, "/oauth/device/authorization", other).status == 400
    late = post(simulated, "/oauth/device/authorization", asked).json["deviceCode"]
    now = simulated.clock()
    simulated.clock = lambda: now + CODE_SECONDS
    assert post(simulated, "/oauth/device/poll", poll | {"deviceCode": late}).json == {"status": "expired_token"}


def page(simulated: Simulation, **changes: str) -> FakeExchange:
    return call(simulated, "GET", f"/o/oauth2/v2/auth?{urlencode(PAGE | changes)}", {}, None)


def exchanged(simulated: Simulation, code: str, **changes: str) -> FakeExchange:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "client_id": "c",
        "client_secret": "x",
        "redirect_uri": PAGE["redirect_uri"],
        "code_verifier": VERIFIER,
    } | changes
    return call(simulated, "POST", "/token", FORM, urlencode(form).encode())


def test_googles_code_works_once_and_with_its_verifier_only() -> None:
    simulated = simulation()
    back = urlsplit(dict(page(simulated).sent)["location"])
    answer = dict(parse_qsl(back.query))
    assert (back.netloc, back.path, answer["state"]) == ("127.0.0.1:5", "/back", "st")
    for wrong in (
        {"code_verifier": "x"},
        {"client_id": "d"},
        {"redirect_uri": "http://127.0.0.1:6/back"},
        {"code": "simulated-code-x|y"},
        {"code": ""},
    ):
        refused = exchanged(simulated, **{"code": answer["code"], **wrong})
        assert (refused.status, refused.json["error"]) == (400, "invalid_grant")
    assert exchanged(simulated, answer["code"], client_secret="").json["error"] == "invalid_client"
    given = exchanged(simulated, answer["code"])
    assert given.status == 200, json.dumps(given.json)
    assert simulated.holder(given.json["refresh_token"]) is not None
    assert exchanged(simulated, answer["code"]).status == 400


@pytest.mark.parametrize(
    "changes",
    [
        {"response_type": "token"},
        {"redirect_uri": "https://evil.example/"},
        {"redirect_uri": "http://evil.example/"},
        {"code_challenge": ""},
        {"code_challenge_method": "plain"},
        {"client_id": ""},
        {"scope": ""},
    ],
)
def test_googles_page_sends_nobody_away_from_this_machine(changes: dict[str, str]) -> None:
    refused = page(simulation(), **changes)
    assert refused.status == 400
    assert "location" not in dict(refused.sent)
