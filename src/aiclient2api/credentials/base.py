"""What every login offers, whatever it consists of, and how logins talk to the network."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import msgspec

from aiclient2api.http1.messages import Deadlines, Outbound
from aiclient2api.providers.base import Grant

Send = Callable[[Outbound, Deadlines], Awaitable[tuple[int, Mapping[str, str], bytes]]]
"""Sends one request; gives status, lower-case headers and the (bounded) body. Raises HttpError."""


class LoginStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a login without asking the network.

    `usable`: a call can be tried. `reason`: why not, and what to do; or what is noteworthy; "" if all is well.
    `problem`: the kind of that, without a word on where (credential_missing, login_dead, … as in credentials.troubles).
    `expires_at`: epoch seconds of the access token, None if unknown or never. `source`: where the login was found.
    """

    usable: bool
    reason: str = ""
    problem: str = ""
    expires_at: float | None = None
    source: str = ""
    account: str = ""
    method: str = ""
    region: str = ""
    profile: str = ""


class Login(Protocol):
    @property
    def id(self) -> str:
        """Stable and masked, for logs, answers and state: "kiro-1a2b3c"."""
        ...

    async def grant(self) -> Grant:
        """What to sign the next call with, refreshed if need be. Raises GatewayError of blame credential."""
        ...

    async def renew(self, rejected: Grant) -> Grant:
        """Another grant, after the upstream refused this one. Raises GatewayError if there is none."""
        ...

    async def check(self) -> LoginStatus:
        """Read the place of the login, without the network, and tell."""
        ...

    def status(self) -> LoginStatus:
        """As of the last grant, renewal or check."""
        ...

    async def close(self) -> None: ...
