"""Logging in to Kiro with a Builder ID or an Identity Center account: AWS SSO-OIDC's device authorization.

Three steps: register as a client (under our own name, kept and used again), ask for a code, poll for the token while
the user confirms the code on the service's page. Leaves: a Credential that refreshes by itself. Nothing is written but
the registration.
"""

import asyncio
import re
from collections.abc import Callable
from functools import partial
from urllib.parse import urljoin, urlsplit

import msgspec

from aiclient2api.credentials import fields
from aiclient2api.credentials.credential import DEFAULT_REGION, Credential, safe_region
from aiclient2api.credentials.login import device
from aiclient2api.credentials.login.device import NotYet, Prompt, Show
from aiclient2api.credentials.login.registration import Registration, Registrations, read_registration
from aiclient2api.credentials.login.talk import (
    LoginFailed,
    Means,
    Reply,
    call,
    number,
    page_url,
    post_json,
    read_tokens,
    refused,
)
from aiclient2api.http1.messages import Outbound

CLIENT_NAME = "aiclient2api"
SCOPES = ("codewhisperer:completions", "codewhisperer:analysis", "codewhisperer:conversations")
BUILDER_ID_START = "https://view.awsapps.com/start"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


class DeviceLogin(msgspec.Struct, frozen=True, kw_only=True):
    """Whose login: a Builder ID unless `start_url` names an Identity Center, which lives in `region`. `token_url` is
    whole, as for refreshes, and replaces the service's own; its other operations lie beside it."""

    start_url: str = BUILDER_ID_START
    region: str = DEFAULT_REGION
    token_url: str | None = None

    @property
    def builder_id(self) -> bool:
        return self.start_url == BUILDER_ID_START

    @property
    def service(self) -> str:
        return self.token_url or f"https://oidc.{safe_region(self.region)}.amazonaws.com/token"

    def url(self, operation: str) -> str:
        return urljoin(self.service, operation)


def plain_start_url(text: str) -> str:
    """A start URL as the service wants it; people copy it out of a browser, with what stands behind it. Raises
    ValueError."""
    url = text.strip().partition("#")[0].partition("?")[0].rstrip("/")
    if not url.isascii() or not url.isprintable() or " " in url or not _is_https(url):
        raise ValueError(f"{text!r} is no start URL; it looks like https://d-0123456789.awsapps.com/start.")
    return url


def _is_https(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "https" and bool(parts.hostname) and parts.username is None


async def log_in(login: DeviceLogin, means: Means, registrations: Registrations, show: Show) -> Credential:
    """Raises LoginFailed."""
    registration, reply = await _authorize(login, means, registrations)
    prompt, device_code = read_prompt(login, reply)
    show(prompt)
    request = token_request(login, registration, device_code)
    secrets = (registration.client_secret.reveal(), device_code)

    def read(reply: Reply) -> Credential | NotYet:
        return read_token(login, registration, reply, means.clock())

    return await device.poll(prompt, partial(device.ask, means, request, secrets, read), means)


async def _authorize(login: DeviceLogin, means: Means, registrations: Registrations) -> tuple[Registration, Reply]:
    """A registration, and the answer to the request for a code. One that was kept and is not known any more is
    replaced."""
    kept = await asyncio.to_thread(registrations.load, login.service, SCOPES, means.clock())
    if kept is not None:
        reply = await _ask_for_code(login, means, kept)
        if not reply.names("invalid_client", "invalidclientexception", "expiredclientexception"):
            return kept, reply
        await asyncio.to_thread(registrations.forget, login.service, SCOPES)
    registration = await _register(login, means)
    await asyncio.to_thread(registrations.save, login.service, SCOPES, registration)
    return registration, await _ask_for_code(login, means, registration)


async def _register(login: DeviceLogin, means: Means) -> Registration:
    body = {"clientName": CLIENT_NAME, "clientType": "public", "scopes": list(SCOPES)}
    reply = await call(means, post_json(login.url("client/register"), body))
    if not reply.good:
        raise refusal(login, reply, "a registration")
    registration = read_registration(reply.members)
    if registration is None:
        raise LoginFailed("unreadable", "The service's answer to the registration holds no client.")
    return registration


async def _ask_for_code(login: DeviceLogin, means: Means, registration: Registration) -> Reply:
    secret = registration.client_secret.reveal()
    body = {"clientId": registration.client_id, "clientSecret": secret, "startUrl": login.start_url}
    return await call(means, post_json(login.url("device_authorization"), body), (secret,))


def read_prompt(login: DeviceLogin, reply: Reply) -> tuple[Prompt, str]:
    """What to show, and the device code. Raises LoginFailed."""
    if not reply.good:
        raise refusal(login, reply, "a code")
    members = reply.members
    device_code, user_code = members.get("deviceCode"), members.get("userCode")
    url = page_url(members, "verificationUri", "verificationUriComplete")
    if not url or not isinstance(device_code, str) or not isinstance(user_code, str) or not _is_code(user_code):
        raise LoginFailed("unreadable", "The service's answer holds no code and page to confirm it on.")
    prompt = Prompt(
        url=url,
        code=user_code,
        direct=page_url(members, "verificationUriComplete"),
        lifetime=number(members, "expiresIn", 600.0),
        interval=number(members, "interval", device.DEFAULT_INTERVAL),
    )
    return prompt, device_code


_is_code: Callable[[str], object] = re.compile(r"[A-Za-z0-9-]{4,32}").fullmatch


def token_request(login: DeviceLogin, registration: Registration, device_code: str) -> Outbound:
    body = {
        "clientId": registration.client_id,
        "clientSecret": registration.client_secret.reveal(),
        "deviceCode": device_code,
        "grantType": DEVICE_GRANT,
    }
    return post_json(login.service, body)


def read_token(login: DeviceLogin, registration: Registration, reply: Reply, now: float) -> Credential | NotYet:
    """Raises LoginFailed."""
    if reply.names("authorization_pending", "authorizationpendingexception"):
        return NotYet()
    if not reply.good:
        raise refusal(login, reply, "a token")
    tokens = read_tokens(reply, now)
    return Credential(
        access_token=tokens.access,
        refresh_token=tokens.refresh,
        expires_at=tokens.expires_at,
        auth_method="idc",
        provider="BuilderId" if login.builder_id else "Enterprise",
        region=safe_region(login.region),
        client_id=registration.client_id,
        client_secret=registration.client_secret,
        client_secret_expires_at=registration.expires_at,
    )


def refusal(login: DeviceLogin, reply: Reply, asked: str) -> LoginFailed:
    """What a refusal means, in words for the user."""
    if reply.names("access_denied", "accessdeniedexception"):
        return LoginFailed("denied", f"The login was refused on the page, or by an administrator ({reply.said}).")
    if reply.names("expired_token", "expiredtokenexception"):
        return LoginFailed("expired", device.over())
    if reply.names("invalidrequestregionexception"):
        return LoginFailed("wrong_region", _elsewhere(login, reply))
    if asked == "a code" and reply.names("invalid_request", "invalidrequestexception") and not login.builder_id:
        where = f"{login.start_url} in {login.region} ({reply.said})"
        hint = "The start URL is that of your organisation's access portal, --region is where its Identity Center is."
        return LoginFailed("wrong_region", f"The service does not know {where}. Check both. {hint}")
    return refused(reply, asked)


def _elsewhere(login: DeviceLogin, reply: Reply) -> str:
    """The service may say where the Identity Center is; what it says is repeated only if it is a region's name."""
    region = fields.text(reply.members, "region")
    known = region and region == safe_region(region)
    hint = f"Run the login again with --region {region}." if known else "Run it again with --region and the right one."
    return f"{login.start_url} is not in {login.region} ({reply.said}). {hint}"
