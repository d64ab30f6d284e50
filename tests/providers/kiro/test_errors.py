"""Refusals of the service as errors with blame, and what cures them."""

import json
from collections.abc import Mapping
from itertools import product

import pytest

from aiclient2api.canonical.errors import KINDS, GatewayError, Kind
from aiclient2api.providers.kiro import KiroProvider
from aiclient2api.providers.kiro.errors import classify, of_exception, of_stream, remedy
from tests.providers.kiro.build import DATA

NAMESPACES = ("", "com.amazon.aws.codewhisperer#", "com.amazon.kiro.runtimeservice#")
SHAPES: dict[str, dict[str, object]] = json.loads(
    (DATA / "kiro/schemas/exception-statuses.schema.json").read_text("utf-8")
)["const"]


def body(shape: str = "", message: str = "Said.", reason: str = "", **members: object) -> bytes:
    given: dict[str, object] = {"message": message}
    if shape:
        given["__type"] = shape
    if reason:
        given["reason"] = reason
    return json.dumps(given | members).encode()


REASONS: dict[str, Kind] = {
    "CONTENT_LENGTH_EXCEEDS_THRESHOLD": "context_length",
    "PROMPT_TOO_LONG": "context_length",
    "INVALID_CONVERSATION_ID": "upstream",
    "INVALID_KMS_GRANT": "upstream",
    "INVALID_MODEL_ID": "model_not_found",
    "REQUEST_BODY_INVALID": "bad_request",
    "REQUEST_BODY_INVALID_JSON": "bad_request",
    "THINKING_SIGNATURE_INVALID": "bad_request",
    "TOOL_CONFIG_MISSING": "bad_request",
    "TOOL_DUPLICATE": "bad_request",
    "TOOL_SCHEMA_INVALID": "bad_request",
    "TOOL_USE_RESULT_MISMATCH": "bad_request",
    "IMAGE_COUNT_EXCEEDED": "bad_request",
    "IMAGE_DIMENSION_EXCEEDED": "bad_request",
    "IMAGE_FORMAT_UNSUPPORTED": "bad_request",
    "IMAGE_MIME_MISMATCH": "bad_request",
    "IMAGE_SIZE_EXCEEDED": "bad_request",
    "DOCUMENT_COUNT_EXCEEDED": "bad_request",
    "DOCUMENT_DUPLICATE_NAME": "bad_request",
    "DOCUMENT_MAXIMUM_PAGES_EXCEEDED": "bad_request",
    "DOCUMENT_MODEL_NOT_SUPPORTED": "bad_request",
    "DOCUMENT_PASSWORD_PROTECTED": "bad_request",
    "DOCUMENT_SIZE_EXCEEDED": "bad_request",
    "FEATURE_NOT_SUPPORTED": "upstream",
    "TEMPORARILY_SUSPENDED": "account_suspended",
    "UNAUTHORIZED_CUSTOMIZATION_RESOURCE_ACCESS": "upstream",
    "UNAUTHORIZED_WORKSPACE_CONTEXT_FEATURE_ACCESS": "upstream",
    "CONVERSATION_LIMIT_EXCEEDED": "bad_request",
    "MONTHLY_REQUEST_COUNT": "quota",
    "OVERAGE_REQUEST_LIMIT_EXCEEDED": "quota",
    "DAILY_REQUEST_COUNT": "quota",
    "INSUFFICIENT_MODEL_CAPACITY": "overloaded",
    "MODEL_TEMPORARILY_UNAVAILABLE": "overloaded",
    "CUSTOMER_KMS_KEY_DISABLED": "upstream",
    "CUSTOMER_KMS_KEY_INVALID_KEY_POLICY": "upstream",
    "MISMATCHED_KMS_KEY": "upstream",
}
NEWER: dict[str, Kind] = {
    "CREDIT_CONSUMPTION_RATE_EXCEEDED": "rate_limit",
    "USER_REQUEST_RATE_EXCEEDED": "rate_limit",
    "SERVICE_REQUEST_RATE_EXCEEDED": "overloaded",
    "IMAGE_NEW_REASON": "bad_request",
}


def test_the_table_holds_every_reason_of_the_model() -> None:
    known = {reason for row in SHAPES.values() for reason in row["reasons"]}  # type: ignore[attr-defined]
    assert known == set(REASONS)


@pytest.mark.parametrize("reason", [*REASONS, *NEWER])
def test_a_reason_decides_whatever_the_status(reason: str) -> None:
    kind = (REASONS | NEWER)[reason]
    for status, shape in product((400, 500, 200), ("ValidationException", "ThrottlingException", "")):
        error = classify(status, {}, body(shape, "Said so.", reason))
        assert error.kind == kind
        assert error.blame == KINDS[kind].blame
        assert error.reason == reason
        assert "Said so." in error.message
        assert reason in error.message
        nested = json.dumps({"error": json.loads(body("", "Said so.", reason))}).encode()
        assert classify(status, {}, nested).message == classify(status, {}, body("", "Said so.", reason)).message
        assert of_exception("error", body("", "Said so.", reason)).kind == kind


@pytest.mark.parametrize(
    ("shape", "kind", "retryable"),
    [
        ("ValidationException", "bad_request", False),
        ("SerializationException", "bad_request", False),
        ("AccessDeniedException", "upstream", False),
        ("ServiceQuotaExceededException", "quota", False),
        ("ThrottlingException", "rate_limit", True),
        ("TooManyRequestsException", "rate_limit", True),
        ("throttlingError", "rate_limit", True),
        ("InternalServerException", "upstream", True),
        ("InternalFailure", "upstream", True),
        ("ServiceUnavailableException", "overloaded", True),
        ("serviceUnavailableError", "overloaded", True),
        ("ResourceNotFoundException", "upstream", False),
        ("UnknownOperationException", "upstream", False),
        ("ConflictException", "upstream", False),
        ("ExpiredTokenException", "login_expired", True),
        ("UnrecognizedClientException", "login_expired", True),
    ],
)
def test_a_shape_decides_where_there_is_no_reason(shape: str, kind: Kind, retryable: bool) -> None:
    for status, namespace in product((400, 403, 500), NAMESPACES):
        error = classify(status, {}, body(namespace + shape))
        assert (error.kind, error.retryable, error.reason) == (kind, retryable, shape)
    headers = {"x-amzn-errortype": f"{NAMESPACES[1]}{shape}:http://internal.amazon.com/coral/"}
    assert classify(400, headers, body()).kind == kind
    assert classify(400, headers, b"").kind == kind


@pytest.mark.parametrize("name", SHAPES)
def test_the_models_own_statuses_say_the_same_as_its_shapes(name: str) -> None:
    status = SHAPES[name]["status"]
    assert isinstance(status, int)
    assert classify(status, {}, body()).kind == classify(status, {}, body(name)).kind


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (400, "Input is too long.", "context_length"),
        (400, "Prompt is too long", "context_length"),
        (400, "Exceeded max chat context length.", "context_length"),
        (400, "Context window is full", "context_length"),
        (403, "The bearer token included in the request is invalid.", "login_expired"),
        (403, "The security token included in the request is expired", "login_expired"),
        (403, "The bearer token has expired.", "login_expired"),
        (403, "Your User ID (u-1) temporarily is suspended. We detected unusual user activity.", "account_suspended"),
        (403, "Your account is temporarily suspended.", "account_suspended"),
        (403, "Your subscription does not support this application.", "upstream"),
        (400, "profileArn is required for this request.", "login_required"),
        (400, "Improperly formed request.", "bad_request"),
        (400, "Invalid model. Please select a different model to continue.", "model_not_found"),
        (500, "We are experiencing high traffic, please try again.", "overloaded"),
        (500, "Encountered unexpectedly high load when processing the request.", "overloaded"),
    ],
)
def test_known_words(status: int, message: str, kind: Kind) -> None:
    vague = {400: "ValidationException", 403: "AccessDeniedException"}.get(status, "")
    for written in (body("", message), body(vague, message), json.dumps({"Message": message}).encode()):
        error = classify(status, {}, written)
        assert error.kind == kind
        assert message in error.message


def test_a_crowded_service_is_not_the_accounts_fault() -> None:
    crowded = body("ThrottlingException", "Encountered unexpectedly high load.")
    assert classify(429, {}, crowded).blame == "provider"
    assert classify(429, {}, body("ThrottlingException", "Too many requests.")).blame == "credential"


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (302, "upstream", False),
        (400, "bad_request", False),
        (401, "login_expired", True),
        (402, "quota", False),
        (403, "upstream", False),
        (404, "upstream", False),
        (405, "upstream", False),
        (408, "timeout", True),
        (409, "upstream", False),
        (413, "too_large", False),
        (418, "upstream", False),
        (422, "bad_request", False),
        (429, "rate_limit", True),
        (500, "upstream", True),
        (502, "upstream", True),
        (503, "overloaded", True),
        (504, "timeout", True),
        (524, "timeout", True),
        (599, "upstream", True),
    ],
)
@pytest.mark.parametrize("written", [b"", b"{}", b"[1]", b'{"message":7}', b"Something went wrong", b"\xff\xfe"])
def test_a_status_alone(status: int, kind: Kind, retryable: bool, written: bytes) -> None:
    error = classify(status, {}, written)
    assert (error.kind, error.retryable, error.reason) == (kind, retryable, None)
    assert error.message
    assert error.status not in (401, 403)


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (400, "upstream", False),
        (401, "upstream", False),
        (403, "upstream", False),
        (404, "upstream", False),
        (429, "rate_limit", True),
        (502, "upstream", True),
        (503, "overloaded", True),
        (524, "timeout", True),
    ],
)
def test_a_web_page_proves_little_and_is_not_shown(status: int, kind: Kind, retryable: bool) -> None:
    error = classify(status, {"content-type": "text/html"}, b"\n <html><body>token is expired, suspended</body></html>")
    assert (error.kind, error.retryable) == (kind, retryable)
    assert "<html" not in error.message
    assert str(status) in error.message


def test_a_quota_is_429_and_not_repeated() -> None:
    for written, status in (
        (body(reason="MONTHLY_REQUEST_COUNT"), 402),
        (b"", 402),
        (body("ThrottlingException"), 429),
    ):
        assert classify(status, {}, written).status == 429
    assert not classify(402, {}, b"").retryable
    assert not classify(429, {}, body("ThrottlingException", reason="MONTHLY_REQUEST_COUNT")).retryable


NOW = "Thu, 01 Oct 2026 08:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "members", "seconds"),
    [
        ({}, {}, None),
        ({"retry-after": "30"}, {}, 30.0),
        ({"retry-after": " 1.5 "}, {}, 1.5),
        ({"retry-after": "0"}, {}, 0.0),
        ({"retry-after": "-3"}, {}, None),
        ({"retry-after": "inf"}, {}, None),
        ({"retry-after": "soon"}, {}, None),
        ({"retry-after": "Thu, 01 Oct 2026 08:02:00 GMT", "date": NOW}, {}, 120.0),
        ({"retry-after": "Thu, 01 Oct 2026 07:00:00 GMT", "date": NOW}, {}, 0.0),
        ({"retry-after": "Thu, 01 Oct 2026 08:02:00 GMT"}, {}, None),
        ({"retry-after": "Thu, 01 Oct 2026 08:02:00", "date": NOW}, {}, None),
        ({}, {"retryAfterMilliseconds": 120_000}, 120.0),
        ({"retry-after": "5"}, {"retryAfterMilliseconds": 1500}, 5.0),
        ({"retry-after": "1"}, {"retryAfterMilliseconds": 1500}, 1.5),
        ({}, {"retryAfterMilliseconds": "soon"}, None),
        ({}, {"retryAfterMilliseconds": -1}, None),
    ],
)
def test_how_long_to_wait(headers: Mapping[str, str], members: dict[str, object], seconds: float | None) -> None:
    assert classify(429, headers, body("ThrottlingException", "Said.", "", **members)).retry_after == seconds


def test_a_penalty_is_waited_out_though_nothing_is_said() -> None:
    unsaid = classify(429, {}, body("ThrottlingException", reason="USER_REQUEST_RATE_EXCEEDED"))
    assert unsaid.retry_after == 120
    said = classify(429, {"retry-after": "7"}, body("ThrottlingException", reason="USER_REQUEST_RATE_EXCEEDED"))
    assert said.retry_after == 7


def test_a_message_is_bounded_and_ends_like_a_sentence() -> None:
    assert len(classify(500, {}, body(message="x" * 10_000)).message) < 1000
    assert classify(500, {}, body(message="Oops")).message.endswith("Oops.")
    assert len(classify(500, {}, b"y" * 100_000).upstream.body) <= 4096  # type: ignore[union-attr]


def test_an_error_that_is_only_words() -> None:
    error = classify(400, {}, b'{"error":"Input is too long."}')
    assert (error.kind, "Input is too long." in error.message) == ("context_length", True)
    assert classify(400, {}, b'{"error":"x","message":"Prompt is too long"}').kind == "context_length"


def test_errors_of_a_stream() -> None:
    assert of_stream("", "").message
    assert of_exception("", b"").kind == "upstream"
    assert of_exception("error", b"\xff not json").kind == "upstream"
    assert of_exception("com.amazon#ThrottlingException", b"{}").kind == "rate_limit"


# Remedies

EXPIRED = body("AccessDeniedException", "The bearer token included in the request is invalid.")
SIGNATURE = body("ValidationException", reason="THINKING_SIGNATURE_INVALID")
SIGNATURE_IN_WORDS = body("ValidationException", "messages.1: Invalid signature in thinking block")
FIELDS = body("ValidationException", "Invalid additionalModelRequestFields: thinking", "REQUEST_BODY_INVALID")
SCHEMA = body("ValidationException", reason="TOOL_SCHEMA_INVALID")
PROFILE = body("ValidationException", "profileArn is required for this request.")
OPERATION = body("com.amazon.coral.service#UnknownOperationException", "")
PLAN = body("AccessDeniedException", "Your subscription does not support this application.")


@pytest.mark.parametrize(
    ("status", "written", "cure"),
    [
        (401, b"", "refresh"),
        (403, EXPIRED, "refresh"),
        (400, body("ExpiredTokenException"), "refresh"),
        (400, SIGNATURE, "strip_thinking"),
        (400, SIGNATURE_IN_WORDS, "strip_thinking"),
        (400, FIELDS, "drop_fields"),
        (400, SCHEMA, "simple_schema"),
        (400, PROFILE, "refresh"),
        (404, OPERATION, "rest"),
        (400, OPERATION, "rest"),
        (404, b"", "rest"),
        (404, b"<html>", "rest"),
        (405, b"", "rest"),
        (403, PLAN, None),
        (403, body("AccessDeniedException", reason="TEMPORARILY_SUSPENDED"), None),
        (404, body("ValidationException", reason="INVALID_MODEL_ID"), None),
        (400, body("ValidationException", "Improperly formed request.", "REQUEST_BODY_INVALID"), None),
        (402, b"", None),
        (429, b"", None),
        (500, b"", None),
        (503, b"", None),
        (401, b"<html>", None),
    ],
)
def test_a_remedy_and_each_but_once(status: int, written: bytes, cure: str | None) -> None:
    error = classify(status, {}, written)
    assert remedy(error, frozenset()) == cure
    assert remedy(error, frozenset({"other"})) == cure
    if cure is not None:
        assert remedy(error, frozenset({cure})) is None


def test_the_wire_form_changes_where_the_host_is_not_reached_and_back_where_the_other_refuses() -> None:
    connect = GatewayError("connect", "Kiro could not be reached.")
    assert remedy(connect, frozenset()) == "rest"
    assert remedy(connect, frozenset({"rest"})) is None
    refused = classify(403, {}, PLAN)
    assert remedy(refused, frozenset({"rest"})) == "runtime"
    assert remedy(refused, frozenset({"rest", "runtime"})) is None
    for wire in ("runtime", "rest"):
        provider = KiroProvider(wire=wire)
        for error in (connect, refused, classify(404, {}, b"")):
            assert provider.remedy(error, frozenset()) is None
            assert provider.remedy(error, frozenset({"rest"})) is None


def test_errors_of_others_have_no_remedy_here() -> None:
    for kind in KINDS:
        error = GatewayError(kind, "Something.")
        assert remedy(error, frozenset()) == {"login_expired": "refresh", "connect": "rest"}.get(kind)
