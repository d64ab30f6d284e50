"""Failures as data: how each service tells of one, what can be understood of it, and how each client must hear of it
(dialects.md, 2.14). One row per wire form and per client, none per pair."""

import json
from collections.abc import Mapping
from typing import NamedTuple

from aiclient2api.canonical.errors import GatewayError, Kind
from tests.pairs.backs import Back
from tests.pairs.world import Play

WORDS = "Some words of the service about it"
WAIT = "7"

TOLD: tuple[Kind, ...] = (
    "bad_request",
    "context_length",
    "authentication",
    "permission",
    "not_found",
    "model_not_found",
    "too_large",
    "rate_limit",
    "quota",
    "overloaded",
    "upstream",
    "timeout",
)
"""What a service can say of a request before it answers."""

IN_MIDSTREAM: tuple[Kind, ...] = ("overloaded", "rate_limit", "upstream")

_VENDORS_STATUS: Mapping[Kind, int] = {"authentication": 401, "permission": 403, "upstream": 500}
"""Where a service's own status is not the one that we use for the kind."""

_KIRO: Mapping[Kind, tuple[int, str]] = {
    "bad_request": (400, "ValidationException"),
    "context_length": (400, "ContentLengthExceededException"),
    "authentication": (401, "UnauthorizedException"),
    "permission": (403, "AccessDeniedException"),
    "not_found": (404, "ResourceNotFoundException"),
    "model_not_found": (400, "INVALID_MODEL_ID"),
    "too_large": (413, ""),
    "rate_limit": (429, "ThrottlingException"),
    "quota": (402, "ServiceQuotaExceededException"),
    "overloaded": (503, "ServiceUnavailableException"),
    "upstream": (500, "InternalServerException"),
    "timeout": (504, ""),
}


def refusal(back: Back, kind: Kind) -> Play:
    """The service's answer to a request that it refuses."""
    if back.dialect is None:
        status, name = _KIRO[kind]
        told = {"reason": name} if name.isupper() else {"__type": name}
        body = json.dumps(told | {"message": WORDS}).encode()
        return Play([body], stream=False, status=status, kind="application/json", headers=_wait(kind))
    wait = float(WAIT) if kind == "rate_limit" else None
    error = GatewayError(kind, WORDS, status=_VENDORS_STATUS.get(kind), retry_after=wait)
    answer = back.dialect.encode_error(error, "req_of_the_service")
    headers = (*answer.headers, ("request-id", "req_of_the_service"))
    return Play([answer.body], stream=False, status=answer.status, kind="application/json", headers=headers)


def _wait(kind: Kind) -> list[tuple[str, str]]:
    return [("retry-after", WAIT)] if kind == "rate_limit" else []


_LOGIN: Mapping[Kind, Kind] = {"authentication": "login_required", "permission": "login_required"}

UNDERSTOOD: Mapping[str, Mapping[Kind, Kind]] = {
    "anthropic": {**_LOGIN, "permission": "upstream", "model_not_found": "not_found", "quota": "rate_limit"},
    "openai_chat": _LOGIN,
    "openai_responses": _LOGIN,
    "gemini": {**_LOGIN, "model_not_found": "not_found", "quota": "rate_limit"},
    "kiro": {**_LOGIN, "permission": "upstream", "not_found": "upstream"},
}
"""What a service's words amount to, where they say less than the kind, or something about our own login."""


class Seen(NamedTuple):
    status: int
    type: object


_OPENAI: Mapping[Kind, Seen] = {
    "bad_request": Seen(400, ("invalid_request_error", "invalid_value")),
    "context_length": Seen(400, ("invalid_request_error", "context_length_exceeded")),
    "login_required": Seen(503, ("server_error", "login_required")),
    "not_found": Seen(404, ("invalid_request_error", "not_found")),
    "model_not_found": Seen(404, ("invalid_request_error", "model_not_found")),
    "too_large": Seen(413, ("invalid_request_error", "request_too_large")),
    "rate_limit": Seen(429, ("rate_limit_error", "rate_limit_exceeded")),
    "quota": Seen(429, ("insufficient_quota", "insufficient_quota")),
    "overloaded": Seen(503, ("server_error", "overloaded")),
    "upstream": Seen(502, ("server_error", "upstream_error")),
    "timeout": Seen(504, ("server_error", "timeout")),
    "truncated": Seen(502, ("server_error", "upstream_truncated")),
}

HEARD: Mapping[str, Mapping[Kind, Seen]] = {
    "anthropic": {
        "bad_request": Seen(400, "invalid_request_error"),
        "context_length": Seen(400, "invalid_request_error"),
        "login_required": Seen(503, "api_error"),
        "not_found": Seen(404, "not_found_error"),
        "model_not_found": Seen(404, "not_found_error"),
        "too_large": Seen(413, "request_too_large"),
        "rate_limit": Seen(429, "rate_limit_error"),
        "quota": Seen(429, "rate_limit_error"),
        "overloaded": Seen(529, "overloaded_error"),
        "upstream": Seen(502, "api_error"),
        "timeout": Seen(504, "timeout_error"),
        "truncated": Seen(502, "api_error"),
    },
    "openai_chat": _OPENAI,
    "openai_responses": _OPENAI,
    "gemini": {
        "bad_request": Seen(400, "INVALID_ARGUMENT"),
        "context_length": Seen(400, "INVALID_ARGUMENT"),
        "login_required": Seen(503, "UNAVAILABLE"),
        "not_found": Seen(404, "NOT_FOUND"),
        "model_not_found": Seen(404, "NOT_FOUND"),
        "too_large": Seen(413, "INVALID_ARGUMENT"),
        "rate_limit": Seen(429, "RESOURCE_EXHAUSTED"),
        "quota": Seen(429, "RESOURCE_EXHAUSTED"),
        "overloaded": Seen(503, "UNAVAILABLE"),
        "upstream": Seen(502, "INTERNAL"),
        "timeout": Seen(504, "DEADLINE_EXCEEDED"),
        "truncated": Seen(502, "INTERNAL"),
    },
}
"""What a client of each API gets before the answer has begun."""

IN_STREAMS: Mapping[str, Mapping[Kind, object]] = {
    "openai_responses": {"overloaded": ("server_error", "server_is_overloaded")},
}
"""Where a stream has another word than the answer to a refused request."""
