"""`serve --workers N` (E4): N processes behind one port, one of them dead, all of them stopped, the parent killed."""

import asyncio
import json
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from aiclient2api import tasks
from aiclient2api.cli import serve, workers
from aiclient2api.settings.schema import Settings
from tests.cli.homes import files_with
from tests.cli.invoking import home
from tests.e2e.process import Served, command, environment, serving, work_folder
from tests.gateway.answers import CHAT, asks, read
from tests.gateway.client import Call, ask, calling
from tests.gateway.rig import KEY, eventually, simulated
from tests.gateway.rig import serving as listening
from tests.gateway.upstreams import END, model_calls, pieces_then, text
from tests.observe.reading import Found, total, values_of
from tests.observe.reading import read as read_metrics

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not hasattr(socket, "SO_REUSEPORT"), reason="this system cannot share a port"),
]

START = ("serve", "--port", "0", "--workers", "2")


async def question(served: Served, key: str = KEY) -> str:
    """The id of a request that was answered."""
    answer = await ask(served.base, "POST", CHAT, {"x-api-key": key}, asks(CHAT, "who are you"))
    assert read(CHAT, answer).text.startswith("[simulated]")
    return answer.headers["x-request-id"]


def log_of(folder: Path, worker: int) -> str:
    return (work_folder(folder) / "logs" / f"worker-{worker}" / "app.log").read_text("utf-8")


async def until_both_answer(folder: Path, served: Served) -> list[str]:
    """Ask until each worker has logged a request of these; the ids. Each worker logs what it has answered itself."""
    asked: list[str] = []
    for _ in range(8):
        asked += await asyncio.gather(*(question(served) for _ in range(8)))
        await asyncio.sleep(0.02)  # a log is written in a thread
        if all(any(id in log_of(folder, worker) for id in asked) for worker in (1, 2)):
            return asked
    raise AssertionError(f"one worker has answered all of {len(asked)} requests")


def processes(served: Served, worker: int) -> list[int]:
    """The processes that this worker has been so far."""
    return [int(found) for found in re.findall(rf"worker {worker} accepts requests, process (\d+)", served.stderr)]


def started(served: Served, worker: int) -> list[int]:
    """Likewise, those too that do not accept requests yet. Needs LOG_LEVEL debug."""
    return [int(found) for found in re.findall(rf"worker {worker} starts as process (\d+)", served.stderr)]


def has_started(served: Served, times: int) -> bool:
    return len(started(served, 1)) == times


def is_dead(served: Served, death: int) -> bool:
    return served.stderr.count("worker 1 was ended by signal 9") == death


async def all_ended(served: Served) -> None:
    """The pipe of standard output ends when the last process has that had it, parent or worker."""
    async with asyncio.timeout(10):
        await served.rest_of_stdout()


async def test_both_answer_and_nothing_is_lost(tmp_path: Path) -> None:
    async with serving(tmp_path, *START, REQUIRED_API_KEY=KEY, DATA_DIR=str(tmp_path / "data")) as served:
        assert served.stderr.count("SIMULATED ANSWERS") == 1
        assert "2 workers share" in served.stderr
        asked = await until_both_answer(tmp_path, served)
        port = served.base.rpartition(":")[2]
        for more in ((), ("--workers", "2")):
            ended = await command(tmp_path, "serve", "--port", port, *more, REQUIRED_API_KEY=KEY)
            assert (ended.code, ended.stdout) == (1, "")
            assert f"Cannot listen on localhost:{port}" in ended.stderr
        served.send(signal.SIGTERM)
        assert await served.ended() == 0
        await all_ended(served)
    lines = [log_of(tmp_path, worker) for worker in (1, 2)]
    assert [sum(id in each for each in lines) for id in asked] == [1] * len(asked)
    usage = await command(tmp_path, "usage", "--by", "request", "--json", DATA_DIR=str(tmp_path / "data"))
    assert len(json.loads(usage.stdout)) == len(asked)


async def test_the_first_start_makes_one_key_and_shows_it_once(tmp_path: Path) -> None:
    async with serving(tmp_path, *START) as served:
        (key,) = re.findall(r"\n  (sk-[\w-]{20,})\n", served.stderr)
        assert f"curl {served.base}/v1/chat/completions" in served.stderr
        await question(served, key)
        served.send(signal.SIGINT)
        assert await served.ended() == 0
    (kept,) = (path for path in files_with(tmp_path, key) if path.name != "stderr.txt")
    assert kept.name == "api-key"


async def test_a_dead_worker_comes_back_and_one_that_dies_too_often_ends_it(tmp_path: Path) -> None:
    async with serving(tmp_path, *START, REQUIRED_API_KEY=KEY, LOG_LEVEL="debug") as served:
        (work_folder(tmp_path) / "config.json").write_text("{ this is no JSON", "utf-8")  # a later one must not differ
        os.kill(started(served, 1)[0], signal.SIGKILL)
        await eventually(partial(is_dead, served, 1), 5)
        assert all(await asyncio.gather(*(question(served) for _ in range(10))))
        await eventually(lambda: len(processes(served, 1)) == 2, 15)
        before = len(log_of(tmp_path, 1))
        await until_both_answer(tmp_path, served)
        assert len(log_of(tmp_path, 1)) > before
        for death in range(2, 7):
            await eventually(partial(has_started, served, death), 5)
            os.kill(started(served, 1)[-1], signal.SIGKILL)
            await eventually(partial(is_dead, served, death), 5)
        assert "giving up" in served.stderr
        assert await served.ended() == 1
        await all_ended(served)
        assert len(started(served, 2)) == 1


async def scrape(served: Served) -> Found:
    answer = await ask(served.base, "GET", "/metrics", {"x-api-key": KEY})
    assert answer.status == 200
    return read_metrics(answer.body)[1]


async def test_whichever_is_scraped_tells_of_all(tmp_path: Path) -> None:
    """E2: every sample says whose it is, so that sums are right and a worker that was started again begins anew."""
    requests = "aiclient2api_requests_total"
    async with serving(tmp_path, *START, REQUIRED_API_KEY=KEY, LOG_LEVEL="debug") as served:
        asked = len(await until_both_answer(tmp_path, served))
        for _ in range(6):
            found = await scrape(served)
            assert total(found[requests]) == asked
            assert values_of(found[requests], "worker") == {"1", "2"}
            assert len(found["process_resident_memory_bytes"]) == 2
        at_once = await asyncio.gather(*(scrape(served) for _ in range(12)))
        assert all(total(each[requests]) == asked for each in at_once)
        before = total(found[requests], worker="2")
        os.kill(started(served, 1)[0], signal.SIGKILL)
        await eventually(partial(is_dead, served, 1), 5)
        alone = await scrape(served)
        assert total(alone[requests], worker="2") == total(alone[requests]) == before
        await eventually(lambda: len(processes(served, 1)) == 2, 15)
        again = await scrape(served)
        assert total(again[requests]) == before
        assert values_of(again["aiclient2api_start_time_seconds"], "worker") == {"1", "2"}


async def test_one_that_hangs_is_left_out(tmp_path: Path) -> None:
    async with serving(tmp_path, *START, REQUIRED_API_KEY=KEY) as served:
        hanging = processes(served, 1)[0]
        os.kill(hanging, signal.SIGSTOP)
        try:
            found = await first_answer(served)
            assert values_of(found["aiclient2api_draining"], "worker") == {"2"}
            await eventually(lambda: "1 of 1 workers did not answer" in served.stderr, 2)
        finally:
            os.kill(hanging, signal.SIGCONT)
        async with asyncio.timeout(5):
            assert values_of((await scrape(served))["aiclient2api_draining"], "worker") == {"1", "2"}


async def first_answer(served: Served) -> Found:
    """Of several scrapes: the system gives some of the connections to the worker that hangs."""
    scrapes = [tasks.spawn(scrape(served), f"scrape {number}") for number in range(8)]
    done, _ = await asyncio.wait(scrapes, timeout=8, return_when=asyncio.FIRST_COMPLETED)
    await tasks.stop(*scrapes)
    return done.pop().result()


@asynccontextmanager
async def streaming(folder: Path, gate: asyncio.Event, limit: int = 20_000) -> AsyncIterator[tuple[Served, Call]]:
    """A gateway of two and an open stream whose first text has been read."""
    login = folder / "login.json"
    login.write_text(json.dumps(simulated().credential()), "utf-8")
    async with listening(model_calls(pieces_then([text("first")], gate, [text(" second"), END]))) as upstream:
        settings = {"KIRO_OAUTH_CREDS_FILE_PATH": str(login), "KIRO_BASE_URL": upstream, "REQUIRED_API_KEY": KEY}
        settings["TIMEOUT_DRAIN"] = str(limit)
        async with (
            serving(folder, *START, **settings) as served,
            calling(served.base, "POST", CHAT, {"x-api-key": KEY}, asks(CHAT, stream=True)) as call,
        ):
            await call.until(b"first")
            yield served, call


@pytest.mark.parametrize("to_all", [False, True], ids=["to the parent", "to all, as service managers do"])
async def test_a_signal_lets_an_open_stream_end(tmp_path: Path, to_all: bool) -> None:
    gate = asyncio.Event()
    async with streaming(tmp_path, gate) as (served, call):
        if to_all:
            for worker in (1, 2):
                os.kill(processes(served, worker)[0], signal.SIGTERM)
        served.send(signal.SIGTERM)
        await eventually(lambda: "stopping" in served.stderr, 3)
        await eventually(lambda: refuses(served), 3)
        gate.set()
        said = read(CHAT, await call.whole())
        assert (said.text, said.error) == ("first second", None)
        assert await served.ended() == 0
        await all_ended(served)


def refuses(served: Served) -> bool:
    host, _, port = served.base.removeprefix("http://").rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return True
    return False


async def test_at_the_limit_the_stream_ends_with_an_error_event(tmp_path: Path) -> None:
    async with streaming(tmp_path, asyncio.Event(), 150) as (served, call):
        served.send(signal.SIGTERM)
        said = read(CHAT, await call.whole())
        assert said.error is not None
        assert "shutting down" in said.error["message"]
        assert await served.ended() == 0


async def test_a_second_signal_ends_all_at_once(tmp_path: Path) -> None:
    async with streaming(tmp_path, asyncio.Event()) as (served, _):
        served.send(signal.SIGTERM)
        await eventually(lambda: "stopping" in served.stderr, 3)
        served.send(signal.SIGTERM)
        assert await served.ended(3) == -signal.SIGTERM
        await all_ended(served)


async def test_workers_do_not_outlive_their_parent(tmp_path: Path) -> None:
    """Killed, the parent can tell them nothing; an open stream may end all the same."""
    gate = asyncio.Event()
    async with streaming(tmp_path, gate) as (served, call):
        served.send(signal.SIGKILL)
        await eventually(lambda: served.stderr.count("the parent process is gone") == 2, 3)
        gate.set()
        assert read(CHAT, await call.whole()).text == "first second"
        await all_ended(served)


async def test_what_stops_the_start_is_told_once(tmp_path: Path) -> None:
    pools = tmp_path / "pools.json"
    pools.write_text("{ no JSON", "utf-8")
    ended = await command(tmp_path, *START, REQUIRED_API_KEY=KEY, PROVIDER_POOLS_FILE_PATH=str(pools))
    assert (ended.code, ended.stdout) == (2, "")
    assert ended.stderr.count("pools.json") == 1
    assert "Traceback" not in ended.stderr
    wrong = await command(tmp_path, *START, REQUIRED_API_KEY=KEY, REDIS_URL="http://localhost:6379")
    assert (wrong.code, wrong.stdout, wrong.stderr.count("REDIS_URL must begin")) == (2, "", 1)
    stray = await command(tmp_path, *START, AICLIENT2API_WORKER="1")
    assert stray.code == 2
    assert "AICLIENT2API_WORKER" in stray.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="SO_REUSEPORT is not there to be taken away")
async def test_a_system_that_cannot_share_a_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = home(tmp_path, monkeypatch, serve.command)
    monkeypatch.delattr(socket, "SO_REUSEPORT")
    ended = await here.run("--workers", "2", "--port", "0", REQUIRED_API_KEY=KEY)
    assert (ended.code, ended.stdout) == (2, "")
    assert "cannot share a port" in ended.stderr


@pytest.fixture
def crew_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings of workers that this process starts; its environment and working folder are theirs."""
    monkeypatch.chdir(work_folder(tmp_path))
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    return Settings(workers=1, data_dir=str(tmp_path / "data"), timeout_drain=100, server_port=0)


async def test_a_worker_that_does_not_start_in_time(crew_home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "START_SECONDS", 0.02)
    crew = workers.Crew(workers.Job(0, 0, crew_home, (KEY,)))
    start = tasks.spawn(crew.start(), "start")
    async with asyncio.timeout(10):
        await crew.given_up.wait()
    assert crew.code == 1
    assert not start.done()
    await tasks.stop(start)
    await crew.end()


async def test_a_worker_that_does_not_stop_in_time(
    crew_home: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(workers, "AFTER_DRAIN_SECONDS", 0.1)
    caplog.set_level("INFO", "aiclient2api")
    crew = workers.Crew(workers.Job(0, 0, crew_home, (KEY,)))
    async with asyncio.timeout(10):
        await crew.start()
        ((process,),) = (re.findall(r"process (\d+)", message) for message in caplog.messages)
        os.kill(int(process), signal.SIGSTOP)
        await workers.drain(crew, asyncio.Event())
        assert crew.code == 1
        assert "killed" in caplog.text
        await crew.end()
    with pytest.raises(ProcessLookupError):
        os.kill(int(process), 0)
