"""Every setting: its key, type, default and meaning. Keys are public names (they appear in files and environments).

A setting's attribute is its key in lower case; `KEYS` lists them in the order of this file.
"""

import json
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, field

Port = Annotated[int, Meta(ge=0, le=65535)]
Count = Annotated[int, Meta(ge=0)]
Milliseconds = Annotated[int, Meta(ge=0)]
ADDRESS = r"^https?://(\[[0-9A-Fa-f:.]+\]|[^\s/?#\[\]]+?)(:[0-9]{1,5})?([/?#]\S*)?\Z"
Address = Annotated[str, Meta(pattern=ADDRESS)]

PROVIDERS = (
    "claude-kiro-oauth",
    "claude-custom",
    "openai-custom",
    "openaiResponses-custom",
    "gemini-custom",
    "gemini-cli-oauth",
    "simulator",
)


class Replacement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Literal replacement in system prompts."""

    old: str
    new: str


class Fallback(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a model goes when its provider cannot serve it."""

    target_provider: str = field(name="targetProviderType")
    target_model: str = field(name="targetModel")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings with their defaults. Printed, it shows no secret."""

    required_api_key: str | tuple[str, ...] | None = field(default=None, name="REQUIRED_API_KEY")
    server_port: Port = field(default=3000, name="SERVER_PORT")
    host: str = field(default="localhost", name="HOST")
    allowed_hosts: str | tuple[str, ...] | None = field(default=None, name="ALLOWED_HOSTS")
    model_provider: str | tuple[str, ...] | None = field(default=None, name="MODEL_PROVIDER")

    kiro_oauth_creds_file_path: str | None = field(default=None, name="KIRO_OAUTH_CREDS_FILE_PATH")
    kiro_oauth_creds_dir_path: str | None = field(default=None, name="KIRO_OAUTH_CREDS_DIR_PATH")
    kiro_oauth_creds_base64: str | None = field(default=None, name="KIRO_OAUTH_CREDS_BASE64")
    kiro_api_key: str | None = field(default=None, name="KIRO_API_KEY")
    kiro_region: str | None = field(default=None, name="KIRO_REGION")
    kiro_profile_arn: str | None = field(default=None, name="KIRO_PROFILE_ARN")
    kiro_base_url: Address | None = field(default=None, name="KIRO_BASE_URL")
    kiro_management_url: Address | None = field(default=None, name="KIRO_MANAGEMENT_URL")
    kiro_refresh_url: Address | None = field(default=None, name="KIRO_REFRESH_URL")
    kiro_refresh_idc_url: Address | None = field(default=None, name="KIRO_REFRESH_IDC_URL")
    kiro_wire: Literal["runtime", "rest", "auto"] = field(default="auto", name="KIRO_WIRE")
    kiro_strict_end: bool = field(default=True, name="KIRO_STRICT_END")

    claude_api_key: str | None = field(default=None, name="CLAUDE_API_KEY")
    claude_base_url: Address | None = field(default=None, name="CLAUDE_BASE_URL")
    openai_api_key: str | None = field(default=None, name="OPENAI_API_KEY")
    openai_base_url: Address | None = field(default=None, name="OPENAI_BASE_URL")
    gemini_api_key: str | None = field(default=None, name="GEMINI_API_KEY")
    gemini_base_url: Address | None = field(default=None, name="GEMINI_BASE_URL")
    gemini_oauth_creds_file_path: str | None = field(default=None, name="GEMINI_OAUTH_CREDS_FILE_PATH")
    gemini_oauth_creds_base64: str | None = field(default=None, name="GEMINI_OAUTH_CREDS_BASE64")
    gemini_oauth_client_id: str | None = field(default=None, name="GEMINI_OAUTH_CLIENT_ID")
    gemini_oauth_client_secret: str | None = field(default=None, name="GEMINI_OAUTH_CLIENT_SECRET")
    project_id: str | None = field(default=None, name="PROJECT_ID")
    gemini_cli_base_url: Address | None = field(default=None, name="GEMINI_CLI_BASE_URL")
    gemini_oauth_token_url: Address | None = field(default=None, name="GEMINI_OAUTH_TOKEN_URL")

    provider_pools_file_path: str | None = field(default=None, name="PROVIDER_POOLS_FILE_PATH")
    provider_fallback_chain: dict[str, tuple[str, ...]] = field(default_factory=dict, name="providerFallbackChain")
    model_fallback_mapping: dict[str, Fallback] = field(default_factory=dict, name="modelFallbackMapping")
    model_aliases: dict[str, str] = field(default_factory=dict, name="MODEL_ALIASES")

    request_max_retries: Count = field(default=3, name="REQUEST_MAX_RETRIES")
    request_base_delay: Milliseconds = field(default=1000, name="REQUEST_BASE_DELAY")
    axios_timeout: Milliseconds = field(default=120_000, name="AXIOS_TIMEOUT")
    timeout_connect: Milliseconds = field(default=10_000, name="TIMEOUT_CONNECT")
    timeout_head: Milliseconds = field(default=120_000, name="TIMEOUT_HEAD")
    timeout_first_event: Milliseconds = field(default=120_000, name="TIMEOUT_FIRST_EVENT")
    timeout_total: Milliseconds = field(default=0, name="TIMEOUT_TOTAL")
    timeout_drain: Milliseconds = field(default=25_000, name="TIMEOUT_DRAIN")
    cron_near_minutes: Count = field(default=15, name="CRON_NEAR_MINUTES")
    cron_refresh_token: bool = field(default=True, name="CRON_REFRESH_TOKEN")

    system_prompt_file_path: str | None = field(default=None, name="SYSTEM_PROMPT_FILE_PATH")
    system_prompt_mode: Literal["append", "overwrite"] = field(default="append", name="SYSTEM_PROMPT_MODE")
    system_prompt_replacements: tuple[Replacement, ...] = field(default=(), name="SYSTEM_PROMPT_REPLACEMENTS")
    prompt_log_mode: Literal["none", "console", "file", "full"] = field(default="none", name="PROMPT_LOG_MODE")
    prompt_log_base_name: str = field(default="prompt_log", name="PROMPT_LOG_BASE_NAME")

    log_level: Literal["debug", "info", "warning", "error"] = field(default="info", name="LOG_LEVEL")
    log_dir: str = field(default="logs", name="LOG_DIR")
    log_format: Literal["text", "json"] = field(default="text", name="LOG_FORMAT")
    log_max_file_size: Count = field(default=10 * 1024 * 1024, name="LOG_MAX_FILE_SIZE")
    log_max_files: Count = field(default=10, name="LOG_MAX_FILES")

    max_body_bytes: Count = field(default=64 * 1024 * 1024, name="MAX_BODY_BYTES")
    fetch_images: bool = field(default=False, name="FETCH_IMAGES")
    workers: Annotated[int, Meta(ge=1, le=256)] = field(default=1, name="WORKERS")
    data_dir: str | None = field(default=None, name="DATA_DIR")
    redis_url: str | None = field(default=None, name="REDIS_URL")
    database_url: str | None = field(default=None, name="DATABASE_URL")
    ledger_days: Count = field(default=90, name="LEDGER_DAYS")
    response_cache_ttl: Count = field(default=0, name="RESPONSE_CACHE_TTL")
    proxy_url: str | None = field(default=None, name="PROXY_URL")
    proxy_enabled_providers: tuple[str, ...] = field(default=(), name="PROXY_ENABLED_PROVIDERS")
    metrics_public: bool = field(default=False, name="METRICS_PUBLIC")
    ui_enabled: bool = field(default=True, name="UI_ENABLED")
    admin_password: str | None = field(default=None, name="ADMIN_PASSWORD")

    def __repr__(self) -> str:
        return f"Settings({', '.join(f'{key}={value!r}' for key, value in masked(self).items())})"


KEYS: tuple[str, ...] = tuple(each.encode_name for each in msgspec.structs.fields(Settings))

SECRET_KEYS = frozenset(
    {
        "REQUIRED_API_KEY",
        "KIRO_OAUTH_CREDS_BASE64",
        "KIRO_API_KEY",
        "CLAUDE_API_KEY",
        "OPENAI_API_KEY",
        "GEMINI_API_KEY",
        "GEMINI_OAUTH_CREDS_BASE64",
        "GEMINI_OAUTH_CLIENT_SECRET",
        "REDIS_URL",
        "DATABASE_URL",
        "PROXY_URL",
        "ADMIN_PASSWORD",
    }
)
"""Keys whose values are never shown."""


def masked(settings: Settings) -> dict[str, Any]:
    """Every key with its value as plain JSON, secrets that are set as ***."""
    plain: dict[str, Any] = json.loads(json.dumps(msgspec.to_builtins(settings)))
    return {key: "***" if key in SECRET_KEYS and value is not None else value for key, value in plain.items()}


NOT_YET_HONOURED = frozenset(
    {
        "UI_ENABLED",
        "ADMIN_PASSWORD",
    }
)
"""Known keys that this version reads but does nothing with; setting one is answered by a warning, never in silence."""


def names(value: str | tuple[str, ...] | None) -> tuple[str, ...]:
    """A name, comma list or array as a tuple of names."""
    if value is None:
        return ()
    parts = value.split(",") if isinstance(value, str) else value
    return tuple(part.strip() for part in parts if part.strip())
