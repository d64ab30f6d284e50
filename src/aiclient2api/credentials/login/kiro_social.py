"""Logging in to Kiro with a Google or GitHub account by device code. Experimental: the service's operations are not
documented, and may change.

The service registers nobody for this; it knows one public client, whose id is sent. Who we are stands in the
User-Agent, as everywhere. Leaves: a Credential that refreshes by itself.
"""

from functools import partial
from typing import Literal
from urllib.parse import urljoin

import msgspec

from aiclient2api.credentials import fields
from aiclient2api.credentials.credential import DEFAULT_REGION, Credential
from aiclient2api.credentials.login import device
from aiclient2api.credentials.login.device import NotYet, Prompt, Show
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

PUBLIC_CLIENT = "Kiro-CLI"
REFRESH_URL = "https://prod.us-east-1.auth.desktop.kiro.dev/refreshToken"

Provider = Literal["Google", "Github"]


class SocialLogin(msgspec.Struct, frozen=True, kw_only=True):
    """`refresh_url` is whole, as for refreshes, and replaces the service's own; its other operations lie beside it."""

    provider: Provider
    refresh_url: str | None = None

    def url(self, operation: str) -> str:
        return urljoin(self.refresh_url or REFRESH_URL, operation)


async def log_in(login: SocialLogin, means: Means, show: Show) -> Credential:
    """Raises LoginFailed."""
    body = {"clientId": PUBLIC_CLIENT, "loginProvider": login.provider}
    prompt, device_code = read_prompt(await call(means, post_json(login.url("oauth/device/authorization"), body)))
    show(prompt)
    request = post_json(login.url("oauth/device/poll"), {"deviceCode": device_code, "clientId": PUBLIC_CLIENT})

    def read(reply: Reply) -> Credential | NotYet:
        return read_token(login, reply, means.clock())

    return await device.poll(prompt, partial(device.ask, means, request, (device_code,), read), means)


def read_prompt(reply: Reply) -> tuple[Prompt, str]:
    """What to show, and the device code. Raises LoginFailed."""
    if not reply.good:
        raise refused(reply, "a code")
    members = reply.members
    device_code, user_code = members.get("deviceCode"), members.get("userCode")
    direct = page_url(members, "verificationUriComplete")
    url = page_url(members, "verificationUri") or direct
    if not url or not isinstance(device_code, str) or not isinstance(user_code, str) or not user_code.isprintable():
        raise LoginFailed("unreadable", "The service's answer holds no code and page to confirm it on.")
    prompt = Prompt(
        url=url,
        code=user_code[:32],
        direct=direct,
        lifetime=number(members, "expiresInMilliseconds", 300_000.0) / 1000,
        interval=number(members, "intervalInMilliseconds", device.DEFAULT_INTERVAL * 1000) / 1000,
    )
    return prompt, device_code


def read_token(login: SocialLogin, reply: Reply, now: float) -> Credential | NotYet:
    """Raises LoginFailed."""
    status = reply.members.get("status")
    word = status.lower() if isinstance(status, str) else ""
    states = (word, reply.code)
    if "authorization_pending" in states or word == "pending":
        return NotYet()
    if "slow_down" in states:
        return NotYet(slower=device.SLOW_DOWN)
    if "access_denied" in states or word == "denied":
        raise LoginFailed("denied", "The login was refused on the page.")
    if "expired_token" in states or word == "expired":
        raise LoginFailed("expired", device.over())
    if not reply.good:
        raise refused(reply, "a token")
    tokens = read_tokens(reply, now)
    return Credential(
        access_token=tokens.access,
        refresh_token=tokens.refresh,
        expires_at=tokens.expires_at,
        auth_method="social",
        provider=login.provider,
        region=DEFAULT_REGION,
        profile_arn=fields.text(reply.members, "profile_arn"),
    )
