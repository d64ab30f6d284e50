"""S1: secrets of twenty kinds in every credential and header, faults of every kind, debug level, and full prompt logs:
none of them in logs, files, answers, outputs, or the list of processes."""

import base64
import itertools
import json
import signal
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from aiclient2api.state import key_file
from aiclient2api.state.keys import Grants
from tests.e2e.process import Served, serving, work_folder
from tests.faults.rig import EVERYTHING, PAIRS, question, settings_for
from tests.faults.stage import LAST, Script, Stage, chunk, head, json_answer
from tests.faults.test_upstream_connections import nobody
from tests.gateway.client import ask
from tests.pairs.backs import BACKS
from tests.pairs.fronts import FRONTS

pytestmark = pytest.mark.e2e

KINDS = (
    "gateway-key", "second-gateway-key", "claude-key", "openai-key", "gemini-key", "kiro-access-token",
    "kiro-refresh-token", "kiro-client-secret", "kiro-api-key-of-a-pool", "gemini-access-token", "gemini-refresh-token",
    "google-client-secret", "proxy-password", "redis-password", "admin-password", "wrong-bearer", "wrong-api-key",
    "wrong-goog-key", "wrong-query-key", "cookie", "proxy-authorization", "security-token",
)  # fmt: skip
CANARY = {kind: f"canary-{kind}-{number:02}f00dfeed" for number, kind in enumerate(KINDS)}
KEY = CANARY["gateway-key"]
STRAY = {
    "cookie": f"session={CANARY['cookie']}",
    "proxy-authorization": f"Basic {CANARY['proxy-authorization']}",
    "x-amz-security-token": CANARY["security-token"],
}
WRONG: tuple[tuple[Mapping[str, str], str], ...] = (
    ({"authorization": f"Bearer {CANARY['wrong-bearer']}"}, ""),
    ({"x-api-key": CANARY["wrong-api-key"]}, ""),
    ({"x-goog-api-key": CANARY["wrong-goog-key"]}, ""),
    ({}, f"?key={CANARY['wrong-query-key']}"),
)
OWN = {
    "claude-custom": "claude-key", "openai-custom": "openai-key", "openaiResponses-custom": "openai-key",
    "gemini-custom": "gemini-key", "gemini-cli-oauth": "gemini-access-token", "claude-kiro-oauth": "kiro-access-token",
}  # fmt: skip
"""The credential that each provider is called with."""


def settings(folder: Path, upstream: str) -> dict[str, object]:
    google = {
        "access_token": CANARY["gemini-access-token"], "refresh_token": CANARY["gemini-refresh-token"],
        "expiry_date": 4_000_000_000_000,
    }  # fmt: skip
    kiro = {
        "accessToken": CANARY["kiro-access-token"], "refreshToken": CANARY["kiro-refresh-token"], "authMethod": "idc",
        "clientId": "client", "clientSecret": CANARY["kiro-client-secret"], "expiresAt": "2096-01-01T00:00:00Z",
        "region": "us-east-1", "profileArn": "arn:aws:codewhisperer:us-east-1:123456789012:profile/TESTS",
    }  # fmt: skip
    (folder / "login.json").write_text(json.dumps(kiro), "utf-8")
    pool = [
        {"KIRO_API_KEY": CANARY["kiro-api-key-of-a-pool"], "isDisabled": True},
        {"KIRO_OAUTH_CREDS_FILE_PATH": str(folder / "login.json")},
    ]
    (folder / "login-pools.json").write_text(json.dumps({"claude-kiro-oauth": pool}), "utf-8")
    values = {name: value for name, value in settings_for(upstream).items() if name != "KIRO_API_KEY"}
    return values | {
        "REQUIRED_API_KEY": [KEY, CANARY["second-gateway-key"]],
        "CLAUDE_API_KEY": CANARY["claude-key"],
        "OPENAI_API_KEY": CANARY["openai-key"],
        "GEMINI_API_KEY": CANARY["gemini-key"],
        "GEMINI_OAUTH_CREDS_BASE64": base64.b64encode(json.dumps(google).encode()).decode(),
        "GEMINI_OAUTH_CLIENT_SECRET": CANARY["google-client-secret"],
        "KIRO_REFRESH_IDC_URL": f"{upstream}/kiro/token",
        "PROVIDER_POOLS_FILE_PATH": str(folder / "login-pools.json"),
        "PROXY_URL": f"{nobody().replace('://', '://user:' + CANARY['proxy-password'] + '@')}",
        "PROXY_ENABLED_PROVIDERS": ["openaiResponses-custom"],
        "REDIS_URL": f"redis://user:{CANARY['redis-password']}@localhost/0",
        "ADMIN_PASSWORD": CANARY["admin-password"],
        "DATA_DIR": str(folder / "data"),
        "LOG_LEVEL": "debug",
        "PROMPT_LOG_MODE": "full",
        "TIMEOUT_FIRST_EVENT": 60,
        "TIMEOUT_HEAD": 60,
        "AXIOS_TIMEOUT": 60,
        "TIMEOUT_DRAIN": 1000,
    }


def refusal(name: str, status: int) -> bytes:
    """As vendors write them: with the credential in it."""
    said = f"Incorrect API key provided: {CANARY[OWN[name]]}. Authorization: Bearer {CANARY[OWN[name]]}"
    body = {"type": "error", "message": said, "error": {"type": "x", "message": said, "code": status, "status": "X"}}
    return json_answer(json.dumps(body).encode(), status)


def faults(name: str) -> Iterator[Script]:
    """What a service can do to a call."""
    back = BACKS[name]
    pieces = [piece for piece in back.pieces(EVERYTHING.events) if piece]
    some = head(back.kind) + b"".join(map(chunk, pieces[:6]))
    whole = head(back.kind) + b"".join(map(chunk, pieces)) + LAST
    yield (("send", whole),)
    for status in (400, 401, 402, 403, 404, 429, 500, 503, 529):
        yield (("send", refusal(name, status)),)
    yield (
        ("send", some + chunk(b"event: error\ndata: " + refusal(name, 500).partition(b"\r\n\r\n")[2] + b"\n\n") + LAST),
    )
    yield (("send", some), ("rst",))
    yield (("send", some), ("fin",))
    yield (("send", some), ("stall",))
    yield (("stall",),)
    yield (("rst",),)
    yield (("send", some + chunk(b"\xff{{ not a frame " + CANARY[OWN[name]].encode()) + LAST),)
    yield (("send", b"not HTTP " + CANARY[OWN[name]].encode() + b"\r\n\r\n"),)
    yield (("send", json_answer(refusal(name, 200).partition(b"\r\n\r\n")[2])),)
    yield (("send", json_answer(b"<html>" + CANARY[OWN[name]].encode()).replace(b"application/json", b"text/html")),)
    yield (("send", head(back.kind, f"x-echo: {CANARY[OWN[name]]}") + LAST),)


FAULTS = len(list(faults("claude-custom")))


async def test_s1_canaries(tmp_path: Path) -> None:
    """S1: 22 kinds, 0 occurrences."""
    turn = 0
    found: dict[str, str] = {}
    async with Stage(lambda name: next(itertools.islice(faults(name), turn % FAULTS, None))) as stage:
        config = settings(tmp_path, stage.url)
        (work_folder(tmp_path) / "config.json").write_text(json.dumps(config), "utf-8")
        _, client_key = key_file.create(tmp_path / "data" / "keys.json", "client", Grants(), 1.0)
        async with serving(tmp_path, "--port", "0") as served:
            for turn in range(FAULTS):
                for front, back in PAIRS:
                    stream = turn % 2 == 0 or not front.whole
                    target = front.target(back.name, back.model, stream)
                    given = {"authorization": f"Bearer {KEY if turn % 3 else client_key}", **STRAY, **front.headers}
                    reply = await ask(served.base, "POST", target, given, question(front, back, stream))
                    found[f"{target} {turn} ({reply.status})"] = f"{dict(reply.headers)} {reply.body!r}"
            await knock(served, found)
            found |= processes(served.process.pid)
            served.send(signal.SIGTERM)
            assert await served.ended() == 0
            found["standard output"] = await served.rest_of_stdout()
    found |= files(tmp_path)
    assert any(name.endswith("app.log") for name in found)
    assert any("prompt_log" in name for name in found)
    assert len(CANARY) >= 20
    for secret in (*CANARY.values(), client_key):
        places = [place for place, text in found.items() if secret in text]
        assert not places, (secret, places[:5])


async def knock(served: Served, found: dict[str, str]) -> None:
    """Wrong keys, no keys, wrong bodies and paths, malformed HTTP."""
    for row, (headers, query) in itertools.product(
        (*(f.path("m", True).partition("?")[0] for f in FRONTS.values()), "/v1/x"), WRONG
    ):
        reply = await ask(served.base, "POST", row + query, headers, b"{}")
        assert reply.status in (401, 404, 429), (row, query)
        found[f"{row} {query[:5]} ({reply.status})"] = f"{dict(reply.headers)} {reply.body!r}"
    for path in ("/health", "/readyz", "/", "/v1/models", "/v1beta/models", f"/{KEY}/x", "/v1/models/x", "/metrics"):
        for headers in ({"x-api-key": KEY}, {"x-api-key": KEY, "host": "evil.example"}):
            reply = await ask(served.base, "GET", path, headers)
            if KEY not in path:  # who writes the key into the path gets to read it
                found[f"GET {path} ({reply.status})"] = f"{dict(reply.headers)} {reply.body!r}"


def processes(pid: int) -> dict[str, str]:
    """What others can see of the gateway and its children."""
    if not sys.platform.startswith("linux"):
        return {}
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text("utf-8").split()
    shown = {f"/proc/{each}/cmdline": Path(f"/proc/{each}/cmdline").read_text("utf-8") for each in (pid, *children)}
    assert any(shown.values())
    return shown


def files(folder: Path) -> dict[str, str]:
    """All but those where a secret is kept on purpose: the settings, the logins, and our own copy of these."""
    kept = {folder / "work" / "config.json", folder / "login.json", folder / "login-pools.json"}
    return {
        str(path.relative_to(folder)): path.read_text("utf-8", "replace")
        for path in folder.rglob("*")
        if path.is_file() and path not in kept and path.parent.name != "credentials"
    }
