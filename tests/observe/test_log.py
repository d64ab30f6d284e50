"""app.log and the console: what stands there, who can read it, and what happens when nothing can be written."""

import asyncio
import contextlib
import gc
import json
import logging
import os
import re
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aiclient2api import tasks
from aiclient2api.observe import log
from aiclient2api.observe.log import Logs

CANARY = "Canary0123456789-abc_DEF"
LOG = logging.getLogger("aiclient2api.somewhere")

Starter = Callable[..., Logs]


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Starter]:
    """Starts logs in tmp_path/logs, and stops them in the end."""
    running: list[Logs] = []

    def starter(form: str = "text", level: str = "info", max_bytes: int = 0, secrets: tuple[str, ...] = ()) -> Logs:
        running.append(log.start(tmp_path / "logs", level, form, max_bytes, 3, secrets))
        return running[-1]

    yield starter
    for logs in reversed(running):
        logs.stop()


def lines(folder: Path) -> list[str]:
    return (folder / "logs" / "app.log").read_text("utf-8").split("\n")[:-1]


def records(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in lines(folder)]


def fail_with(secret: str) -> None:
    raise RuntimeError(f"token={secret}")


# --- what a line looks like


def test_text_lines(started: Starter, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    logs = started()
    LOG.info("one %s", "argument")
    LOG.debug("not at this level")
    LOG.warning("two")
    logs.stop()
    first, second = lines(tmp_path)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} INFO one argument", first)
    assert second.endswith(" WARNING two")
    assert capfd.readouterr().err.splitlines() == [first, second]


def test_json_lines(started: Starter, tmp_path: Path) -> None:
    logs = started("json", "debug")
    LOG.debug('中文 "quoted"\nsecond line', extra={"fields": {"request": "req_1", "ms": 12, "level": "mine"}})
    LOG.error("plain")
    logs.stop()
    first, second = records(tmp_path)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", str(first.pop("time")))
    assert first == {"level": "debug", "message": '中文 "quoted"\nsecond line', "request": "req_1", "ms": 12}
    assert (second["level"], second["message"]) == ("error", "plain")


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_traceback_is_kept(started: Starter, tmp_path: Path, form: str) -> None:
    logs = started(form)
    try:
        fail_with("x")
    except RuntimeError:
        LOG.exception("it failed")
    logs.stop()
    if form == "json":
        [record] = records(tmp_path)
        assert record["message"] == "it failed"
        traceback = str(record["exception"])
    else:
        first, *others = lines(tmp_path)
        assert first.endswith(" ERROR it failed")
        traceback = "\n".join(others)
    assert traceback.startswith("Traceback (most recent call last):\n")
    assert "in fail_with" in traceback
    assert traceback.endswith("RuntimeError: token=x")


def test_a_clients_text_cannot_look_like_a_line_or_give_orders_to_a_terminal(started: Starter, tmp_path: Path) -> None:
    logs = started()
    LOG.info("%s", "model\n2026-01-01 00:00:00.000 ERROR forged\r\x1b[2J\x9b2J\u2028\x00\ttab")
    logs.stop()
    [line] = lines(tmp_path)
    assert line.endswith("INFO model\\n2026-01-01 00:00:00.000 ERROR forged\\x0d\\x1b[2J\\x9b2J\\x2028\\x00\\ttab")


def test_any_text_can_be_written(started: Starter, tmp_path: Path) -> None:
    logs = started("json")
    LOG.info("lone \ud800 surrogate")
    logs.stop()
    assert json.loads((tmp_path / "logs" / "app.log").read_bytes())["message"] == "lone \ud800 surrogate"


def test_arguments_that_do_not_fit_lose_no_line_and_show_none(
    started: Starter, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    logs = started()
    LOG.info("%d apples", CANARY)
    LOG.info("%s and %s", CANARY)
    logs.stop()
    assert [line.split(" INFO ")[1] for line in lines(tmp_path)] == [
        "'%d apples' with arguments that do not fit",
        "'%s and %s' with arguments that do not fit",
    ]
    assert CANARY not in capfd.readouterr().err


def test_what_cannot_even_be_shown_harms_nobody(started: Starter, capfd: pytest.CaptureFixture[str]) -> None:
    class Broken:
        def __str__(self) -> str:
            raise RuntimeError(CANARY)

    logs = started()
    LOG.info("%s", Broken())
    LOG.info("next")
    assert log.lines_lost() == {"queue": 1, "file": 0}
    logs.stop()
    assert log.lines_lost() == {"queue": 0, "file": 0}, "there is nothing that could lose any"
    err = capfd.readouterr().err
    assert CANARY not in err
    assert "1 log lines were dropped" in err
    assert "next" in err


# --- secrets


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_canary_reaches_file_or_console(
    started: Starter, tmp_path: Path, capfd: pytest.CaptureFixture[str], form: str
) -> None:
    logs = started(form, "debug", secrets=(f"known {CANARY}",))
    LOG.info("Authorization: Bearer %s", CANARY)
    LOG.info("headers %r", {"authorization": f"Bearer {CANARY}", "x-api-key": CANARY})
    LOG.info("headers %r", [(b"authorization", f"Basic {CANARY}".encode()), (b"x-api-key", CANARY.encode())])
    LOG.info('{"accessToken": "%s", "refreshToken":"%s"}', CANARY, CANARY)
    LOG.info("this is known %s", CANARY)
    LOG.info("fields", extra={"fields": {"password": CANARY, "note": f"sk-{CANARY}", "deep": [{"token": CANARY}]}})
    LOG.info(f"proxy http://u:{CANARY}@h", stack_info=True)
    try:
        fail_with(CANARY)
    except RuntimeError as error:
        LOG.exception("failed: %s", error)
        LOG.warning("failed", exc_info=(RuntimeError, RuntimeError(f"client_secret='{CANARY}'"), error.__traceback__))
    logging.getLogger("asyncio").error("Task exception was never retrieved: api_key=%s", CANARY)
    logs.stop()
    written = (tmp_path / "logs" / "app.log").read_text("utf-8") + "".join(capfd.readouterr())
    assert CANARY not in written
    assert written.count("***") >= 20


def test_lines_in_the_queue_hold_on_to_nothing(started: Starter, tmp_path: Path) -> None:
    """What changes after the call was logged as it was."""
    logs = started()
    changing = ["before"]
    LOG.info("%s", changing)
    changing[0] = "after"
    logs.stop()
    assert lines(tmp_path)[0].endswith("['before']")


def test_a_failed_task_that_nobody_awaits_is_in_the_log(started: Starter, tmp_path: Path) -> None:
    async def main() -> None:
        async def work() -> None:
            raise KeyError(f"token: {CANARY}")

        tasks.spawn(work(), "upkeep of x")
        await asyncio.sleep(0.01)
        task = asyncio.get_running_loop().create_task(work(), name="bare")
        await asyncio.sleep(0.01)
        del task
        gc.collect()

    logs = started()
    asyncio.run(main())
    logs.stop()
    written = "\n".join(lines(tmp_path))
    assert "ERROR task upkeep of x failed" in written
    assert "ERROR Task exception was never retrieved" in written
    assert CANARY not in written


# --- the file


def test_file_and_folder_are_private(started: Starter, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        logs = started()
        LOG.info("x")
        logs.stop()
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "logs").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "logs" / "app.log").stat().st_mode) == 0o600


def test_rotation_loses_no_line(started: Starter, tmp_path: Path) -> None:
    logs = started(max_bytes=1000)
    for number in range(200):
        LOG.info("line %d", number)
    logs.stop()
    files = sorted((tmp_path / "logs").iterdir(), reverse=True)
    assert [path.name for path in files] == ["app.log.3", "app.log.2", "app.log.1", "app.log"]
    assert all(path.stat().st_size <= 1000 for path in files)
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in files)
    kept = [int(line.split()[-1]) for path in files for line in path.read_text().splitlines()]
    assert kept == list(range(kept[0], 200))


def test_a_folder_that_cannot_be_made(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "logs").write_text("a file")
    logs = log.start(tmp_path / "logs", "info", "text", 0, 1)
    LOG.info("on the console only")
    logs.stop()
    first, second = capfd.readouterr().err.splitlines()
    assert f"WARNING no log file: {tmp_path / 'logs' / 'app.log'} cannot be written (" in first
    assert second.endswith("INFO on the console only")


def test_a_full_disk_is_told_once_on_the_console(
    started: Starter, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "app.log").symlink_to("/dev/full")
    logs = started()
    for number in range(20):
        LOG.info("line %d", number)
    deadline = time.monotonic() + 5
    err = ""
    while "cannot be written" not in err and time.monotonic() < deadline:
        time.sleep(0.01)
        err += capfd.readouterr().err
    while log.lines_lost()["file"] < 21 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert log.lines_lost() == {"queue": 0, "file": 21}, "20 lines, and the one that says so"
    logs.stop()
    err += capfd.readouterr().err
    assert err.count("cannot be written") == 1
    assert "No space left" in err
    assert err.count(" INFO line ") == 20


# --- blocked, full, closed


@contextlib.contextmanager
def full_pipe() -> Iterator[int]:
    """A pipe that takes nothing more: its reading end, standing in for standard error."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writing, b"\0" * 65536)
    os.set_blocking(writing, True)
    kept = os.dup(2)
    os.dup2(writing, 2)
    try:
        yield reading
    finally:
        os.dup2(kept, 2)
        for each in (reading, writing, kept):
            os.close(each)


def test_a_blocked_console_blocks_nobody_and_what_was_dropped_is_told(
    started: Starter, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with capfd.disabled(), full_pipe() as reading:
        logs = started()
        begun = time.perf_counter()
        for number in range(log.QUEUE_LINES + 500):
            LOG.info("line %d", number)
        assert time.perf_counter() - begun < 5
        os.set_blocking(reading, False)
        deadline = time.monotonic() + 20
        while len(lines(tmp_path)) < log.QUEUE_LINES and time.monotonic() < deadline:
            with contextlib.suppress(BlockingIOError):
                os.read(reading, 1 << 20)
            time.sleep(0.001)
        LOG.info("goes again")
        while "goes again" not in lines(tmp_path)[-1] and time.monotonic() < deadline:
            with contextlib.suppress(BlockingIOError):
                os.read(reading, 1 << 20)
        lost = log.lines_lost()["queue"]
        logs.stop()
    found = lines(tmp_path)
    told = next(line for line in found if "dropped" in line)
    written = [line for line in found if " line " in line]
    assert int(told.split(" WARNING ")[1].split()[0]) == log.QUEUE_LINES + 500 - len(written) == lost
    assert found[-1].endswith("goes again")


STOPS = """
import logging, os, sys, time
from pathlib import Path
from aiclient2api.observe import log
reading, writing = os.pipe()
os.set_blocking(writing, False)
try:
    while True:
        os.write(writing, b"x" * 65536)
except BlockingIOError:
    os.set_blocking(writing, True)
os.dup2(writing, 2)
logs = log.start(Path(sys.argv[1]), "info", "text", 0, 1)
for number in range(int(sys.argv[2])):
    logging.getLogger("aiclient2api").info("line %d", number)
logs.stop()
print("stopped")
"""


@pytest.mark.e2e
@pytest.mark.parametrize("count", [5, log.QUEUE_LINES + 100])
def test_a_process_ends_though_its_console_is_blocked(tmp_path: Path, count: int) -> None:
    """Also with a full queue, and though a thread hangs in the write."""
    done = subprocess.run(
        [sys.executable, "-c", STOPS, str(tmp_path / "logs"), str(count)], timeout=30, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, b"stopped\n")


def test_a_closed_console_does_not_harm_the_file(
    started: Starter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open(os.devnull) as readable:
        monkeypatch.setattr(sys, "stderr", readable)
        logs = started()
        LOG.info("one")
        logs.stop()
    monkeypatch.setattr(sys, "stderr", None)
    logs = started()
    LOG.info("two")
    logs.stop()
    assert [line.split(" INFO ")[1] for line in lines(tmp_path)] == ["one", "two"]


def test_a_console_without_a_descriptor(started: Starter, capsys: pytest.CaptureFixture[str]) -> None:
    logs = started()
    LOG.info("中文")
    logs.stop()
    assert capsys.readouterr().err.endswith(" INFO 中文\n")


def test_stopping_twice_and_starting_again(started: Starter, tmp_path: Path) -> None:
    for number in range(3):
        logs = started()
        LOG.info("run %d", number)
        logs.stop()
        logs.stop()
    assert [line[-5:] for line in lines(tmp_path)] == ["run 0", "run 1", "run 2"]


def test_loggers_are_as_they_were_after_stopping(started: Starter) -> None:
    loggers = [logging.getLogger(name) for name in (log.LOGGER, "asyncio")]
    before = [(each.handlers[:], each.level, each.propagate) for each in loggers]
    logs = started(level="debug")
    assert all(not each.propagate for each in loggers)
    logs.stop()
    assert [(each.handlers[:], each.level, each.propagate) for each in loggers] == before
