"""The queue and its thread: nothing waits for the database, nothing is lost that fits, losses are counted and told."""

import logging
import statistics
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from aiclient2api.state import ledger
from aiclient2api.state.ledger import Ledger, LedgerError
from aiclient2api.state.ledger_sqlite import SqliteLedger, SqliteReader
from aiclient2api.state.prices import Prices
from aiclient2api.state.report import total
from aiclient2api.state.rows import Row
from aiclient2api.state.times import DAY
from tests.state.entries import NOW, entry, no_price, soon


class Shelf:
    """A database in memory that can be broken, and held up."""

    def __init__(self) -> None:
        self.batches: list[list[Row]] = []
        self.trouble: LedgerError | None = None
        self.open = threading.Event()
        self.open.set()
        self.tries = 0
        self.pruned: list[int] = []
        self.old = 0
        self.closed = False

    def write(self, rows: Sequence[Row]) -> None:
        self.tries += 1
        assert self.open.wait(20)
        if self.trouble is not None:
            raise self.trouble
        self.batches.append(list(rows))

    def prune(self, before_ms: int) -> bool:
        if self.trouble is not None:
            raise self.trouble
        self.pruned.append(before_ms)
        self.old -= 1
        return self.old > 0

    def close(self) -> None:
        self.closed = True

    @property
    def ids(self) -> list[object]:
        return [row[1] for batch in self.batches for row in batch]


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def test_entries_come_out_in_their_order_and_in_batches() -> None:
    shelf = Shelf()
    subject = Ledger(shelf, no_price)
    subject.start()
    for number in range(1200):
        subject.offer(entry(number))
    soon(lambda: subject.stats().written == 1200)
    assert shelf.ids == [f"req_{number}" for number in range(1200)]
    assert max(map(len, shelf.batches)) == ledger.BATCH
    assert len(shelf.batches) <= 9, "the writer may catch some before there are 200"
    subject.close()
    assert shelf.closed
    assert subject.stats() == (1200, 0, 0, None)


def test_one_entry_is_written_within_the_time_to_flush() -> None:
    shelf = Shelf()
    subject = Ledger(shelf, no_price)
    subject.start()
    for round_ in range(1, 4):  # it wakes up again and again
        start = time.monotonic()
        subject.offer(entry(round_))
        soon(lambda: len(shelf.batches) == round_)  # noqa: B023
        assert time.monotonic() - start < ledger.FLUSH_SECONDS + 2
    subject.close()


def test_an_idle_ledger_does_nothing() -> None:
    shelf = Shelf()
    subject = Ledger(shelf, no_price, days=0)
    subject.start()
    time.sleep(0.1)
    assert (shelf.tries, shelf.pruned) == (0, [])
    subject.close()


def test_closing_writes_what_waits() -> None:
    shelf = Shelf()
    subject = Ledger(shelf, no_price)
    subject.start()
    for number in range(2000):
        subject.offer(entry(number))
    subject.close()
    assert len(shelf.ids) == 2000
    subject.offer(entry(1))
    assert subject.stats() == (2000, 1, 0, None)


def test_closing_one_that_never_started() -> None:
    Ledger(Shelf(), no_price).close()


def test_a_database_that_hangs_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "MAX_WAITING", 100)
    shelf = Shelf()
    shelf.open.clear()
    subject = Ledger(shelf, no_price)
    subject.start()
    subject.offer(entry(0))
    soon(lambda: shelf.tries == 1)
    start = time.perf_counter()
    for number in range(1, 1001):
        subject.offer(entry(number))
    assert time.perf_counter() - start < 2
    assert subject.stats() == (0, 900, 100, None)
    start = time.perf_counter()
    subject.close(patience=0.05)
    assert time.perf_counter() - start < 3
    shelf.open.set()
    soon(lambda: shelf.closed)
    assert len(shelf.ids) == 101


def test_while_the_database_fails_entries_wait(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "FIRST_PAUSE", 0.01)
    caplog.set_level(logging.INFO)
    shelf = Shelf()
    shelf.trouble = LedgerError("the disk is full")
    subject = Ledger(shelf, no_price)
    subject.start()
    for number in range(1500):
        subject.offer(entry(number))
    soon(lambda: shelf.tries >= 4)
    assert subject.stats() == (0, 0, 1500, "the disk is full")
    assert warnings(caplog) == ["usage ledger: cannot be written: the disk is full"]
    shelf.trouble = None
    soon(lambda: subject.stats().written == 1500)
    assert shelf.ids == [f"req_{number}" for number in range(1500)]
    assert subject.stats() == (1500, 0, 0, None)
    assert caplog.records[-1].getMessage() == "usage ledger: written again"
    subject.close()


def test_one_failure_does_not_change_the_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "FIRST_PAUSE", 30.0)
    shelf = Shelf()
    shelf.open.clear()
    subject = Ledger(shelf, no_price, days=0)
    subject.start()
    for number in range(5):
        subject.offer(entry(number))
    soon(lambda: shelf.tries == 1)
    shelf.trouble = LedgerError("once")
    shelf.open.set()
    soon(lambda: subject.stats().problem == "once")
    shelf.trouble = None
    subject.close()
    assert shelf.ids == [f"req_{number}" for number in range(5)]


def test_pauses_between_tries_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "FIRST_PAUSE", 0.02)
    monkeypatch.setattr(ledger, "FLUSH_SECONDS", 0.0)
    shelf = Shelf()
    shelf.trouble = LedgerError("down")
    subject = Ledger(shelf, no_price)
    subject.start()
    subject.offer(entry(0))
    time.sleep(0.5)
    assert shelf.tries <= 6
    soon(lambda: shelf.tries >= 2)
    subject.close()


def test_losses_are_told_once_a_minute(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(ledger, "MAX_PAUSE", 0.01)
    monkeypatch.setattr(ledger, "FLUSH_SECONDS", 0.01)
    monkeypatch.setattr(ledger, "MAX_WAITING", 10)
    shelf = Shelf()
    shelf.trouble = LedgerError("no space left")
    subject = Ledger(shelf, no_price)
    subject.start()
    for number in range(50):
        subject.offer(entry(number))
    soon(lambda: shelf.tries > 10)
    assert len(warnings(caplog)) == 1
    monkeypatch.setattr(ledger, "COMPLAIN_SECONDS", 0.05)
    soon(lambda: len(warnings(caplog)) >= 2)
    lost = subject.stats().dropped
    assert lost >= 40 - ledger.BATCH
    subject.close()
    assert warnings(caplog)[-1].startswith("usage ledger: ")
    assert (
        sum(int(line.split()[2]) for line in warnings(caplog) if "entries lost" in line)
        == subject.stats().dropped
        == 50
    )


def test_rows_that_a_database_will_never_take_are_dropped(caplog: pytest.LogCaptureFixture) -> None:
    shelf = Shelf()
    shelf.trouble = LedgerError("value out of range", rejected=True)
    subject = Ledger(shelf, no_price, days=0)
    subject.start()
    subject.offer(entry(0))
    soon(lambda: subject.stats().dropped == 1)
    shelf.trouble = None
    subject.offer(entry(1))
    soon(lambda: subject.stats().written == 1)
    subject.close()
    assert shelf.ids == ["req_1"]
    assert warnings(caplog) == ["usage ledger: 1 entries lost: value out of range"]


def test_old_entries_are_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = Shelf()
    shelf.old = 3
    subject = Ledger(shelf, no_price, days=90, clock=lambda: NOW)
    subject.start()
    soon(lambda: len(shelf.pruned) == 3)
    assert set(shelf.pruned) == {int((NOW - 90 * DAY) * 1000)}
    time.sleep(0.05)
    assert len(shelf.pruned) == 3
    subject.close()


def test_deleting_that_fails_is_tried_again_later(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "PRUNE_SECONDS", 0.02)
    shelf = Shelf()
    shelf.trouble = LedgerError("locked")
    subject = Ledger(shelf, no_price)
    subject.start()
    soon(lambda: bool(warnings(caplog)))
    shelf.trouble = None
    soon(lambda: len(shelf.pruned) >= 2)
    subject.close()
    assert warnings(caplog) == ["usage ledger: cannot be written: locked"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_writer_that_died_is_a_problem() -> None:
    shelf = Shelf()
    subject = Ledger(shelf, lambda _: 1 / 0)
    subject.start()
    subject.offer(entry(0))
    soon(lambda: subject.stats().problem is not None)
    assert subject.stats().problem == "the writer has ended"
    subject.close()


def test_ten_thousand_offers_a_second_delay_nobody(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For a second, in bursts as an event loop would, while the thread prices and writes them to a real file."""
    prices = Prices({"claude-custom": "anthropic"})
    path = tmp_path / "usage.sqlite3"
    subject = Ledger(
        SqliteLedger(path), lambda each: prices.cost(each.provider, each.model_served, each.usage, each.time)
    )
    subject.start()
    entries = [entry(number) for number in range(10_000)]
    rounds = []
    begin = time.perf_counter()
    for first in range(0, 10_000, 500):
        burst = entries[first : first + 500]
        start = time.thread_time_ns()
        for each in burst:
            subject.offer(each)
        rounds.append((time.thread_time_ns() - start) / len(burst))
        time.sleep(max(0.0, begin + (first + 500) / 10_000 - time.perf_counter()))
    seconds = time.perf_counter() - begin
    subject.close()
    middle, worst = statistics.median(rounds), max(rounds)
    with capsys.disabled():
        sys.stdout.write(
            f"\n  {10_000 / seconds:,.0f} offers/s: {middle:.0f} ns each, worst burst {worst:.0f} ns each\n"
        )
    assert subject.stats() == (10_000, 0, 0, None)
    assert middle < 2000
    whole = total(SqliteReader(path), 0, 2e9)
    assert whole is not None
    assert (whole.requests, whole.input_tokens, whole.unpriced) == (10_000, 1_000_000, 0)
