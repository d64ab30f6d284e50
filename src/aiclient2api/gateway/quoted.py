"""Services quote the key that they were called with in their errors; it must not go on to the client or a log.

Enters: what a service said, and the call that it answers. Leaves: the same without the key.
"""

from collections.abc import Sequence

import msgspec

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.events import Event, Failed, Verbatim
from aiclient2api.providers.base import Call

_KEY_HEADERS = frozenset({"authorization", "x-api-key", "api-key", "x-goog-api-key"})
_SHORTEST = 6
MASK = "***"


def without_key(body: bytes, call: Call) -> bytes:
    """The body of an error without the key of the call."""
    for key in _keys(call):
        body = body.replace(key.encode(), MASK.encode())
    return body


def unquoted(events: Sequence[Event], call: Call) -> Sequence[Event]:
    """The same events; a failure among them, which comes last, without the key of the call."""
    if not events:
        return events
    last = events[-1]
    if type(last) is Failed:
        _clean(last.error, call)
    elif type(last) is Verbatim and last.failed is not None:
        _clean(last.failed, call)
        return [*events[:-1], msgspec.structs.replace(last, data=without_key(last.data, call))]
    return events


def _clean(error: GatewayError, call: Call) -> None:
    for key in _keys(call):
        error.message = error.message.replace(key, MASK)
        error.reason = error.reason and error.reason.replace(key, MASK)
    error.args = (error.message,)
    if error.upstream is not None:
        error.upstream = error.upstream._replace(body=without_key(error.upstream.body, call))


def _keys(call: Call) -> list[str]:
    values = [value.rpartition(" ")[2] for name, value in call.headers if name.lower() in _KEY_HEADERS]
    return [key for key in values if len(key) >= _SHORTEST]
