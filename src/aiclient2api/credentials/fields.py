"""Token documents to credentials and back: JSON of the Kiro app (camelCase), of the Kiro CLI and of Google's libraries
(snake_case).

Enters: the bytes of a document, and those of the client registration that belongs to it. Leaves: a Credential, or the
same document with new tokens in it, every other member kept as it was. Refuses (ValueError) what holds no token.
"""

import re
from collections.abc import Mapping

import msgspec

from aiclient2api.credentials.credential import AuthMethod, Credential
from aiclient2api.credentials.expiry import format_expiry, parse_expiry
from aiclient2api.credentials.secret import Secret
from aiclient2api.wire import jsonio

NAMES: dict[str, tuple[str, ...]] = {
    "access_token": ("accessToken", "access_token"),
    "refresh_token": ("refreshToken", "refresh_token"),
    "expires_at": ("expiresAt", "expires_at", "expiry_date"),
    "auth_method": ("authMethod", "auth_method"),
    "provider": ("provider", "provider"),
    "region": ("region", "region"),
    "profile_arn": ("profileArn", "profile_arn"),
    "client_id": ("clientId", "client_id"),
    "client_secret": ("clientSecret", "client_secret"),
    "client_secret_expires_at": ("clientSecretExpiresAt", "client_secret_expires_at"),
    "client_id_hash": ("clientIdHash", "client_id_hash"),
    "token_endpoint": ("tokenEndpoint", "token_endpoint"),
    "issuer_url": ("issuerUrl", "issuer_url"),
    "start_url": ("startUrl", "start_url"),
}
_METHODS: dict[str, AuthMethod] = {
    "social": "social",
    "idc": "idc",
    "builderid": "idc",
    "iam": "idc",
    "enterprise": "idc",
    "externalidp": "external_idp",
    "google": "google",
}
_BUILDER_ID_START = "https://view.awsapps.com/start"
_HASH = re.compile(r"[0-9a-f]{40}")

Members = Mapping[str, object]


def members(data: bytes) -> Members:
    """The members of a JSON object. Raises ValueError in words that hold nothing of the document."""
    try:
        return jsonio.decode(data, dict[str, object])
    except jsonio.JsonError:
        raise ValueError("it is not a JSON object" if data.strip() else "it is empty") from None


def text(document: Members, field: str) -> str:
    """The field under either spelling, "" if it is absent, null or no string."""
    for name in NAMES[field]:
        value = document.get(name)
        if isinstance(value, str) and value:
            return value
    return ""


def moment(document: Members, field: str) -> float | None:
    return next((parse_expiry(document[name]) for name in NAMES[field] if document.get(name) is not None), None)


def holds_token(document: Members) -> bool:
    return bool(text(document, "access_token") or text(document, "refresh_token"))


def registration_name(document: Members) -> str | None:
    """File name of the client registration; only a plain SHA-1 in hex is ever joined to a path."""
    digest = text(document, "client_id_hash")
    return f"{digest}.json" if _HASH.fullmatch(digest) else None


def is_registration_name(name: str) -> bool:
    """AWS tools name registrations and their own tokens {40 hex digits}.json; neither is a Kiro login."""
    return _HASH.fullmatch(name.removesuffix(".json")) is not None


def read_credential(document: Members, registration: Members | None = None) -> Credential:
    """The login in a document. The client's id and secret come both from it or both from the registration, never one
    from each. Raises ValueError if there is no token."""
    if not holds_token(document):
        raise ValueError("it holds neither accessToken nor refreshToken")
    method = _method(document)
    client = document if registration is None or text(document, "client_secret") else registration
    secret_until = moment(client, "client_secret_expires_at")
    if client is registration and secret_until is None:
        secret_until = moment(client, "expires_at")
    return Credential(
        access_token=Secret(text(document, "access_token")),
        refresh_token=Secret(text(document, "refresh_token")),
        expires_at=moment(document, "expires_at"),
        auth_method=method,
        provider=_provider(document, method),
        region=text(document, "region") or text(client, "region"),
        profile_arn=text(document, "profile_arn"),
        client_id=text(client, "client_id"),
        client_secret=Secret(text(client, "client_secret")),
        client_secret_expires_at=secret_until,
        token_endpoint=text(document, "token_endpoint"),
        issuer_url=text(document, "issuer_url"),
        scopes=_scopes(document),
    )


def _method(document: Members) -> AuthMethod:
    named = _METHODS.get(re.sub(r"[^a-z]", "", text(document, "auth_method").lower()))
    if named is not None:
        return named
    if text(document, "token_endpoint"):
        return "external_idp"
    if "expiry_date" in document:  # how Google's libraries write it
        return "google"
    signs = ("client_id_hash", "client_secret", "start_url")
    return "idc" if any(text(document, field) for field in signs) or "oauth_flow" in document else "social"


def _provider(document: Members, method: AuthMethod) -> str:
    named = text(document, "provider")
    builder = "builder" in text(document, "auth_method").lower()
    builder = builder or text(document, "start_url").rstrip("/") == _BUILDER_ID_START
    return named or ("BuilderId" if method == "idc" and builder else "")


def _scopes(document: Members) -> str:
    value = document.get("scopes", document.get("scope"))
    if isinstance(value, list):
        return " ".join(each for each in value if isinstance(each, str))
    return value if isinstance(value, str) else ""


def merge(data: bytes, old: Credential, new: Credential, snake: bool = False) -> bytes:
    """The document `data`, which held `old`, with what is different in `new`. All other members keep their bytes; a
    member is written in the spelling and the form it already has. Raises ValueError if `data` is no object."""
    try:
        raw = jsonio.members(data)
    except jsonio.JsonError:
        raise ValueError("it is not a JSON object") from None
    for field, value in _changes(old, new).items():
        present = [name for name in dict.fromkeys(NAMES[field]) if name in raw]
        for name in present or [NAMES[field][snake]]:
            raw[name] = jsonio.Raw(jsonio.encode(_formed(value, raw.get(name))))
    merged = jsonio.encode(raw)
    return msgspec.json.format(merged, indent=2) + b"\n" if b"\n" in data.strip() else merged


def _changes(old: Credential, new: Credential) -> dict[str, str | float]:
    out: dict[str, str | float] = {}
    if new.access_token != old.access_token:
        out["access_token"] = new.access_token.reveal()
    if new.refresh_token != old.refresh_token:
        out["refresh_token"] = new.refresh_token.reveal()
    if new.expires_at is not None and new.expires_at != old.expires_at:
        out["expires_at"] = new.expires_at
    if new.profile_arn and new.profile_arn != old.profile_arn:
        out["profile_arn"] = new.profile_arn
    return out


def _formed(value: str | float, before: jsonio.Raw | None) -> str | int:
    if isinstance(value, str):
        return value
    return format_expiry(value, None if before is None else jsonio.parse(bytes(before)))


def write_document(credential: Credential) -> dict[str, str | int]:
    """A whole token document in the Kiro app's form, for logins we own."""
    values = {
        "access_token": credential.access_token.reveal(),
        "refresh_token": credential.refresh_token.reveal(),
        "expires_at": _formed_or_empty(credential.expires_at),
        "auth_method": "IdC" if credential.auth_method == "idc" else credential.auth_method,
        "provider": credential.provider,
        "region": credential.region,
        "profile_arn": credential.profile_arn,
        "client_id": credential.client_id,
        "client_secret": credential.client_secret.reveal(),
        "client_secret_expires_at": _formed_or_empty(credential.client_secret_expires_at),
        "token_endpoint": credential.token_endpoint,
        "issuer_url": credential.issuer_url,
    }
    document: dict[str, str | int] = {NAMES[field][0]: value for field, value in values.items() if value}
    return document | ({"scopes": credential.scopes} if credential.scopes else {})


def _formed_or_empty(value: float | None) -> str | int:
    return "" if value is None else format_expiry(value)
