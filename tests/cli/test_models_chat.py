"""`models` and `chat`: straight through the providers, without a server (A7, B7, C8)."""

import asyncio
import json
from pathlib import Path

import msgspec
import pytest

from aiclient2api.simulator import Step, make_handler
from aiclient2api.simulator.script import Failure
from tests.cli.homes import app_login, kiro_settings, names_in, upstream_settings
from tests.e2e.process import command
from tests.gateway.rig import CLAUDE, KIRO, OPENAI, SECRETS, fault, serving, simulated

pytestmark = pytest.mark.e2e

GUIDE_NAMES = {
    "claude-sonnet-4-20250514",
    "claude-3-7-sonnet-20250219",
    "amazonq-claude-sonnet-4-20250514",
    "amazonq-claude-3-7-sonnet-20250219",
}


async def test_models_of_all_providers(tmp_path: Path) -> None:
    simulation = simulated()
    app_login(tmp_path, simulation)
    async with serving(make_handler(simulation)) as base:
        settings = upstream_settings(base) | SECRETS
        as_json, plain = await asyncio.gather(
            command(tmp_path, "models", "--json", **settings), command(tmp_path, "models", **settings)
        )
    rows = json.loads(as_json.stdout)
    providers = {row["provider"] for row in rows}
    assert {"claude-kiro-oauth", "claude-custom", "openai-custom"} <= providers
    kiro = {row["id"]: row for row in rows if row["provider"] == "claude-kiro-oauth"}
    assert {*kiro} >= GUIDE_NAMES
    assert kiro["claude-sonnet-5"]["max_input_tokens"] == 1_000_000
    assert "gpt-5.1" in {row["id"] for row in rows if row["provider"] == "openai-custom"}
    assert len(plain.stdout.splitlines()) == len(rows)
    assert all(row["id"] in plain.stdout for row in rows)


async def test_models_without_a_live_list_are_those_of_the_table(tmp_path: Path) -> None:
    """B7."""
    down = Step(target="*.ListAvailableModels", times=None, status=500, body=msgspec.Raw(b'"down"'))
    simulation = simulated(down)
    app_login(tmp_path, simulation)
    async with serving(make_handler(simulation)) as base:
        ended = await command(tmp_path, "models", "--json", **kiro_settings(base))
    assert ended.code == 0
    assert {*GUIDE_NAMES, "claude-sonnet-4.5"} <= {row["id"] for row in json.loads(ended.stdout)}


async def test_chat(tmp_path: Path) -> None:
    by_argument, by_stdin, as_json = await asyncio.gather(
        command(tmp_path, "chat", "你是谁"),
        command(tmp_path, "chat", "--model", "claude-haiku-4-5", "--system", "Be brief.", stdin="who are you?\n"),
        command(tmp_path, "chat", "hello", "--json"),
    )
    for ended in (by_argument, by_stdin, as_json):
        assert (ended.code, ended.stderr) == (0, "")
    assert by_argument.stdout == "[simulated] 我是 aiclient2api 内置的模拟器，背后没有模型。\n"
    assert by_stdin.stdout == "[simulated] I am the simulator built into aiclient2api; there is no model behind me.\n"
    answer = json.loads(as_json.stdout)
    assert answer["model"] == "claude-sonnet-4-5"
    assert answer["text"].startswith("[simulated]")
    assert answer["usage"]["input"] > 0
    assert answer["usage"]["output"] > 0
    assert answer["usage"]["estimated"] is False


async def test_chat_that_fails(tmp_path: Path) -> None:
    missing = str(tmp_path / "nowhere.json")
    no_login, no_question, no_model = await asyncio.gather(
        command(tmp_path, "chat", "hello", KIRO_OAUTH_CREDS_FILE_PATH=missing),
        command(tmp_path, "chat", stdin="  \n"),
        command(tmp_path, "chat", "hello", "--model", "no model of this name"),
    )
    assert no_login.code == 1
    assert f"[Kiro Auth] Credential file not found: {missing}" in no_login.stderr
    assert no_question.code == 2
    assert no_model.code == 1
    assert "no model of this name" in no_model.stderr
    assert "Traceback" not in no_login.stderr + no_question.stderr + no_model.stderr


BREAKS: dict[str, tuple[str, Step, str]] = {
    "the service fails": (KIRO, fault(KIRO, exception=Failure(after=6)), "Something went wrong (scripted)."),
    "the connection ends": (KIRO, fault(KIRO, cut_after=1200), "the connection ended in the body of the answer"),
    "an error event": (CLAUDE, fault(CLAUDE, exception=Failure(after=6)), "Something went wrong (scripted)."),
    "the connection of chunks ends": (
        OPENAI,
        fault(OPENAI, cut_after=1200),
        "the connection ended in the body of the answer",
    ),
}


@pytest.mark.parametrize(("provider", "step", "why"), BREAKS.values(), ids=BREAKS)
async def test_chat_says_that_an_answer_broke_off(tmp_path: Path, provider: str, step: Step, why: str) -> None:
    simulation = simulated(step, pace=0.05)  # in one piece with the fault, no word would count as sent
    app_login(tmp_path, simulation)
    model = ("--model", "gpt-5.1") if provider == OPENAI else ()
    async with serving(make_handler(simulation)) as base:
        settings = upstream_settings(base) | SECRETS | {"MODEL_PROVIDER": provider}
        plain, as_json = await asyncio.gather(
            command(tmp_path, "chat", "hello", *model, **settings),
            command(tmp_path, "chat", "hello", "--json", *model, **settings),
        )
    assert plain.code == as_json.code == 1
    assert plain.stdout.startswith("[simulated]")
    assert plain.stdout.endswith("\n")
    for ended in (plain, as_json):
        assert "Error: The answer is not whole." in ended.stderr
        assert why in ended.stderr
        assert "Traceback" not in ended.stderr
    told = json.loads(as_json.stdout)
    assert told["text"].startswith("[simulated]")
    assert why in told["error"]


async def test_demo(tmp_path: Path) -> None:
    """A1: the six examples, no account, nothing left behind."""
    plain, as_json = await asyncio.gather(command(tmp_path, "demo"), command(tmp_path, "demo", "--json"))
    assert plain.code == as_json.code == 0
    rows = json.loads(as_json.stdout)
    assert len(rows) == 7
    assert all(row["right"] and row["status"] == 200 for row in rows)
    assert "All answers were right." in plain.stdout
    assert "\x1b[" not in plain.stdout  # no colours in a pipe
    assert names_in(tmp_path) == {"work"}
