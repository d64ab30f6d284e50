"""The operator's system prompt (C11) and the prompt log (C12), over the codecs and past them."""

import json
import os
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.answers import CHAT, FRONTS, MESSAGES, Json, asks, error_of, read
from tests.gateway.rig import BACKS, CLAUDE, KIRO, OPENAI, SECRETS, rig

MODELS = {KIRO: "claude-sonnet-5", CLAUDE: "claude-sonnet-5", OPENAI: "gpt-5.1"}


def with_system(front: str, back: str, system: str) -> Json:
    body = asks(front, model=MODELS[back])
    if front == MESSAGES:
        return body | {"system": system}
    return body | {"messages": [{"role": "system", "content": system}, *body["messages"]]}


def system_of(back: str, body: Json) -> str:
    """The system text that an upstream was sent."""
    if back == KIRO:
        history = body["conversationState"].get("history", [])
        return str(history[0]["userInputMessage"]["content"]) if history else ""
    if back == CLAUDE:
        system = body.get("system", "")
        return system if isinstance(system, str) else "\n".join(block["text"] for block in system)
    texts = [each["content"] for each in body["messages"] if each["role"] in ("system", "developer")]
    return "\n".join(each if isinstance(each, str) else "".join(part["text"] for part in each) for each in texts)


@pytest.mark.parametrize("back", BACKS)
@pytest.mark.parametrize("front", FRONTS)
async def test_append_and_overwrite(tmp_path: Path, front: str, back: str) -> None:
    (tmp_path / "prompt.txt").write_text("OPERATOR speaks 中文.\n", "utf-8")
    for mode in ("append", "overwrite"):
        settings: dict[str, Any] = {"SYSTEM_PROMPT_FILE_PATH": "prompt.txt", "SYSTEM_PROMPT_MODE": mode}
        async with rig(tmp_path, first=back, **settings) as running:
            read(front, await running.ask(front, with_system(front, back, "CLIENT speaks.")))
            read(front, await running.ask(front, asks(front, model=MODELS[back])))
            first, second = (system_of(back, body) for body in running.upstream_bodies(back))
            assert "OPERATOR speaks 中文." in first
            assert "OPERATOR speaks 中文." in second
            assert ("CLIENT speaks." in first) == (mode == "append")
            if mode == "append":  # a cached prefix of the client's stays what it was
                assert first.index("CLIENT") < first.index("OPERATOR")


@pytest.mark.parametrize("back", BACKS)
async def test_the_file_is_read_again_when_it_changes(tmp_path: Path, back: str) -> None:
    path = tmp_path / "prompt.txt"
    path.write_text("first words", "utf-8")
    front = CHAT if back == OPENAI else MESSAGES
    async with rig(tmp_path, first=back, SYSTEM_PROMPT_FILE_PATH=str(path)) as running:
        seen: list[str] = []
        for words in ("first words", "other words", ""):
            path.write_text(words, "utf-8")
            os.utime(path, ns=(len(seen) * 10**9, len(seen) * 10**9))
            read(front, await running.ask(front, asks(front, model=MODELS[back])))
            seen.append(system_of(back, running.upstream_bodies(back)[-1]))
        assert "first words" in seen[0]
        assert "other words" in seen[1]
        assert "first words" not in seen[1]
        assert "words" not in seen[2]
        path.unlink()
        reply = await running.ask(front, asks(front, model=MODELS[back]))
        assert reply.status >= 500  # never a request that goes out without it
        assert "SYSTEM_PROMPT_FILE_PATH" in error_of(front, reply)["message"]
        assert len(running.upstream_bodies(back)) == 3


@pytest.mark.parametrize("back", BACKS)
@pytest.mark.parametrize("front", FRONTS)
async def test_replacements(tmp_path: Path, front: str, back: str) -> None:
    """Literal, in order, in system texts and nowhere else."""
    replacements = [
        {"old": "CLIENT", "new": "GUEST"},
        {"old": "GUEST (", "new": "VISITOR ("},
        {"old": ".*", "new": "!"},
    ]
    async with rig(tmp_path, first=back, SYSTEM_PROMPT_REPLACEMENTS=replacements) as running:
        body = with_system(front, back, "You serve the CLIENT (a.*b).")
        body["messages"][-1]["content"] = "I am the CLIENT."
        read(front, await running.ask(front, body))
        sent = running.upstream_bodies(back)[0]
        assert "You serve the VISITOR (a!b)." in system_of(back, sent)
        assert "I am the CLIENT." in json.dumps(sent)


QUESTION = "a question with the canary word Wolpertinger"


def written(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text("utf-8", "replace") for path in folder.rglob("*") if path.is_file()}


def prompt_logs(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("my_prompts*") if path.is_file()]


@pytest.mark.parametrize("back", BACKS)
@pytest.mark.parametrize("mode", ["none", "console", "file", "full"])
async def test_modes_of_the_prompt_log(
    tmp_path: Path, mode: str, back: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with rig(tmp_path, first=back, PROMPT_LOG_MODE=mode, PROMPT_LOG_BASE_NAME="my_prompts") as running:
        for front in FRONTS:
            for stream in (False, True):
                body = asks(front, QUESTION, stream=stream, model=MODELS[back])
                assert "Wolpertinger" in read(front, await running.ask(front, body)).text
    out, errors = capsys.readouterr()
    assert "Wolpertinger" not in errors
    texts = written(tmp_path)
    holding = {name for name, text in texts.items() if "Wolpertinger" in text}
    if mode in ("none", "console"):
        assert holding == set()
        assert out.count(f"> {MODELS[back]}: {QUESTION}") == (4 if mode == "console" else 0)
        assert out.count("Wolpertinger") == (8 if mode == "console" else 0)  # each question, and its answer's echo
        return
    assert "Wolpertinger" not in out
    (path,) = prompt_logs(tmp_path)
    assert holding == {path.name}
    text = texts[path.name]
    assert text.count(f"> {MODELS[back]}: {QUESTION}") == 4
    assert text.count('[simulated] You said: "a question with') >= 4
    assert ("raw request: {" in text) == (mode == "full")
    assert not any(secret in text for secret in SECRETS.values())
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_secrets_in_prompts_are_redacted_in_the_log(tmp_path: Path) -> None:
    """C12: our own keys, and what looks like a key, even where a user pasted it."""
    pasted = f"my keys: {SECRETS['CLAUDE_API_KEY']} and sk-abcdefghijklmnopqrstuvwxyz and Bearer abcdef123456"
    async with rig(tmp_path, PROMPT_LOG_MODE="file", PROMPT_LOG_BASE_NAME="my_prompts") as running:
        reply = await running.ask(CHAT, asks(CHAT, pasted))
        running.replies.clear()  # the answer quotes what the user sent
        assert SECRETS["CLAUDE_API_KEY"] in read(CHAT, reply).text
    (path,) = prompt_logs(tmp_path)
    text = path.read_text("utf-8")
    assert "my keys: ***" in text
    for secret in (SECRETS["CLAUDE_API_KEY"], "abcdefghijklmnopqrstuvwxyz", "abcdef123456"):
        assert secret not in text


async def test_a_log_that_cannot_be_written_does_not_stop_answers(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"PROMPT_LOG_MODE": "file", "PROMPT_LOG_BASE_NAME": "no/such/folder/log"}
    async with rig(tmp_path, **settings) as running:
        for stream in (False, True):
            assert read(CHAT, await running.ask(CHAT, asks(CHAT, stream=stream))).text
