"""Homes with logins in them, for commands that look for logins by themselves."""

import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any

from aiclient2api.simulator import Simulation


def app_login(home: Path, simulation: Simulation, **changes: Any) -> Path:
    """The token file of the Kiro app."""
    path = home / ".aws" / "sso" / "cache" / "kiro-auth-token.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(simulation.credential() | changes), "utf-8")
    return path


def cli_login(home: Path, simulation: Simulation) -> Path:
    """The SQLite store of the Kiro CLI."""
    path = home / ".local" / "share" / "kiro-cli" / "data.sqlite3"
    path.parent.mkdir(parents=True, exist_ok=True)
    login = simulation.credential()
    token = {
        "access_token": login["accessToken"],
        "refresh_token": login["refreshToken"],
        "expires_at": login["expiresAt"],
        "profile_arn": login["profileArn"],
        "region": login["region"],
        "provider": "google",
    }
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE auth_kv(key TEXT PRIMARY KEY, value TEXT)")
        database.execute("INSERT INTO auth_kv VALUES (?, ?)", ("kirocli:social:token", json.dumps(token)))
    return path


def names_in(folder: Path) -> set[str]:
    """Names of everything in the folder, at any depth."""
    return {path.name for path in folder.rglob("*")}


def files_with(folder: Path, word: str) -> list[Path]:
    """Files that hold the word."""
    return [path for path in folder.rglob("*") if path.is_file() and word.encode() in path.read_bytes()]


def upstream_settings(base: str) -> dict[str, str]:
    """Settings that point every provider at one simulated address."""
    return {
        "KIRO_BASE_URL": base,
        "KIRO_REFRESH_URL": f"{base}/refreshToken",
        "CLAUDE_BASE_URL": base,
        "OPENAI_BASE_URL": f"{base}/v1",
    }


def kiro_settings(base: str) -> dict[str, str]:
    """Settings that point the Kiro provider, and nothing else, at a simulated address."""
    return {name: value for name, value in upstream_settings(base).items() if name.startswith("KIRO")}
