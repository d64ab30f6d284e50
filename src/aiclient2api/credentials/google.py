"""Google logins as the Gemini CLI makes them: what is configured, the refresh, the Code Assist project.

Refresh: an OAuth form to Google's token endpoint, with the OAuth client that made the login; its id and secret are the
user's to configure. Project: loadCodeAssist, read only; nothing is onboarded.
"""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlencode

import msgspec

from aiclient2api import __version__
from aiclient2api.canonical.errors import GatewayError
from aiclient2api.credentials import troubles
from aiclient2api.credentials.credential import Credential
from aiclient2api.credentials.discover import expand
from aiclient2api.credentials.scheme import Scheme
from aiclient2api.credentials.secret import Secret
from aiclient2api.credentials.sources.base64_text import Base64Source
from aiclient2api.credentials.sources.identity import place_key
from aiclient2api.credentials.sources.json_file import JsonFileSource
from aiclient2api.credentials.store import CredentialStore
from aiclient2api.http1.messages import Outbound
from aiclient2api.wire import jsonio

TOKEN_URL = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address, not a secret
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
CODE_ASSIST_URL = "https://cloudcode-pa.googleapis.com"
OWN_FILE = "gemini-oauth-creds.json"
"""Where `login gemini` keeps what it got, in the data folder."""
USER_AGENT = f"aiclient2api/{__version__}"


class GoogleLogin(msgspec.Struct, frozen=True, kw_only=True):
    """Keys GEMINI_OAUTH_*, PROJECT_ID. `base_url` is Code Assist's; `profile_arn` is the project (the name is the one
    that every kind of login has for what its calls are made on behalf of)."""

    file_path: str | None = None
    base64: Secret | None = None
    client_id: str = ""
    client_secret: Secret = Secret("")
    token_url: str = TOKEN_URL
    base_url: str = CODE_ASSIST_URL
    profile_arn: str = ""
    region: str = ""
    near: float = 900.0

    @property
    def id(self) -> str:
        """Masked and stable, known before anything has been found."""
        where = self.base64.reveal() if self.base64 else self.file_path or ""
        return "gemini-" + place_key("google", where).rpartition("-")[2][:6]


def default_path(home: Path) -> Path:
    """Where the Gemini CLI keeps its login."""
    return home / ".gemini" / "oauth_creds.json"


def found_path(home: Path, state_dir: Path) -> Path:
    """The login that `login gemini` has made, else the Gemini CLI's."""
    own = state_dir / OWN_FILE
    return own if own.exists() else default_path(home)


def find_google(login: GoogleLogin, home: Path, state_dir: Path) -> CredentialStore:
    """The login to use: base64 wins over a file. Raises GatewayError("login_required") if a named file is missing."""
    folder = state_dir / "credentials"
    if login.base64:
        return CredentialStore(Base64Source(login.base64, "GEMINI_OAUTH_CREDS_BASE64", troubles.GEMINI), folder)
    path = expand(login.file_path, home) if login.file_path else found_path(home, state_dir)
    if not path.exists():
        raise troubles.missing_file(path, troubles.GEMINI)
    return CredentialStore(JsonFileSource(path, troubles.GEMINI), folder)


def google_scheme(login: GoogleLogin) -> Scheme:
    return Scheme(
        words=troubles.GEMINI,
        refresh_request=lambda credential, now: _refresh_request(credential, login),
        profile_requests=lambda credential: [_load_code_assist(credential, login)],
        read_profile=read_project,
        last_resort=lambda credential: "",
    )


def _refresh_request(credential: Credential, login: GoogleLogin) -> Outbound:
    client_id = login.client_id or credential.client_id
    client_secret = login.client_secret or credential.client_secret
    if not credential.refresh_token:
        raise _impossible("The access token has expired and there is no refresh_token", troubles.GEMINI.again)
    if not client_id:
        raise _impossible(
            "The access token has expired",
            "Set GEMINI_OAUTH_CLIENT_ID and GEMINI_OAUTH_CLIENT_SECRET to the OAuth client that made the login,"
            " or run the Gemini CLI, which refreshes it.",
        )
    form = {
        "grant_type": "refresh_token",
        "client_id": client_id,
        "client_secret": client_secret.reveal(),
        "refresh_token": credential.refresh_token.reveal(),
    }
    headers = (
        ("content-type", "application/x-www-form-urlencoded"),
        ("accept", "application/json"),
        ("user-agent", USER_AGENT),
    )
    return Outbound(method="POST", url=login.token_url, headers=headers, body=urlencode(form).encode())


def _impossible(why: str, what_to_do: str) -> GatewayError:
    message = f"{troubles.GEMINI.label} {why}, so the login cannot be refreshed. {what_to_do}"
    return GatewayError("login_required", message, reason="login_dead")


def _load_code_assist(credential: Credential, login: GoogleLogin) -> Outbound:
    headers = (
        ("authorization", f"Bearer {credential.access_token.reveal()}"),
        ("content-type", "application/json"),
        ("accept", "application/json"),
        ("user-agent", USER_AGENT),
    )
    metadata = {"ideType": "IDE_UNSPECIFIED", "platform": "PLATFORM_UNSPECIFIED", "pluginType": "GEMINI"}
    body = jsonio.encode({"metadata": metadata})
    return Outbound(method="POST", url=f"{login.base_url}/v1internal:loadCodeAssist", headers=headers, body=body)


class _Loaded(msgspec.Struct, rename="camel"):
    cloudaicompanion_project: str | None = None


def read_project(status: int, headers: Mapping[str, str], body: bytes) -> str:
    """The project that Code Assist has for the account, "" if it has none or would not say."""
    if status != 200:
        return ""
    try:
        return jsonio.decode(body, _Loaded).cloudaicompanion_project or ""
    except jsonio.JsonError:
        return ""


def write_google_document(credential: Credential) -> dict[str, str | int]:
    """The Gemini CLI's file. The client's id and secret stand in it too, as in Google's own credential files, because
    no refresh works without them."""
    members: dict[str, str | int] = {
        "access_token": credential.access_token.reveal(),
        "refresh_token": credential.refresh_token.reveal(),
        "scope": credential.scopes or SCOPE,
        "token_type": "Bearer",
        "expiry_date": int((credential.expires_at or 0.0) * 1000),
        "client_id": credential.client_id,
        "client_secret": credential.client_secret.reveal(),
    }
    return {name: value for name, value in members.items() if value != ""}
