"""Errors of the Messages API, both ways."""

import json
from typing import Any, get_args

import pytest

from aiclient2api.canonical.errors import KINDS, GatewayError, Kind, UpstreamAnswer
from aiclient2api.dialects.anthropic import ANTHROPIC

TABLE: list[tuple[Kind, int, str]] = [
    ("bad_request", 400, "invalid_request_error"),
    ("context_length", 400, "invalid_request_error"),
    ("authentication", 401, "authentication_error"),
    ("permission", 403, "permission_error"),
    ("not_found", 404, "not_found_error"),
    ("model_not_found", 404, "not_found_error"),
    ("method", 405, "invalid_request_error"),
    ("too_large", 413, "request_too_large"),
    ("request_timeout", 408, "timeout_error"),
    ("login_required", 503, "api_error"),
    ("login_expired", 503, "api_error"),
    ("account_suspended", 503, "api_error"),
    ("rate_limit", 429, "rate_limit_error"),
    ("quota", 429, "rate_limit_error"),
    ("overloaded", 529, "overloaded_error"),
    ("upstream", 502, "api_error"),
    ("timeout", 504, "timeout_error"),
    ("truncated", 502, "api_error"),
    ("connect", 502, "api_error"),
    ("draining", 503, "api_error"),
    ("internal", 500, "api_error"),
]


@pytest.mark.parametrize(("kind", "status", "name"), TABLE)
def test_encode(kind: Kind, status: int, name: str) -> None:
    answer = ANTHROPIC.encode_error(GatewayError(kind, "Words."), "req_1")
    body = json.loads(answer.body)
    assert answer.status == status
    assert body["type"] == "error"
    assert body["error"]["type"] == name
    assert body["error"]["message"].endswith("Words.")
    assert body["request_id"] == "req_1"
    no_retry = not KINDS[kind].retryable and (status == 429 or status >= 500)
    assert (("x-should-retry", "false") in answer.headers) == no_retry


def test_every_kind_is_in_the_table() -> None:
    assert {row[0] for row in TABLE} == set(get_args(Kind))


def test_long_prompts_are_told_in_the_words_agents_look_for() -> None:
    for message in ("Input is too long.", "prompt is too long: 9 tokens > 5 maximum"):
        body = json.loads(ANTHROPIC.encode_error(GatewayError("context_length", message), "r").body)
        assert body["error"]["message"].startswith("prompt is too long")
        assert body["error"]["message"].count("prompt is too long") == 1


@pytest.mark.parametrize(("seconds", "header"), [(0.2, "1"), (5, "5"), (59.01, "60"), (0, "0")])
def test_retry_after_is_whole_seconds(seconds: float, header: str) -> None:
    answer = ANTHROPIC.encode_error(GatewayError("rate_limit", "Slow.", retry_after=seconds), "r")
    assert ("retry-after", header) in answer.headers


BODY = b'{"type":"error","error":{"type":"invalid_request_error","message":"thinking.signature: bad"},"x":1}'


@pytest.mark.parametrize(
    ("dialect", "status", "body", "passed_on"),
    [
        ("anthropic", 400, BODY, True),
        ("anthropic", 529, BODY, True),
        ("anthropic", 401, BODY, False),
        ("anthropic", 403, BODY, False),
        ("anthropic", 502, b"<html>", False),
        ("openai_chat", 400, BODY, False),
    ],
)
def test_anthropic_s_own_words_are_passed_on(dialect: str, status: int, body: bytes, passed_on: bool) -> None:
    """Claude Code repairs its request by the upstream's wording; the upstream's 401 would log its user out."""
    error = GatewayError("login_expired", "Ours.", upstream=UpstreamAnswer(dialect, status, body))
    answer = ANTHROPIC.encode_error(error, "r")
    assert (answer.body == body) == passed_on
    assert answer.status == (status if passed_on else 503)


def failure(kind: str, message: str, **details: str) -> bytes:
    members: dict[str, Any] = {"type": kind, "message": message}
    if details:
        members["details"] = details
    return json.dumps({"type": "error", "error": members}).encode()


@pytest.mark.parametrize(
    ("status", "body", "kind", "retryable"),
    [
        (400, failure("invalid_request_error", "max_tokens: bad"), "bad_request", False),
        (400, failure("invalid_request_error", "prompt is too long: 9 > 5"), "context_length", False),
        (
            400,
            failure("invalid_request_error", "input length and `max_tokens` exceed context limit: 1 + 2 > 2"),
            "context_length",
            False,
        ),
        (400, failure("invalid_request_error", "Your credit balance is too low"), "quota", False),
        (401, failure("authentication_error", "invalid x-api-key"), "login_expired", True),
        (402, failure("billing_error", "pay"), "quota", False),
        (403, failure("permission_error", "not allowed"), "upstream", False),
        (403, failure("permission_error", "This account has been suspended"), "account_suspended", False),
        (404, failure("not_found_error", "model: claude-9"), "model_not_found", False),
        (404, failure("not_found_error", "Not found"), "not_found", False),
        (413, failure("request_too_large", "too big"), "too_large", False),
        (418, b"", "bad_request", False),
        (429, failure("rate_limit_error", "slow down"), "rate_limit", True),
        (500, failure("api_error", "oops"), "upstream", True),
        (500, failure("overloaded_error", "Overloaded"), "overloaded", True),
        (502, b"<html>Bad gateway</html>", "upstream", True),
        (503, b"", "overloaded", True),
        (504, failure("timeout_error", "late"), "timeout", True),
        (529, failure("overloaded_error", "Overloaded"), "overloaded", True),
        (599, b"\xff", "upstream", True),
    ],
)
def test_decode(status: int, body: bytes, kind: str, retryable: bool) -> None:
    error = ANTHROPIC.decode_error(status, {}, body)
    assert (error.kind, error.retryable) == (kind, retryable)
    assert error.upstream == UpstreamAnswer("anthropic", status, body)
    assert error.status == KINDS[error.kind].status
    assert error.message
    if body.startswith(b"{"):
        assert error.message == json.loads(body)["error"]["message"]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({}, None),
    ],
)
def test_retry_after_of_an_upstream(headers: dict[str, str], seconds: float | None) -> None:
    assert ANTHROPIC.decode_error(429, headers, b"").retry_after == seconds


def test_the_upstream_s_word_on_retries_counts() -> None:
    assert not ANTHROPIC.decode_error(529, {"x-should-retry": "false"}, b"").retryable
    assert ANTHROPIC.decode_error(400, {"x-should-retry": "true"}, b"").retryable


def test_reason_is_the_error_code() -> None:
    body = failure("invalid_request_error", "m", error_code="thread_not_found")
    assert ANTHROPIC.decode_error(404, {}, body).reason == "thread_not_found"
    assert ANTHROPIC.decode_error(404, {}, failure("not_found_error", "m")).reason == "not_found_error"


@pytest.mark.parametrize("body", [b'{"error":"words"}', b'{"message":"words"}', b'{"detail":"words"}'])
def test_loose_bodies_keep_their_words(body: bytes) -> None:
    assert ANTHROPIC.decode_error(500, {}, body).message == "words"
