"""Errors both ways: T045, T063, T082, T137, T138."""

import json
from typing import Any, get_args

import pytest

from aiclient2api.canonical.errors import GatewayError, Kind, UpstreamAnswer
from aiclient2api.dialects.gemini import GEMINI

RPC = "type.googleapis.com/google.rpc."


def body(code: int, message: str, status: str, *details: object) -> bytes:
    inner: dict[str, Any] = {"code": code, "message": message, "status": status}
    return json.dumps({"error": inner | ({"details": details} if details else {})}).encode()


ENCODED: dict[Kind, tuple[int, str]] = {
    "bad_request": (400, "INVALID_ARGUMENT"),
    "context_length": (400, "INVALID_ARGUMENT"),
    "authentication": (401, "UNAUTHENTICATED"),
    "permission": (403, "PERMISSION_DENIED"),
    "model_not_found": (404, "NOT_FOUND"),
    "too_large": (413, "INVALID_ARGUMENT"),
    "rate_limit": (429, "RESOURCE_EXHAUSTED"),
    "quota": (429, "RESOURCE_EXHAUSTED"),
    "overloaded": (503, "UNAVAILABLE"),
    "timeout": (504, "DEADLINE_EXCEEDED"),
    "upstream": (502, "INTERNAL"),
    "internal": (500, "INTERNAL"),
    "login_expired": (503, "UNAVAILABLE"),
}


@pytest.mark.parametrize("kind", ENCODED)
def test_encoded(kind: Kind) -> None:
    answer = GEMINI.encode_error(GatewayError(kind, "why"), "req_1")
    status, name = ENCODED[kind]
    error = json.loads(answer.body)["error"]
    assert (answer.status, error["code"], error["status"]) == (status, status, name)
    assert "why" in error["message"]


def test_every_kind_has_a_status() -> None:
    for kind in get_args(Kind):
        assert json.loads(GEMINI.encode_error(GatewayError(kind, "why"), "").body)["error"]["status"]


def test_details_and_headers() -> None:
    """T139."""
    answer = GEMINI.encode_error(GatewayError("rate_limit", "slow", retry_after=1.5), "")
    assert answer.headers == (("retry-after", "2"),)
    assert json.loads(answer.body)["error"]["details"] == [{"@type": RPC + "RetryInfo", "retryDelay": "1.5s"}]
    answer = GEMINI.encode_error(GatewayError("bad_request", "no", param="contents[0]"), "")
    violation = {"field": "contents[0]", "description": "no"}
    assert json.loads(answer.body)["error"]["details"] == [
        {"@type": RPC + "BadRequest", "fieldViolations": [violation]}
    ]


def test_a_prompt_that_is_too_long_says_so_in_the_vendors_words() -> None:
    for message in ("too many", "The input token count (5) exceeds the maximum number of tokens allowed (4)."):
        answer = GEMINI.encode_error(GatewayError("context_length", message), "")
        assert json.loads(answer.body)["error"]["message"].count("exceeds the maximum number of tokens") == 1


RETRY = {"@type": RPC + "RetryInfo", "retryDelay": "34.5s"}
DAILY = {"@type": RPC + "QuotaFailure", "violations": [{"quotaId": "GenerateRequestsPerDayPerProject"}, {}]}
MINUTE = {"@type": RPC + "QuotaFailure", "violations": [{"quotaId": "GenerateRequestsPerMinutePerProject"}]}


def reason(word: str) -> dict[str, str]:
    return {"@type": RPC + "ErrorInfo", "reason": word, "domain": "googleapis.com"}


DECODED: dict[str, tuple[int, bytes, Kind, bool]] = {
    "bad request": (400, body(400, "no such field", "INVALID_ARGUMENT"), "bad_request", False),
    "too long": (
        400,
        body(400, "The input token count (9) exceeds the maximum number of tokens allowed (8).", "INVALID_ARGUMENT"),
        "context_length",
        False,
    ),
    "key refused": (
        400,
        body(400, "API key not valid. Please pass a valid API key.", "INVALID_ARGUMENT", reason("API_KEY_INVALID")),
        "login_expired",
        True,
    ),
    "key expired, in words": (400, body(400, "API key expired.", "INVALID_ARGUMENT"), "login_expired", True),
    "country": (
        400,
        body(400, "User location is not supported for the API use.", "FAILED_PRECONDITION"),
        "login_required",
        False,
    ),
    "billing": (400, body(400, "Please enable billing.", "FAILED_PRECONDITION"), "quota", False),
    "token": (401, body(401, "Request had invalid credentials.", "UNAUTHENTICATED"), "login_expired", True),
    "permission": (403, body(403, "denied", "PERMISSION_DENIED"), "login_required", False),
    "suspended": (403, body(403, "x", "PERMISSION_DENIED", reason("CONSUMER_SUSPENDED")), "account_suspended", False),
    "model": (404, body(404, "models/x is not found for API version v1", "NOT_FOUND"), "model_not_found", False),
    "file": (404, body(404, "File not found", "NOT_FOUND"), "not_found", False),
    "rate": (429, body(429, "quota", "RESOURCE_EXHAUSTED", MINUTE, RETRY), "rate_limit", True),
    "day": (429, body(429, "quota", "RESOURCE_EXHAUSTED", DAILY, RETRY), "quota", False),
    "Code Assist's quota": (429, body(429, "x", "RESOURCE_EXHAUSTED", reason("QUOTA_EXHAUSTED")), "quota", False),
    "Code Assist's capacity": (
        429,
        b"[" + body(429, "No capacity", "RESOURCE_EXHAUSTED", reason("MODEL_CAPACITY_EXHAUSTED")) + b"]",
        "overloaded",
        True,
    ),
    "in a list": (401, b"[" + body(401, "no", "UNAUTHENTICATED") + b"]\n", "login_expired", True),
    "cancelled": (499, body(499, "x", "CANCELLED"), "upstream", False),
    "internal": (500, body(500, "x", "INTERNAL"), "upstream", True),
    "busy": (503, body(503, "The model is overloaded.", "UNAVAILABLE"), "overloaded", True),
    "late": (504, body(504, "x", "DEADLINE_EXCEEDED"), "timeout", True),
    "conflict": (409, body(409, "x", "ABORTED"), "overloaded", True),
    "too large": (413, b"", "too_large", False),
    "unknown status": (418, body(418, "x", "TEAPOT"), "bad_request", False),
    "text": (429, b'{"error":"slow down"}', "rate_limit", True),
    "page": (404, b"<html>", "upstream", False),
    "nothing": (502, b"", "upstream", True),
    "odd details": (503, b'{"error":{"message":"x","details":[5,{"reason":7}]}}', "overloaded", True),
    "details that are no list": (503, b'{"error":{"message":"x","details":5}}', "overloaded", True),
    "list of lists": (500, b"[[]]", "upstream", True),
    "empty list": (500, b"[]", "upstream", True),
}


@pytest.mark.parametrize("name", DECODED)
def test_decoded(name: str) -> None:
    """T137: whose fault it is, and whether a repeat can help."""
    status, raw, kind, retryable = DECODED[name]
    error = GEMINI.decode_error(status, {}, raw)
    assert (error.kind, error.retryable) == (kind, retryable), error.message
    assert error.upstream == UpstreamAnswer("gemini", status, raw)


@pytest.mark.parametrize(
    ("headers", "delay", "seconds"),
    [
        ({}, "34.5s", 34.5),
        ({"retry-after": "9"}, "1m2s", 62.0),
        ({"retry-after": "9"}, "250ms", 0.25),
        ({"retry-after": "9"}, "soon", 9.0),
        ({"retry-after": "soon"}, "", None),
        ({"retry-after": "-1"}, "", None),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], delay: str, seconds: float | None) -> None:
    raw = body(429, "x", "RESOURCE_EXHAUSTED", {"@type": RPC + "RetryInfo", "retryDelay": delay})
    assert GEMINI.decode_error(429, headers, raw).retry_after == seconds


def test_an_upstreams_own_error_is_passed_on() -> None:
    """T138: byte for byte, out of its list."""
    raw = body(429, "quota", "RESOURCE_EXHAUSTED", MINUTE, RETRY)
    for sent in (raw, b"[" + raw + b"]"):
        answer = GEMINI.encode_error(GEMINI.decode_error(429, {}, sent), "")
        assert (answer.status, answer.body, answer.headers) == (429, raw, (("retry-after", "35"),))


@pytest.mark.parametrize("name", ["key refused", "token", "permission", "suspended", "country", "page"])
def test_what_is_about_our_login_stays_here(name: str) -> None:
    """T137: a client would log its user out."""
    status, raw, *_ = DECODED[name]
    answer = GEMINI.encode_error(GEMINI.decode_error(status, {}, raw), "")
    assert answer.status in (502, 503)
    assert answer.body != raw


def test_another_dialects_error_is_told_in_this_ones_shape() -> None:
    error = GatewayError("rate_limit", "slow", upstream=UpstreamAnswer("anthropic", 429, b'{"error":{}}'))
    assert json.loads(GEMINI.encode_error(error, "").body)["error"]["message"] == "slow"
