"""What a login consists of, wherever it was found. Secret members print as ***."""

import hashlib
import re
from typing import Literal

import msgspec

from aiclient2api.credentials.secret import Secret
from aiclient2api.providers.base import Grant

AuthMethod = Literal["social", "idc", "external_idp", "api_key", "google"]

DEFAULT_REGION = "us-east-1"
_REGION = re.compile(r"[a-z]{2,8}(?:-[a-z]{2,12}){1,3}-\d{1,2}")
_TOKEN_TYPES = {"api_key": "API_KEY", "external_idp": "EXTERNAL_IDP"}
_NONE = Secret("")


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """One login: Kiro's of any kind, or Google's.

    `expires_at` and `client_secret_expires_at` are epoch seconds, None if unknown (an access token of unknown expiry
    counts as expired). `region` is where the login lives; where the API lives is told by `profile_arn`.
    """

    access_token: Secret = _NONE
    refresh_token: Secret = _NONE
    expires_at: float | None = None
    auth_method: AuthMethod = "social"
    provider: str = ""
    region: str = ""
    profile_arn: str = ""
    client_id: str = ""
    client_secret: Secret = _NONE
    client_secret_expires_at: float | None = None
    token_endpoint: str = ""
    issuer_url: str = ""
    scopes: str = ""

    @property
    def fingerprint(self) -> str:
        """Changes with every rotation of the tokens, tells nothing about them."""
        both = f"{self.access_token.reveal()}\0{self.refresh_token.reveal()}"
        return hashlib.sha256(both.encode("utf-8", "surrogatepass")).hexdigest()

    @property
    def account(self) -> str:
        """Stays the same over rotations of one login, as far as the login itself shows who it is."""
        parts = (self.auth_method, self.provider, self.region, self.client_id, self.issuer_url)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]

    @property
    def api_region(self) -> str:
        """Segment 4 of the profile's ARN; us-east-1 without one (an API key: its own region)."""
        if self.auth_method == "api_key":
            return safe_region(self.region)
        return safe_region(arn_region(self.profile_arn))

    def lasts(self, now: float, margin: float = 0.0) -> bool:
        """Whether the access token is still good `margin` seconds from `now`."""
        if not self.access_token:
            return False
        if self.auth_method == "api_key":
            return True
        return self.expires_at is not None and self.expires_at - now > margin

    def grant(self, region: str = "", profile: str = "") -> Grant:
        """What a call is signed with; `region` and `profile` win over the credential's own."""
        arn = profile or self.profile_arn
        where = safe_region(region or (arn_region(arn) if self.auth_method != "api_key" else self.region))
        return Grant(self.access_token.reveal(), _TOKEN_TYPES.get(self.auth_method, ""), where, arn)

    def redact(self, text: str) -> str:
        """`text`, which came from outside, without any secret of this login."""
        secrets = {each.reveal() for each in (self.access_token, self.refresh_token, self.client_secret)}
        for secret in sorted(secrets - {""}, key=len, reverse=True):
            text = text.replace(secret, "***")
        return text


def arn_region(arn: str) -> str:
    """The region of `arn:aws:codewhisperer:REGION:…`, or ""."""
    parts = arn.split(":")
    return parts[3] if len(parts) > 5 and parts[0] == "arn" else ""


def safe_region(region: str) -> str:
    """`region` if it may stand in a host name, else us-east-1: it comes out of a file and decides where tokens go."""
    return region if _REGION.fullmatch(region) else DEFAULT_REGION
