"""Damage done to good inputs: quick, repeatable, and aware of what the formats are made of.

`Damage(seeds, tokens)` gives one input after the other; `bounded` runs one and holds it to the bounds of row S15.
"""

import random
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence

TOKENS = (
    b"",
    b"\0",
    b"\r",
    b"\n",
    b"\r\n",
    b"\n\n",
    b"\\",
    b'"',
    b'\\"',
    b"\\u0000",
    b"\\ud800",
    b"\\udc00\\ud800",
    b"{",
    b"}",
    b"[",
    b"]",
    b"[]",
    b"{}",
    b",",
    b":",
    b"null",
    b"true",
    b"0",
    b"-1",
    b"1e999",
    b"-0",
    b"1e-9",
    b"9" * 40,
    b"\xff",
    b"\xc0\xaf",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"\xe2\x80\xa8",
    b"\xf4\x90\x80\x80",
    b"data:",
    b"event:",
    b": ",
    b"id:",
    b"[DONE]",
    b'"type":',
    b'"error":',
    b"[[[[[[[[",
    b'{"a":' * 8,
    b"NaN",
    b"Infinity",
    b"\x1b[31m",
    b"A" * 300,
)
SLOWEST = 1.0
MIB = 1024 * 1024


class Damage:
    """Endless inputs made from `seeds`; the same ones for the same `seed`."""

    def __init__(self, seeds: Sequence[bytes], tokens: Sequence[bytes] = (), seed: int = 15) -> None:
        self._seeds = list(seeds)
        self._tokens = [*TOKENS, *tokens]
        self.chance = random.Random(seed)

    def __iter__(self) -> Iterator[bytes]:
        chance = self.chance
        while True:
            data = chance.choice(self._seeds)
            for _ in range(chance.choice((0, 1, 1, 2, 3, 6))):
                data = chance.choice(_WAYS)(self, data)
            yield data

    def flipped(self, data: bytes) -> bytes:
        if not data:
            return data
        at = self.chance.randrange(len(data))
        return data[:at] + bytes([data[at] ^ (1 << self.chance.randrange(8))]) + data[at + 1 :]

    def inserted(self, data: bytes) -> bytes:
        at = self.chance.randrange(len(data) + 1)
        return data[:at] + self.chance.choice(self._tokens) + data[at:]

    def replaced(self, data: bytes) -> bytes:
        at, end = self._span(data, 12)
        return data[:at] + self.chance.choice(self._tokens) + data[end:]

    def cut_out(self, data: bytes) -> bytes:
        at, end = self._span(data, 200)
        return data[:at] + data[end:]

    def doubled(self, data: bytes) -> bytes:
        at, end = self._span(data, 200)
        return data[:end] + data[at:end] * self.chance.choice((1, 1, 5)) + data[end:]

    def ended(self, data: bytes) -> bytes:
        return data[: self.chance.randrange(len(data) + 1)]

    def crossed(self, data: bytes) -> bytes:
        other = self.chance.choice(self._seeds)
        return data[: self.chance.randrange(len(data) + 1)] + other[self.chance.randrange(len(other) + 1) :]

    def pieces(self, data: bytes) -> list[bytes]:
        """The data as it may arrive."""
        if not data or self.chance.random() < 0.3:
            return [data]
        size = max(self.chance.choice((1, 2, 3, 7, 16, 64, 1000)), len(data) // 64)
        return [data[at : at + size] for at in range(0, len(data), size)]

    def _span(self, data: bytes, most: int) -> tuple[int, int]:
        at = self.chance.randrange(len(data) + 1)
        return at, min(len(data), at + self.chance.randrange(most))


_WAYS = (
    Damage.flipped, Damage.inserted, Damage.inserted, Damage.replaced, Damage.replaced, Damage.cut_out, Damage.doubled,
    Damage.ended, Damage.crossed,
)  # fmt: skip


def run(target: Callable[[Damage, bytes], None], damage: Damage, executions: int, weighed: int = 20) -> int:
    """Run the target on so many inputs; how many that were. Fails if it raises, takes more than a second of CPU, or, in
    one execution of `weighed`, holds more than ten times its input and a MiB at any moment."""
    done = 0
    for data in damage:
        began = time.thread_time()
        try:
            if done % weighed != weighed - 1:
                target(damage, data)
            else:
                _weighed(target, damage, data)
        except BaseException as error:
            error.add_note(f"the input is {data!r}")
            raise
        assert time.thread_time() - began < SLOWEST, data
        done += 1
        if done == executions:
            break
    return done


def _weighed(target: Callable[[Damage, bytes], None], damage: Damage, data: bytes) -> None:
    tracemalloc.start()
    try:
        target(damage, data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak <= 10 * len(data) + MIB, peak
