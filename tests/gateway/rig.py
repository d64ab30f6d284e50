"""A whole gateway on a free port, in the test's loop, over the simulated services on another port.

Kiro (with a login file that the simulation wrote), Anthropic and OpenAI are all configured; `first` is the default.
When a rig is taken down it holds every request that reached Kiro against the service's JSON Schema, and looks for
secrets in everything that was answered or logged.
"""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema

from aiclient2api.gateway.assembly import Gateway
from aiclient2api.http1.messages import Handler, Limits
from aiclient2api.http1.server import Server
from aiclient2api.settings.load import load
from aiclient2api.settings.places import Places
from aiclient2api.simulator import Simulation, Step, make_handler
from aiclient2api.simulator.simulation import Recorded
from tests.gateway.answers import FRONTS, Json
from tests.gateway.client import Body, Call, Reply, ask, calling

KIRO, CLAUDE, OPENAI = "claude-kiro-oauth", "claude-custom", "openai-custom"
BACKS = (KIRO, CLAUDE, OPENAI)
KEY = "key-of-the-tests-long-enough"
SECRETS = {"CLAUDE_API_KEY": "canary-claude-key-123456", "OPENAI_API_KEY": "canary-openai-key-123456"}

MODEL_CALL: dict[str, dict[str, Any]] = {
    KIRO: {"target": "*.GenerateAssistantResponse"},
    CLAUDE: {"path": "/v1/messages"},
    OPENAI: {"path": "/v1/chat/completions"},
}
"""What a script's step must name to meet a model call of a back, and nothing else."""

_SCHEMAS = Path(__file__).parent.parent / "data" / "kiro" / "schemas"
_REQUEST = jsonschema.Draft202012Validator(
    json.loads((_SCHEMAS / "generate-assistant-response.request.schema.json").read_text("utf-8"))
)


def fault(back: str, *, times: int | None = None, **members: Any) -> Step:
    """A step that meets the model calls of a back; always, unless `times` says how often."""
    return Step(**MODEL_CALL[back], times=times, **members)


def refuse(status: int, message: str) -> tuple[list[tuple[str, str]], bytes]:
    return [("content-type", "text/plain")], f"{status} {message}".encode()


def simulated(*steps: Step, pace: float = 0.0) -> Simulation:
    return Simulation(seed="gateway tests", clock=time.time, pace=pace, steps=steps, keep=100_000)


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """The base URL under which the handler answers."""
    server = Server(handler, Limits(), refuse)
    (_, port), *_ = await server.listen("127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await server.stop(0)


@dataclass
class Rig:
    """`base` is the gateway's address, `upstream` that of the services behind it, `login` the Kiro token file."""

    simulation: Simulation
    upstream: str
    base: str
    gateway: Gateway
    folder: Path
    login: Path
    replies: list[Reply] = field(default_factory=list)

    async def ask(
        self, route: str, body: Body, *, method: str = "POST", headers: Mapping[str, str] | None = None
    ) -> Reply:
        """A request with the right key (an empty x-api-key in `headers` takes it away)."""
        reply = await ask(self.base, method, route, {"x-api-key": KEY} | dict(headers or {}), body)
        self.replies.append(reply)
        return reply

    async def get(self, route: str, **headers: str) -> Reply:
        return await self.ask(route, None, method="GET", headers=headers)

    @asynccontextmanager
    async def calling(self, route: str, body: Body) -> AsyncIterator[Call]:
        async with calling(self.base, "POST", route, {"x-api-key": KEY}, body) as call:
            yield call

    # --- what reached the services

    @property
    def kiro_requests(self) -> list[Json]:
        """Bodies of the model calls to Kiro."""
        return [json.loads(each.body) for each in self.simulation.recorded if is_kiro_call(each)]

    def upstream_bodies(self, back: str) -> list[Json]:
        """Bodies of the model calls to a back."""
        if back == KIRO:
            return self.kiro_requests
        path = MODEL_CALL[back]["path"]
        return [json.loads(each.body) for each in self.simulation.recorded if each.path == path]

    def attempts(self, back: str = KIRO) -> int:
        return len(self.upstream_bodies(back))


def is_kiro_call(recorded: Recorded) -> bool:
    named = recorded.headers.get("x-amz-target", "").endswith(".GenerateAssistantResponse")
    return named or recorded.path == "/generateAssistantResponse"


@asynccontextmanager
async def rig(
    folder: Path, *steps: Step, first: str = KIRO, handler: Handler | None = None, pace: float = 0.0, **settings: Any
) -> AsyncIterator[Rig]:
    """A running gateway. `handler` stands in place of the simulated services; `settings` are keys of the contract."""
    simulation = simulated(*steps, pace=pace)
    login = folder / "kiro-auth-token.json"
    login.write_text(json.dumps(simulation.credential()), "utf-8")
    heard = _Heard()
    async with serving(handler or make_handler(simulation)) as upstream:
        values = _values(upstream, login, first) | settings
        environ = {name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}
        where = Places(home=folder, data_dir=folder / "data", here=folder)
        gateway = Gateway(load(None, environ, {}).settings, where, {}, (KEY,), pace=0.0)
        logging.getLogger("aiclient2api").addHandler(heard)
        try:
            _, port = await gateway.start("127.0.0.1", 0)
            running = Rig(simulation, upstream, f"http://127.0.0.1:{port}", gateway, folder, login)
            yield running
        finally:
            await gateway.stop(0)
            logging.getLogger("aiclient2api").removeHandler(heard)
    _check_kiro_requests(simulation)
    _check_secrets(running, heard.lines)


def _values(upstream: str, login: Path, first: str) -> dict[str, Any]:
    return SECRETS | {
        "MODEL_PROVIDER": [first, *(back for back in BACKS if back != first)],
        "KIRO_OAUTH_CREDS_FILE_PATH": str(login),
        "KIRO_BASE_URL": upstream,
        "KIRO_REFRESH_URL": f"{upstream}/refreshToken",
        "CLAUDE_BASE_URL": upstream,
        "OPENAI_BASE_URL": f"{upstream}/v1",
        "GEMINI_BASE_URL": upstream,
        "REQUEST_BASE_DELAY": 1,
        "CRON_REFRESH_TOKEN": False,
    }


class _Heard(logging.Handler):
    """What was logged, before any redaction."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def _check_kiro_requests(simulation: Simulation) -> None:
    for recorded in simulation.recorded:
        if is_kiro_call(recorded):
            errors = sorted(_REQUEST.iter_errors(json.loads(recorded.body)), key=str)
            assert not errors, [f"{error.json_path}: {error.message[:300]}" for error in errors]


def _check_secrets(running: Rig, lines: list[str]) -> None:
    login = json.loads(running.login.read_text("utf-8"))
    secrets = [KEY, *SECRETS.values(), login["accessToken"], login["refreshToken"]]
    texts = [*lines, *(f"{reply.headers} {reply.body!r}" for reply in running.replies)]
    for secret in secrets:
        assert not any(secret in text for text in texts), secret


async def eventually(condition: Callable[[], bool], seconds: float = 1.0) -> None:
    """Returns when `condition()` is true; fails after `seconds`."""
    give_up = time.monotonic() + seconds
    for _ in iter(condition, True):
        assert time.monotonic() < give_up
        await asyncio.sleep(0.005)


FRONT_AND_BACK = [(front, back) for front in FRONTS for back in BACKS]
