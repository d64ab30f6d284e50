"""Errors of the Messages API, both ways.

Enters: a GatewayError for a client, or an upstream's error answer. Leaves: status, JSON body and headers, or a
GatewayError with its kind. A body that an Anthropic upstream sent is passed on as it is, because clients look for its
wording; only its 401 and 403 stay here, since they concern our account and would log the client's user out.
"""

import math
from collections.abc import Mapping

import msgspec

from aiclient2api.canonical.errors import GatewayError, Kind, UpstreamAnswer
from aiclient2api.dialects.base import ErrorAnswer
from aiclient2api.dialects.waits import retry_after
from aiclient2api.wire import jsonio

FAMILY = "anthropic"
OVERLOADED_STATUS = 529

TYPES: dict[Kind, str] = {
    "bad_request": "invalid_request_error",
    "context_length": "invalid_request_error",
    "authentication": "authentication_error",
    "permission": "permission_error",
    "not_found": "not_found_error",
    "model_not_found": "not_found_error",
    "method": "invalid_request_error",
    "too_large": "request_too_large",
    "request_timeout": "timeout_error",
    "rate_limit": "rate_limit_error",
    "quota": "rate_limit_error",
    "overloaded": "overloaded_error",
    "timeout": "timeout_error",
}
"""The type of each kind; those without one are api_error."""

_LONG = "prompt is too long"
"""Agents shorten their history when they read this."""


def encode_error(error: GatewayError, request_id: str) -> ErrorAnswer:
    """Status, body and headers for a failure before the first byte."""
    headers: list[tuple[str, str]] = []
    if error.retry_after is not None:
        headers.append(("retry-after", str(max(0, math.ceil(error.retry_after)))))
    passed_on = _passed_on(error)
    status = passed_on.status if passed_on and passed_on.status != 500 else _status(error)  # 500 is for faults of ours
    if not error.retryable and (status == 429 or status >= 500):
        headers.append(("x-should-retry", "false"))
    body = passed_on.body if passed_on else error_body(error, request_id)
    return ErrorAnswer(status, body, tuple(headers))


def error_body(error: GatewayError, request_id: str | None = None) -> bytes:
    """The JSON of an error, as a whole answer or as the data of an error frame."""
    message = error.message
    if error.kind == "context_length" and not message.lower().startswith(_LONG):
        message = f"{_LONG}: {message}"
    body: dict[str, object] = {
        "type": "error",
        "error": {"type": TYPES.get(error.kind, "api_error"), "message": message},
    }
    if request_id is not None:
        body["request_id"] = request_id
    return jsonio.encode(body)


def _status(error: GatewayError) -> int:
    return OVERLOADED_STATUS if error.kind == "overloaded" and error.status == 503 else error.status


def _passed_on(error: GatewayError) -> UpstreamAnswer | None:
    """The upstream's own answer, if the client can read it as it is."""
    upstream = error.upstream
    if upstream is None or upstream.dialect != FAMILY or upstream.status in (401, 403) or upstream.status < 400:
        return None
    return upstream if _parsed(upstream.body) is not None else None


class _Details(msgspec.Struct):
    error_code: str | None = None


class _Error(msgspec.Struct):
    type: str = ""
    message: str = ""
    details: _Details | None = None


class _ErrorBody(msgspec.Struct):
    error: _Error


class _LooseBody(msgspec.Struct):
    """What compatible servers send instead."""

    error: str | None = None
    message: str | None = None
    detail: str | None = None


def _parsed(body: bytes) -> _Error | None:
    try:
        return jsonio.decode(body, _ErrorBody).error
    except jsonio.JsonError:
        return None


def decode_error(status: int, headers: Mapping[str, str], body: bytes) -> GatewayError:
    """The failure that an upstream's answer (status 400 and above) tells of.

    401 is our login's ("login_expired"), and so is 403 if it says that the account is closed ("account_suspended");
    any other 403 is "upstream" and not repeated. `retry-after-ms` and `retry-after` are read.
    """
    found = _parsed(body) or _Error("", _loose_message(body) or f"The upstream answered with status {status}.")
    kind = _kind(status, found)
    code = found.details.error_code if found.details else None
    return GatewayError(
        kind,
        found.message or f"The upstream answered with status {status}.",
        retryable=_retryable(status, headers),
        retry_after=retry_after(headers),
        reason=code or found.type or None,
        upstream=UpstreamAnswer(FAMILY, status, body),
    )


def stream_error(body: bytes) -> GatewayError:
    """The failure that an error frame, or a body that is no stream at all, tells of."""
    found = _parsed(body)
    if found is None:
        message = _loose_message(body) or "The upstream sent something that is not an answer."
        return GatewayError("upstream", message)
    kind = _kind(_STATUSES.get(found.type, 500), found)
    return GatewayError(kind, found.message or "The upstream reported an error.", reason=found.type or None)


def _loose_message(body: bytes) -> str | None:
    try:
        loose = jsonio.decode(body, _LooseBody)
    except jsonio.JsonError:
        return None
    return loose.error or loose.message or loose.detail


_KINDS: dict[int, Kind] = {
    400: "bad_request",
    401: "login_expired",
    402: "quota",
    403: "upstream",
    404: "not_found",
    408: "timeout",
    409: "upstream",
    413: "too_large",
    422: "bad_request",
    429: "rate_limit",
    500: "upstream",
    503: "overloaded",
    504: "timeout",
    529: "overloaded",
}

_STATUSES: dict[str, int] = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "conflict_error": 409,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}

_WORDING: tuple[tuple[int, str, Kind], ...] = (
    (400, "prompt is too long", "context_length"),
    (400, "exceed context limit", "context_length"),
    (400, "context window", "context_length"),
    (413, "prompt is too long", "context_length"),
    (400, "credit balance is too low", "quota"),
    (403, "suspended", "account_suspended"),
    (403, "disabled", "account_suspended"),
    (403, "banned", "account_suspended"),
    (404, "model", "model_not_found"),
)
"""Where the status says too little: the first row whose words stand in the message."""


def _kind(status: int, found: _Error) -> Kind:
    text = found.message.lower()
    for row_status, words, kind in _WORDING:
        if status == row_status and words in text:
            return kind
    if found.type == "overloaded_error":
        return "overloaded"
    return _KINDS.get(status, "bad_request" if 400 <= status < 500 else "upstream")


def _retryable(status: int, headers: Mapping[str, str]) -> bool | None:
    """The upstream's own word, or no for a permission that will not come by itself; None: as the kind says."""
    asked = headers.get("x-should-retry")
    if asked in ("true", "false"):
        return asked == "true"
    return False if status == 403 or status < 400 else None
