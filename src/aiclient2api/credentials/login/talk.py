"""How a login talks to sign-in services: one call at a time, its answer read, secrets kept out of what is shown.

Enters: a request. Leaves: a Reply. A service that cannot be reached is LoginFailed("unreachable"); what a refusal means
is the flow's to say.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

import msgspec

from aiclient2api.credentials import fields
from aiclient2api.credentials.base import Send
from aiclient2api.credentials.refresh import USER_AGENT, retry_after
from aiclient2api.credentials.secret import Secret
from aiclient2api.http1.messages import Deadlines, HttpError, Outbound
from aiclient2api.wire import jsonio

Reason = Literal["denied", "expired", "wrong_region", "refused", "unreachable", "unreadable"]

DEFAULT_LIFETIME = 3600.0
_LONGEST_LIFETIME = 366 * 86400.0
_DEADLINES = Deadlines(connect=10.0, head=30.0, idle=30.0, total=45.0)
_DEADLINE = 50.0
_SHOWN = 300


class LoginFailed(Exception):
    """The login has not come about. The text says why and what to do; `reason` keeps the ways apart for programs.

    denied: the user or an administrator said no. expired: nobody confirmed in time. wrong_region: the service lives
    elsewhere. refused: the service will not have it. unreachable: no answer. unreadable: an answer without sense.
    """

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Means(NamedTuple):
    """What a flow needs of the world. `clock` gives epoch seconds."""

    send: Send
    clock: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """An answer. `members` are those of its JSON object ({} if it is none); `code` and `shape` are the error's names in
    OAuth's words and in the service's, in lower case; `message` is fit to be shown."""

    status: int
    members: fields.Members
    code: str = ""
    shape: str = ""
    message: str = ""
    retry_after: float | None = None

    @property
    def good(self) -> bool:
        return 200 <= self.status < 300 and bool(self.members)

    @property
    def passing(self) -> bool:
        """Whether the same question may be answered well later."""
        return self.status >= 500 or self.status == 429 or not self.members

    def names(self, *names: str) -> bool:
        """Whether the error has one of these names."""
        return self.code in names or self.shape in names

    @property
    def said(self) -> str:
        return f"HTTP {self.status}" + (f": {self.message}" if self.message else "")


async def call(means: Means, request: Outbound, secrets: Sequence[str] = ()) -> Reply:
    """Raises LoginFailed("unreachable"). `secrets` are texts that the answer may repeat and nobody may see."""
    try:
        async with asyncio.timeout(_DEADLINE):
            status, headers, body = await means.send(request, _DEADLINES)
    except (HttpError, OSError) as error:  # TimeoutError is an OSError
        why = _fit(str(error), secrets) or "no answer in time"
        raise LoginFailed("unreachable", f"{urlsplit(request.url).netloc} could not be reached ({why}).") from error
    return read_reply(status, headers, body, means.clock(), secrets)


def read_reply(status: int, headers: Mapping[str, str], body: bytes, now: float, secrets: Sequence[str] = ()) -> Reply:
    try:
        members = fields.members(body)
    except ValueError:  # a proxy's page, or nothing at all
        members = {}
    named = next((each for each in (members.get("error"), members.get("code")) if isinstance(each, str)), "")
    shape = headers.get("x-amzn-errortype", "") or _text(members.get("__type"))
    said = next(
        (text for name in ("error_description", "message", "Message") if (text := _text(members.get(name)))), ""
    )
    return Reply(
        status=status,
        members=members,
        code=_name(named),
        shape=_name(shape),
        message=_fit(said or named, secrets),
        retry_after=retry_after(headers, now),
    )


def refused(reply: Reply, asked: str) -> LoginFailed:
    """A refusal that has no meaning of its own to the flow; `asked` is what the service was asked for."""
    if reply.passing:
        return LoginFailed("unreachable", f"The service cannot give {asked} now ({reply.said}). Try again later.")
    return LoginFailed("refused", f"The service refuses {asked} ({reply.said}).")


def post_json(url: str, body: Mapping[str, object]) -> Outbound:
    return _post(url, "application/json", jsonio.encode(body))


def post_form(url: str, body: bytes) -> Outbound:
    return _post(url, "application/x-www-form-urlencoded", body)


def _post(url: str, kind: str, body: bytes) -> Outbound:
    headers = (("content-type", kind), ("accept", "application/json"), ("user-agent", USER_AGENT))
    return Outbound(method="POST", url=url, headers=headers, body=body)


def page_url(members: fields.Members, *names: str) -> str:
    """The first of these members that is a page to be opened, "" if none is. It goes to a terminal and to a browser, so
    it must be nothing but a plain web address."""
    for name in names:
        text = _text(members.get(name))
        if text.isascii() and text.isprintable() and " " not in text and _is_web_address(text):
            return text
    return ""


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def number(members: fields.Members, name: str, default: float) -> float:
    """A member that is a number over 0, else the default."""
    value = members.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return default
    return float(value) if 0 < value < 1e12 else default


class Tokens(NamedTuple):
    """What every service gives at the end of a login."""

    access: Secret
    refresh: Secret
    expires_at: float


def read_tokens(reply: Reply, now: float) -> Tokens:
    """Raises LoginFailed("unreadable") for an answer without both tokens."""
    access, refresh = fields.text(reply.members, "access_token"), fields.text(reply.members, "refresh_token")
    if not access or not refresh:
        what = "access token" if not access else "refresh token, so the login would end within the hour"
        raise LoginFailed("unreadable", f"The service's answer holds no {what}.")
    names = [name for name in ("expiresIn", "expires_in") if name in reply.members]
    lifetime = number(reply.members, names[0], DEFAULT_LIFETIME) if names else DEFAULT_LIFETIME
    return Tokens(Secret(access), Secret(refresh), now + min(lifetime, _LONGEST_LIFETIME))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _name(text: str) -> str:
    """An error's name without name space and details: `com.amazon#Shape:http://…` is `shape`."""
    return text.partition(":")[0].rpartition("#")[2].strip().lower()


def _fit(text: str, secrets: Sequence[str]) -> str:
    """For a terminal: no secrets, no control characters, not too long."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***") if secret else text
    return "".join(char if char.isprintable() else " " for char in text)[:_SHOWN].strip()
