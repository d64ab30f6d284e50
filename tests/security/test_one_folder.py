"""P5: two gateways on one data folder work with each other: one key, client keys and usage of both, no double refresh
(`tests/credentials/test_processes.py` counts a thousand rounds of that)."""

import asyncio
import json
import signal
import sys
import time
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from aiclient2api.gateway.keys import own_key
from aiclient2api.simulator import make_handler
from tests.cli.homes import kiro_settings
from tests.e2e.process import Served, command, environment, serving
from tests.gateway.answers import CHAT, asks
from tests.gateway.client import ask
from tests.gateway.rig import serving as listening
from tests.gateway.rig import simulated

pytestmark = pytest.mark.e2e

MAKER = """
import sys, time
from pathlib import Path
from aiclient2api.gateway.keys import own_key
at = float(sys.argv[1])
for folder in sys.argv[2:]:
    at += 0.05
    time.sleep(max(0.0, at - time.time()))
    own = own_key(Path(folder))
    print(own.key, own.made)
"""
ROUNDS = 30


async def test_p5_two_first_starts_make_one_key(tmp_path: Path) -> None:
    """P5: both have the key that the file has, and one of them has shown it."""
    folders = [str(tmp_path / f"data-{number}") for number in range(ROUNDS)]
    began = str(time.time() + 1.0)
    makers = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", MAKER, began, *folders, env=environment(tmp_path), stdout=PIPE
        )
        for _ in range(3)
    ]
    lines = [(await each.communicate())[0].decode().split("\n") for each in makers]
    assert [each.returncode for each in makers] == [0, 0, 0]
    for number in range(ROUNDS):
        keys, made = zip(*(each[number].split() for each in lines), strict=True)
        assert len(set(keys)) == 1
        assert sorted(made) == ["False", "False", "True"]


async def test_p5_two_gateways_on_one_folder(tmp_path: Path) -> None:
    """P5: one login that has expired is refreshed once; each takes the keys and counts the usage of both."""
    simulation = simulated()
    login = tmp_path / "login.json"
    login.write_text(json.dumps(simulation.credential() | {"expiresAt": "2020-01-01T00:00:00Z"}), "utf-8")
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    data = str(tmp_path / "data")
    async with listening(make_handler(simulation)) as upstream:
        settings = kiro_settings(upstream) | {"KIRO_OAUTH_CREDS_FILE_PATH": str(login), "DATA_DIR": data}
        async with (
            serving(tmp_path / "one", "--port", "0", **settings) as one,
            serving(tmp_path / "two", "--port", "0", **settings) as two,
        ):
            made = await command(tmp_path, "keys", "create", "laptop", "--data-dir", data)
            await asyncio.sleep(1.1)
            keys = (made.stdout.strip(), own_key(Path(data)).key)
            statuses = await asyncio.gather(
                *(asked(served, key) for served in (one, two) for key in keys for _ in range(5))
            )
            assert statuses == [200] * 20
            assert simulation.counts["refresh"] == 1
            for served in (one, two):
                served.send(signal.SIGTERM)
                assert await served.ended() == 0
    usage = await command(tmp_path, "usage", "--json", "--data-dir", data)
    assert usage.code == 0
    assert sum(row["requests"] for row in json.loads(usage.stdout)) == 20


async def asked(served: Served, key: str) -> int:
    return (await ask(served.base, "POST", CHAT, {"x-api-key": key}, asks(CHAT))).status
