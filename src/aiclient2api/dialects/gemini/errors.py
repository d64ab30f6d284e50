"""Errors in the shape of Google's APIs, both ways: {"error": {"code", "message", "status", "details"}}.

Enters: a GatewayError, or an upstream's error answer (bare, or in a list of one as Code Assist sends it). Leaves: a
status and a body, or a GatewayError that says whose fault it is. An upstream's own body is passed on, except where it
is about the gateway's login: that never reaches the client.
"""

import math
import re
from collections.abc import Mapping

import msgspec

from aiclient2api.canonical.errors import GatewayError, Kind, UpstreamAnswer
from aiclient2api.dialects.base import ErrorAnswer
from aiclient2api.dialects.reading import ABSENT, given
from aiclient2api.dialects.waits import retry_after, spelled
from aiclient2api.wire import jsonio

FAMILY = "gemini"
MAX_REASON = 2000
"""Characters of an upstream's own message that are shown on."""
_TYPE = "type.googleapis.com/google.rpc."
_LONG = "exceeds the maximum number of tokens"
"""Agents shorten their history when they read this."""

_STATUS: dict[Kind, str] = {
    "bad_request": "INVALID_ARGUMENT",
    "context_length": "INVALID_ARGUMENT",
    "authentication": "UNAUTHENTICATED",
    "permission": "PERMISSION_DENIED",
    "not_found": "NOT_FOUND",
    "model_not_found": "NOT_FOUND",
    "method": "UNIMPLEMENTED",
    "too_large": "INVALID_ARGUMENT",
    "request_timeout": "DEADLINE_EXCEEDED",
    "login_required": "UNAVAILABLE",
    "login_expired": "UNAVAILABLE",
    "account_suspended": "UNAVAILABLE",
    "rate_limit": "RESOURCE_EXHAUSTED",
    "quota": "RESOURCE_EXHAUSTED",
    "overloaded": "UNAVAILABLE",
    "upstream": "INTERNAL",
    "timeout": "DEADLINE_EXCEEDED",
    "truncated": "INTERNAL",
    "connect": "UNAVAILABLE",
    "draining": "UNAVAILABLE",
    "internal": "INTERNAL",
}


def encode_error(error: GatewayError, request_id: str) -> ErrorAnswer:
    """The answer to a request that failed before its first byte; `request_id` has no place in this dialect's body."""
    headers: list[tuple[str, str]] = []
    if error.retry_after is not None:
        headers.append(("retry-after", str(max(0, math.ceil(error.retry_after)))))
    passed_on = _passed_on(error)
    if passed_on is not None and error.upstream is not None:
        return ErrorAnswer(error.upstream.status, passed_on, tuple(headers))
    return ErrorAnswer(error.status, error_body(error), tuple(headers))


def error_body(error: GatewayError) -> bytes:
    """The JSON object that stands in an answer's body and in a stream alike."""
    message = error.message
    if error.kind == "context_length" and _LONG not in message:
        message = f"The input token count {_LONG} allowed: {message}"
    inner: dict[str, object] = {"code": error.status, "message": message, "status": _STATUS[error.kind]}
    if error.param is not None:
        violation = {"field": error.param, "description": error.message}
        inner["details"] = [{"@type": _TYPE + "BadRequest", "fieldViolations": [violation]}]
    elif error.retry_after is not None:
        inner["details"] = [{"@type": _TYPE + "RetryInfo", "retryDelay": f"{spelled(error.retry_after)}s"}]
    return jsonio.encode({"error": inner})


def _passed_on(error: GatewayError) -> bytes | None:
    """The upstream's own error object, if it may be shown."""
    upstream = error.upstream
    if upstream is None or upstream.dialect != FAMILY or not 400 <= upstream.status < 600:
        return None
    if upstream.status in (401, 403) or error.kind in _LOGIN:
        return None
    return _object(upstream.body)


_LOGIN = frozenset({"login_required", "login_expired", "account_suspended"})


class _Envelope(msgspec.Struct):
    error: msgspec.Raw = ABSENT


class _Detail(msgspec.Struct, rename="camel"):
    """Of google.rpc's ErrorInfo, RetryInfo and QuotaFailure."""

    reason: str | None = None
    retry_delay: str | None = None
    violations: list[dict[str, msgspec.Raw]] | None = None


class ErrorShape(msgspec.Struct):
    """An error object as Google and those who imitate it write it."""

    message: str | None = None
    code: int | str | None = None
    status: str | None = None
    details: msgspec.Raw = ABSENT

    def all_details(self) -> list[_Detail]:
        """Those details that can be read."""
        try:
            raws = jsonio.decode(bytes(self.details), list[msgspec.Raw]) if given(self.details) else []
        except jsonio.JsonError:
            return []
        out: list[_Detail] = []
        for raw in raws:
            try:
                out.append(jsonio.decode(bytes(raw), _Detail))
            except jsonio.JsonError:
                continue
        return out


def _object(body: bytes) -> bytes | None:
    """The object with the member `error`, out of its list of one if need be."""
    body = body.strip()
    try:
        if body.startswith(b"["):
            listed = jsonio.decode(body, list[msgspec.Raw])
            return _object(bytes(listed[-1])) if listed and not bytes(listed[-1]).startswith(b"[") else None
        return body if given(jsonio.decode(body, _Envelope).error) else None
    except jsonio.JsonError:
        return None


def read_error(body: bytes) -> ErrorShape | None:
    """The error that a JSON body reports; None if it reports none."""
    found = _object(body)
    return None if found is None else error_shape(bytes(jsonio.decode(found, _Envelope).error))


def error_shape(raw: bytes) -> ErrorShape:
    """An `error` member's value: an object, or just the text."""
    try:
        return jsonio.decode(raw, ErrorShape)
    except jsonio.JsonError:
        return ErrorShape(message=raw.strip().strip(b'"')[:MAX_REASON].decode("utf-8", "replace"))


_BY_REASON: dict[str, Kind] = {
    "API_KEY_INVALID": "login_expired",
    "API_KEY_EXPIRED": "login_expired",
    "ACCESS_TOKEN_EXPIRED": "login_expired",
    "CONSUMER_SUSPENDED": "account_suspended",
    "MODEL_CAPACITY_EXHAUSTED": "overloaded",
    "QUOTA_EXHAUSTED": "quota",
    "INSUFFICIENT_G1_CREDITS_BALANCE": "quota",
    "RATE_LIMIT_EXCEEDED": "rate_limit",
}

_WORDING: tuple[tuple[str, str, Kind], ...] = (
    ("INVALID_ARGUMENT", "maximum number of tokens", "context_length"),
    ("INVALID_ARGUMENT", "api key not valid", "login_expired"),
    ("INVALID_ARGUMENT", "api key expired", "login_expired"),
    ("FAILED_PRECONDITION", "billing", "quota"),
    ("FAILED_PRECONDITION", "location is not supported", "login_required"),
    ("NOT_FOUND", "model", "model_not_found"),
    ("PERMISSION_DENIED", "suspended", "account_suspended"),
)
"""Where the status says too little: the first row whose words stand in the message."""

_BY_STATUS: dict[str, Kind] = {
    "INVALID_ARGUMENT": "bad_request",
    "FAILED_PRECONDITION": "bad_request",
    "OUT_OF_RANGE": "bad_request",
    "UNAUTHENTICATED": "login_expired",
    "PERMISSION_DENIED": "login_required",
    "NOT_FOUND": "not_found",
    "ABORTED": "overloaded",
    "RESOURCE_EXHAUSTED": "rate_limit",
    "CANCELLED": "upstream",
    "INTERNAL": "upstream",
    "UNKNOWN": "upstream",
    "UNAVAILABLE": "overloaded",
    "DEADLINE_EXCEEDED": "timeout",
}

_NAMES: dict[int, str] = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
    529: "UNAVAILABLE",
}


def decode_error(status: int, headers: Mapping[str, str], body: bytes) -> GatewayError:
    """An upstream's error answer. `headers` are in lower case."""
    found = read_error(body)
    if found is None:
        kind: Kind = "too_large" if status == 413 else _plain_kind(status)
        page = body.lstrip().startswith(b"<")
        said = "it sent a web page instead of an API answer; check the base URL" if page else "it gave no reason"
    else:
        kind = "too_large" if status == 413 else _kind(found, status)
        said = (found.message or "it gave no reason")[:MAX_REASON]
    return GatewayError(
        kind,
        f"The upstream answered {status}: {said}",
        retryable=False if kind == "upstream" and status < 500 else None,
        retry_after=_retry_after(found, headers),
        reason=None if found is None else _reason(found),
        upstream=UpstreamAnswer(FAMILY, status, body),
    )


def stream_error(found: ErrorShape) -> GatewayError:
    """An error object inside a stream, or in place of an answer."""
    message = (found.message or "no reason given")[:MAX_REASON]
    status = int(found.code) if str(found.code).isdecimal() and found.code is not None else 500
    kind = _kind(found, status)
    wait = _retry_after(found, {})
    return GatewayError(kind, f"The upstream broke off: {message}", retry_after=wait, reason=_reason(found))


def _plain_kind(status: int) -> Kind:
    """Without an API's answer a 404 says that the base URL is wrong."""
    if status == 404:
        return "upstream"
    return _BY_STATUS.get(_NAMES.get(status, ""), "bad_request" if 400 <= status < 500 else "upstream")


def _kind(found: ErrorShape, status: int) -> Kind:
    details = found.all_details()
    for detail in details:
        if detail.reason in _BY_REASON:
            return _BY_REASON[detail.reason]
    name = found.status if found.status in _BY_STATUS else _NAMES.get(status, "")
    text = (found.message or "").lower()
    for row_status, words, kind in _WORDING:
        if name == row_status and words in text:
            return kind
    if name == "RESOURCE_EXHAUSTED" and any(_is_daily(detail) for detail in details):
        return "quota"
    return _BY_STATUS.get(name) or ("bad_request" if 400 <= status < 500 else "upstream")


def _is_daily(detail: _Detail) -> bool:
    """A limit per day does not pass by waiting a minute."""
    ids = (bytes(each["quotaId"]) for each in detail.violations or () if "quotaId" in each)
    return any(b"PerDay" in quota for quota in ids)


def _reason(found: ErrorShape) -> str | None:
    return next((each.reason for each in found.all_details() if each.reason), None) or found.status


_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def _retry_after(found: ErrorShape | None, headers: Mapping[str, str]) -> float | None:
    """Seconds to wait: RetryInfo's delay ("34.5s", "1m2s"), else the header."""
    delays = [each.retry_delay for each in found.all_details() if each.retry_delay] if found is not None else []
    for delay in delays:
        pieces = _DURATION.findall(delay)
        if pieces:
            return sum(float(number) * _UNITS[unit] for number, unit in pieces)
    return retry_after(headers)
