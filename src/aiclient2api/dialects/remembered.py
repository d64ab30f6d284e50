"""Results for JSON that comes again with every turn of a conversation: an agent's tools, their schemas.

Enters: a pure function of raw JSON and settings. Leaves: the same function, which remembers what it gave for small
arguments. Bounded by entries and by bytes; when it is full it begins anew. What raises is not remembered.
"""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

MAX_ENTRIES = 256
MAX_BYTES = 8192
"""Of the JSON and what it became together; all entries of one function are at most 2 MiB."""

P = ParamSpec("P")
T = TypeVar("T")


def remembered(function: Callable[P, T]) -> Callable[P, T]:
    """`function` of hashable arguments, the first of them raw JSON. It gives bytes, or what is no longer than the JSON;
    in any case something that nobody changes."""
    known: dict[tuple[object, ...], T] = {}

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        key = (*args, *kwargs.items()) if kwargs else args
        found = known.get(key)
        if found is None:
            found = function(*args, **kwargs)
            if _size(args[0]) + _size(found if isinstance(found, bytes) else args[0]) <= MAX_BYTES:
                if len(known) >= MAX_ENTRIES:
                    known.clear()
                known[key] = found
        return found

    return call


def _size(value: object) -> int:
    return len(value) if isinstance(value, bytes) else MAX_BYTES
