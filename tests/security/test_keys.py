"""S2, S3 and S12: who holds which key gets exactly what, at the same price for every wrong one, and not too often."""

import ast
import asyncio
import inspect
import itertools
import logging
import math
import random
import textwrap
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.credentials.secret import Secret
from aiclient2api.gateway import routes
from aiclient2api.gateway.door import Door
from aiclient2api.state import key_file
from aiclient2api.state.keys import Grants, KeyRing
from aiclient2api.tasks import spawn
from tests.faults.processes import LINUX
from tests.faults.rig import Gate, gate
from tests.faults.stage import Stage
from tests.gateway.client import ask
from tests.http1.serving import judge
from tests.pairs.world import KEY
from tests.security.matrix import PROTECTED, ROWS, Row

SAMPLES = 1_000_000
LEAK = 4.5
"""Welch's t from which a difference is taken as one (TVLA's bound)."""


pytestmark = pytest.mark.skipif(not LINUX, reason="all of 127.0.0.0/8 is this machine on Linux only")

ADDRESSES = (f"127.0.{number >> 8}.{number & 255}" for number in itertools.count(300))


class Case(NamedTuple):
    """How a key is sent; `inside` whether it opens, None where that depends on the route."""

    headers: dict[str, str]
    query: str = ""
    inside: bool | None = False


def cases(revoked: str, expired: str) -> dict[str, Case]:
    return {
        "no key": Case({}),
        "an empty one": Case({"x-api-key": "", "authorization": "Bearer "}),
        "wrong": Case({"x-api-key": KEY + "x"}),
        "too short": Case({"x-api-key": KEY[:-1]}),
        "other case": Case({"x-api-key": KEY.upper()}),
        "revoked": Case({"x-api-key": revoked}),
        "expired": Case({"authorization": f"Bearer {expired}"}),
        "in the query": Case({}, f"?key={KEY}", None),
        "wrong in the query": Case({}, f"?key={KEY}x"),
        "in a query under another name": Case({}, f"?api_key={KEY}&access_token={KEY}&x-api-key={KEY}"),
        "in a cookie": Case({"cookie": f"key={KEY}; x-api-key={KEY}; authorization=Bearer {KEY}"}),
        "basic": Case({"authorization": f"Basic {KEY}"}),
        "without a scheme": Case({"authorization": KEY}),
        "digest": Case({"authorization": f"Digest {KEY}"}),
        "for a proxy": Case({"proxy-authorization": f"Bearer {KEY}"}),
        "two in one header": Case({"authorization": f"Bearer {KEY}, Bearer {KEY}"}),
        "bearer": Case({"authorization": f"Bearer {KEY}"}, inside=True),
        "lower-case scheme": Case({"authorization": f"bearer {KEY}"}, inside=True),
        "upper-case scheme": Case({"authorization": f"BEARER  {KEY}"}, inside=True),
        "x-api-key": Case({"x-api-key": KEY}, inside=True),
        "x-goog-api-key": Case({"x-goog-api-key": KEY}, inside=True),
        "a wrong one beside it": Case({"authorization": f"Bearer {KEY}x", "x-api-key": KEY}, inside=True),
        "a basic one beside it": Case({"authorization": "Basic eDp5", "x-api-key": KEY}, inside=True),
    }


def keyed(folder: Path) -> tuple[str, str, str]:
    """Keys in the data folder: a revoked one, an expired one, and one that may use nothing that there is."""
    path, now = folder / "data" / "keys.json", time.time()
    _, revoked = key_file.create(path, "revoked", Grants(), now)
    key_file.revoke(path, "revoked", now)
    _, expired = key_file.create(path, "expired", Grants(expires=int(now) - 5), now - 100)
    _, other = key_file.create(path, "other", Grants(models=("no-such-*",)), now)
    return revoked, expired, other


def test_s3_every_route_has_a_row() -> None:
    """S3: a new route without a row fails here."""
    assert [row.name for row in ROWS] == list(dict.fromkeys(row.name for row in ROWS))
    assert {row.name for row in ROWS} == set(routes.METHODS)
    for row in ROWS:
        target = routes.find(row.path, ())
        assert (target.name, row.method in routes.METHODS[row.name]) == (row.name, True)
        assert row.gemini == routes.is_gemini(target, {}, {})


async def test_s3_the_matrix(tmp_path: Path) -> None:
    """S3: each route, under a provider's name and without, with each way to send a key: exactly 401, or what the route
    answers to a right key; 0 calls for who is not let in."""
    revoked, expired, _ = keyed(tmp_path)
    async with Stage(lambda _: ()) as stage, gate(tmp_path, stage.url) as running:
        for row in PROTECTED:
            for prefix, right in (("", row.served), ("/claude-custom", row.served)):
                for name, case in cases(revoked, expired).items():
                    before = stage.connections
                    found = await status(running, row, prefix, case)
                    inside = opens(case, row)
                    assert found == (right if inside else 401), (row, prefix, name)
                    assert inside or stage.connections == before
        assert not stage.calls


def opens(case: Case, row: Row) -> bool:
    """A key in the query counts on Gemini's routes, and on the list of models, which Google's clients ask for too."""
    return case.inside if case.inside is not None else row.gemini or row.name in ("models", "model")


async def status(running: Gate, row: Row, prefix: str, case: Case) -> int:
    """From an address of its own each time: many wrong keys from one are answered with 429."""
    given = {"host": "localhost", "content-length": "2", "connection": "close"} | case.headers
    lines = [f"{name}: {value}" for name, value in given.items()]
    head = "\r\n".join([f"{row.method} {prefix}{row.path}{case.query} HTTP/1.1", *lines, "", ""])
    port, source = int(running.base.rpartition(":")[2]), next(ADDRESSES)
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
    writer.write(head.encode() + b"{}")
    answer = judge(await reader.read(-1), [row.method])[0]
    writer.close()
    return answer.status


async def test_s3_the_scope_of_a_key(tmp_path: Path) -> None:
    """S3: a key for other models gets 403 where a model is asked, and sees none of them in lists."""
    *_, other = keyed(tmp_path)
    body = {
        "model": "claude-opus-5", "max_tokens": 9, "input": "x", "messages": [{"role": "user", "content": "x"}],
        "contents": [{"role": "user", "parts": [{"text": "x"}]}],
    }  # fmt: skip
    expected = {"metrics": 200, "models": 200, "model": 404, "gemini_models": 200, "gemini_model": 404}
    async with Stage(lambda _: ()) as stage, gate(tmp_path, stage.url) as running:
        for row in PROTECTED:
            reply = await ask(running.base, row.method, row.path, {"x-api-key": other}, body)
            assert reply.status == expected.get(row.name, 403), (row, reply.body)
            assert b"claude-opus-5" not in reply.body or reply.status != 200
        assert not stage.calls


async def test_s3_the_open_routes(tmp_path: Path) -> None:
    """They look at no key, and what they say holds none and no account's name."""
    async with Stage(lambda _: ()) as stage, gate(tmp_path, stage.url) as running:
        for row in ROWS:
            if row not in PROTECTED:
                for headers in ({}, {"x-api-key": "wrong"}, {"x-api-key": KEY}):
                    reply = await ask(running.base, row.method, row.path, headers)
                    assert reply.status == 200
                    assert b"key-of-" not in reply.body
                    assert b"TESTS" not in reply.body


# --- S2


def measured(check: Callable[[str], object], groups: Sequence[Sequence[str]], samples: int) -> list[list[int]]:
    """Nanoseconds of each check, by group of guesses; guesses come in random order."""
    chance = random.Random(2)
    order = [(group, chance.choice(guesses)) for group, guesses in enumerate(groups) for _ in range(samples // 2)]
    chance.shuffle(order)
    times: list[list[int]] = [[] for _ in groups]
    clock = time.perf_counter_ns
    for group, guess in order:
        began = clock()
        check(guess)
        times[group].append(clock() - began)
    return times


def difference(times: list[list[int]]) -> tuple[float, float]:
    """Of the means of two samples, and its variance, without the tenth that other processes have made slow."""
    bound = sorted(times[0] + times[1])[int(len(times[0]) * 1.8)]
    (n, mean, variance), (m, other, its) = (moments([t for t in group if t <= bound]) for group in times)
    return mean - other, variance / n + its / m


def welch(times: list[list[int]]) -> float:
    """t of two samples."""
    apart, variance = difference(times)
    return abs(apart) / math.sqrt(variance)


def moments(values: list[int]) -> tuple[int, float, float]:
    mean = sum(values) / len(values)
    return len(values), mean, sum((value - mean) ** 2 for value in values) / (len(values) - 1)


def guesses(secret: str, first_right: bool, length: int) -> list[str]:
    chance = random.Random(length)
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    tails = ["".join(chance.choices(letters, k=length - 1)) for _ in range(64)]
    return [(secret[0] if first_right else "~") + tail for tail in tails]


GUESSES = {
    "first byte": (guesses(KEY, True, len(KEY)), guesses(KEY, False, len(KEY))),
    "length": (guesses(KEY, False, len(KEY)), guesses(KEY, False, len(KEY) + 1)),
}


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("what", GUESSES)
def test_s2_time_tells_nothing_of_a_key(tmp_path: Path, what: str) -> None:
    """S2: over 10^6 samples Welch's t is under 4.5. A longer guess takes longer whatever the key is; so what counts is
    how the difference between guesses differs from that at a door with other keys. What the machine's other work has
    made goes away when it is measured again; a leak does not."""
    key_file.create(tmp_path / "keys.json", "another", Grants(), time.time())
    ring = KeyRing(tmp_path / "keys.json", lambda: 0.0)

    def checking(*keys: str) -> Callable[[str], object]:
        door = Door(keys, ring, lambda: 0.0)

        def check(guess: str) -> None:
            try:
                door.check({"x-api-key": guess, "host": "localhost"}, {}, False, "127.0.0.1")
            except GatewayError:
                return
            raise AssertionError("let in")

        return check

    ours, others = (
        checking(KEY, "another-key-of-this-gateway"),
        checking("~" * (len(KEY) + 9), "and-one-more-of-another"),
    )
    found: list[float] = []
    for _ in range(3):
        apart, variance = difference(measured(ours, GUESSES[what], SAMPLES // 2))
        control, its = difference(measured(others, GUESSES[what], SAMPLES // 2))
        found.append(abs(apart - control) / math.sqrt(variance + its))
        if found[-1] < LEAK:
            break
    assert min(found) < LEAK, found


def test_s2_the_measurement_finds_a_leak() -> None:
    """An early exit shows in a hundredth of the samples."""

    def leaky(guess: str) -> bool:
        return all(given == known for given, known in zip(guess, KEY, strict=False))

    assert welch(measured(leaky, GUESSES["first byte"], SAMPLES // 100)) > LEAK


@pytest.mark.parametrize("function", [Door.check, KeyRing.find, Secret.__eq__], ids=lambda each: each.__qualname__)
def test_s2_by_inspection(function: Callable[..., object]) -> None:
    """S2: what compares secrets calls compare_digest, and has no == in it."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert "hmac.compare_digest" in calls
    compared = [op for node in ast.walk(tree) if isinstance(node, ast.Compare) for op in node.ops]
    assert not [op for op in compared if isinstance(op, ast.Eq | ast.NotEq)]


# --- S12

WRONG_KEYS = 10_000
LANES = 10
BURST, PER_SECOND = 20, 10


async def volley(port: int, lane: int, source: str = "127.0.0.1") -> Counter[int]:
    """A thousand wrong keys down one connection."""
    count = WRONG_KEYS // LANES
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0), limit=2**24)
    found: Counter[int] = Counter()
    for number in range(count):
        last = "connection: close\r\n" if number == count - 1 else ""
        head = f"GET /v1/models HTTP/1.1\r\nhost: localhost\r\nx-api-key: guess-{lane}-{number}\r\n{last}\r\n"
        writer.write(head.encode())
        if number % 50 == 49:
            await writer.drain()
    answers = judge(await reader.read(-1), ["GET"] * count)
    found.update(each.status for each in answers)
    assert all("retry-after" in each.headers for each in answers if each.status == 429)
    writer.close()
    return found


async def test_s12_ten_thousand_wrong_keys(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """S12: after the first 20 at most 10 a second are answered as what they are, the others with 429; right keys, from
    there and from elsewhere, are let in meanwhile; the log has no more lines than answers of the first kind."""
    caplog.set_level(logging.DEBUG, "aiclient2api")
    async with Stage(lambda _: ()) as stage, gate(tmp_path, stage.url) as running:
        port = int(running.base.rpartition(":")[2])
        began = time.monotonic()
        firing = [spawn(volley(port, lane), "volley") for lane in range(LANES)]
        right = [await asked_from(port, source) for source in ("127.0.0.1", "127.0.0.2") for _ in range(5)]
        found = sum(await asyncio.gather(*firing), Counter[int]())
        took = time.monotonic() - began
        assert right == [200] * 10
        assert found.total() == WRONG_KEYS
        assert set(found) == {401, 429}
        assert found[401] <= BURST + PER_SECOND * took + 1
        lines = [record for record in caplog.records if "/v1/models" in record.getMessage()]
        assert len(lines) <= found[401] + len(right)
        assert await asked_from(port, "127.0.0.2", "wrong") == 401


async def asked_from(port: int, source: str, key: str = KEY) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
    writer.write(
        f"GET /v1/models HTTP/1.1\r\nhost: localhost\r\nx-api-key: {key}\r\nconnection: close\r\n\r\n".encode()
    )
    answer = judge(await reader.read(-1), ["GET"])[0]
    writer.close()
    return answer.status
