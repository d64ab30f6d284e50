"""The usage ledger: takes entries from the event loop without ever making it wait, writes them from a thread.

Enters: Entries by `offer`. Leaves: rows in a Backend, in batches. While the database cannot be written, entries wait in
a bounded queue and what does not fit is dropped and counted, with one warning a minute; requests go on.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from aiclient2api.state.rows import Entry, Row, row_of
from aiclient2api.state.times import DAY

MAX_WAITING = 20_000
BATCH = 200
FLUSH_SECONDS = 0.25
FIRST_PAUSE = 0.25
MAX_PAUSE = 10.0
PRUNE_SECONDS = 3600.0
COMPLAIN_SECONDS = 60.0

_log = logging.getLogger(__name__)


class LedgerError(Exception):
    """The database cannot be used now. `rejected`: it works, but it will never take these rows."""

    def __init__(self, message: str, rejected: bool = False) -> None:
        super().__init__(message)
        self.rejected = rejected


class Backend(Protocol):
    """A database, called from one thread only; it connects when it is first needed. All raise LedgerError."""

    def write(self, rows: Sequence[Row]) -> None:
        """All of them or none; rows that are there already are left as they are."""
        ...

    def prune(self, before_ms: int) -> bool:
        """Delete some rows that are older; whether there are more of them."""
        ...

    def close(self) -> None: ...


class Stats(NamedTuple):
    """`problem`: why nothing can be written now, if so."""

    written: int
    dropped: int
    waiting: int
    problem: str | None


class Ledger:
    """`price` gives an entry's cost in US dollars or None; it is called in the writer's thread. Entries older than
    `days` are deleted; 0 keeps them all. `start` before the first offer, in the process that offers."""

    def __init__(
        self,
        backend: Backend,
        price: Callable[[Entry], float | None],
        days: int = 90,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._backend = backend
        self._price = price
        self._days = days
        self._clock = clock
        self._queue: deque[Entry] = deque()
        self._some = threading.Event()
        self._full = threading.Event()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._work, name="usage ledger", daemon=True)
        self._overflow = 0
        self._lost = 0
        self._told = 0
        self._written = 0
        self._problem: str | None = None
        self._refusal: str | None = None
        self._pause = FIRST_PAUSE
        self._complained = -COMPLAIN_SECONDS
        self._prune_at = 0.0

    def start(self) -> None:
        self._thread.start()

    def offer(self, entry: Entry) -> None:
        """Take an entry; never waits, never fails. To be called from one thread."""
        queue = self._queue
        waiting = len(queue)
        if waiting >= MAX_WAITING or self._closed.is_set():
            self._overflow += 1
            return
        queue.append(entry)
        if waiting >= BATCH and not self._full.is_set():
            self._full.set()
        if not self._some.is_set():
            self._some.set()

    def stats(self) -> Stats:
        dead = self._thread.ident is not None and not self._thread.is_alive() and not self._closed.is_set()
        problem = "the writer has ended" if dead else self._problem
        return Stats(self._written, self._overflow + self._lost, len(self._queue), problem)

    def close(self, patience: float = 5.0) -> None:
        """Write what waits, as far as that works within `patience` seconds; blocks its thread."""
        self._closed.set()
        self._some.set()
        self._full.set()
        if self._thread.ident is not None:
            self._thread.join(patience)

    def _work(self) -> None:
        while not self._closed.is_set():
            self._some.wait(max(0.0, self._prune_at - time.monotonic()) if self._days else None)
            if self._some.is_set():
                self._full.wait(FLUSH_SECONDS)
            self._some.clear()
            self._full.clear()
            self._drain()
            self._prune_if_due()
        self._drain()
        self._lost += len(self._queue)
        self._queue.clear()
        self._complain_of_losses(last=True)
        self._backend.close()

    def _drain(self) -> None:
        """Write all that waits. The order of `clear` above and reading here matters: what is offered in between is
        either read now or wakes us again."""
        while self._queue:
            batch = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
            try:
                self._backend.write([row_of(entry, self._price(entry)) for entry in batch])
            except LedgerError as error:
                if error.rejected:
                    self._lost += len(batch)
                    self._refusal = str(error)
                    continue
                self._queue.extendleft(reversed(batch))
                self._stumble(error)
                return
            self._written += len(batch)
            self._recover()
        self._complain_of_losses()

    def _stumble(self, error: LedgerError) -> None:
        """Complain, and let the database rest for longer each time; entries wait, or are dropped, meanwhile."""
        self._problem = str(error)
        if self._losses():
            self._complain_of_losses()
        else:
            self._complain(f"cannot be written: {error}")
        self._closed.wait(self._pause)
        self._pause = min(MAX_PAUSE, self._pause * 2)
        self._some.set()

    def _recover(self) -> None:
        self._pause = FIRST_PAUSE
        if self._problem is not None:
            self._problem = None
            self._complained = -COMPLAIN_SECONDS
            _log.info("usage ledger: written again")

    def _prune_if_due(self) -> None:
        if not self._days or time.monotonic() < self._prune_at:
            return
        self._prune_at = time.monotonic() + PRUNE_SECONDS
        before = int((self._clock() - self._days * DAY) * 1000)
        try:
            while self._backend.prune(before) and not self._queue and not self._closed.is_set():
                pass
        except LedgerError as error:
            self._complain(f"cannot be written: {error}")
            return
        if self._queue and not self._closed.is_set():
            self._prune_at = 0.0

    def _losses(self) -> int:
        return self._overflow + self._lost - self._told

    def _complain_of_losses(self, last: bool = False) -> None:
        losses = self._losses()
        reason = self._problem or self._refusal or "they came faster than they can be written"
        if losses and self._complain(f"{losses} entries lost: {reason}", last):
            self._told += losses
            self._refusal = None

    def _complain(self, text: str, now: bool = False) -> bool:
        """At most once a minute."""
        moment = time.monotonic()
        if not now and moment - self._complained < COMPLAIN_SECONDS:
            return False
        self._complained = moment
        _log.warning("usage ledger: %s", text)
        return True
