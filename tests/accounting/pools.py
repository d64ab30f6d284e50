"""Two accounts for every provider, as a file of pools."""

import json
from pathlib import Path

from tests.faults.rig import settings_for
from tests.pairs.backs import BACKS
from tests.pairs.world import Json, encoded_login

_PREFIXES = {
    "claude-custom": "CLAUDE_",
    "openai-custom": "OPENAI_",
    "openaiResponses-custom": "OPENAI_",
    "gemini-custom": "GEMINI_API",
    "claude-kiro-oauth": "KIRO_",
}


def pool_file(folder: Path, upstream: str, names: tuple[str, ...] = tuple(BACKS)) -> str:
    """Written into `folder`; its path."""
    path = folder / "pools.json"
    path.write_text(json.dumps({name: [_account(name, upstream, which) for which in "ab"] for name in names}), "utf-8")
    return str(path)


def _account(name: str, upstream: str, which: str) -> Json:
    account = {"uuid": f"{name}-{which}"}
    if name == "gemini-cli-oauth":
        login = {"access_token": f"ya29.{which}", "refresh_token": f"1//{which}", "expiry_date": 4_000_000_000_000}
        return account | {"GEMINI_OAUTH_CREDS_BASE64": encoded_login(login), "PROJECT_ID": "project-of-tests"}
    known = {key: value for key, value in settings_for(upstream).items() if key.startswith(_PREFIXES[name])}
    return account | {key: f"{value}-{which}" if key.endswith("_API_KEY") else value for key, value in known.items()}
