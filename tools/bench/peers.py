"""Who answers the load: the upstream itself, nginx before it, the gateway before it. Each is started once for a run."""

import http.client
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

from tools.bench import bodies, processes
from tools.bench.bodies import Form
from tools.bench.processes import Cores
from tools.bench.scenarios import DIRECT, GATEWAY, NGINX, Scenario, Way

KEY = "sk-bench-0123456789abcdef"
START_SECONDS = 30.0
OPENAI_PROVIDER, CLAUDE_PROVIDER, KIRO_PROVIDER = "openai-custom", "claude-custom", "claude-kiro-oauth"

_UPSTREAM_PATHS: dict[Form, str] = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages", "kiro": "/"}
_PROVIDERS: dict[Form, str] = {"openai": OPENAI_PROVIDER, "anthropic": CLAUDE_PROVIDER, "kiro": KIRO_PROVIDER}
_ENDS: dict[Form, str] = {"openai": "data: [DONE]", "anthropic": '"message_stop"', "kiro": '"unitPlural":"credits"}'}


class Target(NamedTuple):
    """Where the load goes and in which form; `end` stands at the end of every good answer; `model` is the name by which
    the upstream's is asked for, "" its own."""

    port: int
    path: str
    form: Form
    headers: tuple[str, ...]
    end: str
    model: str = ""


class Peer(Protocol):
    """`pid` is the process whose CPU time and memory count; None: nobody's."""

    @property
    def name(self) -> str: ...

    @property
    def pid(self) -> int | None: ...

    def target(self, scenario: Scenario) -> Target: ...

    def close(self) -> None: ...


class Upstream:
    """The mock upstream. Told before each run what its answers are to look like."""

    def __init__(self, command: tuple[str, ...], cores: Cores, folder: Path) -> None:
        self.process = processes.start(command, cores.upstream, folder, log="upstream.log")
        self.port = int(_line(self.process, "", folder / "upstream.log"))

    def shape(self, scenario: Scenario) -> None:
        stream = int(scenario.pieces > 0)
        self._get(f"/bench/shape?stream={stream}&pieces={scenario.pieces}&pace={scenario.pace}")

    def seen(self) -> tuple[int, int]:
        """Requests and bytes of their bodies since the shape was set."""
        told = json.loads(self._get("/bench/seen"))
        return told["requests"], told["bytes"]

    def _get(self, path: str) -> bytes:
        return fetch(self.port, "GET", path)[1]

    def close(self) -> None:
        processes.stop(self.process)


def fetch(
    port: int, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> tuple[int, bytes]:
    """One request on a connection of its own. Raises OSError."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=START_SECONDS)
    try:
        connection.request(method, path, body, dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _line(process: "subprocess.Popen[str]", start: str, log: Path) -> str:
    """What stands behind `start` on the first line of the output that begins so. Raises RuntimeError if none does."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(start):
            return line[len(start) :].strip()
    said = log.read_text("utf-8", "replace")[-1500:]
    raise RuntimeError(f"{process.args!r} ended with status {process.wait()} before it was ready:\n{said}")


def _raw_target(port: int, scenario: Scenario) -> Target:
    form = scenario.way.upstream
    headers = ("X-Amz-Target: KiroRuntimeService.GenerateAssistantResponse",) if form == "kiro" else ()
    return Target(port, _UPSTREAM_PATHS[form], form, headers, end_of(form, scenario.pieces > 0))


class Direct:
    """Nobody in between: what upstream and load need by themselves."""

    name = DIRECT
    pid: int | None = None

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    def target(self, scenario: Scenario) -> Target:
        return _raw_target(self._upstream.port, scenario)

    def close(self) -> None:
        return None


_NGINX = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log crit;
worker_rlimit_nofile {files};
events {{ worker_connections 8192; }}
http {{
    access_log off;
    client_body_temp_path {folder}/nginx-body;
    proxy_temp_path {folder}/nginx-proxy;
    fastcgi_temp_path {folder}/nginx-fastcgi;
    uwsgi_temp_path {folder}/nginx-uwsgi;
    scgi_temp_path {folder}/nginx-scgi;
    client_max_body_size 0;
    client_body_buffer_size 4m;
    keepalive_requests 100000000;
    tcp_nodelay on;
    upstream mock {{
        server 127.0.0.1:{upstream};
        keepalive 1024;
        keepalive_requests 100000000;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{
            proxy_pass http://mock;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
        }}
    }}
}}
"""


class Nginx:
    """A plain proxy that keeps connections alive, buffers requests as nginx does, and passes answers on at once."""

    name = NGINX

    def __init__(self, upstream: Upstream, cores: Cores, folder: Path) -> None:
        self._port = free_port()
        config = folder / "nginx.conf"
        config.write_text(
            _NGINX.format(folder=folder, upstream=upstream.port, port=self._port, files=processes.OPEN_FILES)
        )
        command = ["nginx", "-p", str(folder), "-c", str(config)]
        self._process = processes.start(command, cores.measured, folder, log="nginx.log")
        _wait_for_port(self._port)

    @staticmethod
    def installed() -> bool:
        return shutil.which("nginx") is not None

    @property
    def pid(self) -> int | None:
        return self._process.pid

    def target(self, scenario: Scenario) -> Target:
        return _raw_target(self._port, scenario)

    def close(self) -> None:
        processes.stop(self._process)


class Gateway:
    """`aiclient2api serve` as a user starts it, with these providers; settings and logs in a folder of its own.
    `module` is what Python runs, `key` what clients send."""

    def __init__(
        self,
        upstream: Upstream,
        cores: Cores,
        folder: Path,
        settings: Mapping[str, str],
        *providers: str,
        name: str = GATEWAY,
        module: str = "aiclient2api",
        key: str = KEY,
    ) -> None:
        self.name, self._key = name, key
        home = home_of(folder, name, *providers)
        command = [sys.executable, "-m", module, "serve", "--port", "0"]
        environ = {**_environ(home, upstream.port), "MODEL_PROVIDER": ",".join(providers), **settings}
        self.started = time.perf_counter()
        self.process = processes.start(command, cores.measured, home, environ, "gateway.log")
        self.port = int(_line(self.process, "listening on ", home / "gateway.log").rpartition(":")[2])

    @property
    def pid(self) -> int | None:
        return self.process.pid

    def target(self, scenario: Scenario) -> Target:
        return gateway_target(self.port, scenario.way, streamed=scenario.pieces > 0, key=self._key)

    def close(self) -> None:
        processes.stop(self.process)


def home_of(folder: Path, name: str, *providers: str) -> Path:
    """The home of a gateway, which is made if there is none."""
    home = folder / f"{name}-{'-'.join(providers)}"
    home.mkdir(exist_ok=True)
    return home


def gateway_target(port: int, way: Way, streamed: bool, key: str = KEY) -> Target:
    """The provider by the path's prefix, the API by the rest of it."""
    path = f"/{_PROVIDERS[way.upstream]}{_UPSTREAM_PATHS[way.client]}"
    return Target(port, path, way.client, (f"Authorization: Bearer {key}",), end_of(way.client, streamed))


def end_of(form: Form, streamed: bool) -> str:
    """What stands at the end of a good answer."""
    return _ENDS[form] if streamed else '"usage"'


def first_answer(gateway: Gateway, way: Way) -> float:
    """Seconds from the start of the process to its first answer."""
    target = gateway_target(gateway.port, way, streamed=False)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"}
    status, answer = fetch(gateway.port, "POST", target.path, bodies.body(way.client, "1 KB", False), headers)
    seconds = time.perf_counter() - gateway.started
    if status != 200:
        raise RuntimeError(f"the gateway's first answer has status {status}: {answer[:300]!r}")
    return seconds


def _environ(home: Path, upstream: int) -> dict[str, str]:
    """Nothing of the user's own logins and settings."""
    base = f"http://127.0.0.1:{upstream}"
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "DATA_DIR": str(home / "data"),
        "REQUIRED_API_KEY": KEY,
        "OPENAI_BASE_URL": f"{base}/v1",
        "OPENAI_API_KEY": "sk-upstream-0123456789",
        "CLAUDE_BASE_URL": base,
        "CLAUDE_API_KEY": "sk-ant-upstream-0123456789",
        "KIRO_BASE_URL": base,
        "KIRO_API_KEY": "ksk_upstream0123456789",
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for_port(port: int) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), 1.0).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise RuntimeError(f"nothing listens on port {port}")
