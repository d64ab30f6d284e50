"""The simulated Code Assist service and Google's refresh over a fake exchange: envelope, projects, logins."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from aiclient2api.simulator import Simulation, Step
from aiclient2api.simulator.script import Failure
from tests.simulator.fake import FakeExchange, call, simulation
from tests.simulator.gemini_talk import NEW, WEATHER, body, user

FORM = {"content-type": "application/x-www-form-urlencoded"}


class Account:
    """A Google login of a simulation, and calls with it."""

    def __init__(self, simulated: Simulation) -> None:
        self.simulated = simulated
        self.file = simulated.google_credential()
        loaded = self.ask("loadCodeAssist", {"metadata": {"pluginType": "GEMINI"}})
        self.project = loaded.json["cloudaicompanionProject"]

    def ask(self, method: str, asked: Any, token: str = "") -> FakeExchange:
        headers = {"authorization": f"Bearer {token or self.file['access_token']}"}
        return call(self.simulated, "POST", f"/v1internal:{method}", headers, asked)

    def envelope(self, request: Any, **members: Any) -> dict[str, Any]:
        return {"model": NEW, "project": self.project, "user_prompt_id": "p", "request": request} | members

    def refresh(self, **changed: str) -> FakeExchange:
        form = {name: str(self.file[name]) for name in ("client_id", "client_secret", "refresh_token")}
        asked = urlencode({"grant_type": "refresh_token"} | form | changed).encode()
        return call(self.simulated, "POST", "/token", FORM, asked)


def test_whole_and_streamed_in_their_envelope() -> None:
    account = Account(simulation())
    asked = account.envelope(body(user("Weather in Oslo?"), tools=WEATHER, session_id="s"))
    whole = account.ask("generateContent", asked).json
    assert whole.keys() == {"response", "traceId"}
    call_ = whole["response"]["candidates"][0]["content"]["parts"][0]["functionCall"]
    assert call_["args"] == {"city": "Oslo"}
    events = [json.loads(event.data) for event in account.ask("streamGenerateContent?alt=sse", asked).sse]
    assert all(event.keys() == {"response", "traceId"} for event in events)
    assert events[-1]["response"]["candidates"][0]["finishReason"] == "STOP"
    assert events[0]["response"]["modelVersion"] == NEW


def test_the_calls_beside_it() -> None:
    account = Account(simulation())
    counted = account.ask("countTokens", {"request": {"model": f"models/{NEW}"} | body(user("hello"))})
    assert counted.json["totalTokens"] > 0
    loaded = account.ask("loadCodeAssist", {"metadata": {"pluginType": "GEMINI"}}).json
    assert loaded["currentTier"]["id"]
    operation = account.ask("onboardUser", {"tierId": "standard-tier"}).json
    assert operation["done"] is True
    assert operation["response"]["cloudaicompanionProject"]["id"] == account.project
    assert account.ask("listExperiments", {}).json == {"experimentIds": [], "flags": []}
    before = account.ask("retrieveUserQuota", {"project": account.project}).json["buckets"][0]
    account.ask("generateContent", account.envelope(body()))
    after = account.ask("retrieveUserQuota", {"project": account.project}).json["buckets"][0]
    assert after["remainingFraction"] < before["remainingFraction"] == 1.0


def test_refusals() -> None:
    account = Account(simulation())
    cases = [
        (account.envelope(body(), extra=1), 400, 'Unknown name "extra"'),
        (account.envelope(body(), project="other"), 403, "Permission denied on resource project other."),
        (account.envelope(body(), model="gemini-no-such"), 404, "Requested entity was not found."),
        (account.envelope(body(top_k=1)), 400, "Unknown name \"top_k\" at 'request'"),
        (account.envelope(body({"role": "user", "parts": "a"})), 400, "at 'request.contents[0].parts[0]'"),
    ]
    for asked, status, words in cases:
        refused = account.ask("generateContent", asked)
        assert (refused.status, refused.json["error"]["code"]) == (status, status)
        assert words in refused.json["error"]["message"]
    streamed = account.ask("streamGenerateContent?alt=sse", cases[0][0])
    assert streamed.json[0]["error"]["status"] == "INVALID_ARGUMENT"
    assert account.ask("streamGenerateContent", account.envelope(body())).status == 400
    assert account.ask("loadCodeAssist", {}).status == 400


def test_an_error_in_mid_stream() -> None:
    failure = Failure(after=1, type="RESOURCE_EXHAUSTED", message="quota")
    simulated = simulation(Step(path="*streamGenerateContent", exception=failure))
    account = Account(simulated)
    events = account.ask("streamGenerateContent?alt=sse", account.envelope(body())).sse
    assert json.loads(events[-1].data)["error"]["code"] == 429


def test_only_google_tokens_are_taken() -> None:
    simulated = simulation()
    account = Account(simulated)
    kiro = simulated.credential()["accessToken"]
    for token in ("unknown", kiro):
        refused = account.ask("generateContent", account.envelope(body()), token)
        assert (refused.status, refused.json["error"]["status"]) == (401, "UNAUTHENTICATED")
    token = str(account.file["access_token"])
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    assert call(simulated, "POST", "/generateAssistantResponse", headers, {}).status == 403
    assert call(simulated, "POST", "/v1internal:generateContent", {}, {}).status == 401


def test_expired_tokens_are_refreshed() -> None:
    account = Account(simulation())
    account.simulated.expire_tokens()
    expired = account.ask("generateContent", account.envelope(body()))
    assert (expired.status, expired.json["error"]["details"][0]["reason"]) == (401, "ACCESS_TOKEN_EXPIRED")
    fresh = account.refresh().json
    assert fresh.keys() == {"access_token", "expires_in", "scope", "token_type"}
    assert account.ask("generateContent", account.envelope(body()), fresh["access_token"]).status == 200
    assert account.simulated.counts["refresh"] == 1


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"client_id": "other"}, 401, "invalid_client"),
        ({"client_secret": "other"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"refresh_token": "other"}, 400, "invalid_grant"),
    ],
)
def test_wrong_refreshes(changed: dict[str, str], status: int, code: str) -> None:
    refused = Account(simulation()).refresh(**changed)
    assert (refused.status, refused.json["error"]) == (status, code)


def test_revoked_logins_and_those_of_others() -> None:
    simulated = simulation()
    account = Account(simulated)
    simulated.revoke(str(account.file["refresh_token"]))
    assert account.refresh().json["error"] == "invalid_grant"
    external = simulated.login("external_idp")
    form = {"grant_type": "refresh_token", "refresh_token": external.refresh_token, "client_id": external.client_id}
    assert call(simulated, "POST", "/token", FORM, urlencode(form).encode()).status == 200


def test_the_file_is_the_one_that_clients_keep() -> None:
    file = simulation().google_credential()
    assert file["expiry_date"] == 1_790_003_600_000
    assert str(file["access_token"]).startswith("simulated-")
    assert file["token_type"] == "Bearer"
