"""Token documents and keepers for the tests."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

from aiclient2api.credentials.base import Send
from aiclient2api.credentials.discover import find_kiro
from aiclient2api.credentials.keeper import Keeper
from aiclient2api.credentials.kiro import kiro_scheme
from aiclient2api.credentials.kiro_login import KiroLogin
from aiclient2api.credentials.peers import Peers
from tests.credentials import loopback

NOW = 1_790_000_000.0
"""September 2026; the tests' clocks start here."""
EXPIRED = "2026-09-01T00:00:00Z"
VALID = "2026-10-01T00:00:00Z"


class Clock:
    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def social(generation: int = 0, expires: object = EXPIRED, **more: object) -> dict[str, object]:
    arn = "arn:aws:codewhisperer:us-east-1:123456789012:profile/SAMPLE"
    return {
        "accessToken": f"AT-{generation}",
        "refreshToken": f"RT-{generation}",
        "expiresAt": expires,
        "authMethod": "social",
        "provider": "Google",
        "profileArn": arn,
        **more,
    }


def write(path: Path, document: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    return path


def read(path: Path) -> dict[str, object]:
    document = json.loads(path.read_text())
    assert isinstance(document, dict)
    return document


def keeper(
    folder: Path,
    url: str,
    *,
    clock: Callable[[], float] | None = None,
    send: Send = loopback.send,
    login: KiroLogin | None = None,
    peers: Peers | None = None,
) -> Keeper:
    """A keeper of folder/token.json, with its state in folder/state."""
    chosen = login or KiroLogin(file_path=str(folder / "token.json"), refresh_url=url)
    find = partial(find_kiro, chosen, folder / "home", folder / "state", {})
    return Keeper(chosen, kiro_scheme(chosen), find, send, clock=clock or Clock(), jitter=lambda: 0.5, peers=peers)
