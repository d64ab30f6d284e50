"""What Kiro's refusals mean: error answers, and exception and error frames of a stream, as GatewayErrors.

Bodies are believed before statuses: in the JSON-1.0 form throttling and quota have come with 400, in old REST builds
with 500 (kiro-protocol, 7). So the reason decides, then the shape, then known words, then the status. A refusal of our
login or plan never keeps its 401 or 403, which would log the client's user out.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from aiclient2api.canonical.errors import GatewayError, Kind, UpstreamAnswer
from aiclient2api.dialects.waits import retry_after
from aiclient2api.wire import jsonio

FAMILY = "kiro"
PENALTY_SECONDS = 120.0
"""How long the service holds a rate limit against an account, where it does not say; an early repeat prolongs it."""
MAX_MESSAGE = 600
MAX_KEPT_BODY = 4096


class Verdict(NamedTuple):
    """`hint` is what the user can do about it; `retryable` None: as the kind says."""

    kind: Kind
    hint: str = ""
    retryable: bool | None = None
    wait: float | None = None


_BAD = Verdict("bad_request")
_FINAL = Verdict("upstream", retryable=False)
_LONG = Verdict("context_length")
_BUSY = Verdict("overloaded")
_FAULT = Verdict("upstream")
_EXPIRED = Verdict("login_expired", "If that goes on, log in to Kiro again.")
_SUSPENDED = Verdict("account_suspended", "This is Kiro's decision about the account; follow its message.")
_QUOTA = Verdict("quota", "The plan's allowance is used up until it is reset.")
_PLAN = Verdict("upstream", "The plan or kind of login does not cover this.", retryable=False)
_RATE = Verdict("rate_limit")
_PENALTY = Verdict("rate_limit", wait=PENALTY_SECONDS)
_PROFILE = Verdict("login_required", "No profile was found for this login; set KIRO_PROFILE_ARN.")
_MODEL = Verdict("model_not_found", "The plan, the region or the network may not offer it.")

REASONS: dict[str, Verdict] = {
    "CONTENT_LENGTH_EXCEEDS_THRESHOLD": _LONG,
    "PROMPT_TOO_LONG": _LONG,
    "INVALID_MODEL_ID": _MODEL,
    "INVALID_CONVERSATION_ID": _FINAL,
    "INVALID_KMS_GRANT": _FINAL,
    "CUSTOMER_KMS_KEY_INVALID_KEY_POLICY": _FINAL,
    "CUSTOMER_KMS_KEY_DISABLED": _FINAL,
    "MISMATCHED_KMS_KEY": _FINAL,
    "REQUEST_BODY_INVALID": _BAD,
    "REQUEST_BODY_INVALID_JSON": _BAD,
    "THINKING_SIGNATURE_INVALID": _BAD,
    "TOOL_CONFIG_MISSING": _BAD,
    "TOOL_DUPLICATE": _BAD,
    "TOOL_SCHEMA_INVALID": _BAD,
    "TOOL_USE_RESULT_MISMATCH": _BAD,
    "FEATURE_NOT_SUPPORTED": _PLAN,
    "TEMPORARILY_SUSPENDED": _SUSPENDED,
    "UNAUTHORIZED_CUSTOMIZATION_RESOURCE_ACCESS": _FINAL,
    "UNAUTHORIZED_WORKSPACE_CONTEXT_FEATURE_ACCESS": _FINAL,
    "CONVERSATION_LIMIT_EXCEEDED": Verdict("bad_request", "Begin a new conversation."),
    "MONTHLY_REQUEST_COUNT": _QUOTA,
    "OVERAGE_REQUEST_LIMIT_EXCEEDED": _QUOTA,
    "DAILY_REQUEST_COUNT": _QUOTA,
    "INSUFFICIENT_MODEL_CAPACITY": _BUSY,
    "MODEL_TEMPORARILY_UNAVAILABLE": _BUSY,
    "SERVICE_REQUEST_RATE_EXCEEDED": _BUSY,
    "USER_REQUEST_RATE_EXCEEDED": _PENALTY,
    "CREDIT_CONSUMPTION_RATE_EXCEEDED": _PENALTY,
}
"""Reasons of the streaming client's model 1.0.45, and those of 2026 that gateways saw. IMAGE_* and DOCUMENT_* are the
client's."""

SHAPES: dict[str, Verdict] = {
    "throttling": _RATE,
    "toomanyrequests": _RATE,
    "servicequotaexceeded": _QUOTA,
    "expiredtoken": _EXPIRED,
    "unrecognizedclient": _EXPIRED,
    "unauthorized": _EXPIRED,
    "internalserver": _FAULT,
    "internalfailure": _FAULT,
    "internal": _FAULT,
    "serviceunavailable": _BUSY,
    "modeltemporarilyunavailable": _BUSY,
    "contentlengthexceeded": _LONG,
    "resourcenotfound": _FINAL,
    "unknownoperation": _FINAL,
    "conflict": _FINAL,
    "invalidstate": _FINAL,
}
"""Shapes that say enough, without case and without the ending Exception or Error."""

_WORDS: tuple[tuple[re.Pattern[str], Verdict], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), verdict)
    for pattern, verdict in (
        (r"(?:input|prompt) is too long|exceeded max chat context length|context window is full", _LONG),
        (r"token included in the request (?:is|has) (?:invalid|expired)|token (?:is|has) expired", _EXPIRED),
        (r"temporarily (?:is )?suspended|is suspended|unusual (?:user )?activity", _SUSPENDED),
        (r"subscription does not support", _PLAN),
        (r"profileArn is required", _PROFILE),
        (r"unexpectedly high load|high traffic|insufficient model capacity", _BUSY),
        (r"invalid model\b|invalid modelid\b", _MODEL),
    )
)
"""Words of messages that come without a reason, or with a shape that says too little."""

_CROWDED = re.compile(r"high load|high traffic|capacity", re.IGNORECASE)
"""In a throttling message: the service is short of capacity, the account has done nothing."""

_VAGUE: dict[str, Verdict] = {"validation": _BAD, "serialization": _BAD, "accessdenied": _FINAL}

_STATUSES: dict[int, Verdict] = {
    400: _BAD,
    401: _EXPIRED,
    402: _QUOTA,
    408: Verdict("timeout"),
    413: Verdict("too_large"),
    422: _BAD,
    429: _RATE,
    503: _BUSY,
    504: Verdict("timeout"),
    524: Verdict("timeout"),
    529: _BUSY,
}

_LEADS: dict[Kind, str] = {
    "bad_request": "Kiro refused the request",
    "context_length": "The conversation is too long for the model",
    "too_large": "The request is too large for Kiro",
    "model_not_found": "Kiro does not offer this model to the account",
    "login_expired": "Kiro refused the login",
    "login_required": "Kiro cannot use the login",
    "account_suspended": "Kiro has suspended the account",
    "rate_limit": "Kiro's rate limit was reached",
    "quota": "The Kiro plan is used up",
    "overloaded": "Kiro is overloaded",
    "timeout": "Kiro did not answer in time",
}


class Found(NamedTuple):
    """What an error body tells; `shape` is normalised, `name` as it came."""

    name: str = ""
    reason: str = ""
    message: str = ""
    retry_after: float | None = None

    @property
    def shape(self) -> str:
        return re.sub(r"(?:exception|error)$", "", self.name.lower()) or ("internalserver" if self.name else "")


def classify(status: int, headers: Mapping[str, str], body: bytes) -> GatewayError:
    """The failure that an error answer tells of; header names are in lower case."""
    page = body.lstrip()[:1] == b"<"
    found = Found() if page else _read(body, _shape_name(headers.get("x-amzn-errortype", "")))
    said = found.message or _default_message(status, page)
    waits = [each for each in (found.retry_after, retry_after(headers)) if each is not None]
    found = found._replace(message=said, retry_after=max(waits, default=None))
    return _error(_verdict(found, status, page), found, UpstreamAnswer(FAMILY, status, body[:MAX_KEPT_BODY]))


def of_body(body: bytes) -> GatewayError:
    """The failure that an answer of good status tells of which is no event stream."""
    page = body.lstrip()[:1] == b"<"
    found = Found() if page else _read(body, "")
    what = "a web page" if page else "something else"
    said = found.message or f"The service answered with {what} instead of an event stream."
    return _error(_verdict(found, 500, page), found._replace(message=said), None)


def of_exception(name: str, payload: bytes) -> GatewayError:
    """The failure that an exception frame of a stream tells of."""
    found = _read(payload, _shape_name(name) or "error")
    return of_stream(found.name, found.message, found.reason, found.retry_after)


def of_stream(name: str, message: str, reason: str = "", retry_after: float | None = None) -> GatewayError:
    """The failure that an error frame, or an event that reports one, tells of."""
    found = Found(name, reason, message or "An error was reported in the middle of the answer.", retry_after)
    return _error(_verdict(found, 500, False), found, None)


def _error(verdict: Verdict, found: Found, upstream: UpstreamAnswer | None) -> GatewayError:
    said = found.message if len(found.message) <= MAX_MESSAGE else found.message[:MAX_MESSAGE] + "…"
    mark = f" ({found.reason})" if found.reason and found.reason not in said else ""
    lead = _LEADS.get(verdict.kind, "Kiro reported an error")
    message = f"{lead}: {said}{mark}" if mark or said.endswith((".", "!", "?", "…")) else f"{lead}: {said}."
    return GatewayError(
        verdict.kind,
        f"{message} {verdict.hint}".strip(),
        retryable=verdict.retryable,
        retry_after=verdict.wait if found.retry_after is None else found.retry_after,
        reason=found.reason or found.name or None,
        upstream=upstream,
    )


def _verdict(found: Found, status: int, page: bool) -> Verdict:
    known = REASONS.get(found.reason)
    if known is not None:
        return known
    if found.reason.startswith(("IMAGE_", "DOCUMENT_")):
        return _BAD
    known = SHAPES.get(found.shape)
    if known is not None:
        return _BUSY if known is _RATE and _CROWDED.search(found.message) else known
    for words, verdict in _WORDS:
        if words.search(found.message):
            return verdict
    known = _VAGUE.get(found.shape)
    if known is not None:
        return known
    if page and status in (400, 401, 422):  # a proxy's page proves nothing about the request or the login
        return _FINAL
    return _STATUSES.get(status) or (_FAULT if status >= 500 else _FINAL)


def _default_message(status: int, page: bool) -> str:
    what = "a web page" if page else "no message"
    return f"The service answered with status {status} and {what}."


def _read(body: bytes, name: str) -> Found:
    """What an error body holds, in any of its forms: flat, nested under `error`, or plain text."""
    try:
        members = jsonio.members(body)
    except jsonio.JsonError:
        return Found(name, message=body[:MAX_MESSAGE].decode("utf-8", "replace").strip())
    nested = members.get("error")
    if nested is not None:
        try:
            members = {**members, **jsonio.members(bytes(nested))}
        except jsonio.JsonError:
            members = {"message": nested, **members}
    milliseconds = _number(members.get("retryAfterMilliseconds"))
    return Found(
        name=_shape_name(_string(members, "__type", "code")) or name,
        reason=_string(members, "reason"),
        message=_string(members, "message", "Message", "errorMessage").strip(),
        retry_after=None if milliseconds is None else milliseconds / 1000,
    )


def _shape_name(text: str) -> str:
    """The shape in `com.amazon.kiro.runtimeservice#ThrottlingException` or `ThrottlingException:http://…`."""
    return text.split(":", 1)[0].rsplit("#", 1)[-1].strip()


def _string(members: Mapping[str, msgspec.Raw], *names: str) -> str:
    """The first of these members that is a string with something in it."""
    for name in names:
        raw = members.get(name)
        if raw is None:
            continue
        try:
            text = jsonio.decode(bytes(raw), str)
        except jsonio.JsonError:
            continue
        if text:
            return text
    return ""


def _number(raw: msgspec.Raw | None) -> float | None:
    if raw is None:
        return None
    try:
        value = jsonio.decode(bytes(raw), float)
    except jsonio.JsonError:
        return None
    return value if value >= 0 else None


_CURES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("strip_thinking", re.compile(r"THINKING_SIGNATURE_INVALID|invalid signature in thinking", re.IGNORECASE)),
    ("drop_fields", re.compile(r"invalid additionalModelRequestFields", re.IGNORECASE)),
    ("simple_schema", re.compile(r"TOOL_SCHEMA_INVALID")),
    ("refresh", re.compile(r"profileArn is required", re.IGNORECASE)),
)
"""Remedies by the reason and the words of an error. A social login's refresh answers with its profile."""


def remedy(error: GatewayError, applied: frozenset[str]) -> str | None:
    """What makes an immediate repeat worth while, or None; each at most once.

    refresh          another token; strip_thinking, drop_fields, simple_schema: a request without the part refused
    rest             the runtime host cannot be reached or does not know the operation: the older host and form
    runtime          the older host does not take this kind of login (API keys): back again
    """
    wanted = _wanted(error, applied)
    return wanted if wanted is not None and wanted not in applied else None


def _wanted(error: GatewayError, applied: frozenset[str]) -> str | None:
    if error.kind == "login_expired":
        return "refresh"
    text = f"{error.reason or ''} {error.message}"
    for cure, words in _CURES:
        if words.search(text):
            return cure
    if error.kind == "connect":
        return "rest"
    if error.kind != "upstream":
        return None
    if "subscription does not support" in text and "rest" in applied:
        return "runtime"
    status = error.upstream.status if error.upstream is not None else 0
    return "rest" if status in (404, 405, 501) or error.reason == "UnknownOperationException" else None
