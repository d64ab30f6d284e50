"""The refresh requests and what their answers mean."""

import json
from urllib.parse import parse_qs

import msgspec
import pytest

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.credentials.credential import Credential
from aiclient2api.credentials.kiro_login import KiroLogin
from aiclient2api.credentials.refresh import Refusal, read_refresh, refresh_request, retry_after
from aiclient2api.credentials.refusals import Refusals, pause_seconds
from aiclient2api.credentials.secret import Secret
from tests.credentials.samples import NOW, Clock

SOCIAL = Credential(access_token=Secret("A-CANARY"), refresh_token=Secret("R-CANARY"), auth_method="social")
IDC = msgspec.structs.replace(
    SOCIAL, auth_method="idc", client_id="C", client_secret=Secret("S-CANARY"), region="eu-west-1"
)
IDP = msgspec.structs.replace(
    SOCIAL,
    auth_method="external_idp",
    client_id="C",
    token_endpoint="https://idp.example/oauth/token",
    issuer_url="https://IDP.example/issuer",
    scopes="a b",
)


def test_social_request() -> None:
    request = refresh_request(SOCIAL, KiroLogin(), NOW)
    assert (request.method, request.url) == ("POST", "https://prod.us-east-1.auth.desktop.kiro.dev/refreshToken")
    assert json.loads(request.body) == {"refreshToken": "R-CANARY"}
    assert dict(request.headers)["user-agent"].startswith("aiclient2api/")


def test_idc_request() -> None:
    request = refresh_request(IDC, KiroLogin(), NOW)
    assert request.url == "https://oidc.eu-west-1.amazonaws.com/token"
    assert dict(request.headers)["content-type"] == "application/json"
    expected = {"clientId": "C", "clientSecret": "S-CANARY", "grantType": "refresh_token", "refreshToken": "R-CANARY"}
    assert json.loads(request.body) == expected


def test_external_request() -> None:
    request = refresh_request(IDP, KiroLogin(), NOW)
    assert request.url == "https://idp.example/oauth/token"
    assert dict(request.headers)["content-type"] == "application/x-www-form-urlencoded"
    expected = {"grant_type": ["refresh_token"], "client_id": ["C"], "refresh_token": ["R-CANARY"], "scope": ["a b"]}
    assert parse_qs(request.body.decode()) == expected


def test_urls_from_the_configuration_are_whole() -> None:
    login = KiroLogin(refresh_url="http://127.0.0.1:1/a", refresh_idc_url="http://127.0.0.1:1/b")
    assert refresh_request(SOCIAL, login, NOW).url == "http://127.0.0.1:1/a"
    assert refresh_request(IDC, login, NOW).url == "http://127.0.0.1:1/b"
    assert refresh_request(IDP, login, NOW).url == IDP.token_endpoint


@pytest.mark.parametrize(
    ("base", "change", "why"),
    [
        (SOCIAL, {"refresh_token": Secret("")}, "no refreshToken"),
        (IDC, {"client_id": ""}, "registration"),
        (IDC, {"client_secret": Secret("")}, "registration"),
        (IDC, {"client_secret_expires_at": NOW - 1}, "registration has expired"),
        (IDP, {"token_endpoint": "http://idp.example/token"}, "https"),
        (IDP, {"token_endpoint": "https://evil.example/token"}, "https"),
        (IDP, {"token_endpoint": "https://idp.example:444/token"}, "https"),
        (IDP, {"token_endpoint": "https://idp.example@evil.example/token"}, "https"),
        (IDP, {"token_endpoint": "https://u@idp.example/token"}, "https"),
        (IDP, {"token_endpoint": "https://evil.example\\@idp.example/token"}, "https"),
        (IDP, {"token_endpoint": "https://idp.example:x/"}, "https"),
        (IDP, {"token_endpoint": ""}, "https"),
        (IDP, {"issuer_url": ""}, "https"),
        (IDP, {"token_endpoint": "", "issuer_url": ""}, "https"),
    ],
)
def test_no_request_without_what_it_needs(base: Credential, change: dict[str, object], why: str) -> None:
    with pytest.raises(GatewayError, match=why) as caught:
        refresh_request(msgspec.structs.replace(base, **change), KiroLogin(), NOW)
    assert (caught.value.kind, caught.value.reason) == ("login_required", "login_dead")
    assert "CANARY" not in caught.value.message


@pytest.mark.parametrize(
    ("credential", "answer", "tokens", "lifetime"),
    [
        (SOCIAL, {"accessToken": "N", "refreshToken": "NR", "expiresIn": 1800}, ("N", "NR"), 1800),
        (SOCIAL, {"accessToken": "N", "profileArn": "arn:p"}, ("N", "R-CANARY"), 3600),
        (SOCIAL, {"accessToken": "N", "refreshToken": None, "expiresIn": None}, ("N", "R-CANARY"), 3600),
        (SOCIAL, {"accessToken": "N", "refreshToken": "", "more": {}}, ("N", "R-CANARY"), 3600),
        (IDC, {"accessToken": "N", "tokenType": "Bearer", "expiresIn": 28800}, ("N", "R-CANARY"), 28800),
        (IDC, {"accessToken": "N", "expiresIn": 1e18}, ("N", "R-CANARY"), 366 * 86400),
        (IDP, {"access_token": "N", "refresh_token": "NR", "expires_in": "600"}, ("N", "NR"), 600),
    ],
)
def test_answers(credential: Credential, answer: dict[str, object], tokens: tuple[str, str], lifetime: float) -> None:
    renewed = read_refresh(credential, 200, {}, json.dumps(answer).encode(), NOW)
    assert isinstance(renewed, Credential)
    assert (renewed.access_token.reveal(), renewed.refresh_token.reveal()) == tokens
    assert renewed.expires_at == NOW + lifetime
    assert renewed.profile_arn == answer.get("profileArn", "")
    assert renewed.client_id == credential.client_id


J = '{"error":"%s","error_description":"why"}'


@pytest.mark.parametrize(
    ("credential", "status", "headers", "body", "verdict"),
    [
        (SOCIAL, 400, {}, J % "invalid_grant", "dead"),
        (SOCIAL, 400, {}, '{"message":"Invalid refresh token provided"}', "dead"),
        (SOCIAL, 401, {}, '{"message":"Bad credentials"}', "suspect"),
        (SOCIAL, 403, {}, '{"message":"no"}', "refused"),
        (SOCIAL, 429, {}, "{}", "wait"),
        (SOCIAL, 429, {}, "<html>", "wait"),
        (SOCIAL, 500, {}, '{"message":"Oops, something went wrong"}', "retry"),
        (SOCIAL, 500, {}, J % "invalid_grant", "retry"),
        (SOCIAL, 400, {}, "<html>invalid_grant</html>", "retry"),
        (SOCIAL, 401, {}, "", "retry"),
        (SOCIAL, 403, {}, "<html>blocked by proxy</html>", "retry"),
        (SOCIAL, 407, {}, "{}", "retry"),
        (SOCIAL, 404, {}, "{}", "retry"),
        (SOCIAL, 302, {}, "", "retry"),
        (SOCIAL, 200, {}, "", "retry"),
        (SOCIAL, 200, {}, "<html>", "retry"),
        (SOCIAL, 200, {}, "{}", "retry"),
        (SOCIAL, 200, {}, '{"accessToken":""}', "retry"),
        (SOCIAL, 200, {}, '{"accessToken":"N","expiresIn":0}', "retry"),
        (SOCIAL, 200, {}, '{"accessToken":"N","expiresIn":"x"}', "retry"),
        (SOCIAL, 200, {}, '{"accessToken":5}', "retry"),
        (IDC, 400, {}, J % "invalid_grant", "dead"),
        (IDC, 400, {}, J % "expired_token", "dead"),
        (IDC, 401, {}, J % "invalid_client", "dead"),
        (IDC, 400, {"x-amzn-errortype": "InvalidGrantException:http://x/"}, "{}", "dead"),
        (IDC, 400, {}, '{"__type":"com.amazonaws.ssooidc#ExpiredTokenException"}', "dead"),
        (IDC, 401, {}, "{}", "refused"),
        (IDC, 400, {}, J % "unauthorized_client", "refused"),
        (IDC, 400, {}, J % "access_denied", "refused"),
        (IDC, 400, {}, J % "slow_down", "wait"),
        (IDC, 500, {}, J % "server_error", "retry"),
        (IDP, 400, {}, J % "invalid_grant", "dead"),
    ],
)
def test_refusals(credential: Credential, status: int, headers: dict[str, str], body: str, verdict: str) -> None:
    refusal = read_refresh(credential, status, headers, body.encode(), NOW)
    assert isinstance(refusal, Refusal)
    assert refusal.verdict == verdict


def test_the_services_words_are_passed_on_without_secrets() -> None:
    body = json.dumps({"error": "invalid_grant", "error_description": "token R-CANARY is " + "x" * 500}).encode()
    refusal = read_refresh(SOCIAL, 400, {}, body, NOW)
    assert isinstance(refusal, Refusal)
    assert refusal.message.startswith("HTTP 400: token *** is xxx")
    assert len(refusal.message) < 250


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("", None),
        ("7", 7),
        ("0", 0),
        ("1.5", 1.5),
        ("-5", None),
        ("1000000000", 3600),
        ("Mon, 21 Sep 2026 14:14:00 GMT", 40),
        ("Mon, 21 Sep 2020 14:14:00 GMT", 0),
        ("soon", None),
        ("9x", None),
    ],
)
def test_retry_after(value: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": value} if value else {}, NOW) == seconds


def test_pauses_grow_and_are_jittered() -> None:
    failed = Refusal("retry", "")
    assert [pause_seconds(failed, n, 1.0) for n in (1, 2, 3, 8, 9, 10**6)] == [2, 4, 8, 256, 300, 300]
    assert pause_seconds(failed, 3, 0.0) == 4
    assert pause_seconds(Refusal("retry", "", retry_after=60), 1, 1.0) == 60
    assert pause_seconds(Refusal("wait", "", retry_after=0.0), 1, 1.0) == 1
    assert pause_seconds(Refusal("wait", ""), 1, 1.0) == 60
    assert pause_seconds(Refusal("dead", ""), 1, 1.0) == 3600


def test_a_pause_holds_for_the_same_tokens_and_the_right_time() -> None:
    clock = Clock()
    refusals = Refusals(clock, lambda: 1.0)
    assert refusals.standing("f") is None
    trouble = refusals.note("f", Refusal("retry", "x"), "place")
    assert (trouble.kind, trouble.retry_after) == ("login_expired", 2.0)
    clock.now += 1
    standing = refusals.standing("f")
    assert standing is not None
    assert standing.retry_after == 1.0
    assert refusals.standing("other") is None
    clock.now += 1
    assert refusals.standing("f") is None


def test_a_clock_set_back_ends_a_pause() -> None:
    """P6"""
    clock = Clock()
    refusals = Refusals(clock, lambda: 1.0)
    refusals.note("f", Refusal("dead", "x"), "place")
    clock.now -= 86400
    assert refusals.remaining("f") == 0


@pytest.mark.parametrize(
    ("refusal", "kind", "reason"),
    [
        (Refusal("dead", "x"), "login_required", "login_dead"),
        (Refusal("suspect", "x"), "login_required", "login_dead"),
        (Refusal("refused", "x"), "login_required", "login_refused"),
        (Refusal("refused", "x", suspended=True), "account_suspended", "login_refused"),
        (Refusal("wait", "x"), "login_expired", "refresh_failed"),
        (Refusal("retry", "x"), "login_expired", "refresh_failed"),
    ],
)
def test_words_for_the_user(refusal: Refusal, kind: str, reason: str) -> None:
    error = Refusals(Clock(), lambda: 1.0).note("f", refusal, "/some/place").error()
    assert (error.kind, error.reason, error.status) == (kind, reason, 503)
    assert "/some/place" in error.message
