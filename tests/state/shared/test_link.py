"""The way to Redis: it never keeps anybody waiting for long, says once that it is lost, and comes back by itself."""

import asyncio
import logging
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme

from aiclient2api.state.shared import link as link_module
from aiclient2api.state.shared.line import Away, Dialer, SharedError
from aiclient2api.state.shared.link import DEADLINE, MAX_WAITING, Link
from aiclient2api.state.shared.opening import open_shared
from tests.gateway.rig import eventually
from tests.redis_server import RedisServer, free_port


@asynccontextmanager
async def linked(url: str) -> AsyncIterator[Link]:
    link = Link(Dialer(url))
    try:
        yield link
    finally:
        await link.close()


async def took(link: Link) -> float:
    """Seconds until a command has failed."""
    began = time.monotonic()
    with pytest.raises(Away):
        await link.ask("PING")
    return time.monotonic() - began


async def test_commands_of_many_go_together(redis_server: RedisServer) -> None:
    async with linked(redis_server.url) as link:
        assert await link.ask("SET", "k", b"\x00\xff", "PX", 5000) == b"OK"
        replies = await asyncio.gather(*(link.ask("INCR", "n") for _ in range(1000)))
        assert sorted(map(str, replies)) == sorted(map(str, range(1, 1001)))
        assert await link.ask("GET", "k") == b"\x00\xff"
        assert await link.ask("LPUSH", "k", "x") is None
        assert link.up, "a key of another kind says nothing about the way"
        assert (link.unanswered, link.outages) == (0, 0)


async def test_who_leaves_harms_nobody(redis_server: RedisServer) -> None:
    async with linked(redis_server.url) as link:
        await link.ready()
        gone = [link.send("INCR", "n") for _ in range(50)]
        stays = link.send("INCR", "n")
        for each in gone[::2]:
            each.cancel()
        assert await stays == 51


async def test_a_server_that_says_nothing(redis_server: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    """The first wait is a deadline long, and then nobody waits until it is back."""
    caplog.set_level(logging.INFO, "aiclient2api")
    async with linked(redis_server.url) as link:
        await link.ask("PING")
        redis_server.freeze()
        assert await took(link) < DEADLINE + 0.15
        began = time.monotonic()
        for _ in range(100):
            assert await took(link) < 0.05
        assert time.monotonic() - began < 0.5
        assert (link.unanswered, link.outages) == (101, 1)
        redis_server.thaw()
        await eventually(lambda: link.up, 5)
        assert isinstance(await link.ask("PING"), bytes)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


async def test_a_process_that_was_busy_does_not_blame_redis(redis_server: RedisServer) -> None:
    async with linked(redis_server.url) as link:
        await link.ask("PING")
        asked = link.send("PING")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        time.sleep(1.6 * DEADLINE)  # noqa: ASYNC251 - the point of it
        assert isinstance(await asked, bytes)
        assert link.up


async def test_restarted_between_two_commands_nothing_is_lost(redis_server: RedisServer) -> None:
    async with linked(redis_server.url) as link:
        emptied: list[bool] = []
        link.when_up.append(emptied.append)
        await link.ask("PING")
        redis_server.stop()
        redis_server.start()
        await asyncio.sleep(0.05)
        assert isinstance(await link.ask("PING"), bytes)
        assert emptied == [False, True]


async def test_emptied_under_way_is_found_out(redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "LOOK_AGAIN", 0.05)
    async with linked(redis_server.url) as link:
        emptied: list[bool] = []
        link.when_up.append(emptied.append)
        await link.ask("PING")
        await asyncio.sleep(0.12)
        assert emptied == [False]
        redis_server.command("FLUSHALL")
        await eventually(lambda: emptied == [False, True], 3)


@pytest.mark.parametrize("trouble", ["readonly", "full", "no scripts"])
async def test_a_server_that_takes_nothing_is_lost(redis_server: RedisServer, trouble: str) -> None:
    """It answers, but cannot be used: no coming and going every second."""
    words = {
        "readonly": ("REPLICAOF", "127.0.0.1", "1"),
        "full": ("CONFIG", "SET", "maxmemory", "1"),
        "no scripts": ("ACL", "SETUSER", "default", "-@scripting"),
    }
    async with linked(redis_server.url) as link:
        ups: list[bool] = []
        link.when_up.append(ups.append)
        await link.ask("SET", "k", "v", "PX", 1000)
        redis_server.command(*words[trouble])
        with pytest.raises(Away):
            await (link.ask("EVAL", "return 1", 0) if trouble == "no scripts" else link.ask("SET", "k", "v", "EX", 1))
        await asyncio.sleep(0.3)
        assert (link.up, ups) == (False, [False])


async def test_not_there_at_the_start(redis_server: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    redis_server.stop()
    async with linked(redis_server.url) as link:
        assert await took(link) < 1.0
        assert await took(link) < 0.02
        redis_server.start()
        await eventually(lambda: link.up, 5)
    assert caplog.text.count("WARNING") == 1


async def test_nobody_answers_at_the_start(redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "FIRST_PATIENCE", 0.1)
    redis_server.freeze()
    async with linked(redis_server.url) as link:
        assert await took(link) < 0.4
        redis_server.thaw()
        await eventually(lambda: link.up, 5)


async def test_a_wrong_password_is_told_without_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with RedisServer(tmp_path, "--requirepass", "the right one") as server:
        async with linked(server.url.replace("//", "//:canary-wrong@")) as link:
            await took(link)
        assert "invalid username-password pair" in caplog.text
        assert "canary" not in caplog.text
        async with linked(server.url.replace("//", "//:the%20right%20one@").replace("redis:", "valkey:")) as link:
            assert isinstance(await link.ask("PING"), bytes)


async def test_over_tls(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    certificate.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "server.pem"))
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    files = ("--tls-cert-file", "server.pem", "--tls-key-file", "server.pem", "--tls-ca-cert-file", "ca.pem")
    port = free_port()
    with RedisServer(tmp_path, *files, "--tls-auth-clients", "no", "--tls-port", str(port)):
        async with linked(f"rediss://localhost:{port}/0?ssl_ca_certs={tmp_path}/ca.pem") as link:
            assert isinstance(await link.ask("PING"), bytes)
        async with linked(f"valkeys://localhost:{port}/0") as link:  # an authority that nobody knows
            await took(link)


async def test_an_end_to_what_waits(redis_server: RedisServer) -> None:
    async with linked(redis_server.url) as link:
        await link.ready()
        sent = [link.send("PING") for _ in range(MAX_WAITING)]
        with pytest.raises(Away, match="too much"):
            link.send("PING")
        await sent[-1]
        assert isinstance(await link.ask("PING"), bytes)


@pytest.mark.parametrize(
    "url",
    [
        "localhost:6379",
        "http://localhost:6379",
        "redis://",
        "redis://:secret@",
        "redis://localhost:port",
        "redis://localhost:99999",
        "redis://localhost/database",
        "redis://localhost?socket_timeout=soon",
        "redis://localhost?no_such_option=1",
        "unix://",
        "redis://[::1",
    ],
)
def test_a_url_that_is_none(url: str) -> None:
    with pytest.raises(SharedError) as error:
        open_shared(url.replace("//", "//user:canary-password@") if "@" not in url else url)
    assert "REDIS_URL" in str(error.value)
    assert "canary" not in str(error.value)


def test_without_the_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    monkeypatch.setitem(sys.modules, "redis.asyncio", None)
    with pytest.raises(SharedError, match=r"pip install 'aiclient2api\[redis\]'"):
        open_shared("redis://localhost")
    assert open_shared(None).alone
    assert open_shared("").alone
