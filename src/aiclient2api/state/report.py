"""What was used: sums by day, model, provider, key or account, and the single requests.

Enters: a Reader, a period in epoch seconds. Leaves: Sums, or the rows as dictionaries. What nobody knows is None.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal, Protocol

import msgspec

from aiclient2api.state.migrations import TABLE
from aiclient2api.state.rows import COLUMNS, EXPORTED, Row, Value
from aiclient2api.state.times import DAY, iso
from aiclient2api.state.trail import Story, decoded
from aiclient2api.wire import jsonio

By = Literal["day", "model", "provider", "key", "account"]
PAGE = 2000


class Reader(Protocol):
    """Runs a query with `?` for its values; both databases understand the same ones."""

    def fetch(self, query: str, values: Sequence[Value]) -> list[Row]: ...


class Sums(msgspec.Struct, frozen=True, kw_only=True):
    """Of one group. Tokens are None where no request has any; `cost_usd` is of those whose price is known, and
    `unpriced` counts the others that had tokens; times are averages in milliseconds; `cached` counts answers from the
    response cache."""

    group: str
    requests: int
    failed: int
    estimated: int
    input_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    output_tokens: int | None
    reasoning_tokens: int | None
    cost_usd: float | None
    unpriced: int
    credits: float | None
    first_ms: float | None
    total_ms: float | None
    cached: int


GROUPS: Mapping[By, str] = {
    "day": f"time_ms / {DAY * 1000}",
    "model": "coalesce(model_served, model_asked, '')",
    "provider": "coalesce(provider, '')",
    "key": "key_id",
    "account": "coalesce(account, '')",
}

_FAILED = "error_kind IS NOT NULL OR (status >= 400 AND status <> 499)"
"""499 is a client that left by itself."""

_SUMS = ", ".join(
    (
        "count(*)",
        f"CAST(sum(CASE WHEN {_FAILED} THEN 1 ELSE 0 END) AS BIGINT)",
        "CAST(coalesce(sum(estimated), 0) AS BIGINT)",
        *(
            f"CAST(sum({name}) AS BIGINT)"
            for name in (
                "input_tokens",
                "cache_read_tokens",
                "cache_write_tokens",
                "output_tokens",
                "reasoning_tokens",
            )
        ),
        "sum(cost_usd)",
        "CAST(sum(CASE WHEN cost_usd IS NULL AND output_tokens IS NOT NULL THEN 1 ELSE 0 END) AS BIGINT)",
        "sum(credits)",
        "CAST(avg(first_ms) AS DOUBLE PRECISION)",
        "CAST(avg(total_ms) AS DOUBLE PRECISION)",
        "CAST(coalesce(sum(cached), 0) AS BIGINT)",
    )
)
_PERIOD = "time_ms >= ? AND time_ms < ?"


def sums(reader: Reader, by: By, since: float, until: float) -> list[Sums]:
    """One for each group, days in their order, all else by most tokens. Raises LedgerError."""
    query = f"SELECT {GROUPS[by]} AS part, {_SUMS} FROM {TABLE} WHERE {_PERIOD} GROUP BY part ORDER BY part"
    rows = reader.fetch(query, _period(since, until))
    found = [_sums(_day(first) if by == "day" else str(first), rest) for first, *rest in rows]
    return found if by == "day" else sorted(found, key=lambda each: (-_tokens(each), -each.requests, each.group))


def total(reader: Reader, since: float, until: float) -> Sums | None:
    """Of everything; None if there was nothing."""
    rows = reader.fetch(f"SELECT {_SUMS} FROM {TABLE} WHERE {_PERIOD}", _period(since, until))
    return _sums("total", rows[0]) if rows and rows[0][0] else None


def requests(reader: Reader, since: float, until: float) -> Iterator[dict[str, Value | bool]]:
    """Every single request in the order of time, fetched page by page; `time` is text, flags are true or false."""
    query = (
        f"SELECT {', '.join(EXPORTED)} FROM {TABLE} WHERE {_PERIOD} AND (time_ms, request_id) > (?, ?)"
        f" ORDER BY time_ms, request_id LIMIT {PAGE}"
    )
    last: tuple[Value, Value] = (-1, "")
    while True:
        page = reader.fetch(query, (*_period(since, until), *last))
        yield from map(_request, page)
        if len(page) < PAGE:
            return
        last = page[-1][0], page[-1][1]


def request(reader: Reader, request_id: str) -> tuple[dict[str, Value | bool], Story | None] | None:
    """One request, and what happened on its way if that is known; None if there is no such request. The newest rows
    are looked at first. Raises LedgerError."""
    query = f"SELECT {', '.join(COLUMNS)} FROM {TABLE} WHERE request_id = ? ORDER BY time_ms DESC LIMIT 1"
    rows = reader.fetch(query, (request_id,))
    if not rows:
        return None
    *row, story = rows[0]
    with contextlib.suppress(jsonio.JsonError):
        return _request(tuple(row)), decoded(str(story)) if story else None
    return _request(tuple(row)), None


def taken_since(reader: Reader, since: float) -> list[tuple[str, int, int]]:
    """(key, requests, tokens) that count for limits: of requests that reached a provider."""
    query = (
        "SELECT key_id, count(*), CAST(coalesce(sum(coalesce(input_tokens, 0) + coalesce(cache_read_tokens, 0)"
        " + coalesce(cache_write_tokens, 0) + coalesce(output_tokens, 0)), 0) AS BIGINT)"
        f" FROM {TABLE} WHERE time_ms >= ? AND attempts > 0 GROUP BY key_id"
    )
    rows = reader.fetch(query, (int(since * 1000),))
    return [(str(key), int(count or 0), int(tokens or 0)) for key, count, tokens in rows]


def _period(since: float, until: float) -> tuple[int, int]:
    return int(since * 1000), int(until * 1000)


def _sums(group: str, values: Sequence[Value]) -> Sums:
    rounded = (round(value, 6) if isinstance(value, float) else value for value in values)
    return msgspec.convert(dict(zip(Sums.__struct_fields__, (group, *rounded), strict=True)), Sums)


def _tokens(each: Sums) -> int:
    parts = (each.input_tokens, each.cache_read_tokens, each.cache_write_tokens, each.output_tokens)
    return sum(part or 0 for part in parts)


def _day(number: Value) -> str:
    return f"{datetime.fromtimestamp(int(number or 0) * DAY, UTC):%Y-%m-%d}"


def _request(row: Row) -> dict[str, Value | bool]:
    out: dict[str, Value | bool] = dict(zip(EXPORTED, row, strict=True))
    moment = out.pop("time_ms")
    flags = {name: None if out[name] is None else bool(out[name]) for name in ("stream", "estimated", "cached")}
    return {"time": iso(int(moment or 0) / 1000), **out, **flags}
