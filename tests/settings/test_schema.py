"""The keys of the operator contract with their defaults; secrets stay out of what is printed."""

import json

import msgspec
import pytest

from aiclient2api.settings.meaning import MEANING
from aiclient2api.settings.schema import KEYS, NOT_YET_HONOURED, PROVIDERS, SECRET_KEYS, Settings, masked, names

CONTRACT: dict[str, object] = {
    "REQUIRED_API_KEY": None,
    "SERVER_PORT": 3000,
    "HOST": "localhost",
    "MODEL_PROVIDER": None,
    "KIRO_OAUTH_CREDS_FILE_PATH": None,
    "KIRO_OAUTH_CREDS_DIR_PATH": None,
    "KIRO_OAUTH_CREDS_BASE64": None,
    "KIRO_API_KEY": None,
    "KIRO_REGION": None,
    "KIRO_PROFILE_ARN": None,
    "KIRO_BASE_URL": None,
    "KIRO_REFRESH_URL": None,
    "KIRO_REFRESH_IDC_URL": None,
    "KIRO_MANAGEMENT_URL": None,
    "KIRO_WIRE": "auto",
    "CLAUDE_API_KEY": None,
    "CLAUDE_BASE_URL": None,
    "OPENAI_API_KEY": None,
    "OPENAI_BASE_URL": None,
    "GEMINI_API_KEY": None,
    "GEMINI_BASE_URL": None,
    "GEMINI_OAUTH_CREDS_FILE_PATH": None,
    "GEMINI_OAUTH_CREDS_BASE64": None,
    "GEMINI_OAUTH_CLIENT_ID": None,
    "GEMINI_OAUTH_CLIENT_SECRET": None,
    "PROJECT_ID": None,
    "GEMINI_CLI_BASE_URL": None,
    "GEMINI_OAUTH_TOKEN_URL": None,
    "PROVIDER_POOLS_FILE_PATH": None,
    "providerFallbackChain": {},
    "modelFallbackMapping": {},
    "MODEL_ALIASES": {},
    "REQUEST_MAX_RETRIES": 3,
    "REQUEST_BASE_DELAY": 1000,
    "AXIOS_TIMEOUT": 120_000,
    "TIMEOUT_CONNECT": 10_000,
    "TIMEOUT_HEAD": 120_000,
    "TIMEOUT_FIRST_EVENT": 120_000,
    "TIMEOUT_TOTAL": 0,
    "CRON_NEAR_MINUTES": 15,
    "CRON_REFRESH_TOKEN": True,
    "SYSTEM_PROMPT_FILE_PATH": None,
    "SYSTEM_PROMPT_MODE": "append",
    "SYSTEM_PROMPT_REPLACEMENTS": [],
    "PROMPT_LOG_MODE": "none",
    "PROMPT_LOG_BASE_NAME": "prompt_log",
    "LOG_LEVEL": "info",
    "LOG_DIR": "logs",
    "LOG_FORMAT": "text",
    "LOG_MAX_FILE_SIZE": 10_485_760,
    "LOG_MAX_FILES": 10,
    "MAX_BODY_BYTES": 67_108_864,
    "WORKERS": 1,
    "DATA_DIR": None,
    "REDIS_URL": None,
    "DATABASE_URL": None,
    "RESPONSE_CACHE_TTL": 0,
    "PROXY_URL": None,
    "PROXY_ENABLED_PROVIDERS": [],
    "UI_ENABLED": True,
    "ADMIN_PASSWORD": None,
}


def test_every_key_of_the_contract_has_its_default() -> None:
    defaults = json.loads(msgspec.json.encode(Settings()))
    assert {key: defaults.get(key, "missing") for key in CONTRACT} == CONTRACT


def test_an_attribute_is_its_key_in_lower_case() -> None:
    for each in msgspec.structs.fields(Settings):
        camel_case = each.encode_name in ("providerFallbackChain", "modelFallbackMapping")
        assert camel_case or each.name == each.encode_name.lower()


def test_sets_of_keys_name_keys() -> None:
    assert set(KEYS) >= SECRET_KEYS | NOT_YET_HONOURED
    assert len(set(KEYS)) == len(KEYS)
    assert set(MEANING) == set(KEYS)
    assert all(MEANING.values())


def test_what_is_not_used_yet_says_so_and_nothing_else_does() -> None:
    assert {key for key, meaning in MEANING.items() if "not used yet" in meaning} == NOT_YET_HONOURED


def test_keys_with_secrets_are_known_as_such() -> None:
    for key in KEYS:
        named = any(word in key for word in ("API_KEY", "PASSWORD", "SECRET", "BASE64"))
        assert not named or key in SECRET_KEYS


SECRET = "S3cret-canary"


def with_secrets() -> Settings:
    return msgspec.convert({key: f"{key}-{SECRET}" for key in SECRET_KEYS}, Settings)


def test_printed_settings_show_no_secret() -> None:
    for text in (repr(with_secrets()), str(with_secrets()), f"{with_secrets()}", repr([with_secrets()])):
        assert SECRET not in text
        assert "REQUIRED_API_KEY='***'" in text
        assert "SERVER_PORT=3000" in text


def test_masked() -> None:
    values = masked(with_secrets())
    assert list(values) == list(KEYS)
    assert {key for key, value in values.items() if value == "***"} == SECRET_KEYS
    assert {key for key, value in masked(Settings()).items() if value == "***"} == set()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ()),
        ("", ()),
        ("a", ("a",)),
        ("a,b", ("a", "b")),
        (" a , ,b,", ("a", "b")),
        (("a", "b"), ("a", "b")),
        ((" a ", ""), ("a",)),
        (("a,b",), ("a,b",)),
    ],
)
def test_names(value: str | tuple[str, ...] | None, expected: tuple[str, ...]) -> None:
    assert names(value) == expected


def test_providers_of_the_contract() -> None:
    named = (
        "claude-kiro-oauth claude-custom openai-custom openaiResponses-custom gemini-custom gemini-cli-oauth simulator"
    )
    assert list(PROVIDERS) == named.split()
