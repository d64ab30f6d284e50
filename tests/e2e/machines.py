"""Two machines in one: gateways of two workers each, with folders of their own, behind the nginx of docs/workers.md."""

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from aiclient2api.http1.messages import Handler
from aiclient2api.simulator import Simulation
from aiclient2api.state import key_file
from aiclient2api.state.keys import FILE_NAME, Grants
from aiclient2api.state.limits import Limits
from tests.e2e.process import Served, serving
from tests.gateway.client import Reply, ask
from tests.gateway.rig import serving as listening
from tests.redis_server import RedisServer, free_port

PAGE = Path(__file__).parents[2] / "docs" / "workers.md"
ACCOUNTS = 3
CHAT = "/v1/chat/completions"
_HTTP = """
daemon off; master_process off; worker_processes 1; pid nginx.pid; error_log stderr crit;
events { worker_connections 1024; }
http {
    access_log off;
    client_body_temp_path temp; proxy_temp_path temp; fastcgi_temp_path temp; uwsgi_temp_path temp; scgi_temp_path temp;
    add_header x-gateway $upstream_addr always;
    %s
}
"""


@dataclass
class Machines:
    """`base` is nginx's address, `gateways` are the processes behind it."""

    base: str
    gateways: list[Served]
    key: str

    async def ask(self, body: dict[str, Any]) -> Reply:
        return await ask(self.base, "POST", CHAT, {"x-api-key": self.key}, body)

    def workers(self, number: int) -> list[int]:
        """The processes of one gateway's workers."""
        return [int(found) for found in re.findall(r"accepts requests, process (\d+)", self.gateways[number].stderr)]

    def kill(self, number: int) -> None:
        """kill -9 for the whole gateway."""
        for process in self.workers(number):
            os.kill(process, signal.SIGKILL)
        self.gateways[number].send(signal.SIGKILL)

    def logged(self, words: str) -> int:
        return sum(each.stderr.count(words) for each in self.gateways)


def answerer(reply: Reply) -> str:
    """The gateway that an answer came from; of several that were tried the last."""
    return reply.headers["x-gateway"].rpartition(", ")[2]


@asynccontextmanager
async def machines(
    folder: Path, simulation: Simulation, handler: Handler, redis: RedisServer, limits: Limits
) -> AsyncIterator[Machines]:
    """Two gateways with copies of the same logins, pool file and client key."""
    if shutil.which("nginx") is None:
        pytest.skip("nginx is not on PATH: tools/test_services.sh install")
    logins = [json.dumps(simulation.credential()) for _ in range(ACCOUNTS)]
    keys = folder / FILE_NAME
    _, key = key_file.create(keys, "shared", Grants(limits=limits), time.time())
    async with AsyncExitStack() as stack:
        upstream = await stack.enter_async_context(listening(handler))
        places = [_machine(folder / name, logins, keys) for name in ("one", "two")]
        gateways = await asyncio.gather(
            *(stack.enter_async_context(_gateway(place, upstream, redis.url)) for place in places)
        )
        base = stack.enter_context(_Nginx(folder, [each.base for each in gateways]))
        yield Machines(base, list(gateways), key)


def _machine(folder: Path, logins: list[str], keys: Path) -> Path:
    (folder / "data").mkdir(parents=True)
    shutil.copy(keys, folder / "data" / FILE_NAME)
    accounts = []
    for number, login in enumerate(logins):
        path = folder / f"login-{number}.json"
        path.write_text(login, "utf-8")
        accounts.append({"KIRO_OAUTH_CREDS_FILE_PATH": str(path), "uuid": f"account-{number}"})
    (folder / "pools.json").write_text(json.dumps({"claude-kiro-oauth": {"accounts": accounts}}), "utf-8")
    return folder


@asynccontextmanager
async def _gateway(folder: Path, upstream: str, redis: str) -> AsyncIterator[Served]:
    settings = {
        "REDIS_URL": redis,
        "DATA_DIR": str(folder / "data"),
        "PROVIDER_POOLS_FILE_PATH": str(folder / "pools.json"),
        "KIRO_BASE_URL": upstream,
        "KIRO_REFRESH_URL": f"{upstream}/refreshToken",
        "REQUIRED_API_KEY": "key-of-the-tests-long-enough",
        "CRON_REFRESH_TOKEN": "false",
        "HOST": "127.0.0.1",
    }
    async with serving(folder, "serve", "--port", "0", "--workers", "2", **settings) as served:
        yield served


class _Nginx:
    """nginx with the configuration of the page, at our addresses."""

    def __init__(self, folder: Path, gateways: list[str]) -> None:
        self._folder = folder / "nginx"
        (self._folder / "temp").mkdir(parents=True)
        self._port = free_port()
        (shown,) = re.findall(r"```nginx\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
        for example, gateway in zip(re.findall(r"10\.0\.0\.1\d:3000", shown), gateways, strict=True):
            shown = shown.replace(example, gateway.removeprefix("http://"))
        shown = shown.replace("listen 8080;", f"listen 127.0.0.1:{self._port};")
        (self._folder / "nginx.conf").write_text(_HTTP % shown, "utf-8")
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> str:
        with (self._folder / "log").open("wb") as log:
            command = ["nginx", "-p", str(self._folder), "-c", str(self._folder / "nginx.conf"), "-e", "stderr"]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        for _ in range(500):
            if (self._folder / "nginx.pid").exists():
                return f"http://127.0.0.1:{self._port}"
            assert self._process.poll() is None, (self._folder / "log").read_text()
            time.sleep(0.01)
        raise AssertionError("nginx does not start")

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)
