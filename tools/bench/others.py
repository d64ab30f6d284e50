"""Other gateways, as data: how each is installed, told what to do and started, and what it can be asked.

Enters: nothing. Leaves: OTHERS. Texts are templates ($installed: where it is installed, $port: where it is to listen,
$upstream: the mock's port, $key: what clients send). Each runs as one process in a folder of its own, with its log off,
without retries, and with the check of the client's key that it has.
"""

from collections.abc import Mapping
from typing import NamedTuple

from tools.bench.scenarios import SAME, TO_ANTHROPIC, TO_OPENAI, Way

LITELLM, TENSORZERO, PORTKEY = "LiteLLM", "TensorZero", "Portkey"
ROUTER, AICLIENT = "claude-code-router", "AIClient-2-API"
CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
BEARER = "Authorization: Bearer $key"


class Route(NamedTuple):
    """One way through a gateway. `model` is the name that its configuration gives to the upstream's. What stands at the
    end of a good stream and of a good whole answer: "" for what the client's API puts there."""

    path: str
    model: str
    headers: tuple[str, ...] = (BEARER,)
    stream_end: str = ""
    whole_end: str = ""


class Other(NamedTuple):
    """`install` runs in the gateway's folder and $python is the interpreter; empty: by hand. `entry` is there once it
    is installed, `version` (a glob) tells which: a package.json, or a folder named so. `copied`: it looks for its
    settings beside its code, so a run has a copy of that. `address`: a file to which it writes where it listens, as it
    takes a port of its own. `lacks` is said on the page."""

    name: str
    folder: str
    install: tuple[tuple[str, ...], ...]
    entry: str
    version: str
    command: tuple[str, ...]
    files: Mapping[str, str]
    environ: Mapping[str, str]
    routes: Mapping[Way, Route]
    lacks: str
    copied: bool = False
    address: str = ""


_NPM = ("npm", "install", "--no-audit", "--no-fund", "--loglevel=error")
_PIP = ("bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
_VENV = ("$python", "-m", "venv", ".")
_SITE = "lib/python*/site-packages"

_LITELLM = """
model_list:
  - model_name: same
    litellm_params: {model: openai/bench-model, api_base: "http://127.0.0.1:$upstream/v1", api_key: sk-up}
  - model_name: claude
    litellm_params: {model: anthropic/claude-sonnet-4-5, api_base: "http://127.0.0.1:$upstream", api_key: sk-up}
litellm_settings:
  num_retries: 0
  request_timeout: 60
  callbacks: []
  use_chat_completions_url_for_anthropic_messages: true
general_settings:
  master_key: $key
"""

_TENSORZERO = """
[gateway]
observability.enabled = false
disable_pseudonymous_usage_analytics = true
[object_storage]
type = "disabled"
[models.same]
routing = ["mock"]
[models.same.providers.mock]
type = "openai"
model_name = "bench-model"
api_base = "http://127.0.0.1:$upstream/v1/"
api_key_location = "env::UPSTREAM_KEY"
[models.claude]
routing = ["mock"]
[models.claude.providers.mock]
type = "anthropic"
model_name = "claude-sonnet-4-5"
api_base = "http://127.0.0.1:$upstream/v1/"
api_key_location = "env::UPSTREAM_KEY"
"""

_TENSORZERO_START = """
import pathlib
import time

from tensorzero.tensorzero import _start_http_gateway

gateway = _start_http_gateway(
    config_file="tensorzero.toml", clickhouse_url=None, postgres_url=None, valkey_url=None, async_setup=False
)
written = pathlib.Path("address.new")
written.write_text(gateway.base_url)
written.rename("address")
while True:
    time.sleep(3600)
"""

_ROUTER = """{
  "PORT": $port, "HOST": "127.0.0.1", "APIKEY": "$key", "LOG": false, "NON_INTERACTIVE_MODE": false,
  "API_TIMEOUT_MS": 60000,
  "Providers": [{
    "name": "mock", "api_base_url": "http://127.0.0.1:$upstream/v1/chat/completions", "api_key": "sk-up",
    "models": ["bench-model"]
  }],
  "Router": {"default": "mock,bench-model"}
}
"""

_AICLIENT = """{
  "REQUIRED_API_KEY": "$key", "HOST": "127.0.0.1", "SERVER_PORT": $port,
  "MODEL_PROVIDER": "openai-custom,claude-custom",
  "OPENAI_API_KEY": "sk-up", "OPENAI_BASE_URL": "http://127.0.0.1:$upstream/v1",
  "CLAUDE_API_KEY": "sk-up", "CLAUDE_BASE_URL": "http://127.0.0.1:$upstream",
  "PROMPT_LOG_MODE": "none", "LOG_ENABLED": false, "LOG_LEVEL": "error", "REQUEST_MAX_RETRIES": 0,
  "CRON_REFRESH_TOKEN": false, "TLS_SIDECAR_ENABLED": false, "SYSTEM_PROMPT_FILE_PATH": "",
  "PROVIDER_POOLS_FILE_PATH": "configs/provider_pools.json"
}
"""

_AICLIENT_POOLS = """{
  "openai-custom": [{
    "uuid": "00000000-0000-4000-8000-000000000001", "OPENAI_API_KEY": "sk-up",
    "OPENAI_BASE_URL": "http://127.0.0.1:$upstream/v1", "checkHealth": false, "isHealthy": true, "isDisabled": false
  }],
  "claude-custom": [{
    "uuid": "00000000-0000-4000-8000-000000000002", "CLAUDE_API_KEY": "sk-up",
    "CLAUDE_BASE_URL": "http://127.0.0.1:$upstream", "checkHealth": false, "isHealthy": true, "isDisabled": false
  }]
}
"""

_TO_OPENAI = ("Authorization: Bearer sk-up", "x-portkey-provider: openai")
_TO_CLAUDE = ("Authorization: Bearer sk-up", "x-api-key: sk-up", "x-portkey-provider: anthropic")
_HOST = "x-portkey-custom-host: http://127.0.0.1:$upstream/v1"

OTHERS = (
    Other(
        name=AICLIENT,
        folder="aiclient",
        install=(),
        entry="src/services/api-server.js",
        version="package.json",
        command=("node", "src/services/api-server.js", "--host", "127.0.0.1", "--port", "$port"),
        files={"configs/config.json": _AICLIENT, "configs/provider_pools.json": _AICLIENT_POOLS},
        environ={"NODE_ENV": "production"},
        routes={
            SAME: Route(f"/openai-custom{CHAT}", "bench-model", stream_end='"finish_reason":"stop"'),
            TO_OPENAI: Route(f"/openai-custom{MESSAGES}", "bench-model"),
            TO_ANTHROPIC: Route(f"/claude-custom{CHAT}", "claude-sonnet-4-5", stream_end='"finish_reason":"stop"'),
        },
        lacks="the end mark of OpenAI's streams",
        copied=True,
    ),
    Other(
        name=LITELLM,
        folder="litellm",
        install=(_VENV, (*_PIP, "litellm[proxy]==1.106.2")),
        entry="bin/litellm",
        version=f"{_SITE}/litellm-*.dist-info",
        command=(
            *("$installed/bin/litellm", "--config", "litellm.yaml", "--host", "127.0.0.1", "--port", "$port"),
            *("--num_workers", "1", "--telemetry", "False"),
        ),
        files={"litellm.yaml": _LITELLM},
        environ={"LITELLM_MODE": "PRODUCTION", "LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        routes={
            SAME: Route(CHAT, "same"),
            TO_OPENAI: Route(MESSAGES, "same", whole_end='"end_turn"'),
            TO_ANTHROPIC: Route(CHAT, "claude"),
        },
        lacks="",
    ),
    Other(
        name=TENSORZERO,
        folder="tensorzero",
        install=(_VENV, (*_PIP, "tensorzero==2026.6.0", "openai")),
        entry=f"{_SITE}/tensorzero",
        version=f"{_SITE}/tensorzero-*.dist-info",
        command=("$installed/bin/python", "start.py"),
        files={"tensorzero.toml": _TENSORZERO, "start.py": _TENSORZERO_START},
        environ={"UPSTREAM_KEY": "sk-up", "RUST_LOG": "error"},
        routes={
            SAME: Route(f"/openai{CHAT}", "tensorzero::model_name::same"),
            TO_ANTHROPIC: Route(f"/openai{CHAT}", "tensorzero::model_name::claude"),
        },
        lacks="Anthropic's API for clients; a key check without a database",
        address="address",
    ),
    Other(
        name=PORTKEY,
        folder="portkey",
        install=(
            (*_NPM, "@portkey-ai/gateway@1.15.2", "hono@4.9.7", "@hono/node-server@1.13.5", "@hono/node-ws@1.2.0"),
        ),
        entry="node_modules/@portkey-ai/gateway/build/start-server.js",
        version="node_modules/@portkey-ai/gateway/package.json",
        command=(
            *("node", "$installed/node_modules/@portkey-ai/gateway/build/start-server.js"),
            *("--port=$port", "--headless"),
        ),
        files={},
        environ={"NODE_ENV": "production"},
        routes={
            SAME: Route(CHAT, "bench-model", (*_TO_OPENAI, _HOST)),
            TO_ANTHROPIC: Route(CHAT, "claude-sonnet-4-5", (*_TO_CLAUDE, _HOST)),
        },
        lacks="Anthropic's API over OpenAI's; a key check",
    ),
    Other(
        name=ROUTER,
        folder="ccr",
        install=((*_NPM, "@musistudio/claude-code-router@2.0.0"),),
        entry="node_modules/@musistudio/claude-code-router/dist/cli.js",
        version="node_modules/@musistudio/claude-code-router/package.json",
        command=("node", "$installed/node_modules/@musistudio/claude-code-router/dist/cli.js", "start"),
        files={".claude-code-router/config.json": _ROUTER},
        environ={"NODE_ENV": "production"},
        routes={TO_OPENAI: Route(MESSAGES, "mock,bench-model")},
        lacks="OpenAI's API for clients",
    ),
)
