"""The state of the simulated upstreams: logins and tokens, ids, signatures, script, counters, recorded requests.

Nothing in it looks like a real secret: every one begins with "simulated-" and is made from the seed. The clock (epoch
seconds) and the seed are passed in.
"""

import base64
import hashlib
import hmac
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

import msgspec

from aiclient2api.simulator.memory import Memory
from aiclient2api.simulator.script import Script, Step

LoginKind = Literal["social", "idc", "external_idp", "api_key", "google"]
GOOGLE_SCOPES = "https://www.googleapis.com/auth/cloud-platform https://www.googleapis.com/auth/userinfo.email"
MAX_TOKENS = 4096
"""Access and refresh tokens remembered; the oldest are forgotten first."""


class Recorded(msgspec.Struct, frozen=True):
    """A request as it came; header names are in lower case."""

    method: str
    path: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Login:
    """An account's login. `refresh_token` is the one that is valid now; `profile` is an ARN, or the project of a
    Google login."""

    kind: LoginKind
    profile: str
    region: str
    refresh_token: str = ""
    client_id: str = ""
    client_secret: str = ""


@dataclass
class Token:
    """An access token; `expires_at` is epoch seconds, None for never."""

    login: Login
    expires_at: float | None


@dataclass
class Simulation:
    """See the module. `pace` are seconds between pieces of a stream, `rotate` says whether each refresh replaces the
    refresh token, `keep` how many requests are recorded. `refused_keys` are keys that the Anthropic, OpenAI
    and Gemini upstreams refuse; they take any other. With `any_model` Kiro answers to models that it does not list,
    so that a client may ask for whatever name it is set to.
    """

    seed: str
    clock: Callable[[], float]
    pace: float = 0.02
    steps: tuple[Step, ...] = ()
    rotate: bool = False
    token_seconds: int = 3600
    keep: int = 0
    any_model: bool = False
    refused_keys: set[str] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)
    """How often each operation was asked for, by name ("GenerateAssistantResponse", "refresh", "messages", …)."""

    def __post_init__(self) -> None:
        self.script = Script(self.steps)
        self.recorded: deque[Recorded] = deque(maxlen=self.keep)
        self.memory = Memory()
        self._tokens: dict[str, Token] = {}
        self._refresh: dict[str, Login] = {}
        self._made = 0

    # --- ids and secrets

    def made(self, prefix: str, length: int = 22) -> str:
        """A new id or secret: the prefix and `length` hexadecimal digits that follow from the seed."""
        self._made += 1
        return prefix + self._digest(f"{prefix}:{self._made}")[:length]

    def _digest(self, text: str) -> str:
        return hmac.new(self.seed.encode(), text.encode(), hashlib.sha256).hexdigest()

    def sign(self, thinking: str) -> str:
        """The signature of a thought; base64 as the vendors' are."""
        digest = hashlib.sha256(thinking.encode()).hexdigest()
        return base64.b64encode(f"{digest}.{self._digest('thinking:' + digest)}".encode()).decode()

    def signed(self, thinking: str, signature: str) -> bool:
        """Whether this simulation signed this thought; with an empty thought, whether it made the signature at all."""
        try:
            digest, _, proof = base64.b64decode(signature, validate=True).decode().partition(".")
        except ValueError:
            return False
        if not hmac.compare_digest(proof.encode(), self._digest("thinking:" + digest).encode()):
            return False
        return not thinking or hashlib.sha256(thinking.encode()).hexdigest() == digest

    def seal(self, kind: str, about: str) -> str:
        """Opaque state of this kind (encrypted reasoning, a thought's signature on a call); base64."""
        digest = hashlib.sha256(about.encode()).hexdigest()[:32]
        return base64.b64encode(f"{kind}.{digest}.{self._digest(f'{kind}:{digest}')}".encode()).decode()

    def sealed(self, kind: str, text: str) -> bool:
        """Whether this simulation made that opaque state, and of this kind."""
        try:
            made, _, rest = base64.b64decode(text, validate=True).decode().partition(".")
        except ValueError:
            return False
        digest, _, proof = rest.partition(".")
        return made == kind and hmac.compare_digest(proof.encode(), self._digest(f"{kind}:{digest}").encode())

    # --- logins

    def login(self, kind: LoginKind = "social", region: str = "us-east-1") -> Login:
        """A new account."""
        profile = self.made("simulated-project-", 6) if kind == "google" else self._profile(region)
        if kind == "api_key":
            return Login(kind, profile, region)
        login = Login(kind, profile, region, refresh_token=self.made("simulated-refresh-"))
        if kind in ("idc", "external_idp", "google"):
            login.client_id = self.made("simulated-client-")
        if kind in ("idc", "google"):
            login.client_secret = self.made("simulated-secret-")
        self._remember_refresh(login)
        return login

    def _profile(self, region: str) -> str:
        name = self.made("", 12).upper()
        return f"arn:aws:codewhisperer:{region}:000000000000:profile/{name}"

    def credential(self, kind: LoginKind = "social", region: str = "us-east-1") -> dict[str, str]:
        """Kiro's token file of a new account, ready to use (kinds: all but "api_key" and "google").

        An IdC file carries clientId and clientSecret itself; an external one has a tokenEndpoint to be filled in.
        """
        login = self.login(kind, region)
        token = self.issue(login)
        expires_at = self._tokens[token].expires_at or 0.0
        stamp = datetime.fromtimestamp(expires_at, UTC).isoformat(timespec="milliseconds")
        file = {
            "accessToken": token,
            "refreshToken": login.refresh_token,
            "expiresAt": stamp.replace("+00:00", "Z"),
            "authMethod": {"idc": "IdC"}.get(kind, kind),
            "region": region,
            "profileArn": login.profile,
        }
        extra = {"clientId": login.client_id, "clientSecret": login.client_secret}
        return file | {name: value for name, value in extra.items() if value}

    def google_credential(self) -> dict[str, str | int]:
        """The file `oauth_creds.json` of a new account, ready to use; it also names the client, as Google's own
        credential files do."""
        login = self.login("google")
        token = self.issue(login)
        return {
            "access_token": token,
            "refresh_token": login.refresh_token,
            "scope": GOOGLE_SCOPES,
            "token_type": "Bearer",
            "expiry_date": int((self._tokens[token].expires_at or 0.0) * 1000),
            "client_id": login.client_id,
            "client_secret": login.client_secret,
        }

    def api_key(self) -> str:
        """A new key for Kiro; it never expires."""
        return self.issue(self.login("api_key"))

    def issue(self, login: Login) -> str:
        """A new access token for the login."""
        token = self.made("simulated-key-" if login.kind == "api_key" else "simulated-access-")
        expires_at = None if login.kind == "api_key" else self.clock() + self.token_seconds
        self._tokens[token] = Token(login, expires_at)
        _trim(self._tokens)
        return token

    def token(self, text: str) -> Token | None:
        """The access token, expired or not; None if this simulation never issued it (or has forgotten it)."""
        return self._tokens.get(text)

    def expired(self, token: Token) -> bool:
        return token.expires_at is not None and token.expires_at <= self.clock()

    def expire_tokens(self) -> None:
        """Let all access tokens that can expire be expired."""
        for token in self._tokens.values():
            if token.expires_at is not None:
                token.expires_at = self.clock()

    def revoke(self, text: str) -> None:
        """Forget an access or refresh token."""
        self._tokens.pop(text, None)
        self._refresh.pop(text, None)

    def holder(self, refresh_token: str) -> Login | None:
        """The login whose refresh token this is or was; compare its `refresh_token` to know whether it still is."""
        return self._refresh.get(refresh_token)

    def rotated(self, login: Login) -> bool:
        """Replace the login's refresh token, if that is so set; whether it was replaced."""
        if self.rotate:
            login.refresh_token = self.made("simulated-refresh-")
            self._remember_refresh(login)
        return self.rotate

    def _remember_refresh(self, login: Login) -> None:
        self._refresh[login.refresh_token] = login
        _trim(self._refresh)


def _trim(table: dict[str, Token] | dict[str, Login]) -> None:
    if len(table) > MAX_TOKENS:
        table.pop(next(iter(table)))
