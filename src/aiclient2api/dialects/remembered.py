"""Results for JSON that comes again with every turn of a conversation: an agent's tools, their schemas.

Enters: a pure function of raw JSON and settings. Leaves: the same function, which remembers what it gave for small
arguments. Bounded by entries and by bytes; when it is full it begins anew. What raises is not remembered.
"""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

MAX_ENTRIES = 256
MAX_BYTES = 8192
"""Of a schema and what it became together; all entries of one function are at most 2 MiB."""

P = ParamSpec("P")


def remembered(function: Callable[P, bytes]) -> Callable[P, bytes]:
    """`function` of hashable arguments, the first of them raw JSON."""
    known: dict[tuple[object, ...], bytes] = {}

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> bytes:
        key = (*args, *kwargs.items())
        found = known.get(key)
        if found is None:
            found = function(*args, **kwargs)
            schema = args[0]
            size = len(found) + (len(schema) if isinstance(schema, bytes) else MAX_BYTES)
            if size <= MAX_BYTES:
                if len(known) >= MAX_ENTRIES:
                    known.clear()
                known[key] = found
        return found

    return call
