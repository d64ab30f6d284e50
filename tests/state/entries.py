"""Entries for tests of the ledger, and waiting for what a thread does."""

import time
from collections.abc import Callable
from typing import Any

import msgspec

from aiclient2api.canonical.usage import Usage
from aiclient2api.state.rows import Entry

NOW = 1_795_644_870.0
FULL = Entry(
    time=NOW,
    request_id="req_0",
    key_id="key_1a2b3c4d",
    dialect="anthropic",
    status=200,
    total_seconds=3.25,
    first_seconds=0.5,
    stream=True,
    provider="claude-custom",
    account="claude-1a2b3c",
    model_asked="fast",
    model_served="claude-sonnet-4-5",
    usage=Usage(fresh=100, cache_read=20, cache_write=3, cache_write_1h=4, output=50, reasoning=10, credits=0.25),
    attempts=1,
)


def entry(number: int = 0, **changes: Any) -> Entry:
    """Entry number so-and-so, a second after the one before."""
    named = msgspec.structs.replace(FULL, request_id=f"req_{number}", time=NOW + number)
    return msgspec.structs.replace(named, **changes)


def no_price(_: Entry) -> None:
    return None


def soon(true: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until something is true; fails if it does not become so."""
    give_up = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < give_up
        time.sleep(0.005)
