"""Errors in the shape of Chat Completions, both ways: {"error": {"message", "type", "param", "code"}}.

Enters: a GatewayError, or an upstream's error answer (its own shape, a proxy's, a web page). Leaves: a status and a
body, or a GatewayError that says whose fault it is. An upstream's 401 or 403 never reaches the client as such.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from aiclient2api.canonical.errors import GatewayError, Kind, UpstreamAnswer
from aiclient2api.dialects.base import ErrorAnswer
from aiclient2api.dialects.reading import given
from aiclient2api.dialects.waits import retry_after
from aiclient2api.wire import jsonio

DIALECT = "openai_chat"
MAX_REASON = 2000
"""Characters of an upstream's own message that are shown on."""


class _Names(NamedTuple):
    type: str
    code: str | None


_NAMES: dict[Kind, _Names] = {
    "bad_request": _Names("invalid_request_error", "invalid_value"),
    "context_length": _Names("invalid_request_error", "context_length_exceeded"),
    "authentication": _Names("invalid_request_error", "invalid_api_key"),
    "permission": _Names("invalid_request_error", "permission_denied"),
    "not_found": _Names("invalid_request_error", "not_found"),
    "model_not_found": _Names("invalid_request_error", "model_not_found"),
    "method": _Names("invalid_request_error", "method_not_allowed"),
    "too_large": _Names("invalid_request_error", "request_too_large"),
    "request_timeout": _Names("invalid_request_error", "request_timeout"),
    "login_required": _Names("server_error", "login_required"),
    "login_expired": _Names("server_error", "login_expired"),
    "account_suspended": _Names("server_error", "account_suspended"),
    "rate_limit": _Names("rate_limit_error", "rate_limit_exceeded"),
    "quota": _Names("insufficient_quota", "insufficient_quota"),
    "overloaded": _Names("server_error", "overloaded"),
    "upstream": _Names("server_error", "upstream_error"),
    "timeout": _Names("server_error", "timeout"),
    "truncated": _Names("server_error", "upstream_truncated"),
    "connect": _Names("server_error", "upstream_unreachable"),
    "draining": _Names("server_error", "shutting_down"),
    "internal": _Names("server_error", "internal_error"),
}


def encode_error(error: GatewayError, request_id: str) -> ErrorAnswer:
    """The answer to a request that failed before its first byte; `request_id` has no place in this dialect's body."""
    headers: list[tuple[str, str]] = []
    if error.retry_after is not None:
        headers.append(("retry-after", str(max(0, math.ceil(error.retry_after)))))
    if not error.retryable and (error.status >= 500 or error.status in (408, 409, 429)):
        headers.append(("x-should-retry", "false"))  # the SDKs repeat these statuses unless told not to
    upstream = error.upstream
    if upstream is not None and _can_be_passed_on(upstream):
        status = upstream.status if upstream.status < 500 else error.status
        return ErrorAnswer(status, upstream.body, tuple(headers))
    return ErrorAnswer(error.status, error_body(error), tuple(headers))


def error_body(error: GatewayError) -> bytes:
    """The JSON object that stands in an answer's body and in a stream alike."""
    names = _NAMES[error.kind]
    inner = {"message": error.message, "type": names.type, "param": error.param, "code": names.code}
    return jsonio.encode({"error": inner})


class _OwnShape(msgspec.Struct):
    error: dict[str, msgspec.Raw]


def _can_be_passed_on(upstream: UpstreamAnswer) -> bool:
    """A 401 or 403 is about the gateway's login, not the client's; and a client can read only the dialect's shape."""
    if upstream.dialect != DIALECT or upstream.status in (401, 403) or not 400 <= upstream.status < 600:
        return False
    try:
        jsonio.decode(upstream.body, _OwnShape)
    except jsonio.JsonError:
        return False
    return True


class ErrorShape(msgspec.Struct):
    """An error object as vendors write it; a code may be a number."""

    message: str | None = None
    type: str | int | None = None
    param: str | None = None
    code: str | int | float | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(str(name).lower() for name in (self.code, self.type) if name)


class _Envelope(msgspec.Struct):
    """`error` in the dialect's own form; `message` and `detail` are what proxies and frameworks write."""

    error: msgspec.Raw = msgspec.Raw()
    message: msgspec.Raw = msgspec.Raw()
    detail: msgspec.Raw = msgspec.Raw()


def read_error(body: bytes) -> ErrorShape | None:
    """The error that a JSON body reports, in any of the usual shapes; None if it reports none."""
    body = body.strip()
    try:
        if body.startswith(b"["):
            listed = jsonio.decode(body, list[msgspec.Raw])
            return read_error(bytes(listed[0])) if listed and not bytes(listed[0]).startswith(b"[") else None
        envelope = jsonio.decode(body, _Envelope)
    except jsonio.JsonError:
        return None
    for raw in (envelope.error, envelope.message, envelope.detail):
        if given(raw):
            return error_shape(bytes(raw))
    return None


def error_shape(raw: bytes) -> ErrorShape:
    """An `error` member's value: an object, or just the text."""
    try:
        return jsonio.decode(raw, ErrorShape)
    except jsonio.JsonError:
        text = raw.strip().strip(b'"')[:MAX_REASON]
        return ErrorShape(message=text.decode("utf-8", "replace"))


_BY_NAME: dict[str, Kind] = {
    "context_length_exceeded": "context_length",
    "insufficient_quota": "quota",
    "insufficient_balance": "quota",
    "billing_hard_limit_reached": "quota",
    "quota_exceeded": "quota",
    "rate_limit_exceeded": "rate_limit",
    "rate_limit_error": "rate_limit",
    "resource_exhausted": "rate_limit",
    "model_not_found": "model_not_found",
    "model_not_available": "model_not_found",
    "invalid_api_key": "login_expired",
    "authentication_error": "login_expired",
    "unauthenticated": "login_expired",
    "account_deactivated": "account_suspended",
    "account_suspended": "account_suspended",
    "overloaded": "overloaded",
    "overloaded_error": "overloaded",
    "engine_overloaded": "overloaded",
    "engine_overloaded_error": "overloaded",
    "request_too_large": "too_large",
}

_BY_STATUS: dict[int, Kind] = {
    401: "login_expired",
    402: "quota",
    403: "login_required",
    404: "not_found",
    408: "timeout",
    409: "overloaded",
    413: "too_large",
    425: "overloaded",
    429: "rate_limit",
    503: "overloaded",
    504: "timeout",
    529: "overloaded",
}

_OVERFLOW = ("maximum context length", "context window", "prompt is too long", "context length exceeded")
"""How servers say that the prompt does not fit, where they have no code for it."""


def decode_error(status: int, headers: Mapping[str, str], body: bytes) -> GatewayError:
    """An upstream's error answer. `headers` are in lower case."""
    found = read_error(body)
    kind = _kind(status, found)
    if found is not None and found.message:
        said = found.message[:MAX_REASON]
    elif _is_page(body):
        said = "it sent a web page instead of an API answer; check the base URL"
    else:
        said = "it gave no reason"
    return GatewayError(
        kind,
        f"The upstream answered {status}: {said}",
        retryable=False if kind == "upstream" and status < 500 else None,
        retry_after=retry_after(headers),
        param=found.param if found is not None else None,
        reason=found.names[0] if found is not None and found.names else None,
        upstream=UpstreamAnswer(DIALECT, status, body),
    )


def stream_error(found: ErrorShape) -> GatewayError:
    """An error object inside a stream; a number as its code is the status it would have had."""
    status = int(found.code) if isinstance(found.code, int | float) else 0
    if isinstance(found.code, str) and found.code.isdecimal():
        status = int(found.code)
    message = (found.message or "no reason given")[:MAX_REASON]
    kind = _kind(status, found) if status >= 400 else _named_kind(found) or "upstream"
    reason = found.names[0] if found.names else None
    return GatewayError(kind, f"The upstream broke off: {message}", param=found.param, reason=reason)


def _kind(status: int, found: ErrorShape | None) -> Kind:
    named = _named_kind(found) if found is not None else None
    if named is not None:
        return named
    if status == 404:
        return _missing(found)
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    return "bad_request" if 400 <= status < 500 else "upstream"


def _named_kind(found: ErrorShape) -> Kind | None:
    for name in found.names:
        if name in _BY_NAME:
            return _BY_NAME[name]
    message = (found.message or "").lower()
    return "context_length" if any(phrase in message for phrase in _OVERFLOW) else None


def _missing(found: ErrorShape | None) -> Kind:
    """404 is a model that is not there if the API says so; without an API's answer the base URL is wrong."""
    if found is None:
        return "upstream"
    return "model_not_found" if "model" in (found.message or "").lower() else "not_found"


def _is_page(body: bytes) -> bool:
    return body.lstrip()[:1] == b"<"
