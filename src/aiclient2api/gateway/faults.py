"""The one door where transport errors become errors with blame."""

from aiclient2api.canonical.errors import GatewayError, Kind
from aiclient2api.http1.messages import (
    BadAnswer,
    BodyTimeout,
    BodyTooLarge,
    ConnectFailed,
    DeadlineMissed,
    HttpError,
    Truncated,
)

_UPSTREAM: dict[type[HttpError], tuple[Kind, str]] = {
    ConnectFailed: ("connect", "{provider} could not be reached: {reason}."),
    DeadlineMissed: ("timeout", "{provider} did not answer in time: {reason}."),
    Truncated: ("truncated", "{provider} broke off its answer: {reason}."),
    BadAnswer: ("upstream", "{provider} sent something that is not a valid HTTP answer: {reason}."),
}


def as_gateway_error(error: HttpError, provider: str) -> GatewayError:
    """A failed call to `provider`; the reason names the deadline or the fault, never the content."""
    kind, text = next((row for type_, row in _UPSTREAM.items() if isinstance(error, type_)), _UPSTREAM[BadAnswer])
    return GatewayError(kind, text.format(provider=provider, reason=str(error).rstrip(".")))


def of_client_body(error: HttpError, limit: int) -> GatewayError:
    """A request body that could not be read."""
    if isinstance(error, BodyTooLarge):
        return GatewayError("too_large", f"The request body is larger than {limit} bytes (MAX_BODY_BYTES).")
    if isinstance(error, BodyTimeout):
        return GatewayError("request_timeout", "The request body did not arrive in time.")
    return GatewayError("bad_request", "The request body could not be read.")
