"""Secrets and prompts stay where they belong (A4, C12, E3): a gateway with canaries everywhere, at LOG_LEVEL debug.

After normal answers, refused keys, failing and echoing upstreams, none of the canaries may stand on standard output or
error, in any file, or in any answer; nor may a word of a prompt.
"""

import json
import signal
import stat
import sys
from pathlib import Path

import msgspec
import pytest

from aiclient2api.http1.messages import Exchange
from aiclient2api.simulator import Step, make_handler
from tests.cli.homes import upstream_settings
from tests.e2e.process import Served, command, serving
from tests.gateway.answers import CHAT, FRONTS, MESSAGES, asks
from tests.gateway.client import ask
from tests.gateway.rig import fault, simulated
from tests.gateway.rig import serving as listening

pytestmark = pytest.mark.e2e

KEY = "canary-gateway-key-0123456789"
WRONG = "canary-wrong-key-0123456789"
SETTINGS = {
    "REQUIRED_API_KEY": KEY,
    "CLAUDE_API_KEY": "canary-claude-key-0123456789",
    "OPENAI_API_KEY": "canary-openai-key-0123456789",
    "LOG_LEVEL": "debug",
    "REQUEST_BASE_DELAY": "1",
    "REQUEST_MAX_RETRIES": "1",
    "MODEL_PROVIDER": "claude-kiro-oauth,claude-custom,openai-custom",
}
PROMPT = "Wolpertinger"
MODELS = {"claude-kiro-oauth": "claude-sonnet-5", "claude-custom": "claude-sonnet-5", "openai-custom": "gpt-5.1"}


class Searched:
    """What the gateway gave away: answers, its outputs, and every file but those where a secret is kept on purpose:
    the login file, and the last good copy of it in the data folder, which is for the owner's eyes only."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.texts: dict[str, str] = {}

    async def ask(self, served: Served, route: str, body: object, **headers: str) -> int:
        given = {"x-api-key": KEY} | headers
        reply = await ask(served.base, "POST", route, given, json.dumps(body).encode())
        place = f"answer {len(self.texts)} to {route} ({reply.status})"
        self.texts[place] = f"{dict(reply.headers)} {reply.body.decode()}"
        return reply.status

    def files(self) -> None:
        for path in self._folder.rglob("*"):
            if path.is_file() and path.parent.name == "credentials":
                assert sys.platform == "win32" or stat.S_IMODE(path.stat().st_mode) == 0o600
            elif path.is_file() and path.name != "login.json":
                self.texts[str(path.relative_to(self._folder))] = path.read_text("utf-8", "replace")

    def holding(self, word: str) -> list[str]:
        return [place for place, text in self.texts.items() if word in text]


async def test_canaries(tmp_path: Path) -> None:
    steps = [
        *(fault(name, times=1, status=500, body=raw_json({"message": "oops"})) for name in MODELS),
        Step(target="*.GenerateAssistantResponse", at=4, expire_tokens=True),
    ]
    simulation = simulated(*steps)
    login = simulation.credential("idc")
    path = tmp_path / "login.json"
    path.write_text(json.dumps(login), "utf-8")
    found = Searched(tmp_path)
    async with listening(make_handler(simulation)) as upstream:
        kiro = {"KIRO_OAUTH_CREDS_FILE_PATH": str(path), "KIRO_REFRESH_IDC_URL": f"{upstream}/token"}
        settings = SETTINGS | upstream_settings(upstream) | kiro
        async with serving(tmp_path, "--port", "0", **settings) as served:
            for name, model in MODELS.items():
                for route in FRONTS:
                    for stream in (False, True):
                        body = asks(route, f"Say {PROMPT}.", stream=stream, model=model)
                        assert await found.ask(served, f"/{name}{route}", body) == 200
            for route in (*FRONTS, "/v1/nothing"):
                body = asks(route, PROMPT)
                assert await found.ask(served, f"{route}?key={WRONG}", body, **{"x-api-key": WRONG}) in (401, 404)
                assert await found.ask(served, route, {"messages": PROMPT}) in (400, 404)
            served.send(signal.SIGTERM)
            assert await served.ended() == 0
            found.texts["standard output"] = await served.rest_of_stdout()
    found.files()
    refreshed = json.loads(path.read_text("utf-8"))
    assert simulation.counts["refresh"] == 1
    secrets = [KEY, WRONG, SETTINGS["CLAUDE_API_KEY"], SETTINGS["OPENAI_API_KEY"]]
    for name in ("accessToken", "refreshToken", "clientSecret"):
        secrets += [login[name], refreshed[name]]
    for secret in secrets:
        assert found.holding(secret) == [], secret
    echoes = {place for place in found.holding(PROMPT) if "(200)" in place}
    assert set(found.holding(PROMPT)) == echoes  # the answers to whom it was said, and nothing else
    assert any("app.log" in place for place in found.texts)


def raw_json(value: object) -> msgspec.Raw:
    return msgspec.Raw(json.dumps(value).encode())


@pytest.mark.parametrize("status", [400, 401, 429, 500])
async def test_an_upstream_that_echoes_our_key(tmp_path: Path, status: int) -> None:
    """Vendors quote keys in their errors; the gateway's clients are not the owners of its keys."""

    async def echo(exchange: Exchange) -> None:
        given = exchange.headers.get("x-api-key") or exchange.headers.get("authorization", "")
        text = f"Incorrect API key provided: {given}."
        body = json.dumps({"type": "error", "message": text, "error": {"type": "api_error", "message": text}})
        await exchange.respond(status, [("content-type", "application/json")], body.encode())

    simulation = simulated()
    login = tmp_path / "login.json"
    login.write_text(json.dumps(simulation.credential()), "utf-8")
    found = Searched(tmp_path)
    async with listening(echo) as upstream:
        settings = SETTINGS | upstream_settings(upstream) | {"KIRO_OAUTH_CREDS_FILE_PATH": str(login)}
        async with serving(tmp_path, "--port", "0", **settings) as served:
            for name in MODELS:
                for route in (CHAT, MESSAGES):
                    assert await found.ask(served, f"/{name}{route}", asks(route)) >= 400
            served.send(signal.SIGTERM)
            assert await served.ended() == 0
            found.texts["standard output"] = await served.rest_of_stdout()
    found.files()
    token = json.loads(login.read_text("utf-8"))["accessToken"]
    for secret in (SETTINGS["CLAUDE_API_KEY"], SETTINGS["OPENAI_API_KEY"], token):
        assert found.holding(secret) == [], secret


async def test_commands_show_no_secret(tmp_path: Path) -> None:
    simulation = simulated(Step(path="/v1/models", times=None, status=401, body=raw_json({"message": "no"})))
    login = tmp_path / "login.json"
    login.write_text(json.dumps(simulation.credential()), "utf-8")
    async with listening(make_handler(simulation)) as upstream:
        settings = SETTINGS | upstream_settings(upstream) | {"KIRO_OAUTH_CREDS_FILE_PATH": str(login)}
        outputs = [
            await command(tmp_path, *arguments, **settings)
            for arguments in (("doctor",), ("doctor", "--json"), ("models",), ("config", "show"), ("chat", "hi"))
        ]
    text = "".join(ended.stdout + ended.stderr for ended in outputs)
    token = json.loads(login.read_text("utf-8"))
    for secret in (KEY, SETTINGS["CLAUDE_API_KEY"], token["accessToken"], token["refreshToken"]):
        assert secret not in text
