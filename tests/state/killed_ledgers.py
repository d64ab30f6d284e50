"""Gateways that write entries as fast as they can, each killed at a random moment; after each, the file is looked at.

Prints the number of kills and of entries; ends with an error if the file was ever not whole, if an entry that had been
written is not there, or if one is there without those before it.
"""

import multiprocessing
import random
import sqlite3
import sys
import time
from contextlib import closing
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

from aiclient2api.state import ledger
from aiclient2api.state.ledger import Ledger
from aiclient2api.state.ledger_sqlite import SqliteLedger, SqliteReader
from aiclient2api.state.migrations import TABLE
from tests.state.entries import entry, no_price


def gateway(path: Path, first: int, written: "Synchronized[int]") -> None:
    """Offers entry after entry, and tells how many it knows to be in the file."""
    ledger.FLUSH_SECONDS = 0.002
    subject = Ledger(SqliteLedger(path), no_price)
    subject.start()
    number = first
    while True:
        for _ in range(20):
            subject.offer(entry(number))
            number += 1
        written.value = first + subject.stats().written
        time.sleep(0.001)


def inspect(path: Path, written: int) -> int:
    """The number of entries, which are 0, 1, 2, … without a gap."""
    with closing(sqlite3.connect(path)) as database:
        found = database.execute("PRAGMA integrity_check").fetchone()[0]
        assert found == "ok", found
    rows = SqliteReader(path).fetch(f"SELECT request_id FROM {TABLE} ORDER BY time_ms", ())
    assert [row[0] for row in rows] == [f"req_{number}" for number in range(len(rows))], "a gap"
    assert len(rows) >= written, f"{written - len(rows)} entries that were written are lost"
    return len(rows)


def main(folder: Path, kills: int) -> None:
    fast = "fork" in multiprocessing.get_all_start_methods()
    multiprocessing.set_start_method("fork" if fast else "spawn")
    path = folder / "usage.sqlite3"
    count = 0
    for _ in range(kills):
        written: Synchronized[int] = multiprocessing.Value("q", count, lock=False)
        process = multiprocessing.Process(target=gateway, args=(path, count, written))
        process.start()
        time.sleep(random.uniform(0.0, 0.06) if fast else random.uniform(0.5, 1.0))
        process.kill()
        process.join()
        if path.exists() and path.stat().st_size:
            count = inspect(path, written.value)
    sys.stdout.write(f"{kills} {count}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
