"""The refresh of the three kinds of Kiro login, as pure functions: the request to send, and what its answer means.

Social: POST {"refreshToken"} to the Kiro sign-in service. Builder ID and Identity Center: AWS SSO-OIDC CreateToken in
camelCase JSON. External identity provider: an OAuth form to its own token endpoint, over https and only if that
endpoint is on the issuer's host.
"""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Literal
from urllib.parse import urlencode, urlsplit

import msgspec

from aiclient2api import __version__
from aiclient2api.canonical.errors import GatewayError
from aiclient2api.credentials import fields, troubles
from aiclient2api.credentials.credential import Credential, safe_region
from aiclient2api.credentials.kiro_login import KiroLogin
from aiclient2api.credentials.secret import Secret
from aiclient2api.http1.messages import Outbound
from aiclient2api.wire import jsonio

USER_AGENT = f"aiclient2api/{__version__}"
_DEFAULT_LIFETIME = 3600.0
_LONGEST_LIFETIME = 366 * 86400.0
_LONGEST_WAIT = 3600.0

Verdict = Literal["dead", "suspect", "refused", "wait", "retry"]


class Refusal(msgspec.Struct, frozen=True):
    """A refresh that brought no token.

    dead: the login is over. suspect: dead, or rotated by another program a moment ago. refused: the service says no to
    the account. wait: too many, come back in `retry_after` seconds. retry: it may work later.
    """

    verdict: Verdict
    message: str
    retry_after: float | None = None
    suspended: bool = False


def refresh_request(credential: Credential, login: KiroLogin, now: float) -> Outbound:
    """Raises GatewayError("login_required") if the credential lacks what its refresh needs."""
    if not credential.refresh_token:
        raise _impossible("The access token has expired and there is no refreshToken")
    if credential.auth_method == "idc":
        return _idc_request(credential, login, now)
    if credential.auth_method == "external_idp":
        return _external_request(credential)
    url = login.refresh_url or "https://prod.us-east-1.auth.desktop.kiro.dev/refreshToken"
    return _post(url, "application/json", jsonio.encode({"refreshToken": credential.refresh_token.reveal()}))


def _idc_request(credential: Credential, login: KiroLogin, now: float) -> Outbound:
    if not (credential.client_id and credential.client_secret):
        raise _impossible("The client registration ({clientIdHash}.json beside the token file) is missing")
    if credential.client_secret_expires_at is not None and credential.client_secret_expires_at <= now:
        raise _impossible("The client registration has expired")
    region = safe_region(credential.region or login.region)
    body = {
        "clientId": credential.client_id,
        "clientSecret": credential.client_secret.reveal(),
        "grantType": "refresh_token",
        "refreshToken": credential.refresh_token.reveal(),
    }
    url = login.refresh_idc_url or f"https://oidc.{region}.amazonaws.com/token"
    return _post(url, "application/json", jsonio.encode(body))


def _external_request(credential: Credential) -> Outbound:
    endpoint, issuer = _address(credential.token_endpoint), _address(credential.issuer_url)
    if endpoint is None or endpoint != issuer:
        raise _impossible("The tokenEndpoint is not an https address on the host of the issuerUrl")
    form = {
        "grant_type": "refresh_token",
        "client_id": credential.client_id,
        "refresh_token": credential.refresh_token.reveal(),
    } | ({"scope": credential.scopes} if credential.scopes else {})
    return _post(credential.token_endpoint, "application/x-www-form-urlencoded", urlencode(form).encode())


def _address(url: str) -> tuple[str, int] | None:
    """Host and port of a plain https URL, else None."""
    try:
        parts = urlsplit(url)
        port = parts.port or 443
    except ValueError:
        return None
    plain = parts.scheme == "https" and parts.hostname and parts.username is None and "\\" not in url
    return (parts.hostname, port) if plain and parts.hostname else None


def _post(url: str, content_type: str, body: bytes) -> Outbound:
    headers = (("content-type", content_type), ("accept", "application/json"), ("user-agent", USER_AGENT))
    return Outbound(method="POST", url=url, headers=headers, body=body)


def _impossible(why: str) -> GatewayError:
    message = f"{troubles.KIRO.label} {why}, so the login cannot be refreshed. {troubles.KIRO.again}"
    return GatewayError("login_required", message, reason="login_dead")


def read_refresh(
    credential: Credential, status: int, headers: Mapping[str, str], body: bytes, now: float
) -> Credential | Refusal:
    """The renewed credential, or why there is none. `now` is epoch seconds."""
    if not 200 <= status < 300:
        return _refusal(credential, status, headers, body, now)
    try:
        answer = fields.members(body)
    except ValueError:
        return Refusal("retry", "the answer to the refresh was not understood")
    token, lifetime = fields.text(answer, "access_token"), _lifetime(answer)
    if not token or not lifetime > 0:
        return Refusal("retry", "the answer to the refresh held no usable token")
    return msgspec.structs.replace(
        credential,
        access_token=Secret(token),
        refresh_token=Secret(fields.text(answer, "refresh_token") or credential.refresh_token.reveal()),
        expires_at=now + min(lifetime, _LONGEST_LIFETIME),
        profile_arn=fields.text(answer, "profile_arn") or credential.profile_arn,
    )


def _lifetime(answer: fields.Members) -> float:
    """Seconds; some identity providers write the number as text. 0 for what is no number."""
    expires_in = answer.get("expiresIn", answer.get("expires_in"))
    if expires_in is None:
        return _DEFAULT_LIFETIME
    try:
        return float(expires_in) if isinstance(expires_in, int | float | str) else 0.0
    except (ValueError, OverflowError):
        return 0.0


_DEAD = frozenset(
    {
        "invalid_grant",
        "invalidgrantexception",
        "expired_token",
        "expiredtokenexception",
        "invalidtokenexception",
        "invalid_client",
        "invalidclientexception",
        "expiredclientexception",
    }
)


def _refusal(credential: Credential, status: int, headers: Mapping[str, str], body: bytes, now: float) -> Refusal:
    try:
        document = fields.members(body)
    except ValueError:  # a proxy's page says nothing about the login
        document = None
    words = {_word(headers.get("x-amzn-errortype"))}
    message = ""
    if document is not None:
        words |= {_word(document.get(name)) for name in ("error", "__type", "code")}
        message = _message(document)
    said = f"HTTP {status}" + (f": {credential.redact(message)[:200]}" if message else "")
    wait = retry_after(headers, now)
    verdict = _verdict(status, words, message.lower(), document is not None, credential.auth_method == "social")
    return Refusal(verdict, said, wait, "suspend" in message.lower())


def _verdict(status: int, words: set[str], message: str, is_json: bool, social: bool) -> Verdict:
    if status == 429 or "slow_down" in words:
        return "wait"
    if status >= 500 or not is_json:
        return "retry"
    if words & _DEAD or "invalid refresh token" in message or "invalid_grant" in message:
        return "dead"
    if status == 401 and social:
        return "suspect"
    return "refused" if status in (400, 401, 403) else "retry"


def _word(value: object) -> str:
    """An error's name without name space and details: `com.amazon#Shape:http://…` is `shape`."""
    return value.partition(":")[0].rpartition("#")[2].strip().lower() if isinstance(value, str) else ""


def _message(document: fields.Members) -> str:
    found = (document.get(name) for name in ("error_description", "message", "Message", "error"))
    return next((each for each in found if isinstance(each, str) and each), "")


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Retry-After in seconds (a number or an HTTP date), between 0 and an hour; None if absent or senseless."""
    value = headers.get("retry-after", "").strip()
    try:
        seconds = float(value) if value[:1].isdigit() else parsedate_to_datetime(value).timestamp() - now
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(seconds, 0.0), _LONGEST_WAIT)
