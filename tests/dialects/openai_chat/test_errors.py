"""Errors both ways: D1, T137."""

import json
from typing import get_args

import pytest

from aiclient2api.canonical.errors import GatewayError, Kind, UpstreamAnswer
from aiclient2api.dialects.openai_chat import OPENAI_CHAT

SHOWN: dict[str, tuple[int, str, str | None]] = {
    "bad_request": (400, "invalid_request_error", "invalid_value"),
    "context_length": (400, "invalid_request_error", "context_length_exceeded"),
    "authentication": (401, "invalid_request_error", "invalid_api_key"),
    "permission": (403, "invalid_request_error", "permission_denied"),
    "model_not_found": (404, "invalid_request_error", "model_not_found"),
    "too_large": (413, "invalid_request_error", "request_too_large"),
    "login_expired": (503, "server_error", "login_expired"),
    "rate_limit": (429, "rate_limit_error", "rate_limit_exceeded"),
    "quota": (429, "insufficient_quota", "insufficient_quota"),
    "overloaded": (503, "server_error", "overloaded"),
    "timeout": (504, "server_error", "timeout"),
}


@pytest.mark.parametrize("kind", get_args(Kind))
def test_every_kind_has_the_dialects_shape(kind: Kind) -> None:
    answer = OPENAI_CHAT.encode_error(GatewayError(kind, "why", param="model"), "req_1")
    (inner,) = json.loads(answer.body).values()
    assert set(inner) == {"message", "type", "param", "code"}
    assert (inner["message"], inner["param"]) == ("why", "model")
    if kind in SHOWN:
        assert (answer.status, inner["type"], inner["code"]) == SHOWN[kind]


def test_headers_tell_when_to_come_back() -> None:
    def headers(kind: Kind, retry_after: float | None = None) -> tuple[tuple[str, str], ...]:
        return OPENAI_CHAT.encode_error(GatewayError(kind, "", retry_after=retry_after), "").headers

    assert headers("rate_limit", 2.4) == (("retry-after", "3"),)
    assert headers("quota") == (("x-should-retry", "false"),)
    assert headers("login_required") == (("x-should-retry", "false"),)
    assert headers("bad_request") == headers("overloaded") == ()


OWN = b'{"error":{"message":"too long","type":"invalid_request_error","param":"messages","code":"x"},"more":1}'


@pytest.mark.parametrize(
    ("upstream", "passed_on", "status"),
    [
        (UpstreamAnswer("openai_chat", 400, OWN), True, 400),
        (UpstreamAnswer("openai_chat", 422, OWN), True, 422),
        (UpstreamAnswer("openai_chat", 500, OWN), True, 502),
        (UpstreamAnswer("openai_chat", 401, OWN), False, 502),
        (UpstreamAnswer("openai_chat", 403, OWN), False, 502),
        (UpstreamAnswer("anthropic", 400, OWN), False, 502),
        (UpstreamAnswer("openai_chat", 400, b"<html>"), False, 502),
        (UpstreamAnswer("openai_chat", 400, b'{"error":"text"}'), False, 502),
    ],
)
def test_an_upstreams_own_answer_is_passed_on_as_it_is(upstream: UpstreamAnswer, passed_on: bool, status: int) -> None:
    """Its 401 and 403 never are: they are about our login, and a client would log its user out."""
    answer = OPENAI_CHAT.encode_error(GatewayError("upstream", "why", upstream=upstream), "")
    assert (answer.body == upstream.body, answer.status) == (passed_on, status)


def body(message: str, **more: object) -> bytes:
    return json.dumps({"error": {"message": message, **more}}).encode()


@pytest.mark.parametrize(
    ("status", "answer", "kind", "words"),
    [
        (400, body("bad temperature", type="invalid_request_error", param="temperature"), "bad_request", "bad temp"),
        (400, body("too long", code="context_length_exceeded"), "context_length", "too long"),
        (400, body("This model's maximum context length is 8192 tokens"), "context_length", "8192"),
        (401, body("no key", code="invalid_api_key"), "login_expired", "no key"),
        (401, b"", "login_expired", "no reason"),
        (402, body("pay", type="insufficient_balance"), "quota", "pay"),
        (403, body("country"), "login_required", "country"),
        (403, body("gone", code="account_deactivated"), "account_suspended", "gone"),
        (404, body("The model x does not exist", code="model_not_found"), "model_not_found", "not exist"),
        (404, body("model x"), "model_not_found", "model x"),
        (404, b"<html>404</html>", "upstream", "base URL"),
        (408, body("slow"), "timeout", "slow"),
        (413, b"{}", "too_large", "no reason"),
        (422, b'{"detail":[{"loc":["body"],"msg":"field required"}]}', "bad_request", "field required"),
        (429, body("slow down", code="rate_limit_exceeded"), "rate_limit", "slow down"),
        (429, body("broke", code="insufficient_quota"), "quota", "broke"),
        (429, b'[{"error":{"code":429,"message":"full","status":"RESOURCE_EXHAUSTED"}}]', "rate_limit", "full"),
        (500, body("boom", type="server_error"), "upstream", "boom"),
        (502, b"<html>", "upstream", "web page"),
        (503, b'{"message":"later"}', "overloaded", "later"),
        (504, b"", "timeout", "no reason"),
        (529, b'{"error":"full"}', "overloaded", "full"),
        (302, b"", "upstream", "302"),
        (400, b'{"error":{"message":5,"code":[1]}}', "bad_request", "message"),
        (400, b"[[[[]]]]", "bad_request", "no reason"),
    ],
)
def test_an_upstreams_answer_says_whose_fault_it_is(status: int, answer: bytes, kind: str, words: str) -> None:
    error = OPENAI_CHAT.decode_error(status, {}, answer)
    assert error.kind == kind
    assert words in error.message
    assert error.upstream == UpstreamAnswer("openai_chat", status, answer)


def test_param_and_reason_are_kept() -> None:
    error = OPENAI_CHAT.decode_error(400, {}, body("x", param="top_p", code="unsupported_parameter"))
    assert (error.param, error.reason) == ("top_p", "unsupported_parameter")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after-ms": "1500", "retry-after": "7"}, 1.5),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 30.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert OPENAI_CHAT.decode_error(429, headers, b"").retry_after == seconds
