"""Prompts go where the user asked for them, and by default nowhere."""

import io
import logging
import os
import stat
import sys
import time
from pathlib import Path

import pytest

from aiclient2api.canonical.events import Finish
from aiclient2api.canonical.request import Base64, Image, Request, Text, ToolResult, Turn
from aiclient2api.canonical.response import Response
from aiclient2api.canonical.usage import Usage
from aiclient2api.observe.promptlog import PromptLog
from aiclient2api.observe.redact import Redactor

CANARY = "Canary0123456789-abc_DEF"
REQUEST = Request(
    dialect="anthropic",
    model="m",
    turns=(
        Turn("user", (Text("first"),)),
        Turn("assistant", (Text("hello"),)),
        Turn("user", (Text("What is "), Image(Base64("image/png", "AAAA")), Text(f"password: {CANARY} ? 中文"))),
        Turn("assistant", (Text("prefill"),)),
    ),
)
ANSWER = Response("id", "m", (Text("It is "), Text(f"sk-{CANARY}.")), Finish("end"), Usage())


def prompt_log(mode: str, folder: Path) -> PromptLog:
    return PromptLog(mode, folder / "prompt_log", Redactor([f"{CANARY}-known"]))


def use(log: PromptLog) -> None:
    log.request("req_1", REQUEST)
    log.exchange("req_1", "request", f'{{"accessToken":"{CANARY}"}}'.encode())
    log.exchange("req_1", "answer", b"\xff half \xe4\xb8")
    log.answer("req_1", ANSWER)


def entries(folder: Path) -> list[str]:
    """Each entry without its time."""
    [path] = folder.iterdir()
    assert path.name == f"prompt_log-{time.strftime('%Y%m%d')}.log"
    stamp = len("2026-11-24 12:00:00 ")
    return [line[stamp:] for line in path.read_text("utf-8").splitlines()]


QUESTION = "[req_1] > m: What is password: *** ? 中文"
SAID = "[req_1] < end: It is ***"


def test_none_writes_nothing_at_all(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log = prompt_log("none", tmp_path)
    use(log)
    assert (log.on, log.raw) == (False, False)
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


def test_console(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log = prompt_log("console", tmp_path)
    use(log)
    assert (log.on, log.raw) == (True, False)
    assert list(tmp_path.iterdir()) == []
    out, err = capfd.readouterr()
    assert [line[20:] for line in out.splitlines()] == [QUESTION, SAID]
    assert err == ""


def test_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log = prompt_log("file", tmp_path)
    use(log)
    assert (log.on, log.raw) == (True, False)
    assert entries(tmp_path) == [QUESTION, SAID]
    assert capfd.readouterr() == ("", "")


def test_full(tmp_path: Path) -> None:
    log = prompt_log("full", tmp_path)
    use(log)
    assert (log.on, log.raw) == (True, True)
    assert entries(tmp_path) == [
        QUESTION,
        '[req_1] raw request: {"accessToken":"***"}',
        "[req_1] raw answer: \\xff half \\xe4\\xb8",
        SAID,
    ]


@pytest.mark.parametrize("mode", ["file", "full"])
def test_the_file_is_private_under_any_umask_and_was_so_before(tmp_path: Path, mode: str) -> None:
    path = tmp_path / f"prompt_log-{time.strftime('%Y%m%d')}.log"
    path.write_text("")
    path.chmod(0o666)
    before = os.umask(0)
    try:
        use(prompt_log(mode, tmp_path))
        use(prompt_log(mode, tmp_path / "new" / "folder"))
    finally:
        os.umask(before)
    made = tmp_path / "new" / "folder" / path.name
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(made.stat().st_mode) == 0o600
    assert stat.S_IMODE(made.parent.stat().st_mode) == 0o700


def test_entries_are_appended(tmp_path: Path) -> None:
    for _ in range(2):
        use(prompt_log("file", tmp_path))
    assert entries(tmp_path) == [QUESTION, SAID] * 2


def test_no_canary_is_written(tmp_path: Path) -> None:
    log = prompt_log("full", tmp_path)
    log.request("r", Request(dialect="d", model="m", turns=(Turn("user", (Text(f"it is {CANARY}-known"),)),)))
    log.exchange("r", "request", f"Authorization: Bearer {CANARY}\r\nx-api-key: {CANARY}\r\n".encode())
    log.exchange("r", "answer", f'{{"refreshToken": "{CANARY}", "clientSecret":"{CANARY}"}}'.encode())
    [path] = tmp_path.iterdir()
    assert CANARY not in path.read_text("utf-8")


@pytest.mark.parametrize(
    "turns", [(), (Turn("assistant", (Text("a"),)),), (Turn("user", (ToolResult("c", (Text("r"),)),)),)]
)
def test_without_a_question_there_is_an_empty_one(tmp_path: Path, turns: tuple[Turn, ...]) -> None:
    prompt_log("file", tmp_path).request("r", Request(dialect="d", model="m", turns=turns))
    assert entries(tmp_path) == ["[r] > m: "]


def test_a_log_that_cannot_be_written_harms_no_request(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    log = prompt_log("full", tmp_path / "file")
    with caplog.at_level(logging.WARNING):
        use(log)
        use(log)
    assert [record.message.split(" (")[0] for record in caplog.records] == ["the prompt log cannot be written"]
    assert CANARY not in caplog.text


def test_a_console_that_knows_ascii_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    prompt_log("console", tmp_path).request("r", REQUEST)
    assert raw.getvalue().endswith(rb"password: *** ? \u4e2d\u6587" + b"\n")


def test_a_closed_console(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    closed = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    closed.close()
    monkeypatch.setattr(sys, "stdout", closed)
    with caplog.at_level(logging.WARNING):
        use(prompt_log("console", tmp_path))
    assert "the prompt log cannot be written" in caplog.text
