"""L4: what the ledger says, what the clients have read and what the services have reported is the same, in every single
request, whatever goes wrong on the way."""

import os
import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from aiclient2api.state.ledger_sqlite import FILE_NAME, SqliteReader
from aiclient2api.state.report import requests
from tests.accounting.answers import CREDITS
from tests.accounting.bills import Bill, Seen
from tests.accounting.cashier import Call, Cashier
from tests.accounting.customers import Receipt, crowd, served
from tests.accounting.pools import pool_file
from tests.faults.rig import gate
from tests.http1.loops import LOOPS, run_on
from tests.pairs.backs import same_dialect

COUNT = int(os.environ.get("ACCOUNTING_REQUESTS", "10000"))
AT_ONCE = 24
SETTINGS: dict[str, Any] = {
    "REQUEST_MAX_RETRIES": 2,
    "TIMEOUT_HEAD": 300,
    "AXIOS_TIMEOUT": 300,
    "LOG_LEVEL": "error",
}
TOKENS = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")
KINDS = ("good", "estimated", "refused", "broken off", "left")
Ledgered = Mapping[str, Any]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_l4_three_books_agree(tmp_path: Path) -> None:
    """L4: over all fronts and providers with two accounts each, 10 % faults of every kind and clients that leave."""
    cashier, receipts = Cashier(), list[Receipt]()
    run_on(LOOPS[-1], load(tmp_path, cashier, receipts), seconds=280)
    rows = list(requests(SqliteReader(tmp_path / "data" / FILE_NAME), 0, time.time() + 60))
    by_id = {row["request_id"]: row for row in rows}
    assert len(rows) == len(by_id) == len(receipts) == COUNT
    nameless = [receipt for receipt in receipts if receipt.id is None]
    strangers = by_id.keys() - {receipt.id for receipt in receipts}
    assert len(nameless) == len(strangers)
    assert 499 in {by_id[id]["status"] for id in strangers}
    kinds = Counter(
        judged(receipt, cashier.rows[receipt.customer.number].calls, by_id[receipt.id])
        for receipt in receipts
        if receipt.id is not None
    )
    assert kinds["good"] >= 0.8 * COUNT
    assert min(kinds[kind] for kind in KINDS) >= COUNT / 1000, kinds


async def load(folder: Path, cashier: Cashier, receipts: list[Receipt]) -> None:
    """So many requests, and the end of the gateway."""
    async with cashier:
        customers = crowd(COUNT, random.Random(COUNT), cashier)
        pools = pool_file(folder, cashier.url)
        async with gate(folder, cashier.url, PROVIDER_POOLS_FILE_PATH=pools, **SETTINGS) as running:
            receipts += await served(running.base, customers, cashier, AT_ONCE)


def judged(receipt: Receipt, calls: Sequence[Call], row: Ledgered) -> str:
    """What became of a request; fails unless all that know of it say the same."""
    about = (receipt, calls, row)
    customer = receipt.customer
    assert row["provider"] == customer.back.name, about
    assert row["dialect"] == customer.front.dialect.name, about
    assert row["stream"] == customer.stream, about
    assert_attempts(receipt, row, len(calls))
    if receipt.ended:
        assert (row["status"], row["error_kind"]) == (200, None), about
        return paid(receipt, calls[-1], row)
    if receipt.status not in (None, 200):
        assert row["status"] == receipt.status, about
        assert row["error_kind"], about
        unfinished(calls, row, about)
        return "refused"
    if customer.leaves:
        assert row["status"] in (200, 499), about
    else:
        assert row["status"] >= 500, about
        assert row["error_kind"], about
    unfinished(calls, row, about)
    return "left" if customer.leaves else "broken off"


def paid(receipt: Receipt, call: Call, row: Ledgered) -> str:
    """A whole answer: the service's report, the client's numbers and the row."""
    about = (receipt, call, row)
    if call.told is not None:
        assert call.reported, about
        assert (numbers(row), row["estimated"]) == (list(call.told), False), about
    else:
        assert row["estimated"] is True, about
        assert row["input_tokens"] > 0, about
        assert row["output_tokens"] > 0, about
    assert row["credits"] == (CREDITS if receipt.customer.back.form == "kiro" else None), about
    if told_to_client(receipt, call):
        assert receipt.seen == as_seen(row, receipt.seen), about
    else:
        assert receipt.seen is None, about
    return "good" if call.told is not None else "estimated"


def told_to_client(receipt: Receipt, call: Call) -> bool:
    """Whether the client must have read numbers: not where its stream has none without being asked, and where a service
    that does not count answers in the client's own dialect."""
    customer = receipt.customer
    if customer.front.name == "openai_chat" and customer.stream and not customer.usage:
        return False
    return call.told is not None or not same_dialect(customer.front.name, customer.back)


def unfinished(calls: Sequence[Call], row: Ledgered, about: object) -> None:
    """A part of an answer: all of the report if that had come, else numbers that are marked; nothing of nothing."""
    if row["first_ms"] is None:
        assert not any(row[name] for name in TOKENS), about
    elif row["estimated"]:
        assert row["input_tokens"] > 0, about
        assert row["output_tokens"] > 0, about
    else:
        assert calls[-1].reported, about
        assert numbers(row) == list(calls[-1].told or ()), about


def assert_attempts(receipt: Receipt, row: Ledgered, calls: int) -> None:
    """Every call is counted once, but for one that the HTTP client has repeated because an idle connection seemed to be
    gone (it ended before a byte of an answer), and one given up before the service has seen it."""
    gone = receipt.customer.order.fault is not None
    late = row["total_ms"] >= 0.9 * SETTINGS["TIMEOUT_HEAD"]
    assert row["attempts"] == calls or (calls > row["attempts"] and gone) or (calls < row["attempts"] and late), (
        receipt,
        calls,
        row,
    )


def numbers(row: Ledgered) -> list[Any]:
    return [row[name] for name in TOKENS]


def as_seen(row: Ledgered, seen: Seen | None) -> Seen:
    """The row in the words of a client's API."""
    bill = Bill(*numbers(row))
    write = None if seen is not None and seen.write is None else bill.write
    return Seen(bill.input, bill.read, write, bill.output, bill.reasoning)
