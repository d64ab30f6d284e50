"""The simulated sign-in services on loopback, reached by the real HTTP client; time passes in waiting only."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec

from aiclient2api.credentials.credential import Credential
from aiclient2api.credentials.google import GoogleLogin, google_scheme
from aiclient2api.credentials.kiro_login import KiroLogin
from aiclient2api.credentials.login.device import Prompt
from aiclient2api.credentials.login.talk import Means
from aiclient2api.credentials.refresh import read_refresh, refresh_request
from aiclient2api.http1.client import Client
from aiclient2api.http1.messages import Deadlines, Outbound
from aiclient2api.simulator import Simulation, Step, make_handler
from aiclient2api.simulator.simulation import Recorded
from tests.gateway.rig import serving

PENDING = "authorization_pending", "AuthorizationPendingException"
SLOW_DOWN = "slow_down", "SlowDownException"
DENIED = "access_denied", "AccessDeniedException"
EXPIRED = "expired_token", "ExpiredTokenException"
DEADLINES = Deadlines(connect=5.0, head=5.0, idle=5.0, total=10.0)


def answers(path: str, error: tuple[str, str], at: int = 1, times: int | None = 1, **members: str) -> Step:
    """A step in which the service answers with an error of AWS SSO-OIDC."""
    body = json.dumps({"error": error[0], "error_description": "as the script says"} | members).encode()
    headers = {"x-amzn-errortype": error[1]}
    return Step(path=path, at=at, times=times, status=400, headers=headers, body=msgspec.Raw(body))


@dataclass
class World:
    """`base` is the services' address; `slept` are the waits, `shown` the prompts."""

    simulation: Simulation
    base: str
    client: Client
    proxy: str | None = None
    now: float = field(default_factory=time.time)
    slept: list[float] = field(default_factory=list)
    shown: list[Prompt] = field(default_factory=list)

    @property
    def means(self) -> Means:
        return Means(self.send, lambda: self.now, self.sleep)

    async def send(self, request: Outbound, deadlines: Deadlines) -> tuple[int, Mapping[str, str], bytes]:
        return await self.client.fetch(msgspec.structs.replace(request, proxy=self.proxy), deadlines)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)

    def show(self, prompt: Prompt) -> None:
        self.shown.append(prompt)

    async def open(self, url: str) -> tuple[int, Mapping[str, str], bytes]:
        """As a browser does, redirects included."""
        status, headers, body = await self.client.fetch(Outbound(method="GET", url=url), DEADLINES)
        return await self.open(headers["location"]) if status == 302 else (status, headers, body)

    async def refreshed(self, credential: Credential) -> Credential:
        """The service renews what it has given."""
        if credential.auth_method == "google":
            request = google_scheme(GoogleLogin(token_url=f"{self.base}/token")).refresh_request(credential, self.now)
        else:
            login = KiroLogin(refresh_url=f"{self.base}/refreshToken", refresh_idc_url=f"{self.base}/token")
            request = refresh_request(credential, login, self.now)
        answer = read_refresh(credential, *await self.send(request, DEADLINES), self.now)
        assert isinstance(answer, Credential), answer
        assert self.simulation.token(answer.access_token.reveal()) is not None
        return answer

    def requests(self, path: str) -> list[Recorded]:
        return [each for each in self.simulation.recorded if each.path == path]

    def bodies(self, path: str) -> list[Any]:
        return [json.loads(each.body) for each in self.requests(path)]


@asynccontextmanager
async def world(*steps: Step) -> AsyncIterator[World]:
    simulation = Simulation(seed="login tests", clock=lambda: made.now, pace=0.0, steps=steps, keep=10_000)
    client = Client()
    async with serving(make_handler(simulation)) as base:
        made = World(simulation, base, client)
        try:
            yield made
        finally:
            await client.close()
