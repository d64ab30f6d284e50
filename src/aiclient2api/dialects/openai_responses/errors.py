"""Errors of the Responses API, both ways.

Before the first byte they look as in Chat Completions, and are made and read there. Inside a stream there are two
forms, which clients read one or the other of: `response.failed`, and an `error` event whose members stand both flat
(as documented) and under `error` (as the SDKs read it).
"""

from collections.abc import Mapping

import msgspec

from aiclient2api.canonical.errors import GatewayError, Kind, UpstreamAnswer
from aiclient2api.dialects.base import ErrorAnswer
from aiclient2api.dialects.openai_chat import errors as chat
from aiclient2api.dialects.reading import given
from aiclient2api.dialects.waits import spelled
from aiclient2api.wire import jsonio

DIALECT = "openai_responses"


def encode_error(error: GatewayError, request_id: str) -> ErrorAnswer:
    """The answer to a request that failed before its first byte."""
    answer = chat.encode_error(error, request_id)
    upstream = error.upstream
    if upstream is None or upstream.dialect != DIALECT:
        return answer
    own = GatewayError(error.kind, error.message, status=error.status, param=error.param)
    own.upstream = UpstreamAnswer(chat.DIALECT, upstream.status, upstream.body)
    passed_on = chat.encode_error(own, request_id)
    return ErrorAnswer(passed_on.status, passed_on.body, answer.headers)


def decode_error(status: int, headers: Mapping[str, str], body: bytes) -> GatewayError:
    """An upstream's error answer. `headers` are in lower case."""
    error = chat.decode_error(status, headers, body)
    named = _CODES.get(error.reason or "")
    if named is not None:
        error = GatewayError(
            named, error.message, retry_after=error.retry_after, param=error.param, reason=error.reason
        )
    error.upstream = UpstreamAnswer(DIALECT, status, body)
    return error


_CODES: dict[str, Kind] = {
    "server_is_overloaded": "overloaded",
    "slow_down": "overloaded",
    "usage_limit_reached": "quota",
    "usage_not_included": "quota",
    "invalid_prompt": "bad_request",
    "image_content_policy_violation": "bad_request",
}
"""Codes that only this API has; the others are Chat's."""


class _Wire(msgspec.Struct):
    """An error event or a failed response: flat members, or the same under `error`."""

    error: msgspec.Raw = msgspec.Raw()
    message: str | None = None
    code: str | int | None = None
    param: str | None = None


def stream_error(raw: bytes) -> GatewayError:
    """The failure that an `error` event, or the response object of `response.failed`, tells of."""
    try:
        wire = jsonio.decode(raw, _Wire)
    except jsonio.JsonError:
        wire = _Wire()
    shape = chat.error_shape(bytes(wire.error)) if given(wire.error) else chat.ErrorShape()
    if shape.message is None and shape.code is None:
        shape = chat.ErrorShape(wire.message, None, wire.param, wire.code)
    error = chat.stream_error(shape)
    named = _CODES.get(error.reason or "")
    return error if named is None else GatewayError(named, error.message, param=error.param, reason=error.reason)


class Shown(msgspec.Struct):
    """An error as a stream shows it."""

    type: str
    code: str | None
    message: str
    param: str | None


class _Body(msgspec.Struct):
    error: Shown


_SHOWN_CODES: dict[Kind, str] = {"overloaded": "server_is_overloaded"}
"""Where Codex knows another word than Chat has for the kind."""


def shown(error: GatewayError) -> Shown:
    """Codex takes the time to wait from the message, since a stream has no headers left."""
    found = jsonio.decode(chat.error_body(error), _Body).error
    found.code = _SHOWN_CODES.get(error.kind, found.code)
    if error.retry_after is not None and "try again in" not in found.message.lower():
        found.message = f"{found.message} Please try again in {spelled(error.retry_after)}s."
    return found
