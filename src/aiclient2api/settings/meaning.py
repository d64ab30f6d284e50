"""What each setting means, in the user's words; docs/settings.md and `config show` print these lines."""

from collections.abc import Mapping
from types import MappingProxyType

_LATER = "read, not used yet"

MEANING: Mapping[str, str] = MappingProxyType(
    {
        "REQUIRED_API_KEY": "key that clients must send, or a list of keys; without one, a random key is made at the"
        " first start",
        "SERVER_PORT": "port to listen on; 0 takes a free one",
        "HOST": "address to listen on; anything but loopback needs a key of 16 characters or more",
        "ALLOWED_HOSTS": "names that clients reach the gateway by, beside this machine's own (a reverse proxy's, say);"
        " comma list or array, `.example.com` for all below it, `*` for any; docs/routes.md",
        "MODEL_PROVIDER": "provider, comma list or array, the first is the default; without it, whatever has a"
        " credential, else the simulator",
        "KIRO_OAUTH_CREDS_FILE_PATH": "Kiro token file",
        "KIRO_OAUTH_CREDS_DIR_PATH": "folder with a Kiro token file",
        "KIRO_OAUTH_CREDS_BASE64": "Kiro token JSON as base64; wins over files",
        "KIRO_API_KEY": "Kiro API key (`ksk_…`)",
        "KIRO_REGION": "API region; otherwise the profile's",
        "KIRO_PROFILE_ARN": "profile ARN; otherwise discovered",
        "KIRO_BASE_URL": "other base URL for the model calls",
        "KIRO_MANAGEMENT_URL": "other base URL for models, profiles and usage",
        "KIRO_REFRESH_URL": "other URL (whole) for the refresh of social logins",
        "KIRO_REFRESH_IDC_URL": "other URL (whole) for the refresh of Builder ID and Identity Center logins",
        "KIRO_WIRE": "`runtime` (JSON 1.0), `rest`, or `auto`: runtime with rest as fall-back",
        "KIRO_STRICT_END": "whether an answer without the service's closing event counts as cut off",
        "CLAUDE_API_KEY": "key for `claude-custom`",
        "CLAUDE_BASE_URL": "Anthropic-compatible server, without /v1",
        "OPENAI_API_KEY": "key for `openai-custom`",
        "OPENAI_BASE_URL": "OpenAI-compatible server, with /v1",
        "GEMINI_API_KEY": "key for `gemini-custom`",
        "GEMINI_BASE_URL": "Gemini-compatible server",
        "GEMINI_OAUTH_CREDS_FILE_PATH": "Gemini CLI login; otherwise ~/.gemini/oauth_creds.json",
        "GEMINI_OAUTH_CREDS_BASE64": "Gemini CLI login as base64",
        "GEMINI_OAUTH_CLIENT_ID": "OAuth client of the Gemini CLI login",
        "GEMINI_OAUTH_CLIENT_SECRET": "OAuth client secret of the Gemini CLI login",
        "PROJECT_ID": "Google Cloud project for `gemini-cli-oauth`; otherwise the one that Code Assist names",
        "GEMINI_CLI_BASE_URL": "other base URL for Code Assist",
        "GEMINI_OAUTH_TOKEN_URL": "other URL for Google's token refresh",
        "PROVIDER_POOLS_FILE_PATH": "file of account pools (docs/pools.md)",
        "providerFallbackChain": "providers to try when one cannot serve: {provider: [providers]}",
        "modelFallbackMapping": "what to try when a model cannot be served: {model: {targetProviderType, targetModel}}",
        "MODEL_ALIASES": 'names of your own for models, `{"fast": "claude-haiku-4.5"}`',
        "REQUEST_MAX_RETRIES": "repeats of a failed call before any content was sent; 0 switches them off",
        "REQUEST_BASE_DELAY": "first delay before a repeat in milliseconds; it doubles",
        "AXIOS_TIMEOUT": "longest silence inside an upstream's answer, in milliseconds; 0 = no limit",
        "TIMEOUT_CONNECT": "until the connection stands, in milliseconds",
        "TIMEOUT_HEAD": "until the upstream's status line is in, in milliseconds",
        "TIMEOUT_FIRST_EVENT": "until the first piece of content, in milliseconds",
        "TIMEOUT_TOTAL": "for a whole answer, in milliseconds; 0 = no limit",
        "TIMEOUT_DRAIN": "for running answers to end when the gateway is stopped, in milliseconds",
        "CRON_NEAR_MINUTES": "refresh a login this many minutes before it expires",
        "CRON_REFRESH_TOKEN": "refresh logins ahead of time, also while idle",
        "SYSTEM_PROMPT_FILE_PATH": "file with a system prompt of your own; read again when it changes",
        "SYSTEM_PROMPT_MODE": "`append` puts it behind the client's, `overwrite` in its place",
        "SYSTEM_PROMPT_REPLACEMENTS": 'literal replacements in system prompts, `[{"old": "…", "new": "…"}]`',
        "PROMPT_LOG_MODE": "`none`, `console`, `file`, or `full` (file and the raw exchange with the provider)",
        "PROMPT_LOG_BASE_NAME": "name of the prompt log, the date is added",
        "LOG_LEVEL": "`debug`, `info`, `warning`, `error`",
        "LOG_DIR": "folder of app.log",
        "LOG_FORMAT": "`text` or `json` (one object a line)",
        "LOG_MAX_FILE_SIZE": "bytes after which app.log is rotated",
        "LOG_MAX_FILES": "rotated logs that are kept",
        "MAX_BODY_BYTES": "largest request body",
        "FETCH_IMAGES": "whether images and PDFs that clients give by URL are fetched here for providers that take"
        " bytes only (docs/routes.md); otherwise such requests are refused",
        "WORKERS": "processes that share the port (docs/workers.md); not on Windows",
        "DATA_DIR": "generated key and adopted tokens; otherwise the user's data folder",
        "REDIS_URL": "Redis or Valkey (`redis://…`, `rediss://…` with TLS) for what several processes or machines share"
        " (docs/workers.md); without it each goes by its own state",
        "DATABASE_URL": "postgresql://… for the usage ledger; a file in DATA_DIR without it",
        "LEDGER_DAYS": "days that usage is kept; 0: for ever",
        "RESPONSE_CACHE_TTL": "seconds that answers are given again to the same question (docs/cache.md); 0: off",
        "PROXY_URL": "outbound proxy: http://, https://, socks5://",
        "PROXY_ENABLED_PROVIDERS": "providers that use it; empty = all",
        "METRICS_PUBLIC": "whether `/metrics` (docs/metrics.md) is answered without a key",
        "UI_ENABLED": f"dashboard ({_LATER})",
        "ADMIN_PASSWORD": f"password of the dashboard ({_LATER})",
    }
)
