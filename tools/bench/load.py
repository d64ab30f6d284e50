"""load.c for machines without a compiler: the same arguments, the same line of JSON, slower. Run as a program."""

import argparse
import asyncio
import contextlib
import json
import re
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path

import httptools

TAIL_BYTES = 512
_STAMP = re.compile(rb"@(\d{6,})@")
_HALF = re.compile(rb"@\d*$")


def now() -> int:
    """Microseconds of the monotonic clock, which the upstream's stamps are of."""
    return time.monotonic_ns() // 1000


@dataclass
class Seen:
    """What the run has seen; `since` and `until` bound its window, `limit` (0: none) its requests."""

    since: int
    until: int
    limit: int = 0
    sent: int = 0
    requests: int = 0
    pieces: int = 0
    bad: int = 0
    all_requests: int = 0
    all_pieces: int = 0
    connects: int = 0
    error: str = ""
    all_in: asyncio.Event = field(default_factory=asyncio.Event)
    whole: list[int] = field(default_factory=list)
    first: list[int] = field(default_factory=list)
    transit: list[int] = field(default_factory=list)

    def counts(self, at: int) -> bool:
        return self.since <= at < self.until

    def look(self) -> None:
        if 0 < self.limit <= self.all_requests + self.bad:
            self.all_in.set()

    def line(self, ended: int) -> str:
        """The line of JSON."""
        seconds = (min(ended, self.until) - self.since) / 1e6
        told: dict[str, object] = {
            "requests": self.requests,
            "pieces": self.pieces,
            "bad": self.bad,
            "all_requests": self.all_requests,
            "all_pieces": self.all_pieces,
            "seconds": seconds,
            "connects": self.connects,
            "error": self.error,
        }
        for name, values in (("whole", self.whole), ("first", self.first), ("transit", self.transit)):
            if values:
                values.sort()
                told[f"{name}50"] = statistics.median_high(values) / 1000
                told[f"{name}99"] = values[min(len(values) * 99 // 100, len(values) - 1)] / 1000
        return json.dumps(told)


class Link(asyncio.Protocol):
    """One connection in its closed loop."""

    def __init__(self, request: bytes, wanted: int, end: bytes, seen: Seen) -> None:
        self._request = request
        self._wanted = wanted
        self._end = end
        self._seen = seen
        seen.connects += 1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._begin()

    def _begin(self) -> None:
        if 0 < self._seen.limit <= self._seen.sent:
            return
        self._seen.sent += 1
        self._parser = httptools.HttpResponseParser(self)
        self._began, self._first, self._pieces = now(), 0, 0
        self._half = self._tail = b""
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, data: bytes) -> None:
        at = now()
        self._tail = (self._tail + data)[-TAIL_BYTES:]
        data = self._half + data
        half = _HALF.search(data)
        stamps = _STAMP.findall(data)
        # A whole stamp at the very end is no half one.
        self._half = half[0] if half is not None and not data.endswith(b"@" + (stamps[-1:] or [b""])[0] + b"@") else b""
        self._pieces += len(stamps)
        self._seen.all_pieces += len(stamps)
        if stamps and not self._first:
            self._first = at
        if self._seen.counts(at):
            self._seen.pieces += len(stamps)
            self._seen.transit += [max(at - int(stamp), 0) for stamp in stamps]

    def on_message_complete(self) -> None:
        seen, at = self._seen, now()
        status = self._parser.get_status_code()
        good = status == 200 and self._pieces == self._wanted and self._end in self._tail
        if not good and not seen.error:
            seen.error = f"status {status}, {self._pieces} pieces, ended in {self._tail[-160:]!r}"
        seen.all_requests += good
        if seen.counts(at):
            seen.requests += good
            seen.bad += not good
            if good:
                seen.whole.append(at - self._began)
            if good and self._first:
                seen.first.append(self._first - self._began)
        seen.look()
        if at < seen.until:
            asyncio.get_running_loop().call_soon(self._begin)

    def connection_lost(self, exc: Exception | None) -> None:
        if now() < self._seen.until:
            self._seen.bad += 1
            self._seen.error = self._seen.error or "a connection ended"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    for name in "pcdwrne":
        parser.add_argument(f"-{name}", type=int, default=0)
    for name in "tbm":
        parser.add_argument(f"-{name}", default="")
    parser.add_argument("-H", action="append", default=[])
    return parser.parse_args()


def _request(options: argparse.Namespace) -> bytes:
    body = Path(options.b).read_bytes()
    lines = [f"POST {options.t} HTTP/1.1", f"Host: 127.0.0.1:{options.p}", "Content-Type: application/json"]
    lines += [*options.H, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


async def _run(options: argparse.Namespace) -> str:
    loop = asyncio.get_running_loop()
    request, end = _request(options), options.m.encode()
    start = now()
    seen = Seen(start + options.w * 1000, start + (options.w + options.d) * 1000, options.n)

    async def connect(number: int) -> None:
        await asyncio.sleep(options.r * number / options.c / 1000)
        await loop.create_connection(lambda: Link(request, options.e, end, seen), "127.0.0.1", options.p)

    await asyncio.gather(*(connect(number) for number in range(options.c)))
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(seen.all_in.wait(), max((seen.until - now()) / 1e6, 0))
    return seen.line(now())


if __name__ == "__main__":
    print(asyncio.run(_run(_options())))
