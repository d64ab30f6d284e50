"""Real third-party clients against the gateway: each runs its tool loop, and the matrix of results is printed.

    python -m tools.clients [--provider NAME]... [--all] [CLIENT]...

The clients' recipes come from the kit in ../shared/clients (or CLIENTS_KIT), which installs each client once, into
.clients. Behind the provider `simulator` stands the built-in simulated Kiro, behind every other one the kit's stand-in.
Exit code: 0 if all passed, 1 if one failed, 3 if the kit is not there (said, not hidden).
"""

import argparse
import functools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
KIT = Path(os.environ.get("CLIENTS_KIT", ROOT.parent / "shared" / "clients"))
KEY = "sk-clients-run-0123456789"
START_SECONDS = 30.0
DEFAULT_CLIENTS = (
    "claude-code",
    "claude-code@my-own-model",
    "claude-code:token",
    "claude-code:stream-json",
    "claude-code:stream-json@my-own-model",
    "aider",
    "llm",
    "py:openai-chat",
    "py:anthropic",
    "js:openai-chat",
    "js:anthropic",
    "js:ai-anthropic",
    "js:ai-compatible",
)
"""Clients of the APIs served; `@NAME` runs one with a model name of the user's own (an alias)."""


class Upstream(NamedTuple):
    """What stands behind a provider: settings with {base} for the stand-in's address, the model, the final text."""

    settings: dict[str, str]
    model: str
    expect: str


NATURAL = {"anthropic": "claude-sonnet-4-5", "gemini": "gemini-2.5-pro", "chat": "gpt-5.1", "responses": "gpt-5.1"}
"""The name that a client of each dialect is given (some take only names they know); all are aliases."""

STANDIN_TEXT = "STANDIN-FINAL-7391"
UPSTREAMS: dict[str, Upstream] = {
    "simulator": Upstream({}, "claude-sonnet-4-5", ""),
    "claude-custom": Upstream(
        {"CLAUDE_BASE_URL": "{base}", "CLAUDE_API_KEY": "sk-any"}, "claude-sonnet-4-5", STANDIN_TEXT
    ),
    "openai-custom": Upstream({"OPENAI_BASE_URL": "{base}/v1", "OPENAI_API_KEY": "sk-any"}, "gpt-5.1", STANDIN_TEXT),
    "openaiResponses-custom": Upstream(
        {"OPENAI_BASE_URL": "{base}/v1", "OPENAI_API_KEY": "sk-any"}, "gpt-5.1", STANDIN_TEXT
    ),
    "gemini-custom": Upstream({"GEMINI_BASE_URL": "{base}", "GEMINI_API_KEY": "any"}, "gemini-2.5-pro", STANDIN_TEXT),
}


class Run(NamedTuple):
    provider: str
    client: str
    passed: bool
    said: str


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--provider", action="append", choices=[*UPSTREAMS], help="simulator unless given")
    parser.add_argument("--all", action="store_true", help="every client of the kit")
    parser.add_argument("clients", nargs="*", metavar="CLIENT")
    options = parser.parse_args(arguments)
    if not (KIT / "run_client.py").exists():
        print(f"clients: SKIPPED, the kit is not at {KIT} (set CLIENTS_KIT)")
        return 3
    dialects = _dialects()
    clients = options.clients or (list(dialects) if options.all else list(DEFAULT_CLIENTS))
    runs: list[Run] = []
    for provider in options.provider or ["simulator"]:
        with gateway(provider) as base, ThreadPoolExecutor(2) as pool:
            work = functools.partial(_run, provider, base, dialects)
            for run in pool.map(work, clients):
                print(f"{'PASS' if run.passed else 'FAIL'}  {run.provider:<24} {run.client:<32} {run.said}", flush=True)
                runs.append(run)
    passed = sum(run.passed for run in runs)
    print(f"clients: {passed} of {len(runs)} finished their tool loop")
    return 0 if passed == len(runs) else 1


def _dialects() -> dict[str, str]:
    """The kit's clients and the dialect each speaks."""
    listed = subprocess.run(
        [sys.executable, KIT / "run_client.py", "--list"], capture_output=True, text=True, check=True
    )
    return {line.split()[0]: line.split()[1] for line in listed.stdout.splitlines()}


def _run(provider: str, base: str, dialects: Mapping[str, str], client: str) -> Run:
    upstream = UPSTREAMS[provider]
    name, _, model = client.partition("@")
    model = model or NATURAL[dialects[name]]
    command = [sys.executable, str(KIT / "run_client.py"), name, base, model]
    command += ["--key", KEY, "--tool-loop", "--expect", upstream.expect]
    environment = os.environ | {"RUN_CLIENT_CACHE": str(ROOT / ".clients")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    said = done.stdout.strip().splitlines()
    if done.returncode:
        (ROOT / ".clients" / f"failed-{provider}-{name.replace(':', '-')}.log").write_text(done.stderr, "utf-8")
    return Run(provider, client, done.returncode == 0, said[-1] if said else done.stderr[-200:])


STANDIN = ([sys.executable, str(KIT / "standin.py"), "--port", "0"], "LISTENING ")
SIMULATOR = ([sys.executable, "-m", "aiclient2api", "simulate", "--port", "0", "--pace", "0.001"], "listening on ")
"""What may stand behind a provider: the command, and how it announces its address."""


@contextmanager
def gateway(provider: str, behind: tuple[list[str], str] = STANDIN) -> Iterator[str]:
    """The gateway with one provider, on a free port of loopback."""
    upstream = UPSTREAMS[provider]
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="aiclient2api-clients-"))
        base = ""
        if upstream.settings:
            base = stack.enter_context(_server(*behind, folder, {}))
        settings = {key: value.format(base=base) for key, value in upstream.settings.items()}
        settings |= {
            "REQUIRED_API_KEY": KEY,
            "MODEL_ALIASES": json.dumps(dict.fromkeys(("my-own-model", *NATURAL.values()), upstream.model)),
            "HOME": folder,
            "DATA_DIR": folder,
        }
        command = [sys.executable, "-m", "aiclient2api", "serve", "--port", "0", "--model-provider", provider]
        yield stack.enter_context(_server(command, "listening on ", folder, settings))


@contextmanager
def _server(command: list[str], announces: str, folder: str, settings: dict[str, str]) -> Iterator[str]:
    """A process that announces its address on standard output; ended by pid."""
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=folder, env=os.environ | settings
    )
    try:
        yield _address(process, announces)
    finally:
        process.terminate()
        process.wait(10)


def _address(process: "subprocess.Popen[str]", announces: str) -> str:
    assert process.stdout is not None
    give_up = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up:
        line = process.stdout.readline()
        if announces in line:
            return line.split(announces, 1)[1].strip()
        if not line:
            break
    raise SystemExit(f"{process.args!r} did not start")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
