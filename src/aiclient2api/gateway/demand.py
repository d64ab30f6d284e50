"""How many tokens a request will take, before it is sent: roughly from its bytes, exactly from what it says.

Enters: a body. Leaves: a Demand. Where there is plenty of room a rough one will do: what was really taken comes in its
place when the answer is over. To read a body for this alone costs more than all else that a key's limits need.
"""

import re
from collections.abc import Mapping

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.estimate import estimate_request
from aiclient2api.dialects.base import Dialect
from aiclient2api.state.limits import Demand, Reservation

PLENTY = 16
"""So many requests of the same size must still find room."""

_EDGE = 4096
"""Where the members stand that are not the conversation: before it or behind it."""
_MEMBER = b'"max'
_MOST = re.compile(rb'"max(?:_|_completion_|_output_|Output)[Tt]okens"\s*:\s*(\d{1,12})')


def rough(body: bytes) -> Demand:
    """A token for four bytes, and the longest answer that is named anywhere. Within texts the quotes are escaped; a
    call's arguments may name one, too, and then more is reserved than need be."""
    if len(body) <= 2 * _EDGE:
        return Demand(len(body) // 4, _longest(body))
    most = _longest(body[:_EDGE]) or _longest(body[-_EDGE:]) or _longest(body)
    return Demand(len(body) // 4, most)


def _longest(body: bytes) -> int:
    most, at = 0, body.find(_MEMBER)
    while at >= 0:
        found = _MOST.match(body, at)
        if found is not None:
            most = max(most, int(found[1]))
        at = body.find(_MEMBER, at + len(_MEMBER))
    return most


def is_plenty(reservation: Reservation, body: bytes) -> bool:
    """Whether nobody is shut out by a demand that was rough: no request has more tokens than bytes."""
    needed = PLENTY * len(body)
    return all(level.remaining >= needed for level in reservation.levels if level.rule.unit == "tokens")


def exact(front: Dialect, body: bytes, headers: Mapping[str, str]) -> Demand:
    """Its input as estimated, and at most its longest answer."""
    try:
        request = front.decode_request(body, headers)
    except GatewayError:
        return Demand(len(body) // 4)
    return Demand(estimate_request(request), request.max_tokens or 0)
