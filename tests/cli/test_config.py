"""`config show`, `config path`, `version` (A5, A6): every value with its source, secrets masked, both as JSON too."""

import json
from pathlib import Path
from typing import Any

import pytest

from aiclient2api.settings.schema import KEYS, SECRET_KEYS
from tests.e2e.process import command

pytestmark = pytest.mark.e2e

SECRET = "canary-of-a-secret-0123456789"


async def shown(folder: Path, *arguments: str, **settings: str) -> dict[str, Any]:
    ended = await command(folder, "config", "show", "--json", *arguments, **settings)
    assert ended.code == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)["settings"]
    return found


async def test_defaults(tmp_path: Path) -> None:
    found = await shown(tmp_path)
    assert set(found) == set(KEYS)
    assert found["HOST"] == {"value": "localhost", "source": "default"}
    assert found["SERVER_PORT"] == {"value": 3000, "source": "default"}
    assert found["REQUEST_MAX_RETRIES"]["value"] == 3
    assert found["REQUIRED_API_KEY"] == {"value": None, "source": "default"}


async def test_flags_over_environment_over_file(tmp_path: Path) -> None:
    file = tmp_path / "work" / "config.json"
    file.parent.mkdir()
    file.write_text(json.dumps({"HOST": "127.0.0.1", "SERVER_PORT": 1, "LOG_LEVEL": "error", "WORKERS": None}), "utf-8")
    found = await shown(tmp_path, "--port", "3", SERVER_PORT="2", LOG_LEVEL="debug")
    assert found["SERVER_PORT"] == {"value": 3, "source": "flag"}
    assert found["LOG_LEVEL"] == {"value": "debug", "source": "environment"}
    assert found["HOST"] == {"value": "127.0.0.1", "source": "file"}
    assert found["WORKERS"] == {"value": 1, "source": "default"}  # null is not set


async def test_every_kind_of_value_comes_from_the_environment(tmp_path: Path) -> None:
    found = await shown(
        tmp_path,
        MODEL_PROVIDER="claude-custom,openai-custom",
        REQUEST_MAX_RETRIES="0",
        CRON_REFRESH_TOKEN="false",
        MODEL_ALIASES='{"fast": "claude-haiku-4.5"}',
        SYSTEM_PROMPT_REPLACEMENTS='[{"old": "a", "new": "b"}]',
        PROXY_ENABLED_PROVIDERS='["claude-custom"]',
    )
    assert found["MODEL_PROVIDER"]["value"] == "claude-custom,openai-custom"
    assert found["REQUEST_MAX_RETRIES"]["value"] == 0
    assert found["CRON_REFRESH_TOKEN"]["value"] is False
    assert found["MODEL_ALIASES"]["value"] == {"fast": "claude-haiku-4.5"}
    assert found["SYSTEM_PROMPT_REPLACEMENTS"]["value"] == [{"old": "a", "new": "b"}]
    assert found["PROXY_ENABLED_PROVIDERS"]["value"] == ["claude-custom"]


async def test_places_of_the_file(tmp_path: Path) -> None:
    """Contract: ./config.json, ./configs/config.json, then the user's own; --config before all."""
    work = tmp_path / "work"
    for depth, path in enumerate(
        (tmp_path / ".config" / "aiclient2api", work / "configs", work, tmp_path / "named"), start=1
    ):
        path.mkdir(parents=True, exist_ok=True)
        (path / "config.json").write_text(json.dumps({"SERVER_PORT": depth}), "utf-8")
        named = ("--config", str(path / "config.json")) if path.name == "named" else ()
        assert (await shown(tmp_path, *named))["SERVER_PORT"] == {"value": depth, "source": "file"}
        ended = await command(tmp_path, "config", "path", "--json", *named)
        assert json.loads(ended.stdout)["config"] == str(path / "config.json")
    plain = await command(tmp_path, "config", "path")
    assert plain.stdout.startswith(f"config: {work / 'config.json'}\n")


async def test_secrets_are_masked(tmp_path: Path) -> None:
    secrets = dict.fromkeys(sorted(SECRET_KEYS), SECRET)
    for arguments in ((), ("--json",), ("--all",)):
        ended = await command(tmp_path, "config", "show", *arguments, **secrets)
        assert ended.code == 0
        assert SECRET not in ended.stdout + ended.stderr
        assert ended.stdout.count("***") == len(secrets)
    listed = json.dumps([SECRET, SECRET + "2"])
    ended = await command(tmp_path, "config", "show", "--json", REQUIRED_API_KEY=listed)
    assert SECRET not in ended.stdout


async def test_show_for_people(tmp_path: Path) -> None:
    ended = await command(tmp_path, "config", "show", HOST="127.0.0.1")
    assert ended.stdout == 'HOST = "127.0.0.1"  (environment)\n'
    everything = await command(tmp_path, "config", "show", "--all")
    assert len(everything.stdout.splitlines()) == len(KEYS)


async def test_version(tmp_path: Path) -> None:
    plain = await command(tmp_path, "version")
    flag = await command(tmp_path, "--version")
    as_json = await command(tmp_path, "version", "--json")
    assert plain.stdout == flag.stdout == json.loads(as_json.stdout)["version"] + "\n"
    helped = await command(tmp_path, "--help")
    assert helped.code == 0
    assert all(name in helped.stdout for name in ("serve", "demo", "simulate", "doctor", "models", "chat", "config"))
