"""Errors both ways: D1, T045, T137."""

import json
from typing import get_args

import pytest

from aiclient2api.canonical.errors import GatewayError, Kind, UpstreamAnswer
from aiclient2api.dialects.openai_responses import OPENAI_RESPONSES
from aiclient2api.dialects.openai_responses.errors import stream_error

OWN = b'{"error":{"message":"too long","type":"invalid_request_error","param":"input","code":"x"},"more":1}'


@pytest.mark.parametrize("kind", get_args(Kind))
def test_every_kind_has_the_dialects_shape(kind: Kind) -> None:
    error = GatewayError(kind, "why", param="model")
    shown = OPENAI_RESPONSES.encode_error(error, "req_1")
    (inner,) = json.loads(shown.body).values()
    assert set(inner) == {"message", "type", "param", "code"}
    assert (inner["message"], inner["param"], shown.status) == ("why", "model", error.status)


@pytest.mark.parametrize(
    ("upstream", "passed_on", "status"),
    [
        (UpstreamAnswer("openai_responses", 400, OWN), True, 400),
        (UpstreamAnswer("openai_chat", 400, OWN), True, 400),
        (UpstreamAnswer("openai_responses", 500, OWN), True, 502),
        (UpstreamAnswer("openai_responses", 401, OWN), False, 502),
        (UpstreamAnswer("openai_responses", 403, OWN), False, 502),
        (UpstreamAnswer("anthropic", 400, OWN), False, 502),
        (UpstreamAnswer("openai_responses", 400, b"<html>"), False, 502),
    ],
)
def test_an_upstreams_own_answer_is_passed_on_as_it_is(upstream: UpstreamAnswer, passed_on: bool, status: int) -> None:
    """Its 401 and 403 never are: they are about our login, and a client would log its user out."""
    error = GatewayError("upstream", "why", upstream=upstream, retry_after=2.4)
    shown = OPENAI_RESPONSES.encode_error(error, "")
    assert (shown.body == upstream.body, shown.status) == (passed_on, status)
    assert shown.headers == (("retry-after", "3"),)
    assert error.upstream is upstream


def body(message: str, **more: object) -> bytes:
    return json.dumps({"error": {"message": message, **more}}).encode()


@pytest.mark.parametrize(
    ("status", "answer", "kind"),
    [
        (400, body("bad", type="invalid_request_error", param="temperature"), "bad_request"),
        (400, body("too long", code="context_length_exceeded"), "context_length"),
        (400, body("no", code="invalid_prompt"), "bad_request"),
        (401, body("no key", code="invalid_api_key"), "login_expired"),
        (404, body("The model x does not exist", code="model_not_found"), "model_not_found"),
        (429, body("slow down", code="rate_limit_exceeded"), "rate_limit"),
        (429, body("spent", type="usage_limit_reached"), "quota"),
        (429, body("slow", code="slow_down"), "overloaded"),
        (503, body("later", code="server_is_overloaded"), "overloaded"),
        (500, body("boom", type="server_error"), "upstream"),
        (502, b"<html>", "upstream"),
    ],
)
def test_t137_an_upstreams_answer_says_whose_fault_it_is(status: int, answer: bytes, kind: str) -> None:
    error = OPENAI_RESPONSES.decode_error(status, {"retry-after": "7"}, answer)
    assert (error.kind, error.retry_after) == (kind, 7.0)
    assert error.upstream == UpstreamAnswer("openai_responses", status, answer)
    assert "401" in error.message or error.status != 401


def test_param_and_reason_are_kept() -> None:
    for code in ("unsupported_parameter", "invalid_prompt"):
        error = OPENAI_RESPONSES.decode_error(400, {}, body("x", param="top_p", code=code))
        assert (error.param, error.reason) == ("top_p", code)


@pytest.mark.parametrize(
    ("raw", "kind", "words", "param"),
    [
        (b'{"type":"error","code":"invalid_prompt","message":"flat","param":"input"}', "bad_request", "flat", "input"),
        (b'{"error":{"code":"invalid_prompt","message":"nested","param":"input"}}', "bad_request", "nested", "input"),
        (b'{"error":{"code":429,"message":"number"}}', "rate_limit", "number", None),
        (b'{"error":"just text"}', "upstream", "just text", None),
        (b'{"error":{},"message":"beside it"}', "upstream", "beside it", None),
        (b'{"code":[],"message":5}', "upstream", "no reason", None),
    ],
)
def test_errors_inside_a_stream(raw: bytes, kind: str, words: str, param: str | None) -> None:
    error = stream_error(raw)
    assert (error.kind, words in error.message, error.param) == (kind, True, param)
