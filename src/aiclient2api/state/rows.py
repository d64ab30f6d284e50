"""One request as the ledger keeps it: numbers and names, never a text that somebody wrote.

Enters: an Entry of the gateway. Leaves: a row in the order of COLUMNS, which are also the columns of the databases.
What is not known is None, never 0. Refuses a model name that does not look like one: it is the client's own text.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

import msgspec

from aiclient2api.canonical.usage import Usage
from aiclient2api.state.trail import Story, encoded

Value = str | int | float | None
Row = tuple[Value, ...]

COLUMNS = (
    "time_ms",
    "request_id",
    "key_id",
    "provider",
    "account",
    "model_asked",
    "model_served",
    "dialect",
    "stream",
    "status",
    "error_kind",
    "input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
    "estimated",
    "credits",
    "cost_usd",
    "attempts",
    "first_ms",
    "total_ms",
    "cached",
    "story",
)
EXPORTED = COLUMNS[:-1]
"""Without the story, which only `explain` reads."""
MAX_TEXT = 128
MAX_NAMES = 1024
_MODEL = re.compile(rf"[A-Za-z0-9_.:/@+\[\]~-]{{1,{MAX_TEXT}}}")
_MAX_INTEGER = 2**53


class Entry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One request that has ended, with or without success.

    `time` is the epoch second of its beginning; `account` is masked; `usage` None if nothing was answered;
    `first_seconds` until the first content, `total_seconds` until the end; `cached`: answered from the response cache.
    """

    time: float
    request_id: str
    key_id: str
    dialect: str
    status: int
    total_seconds: float
    first_seconds: float | None = None
    stream: bool = False
    provider: str | None = None
    account: str | None = None
    model_asked: str | None = None
    model_served: str | None = None
    error_kind: str | None = None
    usage: Usage | None = None
    attempts: int = 0
    cached: bool = False
    story: Story | None = None


def row_of(entry: Entry, cost: float | None) -> Row:
    """The entry as a row; `cost` is US dollars, 0 for what came from the cache. Input tokens are those neither read
    from nor written to a cache."""
    usage = entry.usage
    return (
        _integer(entry.time * 1000),
        _text(entry.request_id) or "",
        _name(entry.key_id) or "",
        _name(entry.provider),
        _name(entry.account),
        _model(entry.model_asked),
        _model(entry.model_served),
        _name(entry.dialect) or "",
        int(entry.stream),
        entry.status,
        _name(entry.error_kind),
        *(_tokens(usage) if usage is not None else (None,) * 7),
        0.0 if entry.cached else cost,
        entry.attempts,
        None if entry.first_seconds is None else _integer(entry.first_seconds * 1000),
        _integer(entry.total_seconds * 1000),
        int(entry.cached),
        None if entry.story is None else encoded(entry.story),
    )


def _tokens(usage: Usage) -> Sequence[Value]:
    return (
        _integer(usage.fresh),
        _integer(usage.cache_read),
        _integer(usage.cache_write + usage.cache_write_1h),
        _integer(usage.output),
        _integer(usage.reasoning),
        int(usage.estimated),
        usage.credits,
    )


def _integer(number: float) -> int:
    """Within what every database and every reader of JSON keeps exactly: an upstream may report anything."""
    if type(number) is int and 0 <= number <= _MAX_INTEGER:
        return number
    return max(0, min(int(number), _MAX_INTEGER))


def _text(text: str | None) -> str | None:
    """Bounded, and without what a database or a terminal would stumble over."""
    if not text:
        return None
    if len(text) <= MAX_TEXT and text.isprintable():
        return text
    return "".join(each if each.isprintable() else "?" for each in text[:MAX_TEXT])


_name = lru_cache(maxsize=MAX_NAMES)(_text)
"""For what comes again and again."""


@lru_cache(maxsize=MAX_NAMES)
def _model(name: str | None) -> str | None:
    return name if name and _MODEL.fullmatch(name) else None
